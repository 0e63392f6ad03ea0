"""A0 of this theorem: of one latent there are no two coordinates that could depend on each other."""

from __future__ import annotations

from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import Generator
from certify.proof.records import AssumptionRecord
from certify.proof.theorem import Assumption
from certify.verdict import Evidence, Verdict


def several_latents(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A0 with d >= 2, any n: read off the graph. Verified."""
    verdict, reason = Verdict.PROVED, f"n = {generator.observed_dim}, d = {generator.latent_dim}"
    if generator.latent_dim < 2:
        verdict, reason = Verdict.REFUTED, "the generator has one latent: nothing is lost by independent coordinates"
    return AssumptionRecord(
        assumption.label, assumption.statement, verdict, Evidence.RIGOROUS, assumption.constant, None, reason
    )


SEVERAL_LATENTS = Assumption(
    "A0", "z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), any n, d >= 2",
    r"z\sim\mathcal N(0,I_d),\ x\mid z\sim\mathcal N(G(z),\beta^2 I_n),\ d\geq 2", None, several_latents,
)  # fmt: skip
