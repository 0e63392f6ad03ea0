"""Assumptions dropped: a theorem is applied where one of its assumptions fails, with constants that a sample suggests.

The certified ends are replaced by the extreme values on a sample of the prior, which is what somebody would use who
does not ask whether the assumption holds. The steps then run as ever: a refutation says that the assumption is needed
and that the checks see it; where nothing is refuted the checks cannot tell the two apart.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from certify.bounds.bracket import Bracket, ConstantBrackets, Region
from certify.checking.running import run_step
from certify.errors import CertifyError
from certify.generators import derivatives
from certify.generators.graph import Generator
from certify.proof.conclusion import DEFAULT_DEVIATION, certified_ends
from certify.proof.instance import Instance
from certify.proof.optimiser import closest, shortest
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds, kinds_of, violating_generators
from certify.strategies.probing import probes
from certify.verdict import Verdict

GENERATORS, SAMPLES = 4, 2000
EFFORT = 0.1
NOISE = (Fraction(1, 10), Fraction(1, 2))
PLACES = (0.5, 3.0, -2.0)


def dropped_assumptions(theorem: Theorem, seed: int) -> list[tuple[str, str, str]]:
    """(label, kind of generator, outcome) for every assumption."""
    kinds = kinds_of(theorem)
    return [(item.label, *_dropped(theorem, item.label, kinds, seed)) for item in theorem.assumptions]


def _dropped(theorem: Theorem, label: str, kinds: Kinds, seed: int) -> tuple[str, str]:
    if label not in kinds.violating:
        return "none", "hidden: no generator at hand violates it"
    names = "/".join(kinds.violating[label])
    reasons = []
    for generator in probes(violating_generators(theorem, label, kinds), GENERATORS, seed):
        for noise in NOISE:
            outcome = _applied(theorem, generator, noise, seed)
            if outcome.startswith("refuted"):
                return generator.name, outcome
            reasons.append(outcome)
    return names, reasons[-1] if reasons else "hidden: no generator at hand violates it"


def _applied(theorem: Theorem, generator: Generator, noise: Fraction, seed: int) -> str:
    """The outcome of the steps at plausible constants."""
    found = plausible_brackets(generator, seed)
    scale = found.m.lower or 1.0
    beta = float(noise) * scale
    reason = "hidden: no step sees it"
    for place in PLACES:
        rows = derivatives.value(generator.graph, np.full((1, generator.latent_dim), place))
        try:
            inputs = dict((theorem.conclusion.inputs or certified_ends)(generator, found))
            inputs |= {"epsilon": Fraction(1, 10), "t_x": DEFAULT_DEVIATION, "beta": beta}
            inputs |= theorem.conclusion.observation_bounds(generator, found, rows[0], beta)
            certificate = shortest(theorem, inputs) or closest(theorem, inputs)
            if certificate is None:
                reason = "hidden: no choice meets the side conditions"
                continue
            instance = Instance(theorem, certificate, generator, found, rows, beta, seed, EFFORT)
            for step in theorem.steps:
                record = run_step(step, instance)
                if record.verdict is Verdict.REFUTED:
                    return f"refuted by {record.label}"
        except (CertifyError, ArithmeticError, ValueError, KeyError, IndexError, AssertionError) as error:
            reason = f"hidden: nothing can be measured ({' '.join(str(error).split())[:60] or type(error).__name__})"
    return reason


def plausible_brackets(generator: Generator, seed: int) -> ConstantBrackets:
    """What a sample of the prior suggests for m, M, M2, M3. Estimates, dressed as certified ends: for this use only."""
    random = np.random.default_rng([seed, 0xD30])
    points, directions = random.standard_normal((2, SAMPLES, generator.latent_dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    spectra = np.linalg.svd(derivatives.jacobian(generator.graph, points), compute_uv=False)
    second = derivatives.second_derivative(generator.graph, points, directions, directions)
    third = derivatives.third_derivative(generator.graph, points, directions, directions, directions)
    m = float(np.min(spectra[:, -1])) if generator.observed_dim >= generator.latent_dim else 0.0
    largest = [float(np.max(np.linalg.norm(values, axis=1))) for values in (second, third)]

    def end(value: float, lower: bool) -> Bracket:
        return Bracket(value if lower else None, None if lower else value, None, None)

    # A sample that shows m = 0 to rounding would be taken for a small positive number.
    return ConstantBrackets(
        end(max(m, 1e-3), True),
        end(float(np.max(spectra)), False),
        end(largest[0], False),
        end(largest[1], False),
        Region(),
        0.0,
    )
