"""The algebra of the price: k^2 is at most the mass of each of the two quadrants, a and b the product law's halves."""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal

k, a, b, t_g, distance, total = sp.symbols("k a b t_g distance total", nonnegative=True)
same, other, a_2, b_2 = sp.symbols("same other a_2 b_2", real=True)
half = sp.Rational(1, 2)
BOTH, BELOW = a * b + (1 - a) * (1 - b), (1 - a) * (1 - b)
SIZES = (at_most(a, 1), at_most(b, 1), at_most(k, 1), at_least(k, half))

ALGEBRA: Algebra = {
    "Q": (
        AlgebraicClaim(
            "the four masses",
            equal(2 * same + 2 * other, 1),
            (equal(same, k**2), equal(other, half - k**2)),
            ("orthant probability",),
        ),
    ),
    "P": (
        AlgebraicClaim("a + b >= 2k", at_least(k**2 - BELOW, 2 * k - 1), (*SIZES, at_least(a + b, 2 * k))),
        AlgebraicClaim(
            "1 <= a + b < 2k", at_least(2 * k**2 - BOTH, 2 * k - 1), (*SIZES, at_least(a + b, 1), below(a + b, 2 * k))
        ),
        AlgebraicClaim(
            "symmetry", equal(a_2 * b_2 + (1 - a_2) * (1 - b_2), BOTH), (equal(a_2, 1 - a), equal(b_2, 1 - b))
        ),
        AlgebraicClaim("attained", equal(k**2 - (1 - k) ** 2, 2 * k - 1)),
        AlgebraicClaim("the other cells are not below", at_least(k * (1 - k), half - k**2), SIZES),
    ),
    "F": (
        AlgebraicClaim(
            "triangle", at_least(distance, 2 * k - 1 - t_g), (at_least(distance + t_g, 2 * k - 1),), ("union bound",)
        ),
    ),
}
"""By the step's label."""
