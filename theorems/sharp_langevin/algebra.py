"""The algebra of Theorem 1*, for all values of the parameters.

Lengths: D = |Delta|, rise = 2(f(z+Delta) - f(z) - <grad f(z), Delta>); jd = |G(z+Delta)-G(z)|; cross = <r, second-order
remainder>; y a point in units of the factor, r its length, lam an eigenvalue of Hess F.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from theorems.model import M2, M, beta, d, m
from theorems.sharp_langevin.statement import (
    K0,
    K,
    Q,
    curvature_at,
    distance_from_identity,
    e,
    eta,
    h0,
    k,
    mu,
    om,
    p,
    phi,
    q,
    r,
    r0,
    s,
    s0,
    stiffness_at,
    tau0,
    v0,
    w0,
    whitened_curvature,
)

D, jd, dist, gap, low, high = sp.symbols("D jd dist gap low high", nonnegative=True)
rise, cross, lam, shrunk = sp.symbols("rise cross lam shrunk", real=True)
total, part_1, part_2, part_3, kl, kick, shell = sp.symbols(
    "total part_1 part_2 part_3 kl kick shell", nonnegative=True
)

ALGEBRA: Algebra = {
    "A": (
        # rise = D^2 + (|G(z+Delta)-G(z)|^2 + 2 <r, remainder>)/beta^2, |remainder| <= M2 D^2/2.
        AlgebraicClaim(
            "lower",
            at_least(rise, curvature_at(r0) * D**2),
            (equal(rise, D**2 + (jd**2 + 2 * cross) / beta**2), at_least(jd, m * D),
             at_least(cross, -M2 * r0 * D**2 / 2)),
            ("Cauchy-Schwarz",),
        ),
        AlgebraicClaim(
            "upper",
            at_most(rise, stiffness_at(r0) * D**2),
            (equal(rise, D**2 + (jd**2 + 2 * cross) / beta**2), at_most(jd, M * D), at_most(cross, M2 * r0 * D**2 / 2)),
            ("Cauchy-Schwarz",),
        ),
    ),
    "A1-A5": (
        # f(z) >= f(z*) >= f(z) - s D + low D^2/2 with low = mu(z) > 0.
        AlgebraicClaim(
            "distance",
            at_most(dist, 2 * s0 / low),
            (at_most(0, -(-s0 * dist + low * dist**2 / 2)), below(0, low)),
        ),
        AlgebraicClaim(
            "gap",
            at_most(gap, s0**2 / (2 * low)),
            (at_most(gap, s0 * dist - low * dist**2 / 2), below(0, low)),
        ),
        # Every critical point has beta^2 |z| >= m |r|, |r| <= beta^2 rho m/(m^2 - beta^2), so mu(z) > 0 there.
        AlgebraicClaim(
            "unimodal",
            below(0, curvature_at(r0)),
            (at_most(r0 * (m**2 - beta**2), beta**2 * dist * m), below(beta, m),
             below(beta**2 * dist * m * M2, m**4 - beta**4), at_least(dist, 0)),
            ("operator norm",),
        ),
    ),
    "A3": (
        AlgebraicClaim(
            "square",
            equal(low * D**2 / 2 - s0 * D, low / 2 * (D - s0 / low) ** 2 - s0**2 / (2 * low)),
            (below(0, low),),
            ("Gaussian integral",),
        ),
        AlgebraicClaim(
            "prefactor is at least 1", at_least(1 / low - 1 / high, 0), (below(0, low), at_least(high, low))
        ),
    ),
    "C": (
        # |A^{-1/2}(J(y)-J)| <= e r in units of beta, cross terms twice, the residual's curvature; without defect.
        AlgebraicClaim(
            "distance from identity",
            at_most(2 * e * r + e**2 * r**2 + p + e * (r + e * r**2 / 2), distance_from_identity(r)),
            (at_least(om, 0), below(om, 1)),
            ("operator norm",),
        ),
        AlgebraicClaim(
            "curvature is at most 1", at_most(whitened_curvature(r), 1), (at_most(phi, 1), at_least(om, 0)),
        ),
    ),
    "E": (
        # F(y) = F(0) + <grad F(0), y> + int (1-t) y^T Hess F(ty) y dt between radial bounds.
        AlgebraicClaim(
            "slope",
            at_most(sp.Abs(cross), gap * r),
            (at_most(sp.Abs(cross), gap * D), at_most(D, r)),
            ("Cauchy-Schwarz",),
        ),
    ),
    "S7d+": (
        AlgebraicClaim(
            "exit grows with time",
            at_most(sp.E * (1 + tau0 / w0**2) * shell, sp.E * (1 + (tau0 + D) / w0**2) * shell),
            (below(0, w0),),
        ),
    ),
    "S7e+": (
        # KL per layer is a quarter of the drift's change, d Q-moment h^2 each; n layers, Pinsker.
        AlgebraicClaim(
            "Pinsker over layers",
            at_most(total, Q * eta * sp.sqrt((K - K0) / 8)),
            (at_most(total, sp.sqrt(kl / 2)), at_most(kl, (K - K0) * Q**2 * eta**2 / 4), at_least(K, K0)),
            ("Girsanov", "Pinsker"),
        ),
        AlgebraicClaim("one layer", at_most(kl, part_1 * h0**2 / 4),
                       (at_most(kl, part_2 / 4), at_most(part_2, part_1 * h0**2))),
    ),
    "W": (
        # Eigenvalues of (1 - s) I - s (Hess F - I) = I - s Hess F lie in [-(1 - s mu), 1 - s mu].
        AlgebraicClaim(
            "contraction",
            at_most(sp.Abs(1 - s * lam), 1 - s * mu),
            (at_least(lam, mu), at_most(lam, 1 + q), at_most(s * (1 + q + mu), 2), at_least(s, 0)),
            ("projection",),
        ),
        AlgebraicClaim("shrinkage", equal(1 - shrunk, sp.exp(-eta)), (equal(shrunk, 1 - sp.exp(-eta)),)),
        AlgebraicClaim("shrinkage is positive", below(0, 1 - sp.exp(-eta)), (below(0, eta),)),
        AlgebraicClaim("shrinkage is at most the time", at_most(1 - sp.exp(-eta), eta)),
    ),
    "S7f+": (
        # sum_{j<n} rho^{2j} = (1 - rho^{2n})/(1 - rho^2), by induction over n.
        AlgebraicClaim(
            "geometric sum",
            equal((1 - part_1**2) / (1 - part_2**2) + part_1**2, (1 - part_1**2 * part_2**2) / (1 - part_2**2)),
            (below(part_2, 1),),
        ),
        AlgebraicClaim(
            "shift",
            at_most(v0 * part_1 / sp.sqrt(2 * sp.pi * part_3), (v0 + D) * part_1 / sp.sqrt(2 * sp.pi * part_3)),
            (below(0, part_3),),
            ("Gaussian shift",),
        ),
    ),
    "1*": (
        AlgebraicClaim(
            "total",
            at_most(total, part_1 + part_2 + part_3),
            (at_most(total, part_1 + (1 - part_1) * (part_2 + part_3)), at_most(part_1, 1)),
            ("union bound", "coupling"),
        ),
        AlgebraicClaim("layers add up", equal(Q**2 * eta**2 / 8 * k + Q**2 * eta**2 / 8, Q**2 * eta**2 / 8 * (k + 1))),
        AlgebraicClaim("dimension", at_least(d, 1)),
    ),
}  # fmt: skip
"""By the step's label."""
