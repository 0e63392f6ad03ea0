"""The algebra of Theorem 2's reduction, for all values of the parameters.

up = P(y_i = 1|x); per orthant s: pi and q the laws' masses, both at most 1; u = (1 + beta xi)/beta^2.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from certify.symbolic.generic import maximum
from theorems.one_way.statement import LOSS, b, delta, eps0, gamma, loss, success_floor, tau_0, v, zeta

u, x, rate = sp.symbols("u x rate", real=True)
up, pi_s, q_s, tv, success, fraction, size, n_bits = sp.symbols(
    "up pi_s q_s tv success fraction size n_bits", nonnegative=True
)
bits = sp.Symbol("bits", integer=True, positive=True)
root = sp.Symbol("root", positive=True)

ALGEBRA: Algebra = {
    "T1": (
        # Bayes with two equal weights: exp(-(x-1)^2/2b^2) against exp(-(x+1)^2/2b^2).
        AlgebraicClaim(
            "bit",
            equal(
                sp.exp(-((x - 1) ** 2) / (2 * b**2)) * (1 + sp.exp(-2 * x / b**2)),
                sp.exp(-((x - 1) ** 2) / (2 * b**2)) + sp.exp(-((x + 1) ** 2) / (2 * b**2)),
            ),
        ),
        AlgebraicClaim("two equal bits", equal(up**2 + (1 - up) ** 2, 1 - 2 * (up * (1 - up)))),
        # p(1-p) = 1/(4 cosh^2 u) <= exp(-2u), which integrates to exp(-1/(2b^2))/4 after one more half from symmetry.
        AlgebraicClaim("variance of a bit", equal(1 / (1 + sp.exp(-2 * u)) * (1 - 1 / (1 + sp.exp(-2 * u))),
                                                  1 / (sp.exp(u) + sp.exp(-u)) ** 2)),
        AlgebraicClaim("at most 1/4", at_most(1 / (sp.exp(u) + sp.exp(-u)) ** 2, sp.Rational(1, 4))),
        AlgebraicClaim("closed form", at_least((1 - 2 * v) ** bits, 1 - loss),
                       (at_most(v, loss / (2 * bits)), at_most(v, sp.Rational(1, 4)))),
        AlgebraicClaim("noise of the closed form", at_most(sp.exp(-rate) / 4, loss / (2 * bits)),
                       (below(0, loss), at_least(rate, sp.log(bits / (2 * loss))))),
    ),
    "T2": (
        # Orthant by orthant: pi q >= pi^2 - pi (pi - q)_+ >= pi^2 - (pi - q)_+.
        AlgebraicClaim(
            "pointwise",
            at_least(pi_s * q_s + maximum(pi_s - q_s, 0), pi_s**2),
            (at_most(pi_s, 1), at_most(q_s, 1)),
        ),
        AlgebraicClaim("ramp", at_least(success, success_floor - tv),
                       (at_least(success, 1 - zeta - 2 * gamma - tv), equal(success_floor, 1 - zeta - 2 * gamma))),
    ),
    "T3": (
        AlgebraicClaim("average", at_least(tv, success_floor - delta),
                       (at_least(success + tv, success_floor), at_most(success, delta)), ("one-way permutation",)),
        # On the fraction the encoder inverts with at least 1 - LOSS - eps0 ... Markov over the rest.
        AlgebraicClaim(
            "fraction",
            at_most(fraction, (delta + LOSS) / (1 - eps0)),
            (at_least(success, fraction * (1 - eps0) - LOSS), at_most(success, delta), below(eps0, 1)),
            ("one-way permutation",),
        ),
    ),
    "T4": (
        AlgebraicClaim("clip", at_most(1 - (1 - up) ** bits, bits * up), (at_most(up, 1),), ("union bound",)),
        AlgebraicClaim("half normal", at_most(2 * tau_0 / root, tau_0 * sp.sqrt(2 / sp.pi)),
                       (below(0, tau_0), equal(root**2, 2 * sp.pi))),
        AlgebraicClaim("parameters", at_most(size, 12 * n_bits + 5 * bits),
                       (at_most(size, 12 * n_bits + 4 * bits), at_least(bits, 1))),
    ),
}  # fmt: skip
"""By the step's label."""
