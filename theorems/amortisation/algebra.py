"""The algebra of the slope: gap = v.(c - c'), one and two = v.(mu - c) and v.(mu' - c'), u = v.(mu - mu');
mean and centre are v.mu and v.c, and so are mean_2 and centre_2 at the other observation.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, equal

gap, one, two, u, mean, mean_2, centre, centre_2 = sp.symbols("gap one two u mean mean_2 centre centre_2", real=True)
moved, lip, dx, first, second, delta, mass, tau = sp.symbols(
    "moved lip dx first second delta mass tau", nonnegative=True
)
half = sp.Rational(1, 2)

ALGEBRA: Algebra = {
    "Q": (
        AlgebraicClaim(
            "half the mass", at_least(mass, half - tau), (at_least(mass + tau, half),), ("union bound",)
        ),
    ),
    "S": (
        AlgebraicClaim(
            "along v",
            equal(u, gap + one - two),
            (equal(gap, centre - centre_2), equal(one, mean - centre), equal(two, mean_2 - centre_2),
             equal(u, mean - mean_2)),
        ),
        AlgebraicClaim(
            "slope",
            at_least(lip * dx, gap - first - second),
            (
                at_least(lip * dx, moved), at_least(moved, u), equal(u, gap + one - two), at_least(one, -first),
                at_most(two, second),
            ),
            ("Cauchy-Schwarz",),
        ),
        AlgebraicClaim(
            "points",
            at_least(lip * dx, gap - 2 * delta),
            (at_least(lip * dx, moved), at_least(moved, gap - first - second), at_most(first, delta),
             at_most(second, delta)),
        ),
    ),
}  # fmt: skip
"""By the step's label."""
