"""The algebra of the mixing bounds from the literature, for all values of the parameters."""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from theorems.langevin_mixing.bounds import L, mu
from theorems.langevin_mixing.statement import h
from theorems.model import d

lam, w, w_next, kick, bias, kl, kl_next, added, total, information = sp.symbols(
    "lam w w_next kick bias kl kl_next added total information", nonnegative=True
)
falls = sp.Symbol("falls", positive=True)
rate = 2 * mu * L / (mu + L)

ALGEBRA: Algebra = {
    "BE": (
        # A mu-strongly log-concave law has gap and log-Sobolev constant at least mu: nothing but the leaf.
        AlgebraicClaim(
            "log-Sobolev in both forms",
            at_most(2 * mu * kl, information),
            (at_most(kl, information / (2 * mu)),),
            ("log-Sobolev",),
        ),
    ),
    "D17": (
        AlgebraicClaim(
            "contraction",
            at_most(sp.Abs(1 - h * lam), 1 - h * mu),
            (at_least(lam, mu), at_most(lam, L), at_most(h * L, sp.Rational(1, 2))),
        ),
        AlgebraicClaim("decay", at_most(1 - h * mu, sp.exp(-h * mu)), (at_most(h * L, 1), at_least(L, mu))),
        AlgebraicClaim("total", at_most(total, w + sp.sqrt(kl / 2)),
                       (at_most(total, w + bias), at_most(bias, sp.sqrt(kl / 2))), ("Pinsker", "Girsanov")),
    ),
    "DK19": (
        # w -> (1 - mu h) w + (7 sqrt(2)/6) L h sqrt(h d) has the stated bias as its fixed point.
        AlgebraicClaim(
            "fixed point",
            equal(
                (1 - mu * h) * (7 * sp.sqrt(2) / 6 * (L / mu) * sp.sqrt(h * d))
                + 7 * sp.sqrt(2) / 6 * L * h * sp.sqrt(h * d),
                7 * sp.sqrt(2) / 6 * (L / mu) * sp.sqrt(h * d),
            ),
        ),
        AlgebraicClaim(
            "one step",
            at_most(w_next, (1 - mu * h) * w + bias),
            (at_most(w_next, (1 - mu * h) * w + kick), at_most(kick, bias)),
        ),
        AlgebraicClaim(
            "contraction",
            at_most(sp.Abs(1 - h * lam), 1 - h * mu),
            (at_least(lam, mu), at_most(lam, L), at_most(h * (mu + L), 2)),
        ),
    ),
    "DM19": (
        AlgebraicClaim("rate is at least mu", at_least(rate, mu), (at_least(L, mu),)),
        AlgebraicClaim(
            "cocoercivity of a quadratic",
            at_least((lam - mu) * (L - lam), 0),
            (at_least(lam, mu), at_most(lam, L)),
        ),
        AlgebraicClaim(
            "squared contraction",
            at_most((1 - h * lam) ** 2, 1 - rate * h),
            (at_least(lam, mu), at_most(lam, L), at_most(h * (mu + L), 1)),
        ),
    ),
    "VW19": (
        AlgebraicClaim(
            "one step",
            at_most(kl_next, sp.exp(-mu * h) * kl + added),
            (at_most(kl_next, sp.exp(-mu * h) * (kl + w)), at_most(sp.exp(-mu * h) * w, added)),
            ("log-Sobolev", "Girsanov"),
        ),
        # sum_j exp(-mu h j) <= 1/(1 - exp(-mu h)) <= 4/(3 mu h) for mu h <= 1/4.
        AlgebraicClaim("geometric sum", at_most(sp.Rational(3, 4) * mu * h, 1 - sp.exp(-mu * h)),
                       (at_most(mu * h, sp.Rational(1, 4)),)),
        AlgebraicClaim(
            "bias",
            at_most(6 * h**2 * d * L**2 / falls, 8 * h * d * L**2 / mu),
            (at_least(falls, sp.Rational(3, 4) * mu * h),),
        ),
    ),
    "H": (
        AlgebraicClaim("step size", below(h * L, 1), (at_most(h, 1 / (2 * L)),)),
    ),
}  # fmt: skip
"""By the step's label."""
