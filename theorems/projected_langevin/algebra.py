"""The algebra of the projected chain: that of Theorem 1 step by step, and the total of the sharper terms."""

from __future__ import annotations

import sympy as sp

from certify.prover.algebra import Algebra, AlgebraicClaim, at_most
from theorems.projected_langevin.statement import KEPT
from theorems.strong_invertibility.algebra import ALGEBRA as CHAIN

total, outside, exit_before, kl, start = sp.symbols("total outside exit_before kl start", nonnegative=True)

ALGEBRA: Algebra = {
    **{label: claims for label, claims in CHAIN.items() if label in KEPT},
    "S8+": (
        AlgebraicClaim(
            "total",
            at_most(total, outside + exit_before + sp.sqrt(kl / 2) + start),
            (at_most(total, outside + (1 - outside) * (exit_before + sp.sqrt(kl / 2) + start)), at_most(outside, 1)),
            ("union bound", "coupling", "Pinsker"),
        ),
    ),
}
"""By the step's label."""
