"""Assumptions of the theorems for decoders with n >= d: read off the graph, and the two-point inequality alone."""

from __future__ import annotations

from certify.arithmetic.rounding import Direction, decimal_text
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import Generator
from certify.proof.checks.assumptions import strongly_invertible
from certify.proof.records import AssumptionRecord
from certify.proof.theorem import Assumption
from certify.verdict import Evidence, Verdict


def outputs_at_least_latents(
    assumption: Assumption, generator: Generator, brackets: ConstantBrackets
) -> AssumptionRecord:
    """A0 with n >= d: with fewer outputs than latents no m > 0 exists."""
    latent, observed = generator.latent_dim, generator.observed_dim
    holds = observed >= latent
    reason = f"n = {observed}, d = {latent}" + ("" if holds else ": the theorem needs n >= d")
    verdict = Verdict.PROVED if holds else Verdict.REFUTED
    return AssumptionRecord(assumption.label, assumption.statement, verdict, Evidence.RIGOROUS, None, None, reason)


def injective(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A1 as an inequality. n = d: as for Theorem 1. n > d: proved by a certified two-point lower bound m > 0.

    For n > d the pointwise condition sigma_min(J) >= m would not do (no Hadamard); the brackets' lower end of m is
    that of the two-point inequality there.
    """
    if generator.latent_dim == generator.observed_dim:
        return strongly_invertible(assumption, generator, brackets)
    bracket = brackets.m

    def record(verdict: Verdict, evidence: Evidence, reason: str) -> AssumptionRecord:
        witness = bracket.upper_evidence.witness if bracket.upper_evidence and verdict is Verdict.REFUTED else None
        return AssumptionRecord(
            assumption.label, assumption.statement, verdict, evidence, assumption.constant, bracket, reason, witness
        )

    if bracket.lower is not None and bracket.lower > 0.0:
        number = decimal_text(bracket.lower, 6, Direction.DOWN)
        method = bracket.lower_evidence.method if bracket.lower_evidence else "given"
        if brackets.region.radius is None:
            return record(Verdict.PROVED, Evidence.RIGOROUS, f"m >= {number} certified for all pairs ({method})")
        reason = f"m >= {number} certified on a ball only ({method}); assumed to hold on all of R^d"
        return record(Verdict.CONDITIONAL, Evidence.ASSUMED, reason)
    if bracket.upper == 0.0 and bracket.upper_evidence is not None:
        return record(Verdict.REFUTED, bracket.upper_evidence.kind, "the witness pair has G(z) = G(z')")
    reason = "no m > 0 could be certified for n > d: see `certify constants` with a larger --budget"
    return record(Verdict.INCONCLUSIVE, Evidence.RIGOROUS, reason)
