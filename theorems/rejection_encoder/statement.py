r"""Theorem R: an encoder that samples exactly, by rejection under a certified envelope of the posterior.

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), c any computed point, z = c + B y as in `sharp-langevin`,
F(y) = f(z) - f(c), D = {|y| <= R}. rho is a density and C > 0 a number with (R1) exp(-F) <= C rho on D.

Guarantee (upper bound). Draw y_k ~ rho and E_k ~ Exp(1), k = 1..K; accept y_k if it is in D and
E_k >= F(y_k) + log(C rho(y_k)); put out the first that is accepted, y_K if none is. Then (R2)
    TV(law, pi_x) <= (1 - p)^K + t(R),    p = (1/C) int_D exp(-F),
p the probability that one proposal is accepted, any lower bound of it serving, t(R) >= pi_x(D^c). With the closed
forms rho is proportional to exp(-phi0(|y|)) on D, C its mass, and p at least the mass of exp(-U) over C.

A single observation gets its own envelope, without any of m, M, M2 (`certify check rejection-encoder
--observations FILE`): see docs/rejection.md. This theorem is the project's, not the paper's. Proofs: docs/rejection.md.
"""

from __future__ import annotations

import sympy as sp

from certify.generators.graph import Generator
from certify.proof.optimiser import Certificate
from certify.proof.theorem import Claim, Conclusion, Condition, Step, Theorem, choice, definition
from certify.sharp.functions import EnvelopeRatio, FarMass, LowerEnvelope, OutsideMass, UpperEnvelope
from certify.symbolic.declaration import declare, variables
from certify.symbolic.generic import minimum
from theorems.model import ANY_MODEL, INJECTIVE, LIPSCHITZ, M2, NETWORK, SMOOTH, beta, d, m, shared
from theorems.rejection_encoder.found import said_beside
from theorems.rejection_encoder.network import ENCODER
from theorems.rejection_encoder.observations import certify_rows
from theorems.rejection_encoder.proposals import (
    acceptance,
    accepted_law,
    envelopes_at_centres,
    own_centre_bounds,
    tails,
)
from theorems.rejection_encoder.strategy import RejectionStrategy
from theorems.sharp_langevin.statement import QUANTITIES as CHAIN_QUANTITIES
from theorems.sharp_langevin.statement import a, b, e, g, om, phi, r_c, rho

p_r = declare("p_r", "[0, 1)", "p_r", "M2 |r_c|/(m^2+beta^2)")
R = declare("R", "(0, inf)", "R", "radius of the ball |y| <= R that proposals are taken from")
R2 = declare("R2", "[R, inf)", "R_2", "radius up to which the tail uses the curvature bounds", R)
K = declare("K", "integer >= 1", "K", "proposals: evaluations of G")
p = declare("p", "[0, 1]", "p", "probability that one proposal is accepted, from below")
tail = declare("tail", "[0, 1]", "t(R)", "posterior mass outside |y| <= R")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "bound of the encoder's distance (step R2)")
r, R0 = variables("r R0", "[0, inf)")
(k,) = variables("k", "integer >= 0")

SHAPE = (d, g, e, p_r, phi, om)
"""What every radial functional takes first."""


def tail_beyond(radius: sp.Expr) -> sp.Expr:
    """t(R) through R2: dominating law up to R2, far field beyond."""
    return minimum(1, OutsideMass(*SHAPE, radius, R2) + FarMass(*SHAPE, R2, m, M2, beta, r_c, b))


def distance_after(proposals: sp.Expr) -> sp.Expr:
    """R2 with D the ball of radius R."""
    return (1 - p) ** proposals + tail


QUANTITIES = (
    *shared("d", "n", "m", "M", "M2", "N", "beta", "epsilon", "t_x"),
    *(item for item in CHAIN_QUANTITIES if item.symbol in (rho, g, r_c, om, a, b, e)),
    definition(p_r, M2 * r_c / (m**2 + beta**2)),
    definition(phi, (1 + a) / (1 + b), "lower"),
    choice(R),
    choice(R2),
    choice(K),
    definition(p, EnvelopeRatio(*SHAPE, R), "lower"),
    definition(tail, tail_beyond(R)),
    definition(tv_bound, distance_after(K)),
)

CONDITIONS = (
    Condition("proposals", sp.Integer(1), K),
    Condition("radius", sp.Integer(0), R, strict=True),
    Condition("outer radius", R, R2),
    Condition("far field", M2 * r_c, m**2 + beta**2, strict=True),
    Condition("factor", om, sp.Integer(1), strict=True),
)

LAST = r"\mathrm{TV}(\mathcal L(\hat z),\pi_x)"

STEPS = (
    Step("E", "envelopes", (
        Claim("lower", "F(y)", "F(y)", ">=", LowerEnvelope(*SHAPE, r), "|y| = r"),
        Claim("upper", "F(y)", "F(y)", "<=", UpperEnvelope(*SHAPE, r), "|y| = r"),
    ), ("A1", "A2", "A2-M"), envelopes_at_centres),
    Step("T", "tail", (
        Claim("tail", "pi_x(|y| > R0)", r"\pi_x(\lvert y\rvert>R_0)", "<=", tail_beyond(R0), "R0 <= R2"),
    ), ("E",), tails),
    Step("p", "acceptance", (
        Claim("acceptance", "P(one proposal is accepted)", r"\mathrm P(\mbox{accepted})", ">=",
              EnvelopeRatio(*SHAPE, R), "proposals from exp(-phi0) on |y| <= R"),
    ), ("E",), acceptance),
    Step("R2", "law of what is put out", (
        Claim("distance", "TV(law after k proposals, pi_x)", LAST, "<=", (1 - p) ** k + tail, "k >= 1"),
    ), ("p", "T"), accepted_law),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Sentences that a reader of the conclusion must not miss."""
    return (
        "K counts evaluations of G and no derivative; finding c and B is deterministic and not counted in K",
        "log(1/p) grows like e d^{3/2} + p_r d: where K is large the Langevin encoders of `sharp-langevin` win",
        "an observation's own envelope needs neither m nor M2: give --observations",
    )


THEOREM = Theorem(
    id="rejection-encoder",
    title="Exact sampling by rejection with a handful of evaluations",
    summary="Under a certified envelope of the posterior log(1/epsilon)/p proposals sample it, for n >= d.",
    source="docs/rejection.md, sections 1 and 2",
    quantities=QUANTITIES,
    assumptions=(ANY_MODEL, INJECTIVE, SMOOTH, LIPSCHITZ, NETWORK),
    steps=STEPS,
    conclusion=Conclusion(
        statement=(
            "the first accepted of K proposals is within tv_bound of pi_x in total variation; tv_bound <= epsilon for "
            "suitable choices when beta <= beta_max"
        ),
        latex=rf"{LAST}\leq(1-p)^K+t(R)\leq\varepsilon",
        distance=distance_after(K),
        conditions=CONDITIONS,
        search=RejectionStrategy(),
        layers=(K,),
        every_noise=Condition("no curvature", M2, sp.Integer(0)),
        paper_form="none: the theorem is this project's",
        size=None,
        measure=None,
        observation_bounds=own_centre_bounds,
        notes=notes,
        certify_observations=certify_rows,
        observations_need=(ANY_MODEL.label,),
        observations_kept_as={"theorem": "rejection-encoder"},
        rows_say={"rejection": said_beside},
        takes_logits=True,
    ),
    shown=("R", "rho"),
    encoder=ENCODER,
)
