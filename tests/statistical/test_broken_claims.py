"""Power of the checks: every constant of S1-S9 broken in the wrong direction by 10 to 50 per cent.

A claim whose slack on some instance is below the break must come out `refuted` there. The claims that cannot
be seen to break at 50 per cent are listed by name with the smallest slack found; the list is part of the test,
so a check that loses its power is noticed. A refutation of a statistical claim has error probability 1e-6.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from sympy import Rational

from certify.bounds.constants import constants
from certify.generators.specification import load_generator
from certify.proof.check import run_step
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.records import ClaimRecord
from certify.proof.registry import load_theorem
from certify.proof.theorem import Claim, Step
from certify.verdict import Verdict
from tests.generators import wave

THEOREM = load_theorem("strong-invertibility")
STATEMENTS = [(step.label, claim.name) for step in THEOREM.steps for claim in step.claims]
SMALLEST_BREAK, LARGEST_BREAK = 0.1, 0.5

# Claims that no instance below can see broken by 50 per cent, with the reason.
HIDDEN = {
    ("S5", "typical"): "the Gaussian concentration inequality is loose by a factor of 2 and more",
    ("S6", "accuracy"): "K_gd steps overshoot the accuracy: the rate of S6 is for the worst curvature",
    ("S7d", "exit"): "exits hardly ever happen",
    ("S7g", "projection"): "exits hardly ever happen",
    ("S7", "chain"): "discretisation and burn-in are bounded separately and each loosely",
    ("S8", "total"): "discretisation and burn-in are bounded separately and each loosely",
}


@cache
def instance(name: str) -> Instance:
    """Instances on which most claims are tight: isotropic and anisotropic linear maps, a wave in d = 1."""
    generator = wave() if name == "wave" else load_generator(name)
    brackets = constants(generator, budget=2.0, seed=0)
    beta = "0.02" if name == "wave" else "0.2"
    observations = np.array([[20.0]]) if name == FAR else None
    setting = settle(THEOREM, generator, brackets, Fraction(beta), Fraction(1, 10), observations, 0)
    assert setting.certificate is not None
    return Instance(THEOREM, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, 0.5)


# An observation far out: the chain starts many standard deviations from the mode, and S7f is tight.
FAR = "linear:d=1,kappa=1,m=1,seed=0"
INSTANCES = ("linear:d=1,kappa=1,seed=0", "linear:d=3,kappa=1,seed=0", "wave", FAR)


def broken(step: Step, claim: Claim, amount: float) -> Step:
    """The step with this claim's bound moved by `amount` in the direction that makes it stronger."""
    factor = 1 + Rational(str(amount)) if claim.relation == ">=" else 1 - Rational(str(amount))
    bound = claim.bound - Rational(str(amount)) if claim.bound.is_zero else factor * claim.bound
    return replace(step, claims=tuple(replace(item, bound=bound) if item is claim else item for item in step.claims))


def record(name: str, step: Step, claim_name: str) -> ClaimRecord | None:
    claims = run_step(step, instance(name)).claims
    return next((item for item in claims if item.name == claim_name), None)


@pytest.mark.statistical
@pytest.mark.parametrize(("label", "claim_name"), STATEMENTS)
def test_a_broken_constant_is_refuted(label: str, claim_name: str) -> None:
    step = THEOREM.step(label)
    claim = next(item for item in step.claims if item.name == claim_name)
    seen = []
    for name in INSTANCES:
        honest = record(name, step, claim_name)
        if honest is None:
            continue
        assert honest.verdict in {Verdict.PROVED, Verdict.SUPPORTED}, (name, honest)
        for amount in (SMALLEST_BREAK, 0.25, LARGEST_BREAK):
            found = record(name, broken(step, claim, amount), claim_name)
            if found is not None and found.verdict is Verdict.REFUTED:
                seen.append((amount, name))
    visible = bool(seen)
    assert visible != ((label, claim_name) in HIDDEN), f"{label} {claim_name}: refuted at {seen or 'no break'}"
