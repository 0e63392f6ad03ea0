"""The strategy of a theorem without free choices and without a distance to reach: it holds at every noise level."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from certify.arithmetic.balls import Real
from certify.generators.graph import Generator
from certify.proof.optimiser import Certificate, certify_choices
from certify.proof.theorem import Conclusion, Theorem

Notes: TypeAlias = Callable[[Certificate, Generator | None], tuple[str, ...]]


@dataclass(frozen=True)
class Evaluation:
    """A `Strategy`: the closed forms in balls, whatever the noise level."""

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls."""
        return certify_choices(theorem, inputs, {})

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """The evaluation in balls."""
        return certify_choices(theorem, inputs, {})

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """Infinity, with the evaluation at the noise level 1."""
        certificate = certify_choices(theorem, {**inputs, "beta": 1}, {})
        return None if certificate is None else (math.inf, certificate)


def evaluated(statement: str, latex: str, notes: Notes, **more: Any) -> Conclusion:
    """The conclusion of a theorem that evaluates closed forms at every noise level; `more` are further fields."""
    return Conclusion(
        statement=statement,
        latex=latex,
        distance=None,
        conditions=(),
        search=Evaluation(),
        layers=(),
        paper_form="none: the theorem is this project's",
        size=None,
        measure=None,
        observation_bounds=lambda generator, brackets, observation, noise: {},
        notes=notes,
        **more,
    )
