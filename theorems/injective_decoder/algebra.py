"""The algebra of the injective-decoder theorem: its own start and residual, and that of Theorem 1*.

F = Phi(c_k) - Phi(zh), low = m^2 - M2 r0, high = M^2 + M2 r0; slope = |J^T r|, along the descent of Phi = |r|^2/2.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from theorems.model import M2, M, beta, d, m, n
from theorems.sharp_langevin.algebra import ALGEBRA as SHARP

F, F_next, slope, r0, dist, jj, bend, z_norm, xi_norm, res, noise = sp.symbols(
    "F F_next slope r0 dist jj bend z_norm xi_norm res noise", nonnegative=True
)

ALGEBRA: Algebra = {
    "i": (
        AlgebraicClaim(
            "convexity on the sublevel set",
            at_least(jj - bend, m**2 - M2 * r0),
            (at_least(jj, m**2), at_most(bend, M2 * r0)),
            ("Cauchy-Schwarz",),
        ),
        AlgebraicClaim(
            "one step",
            at_most(F_next, (1 - (m**2 - M2 * r0) / (M**2 + M2 * r0)) * F),
            (at_most(F_next, F - slope**2 / (2 * (M**2 + M2 * r0))), at_least(slope**2, 2 * (m**2 - M2 * r0) * F),
             below(M2 * r0, m**2)),
            ("descent lemma",),
        ),
        AlgebraicClaim(
            "distance",
            at_most(dist**2, 2 * F / (m**2 - M2 * r0)),
            (at_least(F, (m**2 - M2 * r0) * dist**2 / 2), below(M2 * r0, m**2)),
        ),
    ),
    "ii": (
        # f(z*) <= f(z) at the z that x came from: |r(z*)|^2 <= beta^2 (|z|^2 + |xi|^2).
        AlgebraicClaim(
            "residual",
            at_most(res**2, beta**2 * (z_norm**2 + xi_norm**2)),
            (at_most(res**2 / (2 * beta**2), z_norm**2 / 2 + xi_norm**2 / 2),),
            ("Gaussian concentration", "mean of chi"),
        ),
        AlgebraicClaim("dimensions", equal(noise**2, beta**2 * (n + d)), (equal(noise, beta * sp.sqrt(n + d)),)),
    ),
    **SHARP,
}  # fmt: skip
"""By the step's label."""
