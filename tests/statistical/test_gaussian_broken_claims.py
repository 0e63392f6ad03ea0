"""Power of the checks of the Gaussian encoder's theorem: every constant of G1-G3 and G1* moved in the wrong direction.

Each claim must come out `refuted` at the change named here and at none of the smaller ones tried: a check that loses
its power, or a claim that is no longer hidden by its slack, is noticed. Changes are relative; a bound divided by f is
a change of 1 - 1/f. A refutation of a statistical claim has error probability 1e-6. docs/gaussian_encoder.md has the
table.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.stress_tests.power import power
from certify.verdict import Verdict
from tests.generators import wave
from tests.power_instances import remembering, settled
from theorems.gaussian_encoder.statement import THEOREM

STEPS = {step.label: remembering(step) for step in THEOREM.steps}
AMOUNTS = tuple(1 - 1 / Fraction(factor) for factor in ("1.1", "1.25", "1.5", "2", "3", "4", "6", "8", "16"))

# The smallest of the factors tried at which each claim's constant is noticed; smaller errors hide in slack.
NOTICED = {
    ("T3", "third derivative"): "1.1",
    ("G1", "information"): "3",
    ("G1", "log-Sobolev"): "3",
    ("G1", "conditional"): "6",
    ("G2", "mode Gaussian"): "8",
    ("N", "Newton"): "1.5",
    ("G3", "stopping divergence"): "1.1",
    ("G3", "stopping"): "1.5",
    ("G1*", "drift"): "8",
    ("G1*", "Jacobian Gaussian"): "8",
    ("G", "total"): "8",
    ("G-size", "parameters"): "1.1",
}


@cache
def instances() -> tuple[Instance, ...]:
    """Waves in d = 1 and 2 whose observation puts the mode where the third derivative is large, and linear maps."""
    cases: tuple[tuple[Generator, str, FloatArray], ...] = (
        (wave(1, 1.0, 0.05), "0.2", np.array([[1.6]])),
        (wave(), "0.1", np.array([[1.96]])),
        (wave(2), "0.05", np.array([[1.96, 1.96]])),
        (load_generator("linear:d=1,kappa=1,seed=0"), "0.2", np.array([[1.5]])),
        (load_generator("linear:d=3,kappa=1,seed=0"), "0.2", np.array([[1.5, 0.0, 0.4]])),
    )
    return settled(THEOREM, cases)


def test_every_claim_of_this_theorem_is_listed() -> None:
    own = [(step.label, claim.name) for step in THEOREM.steps if step.label[0] != "S" for claim in step.claims]
    assert sorted(own) == sorted(NOTICED)


@pytest.mark.statistical
@pytest.mark.parametrize(("label", "claim"), NOTICED)
def test_a_broken_constant_is_refuted_at_its_factor(label: str, claim: str) -> None:
    found = power(STEPS[label], claim, instances(), AMOUNTS)
    assert found.honest in {Verdict.PROVED, Verdict.SUPPORTED}
    assert found.noticed == 1 - 1 / Fraction(NOTICED[label, claim]), (found.noticed, found.slack)
