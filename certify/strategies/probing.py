"""Constants and assumptions of a small generator, quickly and the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.strategies import SearchStrategy

from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.bounds.effort import DEFAULT_EFFORT
from certify.generators.graph import Generator
from certify.proof.records import AssumptionRecord
from certify.proof.theorem import Theorem
from certify.strategies.seeded import seed_alone
from certify.threads import one_thread
from certify.verdict import Verdict

Drawn = TypeVar("Drawn")

METHODS = ("composition", "residual rule", "one hidden layer", "semidefinite", "chain rule")
"""Methods that end by themselves: a result never depends on how fast the machine is."""
BUDGET = 600.0
FAILING = frozenset({Verdict.REFUTED, Verdict.INCONCLUSIVE})
REMEMBERED = 512


class _Key:
    """A generator that is looked up by the digest of its graph."""

    def __init__(self, generator: Generator) -> None:
        self.generator, self.digest = generator, generator.sha256

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.digest == self.digest


def brackets(
    generator: Generator, effort: float = DEFAULT_EFFORT, methods: tuple[str, ...] = METHODS
) -> ConstantBrackets:
    """Certified brackets of the constants on all of R^d, by methods that need no time limit. Rounded outward."""
    return _brackets(_Key(generator), effort, methods)


@lru_cache(maxsize=REMEMBERED)
def _brackets(key: _Key, effort: float, methods: tuple[str, ...]) -> ConstantBrackets:
    return constants(key.generator, budget=BUDGET, methods=methods, effort=effort)


def decided(
    theorem: Theorem, generator: Generator, effort: float = DEFAULT_EFFORT, methods: tuple[str, ...] = METHODS
) -> tuple[AssumptionRecord, ...]:
    """The theorem's own decision of each of its assumptions, by constants found with this effort."""
    found = brackets(generator, effort, methods)
    with one_thread():
        return tuple(item.at(generator, found) for item in theorem.assumptions)


def failing(records: Sequence[AssumptionRecord]) -> frozenset[str]:
    """Labels of the assumptions that are refuted or undecided."""
    return frozenset(item.label for item in records if item.verdict in FAILING)


def probes(strategy: SearchStrategy[Drawn], count: int, seed: int = 0) -> list[Drawn]:
    """A few examples of a strategy, always the same ones; fewer where most draws are rejected."""
    found: list[Drawn] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def collect(drawn: Drawn) -> None:
        found.append(drawn)

    try:
        with seed_alone():
            collect()
    except hypothesis.errors.Unsatisfiable:
        return found
    return found
