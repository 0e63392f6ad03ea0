"""Slack along a proof: how many bits of the final bound each step loses at one generator. Estimates.

Of every step the claims whose bound stands in the final bound (in one of the closed forms that lead to it) are taken.
Their bounds are replaced by what was measured, one step at a time, every closed form behind them follows, the free
choices stay; the loss is log2(bound / bound so replaced).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp
from flint import arb

from certify.arithmetic.balls import midpoint, precision
from certify.checking.bound_places import place_of, without
from certify.errors import CertifyError
from certify.proof.instance import Instance
from certify.proof.records import StepLoss
from certify.proof.theorem import Claim, Finding, Step
from certify.symbolic.evaluation import evaluate_ball

SAME_PLACE = 1e-9
"""Relative difference up to which a measurement was made where the final bound uses the claim."""


@dataclass(frozen=True)
class _Use:
    """A claim's bound `part` in the closed form of `quantity` (None: in the final bound itself), times `ratio`."""

    claim: str
    quantity: str | None
    part: sp.Expr
    ratio: float
    same_place: bool


def slack_along(instance: Instance) -> tuple[StepLoss, ...]:
    """The loss of every step whose bound is part of the final one, in the order of the proof. Estimate.

    Empty for a theorem whose conclusion is no distance. A step that nothing measured loses nothing that could be told
    and is left out, as is one whose bound enters only through other steps.
    """
    theorem = instance.theorem
    if theorem.conclusion.distance is None:
        return ()
    with precision():
        forms = _forms(instance)
        whole = _final(instance, forms, ())
        losses = []
        for step in theorem.steps:
            uses = [use for claim in step.claims for use in _uses(claim, step, instance, forms)]
            if uses and whole > 0:
                losses.append(_loss(step, uses, whole, _final(instance, forms, uses)))
    return tuple(losses)


def _loss(step: Step, uses: list[_Use], whole: float, replaced: float) -> StepLoss:
    bits = math.inf if replaced <= 0.0 else math.log2(whole / replaced)
    first = {use.claim: use for use in reversed(uses)}
    claims = tuple(dict.fromkeys(use.claim for use in uses))
    return StepLoss(
        step.label,
        step.title,
        claims,
        tuple(dict.fromkeys(use.quantity or "distance" for use in uses)),
        tuple(first[name].ratio for name in claims),
        replaced,
        bits,
        all(use.same_place for use in uses),
    )


def _forms(instance: Instance) -> dict[str | None, sp.Expr]:
    """The closed forms that lead to the final bound, in order, and last the bound itself (None).

    A quantity that was given, a bound known at the observation in place of the general one, is no closed form here.
    """
    theorem, values = instance.theorem, instance.values
    definitions = {
        item.name: item.definition
        for item in theorem.definitions
        if item.definition is not None
        and item.name in values
        and {symbol.name for symbol in item.definition.free_symbols} <= values.keys()
        and evaluate_ball(item.definition, values).overlaps(values[item.name])
    }
    assert theorem.conclusion.distance is not None
    needed: dict[str | None, sp.Expr] = {None: theorem.conclusion.distance}
    pending = [theorem.conclusion.distance]
    while pending:
        for name in sorted(symbol.name for symbol in pending.pop().free_symbols):
            if name in definitions and name not in needed:
                needed[name] = definitions[name]
                pending.append(definitions[name])
    order = [name for name in definitions if name in needed]
    return {**{name: needed[name] for name in order}, None: theorem.conclusion.distance}


def _uses(claim: Claim, step: Step, instance: Instance, forms: Mapping[str | None, sp.Expr]) -> list[_Use]:
    if claim.relation == "=" or claim.bound.is_Atom:
        # A bare quantity bounds other things too: where it stands says nothing of this claim.
        return []
    found = [item for item in _findings(step, instance) if item.claim == claim.name and _tells(item)]
    known = {item.symbol for item in instance.theorem.quantities if item.role != "variable"}
    variables = frozenset(claim.bound.free_symbols - known)
    uses = []
    for name, form in forms.items() if found else ():
        part = place_of(claim.bound, variables, form)
        if part is not None:
            ratio, same = _measured_there(claim, found, instance, evaluate_ball(part, instance.values))
            uses.append(_Use(claim.name, name, part, ratio, same))
    return uses


def _findings(step: Step, instance: Instance) -> tuple[Finding, ...]:
    try:
        return instance.findings(step)
    except CertifyError:
        return ()


def _tells(finding: Finding) -> bool:
    return not finding.composed and math.isfinite(finding.measured)


def _measured_there(claim: Claim, found: list[Finding], instance: Instance, used: arb) -> tuple[float, bool]:
    """Measured over claimed at the finding whose claimed bound is nearest to the one used, and whether it is the same.

    What exceeds a claim by noise is no gain: the ratio is at most 1 for an upper bound, at least 1 for a lower one.
    """
    target = midpoint(used)

    def distance(claimed: float) -> float:
        if claimed == target:
            return 0.0
        return abs(math.log(claimed / target)) if claimed * target > 0 else math.inf

    pairs = [(midpoint(instance.enclosure(claim.bound, item.at)), _measured(item, claim)) for item in found]
    claimed, measured = min(pairs, key=lambda pair: distance(pair[0]))
    ratio = 1.0 if claimed == measured or claimed == 0.0 else measured / claimed
    bounded = min(max(ratio, 0.0), 1.0) if claim.relation == "<=" else max(ratio, 1.0)
    return bounded, distance(claimed) <= SAME_PLACE


def _measured(finding: Finding, claim: Claim) -> float:
    """The measured value; of a frequency of 0 the upper end of its interval, so that no loss is overstated."""
    if finding.measured == 0.0 and claim.relation == "<=" and finding.interval is not None:
        return finding.interval[1]
    return finding.measured


def _final(instance: Instance, forms: Mapping[str | None, sp.Expr], uses: list[_Use] | tuple[()]) -> float:
    """The final bound at the instance's inputs and choices, with these uses replaced by what was measured."""
    changed = dict(forms)
    for use in uses:
        changed[use.quantity] = without(changed[use.quantity], use.part, sp.Rational(use.ratio) * use.part)
    values = {name: value for name, value in instance.values.items() if name not in forms}
    for name, form in changed.items():
        if name is not None:
            values[name] = evaluate_ball(form, values)
    return midpoint(evaluate_ball(changed[None], values))
