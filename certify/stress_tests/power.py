"""Power: how wrong a theorem must be before its checks say so.

Four kinds of deliberately wrong theorems, found in any theorem without naming it: every constant of every claim moved
in the direction that claims more, every constant of every definition moved in either direction, every assumption
dropped (its constants replaced by what a sample shows), and every stated growth with a smaller exponent. Each must be
refuted, or is listed as hidden, with the slack that hides it and the factor at which it would be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import sympy as sp
from flint import arb

from certify import provenance
from certify.arithmetic.balls import midpoint, precision
from certify.bounds.bracket import json_number
from certify.codec import Readable
from certify.discovery.registry import load_theorem, theorems
from certify.errors import CertifyError
from certify.progress import Progress, SilentProgress
from certify.proof.instance import Instance
from certify.proof.judgement import decide, gravest, judge, slack
from certify.proof.theorem import Claim, Finding, Step, Theorem
from certify.stress_tests.bank import instances
from certify.stress_tests.dropped import dropped_assumptions
from certify.stress_tests.mutations import Constant, constants_of
from certify.stress_tests.wrong_definitions import wrong_definitions
from certify.stress_tests.wrong_growth import wrong_growth
from certify.threads import one_thread
from certify.verdict import Verdict

FACTORS = (1.1, 1.25, 1.5, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0)
"""By how much a constant is wrong; from 2 downwards first, then upwards."""
ASKED = 2.0
"""The factor that every wrong constant has in the table: halved or doubled."""


MATERIAL = arb("1e-3")
"""A change of a bound by less than this part of it is none: at m = 1 the exponent of m does nothing."""
MOST_FINDINGS = 24
RESTING = "rests on an assumption, refutes nothing"
Measured: TypeAlias = tuple[Instance, Finding]


@dataclass(frozen=True)
class WrongClaim(Readable):
    """One deliberately wrong statement and whether it was seen.

    noticed   the smallest factor (or exponent) tried that is refuted; None if none is
    slack     the smallest slack of the honest claim, which hides smaller errors; NaN where there is none
    outcome   `refuted` as asked (constant halved or doubled), else why not
    """

    theorem: str
    step: str
    claim: str
    change: str
    outcome: str
    noticed: float | None = None
    slack: float = math.nan

    @property
    def refuted(self) -> bool:
        """Whether the wrong statement was refuted as asked."""
        return self.outcome.startswith("refuted")

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "theorem": self.theorem,
            "step": self.step,
            "claim": self.claim,
            "change": self.change,
            "outcome": self.outcome,
            "noticed": self.noticed,
            "slack": json_number(self.slack),
        }


@dataclass(frozen=True)
class PowerResult(Readable):
    """Every wrong statement about every theorem, and what became of it."""

    NAMES: ClassVar[Mapping[str, str]] = {"rows": "wrong"}

    rows: tuple[WrongClaim, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"schema": 1, "wrong": [row.to_dict() for row in self.rows], "provenance": self.provenance}


@dataclass(frozen=True)
class Power:
    """What a check can see of one claim over some instances.

    `slack` is the smallest slack of the honest claim; `noticed` the smallest relative change in the wrong direction
    that some instance refutes, None if none of those tried is; `honest` the gravest verdict of the claim as it stands.
    """

    slack: float
    noticed: Fraction | None
    honest: Verdict


def power(step: Step, name: str, bank: Sequence[Instance], amounts: Sequence[Fraction]) -> Power:
    """Power of the check of the claim `name` of `step` on the instances of `bank`, over increasing `amounts`."""
    (claim,) = (item for item in step.claims if item.name == name)
    measured = [
        [(instance, finding) for finding in _findings(step, instance) if finding.claim == name] for instance in bank
    ]
    records = [
        gravest([judge(claim, finding, instance, instance.theorem.tex) for instance, finding in pairs])
        for pairs in measured
        if pairs
    ]
    mine = [pair for pairs in measured for pair in pairs]
    return Power(
        min((record.slack for record in records), default=math.nan),
        next((amount for amount in amounts if _refuted(strengthened(claim, amount), mine)), None),
        max((record.verdict for record in records), key=lambda verdict: verdict.rank, default=Verdict.INCONCLUSIVE),
    )


def strengthened(claim: Claim, amount: Fraction) -> Claim:
    """The claim with its bound moved by the relative `amount` in the direction that claims more.

    An identity and a lower bound are raised, an upper bound is lowered; a bound of 0 moves by `amount` itself.
    """
    change = sp.Rational(amount.numerator, amount.denominator)
    if claim.bound.is_zero:
        return replace(claim, bound=-change)
    return replace(claim, bound=(1 - change if claim.relation == "<=" else 1 + change) * claim.bound)


def power_table(
    theorem_names: Sequence[str] = (), *, seed: int = 0, progress: Progress | None = None, command: str = ""
) -> PowerResult:
    """The power of the checks of theorems (all discovered ones if none is named); the same for the same seed."""
    start = provenance.started()
    progress = SilentProgress() if progress is None else progress
    rows: list[WrongClaim] = []
    named = [load_theorem(name) for name in theorem_names] or list(theorems().values())
    progress.start("power", len(named) * 4)
    with np.errstate(all="ignore"), one_thread():
        for theorem in named:
            bank = instances(theorem, seed)
            for part in (wrong_constants, _definitions, _dropped, _growth):
                rows += part(theorem, bank, seed)
                progress.advance()
    progress.finish()
    return PowerResult(tuple(rows), provenance.provenance(command, seed, start))


def wrong_constants(theorem: Theorem, bank: Sequence[Instance], seed: int) -> list[WrongClaim]:
    """Every constant of every claim, halved or doubled where that claims more than the theorem does."""
    rows = []
    for step in theorem.steps:
        measured = [(instance, finding) for instance in bank for finding in _findings(step, instance)]
        for claim in step.claims:
            mine = _tightest(claim, [pair for pair in measured if pair[1].claim == claim.name])
            for constant in constants_of(_expanded(theorem, claim, mine).bound):
                rows.append(_wrong(theorem, step.label, claim, constant, mine))
    return [row for row in rows if row is not None]


def wrong_signs(theorem: Theorem, bank: Sequence[Instance]) -> list[WrongClaim]:
    """Every additive term of every claim, and the whole, with the other sign, where that claims more."""
    rows = []
    for step in theorem.steps:
        measured = [(instance, finding) for instance in bank for finding in _findings(step, instance)]
        for claim in step.claims:
            mine = _tightest(claim, [pair for pair in measured if pair[1].claim == claim.name])
            spelled = _expanded(theorem, claim, mine)
            for place in constants_of(spelled.bound):
                if place.path and not place.text.startswith("term"):
                    continue
                wrong = replace(spelled, bound=place.scaled(spelled.bound, sp.Integer(-1)))
                moving = [pair for pair in mine if _claims_more(spelled, wrong, *pair)][:MOST_FINDINGS]
                if moving:
                    outcome = "refuted" if _refuted(wrong, moving) else "hidden by slack"
                    honest = _slack(claim, *mine[0])
                    change = f"{place.text} with the other sign"
                    rows.append(WrongClaim(theorem.id, step.label, claim.name, change, outcome, None, honest))
    return rows


def _findings(step: Step, instance: Instance) -> tuple[Finding, ...]:
    """What a step's check finds, with every re-check in balls made at most once."""
    try:
        found = step.check(instance)
    except CertifyError:
        return ()
    return tuple(
        item if item.recheck is None else replace(item, recheck=cache(item.recheck))
        for item in found
        if not item.composed and not math.isnan(item.measured)
    )


def _tightest(claim: Claim, mine: Sequence[Measured]) -> list[Measured]:
    """The findings, those first that come closest to violating the claim."""
    order = sorted(range(len(mine)), key=lambda index: _slack(claim, *mine[index]))
    return [mine[index] for index in order]


def _expanded(theorem: Theorem, claim: Claim, mine: Sequence[Measured]) -> Claim:
    """The claim with its bound spelled out where it is one defined symbol that no finding gives a value of its own."""
    bound = claim.bound
    overridden = {name for _, finding in mine for name in finding.at}
    if isinstance(bound, sp.Symbol) and bound.name not in overridden:
        definition = next((item.definition for item in theorem.quantities if item.symbol == bound), None)
        return claim if definition is None else replace(claim, bound=definition)
    return claim


def _wrong(
    theorem: Theorem, label: str, claim: Claim, constant: Constant, mine: Sequence[Measured]
) -> WrongClaim | None:
    """The wrong claim with this constant moved; None where moving it never claims more."""
    honest = _slack(claim, *mine[0]) if mine else math.nan
    spelled = _expanded(theorem, claim, mine)
    best: tuple[float, str] | None = None
    sharper = None
    for up in (True, False):
        # A closed form is made when it is asked for: sympy takes long over a minimum of many terms.
        moved = cache(partial(_moved, spelled, constant, up))
        # Only findings whose bound moves can tell: at M2 = 0 the constant beside M2 does nothing.
        moving = [pair for pair in mine if _claims_more(spelled, moved(ASKED), *pair)][:MOST_FINDINGS]
        if not moving:
            continue
        change = f"{constant.text} {'doubled' if up else 'halved'}"
        sharper = sharper or change
        noticed = _smallest(moved, moving)
        if noticed is not None and (best is None or noticed < best[0]):
            best = (noticed, change)
    if sharper is None:
        return None
    if best is None:
        resting = bool(mine) and all(finding.assumption for _, finding in mine)
        reason = RESTING if resting else "hidden by slack" if mine else "not measured on any instance"
        return WrongClaim(theorem.id, label, claim.name, sharper, reason, None, honest)
    outcome = "refuted" if best[0] <= ASKED else "hidden by slack"
    return WrongClaim(theorem.id, label, claim.name, best[1], outcome, best[0], honest)


def _smallest(moved: Callable[[float], Claim], mine: Sequence[Measured]) -> float | None:
    """The smallest factor that is refuted: below 2 if 2 is, else above."""
    below = [factor for factor in FACTORS if factor <= ASKED]
    above = [factor for factor in FACTORS if factor > ASKED]
    if _refuted(moved(ASKED), mine):
        return next(factor for factor in below if factor == ASKED or _refuted(moved(factor), mine))
    return next((factor for factor in above if _refuted(moved(factor), mine)), None)


def _moved(claim: Claim, constant: Constant, up: bool, factor: float) -> Claim:
    exact = sp.Rational(str(factor))
    if claim.bound.is_zero:
        # Nothing can be multiplied: 0 becomes 1 - factor or factor - 1.
        return replace(claim, bound=exact - 1 if up else 1 - exact)
    return replace(claim, bound=constant.scaled(claim.bound, exact if up else 1 / exact))


def _claims_more(honest: Claim, wrong: Claim, instance: Instance, finding: Finding) -> bool:
    try:
        with precision():
            before, after = (instance.enclosure(item.bound, finding.at) for item in (honest, wrong))
            least = MATERIAL * abs(before)
    except (TypeError, ValueError, KeyError, ZeroDivisionError):
        return False
    if honest.relation == "=":
        return bool(abs(after - before) > least)
    return bool(before - after > least) if honest.relation == "<=" else bool(after - before > least)


def _refuted(claim: Claim, mine: Sequence[Measured]) -> bool:
    return any(decide(claim, finding, instance) is Verdict.REFUTED for instance, finding in mine)


def _slack(claim: Claim, instance: Instance, finding: Finding) -> float:
    """Slack of the honest claim at a finding; 1 where it is an identity."""
    if claim.relation == "=":
        return 1.0
    with precision():
        claimed = instance.enclosure(claim.bound, finding.at)
    return max(1.0, slack(claim.relation, midpoint(claimed), finding.measured))


def _definitions(theorem: Theorem, bank: Sequence[Instance], seed: int) -> list[WrongClaim]:
    return [
        WrongClaim(theorem.id, "definition", name, change, outcome, noticed)
        for name, change, outcome, noticed in wrong_definitions(theorem, bank)
    ]


def _dropped(theorem: Theorem, bank: Sequence[Instance], seed: int) -> list[WrongClaim]:
    return [
        WrongClaim(theorem.id, label, "assumption", f"dropped, on {kind}", outcome)
        for label, kind, outcome in dropped_assumptions(theorem, seed)
    ]


def _growth(theorem: Theorem, bank: Sequence[Instance], seed: int) -> list[WrongClaim]:
    return [
        WrongClaim(theorem.id, "growth", name, change, "refuted" if noticed is not None else "hidden by slack", noticed)
        for name, change, noticed in wrong_growth(theorem, seed)
    ]
