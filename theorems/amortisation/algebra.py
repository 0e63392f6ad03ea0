"""The algebra of the slope: gap = v.(c - c'), one and two = v.(mu - c) and v.(mu' - c'), u = v.(mu - mu')."""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, equal

gap, one, two, u = sp.symbols("gap one two u", real=True)
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
        AlgebraicClaim("along v", equal(gap + one - two, (gap + one) - two)),
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
