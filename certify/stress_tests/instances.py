"""From a case to an instance of a theorem: constants, exact inputs, certified choices.

Every choice that meets the side conditions is a valid theorem, so besides the optimiser's choices random ones are
drawn from its search box: they reach corners where the optimiser never goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.balls import Real, ball, midpoint, upper
from certify.checking.points import instance_at
from certify.errors import CertifyError
from certify.generators.graph import Generator
from certify.proof.closed_forms import estimate
from certify.proof.conclusion import DEFAULT_DEVIATION, certified_ends
from certify.proof.instance import Instance
from certify.proof.optimiser import Certificate, certify_choices, closest, shortest
from certify.proof.theorem import Search, Theorem
from certify.strategies.admissible import Kinds, admissible_generators
from certify.strategies.domains import values_of
from certify.strategies.probing import brackets, decided, failing
from certify.strategies.settings import accuracies, noise_levels, observations
from certify.stress_tests.case import Case
from certify.validation import domain_value

EFFORT = 0.02
"""Sample sizes of a case, relative to the command line's."""
LONGEST_DESCENT, LONGEST_CHAIN = 20_000.0, 50_000.0
"""Layers beyond which a case is not simulated."""
HALVINGS = 6
CHOICE = "choice "


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case whose theorem holds there: its exact choices are in the case, its balls in the instance."""

    case: Case
    instance: Instance


def instance_cases(theorem: Theorem, kinds: Kinds, seed: int, name: str) -> st.SearchStrategy[Case]:
    """Cases with a generator that the theorem admits, a noise level near its m, epsilon, one or two observations.

    For a theorem about constants alone they are points of its domains.
    """
    if theorem.points:
        symbols = [item.symbol for item in theorem.quantities if item.role == "constant"]
        return values_of(symbols).map(lambda numbers: Case(theorem.id, name, numbers=numbers, seed=seed, effort=EFFORT))

    @st.composite
    def cases(draw: st.DrawFn) -> Case:
        generator = draw(admissible_generators(theorem, kinds))
        scale = brackets(generator).m.lower or 1.0
        noise = draw(noise_levels(scale))
        rows = draw(observations(generator, noise, draw(st.sampled_from((1, 1, 2)))))
        numbers = {"beta": Fraction(noise), "epsilon": draw(accuracies())}
        search = theorem.conclusion.search
        if isinstance(search, Search) and draw(st.booleans()):
            # A point of the search box, in eighths of each axis; the length is kept short enough to be simulated.
            numbers |= {CHOICE + item.symbol.name: Fraction(draw(st.integers(0, 8)), 8) for item in search.coordinates}
            numbers[CHOICE + search.length.name] = Fraction(draw(st.sampled_from((1, 2, 5, 20, 100, 500, 2000))))
        return Case(theorem.id, name, generator, observations=rows, numbers=numbers, seed=seed, effort=EFFORT)

    return cases()


def prepare(theorem: Theorem, case: Case) -> Prepared | None:
    """The theorem at a case, or None where it does not apply, has no choices or is too long to simulate.

    A case that has choices keeps them (a saved one); otherwise those drawn, or the optimiser's, are certified and
    become part of the case. Where no choice exists the noise is halved a few times.
    """
    if theorem.points:
        return _at_point(theorem, case)
    generator = case.generator
    assert generator is not None and case.observations is not None, "a case of an instance has both"
    if failing(decided(theorem, generator)):
        return None
    for _ in range(1 if case.choices else HALVINGS):
        try:
            inputs = exact_inputs(theorem, generator, case)
            certificate = _certificate(theorem, inputs, case)
        except CertifyError:
            return None
        if certificate is not None:
            break
        case = replace(case, numbers={**case.numbers, "beta": case.numbers["beta"] / 2})
    else:
        return None
    if _too_long(theorem, certificate):
        return None
    kept = {name: value for name, value in case.numbers.items() if not name.startswith(CHOICE)}
    case = replace(case, numbers=kept, choices=dict(certificate.choices))
    noise = float(case.numbers["beta"])
    instance = Instance(
        theorem,
        certificate,
        generator,
        brackets(generator),
        np.asarray(case.observations),
        noise,
        case.seed,
        case.effort,
    )
    return Prepared(case, instance)


def _at_point(theorem: Theorem, case: Case) -> Prepared | None:
    """A theorem about constants alone at the case's constants; None outside its domains, or without a choice there."""
    beta, epsilon = case.numbers.get("beta"), case.numbers.get("epsilon", Fraction(1, 10))
    constants = {name: value for name, value in case.numbers.items() if name in theorem.required_constants}
    try:
        for name, value in constants.items():
            domain_value(name, value, theorem.constant_domains[name], constants)
        instance = instance_at(theorem, constants, beta, epsilon, case.seed, case.effort)
    except CertifyError:
        return None
    return None if instance is None or _too_long(theorem, instance.certificate) else Prepared(case, instance)


def exact_inputs(theorem: Theorem, generator: Generator, case: Case) -> dict[str, Real]:
    """Constants, settings and the worst certified bounds of the observations, as `certify check` takes them."""
    found, noise = brackets(generator), float(case.numbers["beta"])
    inputs: dict[str, Real] = dict((theorem.conclusion.inputs or certified_ends)(generator, found))
    inputs |= {"epsilon": case.numbers["epsilon"], "t_x": DEFAULT_DEVIATION, "beta": noise}
    rows = np.asarray(case.observations)
    bounds = [theorem.conclusion.observation_bounds(generator, found, row, noise) for row in rows]
    if not all(math.isfinite(entry) for bound in bounds for entry in bound.values()):
        raise CertifyError("an observation has no finite bound")
    return inputs | {name: max(bound[name] for bound in bounds) for name in bounds[0]}


def _certificate(theorem: Theorem, inputs: Mapping[str, Real], case: Case) -> Certificate | None:
    if case.choices:
        return certify_choices(theorem, inputs, case.choices)
    drawn = _drawn_choices(theorem, inputs, case)
    certificate = None if drawn is None else certify_choices(theorem, inputs, drawn)
    return certificate or shortest(theorem, inputs) or closest(theorem, inputs)


def _drawn_choices(theorem: Theorem, inputs: Mapping[str, Real], case: Case) -> dict[str, Fraction] | None:
    search = theorem.conclusion.search
    if not isinstance(search, Search) or CHOICE + search.length.name not in case.numbers:
        return None
    values = {name: np.float64(midpoint(ball(value))) for name, value in inputs.items()}
    for item in search.coordinates:
        place = float(case.numbers[CHOICE + item.symbol.name])
        low, high = (math.log(end) if item.scale == "log" else end for end in (item.lower, item.upper))
        point = low + place * (high - low)
        values[item.symbol.name] = np.float64(math.exp(point) if item.scale == "log" else point)
    length = case.numbers[CHOICE + search.length.name]
    found = estimate(theorem, {**values, search.length.name: float(length)})
    numbers = {symbol.name: float(found[symbol.name]) for symbol in search.choices if symbol.name in found}
    if len(numbers) < len(search.choices) or not all(map(math.isfinite, numbers.values())):
        return None
    return {**{name: Fraction(value) for name, value in numbers.items()}, search.length.name: length}


def _too_long(theorem: Theorem, certificate: Certificate) -> bool:
    limits = dict(zip((item.name for item in reversed(theorem.conclusion.layers)), (LONGEST_CHAIN,), strict=False))
    lengths = {item.name: upper(certificate.values[item.name]) for item in theorem.conclusion.layers}
    return any(length > limits.get(name, LONGEST_DESCENT) for name, length in lengths.items())
