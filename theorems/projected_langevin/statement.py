r"""Theorem 1 for the projected chain, with the sharper terms S7d+, S7e+, S7f+ in place of S7d, S7e, S7f.

The problem, the assumptions and every symbol are those of `strong-invertibility`. The chain projects onto D before
every step, so S7g is not needed, and S7d+ drops the side condition of S7d:

    TV(law X_K, pi_x) <= tail(R - 2 delta0) + e (1 + tau/w^2) P(chi_d > sqrt(mu) (R_D - delta1 - w))
                         + L eta sqrt(K d/8) + S7f+,      tau = K eta, 0 < w < R_D - delta1, e Euler's number.

This form is the project's, not the paper's. Proofs: docs/sharp.md.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from certify.generators.embedded import LINEAR
from certify.generators.graph import Generator
from certify.proof.checks.locations import preimage_bound
from certify.proof.optimiser import Certificate
from certify.proof.theorem import Claim, Conclusion, Condition, Step, Theorem, definition
from certify.symbolic.declaration import declare
from theorems.langevin_mixing.curves import drawable_curves
from theorems.model import M2
from theorems.projected_langevin.chain import projected_to_posterior, published_projected_distance
from theorems.projected_langevin.network import ENCODER
from theorems.strong_invertibility.size import encoder_size
from theorems.strong_invertibility.statement import (
    ASSUMPTIONS,
    QUANTITIES,
    R_D,
    STEPS,
    K,
    K_gd,
    KL_sharp,
    burn_in_sharp,
    delta1,
    exit_sharp,
    t,
    tail,
    w,
)
from theorems.strong_invertibility.statement import CONDITIONS as CHAIN_CONDITIONS
from theorems.strong_invertibility.statement import SEARCH as CHAIN_SEARCH

UNUSED = {"t", "B", "Lam", "exit_plain", "exit_projected", "tv_bound", "tv_bound_projected", "tv_bound_sharp"}
TOTAL = tail + exit_sharp + sp.sqrt(KL_sharp / 2) + burn_in_sharp
LAST = r"\mathrm{TV}(\mathcal L(X_K),\pi_x)"
BOUND = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "S8 for the projected chain by the sharper terms")


KEPT = ("S1", "S2", "S3", "S4", "S5", "S6", "S7a", "S7b", "S7c", "S7d+", "S7e+", "S7f+")


QUANTITIES_KEPT = (
    *(item for item in QUANTITIES if item.name not in UNUSED),
    definition(BOUND, TOTAL),
)

CONDITIONS = (
    *(item for item in CHAIN_CONDITIONS if item.label not in {"deviation", "exit (S7d)", "no projection (S7g)"}),
    Condition("positive shell (S7d+)", sp.Integer(0), w, strict=True),
    Condition("shell (S7d+)", w, R_D - delta1, strict=True),
)

SEARCH = replace(CHAIN_SEARCH, choices={symbol: rule for symbol, rule in CHAIN_SEARCH.choices.items() if symbol != t})

TOTAL_STEP = Step(
    "S8+",
    "total for the projected chain",
    (Claim("total", "TV(law X_K, pi_x)", LAST, "<=", BOUND, "K layers from c"),),
    ("S4", "S5", "S7d+", "S7e+", "S7f+"),
    projected_to_posterior,
)


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Sentences that a reader of the conclusion must not miss."""
    return ("every layer projects onto the ball D around c first: a gate beyond sums and products",)


THEOREM = Theorem(
    id="projected-langevin",
    title="The projected chain with sharper exit, discretisation and burn-in",
    summary="Theorem 1 for the projected Langevin chain: fewer layers and more noise by three sharper terms.",
    source="docs/sharp.md, section 2; the other steps: docs/theory.md",
    quantities=QUANTITIES_KEPT,
    assumptions=ASSUMPTIONS,
    steps=(*(step for step in STEPS if step.label in KEPT), TOTAL_STEP),
    conclusion=Conclusion(
        statement=(
            "K_gd descent and K projected Langevin layers built from G are within tv_bound of pi_x in total variation, "
            "tv_bound <= epsilon for suitable choices when beta <= beta_max"
        ),
        latex=rf"{LAST}\leq\mathrm{{tail}}+\mathrm{{exit}}^++\sqrt{{\mathrm{{KL}}^+/2}}"
        r"+\mathrm{burn\mbox{-}in}^+\leq\varepsilon",
        distance=TOTAL,
        conditions=CONDITIONS,
        search=SEARCH,
        layers=(K_gd, K),
        every_noise=Condition("no curvature", M2, sp.Integer(0)),
        paper_form="none: the sharper terms are this project's",
        size=encoder_size,
        measure=published_projected_distance,
        observation_bounds=preimage_bound,
        notes=notes,
    ),
    encoder=ENCODER,
    examples=(LINEAR,),
    curves=drawable_curves,
)
