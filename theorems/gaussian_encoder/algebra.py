"""The algebra of the Gaussian-encoder theorem: G1, G2, G3, Newton's steps and G1*, for all values of the parameters.

Lengths: y = |z-zh|, r = |G(z)-x|; jac, bend, twist = |J|, |D^2G|, |D^3G| along u;
moment = E|y|^4.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from certify.symbolic.generic import maximum, minimum
from theorems.gaussian_encoder.statement import (
    FISHER,
    ON_BALL,
    T3,
    R_inner,
    R_star,
    e0,
    e_star,
    gaussian_divergence,
    h0,
    information,
    mu_star,
    p_star,
    phi,
    third_derivative,
    whitened_curvature,
)
from theorems.model import M2, M3, M, beta, d
from theorems.strong_invertibility.algebra import ALGEBRA as CHAIN
from theorems.strong_invertibility.statement import R0, mu

r, jac, bend, twist, moment, y, kl, gap, q, w, step, rest = sp.symbols(
    "r jac bend twist moment y kl gap q w step rest", nonnegative=True
)
total, lead, mass, out, lam, third = sp.symbols("total lead mass out lam third", nonnegative=True)
value = sp.Symbol("value", real=True)

ALGEBRA: Algebra = {
    **{label: CHAIN[label] for label in ("S2", "S3", "S4", "S5", "S6")},
    "T3": (
        # D^3 f[u,u,u] = (3 <Ju, D^2G[u,u]> + <r, D^3G[u,u,u]>)/beta^2.
        AlgebraicClaim(
            "third derivative",
            at_most(third, third_derivative(R0)),
            (at_most(third, (3 * jac * bend + r * twist) / beta**2), at_most(jac, M), at_most(bend, M2),
             at_most(twist, M3), at_most(r, M * R0)),
            ("chain rule", "Cauchy-Schwarz"),
        ),
    ),
    "G1": (
        # |grad f(z) - H(z-z*)| <= T3 |z-z*|^2/2, and E|y|^4 <= d(d+2)/mu^2 under a Gaussian of precision >= mu.
        AlgebraicClaim(
            "information",
            at_most(information, FISHER),
            (at_most(information, T3**2 * moment / 4), at_most(moment, d * (d + 2) / mu**2)),
            ("Gaussian integral",),
        ),
        AlgebraicClaim(
            "conditional",
            at_most(total, ON_BALL),
            (at_most(total, sp.sqrt(kl / 2)), at_most(kl, information / (2 * mu)), at_most(information, FISHER)),
            ("log-Sobolev", "Pinsker"),
        ),
    ),
    "G2": (
        # TV(pi, g) <= TV(pi_D, g_D) + pi(outside) + g(outside).
        AlgebraicClaim(
            "conditioning",
            at_most(total, lead + mass + out),
            (at_most(total, maximum(mass, out) + lead * (1 - maximum(mass, out))), at_most(mass, 1), at_most(out, 1)),
            ("union bound",),
        ),
        AlgebraicClaim("ball inside", at_most(y + w, R0), (at_most(y, R_inner), at_most(w, R0 - R_inner))),
    ),
    "N": (
        # Newton's error: the remainder is at most T3/2 times the square of a step of length |grad f|/mu.
        AlgebraicClaim(
            "one step",
            at_most(rest, T3 / (2 * mu**2) * gap**2),
            (at_most(rest, T3 / 2 * step**2), at_most(mu * step, gap)),
            ("operator norm",),
        ),
        # With h = T3 e/(2 mu^2): e_{k+1} <= (h_k) e_k, and h_k = h^(2^k) squares.
        AlgebraicClaim(
            "squaring", at_most(T3 / (2 * mu**2) * rest, q**2),
            (at_most(rest, T3 / (2 * mu**2) * gap**2), equal(q, T3 * gap / (2 * mu**2))),
        ),
    ),
    "G3": (
        # Relative change of the Hessian: T3 |z'-z*|/mu with |z'-z*| <= e/mu.
        AlgebraicClaim("relative change", at_most(T3 * step / mu, T3 * e0 / mu**2), (at_most(mu * step, e0),)),
        # Eigenvalue by eigenvalue: x - 1 - log x <= q^2/(2(1-q)) where |x - 1| <= q < 1 (x = 1 + value).
        AlgebraicClaim(
            "covariances",
            at_most(value - sp.log(1 + value), q**2 / (2 * (1 - q))),
            (at_most(sp.Abs(value), q), below(q, 1)),
        ),
        AlgebraicClaim(
            "stopping divergence",
            at_most(kl, gaussian_divergence(e0, h0)),
            (at_most(kl, (d * w + lam * step**2) / 2), at_most(lam, h0), at_most(mu * step, e0),
             at_most(w, (T3 * e0 / mu**2) ** 2 / (2 * (1 - T3 * e0 / mu**2))), below(T3 * e0, mu**2)),
        ),
        AlgebraicClaim(
            "stopping",
            at_most(total, sp.sqrt(gaussian_divergence(e0, h0) / 2)),
            (at_most(total, sp.sqrt(kl / 2)), at_most(kl, gaussian_divergence(e0, h0)), below(T3 * e0, mu**2)),
            ("Pinsker",),
        ),
    ),
    "G1*": (
        AlgebraicClaim(
            "curvature is at most 1",
            at_most(whitened_curvature(R_star), 1),
            (at_most(phi, 1),),
        ),
        AlgebraicClaim(
            "leading term",
            at_most(total, sp.sqrt(information) / (2 * sp.sqrt(mu_star))),
            (at_most(total, sp.sqrt(kl / 2)), at_most(kl, information / (2 * mu_star))),
            ("log-Sobolev", "Pinsker"),
        ),
        AlgebraicClaim(
            "curvature falls",
            at_most(whitened_curvature(R_star + y), whitened_curvature(R_star)),
            (at_least(e_star, 0), at_least(p_star, 0)),
        ),
    ),
    "G": (
        AlgebraicClaim(
            "total",
            at_most(total, minimum(lead + mass, out)),
            (at_most(total, lead + mass), at_most(total, out)),
            ("union bound",),
        ),
    ),
}  # fmt: skip
"""By the step's label."""
