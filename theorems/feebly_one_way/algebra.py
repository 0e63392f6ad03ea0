"""The algebra of the feebly one-way family, for all values of the parameters.

g = gates of a cone, r = gates of a circuit, v_j = an entry of v, delta = an entry of I, over the integers; s, t,
u = gates of the chains (or sums to the end), of the sum over the blocks, and of adding it.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, equal
from theorems.feebly_one_way.statement import FORWARD, LOWER, UPPER, a, b, c, h, k, m, n

g, r, delta, v = sp.symbols("g r delta v", nonnegative=True)
s, t, u = sp.symbols("s t u", nonnegative=True)

ALGEBRA: Algebra = {
    "G": (AlgebraicClaim("cone", at_least(g, k - 1), (at_least(2 * g, g - 1 + k),)),),
    "M": (
        AlgebraicClaim("outputs", at_least(r, k + m - 2), (at_least(r, g + m - 1), at_least(g, k - 1))),
    ),
    "I": (
        # Over the integers an entry of the product exceeds that of I by an even number.
        AlgebraicClaim("an even excess", equal(delta + v + v + c * v, delta + 2 * (1 + h) * v), (equal(c, 2 * h),)),
    ),
    "U": (
        AlgebraicClaim("forward", equal(s + t + u, FORWARD), (equal(s, n - c), equal(t, c - 1), equal(u, c))),
        AlgebraicClaim("backward", equal(s + t + u, UPPER), (equal(s, n - c), equal(t, c - 1), equal(u, n))),
    ),
    "L": (
        AlgebraicClaim("inverse", at_least(r, LOWER), (at_least(r, k + m - 2), at_least(k, n - b), at_least(m, n))),
        AlgebraicClaim("two ones", at_least(c * a + b - a - b, 2), (equal(c, 2 * h), at_least(h, 1), at_least(a, 2))),
        AlgebraicClaim("gap", equal(r - g, n - b - c - 1), (equal(r, LOWER), equal(g, FORWARD))),
        AlgebraicClaim("ratio", equal(LOWER / FORWARD, 2 - (b + 2 * c) / FORWARD)),
        AlgebraicClaim(
            "ratio of equal blocks",
            at_least((2 * (4 * h**2) - 2 * h - 2) / (4 * h**2 + 2 * h - 1), 2 - 3 / (2 * h)),
            (at_least(h, 1),),
        ),
        AlgebraicClaim("at most 2", at_most(LOWER, 2 * FORWARD)),
    ),
}  # fmt: skip
"""By the step's label."""
