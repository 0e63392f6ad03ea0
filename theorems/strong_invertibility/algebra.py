"""The algebra of Theorem 1: every step between its leaves and its bound, for all values of the parameters.

Names of lengths: r = |G(z)-x|, y = |z-zh|, v = |z*|, dist = |z*-zh|; uu, jj, rh as in S1. A premise is a leaf applied
to them, or an assumption of the theorem.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from theorems.model import M2, M, beta, d, epsilon, m
from theorems.strong_invertibility.statement import (
    R0,
    R_D,
    K,
    L,
    L_Phi,
    Lam,
    R,
    a,
    b,
    curvature_lower,
    curvature_upper,
    delta0,
    delta1,
    eta,
    jj,
    k,
    mu,
    path_divergence,
    rh,
    rho,
    stationary_divergence,
    t0,
    uu,
)

r, y, v, dist = sp.symbols("r y v dist", nonnegative=True)
phi, phi_next, slope, kl, kl_step, mean, square = sp.symbols(
    "phi phi_next slope kl kl_step mean square", nonnegative=True
)
lam, s2, w, xi, total, part_1, part_2, part_3 = sp.symbols("lam s2 w xi total part_1 part_2 part_3", real=True)
pull, flux, rate, integral, one = sp.symbols("pull flux rate integral one", real=True)

_CONTRACTED = at_least(rh, -M2 * r)
_CONTRACTED_ABOVE = at_most(rh, M2 * r)

ALGEBRA: Algebra = {
    "S2": (
        AlgebraicClaim(
            "lower",
            at_least(uu + (jj + rh) / beta**2, curvature_lower(R0)),
            (equal(uu, 1), at_least(jj, m**2), _CONTRACTED, at_most(r, M * R0)),
            ("Cauchy-Schwarz", "operator norm"),
        ),
        AlgebraicClaim(
            "upper",
            at_most(uu + (jj + rh) / beta**2, curvature_upper(R0)),
            (equal(uu, 1), at_most(jj, M**2), _CONTRACTED_ABOVE, at_most(r, M * R0)),
            ("Cauchy-Schwarz", "operator norm"),
        ),
        AlgebraicClaim("convex", below(0, curvature_lower(R)), (below(R * M * M2, m**2),)),
    ),
    "S3": (
        # f(z*) <= f(zh), where the residual of zh vanishes.
        AlgebraicClaim("mode norm", at_most(v, rho), (at_most(v**2 / 2 + r**2 / (2 * beta**2), rho**2 / 2),)),
        # Stationarity: beta^2 |z*| = |J^T (G(z*)-x)| >= m |G(z*)-x| >= m^2 |z*-zh|.
        AlgebraicClaim(
            "mode distance",
            at_most(dist, beta**2 * rho / m**2),
            (at_least(beta**2 * v, m * r), at_least(r, m * dist), at_most(v, rho)),
            ("operator norm",),
        ),
        AlgebraicClaim(
            "critical points",
            at_most(dist, beta**2 * rho / (m**2 - beta**2)),
            (at_least(beta**2 * v, m * r), at_least(r, m * dist), at_most(v, rho + dist), below(beta, m)),
            ("operator norm",),
        ),
    ),
    "S4": (
        # Numerator: |z|^2/2 + a|z-zh|^2/2 along the line through 0 and zh, completed to a square.
        AlgebraicClaim(
            "square",
            equal(xi**2 + a * (xi - rho) ** 2, (1 + a) * (xi - a * rho / (1 + a)) ** 2 + a / (1 + a) * rho**2),
            (),
            ("Gaussian integral",),
        ),
        AlgebraicClaim(
            "threshold",
            equal(sp.sqrt(1 + a) * (R0 - (rho - a * rho / (1 + a))), sp.sqrt(1 + a) * R0 - rho / sp.sqrt(1 + a)),
        ),
        AlgebraicClaim("prefactor is at least 1", at_least(b / (1 + b) - a / (1 + a), 0), (at_least(b, a),)),
        AlgebraicClaim("b is at least a", at_least(M**2 / beta**2, m**2 / beta**2), (at_least(M, m),)),
    ),
    "S5": (
        # |zh| <= |z| + (beta/m)|xi|: Lipschitz in (z, xi) with sqrt(1 + beta^2/m^2), and of mean (1 + beta/m) sqrt(d).
        AlgebraicClaim(
            "Lipschitz",
            at_most((y + beta / m * v) ** 2, (1 + beta**2 / m**2) * (y**2 + v**2)),
            (),
            ("Gaussian concentration", "mean of chi"),
        ),
        AlgebraicClaim("mean", at_most(y + beta / m * v, (1 + beta / m) * sp.sqrt(d)),
                       (at_most(y, sp.sqrt(d)), at_most(v, sp.sqrt(d))), ("mean of chi",)),
    ),
    "S6": (
        # One step of length 1/L on Phi = r^2/2, and |J^T r|^2 >= m^2 r^2 = 2 m^2 Phi.
        AlgebraicClaim(
            "one step",
            at_most(phi_next, (1 - m**2 / L_Phi) * phi),
            (at_most(phi_next, phi - slope**2 / (2 * L_Phi)), at_least(slope**2, 2 * m**2 * phi)),
            ("descent lemma", "operator norm"),
        ),
        AlgebraicClaim("start", at_most(r / m, M * rho / m), (at_most(r, M * rho),)),
        AlgebraicClaim("distance", at_most(dist, sp.sqrt(2 * phi) / m), (at_most(m * dist, r), equal(phi, r**2 / 2))),
        AlgebraicClaim("smoothness", at_most(M**2 + M2 * r, M**2 + M * M2 * rho), (at_most(r, M * rho),)),
        AlgebraicClaim("rate", at_least(1 - m**2 / L_Phi, 0), (at_least(L_Phi, m**2),)),
    ),
    "S7a": (
        # Eigenvalues of I - eta Hess f on D.
        AlgebraicClaim(
            "contraction",
            at_most(sp.Abs(1 - eta * lam), 1 - eta * mu),
            (at_least(lam, mu), at_most(lam, L), at_most(eta * L, 1)),
            ("projection",),
        ),
        AlgebraicClaim("rate is below 1", below(1 - eta * mu, 1)),
    ),
    "S7b": (
        AlgebraicClaim(
            "centre",
            at_most(w, beta**2 * rho / m**2 + delta0),
            (at_most(w, dist + y), at_most(dist, beta**2 * rho / m**2), at_most(y, delta0)),
        ),
    ),
    "S7c": (
        AlgebraicClaim(
            "variance", at_most(square, d / mu), (at_least(pull, mu * square), at_most(pull, d)),
            ("divergence theorem",),
        ),
        # E|grad f|^2 = E tr Hess f + boundary term <= L d.
        AlgebraicClaim(
            "mean square gradient",
            at_most(square, L * d),
            (at_most(square, lam * d + flux), at_most(flux, 0), at_most(lam, L)),
            ("divergence theorem",),
        ),
    ),
    "S7d": (
        # s^2 is the fixed point of s^2 -> (1 - eta mu)^2 s^2 + 2 eta.
        AlgebraicClaim(
            "stationary scale",
            equal((1 - eta * mu) ** 2 * (2 / (mu * (2 - eta * mu))) + 2 * eta, 2 / (mu * (2 - eta * mu))),
            (below(eta * mu, 1),),
        ),
        AlgebraicClaim(
            "below the fixed point",
            at_most((1 - eta * mu) ** 2 * s2 + 2 * eta, 2 / (mu * (2 - eta * mu))),
            (at_most(s2, 2 / (mu * (2 - eta * mu))), below(eta * mu, 1)),
            ("Gaussian concentration",),
        ),
        AlgebraicClaim(
            "three unions",
            at_most(total, 3 * k * sp.exp(-(t0**2) / 2)),
            (at_most(total, part_1 + part_2 + part_3),
             *(at_most(item, k * sp.exp(-(t0**2) / 2)) for item in (part_1, part_2, part_3))),
            ("union bound",),
        ),
    ),
    "S7e": (
        # Per step: L^2 int_0^eta (sqrt(2 d s) + s sqrt(L d))^2 ds / 4 for the drift's change along the path.
        AlgebraicClaim(
            "one step's integral",
            equal(
                L**2 / 4 * (d * eta**2 + sp.Rational(4, 5) * sp.sqrt(2) * d * sp.sqrt(L) * eta ** sp.Rational(5, 2)
                            + L * d * eta**3 / 3),
                path_divergence(sp.Integer(1)),
            ),
            (),
            ("Girsanov",),
        ),
        AlgebraicClaim(
            "sum", at_most(kl, k * path_divergence(sp.Integer(1))),
            (at_most(kl, k * kl_step), at_most(kl_step, path_divergence(sp.Integer(1)))),
        ),
        AlgebraicClaim("k steps", equal(k * one, path_divergence(k)), (equal(one, path_divergence(sp.Integer(1))),)),
    ),
    "S7e+": (
        AlgebraicClaim(
            "one step's integral", equal(L**2 / 4 * integral, stationary_divergence(sp.Integer(1))),
            (equal(integral, d * eta**2),),
            ("Girsanov",),
        ),
        AlgebraicClaim("never worse", at_most(stationary_divergence(k), path_divergence(k))),
    ),
    "S7f": (
        AlgebraicClaim(
            "start",
            at_most(w, sp.sqrt(d / mu) + delta1),
            (at_most(w, y + v), at_most(y, delta1), at_most(v**2, d / mu)),
        ),
        AlgebraicClaim(
            "Gaussian step",
            at_most(w / sp.sqrt(2 * eta) / sp.sqrt(2 * sp.pi), mean / (2 * sp.sqrt(sp.pi * eta))),
            (at_most(w, mean),),
            ("Gaussian shift",),
        ),
    ),
    "S7f+": (
        # sum_{j<k} rho^{2j} >= 1: the shifts never cost more than one Gaussian step at the end.
        AlgebraicClaim(
            "never worse than one step",
            at_most((1 - square) / (1 - square**k), 1),
            (below(square, 1), at_least(k, 1)),
            ("Gaussian shift",),
        ),
    ),
    "S7g": (
        AlgebraicClaim(
            "union",
            at_most(total, (k - 1) * sp.exp(-(t0**2) / 2)),
            (at_most(total, (k - 1) * xi), at_most(xi, sp.exp(-(t0**2) / 2)), at_least(k, 1)),
            ("union bound", "Gaussian concentration"),
        ),
    ),
    "S7": (
        AlgebraicClaim(
            "plain chain",
            at_most(total, 4 * K * sp.exp(-(t0**2) / 2) + sp.sqrt(kl / 2) + w),
            (at_most(total, 3 * K * sp.exp(-(t0**2) / 2) + (K - 1) * sp.exp(-(t0**2) / 2) + sp.sqrt(kl / 2) + w),),
            ("Pinsker", "coupling", "union bound"),
        ),
    ),
    "S8": (
        # D holds B(zh, R - 2 delta0): the tail is taken there.
        AlgebraicClaim("ball inside", at_most(y + delta0, R_D), (at_most(y, R - 2 * delta0), equal(R_D, R - delta0))),
        AlgebraicClaim(
            "total",
            at_most(total, part_1 + part_2),
            (at_most(total, part_1 * (1 - part_2) + part_2), at_least(part_1, 0), at_least(part_2, 0)),
            ("union bound",),
        ),
    ),
    "S9": (
        AlgebraicClaim(
            "step size of the explicit form", at_most(eta * L, 1), (at_most(eta, 1 / (8 * L)),),
        ),
        AlgebraicClaim(
            "exit of the explicit form",
            at_most(4 * K * sp.exp(-rate), epsilon / 4),
            (at_least(rate, sp.log(16 * K / epsilon)),),
        ),
        # K = ceil(Lam/(eta mu)) <= Lam/(eta mu) + 1, and Lam >= log 4 as the logarithm holds 4 sqrt(d)/eps.
        AlgebraicClaim(
            "bracket of the explicit form",
            at_most(path_divergence(sp.Integer(1)), sp.Rational(13, 9) * stationary_divergence(sp.Integer(1))),
            (at_most(eta, 1 / (8 * L)),),
        ),
        AlgebraicClaim(
            "layers of the explicit form",
            at_most(K * eta * mu, sp.Rational(10, 9) * Lam),
            (at_most(eta, 1 / (8 * L)), at_most(K * eta * mu, Lam + eta * mu), at_most(mu, L),
             at_least(Lam, sp.log(4))),
        ),
        AlgebraicClaim(
            "discretisation of the explicit form",
            at_most(path_divergence(K) / 2, (epsilon / 4) ** 2),
            (at_most(path_divergence(sp.Integer(1)), sp.Rational(13, 9) * stationary_divergence(sp.Integer(1))),
             at_most(eta * sp.Rational(325, 100) * L**2 * d * Lam, epsilon**2 * mu),
             at_most(K * eta * mu, sp.Rational(10, 9) * Lam)),
        ),
        AlgebraicClaim(
            "burn-in of the explicit form",
            at_most(w * y / (2 * v), epsilon / 7),
            (at_most(w, epsilon / (4 * r)), at_most(y * sp.sqrt(mu), r), below(0, r), at_least(v, kl * sp.sqrt(phi)),
             at_least(kl * sp.sqrt(mu), 1), at_least(phi, sp.Rational(15, 16)), below(0, v)),
        ),
    ),
}  # fmt: skip
"""By the step's label."""
