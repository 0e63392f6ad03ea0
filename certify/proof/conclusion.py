"""The conclusion of a theorem at given constants: noise level, choices, size and distance, with their certificate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from certify.arithmetic.balls import Real, ball, exact_integer, lower, midpoint, precision, upper
from certify.arithmetic.rounding import Direction, decimal_text, exact_text
from certify.arithmetic.searches import largest
from certify.bounds.bracket import ConstantBrackets
from certify.generators.derivatives import value
from certify.generators.graph import FloatArray, Generator
from certify.proof.author import AuthorError, failed, line_of_check
from certify.proof.closed_forms import estimate
from certify.proof.instance import Instance
from certify.proof.noise import GIVEN, default_noise, trained_noise
from certify.proof.optimiser import Certificate, certify_choices, closest, largest_beta, shortest
from certify.proof.records import AssumptionRecord, ConclusionRecord, StepRecord
from certify.proof.theorem import Quantity, Theorem
from certify.symbolic.evaluation import estimated
from certify.verdict import Verdict, weakest_verdict

DEFAULT_DEVIATION = 2
"""t_x of S5 when no observation is given: the statement holds with probability >= 1 - exp(-2) over x."""
DRAWN_OBSERVATIONS, CHECKED_OBSERVATIONS, MOST_DRAWS = 3, 4, 200
NO_NOISE_LEVEL = (
    "no noise level was found at which the bound is below epsilon within the search's largest number of layers: "
    "try a larger epsilon"
)
PublicValues: TypeAlias = dict[str, float | int | str | None]
_STANDS_FOR_INFINITY = 1e100
"""A quantity beyond this comes from a choice that stands for infinity (a radius where every one is admissible)."""
_LARGEST_INTEGER = 10**15
"""An integer-valued quantity from here on is printed as a float."""


@dataclass(frozen=True)
class Setting:
    """Where a theorem is checked: exact inputs, noise level, observations, and the certified choices there."""

    inputs: Mapping[str, Real]
    beta: float
    beta_max: float | None
    observations: FloatArray
    certificate: Certificate | None
    reason: str = ""
    scope: str = ""
    noise_from: str = GIVEN

    @property
    def enclosures(self) -> dict[str, tuple[float, float]]:
        """Every closed form at the choices. Enclosure, rounded outward; empty where there are none."""
        values = {} if self.certificate is None else self.certificate.values
        return {name: (lower(enclosed), upper(enclosed)) for name, enclosed in values.items()}


def settle(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction | None,
    epsilon: Fraction,
    observations: FloatArray | None,
    seed: int,
    labels: FloatArray | None = None,
) -> Setting:
    """Noise level, observations and certified choices for one generator.

    The settings hold for all observations given; the checks then look at the worst of them and a few others.
    Without `beta` the noise level is that of `certify.proof.noise`. Without
    `observations` a few are drawn from the model, redrawn until the setting's bounds hold for them.
    """
    inputs: dict[str, Real] = dict((theorem.conclusion.inputs or certified_ends)(generator, brackets))
    inputs |= {"epsilon": epsilon, "t_x": DEFAULT_DEVIATION}
    scope = ""
    if observations is not None:
        scope = f"holds for each of the observations given, {observations.shape[0]} in all"
        inputs |= _worst(_bounds(theorem, generator, brackets, observations, None))
    found = largest_beta(theorem, inputs) if theorem.noisy else None
    beta_max = None if found is None else found[0]
    if beta is None and beta_max is None and theorem.noisy:
        none = np.empty((0, generator.observed_dim))
        return Setting(inputs, math.nan, None, none, None, NO_NOISE_LEVEL)
    # The kernels and the closed forms use one and the same binary number.
    # Where the theorem speaks of none, the observations of the model still need one.
    if beta is not None or not theorem.noisy:
        noise, why = float(beta or 1), GIVEN
    else:
        noise, why = default_noise(_known(beta_max), inputs, generator)
    inputs["beta"] = noise
    if theorem.conclusion.sample_inputs is not None:
        if observations is None:
            observations = _from_model(generator, noise, np.random.default_rng([seed, 0x0B5]), DRAWN_OBSERVATIONS)
        inputs |= theorem.conclusion.sample_inputs(generator, brackets, observations, noise, labels)
    if observations is not None:
        bounds = _bounds(theorem, generator, brackets, observations, noise)
        inputs |= _worst(bounds)
        observations = observations[_spread([sum(bound.values()) for bound in bounds])]
    certificate = shortest(theorem, inputs) or closest(theorem, inputs)
    if certificate is None:
        return Setting(
            inputs, noise, beta_max, np.empty((0, generator.observed_dim)), None, _no_choice(noise, beta_max), "", why
        )
    if observations is None:
        observations = _draw(theorem, generator, brackets, certificate, noise, seed)
        if observations.shape[0] == 0:
            reason = f"none of {MOST_DRAWS} observations drawn from the model meets the setting; give --observations"
            return Setting(inputs, noise, beta_max, np.empty((0, generator.observed_dim)), None, reason, "", why)
        if any(quantity.name == "t_x" for quantity in theorem.quantities):
            probability = decimal_text(1 - math.exp(-(DEFAULT_DEVIATION**2) / 2), 4, Direction.DOWN)
            scope = f"holds for x of the model with probability at least {probability} (t_x = {DEFAULT_DEVIATION})"
    return Setting(inputs, noise, beta_max, observations, certificate, scope=scope, noise_from=why)


def instance_at(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    beta: Fraction | None,
    epsilon: Fraction,
    observations: FloatArray | None,
    seed: int,
) -> Instance | str:
    """The instance that a check of the same arguments measures, or why there is none."""
    known = (theorem.conclusion.inputs or certified_ends)(generator, brackets)
    unknown = [name for name in theorem.required_constants if name not in known]
    if unknown:
        return f"{', '.join(unknown)} is not certified there"
    setting = settle(theorem, generator, brackets, beta, epsilon, observations, seed)
    if setting.certificate is None:
        return setting.reason
    return Instance(theorem, setting.certificate, generator, brackets, setting.observations, setting.beta, seed)


def certified_ends(generator: Generator, brackets: ConstantBrackets) -> dict[str, Real]:
    """The inputs of most theorems: d, n, N and the certified ends of m, M, M2, M3 that were found."""
    ends = {"m": brackets.m.lower, "M": brackets.M.upper, "M2": brackets.M2.upper, "M3": brackets.M3.upper}
    sizes = {"d": generator.latent_dim, "n": generator.observed_dim, "N": generator.parameters}
    return {**{name: end for name, end in ends.items() if end is not None}, **sizes}


def conclude(
    theorem: Theorem,
    generator: Generator,
    setting: Setting,
    instance: Instance | None,
    assumptions: Sequence[AssumptionRecord],
    steps: Sequence[StepRecord],
) -> ConclusionRecord:
    """The conclusion's record at a generator: its verdict is the weakest of its own and of what it rests on."""
    trained = trained_noise(generator)
    extra: PublicValues = {"beta_trained": trained} if theorem.noisy else {}
    record = _evaluate(theorem, setting, generator)
    notes = list(record.notes)
    if trained and setting.beta_max is not None and trained > setting.beta_max:
        notes.append(
            f"the decoder was trained with noise {trained:.4g}; the largest this theorem admits is "
            f"{_below(setting.beta_max)}"
        )
    measure = theorem.conclusion.measure
    measured = None if instance is None or measure is None else measure(instance)
    own = record.verdict
    bound = record.values.get("tv_bound")
    if measured is not None and isinstance(bound, float) and measured.lower > bound:
        own = Verdict.REFUTED
    parts = [own, *(item.verdict for item in assumptions), *(step.verdict for step in steps)]
    return replace(
        record,
        verdict=weakest_verdict(parts),
        values={**record.values, **extra},
        tv_measured=measured,
        notes=tuple(notes),
    )


def exact_inputs(inputs: Mapping[str, Real]) -> dict[str, str]:
    """What was given, and not bounded, as it is written: whole numbers, fractions, and the noise level."""
    return {
        name: exact_text(value)
        for name, value in inputs.items()
        if isinstance(value, int | Fraction) or (name == "beta" and isinstance(value, float))
    }


def settle_constants(
    theorem: Theorem, constants: Mapping[str, Fraction], beta: Fraction | None, epsilon: Fraction
) -> Setting:
    """Noise level, where the theorem speaks of one, and certified choices at bare constants."""
    inputs: dict[str, Real] = {**constants, "epsilon": epsilon, "t_x": DEFAULT_DEVIATION}
    if "d" in constants:
        inputs.setdefault("n", constants["d"])
    nowhere = np.empty((0, 0))
    if not theorem.noisy:
        certificate = shortest(theorem, inputs) or closest(theorem, inputs)
        reason = "" if certificate is not None else "no choice meets the side conditions at these constants"
        return Setting(inputs, math.nan, None, nowhere, certificate, reason)
    found = largest_beta(theorem, inputs)
    beta_max = None if found is None else found[0]
    noise, why = beta, GIVEN
    if noise is None and beta_max is not None:
        number, why = default_noise(beta_max, inputs)
        noise = Fraction(repr(number))
    if noise is None:
        return Setting(inputs, math.nan, None, nowhere, None, NO_NOISE_LEVEL)
    inputs["beta"] = noise
    certificate = shortest(theorem, inputs) or closest(theorem, inputs)
    typical = any(quantity.name == "rho" for quantity in theorem.quantities) and "rho" not in constants
    scope = f"rho is what a typical x keeps to, at t_x = {DEFAULT_DEVIATION}" if typical else ""
    reason = "" if certificate is not None else _no_choice(float(noise), beta_max)
    return Setting(inputs, float(noise), beta_max, nowhere, certificate, reason, scope, why)


def _notes(theorem: Theorem, certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The conclusion's sentences.

    Raises AuthorError where the theorem is an author's file and they are none, or end with an exception.
    """
    if theorem.file is None:
        return theorem.conclusion.notes(certificate, generator)
    try:
        found: Any = theorem.conclusion.notes(certificate, generator)
    except Exception as error:
        raise failed(theorem.file, error, "the conclusion's notes end with ") from error
    if not isinstance(found, tuple) or not all(isinstance(item, str) for item in found):
        line = line_of_check(theorem.conclusion.notes)
        raise AuthorError(f"{theorem.file}:{line}: the conclusion's notes must return a tuple of sentences")
    return found


def conclude_constants(theorem: Theorem, setting: Setting) -> tuple[ConclusionRecord, str]:
    """The conclusion at bare constants, and a reason if there is none."""
    record = _evaluate(theorem, setting, None)
    reason = "; ".join(record.notes[-1:]) if record.verdict is Verdict.INCONCLUSIVE else ""
    return replace(record, verdict=weakest_verdict([record.verdict, Verdict.CONDITIONAL])), reason


def explicit_certificate(theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
    """The closed-form choices of the explicit form at `inputs["beta"]`, evaluated in balls; None if not admitted."""
    rules = theorem.conclusion.explicit_form_choices
    values = estimate(theorem, _floats(inputs), rules)
    numbers = {symbol.name: float(values[symbol.name]) for symbol in rules}
    if not all(math.isfinite(number) for number in numbers.values()):
        return None
    return certify_choices(theorem, inputs, {name: Fraction(number) for name, number in numbers.items()})


def explicit_beta(theorem: Theorem, inputs: Mapping[str, Real]) -> float | None:
    """Largest noise level the explicit form admits: beta <= its right-hand side at beta. Estimate (bisection).

    None for a theorem without an explicit form.
    """
    constants, form = _floats(inputs), theorem.conclusion.explicit_form_beta
    if form is None:
        return None

    def admitted(noise: float) -> bool:
        values = estimate(theorem, {**constants, "beta": noise}, theorem.conclusion.explicit_form_choices)
        return noise <= float(estimated(form, values))

    return largest(admitted, 0.0, constants.get("m", 1.0), 60, geometric=False)


def _evaluate(theorem: Theorem, setting: Setting, generator: Generator | None) -> ConclusionRecord:
    """What the closed forms give at a setting, with where its noise level comes from."""
    return replace(
        _evaluated(theorem, setting, generator), noise_from="" if math.isnan(setting.beta) else setting.noise_from
    )


def _evaluated(theorem: Theorem, setting: Setting, generator: Generator | None) -> ConclusionRecord:
    conclusion, certificate = theorem.conclusion, setting.certificate
    constants = _floats(setting.inputs)
    values: PublicValues = {"epsilon": constants["epsilon"]}
    if theorem.noisy:
        values |= {
            "beta": None if math.isnan(setting.beta) else setting.beta,
            "beta_max": setting.beta_max,
            "beta_paper_form": None
            if conclusion.paper_form_beta is None
            else float(estimated(conclusion.paper_form_beta, {name: np.float64(v) for name, v in constants.items()})),
            "beta_explicit_form": explicit_beta(theorem, setting.inputs),
        }
    names = [quantity.name for quantity in theorem.quantities if quantity.role in {"choice", "definition"}]
    if certificate is None:
        values |= dict.fromkeys(names)
        return ConclusionRecord(Verdict.INCONCLUSIVE, values, None, None, (setting.reason,) if setting.reason else ())
    for name in names:
        if name in certificate.values:
            values[name] = public_number(certificate, theorem.quantity(name))
    notes = _notes(theorem, certificate, generator)
    if conclusion.distance is None:
        values.pop("epsilon")
        return ConclusionRecord(Verdict.PROVED, values, None, None, notes)
    values["tv_bound"] = certificate.distance_upper
    with precision():
        holds = ball(certificate.distance_upper) <= ball(setting.inputs["epsilon"])
    if setting.scope:
        notes = (setting.scope, *notes)
    if not holds:
        notes += (too_far(certificate.distance_upper, constants["epsilon"], setting, theorem.noisy),)
    verdict = Verdict.PROVED if holds else Verdict.INCONCLUSIVE
    size = None if conclusion.size is None else conclusion.size(certificate, generator)
    return ConclusionRecord(verdict, values, None, size, notes)


def public_number(certificate: Certificate, quantity: Quantity) -> float | int:
    """The integer or choice itself; of a closed form the end of its enclosure that keeps it a bound."""
    enclosed = certificate.values[quantity.name]
    if enclosed > _STANDS_FOR_INFINITY:
        return math.inf
    integer = exact_integer(enclosed)
    if integer is not None and integer < _LARGEST_INTEGER:
        return integer
    if quantity.name in certificate.choices:
        return midpoint(enclosed)
    return lower(enclosed) if quantity.end == "lower" else upper(enclosed)


def _draw(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    certificate: Certificate,
    noise: float,
    seed: int,
) -> FloatArray:
    random = np.random.default_rng([seed, 0x0B5])
    kept: list[FloatArray] = []
    for _ in range(MOST_DRAWS):
        row = _from_model(generator, noise, random, 1)[0]
        bounds = theorem.conclusion.observation_bounds(generator, brackets, row, noise)
        # Both sides rounded up: an affine decoder attains the bounds, and must not be shut out by that rounding.
        if all(bound <= upper(certificate.values[name]) for name, bound in bounds.items()):
            kept.append(row)
        if len(kept) == DRAWN_OBSERVATIONS:
            break
    return np.array(kept)


def _from_model(generator: Generator, noise: float, random: np.random.Generator, count: int) -> FloatArray:
    rows = value(generator.graph, random.standard_normal((count, generator.latent_dim)))
    return rows + noise * random.standard_normal(rows.shape)


def _floats(inputs: Mapping[str, Real]) -> dict[str, float]:
    with precision():
        return {name: midpoint(ball(entry)) for name, entry in inputs.items()}


def _no_choice(noise: float, beta_max: float | None) -> str:
    largest = "" if beta_max is None else f"; the largest noise level that works is {_below(beta_max)}"
    if beta_max is not None and noise < beta_max:
        return f"at beta = {noise:g} no choice was found: the noise is too small for the search's floats{largest}"
    return f"at beta = {noise:g} no choice meets the side conditions{largest}"


def too_far(bound: float, epsilon: float, setting: Setting, noisy: bool = True) -> str:
    """That a distance is above epsilon and up to which noise it is not, each number on the side where that is true."""
    said = f"the smallest bound found is {decimal_text(bound, 4, Direction.UP)}, above epsilon = {epsilon:g}"
    largest = "none was found" if setting.beta_max is None else f"it is {_below(setting.beta_max)}"
    return f"at beta = {setting.beta:g} {said}; the largest noise level that works: {largest}" if noisy else said


def _below(number: float) -> str:
    return decimal_text(number, 4, Direction.DOWN)


def _spread(sizes: Sequence[float]) -> list[int]:
    """Indices of a few entries of a list: the largest first, then some evenly spaced in order of size."""
    order = np.argsort(sizes)[::-1]
    places = np.linspace(0, len(sizes) - 1, min(CHECKED_OBSERVATIONS, len(sizes)))
    return [int(order[round(place)]) for place in places]


def _bounds(
    theorem: Theorem, generator: Generator, brackets: ConstantBrackets, observations: FloatArray, beta: float | None
) -> list[Mapping[str, float]]:
    return [theorem.conclusion.observation_bounds(generator, brackets, row, beta) for row in observations]


def _worst(bounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The largest value of every setting: one certificate for all observations."""
    return {name: max(bound[name] for bound in bounds) for name in bounds[0]}


def _known(beta_max: float | None) -> float:
    assert beta_max is not None
    return beta_max
