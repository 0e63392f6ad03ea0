"""The algebra of two groups: dz = |z-z'|, dn = |xi-xi'|, a and b the model's masses, i1 = I_s(p1), i2 = I_s(p2)."""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most
from certify.symbolic.generic import minimum
from theorems.model import beta
from theorems.modes.statement import M, p1, p2

dz, dn, a, b, t, i1, i2, lam = sp.symbols("dz dn a b t i1 i2 lam", nonnegative=True)

ALGEBRA: Algebra = {
    "V": (
        AlgebraicClaim(
            "slope of the sum",
            at_most((M * dz + beta * dn) ** 2, (M**2 + beta**2) * (dz**2 + dn**2)),
            (),
            ("Cauchy-Schwarz",),
        ),
    ),
    "O": (
        # a >= p1: b <= I_s(a) <= I_s(p1).
        AlgebraicClaim("a above p1", at_least(t, p2 - i1), (at_least(t, p2 - b), at_most(b, i1)),
                       ("Gaussian isoperimetry",)),
        # a <= I_s(p2).
        AlgebraicClaim("a below the other end", at_least(t, p1 - i2), (at_least(t, p1 - a), at_most(a, i2))),
        # Between them I_s is convex: below the chord from (I_s(p2), p2) to (p1, I_s(p1)).
        AlgebraicClaim(
            "a between",
            at_least(t, minimum(p2 - i1, p1 - i2)),
            (
                at_least(t, p1 + p2 - a - b), at_most(b, lam * p2 + (1 - lam) * i1), at_most(lam, 1),
                at_most(a, lam * i2 + (1 - lam) * p1),
            ),
        ),
    ),
}  # fmt: skip
"""By the step's label."""
