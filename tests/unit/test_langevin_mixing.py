"""The mixing bounds: published forms recovered, held on linear generators, refuted where a constant is wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from certify.arithmetic.balls import ball, midpoint
from certify.bounds.constants import constants
from certify.checking.check import check_theorem
from certify.checking.running import run_step
from certify.cli import main as cli
from certify.discovery.registry import theorems
from certify.generators.embedded import LINEAR
from certify.generators.specification import load_generator
from certify.posteriors.gaussian import langevin_law, posterior_law
from certify.posteriors.posterior import Posterior
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.theorem import Claim
from certify.symbolic.evaluation import evaluate_ball
from certify.verdict import Verdict
from theorems.langevin_mixing import statement as mixing
from theorems.langevin_mixing.bounds import divergence_bound, runs, spectrum_balls, transport_bounds
from theorems.langevin_mixing.statement import THEOREM as MIXING


def instance_at(specification: str, beta: str = "0.5", effort: float = 0.4) -> Instance:
    generator = load_generator(specification)
    brackets = constants(generator, effort=4000.0)
    setting = settle(MIXING, generator, brackets, Fraction(beta), Fraction(1, 10), None, 0)
    assert setting.certificate is not None
    return Instance(MIXING, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, effort)


@pytest.fixture(scope="module")
def plane() -> Instance:
    return instance_at("linear:d=2,kappa=2,seed=0")


@pytest.fixture(scope="module")
def line() -> Instance:
    return instance_at("linear:d=1,kappa=1,seed=0")


def number(expression: sp.Expr, **values: float) -> float:
    return midpoint(evaluate_ball(expression, {name: ball(value) for name, value in values.items()}))


def test_worked_numbers() -> None:
    """Evaluated by hand in floats at d = 3, mu = 2, L = 5, h = 0.01, k = 50."""
    h, k = sp.symbols("h k", positive=True)
    at = {"d": 3.0, "mu": 2.0, "L": 5.0, "h": 0.01, "k": 50.0}
    divergence = 25 * 3 * 1e-4 / 4 * (49 + 0.05 * 50 / 3 / (1 - 0.025))
    start = 0.5 * 0.04**-0.75 * math.exp(-0.02 * 49)
    assert number(mixing.dalalyan_total_variation(h, k), **at) == pytest.approx(start + math.sqrt(divergence / 2))
    transport = 0.98**50 * math.sqrt(1.5) + 7 * math.sqrt(2) / 6 * 2.5 * math.sqrt(0.03)
    assert number(mixing.dalalyan_transport(h, k), **at) == pytest.approx(transport)
    entropy = math.exp(-0.02 * 49) * 1.5 * math.log(25) + 8 * 0.01 * 3 * 25 / 2
    assert number(mixing.vempala_wibisono_divergence(h, k), **at) == pytest.approx(entropy)
    rate = 20 / 7
    power = (1 - rate * 0.005) ** 50
    added = sum(
        25 * 3 * 1e-4 * (1 / rate + 0.01) * (2 + 25 * 0.01 / 2 + 25 * 1e-4 / 6) * (1 - rate * 0.005) ** j
        for j in range(50)
    )
    squared = power * 1.5 + added
    assert number(mixing.durmus_moulines_transport(h, k), **at) == pytest.approx(math.sqrt(squared))


def test_dalalyans_printed_divergence_is_recovered() -> None:
    """At h = 1/(alpha L), n >= alpha: KL <= d L^2 h^2 n alpha/(2(2 alpha - 1)), the constant of Theorem 2."""
    h, k = sp.symbols("h k", positive=True)
    for alpha in (2.0, 3.0, 10.0):
        step = 1 / (5.0 * alpha)
        for count in (math.ceil(alpha) + 1, 100, 10_000):
            own = number(mixing.chain_divergence(h, k), d=3.0, L=5.0, h=step, k=float(count))
            printed = 3 * 25 * step**2 * (count - 1) * alpha / (2 * (2 * alpha - 1))
            assert own <= printed * (1 + 1e-12) * (1 + 1 / (count - 1))


def test_the_density_ratio_after_one_step_is_at_most_w() -> None:
    """X_1 = N(z*, 2h I): its density over the Gaussian posterior's never exceeds (2 h mu)^{-d/2} for h <= 1/(2L)."""
    posterior = Posterior(load_generator("linear:d=3,kappa=3,seed=1"), np.array([0.2, 1.0, -0.4]), 0.4)
    target = posterior_law(posterior)
    spectrum = np.linalg.eigvalsh(posterior.hessian(target.mean))
    points = target.mean + np.random.default_rng(0).standard_normal((4000, 3)) * 0.4
    for fraction in (1.0, 0.3):
        step = fraction / (2 * spectrum[-1])
        first = langevin_law(posterior, target.mean, step, 1)
        assert first.covariance == pytest.approx(2 * step * np.eye(3), abs=1e-12)
        ratio = first.log_density(points) - target.log_density(points)
        centre = first.log_density(target.mean[None]) - target.log_density(target.mean[None])
        bound = -1.5 * math.log(2 * step * spectrum[0])
        assert np.max(ratio) <= centre[0] + 1e-9 <= bound + 1e-9


@pytest.mark.parametrize(
    "specification", ["linear:d=1,kappa=1,seed=0", "linear:d=2,kappa=2,seed=0", "linear:d=8,kappa=1.5,seed=0"]
)
def test_every_claim_holds_on_linear_generators(specification: str) -> None:
    instance = instance_at(specification, effort=0.2)
    for step in MIXING.steps:
        record = run_step(step, instance)
        expected = Verdict.PROVED if step.label == "H" else Verdict.SUPPORTED
        assert record.verdict is expected, (step.label, record.binding.reason)
        assert record.binding.slack > 1 - 1e-3


def test_steps_stay_in_the_domain_of_each_claim(plane: Instance) -> None:
    mu, big = plane.number("mu"), plane.number("L")
    limits = {"D17": 1 / (2 * big), "DK19": 2 / (mu + big), "DM19": 1 / (mu + big)}
    limits |= {"VW19": mu / (4 * big**2), "S7": 1 / big}
    for name, limit in limits.items():
        steps = [run.step_size for run in runs(plane, name)]
        assert max(steps) == pytest.approx(limit, rel=1e-4)
        assert max(steps) <= limit


@pytest.mark.parametrize(
    ("label", "claim", "factor"),
    [
        ("H", "lower", 1.1),
        ("H", "upper", 0.9),
        ("BE", "gap", 1.1),
        ("BE", "log-Sobolev", 1.1),
    ],
)
def test_a_tight_constant_made_wrong_is_refuted(plane: Instance, label: str, claim: str, factor: float) -> None:
    assert broken(plane, label, claim, factor) is Verdict.REFUTED


@pytest.mark.parametrize(
    ("label", "claim", "factor"),
    [("D17", "D17", 0.06), ("DK19", "DK19", 0.09), ("DM19", "DM19", 0.14), ("VW19", "VW19", 0.01), ("S7", "S7", 0.1)],
)
def test_a_bound_below_its_slack_is_seen(plane: Instance, label: str, claim: str, factor: float) -> None:
    """These bounds are loose: only a constant wrong by more than the slack can be noticed (docs/mixing.md)."""
    assert broken(plane, label, claim, factor) is Verdict.REFUTED
    assert broken(plane, label, claim, 1.0) is Verdict.SUPPORTED


def broken(instance: Instance, label: str, name: str, factor: float) -> Verdict:
    def scaled(claim: Claim) -> Claim:
        wrong = claim.bound * sp.Rational(str(factor)) if claim.name == name else claim.bound
        return replace(claim, bound=wrong)

    step = MIXING.step(label)
    return run_step(replace(step, claims=tuple(scaled(claim) for claim in step.claims)), instance).verdict


def test_the_report_says_where_a_bound_is_vacuous_and_where_it_wins(line: Instance) -> None:
    (claim,) = run_step(MIXING.step("D17"), line).claims
    assert "not vacuous) in" in claim.reason and "the smallest of D17, VW19 TV, S7 in" in claim.reason
    notes = MIXING.conclusion.notes(line.certificate, None)
    assert "D17 <=" in notes[0] and "S7 <=" in notes[0] and "the smallest is" in notes[0]


def test_a_curved_generator_is_not_applicable_with_a_witness() -> None:
    generator = load_generator("residual:d=2,width=6,depth=1,lipschitz=0.4,seed=3")
    brackets = constants(generator, effort=4000.0)
    record = check_theorem(MIXING, generator, brackets, Fraction(1, 10), Fraction(1, 10), None, 0)
    assert record.verdict is Verdict.NOT_APPLICABLE
    curved = next(item for item in record.assumptions if item.label == "A2-0")
    assert curved.verdict is Verdict.REFUTED and curved.witness is not None


def test_it_is_discovered_and_runs_by_default_on_an_affine_generator_only(tmp_path: Path) -> None:
    assert theorems()[MIXING.id] is MIXING and MIXING.examples == (LINEAR,)
    arguments = ["check", MIXING.id, "--generator", "linear:d=2,kappa=2", "--quiet"]
    assert cli.main([*arguments, "--json", str(tmp_path / "r.json")]) == 0
    found = json.loads((tmp_path / "r.json").read_text())["theorems"][0]
    assert found["conclusion"]["tv_measured"]["upper"] < found["conclusion"]["tv_bound"] <= 0.1
    assert {step["id"] for step in found["steps"]} == {"H", "BE", "D17", "DK19", "DM19", "VW19", "S7"}


def test_closed_forms_in_balls_agree_with_the_matrix_ones() -> None:
    """Two derivations: eigenvalues in balls against matrix square roots and Cholesky factors in floats."""
    instance = instance_at("linear:d=3,kappa=3,seed=2")
    for name in ("DM19", "VW19"):
        for finding in (divergence_bound if name == "VW19" else transport_bounds)(instance, name):
            assert finding.recheck is not None
            assert midpoint(finding.recheck()) == pytest.approx(finding.measured, rel=1e-5, abs=1e-7)


def test_eigenvalues_are_enclosed_even_when_they_coincide() -> None:
    instance = instance_at("linear:d=3,kappa=1,seed=0")
    spectrum = np.linalg.eigvalsh(instance.posterior().hessian(np.zeros(3)))
    assert [midpoint(value) for value in spectrum_balls(instance)] == pytest.approx(spectrum, rel=1e-12)
