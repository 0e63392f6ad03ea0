"""Grid search of a theorem's free choices, in floats: on the coordinates and the logarithm of the length.

What it finds is a candidate: `certify.proof.optimiser` evaluates it again in balls, side conditions included.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, lower, midpoint
from certify.proof.closed_forms import dependencies, is_known, sequence
from certify.proof.search import Search
from certify.proof.theorem import Condition, Theorem
from certify.symbolic.evaluation import compile_sequence

COARSE_LENGTHS, ZOOM_POINTS, ZOOM_ROUNDS, ZOOM_FACTOR = 96, 9, 10, 0.35


class GridSearch:
    """The grid search of a theorem at inputs of given names, its closed forms compiled in the order of what they need.

    First what the inputs alone decide, then what needs the coordinates, then what needs the length: where a condition
    on the coordinates fails everywhere there is no more to evaluate.
    """

    def __init__(self, theorem: Theorem, names: Collection[str]) -> None:
        search, distance = theorem.conclusion.search, theorem.conclusion.distance
        assert isinstance(search, Search), "a strategy of its own has no grid"
        assert distance is not None, "a search has a distance to keep below epsilon"
        conditions = theorem.conclusion.conditions
        sides = [side for item in conditions for side in (item.left, item.right)]
        wanted = dependencies(theorem, [distance, search.length, *sides, *search.choices])
        known = set(names)

        def stage(added: Collection[str]) -> tuple[tuple[str, sp.Expr], ...]:
            known.update(added)
            found = sequence(theorem, known, wanted=wanted)
            known.update(name for name, _ in found)
            return found

        self.search = search
        self._at_inputs = compile_sequence(stage(()))
        at_places = stage([item.symbol.name for item in search.coordinates])
        early = [item for item in conditions if is_known(item.left, known) and is_known(item.right, known)]
        late = [item for item in conditions if item not in early]
        self._at_places = compile_sequence((*at_places, *_sides(early)))
        self._at_lengths = compile_sequence((*stage([search.length.name]), *_sides(late), (_DISTANCE, distance)))
        self._early, self._late = len(early), len(late)

    def best(self, inputs: Mapping[str, Real], epsilon: float, any_will_do: bool = False) -> dict[str, Fraction] | None:
        """The choices of the best cell, refined around it round by round; None where none is within epsilon.

        The score is the logarithm of the length where the distance is at most epsilon and the distance itself
        elsewhere; with epsilon = 0 the smallest distance wins. If `any_will_do` the first cell within epsilon is not
        refined: no later round could lose it. Estimate.
        """
        require = epsilon > 0.0 or any_will_do
        constants = self._at_inputs({name: np.asarray(_as_float(value)) for name, value in inputs.items()})
        axes = [_axis(item.lower, item.upper, item.points, item.scale) for item in self.search.coordinates]
        axes.append(_axis(1.0, self.search.length_limit, COARSE_LENGTHS, "log"))
        spans = [np.ptp(axis) for axis in axes]
        best: tuple[float, float, list[float]] | None = None
        for _ in range(ZOOM_ROUNDS):
            found = self._best_cell(constants, axes, epsilon)
            best = found if found is not None and (best is None or found[0] < best[0]) else best
            if best is None:
                return None
            if any_will_do and best[1] <= epsilon:
                break
            spans = [span * ZOOM_FACTOR for span in spans]
            axes = [
                np.clip(np.linspace(centre - span / 2, centre + span / 2, ZOOM_POINTS), *self._ends(index))
                for index, (centre, span) in enumerate(zip(best[2], spans, strict=True))
            ]
        if best is None or (require and best[1] > epsilon):
            return None
        return self._exact_choices(constants, best[2])

    def _best_cell(
        self, constants: Mapping[str, FloatArray], axes: list[FloatArray], epsilon: float
    ) -> tuple[float, float, list[float]] | None:
        """Score, distance and point of the first best cell of a grid; None where no cell has a distance."""
        shape = tuple(len(axis) for axis in axes)
        *places, lengths = np.ix_(*axes)
        values = self._at_places({**constants, **self._coordinates(places)})
        holding = _holding(self._early, values, (*shape[:-1], 1))
        if not holding.any():
            return None
        values = self._at_lengths({**values, **self._length(lengths)})
        holding = holding & _holding(self._late, values, shape)
        distance = np.broadcast_to(values[_DISTANCE], shape)
        distance = np.where(holding & ~np.isnan(distance), distance, np.inf)
        score = np.where(distance <= epsilon, np.log(values[self.search.length.name]) - 1e3, distance)
        cell = np.unravel_index(int(np.argmin(score)), shape)
        if not np.isfinite(score[cell]):
            return None
        return float(score[cell]), float(distance[cell]), [float(axis[i]) for axis, i in zip(axes, cell, strict=True)]

    def _coordinates(self, points: Sequence[Any]) -> dict[str, FloatArray]:
        return {
            item.symbol.name: np.asarray(np.exp(point) if item.scale == "log" else point)
            for item, point in zip(self.search.coordinates, points, strict=True)
        }

    def _length(self, logarithm: Any) -> dict[str, FloatArray]:
        return {self.search.length.name: np.asarray(np.ceil(np.exp(logarithm)))}

    def _exact_choices(self, constants: Mapping[str, FloatArray], point: list[float]) -> dict[str, Fraction]:
        *place, length = [np.float64(item) for item in point]
        values = self._at_lengths(
            {**self._at_places({**constants, **self._coordinates(place)}), **self._length(length)}
        )
        choices = {symbol.name: Fraction(float(values[symbol.name])) for symbol in self.search.choices}
        choices[self.search.length.name] = Fraction(int(values[self.search.length.name]))
        return choices

    def _ends(self, index: int) -> tuple[float, float]:
        if index == len(self.search.coordinates):
            return 0.0, math.log(self.search.length_limit)
        item = self.search.coordinates[index]
        return (math.log(item.lower), math.log(item.upper)) if item.scale == "log" else (item.lower, item.upper)


_DISTANCE = "the distance"
"""No quantity's name has a space, so that what is evaluated beside the quantities cannot be one of them."""


def _sides(conditions: Sequence[Condition]) -> tuple[tuple[str, sp.Expr], ...]:
    return tuple(
        (f"{side} {index}", expression)
        for index, item in enumerate(conditions)
        for side, expression in (("left", item.left), ("right", item.right))
    )


def _holding(conditions: int, values: Mapping[str, FloatArray], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    holding = np.ones(shape, dtype=bool)
    for index in range(conditions):
        holding &= values[f"left {index}"] <= values[f"right {index}"]
    return holding


def _axis(low: float, high: float, points: int, scale: str) -> FloatArray:
    return np.linspace(math.log(low), math.log(high), points) if scale == "log" else np.linspace(low, high, points)


def _as_float(value: Real) -> float:
    exact = ball(value)
    return math.inf if lower(exact) == math.inf else midpoint(exact)
