"""The bank: instances of a theorem on which most of its claims are tight, where the power of its checks is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from certify.checking.points import instance_at, point_of
from certify.errors import CertifyError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds, kinds_of, strategy
from certify.strategies.networks import wave
from certify.strategies.probing import brackets, decided, failing, probes
from certify.stress_tests.case import Case
from certify.stress_tests.instances import instance_cases, prepare

EFFORT = 0.25
"""Sample sizes of the bank, relative to the command line's."""
DRAWN = 4
NOISE = (Fraction(1, 5), Fraction(1, 50))


def instances(theorem: Theorem, seed: int, effort: float = EFFORT) -> list[Instance]:
    """Isotropic maps (in one the observation lies far out), waves, small examples, and some drawn at random.

    For a theorem about constants alone its own points.
    """
    if theorem.points:
        at = (instance_at(theorem, point_of(theorem, point), seed=seed, effort=effort) for point in theorem.points)
        return [instance for instance in at if instance is not None]
    kinds = kinds_of(theorem)
    found = []
    for case in (*_tight(theorem), *_drawn(theorem, kinds, seed)):
        try:
            prepared = prepare(theorem, replace(case, seed=seed, effort=effort))
        except CertifyError:
            continue
        if prepared is not None:
            found.append(prepared.instance)
    return found


def placed(theorem: Theorem, generator: Generator, effort: float = EFFORT) -> Instance | None:
    """The theorem at a generator and one observation of it, at noise below its m; None where it says nothing."""
    scale = Fraction(brackets(generator).m.lower or 1.0).limit_denominator(1000)
    rows = generator.value(np.full((1, generator.latent_dim), 0.5))
    prepared = prepare(theorem, replace(_at(theorem, generator, NOISE[0] * scale, rows), effort=effort))
    return None if prepared is None else prepared.instance


def _tight(theorem: Theorem) -> Iterator[Case]:
    """Where most bounds are attained: equal singular values, one dimension, a wave that attains m, M and M2."""
    # m differs from 1: at m = 1 an exponent of m would do nothing.
    linear = (load_generator("linear:d=1,kappa=1,m=2"), load_generator("linear:d=3,kappa=1,m=0.5"))
    for generator in (*linear, wave(1, 2.0, 0.5), wave(2, 2.0, 0.5)):
        if failing(decided(theorem, generator)):
            continue
        scale = Fraction(brackets(generator).m.lower or 1.0).limit_denominator(1000)
        for noise in NOISE:
            yield _at(theorem, generator, noise * scale, np.ones((1, generator.observed_dim)))
        if generator.latent_dim == 1:
            yield _at(theorem, generator, NOISE[0] * scale, np.full((1, 1), 20.0))


def _drawn(theorem: Theorem, kinds: Kinds, seed: int) -> list[Case]:
    cases = probes(instance_cases(theorem, kinds, seed, "steps"), DRAWN, seed)
    if "examples" in kinds.admissible:
        for generator in probes(strategy(theorem, "examples"), 2, seed):
            rows = generator.value(np.full((1, generator.latent_dim), 0.5))
            cases.append(_at(theorem, generator, NOISE[1], rows))
    return cases


def _at(theorem: Theorem, generator: Generator, noise: Fraction, rows: np.ndarray) -> Case:
    numbers = {"beta": Fraction(float(noise)), "epsilon": Fraction(1, 10)}
    return Case(theorem.id, "steps", generator, observations=rows, numbers=numbers)
