"""The algebra of the bracket of the rate.

g2 = |G(z)-G(z')|^2, z2 = |z-z'|^2, t1 <= t2 two places of the path; cov = the posterior mean of <v - v', T - T'>.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, equal
from theorems.collapse.statement import FROM_DETERMINANT, FROM_MEAN_SQUARE, M, b, g, gaussian_rate, m, s
from theorems.model import beta, n

g2, z2, t1, t2, cov = sp.symbols("g2 z2 t1 t2 cov", nonnegative=True)
vT, vbarT, rate, power, trace = sp.symbols("vT vbarT rate power trace", real=True)

ALGEBRA: Algebra = {
    "L": (
        AlgebraicClaim(
            "from M z the distances fall",
            at_least((1 - t1) * M**2 * z2 + t1 * g2, (1 - t2) * M**2 * z2 + t2 * g2),
            (at_most(g2, M**2 * z2), at_most(t1, t2)),
        ),
        AlgebraicClaim(
            "from m z they grow",
            at_most((1 - t1) * m**2 * z2 + t1 * g2, (1 - t2) * m**2 * z2 + t2 * g2),
            (at_least(g2, m**2 * z2), at_most(t1, t2)),
        ),
    ),
    "I": (
        # dh/dt = (E<v, T> - E<E[v|y], E[T|y]>)/beta^2 = E<v - v', T - T'>/(2 beta^2), two independent draws given y.
        AlgebraicClaim(
            "covariance by two draws",
            equal((vT - vbarT) / b**2, (2 * vT - 2 * vbarT) / (2 * b**2)),
            (),
            ("Stein", "chain rule"),
        ),
        AlgebraicClaim("at M z", at_most(rate, gaussian_rate(M, b)), (at_most(rate, gaussian_rate(M, b) - cov),)),
    ),
    "J": (
        AlgebraicClaim(
            "the determinant is sharper",
            at_least(FROM_DETERMINANT, gaussian_rate(m, beta)),
            (at_least(g, m),),
            ("entropy power",),
        ),
        AlgebraicClaim(
            "the mean square is sharper where n = d",
            at_most(FROM_MEAN_SQUARE, n / 2 * sp.log(1 + M**2 / beta**2)),
            (at_most(s, n * M**2),),
            ("largest entropy", "Poincare"),
        ),
    ),
}
"""By the step's label."""
