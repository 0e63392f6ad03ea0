"""The optimiser of a theorem's free choices: shortest encoder at given beta and eps, largest beta at given eps.

Every choice that meets the side conditions is a valid theorem, so the search may be as rough as it likes:
it runs in floats, and what it returns was evaluated again in balls, rounded outward, conditions included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, lower, midpoint, precision, upper
from certify.arithmetic.searches import FROM_THE_EDGE, confirmed, first_feasible, largest
from certify.proof.certified_choices import Certificate as Certificate
from certify.proof.closed_forms import dependencies, enclose, estimate, estimated, is_known
from certify.proof.theorem import Condition, Search, Theorem
from certify.symbolic.evaluation import evaluate_ball

COARSE_LENGTHS, ZOOM_POINTS, ZOOM_ROUNDS, ZOOM_FACTOR = 96, 9, 10, 0.35
LARGEST_EXPONENT, SMALLEST_EXPONENT, HALVINGS = 64, -200, 24
"""Of 2, times m, between which the largest noise level is looked for; and of the last octave's logarithm."""


def certify_choices(
    theorem: Theorem, inputs: Mapping[str, Real], choices: Mapping[str, Fraction]
) -> Certificate | None:
    """Evaluate the conclusion at `choices` in balls; None unless every side condition is met beyond doubt."""
    values = enclose(theorem, {**inputs, **choices})
    with precision():
        for condition in theorem.conclusion.conditions:
            if not holds(condition, values):
                return None
        goal = theorem.conclusion.distance
        distance = ball(0) if goal is None else evaluate_ball(goal, values)
    return Certificate(values, choices, upper(distance))


def certify_within(theorem: Theorem, inputs: Mapping[str, Real], choices: Mapping[str, Fraction]) -> Certificate | None:
    """As `certify_choices`, and None unless the distance is at most `inputs["epsilon"]` beyond doubt."""
    certificate = certify_choices(theorem, inputs, choices)
    if certificate is None:
        return None
    with precision():
        return certificate if ball(certificate.distance_upper) <= ball(inputs["epsilon"]).lower() else None


def holds(condition: Condition, values: Mapping[str, arb]) -> bool:
    """Whether the side condition holds for all reals in the balls (False also when it is undecided)."""
    left, right = evaluate_ball(condition.left, values), evaluate_ball(condition.right, values)
    return bool(left < right) if condition.strict else bool(left <= right)


def shortest(theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
    """Certified choices with the fewest stochastic layers found such that the distance is <= epsilon.

    `inputs` holds the constants and settings (with `beta` and `epsilon`). None if no choice was found.
    """
    search = theorem.conclusion.search
    if search is None:
        # Without free choices there is one evaluation; it is within epsilon, or nothing is asked to be.
        return (certify_choices if theorem.conclusion.distance is None else certify_within)(theorem, inputs, {})
    if not isinstance(search, Search):
        return search.shortest(theorem, inputs)
    epsilon = float(ball(inputs["epsilon"]).mid())
    return confirmed(
        lambda share: _zoom(theorem, inputs, epsilon * share), lambda found: certify_within(theorem, inputs, found)
    )


def closest(theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
    """Certified choices with the smallest distance found, whether or not it is below epsilon."""
    search = theorem.conclusion.search
    if search is None:
        return certify_choices(theorem, inputs, {})
    if not isinstance(search, Search):
        return search.closest(theorem, inputs)
    found = _zoom(theorem, inputs, 0.0)
    return None if found is None else certify_choices(theorem, inputs, found)


def largest_beta(theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
    """Largest noise level found for which some choice gives distance <= epsilon, with its certificate.

    Guarantee: the returned beta is certified; that no larger one works is not claimed. It is infinite, with a
    certificate at m, where the theorem's `every_noise` holds.
    """
    search = theorem.conclusion.search
    if search is None and theorem.conclusion.distance is None:
        certificate = certify_choices(theorem, {**inputs, "beta": 1}, {})
        return None if certificate is None else (math.inf, certificate)
    if search is not None and not isinstance(search, Search):
        return search.largest_beta(theorem, inputs)
    scale = midpoint(ball(inputs.get("m", 1)))
    epsilon = float(ball(inputs["epsilon"]).mid())
    if admits_every_noise(theorem, inputs):
        certificate = shortest(theorem, {**inputs, "beta": scale})
        return None if certificate is None else (math.inf, certificate)

    def feasible(beta: float) -> bool:
        if search is None:
            return certify_within(theorem, {**inputs, "beta": beta}, {}) is not None
        return _zoom(theorem, {**inputs, "beta": beta}, epsilon, any_will_do=True) is not None

    low = first_feasible(feasible, scale, range(LARGEST_EXPONENT - 1, SMALLEST_EXPONENT, -1))
    if low is None:
        return None
    edge = largest(feasible, low, 2.0 * low, HALVINGS)
    return certified_near(edge, lambda beta: shortest(theorem, {**inputs, "beta": beta}))


def certified_near(edge: float, certify: Callable[[float], Certificate | None]) -> tuple[float, Certificate] | None:
    """The largest noise level at or a little below `edge` that `certify` certifies, with its certificate."""

    def at(beta: float) -> tuple[float, Certificate] | None:
        certificate = certify(beta)
        return None if certificate is None else (beta, certificate)

    return confirmed(lambda share: edge * share, at, FROM_THE_EDGE)


def admits_every_noise(theorem: Theorem, inputs: Mapping[str, Real]) -> bool:
    """Whether the theorem's condition under which every noise level is admitted holds at the constants."""
    every = theorem.conclusion.every_noise
    with precision():
        return every is not None and holds(every, enclose(theorem, inputs))


def _zoom(
    theorem: Theorem, inputs: Mapping[str, Real], epsilon: float, any_will_do: bool = False
) -> dict[str, Fraction] | None:
    """Grid search on the coordinates and the logarithm of the length, refined around the best cell.

    The score is the logarithm of the length where the distance is at most epsilon and the distance itself
    elsewhere; with epsilon = 0 the smallest distance wins. If `any_will_do` the first cell within epsilon is not
    refined: no later round could lose it.
    """
    require = epsilon > 0.0 or any_will_do
    search = _grid(theorem)
    constants = {name: _as_float(value) for name, value in inputs.items()}
    wanted = dependencies(theorem, _goals(theorem, search))
    axes = [_axis(item.lower, item.upper, item.points, item.scale) for item in search.coordinates]
    axes.append(_axis(1.0, search.length_limit, COARSE_LENGTHS, "log"))
    spans = [np.ptp(axis) for axis in axes]
    best: tuple[float, float, list[float]] | None = None
    for _ in range(ZOOM_ROUNDS):
        found = _best_cell(theorem, search, constants, axes, epsilon, wanted)
        best = found if found is not None and (best is None or found[0] < best[0]) else best
        if best is None:
            return None
        if any_will_do and best[1] <= epsilon:
            break
        spans = [span * ZOOM_FACTOR for span in spans]
        axes = [
            np.clip(np.linspace(centre - span / 2, centre + span / 2, ZOOM_POINTS), *_ends(search, index))
            for index, (centre, span) in enumerate(zip(best[2], spans, strict=True))
        ]
    if best is None or (require and best[1] > epsilon):
        return None
    return _exact_choices(theorem, search, constants, best[2], wanted)


def _goals(theorem: Theorem, search: Search) -> list[sp.Basic]:
    """What decides over a choice: the distance, the conditions, the length and the choices themselves."""
    sides = [side for item in theorem.conclusion.conditions for side in (item.left, item.right)]
    distance = theorem.conclusion.distance
    assert distance is not None, "a search has a distance to keep below epsilon"
    return [distance, search.length, *sides, *search.choices]


def _grid(theorem: Theorem) -> Search:
    search = theorem.conclusion.search
    assert isinstance(search, Search), "a strategy of its own has no grid"
    return search


def _best_cell(
    theorem: Theorem,
    search: Search,
    constants: Mapping[str, float],
    axes: list[FloatArray],
    epsilon: float,
    wanted: Collection[str],
) -> tuple[float, float, list[float]] | None:
    """Score, distance and point of the first best cell of a grid; None where no cell has a distance.

    What does not depend on the length comes first: where its conditions fail everywhere there is no more to evaluate.
    """
    shape = tuple(len(axis) for axis in axes)
    *places, lengths = np.ix_(*axes)
    values = estimate(theorem, {**constants, **_coordinates(search, places)}, wanted=wanted)
    conditions = theorem.conclusion.conditions
    early = [item for item in conditions if is_known(item.left, values) and is_known(item.right, values)]
    holding = _holding(early, values, (*shape[:-1], 1))
    if not holding.any():
        return None
    values = estimate(theorem, {**values, search.length.name: np.ceil(np.exp(lengths))}, wanted=wanted)
    holding = holding & _holding([item for item in conditions if item not in early], values, shape)
    assert theorem.conclusion.distance is not None
    distance = np.broadcast_to(estimated(theorem.conclusion.distance, values), shape)
    distance = np.where(holding & ~np.isnan(distance), distance, np.inf)
    score = np.where(distance <= epsilon, np.log(values[search.length.name]) - 1e3, distance)
    cell = np.unravel_index(int(np.argmin(score)), shape)
    if not np.isfinite(score[cell]):
        return None
    return float(score[cell]), float(distance[cell]), [float(axis[i]) for axis, i in zip(axes, cell, strict=True)]


def _holding(
    conditions: Iterable[Condition], values: Mapping[str, FloatArray], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    holding = np.ones(shape, dtype=bool)
    for item in conditions:
        holding &= estimated(item.left, values) <= estimated(item.right, values)
    return holding


def _coordinates(search: Search, points: Sequence[Any]) -> dict[str, Any]:
    return {
        item.symbol.name: np.exp(point) if item.scale == "log" else point
        for item, point in zip(search.coordinates, points, strict=True)
    }


def _exact_choices(
    theorem: Theorem, search: Search, constants: Mapping[str, float], point: list[float], wanted: Collection[str]
) -> dict[str, Fraction]:
    *place, length = [np.float64(item) for item in point]
    inputs = {**constants, **_coordinates(search, place), search.length.name: np.ceil(np.exp(length))}
    values = estimate(theorem, inputs, wanted=wanted)
    choices = {symbol.name: Fraction(float(values[symbol.name])) for symbol in search.choices}
    choices[search.length.name] = Fraction(int(values[search.length.name]))
    return choices


def _axis(low: float, high: float, points: int, scale: str) -> FloatArray:
    return np.linspace(math.log(low), math.log(high), points) if scale == "log" else np.linspace(low, high, points)


def _ends(search: Search, index: int) -> tuple[float, float]:
    if index == len(search.coordinates):
        return 0.0, math.log(search.length_limit)
    item = search.coordinates[index]
    return (math.log(item.lower), math.log(item.upper)) if item.scale == "log" else (item.lower, item.upper)


def _as_float(value: Real) -> float:
    exact = ball(value)
    return math.inf if lower(exact) == math.inf else midpoint(exact)
