"""Conformance of a theorem for its author's own tests: what a proof on paper owes when it becomes a program.

    from certify.testing import TheoremConformance

    class TestDescentLemma(TheoremConformance):
        theorem = "descent_lemma.py"
        numbers = {("mu=1,L=4,h=1/4", "q"): "3/4"}
        violations = {"S2": (concave, "mu=1,L=4,h=1/4")}

pytest runs five tests: the file has no defects; every worked number is the closed form's; every claim holds at the
places; every claim with one constant halved or doubled, or one sign changed, so that it claims more, is refuted there,
or its slack is listed; and where an assumption is violated, the theorem is not said to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.checking.check import check_theorem
from certify.checking.points import instance_at, point_of
from certify.checking.running import run_step
from certify.discovery.lint import defects
from certify.discovery.registry import lint, load_theorem
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.proof.theorem import Finding, Theorem
from certify.strategies.probing import brackets
from certify.stress_tests.bank import instances, placed
from certify.stress_tests.power import wrong_constants, wrong_signs
from certify.threads import one_thread
from certify.verdict import Verdict

Check: TypeAlias = Callable[[Instance], tuple[Finding, ...]]
FEWEST_DIGITS = 6
NARROWEST = Fraction(1, 10**12)
"""Relative width up to which an enclosure stands for the number that it encloses."""


class TheoremConformance:
    """Base class of a pytest class; its name begins with `Test`.

    theorem     a theorem, its id, or its Python file
    at          places: points such as "mu=1,L=4,h=1/4", or specifications of generators; none: the theorem's own
    numbers     worked numbers by (point, quantity), from another program or by hand: a decimal of at least six digits,
                meant to one unit of its last place, or a rational "3/4", meant exactly
    slack       wrong claims that the slack of a step hides, as the failing test names them; no more and no less
    violations  by the label of an assumption a generator that violates it (a specification); in a theorem about
                constants alone by the label of a step a check on an object that violates an assumption, and a point
    """

    theorem: ClassVar[str | Path | Theorem]
    at: ClassVar[Sequence[str]] = ()
    numbers: ClassVar[Mapping[tuple[str, str], str]] = {}
    slack: ClassVar[frozenset[str]] = frozenset()
    violations: ClassVar[Mapping[str, str | tuple[Check, str]]] = {}

    def test_it_has_no_defects(self) -> None:
        """Everything is declared, exact, ordered and printable."""
        given = self.theorem
        found = [item.text for item in defects(given)] if isinstance(given, Theorem) else _defects(str(given))
        assert found == []

    def test_worked_numbers(self) -> None:
        """Every closed form that is given has the stated value."""
        assert self.numbers, "give at least one worked number"
        for (point, name), value in self.numbers.items():
            assert_number(self.theorem, point, name, value)

    def test_every_claim_holds(self) -> None:
        """No claim is refuted, and every one is measured somewhere."""
        theorem = loaded(self.theorem)
        bank = instances_at(theorem, self.at)
        for step in theorem.steps:
            records = [run_step(step, instance) for instance in bank]
            for claim in step.claims:
                verdicts = {item.verdict for record in records for item in record.claims if item.name == claim.name}
                assert verdicts, f"{step.label} `{claim.name}` is measured nowhere"
                assert Verdict.REFUTED not in verdicts, f"{step.label} `{claim.name}` is refuted"

    def test_wrong_claims_are_refuted(self) -> None:
        """What survives is hidden by slack, and listed."""
        survivors = surviving_claims(self.theorem, self.at)
        assert set(survivors) - self.slack == set(), "wrong claims that nothing refutes"
        assert self.slack - set(survivors) == set(), "listed as slack, and refuted"

    def test_violations_are_seen(self) -> None:
        """Where an assumption is violated the theorem says nothing, or its step is refuted."""
        assert self.violations, "give at least one object that violates an assumption"
        for label, case in self.violations.items():
            assert_violation(self.theorem, label, case)


def loaded(theorem: str | Path | Theorem) -> Theorem:
    """The theorem itself, or the one with this id or in this file."""
    return theorem if isinstance(theorem, Theorem) else load_theorem(str(theorem))


def instances_at(theorem: Theorem, places: Sequence[str] = ()) -> list[Instance]:
    """The theorem at points or generators; none given: its own points, or generators on which most claims are tight.

    Raises:
        InputError: for a place at which it has no choice, or does not apply.
    """
    if not places:
        return instances(theorem, 0)
    found = []
    for place in places:
        instance = (
            instance_at(theorem, point_of(theorem, place)) if theorem.points else placed(theorem, load_generator(place))
        )
        if instance is None:
            raise InputError(f"theorem `{theorem.id}` has no instance at `{place}`")
        found.append(instance)
    return found


def assert_number(theorem: str | Path | Theorem, point: str, name: str, value: str) -> None:
    """Hold a quantity's closed form at a point against its stated value, in balls.

    `name` is a quantity, or `tv_bound` for the conclusion's distance. AssertionError if the enclosure does not lie
    within a unit of the last place of a decimal, or does not contain a rational.
    """
    found = loaded(theorem)
    instance = instance_at(found, point_of(found, point))
    assert instance is not None, f"no choice meets the side conditions at {point}"
    with precision():
        if name == "tv_bound" and found.conclusion.distance is not None:
            enclosed = instance.enclosure(found.conclusion.distance)
        else:
            found.quantity(name)
            enclosed = instance.values[name]
        assert agrees(enclosed, value), f"{name} at {point} is {enclosed.str(15)}, stated {value}"


def agrees(enclosed: arb, value: str) -> bool:
    """Whether an enclosure is narrow and what the text says: a decimal to its last place, a rational exactly."""
    stated = Fraction(value)
    if "/" in value or "." not in value:
        # Two balls of the same number overlap; FLINT's `contains` rounds the rational first and may deny it.
        return bool(enclosed.overlaps(ball(stated)) and enclosed.rad() <= ball(NARROWEST) * (1 + abs(enclosed.mid())))
    digits = Decimal(value)
    if len(digits.as_tuple().digits) < FEWEST_DIGITS:
        raise InputError(f"a worked number has at least {FEWEST_DIGITS} digits, or is a rational p/q; got {value}")
    unit = Fraction(10) ** int(digits.as_tuple().exponent)
    return bool(enclosed >= ball(stated - unit)) and bool(enclosed <= ball(stated + unit))


def surviving_claims(theorem: str | Path | Theorem, places: Sequence[str] = ()) -> tuple[str, ...]:
    """The wrong claims that nothing refutes at these places: "S2 step: term 1 doubled", each once.

    Wrong is a claim with one constant halved or doubled, or one term of the other sign, that says more than the
    theorem's.
    """
    found = loaded(theorem)
    bank = instances_at(found, places)
    with np.errstate(all="ignore"), one_thread():
        rows = (*wrong_constants(found, bank, 0), *wrong_signs(found, bank))
    return tuple(dict.fromkeys(f"{row.step} {row.claim}: {row.change}" for row in rows if not row.refuted))


def assert_violation(theorem: str | Path | Theorem, label: str, case: str | tuple[Check, str]) -> None:
    """An object that violates an assumption is seen.

    With a specification: the assumption `label` is refuted at that generator, and the theorem not said to hold. With a
    check and a point: the step `label` is refuted when its own check is replaced by this one.
    """
    found = loaded(theorem)
    if isinstance(case, str):
        generator = load_generator(case)
        record = check_theorem(found, generator, brackets(generator), None, Fraction(1, 10), None, 0)
        verdicts = {item.label: item.verdict for item in record.assumptions}
        assert verdicts[label] is Verdict.REFUTED, f"{label} is {verdicts[label]} at {case}"
        assert not record.verdict.holds, f"the theorem is {record.verdict} at {case}, where {label} fails"
        return
    check, point = case
    (instance,) = instances_at(found, (point,))
    verdict = run_step(replace(found.step(label), check=check), instance).verdict
    assert verdict is Verdict.REFUTED, f"{label} is {verdict} at {point}, on an object that violates an assumption"


def _defects(name: str) -> list[str]:
    if name.endswith(".py"):
        return lint(Path(name))
    return [item.text for item in defects(load_theorem(name))]
