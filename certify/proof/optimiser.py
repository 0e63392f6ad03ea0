"""The optimiser of a theorem's free choices: shortest encoder at given beta and eps, largest beta at given eps.

Every choice that meets the side conditions is a valid theorem, so the search may be as rough as it likes:
it runs in floats, and what it returns was evaluated again in balls, rounded outward, conditions included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from flint import arb

from certify.arithmetic.balls import Real, ball, midpoint, precision, upper
from certify.arithmetic.searches import FROM_THE_EDGE, confirmed, first_feasible, largest
from certify.proof.certified_choices import Certificate as Certificate
from certify.proof.closed_forms import enclose
from certify.proof.grid_search import GridSearch
from certify.proof.theorem import Condition, Search, Theorem
from certify.symbolic.evaluation import evaluate_ball

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
    grid = GridSearch(theorem, inputs)
    return confirmed(
        lambda share: grid.best(inputs, epsilon * share), lambda found: certify_within(theorem, inputs, found)
    )


def closest(theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
    """Certified choices with the smallest distance found, whether or not it is below epsilon."""
    search = theorem.conclusion.search
    if search is None:
        return certify_choices(theorem, inputs, {})
    if not isinstance(search, Search):
        return search.closest(theorem, inputs)
    found = GridSearch(theorem, inputs).best(inputs, 0.0)
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

    grid = None if search is None else GridSearch(theorem, {*inputs, "beta"})

    def feasible(beta: float) -> bool:
        if grid is None:
            return certify_within(theorem, {**inputs, "beta": beta}, {}) is not None
        return grid.best({**inputs, "beta": beta}, epsilon, any_will_do=True) is not None

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
