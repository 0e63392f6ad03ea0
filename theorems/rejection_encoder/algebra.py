"""The algebra of Theorem R, for all values of the parameters.

acc = a, the probability that one proposal is accepted; inside = pi_x(D); q(z) accept(z) = exp(-f(z)) V-normalised.
"""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_least, at_most, below, equal
from theorems.rejection_encoder.statement import K, k, p, tail

acc, inside, total, density, low, z_inside, z_proposal = sp.symbols(
    "acc inside total density low z_inside z_proposal", nonnegative=True
)

ALGEBRA: Algebra = {
    "p": (
        # a = Z_D/Z_phi, and Z_D >= the integral of exp(-upper envelope).
        AlgebraicClaim(
            "acceptance",
            at_least(z_inside / z_proposal, low / z_proposal),
            (at_least(z_inside, low), below(0, z_proposal)),
        ),
        AlgebraicClaim(
            "acceptance is at most 1",
            at_most(z_inside / z_proposal, 1),
            (at_most(z_inside, z_proposal), below(0, z_proposal)),
        ),
    ),
    "R2": (
        # sum_{j<k} (1-a)^j a = 1 - (1-a)^k, by induction over k.
        AlgebraicClaim("geometric sum at 0", equal(1 - (1 - acc) ** k, 0), (equal(k, 0),)),
        AlgebraicClaim(
            "geometric sum, one more",
            equal(1 - (1 - acc) ** k + (1 - acc) ** k * acc, 1 - (1 - acc) ** (k + 1)),
            (below(acc, 1),),
        ),
        # The law is (1 - miss) pi_D + miss delta: TV to pi_x is at most miss + pi_x(outside).
        AlgebraicClaim(
            "distance",
            at_most(total, (1 - acc) ** k + tail),
            (at_most(total, (1 - acc) ** k + (1 - (1 - acc) ** k) * tail), at_most(acc, 1)),
            ("union bound",),
        ),
        AlgebraicClaim(
            "a lower bound of a is enough", at_most((1 - acc) ** k, (1 - p) ** k), (at_least(acc, p), at_most(acc, 1))
        ),
        AlgebraicClaim("enough proposals", at_most((1 - p) ** K, sp.exp(-K * p)), (at_most(p, 1),)),
    ),
    "T": (AlgebraicClaim("outside", at_most(1 - inside, tail), (at_least(inside, 1 - tail),)),),
}  # fmt: skip
"""By the step's label."""
