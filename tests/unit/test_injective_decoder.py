"""Section 5 as a theorem: its closed forms at worked numbers, its checks, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from certify.arithmetic.balls import ball, midpoint, precision
from certify.bounds.constants import constants
from certify.checking.check import check_constants
from certify.checking.running import run_step
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.judgement import decide
from certify.proof.theorem import Claim, Finding, Step
from certify.symbolic.evaluation import evaluate_ball
from certify.symbolic.model import m
from certify.verdict import Verdict
from theorems.injective_decoder.start_and_mode import reconstruct
from theorems.injective_decoder.statement import THEOREM

NUMBERS = {
    "d": Fraction(8), "n": Fraction(64), "m": Fraction(1, 2), "M": Fraction(2), "M2": Fraction(1, 2),
    "beta": Fraction(1, 20),
}  # fmt: skip


@pytest.fixture(scope="module")
def instance() -> Instance:
    generator = load_generator("manifold:d=2,outputs=6,width=6,bend=0.1")
    brackets = constants(generator, effort=5000.0)
    setting = settle(THEOREM, generator, brackets, Fraction(1, 5), Fraction(1, 10), None, 0)
    assert setting.certificate is not None
    return Instance(THEOREM, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, 0.2)


def evaluated(claim: Claim, **values: object) -> float:
    with precision():
        known = {name: ball(value) for name, value in {**NUMBERS, **values}.items()}  # type: ignore[arg-type]
        return midpoint(evaluate_ball(claim.bound, known))


def claim(label: str, name: str) -> Claim:
    return next(item for item in THEOREM.step(label).claims if item.name == name)


def test_worked_numbers_of_the_start() -> None:
    # m^2 - M2 r0 = .25 - .2 = .05, M^2 + M2 r0 = 4.2.
    assert evaluated(claim("i", "descent"), r0=Fraction(2, 5), k=2, F0=3) == pytest.approx(3 * (1 - 0.05 / 4.2) ** 2)
    assert evaluated(claim("i", "distance"), r1=Fraction(2, 5), F1=1) == pytest.approx(40.0)


def test_worked_numbers_of_the_residual() -> None:
    """d = 8, n = 64, m = .5, M2 = .5: at beta = .05 and t = 2 p is 1.038 a priori, .741 at the typical residual."""
    assert evaluated(claim("ii", "residual"), t0=2) == pytest.approx(np.exp(-2.0))
    assert evaluated(claim("iv", "noise"), t0=2) == pytest.approx(2 * np.exp(-2.0))
    p = THEOREM.quantity("p").definition
    assert p is not None
    with precision():
        values = {name: ball(value) for name, value in NUMBERS.items()}
        apriori = 0.05 * (np.sqrt(72) + 2)
        values["r_c"] = ball(apriori)
        assert midpoint(evaluate_ball(p, values)) == pytest.approx(1.038, abs=5e-4)
        values["r_c"] = ball(0.05 * np.sqrt(56))
        assert midpoint(evaluate_ball(p, values)) == pytest.approx(0.741, abs=1e-2)


def test_at_small_noise_the_constants_alone_give_few_layers() -> None:
    """Section 5's numbers: at beta = .003 four to eight layers, at .002 one or two."""
    values = {name: value for name, value in NUMBERS.items() if name != "beta"} | {"N": Fraction(1000)}
    for beta, most in ((Fraction(3, 1000), 12), (Fraction(2, 1000), 3)):
        conclusion = check_constants("injective-decoder", values, beta=beta).theorems[0].conclusion
        assert conclusion is not None and isinstance(conclusion.values["K"], int)
        assert 1 <= conclusion.values["K"] <= most


def test_the_own_steps_hold_at_a_curved_sheet(instance: Instance) -> None:
    for label in ("i", "ii", "iv"):
        step = THEOREM.step(label)
        record = run_step(step, instance)
        assert {item.name for item in record.claims} == {item.name for item in step.claims}
        assert all(item.verdict in {Verdict.PROVED, Verdict.SUPPORTED} for item in record.claims)


def refuted(step: Step, name: str, bound: sp.Expr, instance: Instance, findings: tuple[Finding, ...]) -> bool:
    wrong = replace(next(item for item in step.claims if item.name == name), bound=bound)
    return any(decide(wrong, item, instance) is Verdict.REFUTED for item in findings if item.claim == name)


def test_wrong_constants_are_noticed(instance: Instance) -> None:
    """The tight claims notice a sixth and a rate that is too fast, the loose one (15 times) a factor beyond that."""
    start = THEOREM.step("i")
    findings = start.check(instance)
    descent, distance = claim("i", "descent").bound, claim("i", "distance").bound
    assert refuted(start, "distance", distance * sp.Rational(5, 6), instance, findings)
    assert refuted(start, "descent", descent.subs(m, 4 * m), instance, findings)
    residual = THEOREM.step("ii")
    small = claim("ii", "residual").bound * sp.Rational(1, 10**6)
    assert refuted(residual, "residual", small, instance, residual.check(instance))


def test_a_start_that_is_too_far_is_reported(instance: Instance) -> None:
    far = replace(instance, observations=instance.observations + 1e3, _shared={})
    findings = THEOREM.step("i").check(far)
    assert all(np.isnan(finding.measured) and "m^2/M2" in finding.reason for finding in findings)


def test_reconstruction_is_a_critical_point() -> None:
    generator = load_generator("manifold:d=3,outputs=7,width=8,bend=0.3")
    row = generator.value(np.full(3, 0.4)) + 0.1
    point = reconstruct(generator, row, np.zeros(3))
    residual = generator.value(point) - row
    assert np.linalg.norm(generator.vector_jacobian_product(point, residual)) < 1e-8
