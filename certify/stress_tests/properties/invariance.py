"""Constants and verdicts belong to the map, not to how it is written: other frames and other nodes change nothing."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.generators.graph import Generator
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds, admissible_generators
from certify.strategies.networks import affine_generators
from certify.strategies.probing import BUDGET, METHODS
from certify.strategies.transformations import invariant_changes
from certify.stress_tests.case import Case
from certify.stress_tests.property import Measurement, Property
from certify.verdict import Verdict

NAME = "invariance"
READS = ("generator", "partner")
WITNESSED = (*METHODS, "witness")
ROUNDING = 1e-12
"""Relative, of M: what the rounding of a float frame may change. A signed permutation changes nothing."""
WORST_CONDITION = 1e8


def cases(theorem: Theorem, kinds: Kinds, seed: int) -> st.SearchStrategy[Case]:
    """A generator that the theorem admits (ill-conditioned affine ones among them) and its changed form."""
    if not kinds.admissible:
        return st.nothing()
    pools = [admissible_generators(theorem, kinds)]
    if "affine" in kinds.admissible:
        pools.append(affine_generators(largest_condition=WORST_CONDITION))

    @st.composite
    def drawn(draw: st.DrawFn) -> Case:
        generator = draw(st.one_of(pools))
        name, exact, partner = draw(invariant_changes(generator))
        detail = name if exact else f"{name}, rounded"
        return Case(theorem.id, NAME, generator, partner, detail=detail, seed=seed)

    return drawn()


def evaluate(theorem: Theorem, case: Case) -> tuple[Measurement, ...]:
    """One measurement per constant (do the certified brackets overlap?), one for the assumptions about constants."""
    assert case.generator is not None and case.partner is not None, "a case of this property has two generators"
    first, second = (_brackets(generator, case.seed) for generator in (case.generator, case.partner))
    allowance = 0.0 if not case.detail.endswith("rounded") else ROUNDING
    found = [_overlap(name, first, second, allowance) for name, _ in first.items()]
    return (*found, _verdicts(theorem, case, first, second))


def _brackets(generator: Generator, seed: int) -> ConstantBrackets:
    return constants(generator, budget=BUDGET, seed=seed, methods=WITNESSED)


def _overlap(name: str, first: ConstantBrackets, second: ConstantBrackets, allowance: float) -> Measurement:
    one, other = dict(first.items())[name], dict(second.items())[name]
    lowest = max(_or(one.lower, 0.0), _or(other.lower, 0.0))
    highest = min(_or(one.upper, math.inf), _or(other.upper, math.inf))
    largest = max(_or(first.M.upper, math.inf), _or(second.M.upper, math.inf))
    apart = lowest > highest + (allowance * largest if math.isfinite(largest) else 0.0)
    slack = 1.0 if lowest == highest else math.inf if lowest == 0.0 else highest / lowest
    return Measurement(
        f"bracket of {name}",
        Verdict.REFUTED if apart else Verdict.SUPPORTED,
        slack,
        highest,
        lowest,
        reason="no number lies in both brackets" if apart else "",
    )


def _verdicts(theorem: Theorem, case: Case, first: ConstantBrackets, second: ConstantBrackets) -> Measurement:
    assert case.generator is not None and case.partner is not None, "a case of this property has two generators"
    contradictions = []
    # What is assumed of the graph itself (a circuit's coordinates, its activations) may depend on frame and nodes.
    for item in (item for item in theorem.assumptions if item.constant is not None):
        pair = {item.at(case.generator, first).verdict, item.at(case.partner, second).verdict}
        if Verdict.REFUTED in pair and any(verdict.holds for verdict in pair):
            contradictions.append(item.label)
    verdict = Verdict.REFUTED if contradictions else Verdict.SUPPORTED
    reason = f"established for one and refuted for the other: {', '.join(contradictions)}" if contradictions else ""
    return Measurement("verdict of the assumptions", verdict, reason=reason)


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


PROPERTY = Property(NAME, "frames, copied neurons and rewritten layers change nothing", 1.0, cases, evaluate, READS)
