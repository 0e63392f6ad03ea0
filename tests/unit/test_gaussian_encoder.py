"""The Gaussian encoder's theorem: worked numbers, the noise levels it reaches, its checks, and what they reject."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi

from certify.arithmetic.balls import Real, midpoint, upper
from certify.bounds.constants import constants
from certify.checking.check import check_theorem
from certify.checking.running import run_step
from certify.cli import main as cli
from certify.encoders.kind import Numbers
from certify.generators.graph import Activation, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.optimiser import certify_choices
from certify.proof.theorem import Theorem
from certify.verdict import Verdict
from theorems.gaussian_encoder.choices import GaussianStrategy
from theorems.gaussian_encoder.laws import encoder_law, jacobian_law
from theorems.gaussian_encoder.network import covariance_of
from theorems.gaussian_encoder.statement import THEOREM

CONSTANTS: dict[str, Real] = {
    "m": 1,
    "M": Fraction(3, 2),
    "M2": Fraction(3, 20),
    "epsilon": Fraction(1, 10),
    "t_x": 2,
    "N": 1000,
}
HESSIAN_ALONE: Theorem = replace(
    THEOREM, conclusion=replace(THEOREM.conclusion, search=GaussianStrategy(jacobian=False))
)


def search(theorem: Theorem = THEOREM) -> GaussianStrategy:
    found = theorem.conclusion.search
    assert isinstance(found, GaussianStrategy)
    return found


def instance_of(specification: str, beta: str, effort: float = 0.1) -> Instance:
    generator = load_generator(specification)
    brackets = constants(generator, effort=1000.0)
    setting = settle(THEOREM, generator, brackets, Fraction(beta), Fraction(1, 10), None, 0)
    assert setting.certificate is not None
    return Instance(THEOREM, setting.certificate, generator, brackets, setting.observations, setting.beta, 0, effort)


@pytest.fixture(scope="module")
def plane() -> Instance:
    return instance_of("residual:d=2,width=8,depth=1,lipschitz=0.4,seed=3", "0.1")


def test_worked_numbers() -> None:
    """Every closed form of G1-G3 evaluated again in floats at one instance, choices given."""
    d, m, M, M2, M3, beta, rho, R, delta0 = 3.0, 1.0, 1.5, 0.2, 0.3, 0.05, 1.25, 0.4, 0.01
    exact: dict[str, Real] = {"d": 3, "m": 1, "M": Fraction(3, 2), "M2": Fraction(1, 5), "M3": Fraction(3, 10), "N": 50}
    settings: dict[str, Real] = {"beta": Fraction(1, 20), "epsilon": Fraction(1, 10), "t_x": 2, "rho": Fraction(5, 4)}
    choices = {"R": Fraction(2, 5), "delta0": Fraction(1, 100), "K_newton": Fraction(1)}
    radii = {"R_star": Fraction(4), "R2_star": Fraction(5)}
    certificate = certify_choices(THEOREM, {**exact, **settings}, {**choices, **radii})
    assert certificate is not None
    a, b = (m / beta) ** 2, (M / beta) ** 2
    mu, L = 1 + (m**2 - M * M2 * R) / beta**2, 1 + (M**2 + M * M2 * R) / beta**2
    third, gap = (3 * M * M2 + M3 * M * R) / beta**2, beta**2 * rho / m**2
    tail = ((1 + b) / (1 + a)) ** (d / 2) * math.exp(rho**2 / 2 * (b / (1 + b) - a / (1 + a)))
    tail *= chi.sf(math.sqrt(1 + a) * (R - 2 * gap) - rho / math.sqrt(1 + a), d)
    start = rho + L * delta0
    h = third * start / (2 * mu**2)
    stop = start * h
    q = third * stop / mu**2
    expected = {
        "mu": mu, "T3": third, "R_inner": R - gap, "e_start": start, "h_start": h, "e_stop": stop, "q_stop": q,
        "G1": third * math.sqrt(d * (d + 2)) / (4 * mu**1.5), "tail": tail,
        "outside": chi.sf(math.sqrt(mu) * (R - gap), d),
        "G3": 0.5 * math.sqrt(d * q**2 / (2 * (1 - q)) + L * stop**2 / mu**2),
        "g_star": stop / math.sqrt(1 + a), "r_star": beta**2 * rho / m + M * stop / mu,
    }  # fmt: skip
    for name, value in expected.items():
        assert midpoint(certificate[name]) == pytest.approx(value, rel=1e-8), name
    total = expected["G1"] + expected["tail"] + expected["outside"] + expected["G3"]
    assert midpoint(certificate["tv_hessian"]) == pytest.approx(total, rel=1e-8)
    assert certificate.distance_upper == min(upper(certificate["tv_hessian"]), upper(certificate["tv_jacobian"]))


def test_the_jacobian_form_is_the_sharp_theorys_worked_example() -> None:
    """docs/sharp.md: d = 2, beta = .1, R = 4, R2 = 5 with the measured g and |r_c| gives .0688597503."""
    exact: dict[str, Real] = {"d": 2, "m": 1, "M": Fraction(3, 2), "M2": Fraction(1, 4), "M3": Fraction(1, 4), "N": 50}
    measured: dict[str, Real] = {"g_star": "0.00623188723", "r_star": "0.00865542625", "rho": 1}
    settings: dict[str, Real] = {"beta": Fraction(1, 10), "epsilon": Fraction(1, 10), "t_x": 2}
    choices = {"R": Fraction(1, 2), "delta0": Fraction(1, 1000), "K_newton": Fraction(2)}
    radii = {"R_star": Fraction(4), "R2_star": Fraction(5)}
    certificate = certify_choices(THEOREM, {**exact, **settings, **measured}, {**choices, **radii})
    assert certificate is not None
    for name, value in {
        "leading_star": 0.0676654564,
        "tail_star": 8.58831268e-4,
        "outside_star": 3.35462628e-4,
    }.items():
        # The far field is enclosed to a relative width of 1e-3, a share of 2e-2 of the tail.
        assert midpoint(certificate[name]) == pytest.approx(value, rel=2e-4 if name == "tail_star" else 1e-6)
    assert upper(certificate["tv_jacobian"]) >= 0.06885975
    assert upper(certificate["tv_jacobian"]) == pytest.approx(0.0688597503, rel=1e-5)


@pytest.mark.parametrize(("d", "share"), [(2, 0.53), (10, 0.80), (100, 0.95), (1000, 0.99)])
def test_the_hessian_form_approaches_its_asymptotic_noise_level(d: int, share: float) -> None:
    found = search(HESSIAN_ALONE).largest_beta(HESSIAN_ALONE, {**CONSTANTS, "d": d, "M3": 0})
    assert found is not None
    limit = 4 / 3 * 0.1 / (1.5 * 0.15 * d)
    assert found[0] / limit == pytest.approx(share, abs=0.01)
    assert found[1].distance_upper <= 0.1


def test_the_jacobian_form_reaches_the_recorded_noise_level() -> None:
    """Recorded by a coarse search in floats: largest beta .0803; .119 at .0927 and .307 at .1855."""
    inputs = {**CONSTANTS, "d": 8, "M3": Fraction(1, 10)}
    found = search().largest_beta(THEOREM, inputs)
    assert found is not None
    assert 0.0803 <= found[0] <= 0.0815
    for noise, recorded in (("0.0927", 0.119), ("0.1855", 0.307)):
        certificate = search().closest(THEOREM, {**inputs, "beta": noise})
        assert certificate is not None
        assert recorded - 0.006 <= certificate.distance_upper <= recorded


def test_smaller_noise_never_makes_the_bound_worse() -> None:
    inputs = {**CONSTANTS, "d": 4, "M3": Fraction(1, 10)}
    bounds = []
    for noise in (0.2, 0.1, 0.05, 0.02, 0.01, 0.001):
        certificate = search().closest(THEOREM, {**inputs, "beta": noise})
        assert certificate is not None
        bounds.append(certificate.distance_upper)
    assert bounds == sorted(bounds, reverse=True)


def test_a_broken_side_condition_gives_no_certificate() -> None:
    exact: dict[str, Real] = {**CONSTANTS, "d": 2, "M3": Fraction(1, 10), "beta": Fraction(1, 20)}
    radii = {"R_star": Fraction(4), "R2_star": Fraction(5)}
    good = {"R": Fraction(1, 2), "delta0": Fraction(1, 1000), "K_newton": Fraction(1), **radii}
    assert certify_choices(THEOREM, exact, good) is not None
    for name, wrong in {
        "R": Fraction(5), "delta0": Fraction(1), "K_newton": Fraction(-1), "R_star": Fraction(0),
        "R2_star": Fraction(1),
    }.items():  # fmt: skip
        assert certify_choices(THEOREM, exact, {**good, name: wrong}) is None, name


def test_every_claim_holds_on_a_curved_generator_of_the_plane(plane: Instance) -> None:
    for step in THEOREM.steps:
        record = run_step(step, plane)
        expected = Verdict.PROVED if step.label == "G-size" else Verdict.SUPPORTED
        assert record.verdict is expected, (step.label, record.binding.reason)
    measured = THEOREM.conclusion.measure(plane)
    assert measured is not None
    assert measured.upper < 0.1 * plane.certificate.distance_upper


def test_the_encoders_law_has_the_covariance_with_the_smaller_bound(plane: Instance) -> None:
    numbers = Numbers(plane.values)
    smaller = upper(plane.values["tv_jacobian"]) < upper(plane.values["tv_hessian"])
    assert covariance_of(numbers) == ("jacobian" if smaller else "hessian")
    point = encoder_law(plane).mean
    scale = max(abs(plane.posterior().gradient(point)).max(), 1e-300)
    assert scale <= midpoint(plane.values["e_stop"])
    gap = np.linalg.inv(jacobian_law(plane).covariance) - plane.posterior().hessian(point)
    residual = np.linalg.norm(plane.posterior().residual(point)) / plane.beta**2
    assert np.linalg.norm(gap, 2) <= residual * midpoint(plane.values["M2"]) * (1 + 1e-9)
    swapped = Numbers({**plane.values, "tv_jacobian": plane.values["tv_hessian"] + 1})
    assert covariance_of(swapped) == "hessian"


def test_an_affine_generator_is_exact_at_every_noise_level() -> None:
    generator = load_generator("linear:d=3,kappa=2,seed=1")
    brackets = constants(generator, effort=1000.0)
    record = check_theorem(THEOREM, generator, brackets, None, Fraction(1, 10), None, 0, effort=0.1)
    assert record.verdict is Verdict.SUPPORTED
    assert record.conclusion is not None
    assert record.conclusion.values["beta_max"] == math.inf
    assert record.conclusion.values["K"] == 0 and record.conclusion.values["K_gauss"] == 1
    verdicts = {step.label: step.verdict for step in record.steps}
    assert all(verdicts[label] is Verdict.PROVED for label in ("G1", "G2", "G1*", "G"))
    assert any("exact at every noise level" in note for note in record.conclusion.notes)


def kinked() -> Generator:
    """z + relu(z)/2 in d = 2: strongly invertible, not C^1."""
    nodes = (Input(2), Activation(0, "relu", 2), Sum((0, 1), (1.0, 0.5), 2))
    return Generator("kinked", Graph(nodes), 1)


@pytest.mark.parametrize(
    ("generator", "label"), [(kinked(), "A2"), (load_generator("linear:d=2,n=4,kappa=2,seed=0"), "A0")]
)
def test_a_violated_assumption_makes_it_not_applicable(generator: Generator, label: str) -> None:
    record = check_theorem(THEOREM, generator, constants(generator, effort=1000.0), None, Fraction(1, 10), None, 0)
    assert record.verdict is Verdict.NOT_APPLICABLE
    assert next(item for item in record.assumptions if item.label == label).verdict is Verdict.REFUTED


def test_the_third_derivative_must_be_certified() -> None:
    """ELU has a Lipschitz derivative, and its second derivative jumps."""
    generator = load_generator("residual:d=2,width=4,depth=1,activation=elu,seed=0")
    record = check_theorem(THEOREM, generator, constants(generator, effort=1000.0), None, Fraction(1, 10), None, 0)
    assert record.verdict is Verdict.NOT_APPLICABLE
    assert "A2-M3" in record.reason


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ("0.03", "the usual Gaussian encoder is enough"),
        ("0.15", "the Gaussian encoder is not certified; Theorem 1's is, with"),
        ("0.25", "neither encoder is certified"),
    ],
)
def test_the_conclusion_says_which_encoder_suffices(noise: str, words: str, tmp_path: Path) -> None:
    given = "d=8,m=1,M=1.5,M2=0.15,M3=0.1,N=1000"
    arguments = ["check", "gaussian-encoder", "--constants", given, "--epsilon", "0.1", "--beta", noise, "--quiet"]
    code = cli.main([*arguments, "--json", str(tmp_path / "r.json")])
    (found,) = json.loads((tmp_path / "r.json").read_text())["theorems"]
    assert code == (0 if noise == "0.03" else 3)
    notes = " ".join(found["conclusion"]["notes"])
    assert words in notes
    assert "Theorem 1's largest noise level" in notes
    assert found["conclusion"]["beta_max"] == pytest.approx(0.0808, abs=5e-4)


def test_a_network_whose_curvature_vanishes_is_affine_whatever_its_form() -> None:
    """z + 0 tanh(z): no affine form by structure, M2 = 0 certified; nothing is compared with rounding noise."""
    nodes = (Input(1), Activation(0, "tanh", 1), Sum((0, 1), (1.0, 0.0), 1))
    generator = Generator("flat", Graph(nodes), 1)
    brackets = constants(generator, effort=1000.0)
    assert brackets.M2.upper == 0.0
    record = check_theorem(THEOREM, generator, brackets, Fraction(1, 2), Fraction(1, 10), None, 0, effort=0.2)
    assert record.verdict is Verdict.SUPPORTED
    assert {step.label: step.verdict for step in record.steps}["G1"] is Verdict.PROVED
