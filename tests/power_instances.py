"""Instances of Theorem 1 on which most of its claims are tight: where the power of the checks is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.constants import constants
from certify.discovery.registry import load_theorem
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.theorem import Finding, Step, Theorem
from tests.generators import wave

THEOREM = load_theorem("strong-invertibility")
AMOUNTS = (Fraction(1, 10), Fraction(1, 4), Fraction(1, 2))

# Claims that none of the instances can see broken by 50 per cent, with the reason.
HIDDEN = {
    ("S5", "typical"): "Gaussian concentration is loose by a factor of 2 and more",
    ("S6", "accuracy"): "the rate is for the worst curvature, so K_gd steps overshoot",
    ("S7d", "exit"): "exits hardly ever happen",
    ("S7d+", "exit"): "exits hardly ever happen",
    ("S7g", "projection"): "exits hardly ever happen",
    ("S7", "chain"): "discretisation and burn-in are bounded one by one, each loosely",
    ("S8", "total"): "discretisation and burn-in are bounded one by one, each loosely",
}


def remembering(step: Step) -> Step:
    """The step with a check that runs once at each instance, whichever of its claims is asked about."""
    found: dict[int, tuple[Instance, tuple[Finding, ...]]] = {}

    def check(instance: Instance) -> tuple[Finding, ...]:
        if id(instance) not in found:
            found[id(instance)] = instance, tuple(step.check(instance))
        return found[id(instance)][1]

    return replace(step, check=check)


def settled(theorem: Theorem, cases: Iterable[tuple[Generator, str, FloatArray | None]]) -> tuple[Instance, ...]:
    """The theorem at each (generator, beta, observations), with certified choices, half effort and seed 0."""
    found = []
    for generator, beta, observations in cases:
        brackets = constants(generator, effort=4000.0, seed=0)
        setting = settle(theorem, generator, brackets, Fraction(beta), Fraction(1, 10), observations, 0)
        assert setting.certificate is not None
        found.append(
            Instance(theorem, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, 0.5)
        )
    return tuple(found)


@cache
def instances() -> tuple[Instance, ...]:
    """Isotropic linear maps (one with an observation far out, so that the chain starts far out) and a wave."""
    line, space = load_generator("linear:d=1,kappa=1,seed=0"), load_generator("linear:d=3,kappa=1,seed=0")
    far = np.array([[20.0]])
    cases = ((line, "0.2", None), (space, "0.2", None), (line, "0.2", far), (wave(), "0.02", None))
    return settled(THEOREM, cases)
