"""The bracket of the rate: worked numbers, exact truth of hundreds of decoders, its mutants, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify.arithmetic.balls import lower, upper
from certify.checking.check import check, check_constants
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.posteriors.estimates import IntervalEstimate
from certify.proof.instance import Instance
from certify.proof.judgement import decide
from certify.stress_tests.power import wrong_constants
from certify.verdict import Verdict
from tests.power_instances import settled
from theorems.collapse.rate import (
    divergences_from_prior,
    exact_rate,
    line_rate,
    prior_grid,
    rate,
    sampled_rate,
)
from theorems.collapse.statement import THEOREM


@cache
def isometries() -> tuple[Instance, ...]:
    names = ("linear:d=1,kappa=1,m=2", "linear:d=3,kappa=1,m=0.5")
    return settled(THEOREM, [(load_generator(name), beta, None) for name in names for beta in ("0.2", "1")])


def bracket(d: int, m: float, M: float, beta: float) -> tuple[float, float]:
    constants = {"d": Fraction(d), "m": Fraction(m), "M": Fraction(M)}
    (record,) = check_constants("collapse", constants, beta=Fraction(beta)).theorems
    return record.definitions["rate_lower"][0], record.definitions["rate_upper"][1]


def affine(matrix: np.ndarray) -> Generator:
    n, d = matrix.shape
    return Generator("affine", Graph((Input(d), Affine(0, matrix, np.zeros(n)))), matrix.size)


def curve(scale: float, bend: float, frequency: float) -> Generator:
    """G(z) = scale z + bend tanh(frequency z) in R^1; its slope lies between scale and scale + bend frequency."""
    nodes = (
        Input(1), Affine(0, np.array([[frequency]]), np.zeros(1)), Activation(1, "tanh", 1),
        Affine(2, np.array([[bend]]), np.zeros(1)), Affine(0, np.array([[scale]]), np.zeros(1)),
        Sum((3, 4), (1.0, 1.0), 1),
    )  # fmt: skip
    return Generator("curve", Graph(nodes), 3)


def test_worked_numbers() -> None:
    """d = 8, m = .5, M = 2, beta = .25: 4 log 5 and 4 log 65; the noise of a nat is m/sqrt(e^{1/4} - 1)."""
    low, high = bracket(8, 0.5, 2.0, 0.25)
    assert low == pytest.approx(4 * math.log(5)) and low <= 4 * math.log(5)
    assert high == pytest.approx(4 * math.log(65)) and high >= 4 * math.log(65)
    (record,) = check_constants("collapse", {"d": Fraction(8), "m": Fraction(1, 2), "M": Fraction(2)}).theorems
    assert record.conclusion is not None
    assert record.conclusion.beta_kept == pytest.approx(0.5 / math.sqrt(math.exp(0.25) - 1))
    assert record.conclusion.beta_lost == pytest.approx(2 / math.sqrt(math.exp(0.25) - 1))
    assert "tv_bound" not in record.conclusion.values


@pytest.mark.parametrize("seed", range(20))
def test_affine_truth_lies_in_the_bracket(seed: int) -> None:
    """Ten decoders a seed, with more outputs than latents as well; equality for scaled isometries."""
    random = np.random.default_rng(seed)
    for _ in range(10):
        d = int(random.integers(1, 6))
        n, noise = d + int(random.integers(0, 5)), float(10 ** random.uniform(-2, 1))
        matrix = random.standard_normal((n, d))
        values = np.linalg.svd(matrix, compute_uv=False)
        exact = exact_rate(affine(matrix), noise)
        assert exact is not None
        low, high = bracket(d, float(values[-1]) * (1 - 1e-12), float(values[0]) * (1 + 1e-12), noise)
        assert low <= upper(exact) and lower(exact) <= high
        isometry = float(values[0]) * np.linalg.qr(matrix)[0]
        same = exact_rate(affine(isometry), noise)
        assert same is not None
        # Both ends meet; the slack is the rounding of the isometry itself.
        low, high = bracket(d, float(values[0]), float(values[0]), noise)
        assert high == pytest.approx(low, rel=1e-14) and upper(same) == pytest.approx(high, rel=1e-9)


def test_curved_truth_lies_in_the_bracket() -> None:
    """Thirty curves by quadrature; a bracket with slopes that do not contain the curve's is left by some."""
    random, left = np.random.default_rng(0), 0
    for _ in range(30):
        scale, bend, frequency = random.uniform(0.2, 1), random.uniform(0.2, 2), random.uniform(0.3, 2)
        noise, slope = float(random.uniform(0.3, 2)), scale + bend * frequency
        generator = curve(scale, bend, frequency)
        grid = prior_grid(generator, noise, slope)
        assert grid is not None
        truth = line_rate(generator, noise, grid)
        low, high = bracket(1, scale * (1 - 1e-12), slope * (1 + 1e-12), noise)
        assert truth.upper - truth.lower < 1e-2
        assert low <= truth.upper and truth.lower <= high
        narrow = bracket(1, 2 * scale, slope, noise)[0], bracket(1, scale, slope / 2, noise)[1]
        left += narrow[0] > truth.upper or truth.lower > narrow[1]
    assert left > 10


def test_many_outputs_do_not_matter() -> None:
    """One latent on a curve in R^12, its slopes those of cos and sin of several frequencies: all lie in the bracket."""
    random = np.random.default_rng(1)
    frequencies = np.array([[1.0], [2.0], [3.0]])
    nodes = (Input(1), Affine(0, frequencies, np.zeros(3)), Activation(1, "tanh", 3),
             Affine(2, random.standard_normal((12, 3)), np.zeros(12)))  # fmt: skip
    generator = Generator("many", Graph(nodes), 39)
    noise, slope = 0.5, float(np.linalg.norm(nodes[3].weight, 2) * math.sqrt(14))
    grid = prior_grid(generator, noise, slope)
    assert grid is not None
    latent = random.standard_normal((400, 1))
    rows = generator.value(latent) + noise * random.standard_normal((400, 12))
    divergences = divergences_from_prior(generator, noise, rows, grid)
    standard_error = float(divergences.std() / 20)
    assert divergences.mean() - 5 * standard_error <= bracket(1, 0.0, slope, noise)[1]


def test_quadrature_and_draws_agree_with_the_closed_form() -> None:
    generator = affine(np.array([[1.3]]))
    exact = exact_rate(generator, 0.5)
    assert exact is not None
    grid = prior_grid(generator, 0.5, 1.3)
    assert grid is not None
    line = line_rate(generator, 0.5, grid)
    assert line.estimate == pytest.approx(lower(exact), abs=1e-8)
    draws = sampled_rate(generator, 0.5, np.random.default_rng(0), 2000)
    assert draws.lower <= upper(exact) and lower(exact) <= draws.upper and draws.assumption


@pytest.mark.parametrize(
    ("beta", "names"),
    [("0.3", ("residual:d=1,width=4", "manifold:d=2,outputs=3,width=3,bend=0.1")), ("2", ("linear:d=2,kappa=1",))],
)
def test_the_check_holds_on_decoders(beta: str, names: tuple[str, ...]) -> None:
    for record in check(
        ["collapse"], [load_generator(name) for name in names], beta=Fraction(beta), effort=0.05
    ).theorems:
        assert record.verdict.holds and record.conclusion is not None
        assert record.conclusion.rate_lower <= record.conclusion.rate_upper


def test_every_wrong_constant_is_seen() -> None:
    rows = wrong_constants(THEOREM, isometries(), 0)
    assert len(rows) > 15
    assert [(row.step, row.claim, row.change, row.outcome) for row in rows if not row.refuted] == []


def test_a_rate_outside_the_bracket_is_refuted() -> None:
    (instance, *_) = isometries()
    step = THEOREM.step("I")
    for claim, wrong in zip(step.claims, (0.5, 2.0), strict=True):
        finding = next(item for item in step.check(instance) if item.claim == claim.name)
        shifted = replace(
            finding, measured=wrong * finding.measured, recheck=None, interval=(wrong * finding.measured,) * 2
        )
        assert decide(claim, shifted, instance) is Verdict.REFUTED


def test_a_decoder_without_a_slope_is_not_judged() -> None:
    (record,) = check(["collapse"], [load_generator("permutation:family=gf2exp,bits=3")], beta=Fraction(1, 2)).theorems
    assert record.verdict is Verdict.NOT_APPLICABLE and "Lipschitz" in record.reason


def test_an_estimate_says_what_it_rests_on() -> None:
    (instance, *_) = isometries()
    found = rate(instance, instance.beta)
    assert isinstance(found, IntervalEstimate) and found.lower <= found.estimate <= found.upper
