"""Power of the checks: how far a claim must be strengthened before its check refutes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy as sp

from certify.proof.check import run_step
from certify.proof.instance import Instance
from certify.proof.theorem import Claim, Step
from certify.verdict import Verdict


@dataclass(frozen=True)
class Power:
    """What the checks can see of one claim over some instances.

    `slack` is the smallest slack of the honest claim; `noticed` the smallest relative change in the wrong
    direction that some instance refutes, None if none of those tried is.
    """

    label: str
    claim: str
    slack: float
    noticed: Fraction | None
    honest: Verdict


def strengthened(step: Step, name: str, amount: Fraction) -> Step:
    """The step with the bound of one claim moved by the relative `amount` in the direction that claims more.

    An identity and a lower bound are raised, an upper bound is lowered; a bound of 0 moves by `amount` itself.
    """

    def move(claim: Claim) -> Claim:
        change = sp.Rational(amount.numerator, amount.denominator)
        if claim.bound.is_zero:
            return replace(claim, bound=-change)
        return replace(claim, bound=(1 - change if claim.relation == "<=" else 1 + change) * claim.bound)

    return replace(step, claims=tuple(move(claim) if claim.name == name else claim for claim in step.claims))


def power(step: Step, name: str, instances: Sequence[Instance], amounts: Sequence[Fraction]) -> Power:
    """Power of the check of the claim `name` of `step` on `instances`, over increasing `amounts`."""
    slacks: list[float] = []
    verdicts: list[Verdict] = []
    for instance in instances:
        record = next((item for item in run_step(step, instance).claims if item.name == name), None)
        if record is not None:
            slacks.append(record.slack)
            verdicts.append(record.verdict)
    noticed = next(
        (
            amount
            for amount in amounts
            if any(_refuted(strengthened(step, name, amount), name, instance) for instance in instances)
        ),
        None,
    )
    worst = max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.INCONCLUSIVE)
    return Power(step.label, name, min(slacks, default=math.nan), noticed, worst)


def _refuted(step: Step, name: str, instance: Instance) -> bool:
    return any(item.name == name and item.verdict is Verdict.REFUTED for item in run_step(step, instance).claims)
