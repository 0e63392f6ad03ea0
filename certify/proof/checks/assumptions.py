"""A0-A3 decided on a generator: from its dimensions, the brackets of its constants and its activations."""

from __future__ import annotations

import math
from dataclasses import replace

from certify.arithmetic.rounding import Direction, decimal_text
from certify.bounds.bounded_image import bounded_direction
from certify.bounds.bracket import Bracket, ConstantBrackets, Reason, Region, Witness
from certify.bounds.invertibility import refute_strong_invertibility
from certify.bounds.kinks import SMOOTH_CHOICES, find_break, kinked_activations
from certify.generators.activations import Domain, activation
from certify.generators.graph import Activation, Generator
from certify.proof.records import AssumptionRecord
from certify.proof.theorem import Assumption
from certify.verdict import Evidence, Verdict


def equal_dimensions(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A0 with n = d: read off the graph."""
    latent, observed = generator.latent_dim, generator.observed_dim
    if latent == observed:
        return _record(assumption, Verdict.PROVED, Evidence.RIGOROUS, None, f"n = d = {latent}")
    reason = f"the generator maps R^{latent} to R^{observed}; this theorem needs n = d"
    return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, None, reason)


def outputs_at_least_latents(
    assumption: Assumption, generator: Generator, brackets: ConstantBrackets
) -> AssumptionRecord:
    """A0 with n >= d: read off the graph; with fewer outputs than latents no m > 0 exists."""
    latent, observed = generator.latent_dim, generator.observed_dim
    holds = observed >= latent
    reason = f"n = {observed}, d = {latent}" + ("" if holds else ": the theorem needs n >= d")
    return _record(assumption, Verdict.PROVED if holds else Verdict.REFUTED, Evidence.RIGOROUS, None, reason)


def any_dimensions(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A0 whatever n and d: the model whose posterior is asked for; nothing of the generator could refute it."""
    reason = f"n = {generator.observed_dim}, d = {generator.latent_dim}"
    return _record(assumption, Verdict.PROVED, Evidence.RIGOROUS, None, reason)


def strongly_invertible(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A1: proved by a certified m > 0, refuted by a proof that m = 0."""
    bracket = brackets.m
    if generator.latent_dim != generator.observed_dim:
        reason = f"G maps R^{generator.latent_dim} to R^{generator.observed_dim}: not a bijection of R^d"
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, bracket, reason)
    refutation = None if brackets.region.radius is None else refute_strong_invertibility(generator)
    if refutation is None and bracket.lower is not None and bracket.lower > 0.0:
        return _on_region(assumption, brackets, bracket, f"m >= {_below(bracket.lower)} certified")
    if refutation is None and bracket.upper == 0.0 and bracket.upper_evidence is not None:
        kind, witness = bracket.upper_evidence.kind, bracket.upper_evidence.witness
        return _record(assumption, Verdict.REFUTED, kind, bracket, _why_zero(bracket), witness)
    refutation = refutation or refute_strong_invertibility(generator)
    if refutation is not None:
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, bracket, refutation.reason, refutation.witness)
    found = "" if bracket.upper is None else f"; the smallest quotient found is {_above(bracket.upper)}"
    unknown = Reason(f"no m > 0 could be certified{found}", _remedy_for_m(brackets))
    return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, bracket, str(unknown))


def injective(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A1 as an inequality. n = d: as a bijection. n > d: proved by a certified two-point lower bound m > 0.

    For n > d the pointwise condition sigma_min(J) >= m would not do (no Hadamard); the brackets' lower end of m is
    that of the two-point inequality there.
    """
    if generator.latent_dim == generator.observed_dim:
        return strongly_invertible(assumption, generator, brackets)
    bracket = brackets.m
    # A region does not hide that the inequality fails on all of R^d.
    everywhere = None if brackets.region.radius is None else bounded_direction(generator.graph)
    if everywhere is not None:
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, bracket, f"m = 0 on R^d: {everywhere}")
    if bracket.lower is not None and bracket.lower > 0.0:
        method = bracket.lower_evidence.method if bracket.lower_evidence else "given"
        return _on_region(
            assumption, brackets, bracket, f"m >= {_below(bracket.lower)} certified for all pairs ({method})"
        )
    if bracket.upper == 0.0 and bracket.upper_evidence is not None:
        kind, witness = bracket.upper_evidence.kind, bracket.upper_evidence.witness
        return _record(assumption, Verdict.REFUTED, kind, bracket, _why_zero(bracket), witness)
    unknown = Reason("no m > 0 could be certified for n > d", _remedy_for_m(brackets))
    return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, bracket, str(unknown))


def lipschitz(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A2, first half: proved by a certified finite M."""
    record = _finite(assumption, brackets, brackets.M, "M", "G is not Lipschitz")
    if record.verdict is not Verdict.INCONCLUSIVE or "read_as" not in generator.metadata:
        return record
    # More work finds no M of a map that may jump.
    return replace(record, reason=f"no finite M could be certified: the file has {generator.metadata['read_as']}")


def smooth(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A2, second half: proved by a certified finite M2, refuted where the Jacobian is discontinuous."""
    kinked = kinked_activations(generator)
    # A kink outside the region of the brackets refutes the assumption too, which is about all of R^d.
    found = find_break(generator.graph, Region(), 1) if kinked else None
    if found is None:
        return _finite(assumption, brackets, brackets.M2, "M2", "the Jacobian is not Lipschitz")
    witness, name = found
    reason = Reason(
        f"M2 is infinite: G is not C^1 (the slope jumps between the two points of the witness, activation {name}), so "
        "the theorem does not apply as it stands",
        f"train with a smooth activation ({SMOOTH_CHOICES})",
    )
    return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, brackets.M2, str(reason), witness)


def thrice_smooth(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """A2, third derivative: proved by a certified finite M3, refuted where it is infinite."""
    return _finite(assumption, brackets, brackets.M3, "M3", "the second derivative is not Lipschitz")


def differentiable_network(
    assumption: Assumption, generator: Generator, brackets: ConstantBrackets
) -> AssumptionRecord:
    """A3: every activation of the graph is differentiable on R."""
    bad = kinked_activations(generator)
    if bad and all(activation(name).domain is not Domain.REALS for name in bad):
        reason = f"the argument of {', '.join(bad)} is not certified to stay where it is smooth, on all of R^d"
        return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, None, reason)
    if bad:
        reason = f"activation {', '.join(bad)} is not differentiable everywhere"
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, None, reason)
    names = sorted({node.name for node in generator.graph.nodes if isinstance(node, Activation)})
    reason = f"N = {generator.parameters}, activations: {', '.join(names) or 'none'}"
    return _record(assumption, Verdict.PROVED, Evidence.RIGOROUS, None, reason)


def _finite(
    assumption: Assumption, brackets: ConstantBrackets, bracket: Bracket, name: str, infinite: str
) -> AssumptionRecord:
    if bracket.upper is not None and math.isfinite(bracket.upper):
        return _on_region(assumption, brackets, bracket, f"{name} <= {_above(bracket.upper)} certified")
    if bracket.lower == math.inf:
        evidence = bracket.lower_evidence
        text = infinite if evidence is None or evidence.reason is None else f"{infinite}: {evidence.reason}"
        witness = None if evidence is None else evidence.witness
        return _record(assumption, Verdict.REFUTED, Evidence.RIGOROUS, bracket, text, witness)
    reason = Reason(f"no finite {name} could be certified", _remedy_for_infinite(brackets))
    return _record(assumption, Verdict.INCONCLUSIVE, Evidence.RIGOROUS, bracket, str(reason))


def _why_zero(bracket: Bracket) -> str:
    """In words, why the upper end of m is 0, and what to change."""
    evidence = bracket.upper_evidence
    if evidence is not None and evidence.reason is not None:
        return f"m = 0: {evidence.reason}"
    return "the witness pair has G(z) = G(z'): use an activation that is constant nowhere (leaky or smooth)"


def _remedy_for_m(brackets: ConstantBrackets) -> str:
    """What to do where neither m > 0 nor m = 0 was certified: more time only if some method was cut off."""
    if brackets.notes:
        return "give `certify constants` a larger --effort"
    return f"{_ball(brackets)}, or train with a skip connection and smaller weights beside it (docs/practitioner.md)"


def _remedy_for_infinite(brackets: ConstantBrackets) -> str:
    if brackets.notes:
        return "give `certify constants` a larger --effort"
    return f"{_ball(brackets)}, or use activations with bounded derivatives (tanh, softplus)"


def _ball(brackets: ConstantBrackets) -> str:
    if brackets.region.radius is None:
        return "ask for a ball with `certify check --region RADIUS`"
    return "ask for a smaller --region"


def _on_region(assumption: Assumption, brackets: ConstantBrackets, bracket: Bracket, reason: str) -> AssumptionRecord:
    if brackets.region.radius is None:
        return _record(assumption, Verdict.PROVED, Evidence.RIGOROUS, bracket, reason)
    centre = "0" if brackets.region.centre is None else "the given centre"
    radius = _below(brackets.region.radius)
    hypothesis = f"{reason} on the ball of radius {radius} around {centre} only; assumed to hold on all of R^d"
    return _record(assumption, Verdict.CONDITIONAL, Evidence.ASSUMED, bracket, hypothesis)


def _record(
    assumption: Assumption,
    verdict: Verdict,
    evidence: Evidence,
    bracket: Bracket | None,
    reason: str,
    witness: Witness | None = None,
) -> AssumptionRecord:
    return AssumptionRecord(
        assumption.label, assumption.statement, verdict, evidence, assumption.constant, bracket, reason, witness
    )


def _below(number: float) -> str:
    return decimal_text(number, 6, Direction.DOWN)


def _above(number: float) -> str:
    return decimal_text(number, 6, Direction.UP)
