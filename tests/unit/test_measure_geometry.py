"""Measurements whose truth is known exactly: S1, preimages, S2, S3, S6, S7a, each with a false claim to expose."""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.measure import critical_points as critical_points_module
from certify.measure import derivatives
from certify.measure.contraction import contraction_quotient
from certify.measure.critical_points import SearchError, critical_points
from certify.measure.curvature import curvature_extremes
from certify.measure.derivatives import formula_deviation, polynomial_identity
from certify.measure.descent import descent_distances
from certify.measure.inverse import InversionError, enclose_preimage, invert, preimage
from certify.posteriors.posterior import Posterior
from certify.posteriors.transition import Projection


def sine_posterior(beta: float = 0.05) -> Posterior:
    """G(z) = 1.25 z + 0.25 sin z: m = 1, M = 1.5, M2 = 0.25."""
    nodes = (Input(1), Activation(0, "sin", 1), Sum((0, 1), (1.25, 0.25), 1))
    return Posterior(Generator("sine", Graph(nodes), 2), np.array([0.8]), beta)


def affine_generator(matrix: np.ndarray) -> Generator:
    return Generator("affine", Graph((Input(len(matrix)), Affine(0, matrix, np.zeros(len(matrix))))), matrix.size)


@pytest.fixture(scope="module")
def residual() -> Generator:
    return load_generator("residual:d=4,width=8,depth=2,lipschitz=0.3,seed=1")


@pytest.fixture(scope="module")
def residual_posterior(residual: Generator) -> Posterior:
    return Posterior(residual, value(residual.graph, np.array([0.5, -1.0, 0.3, 0.8])) + 0.05, 0.1)


def test_formulae_agree_with_jets(residual_posterior: Posterior) -> None:
    deviation = formula_deviation(residual_posterior, np.zeros(4), 2.0, cases=20)
    assert deviation.gradient < 1e-14
    assert deviation.hessian < 1e-14
    assert deviation.cases == 20


def test_a_wrong_formula_is_seen(residual_posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Posterior.gradient
    monkeypatch.setattr(Posterior, "gradient", lambda self, z: right(self, z) + 1e-9 * self.beta**-2)
    assert formula_deviation(residual_posterior, np.zeros(4), 2.0, cases=20).gradient > 1e-11


def test_polynomial_identities_are_exact() -> None:
    outcome = polynomial_identity(dimensions=(1, 2, 3), degree=2, maps=1)
    assert outcome.identities == 2 + 5 + 9
    assert outcome.failures == 0
    with pytest.raises(InputError, match="dimensions"):
        polynomial_identity(dimensions=(0,))


def test_a_wrong_polynomial_identity_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = derivatives._partial
    monkeypatch.setattr(
        derivatives, "_partial", lambda polynomial, *variables: len(variables) * right(polynomial, *variables)
    )
    outcome = polynomial_identity(dimensions=(2,), degree=2, maps=1)
    # Doubling every second derivative leaves the gradient's identities true and breaks the Hessian's.
    assert outcome.identities == 5
    assert outcome.failures == 3


def test_inversion_round_trip(residual: Generator) -> None:
    points = 2 * np.random.default_rng(0).standard_normal((200, 4))
    result = invert(residual, value(residual.graph, points))
    np.testing.assert_allclose(result.points, points, atol=1e-13)
    assert result.iterations < 20


def test_preimage_enclosure_contains_the_preimage(residual: Generator) -> None:
    truth = np.array([0.5, -1.0, 0.3, 0.8])
    observation = value(residual.graph, truth)
    for shift in (0.0, 1e-6, 0.1):
        enclosure = enclose_preimage(residual, observation, truth + shift, 0.49)
        # The float image is G(truth) to rounding, so truth is the preimage to about 1e-15.
        assert 2 * shift <= enclosure.distance_upper + 1e-14
        assert enclosure.distance_upper <= 2 * shift * 1.69 / 0.49 + 1e-14
        assert np.linalg.norm(truth) <= enclosure.norm_upper
    with pytest.raises(InputError, match="m_lower"):
        enclose_preimage(residual, observation, truth, 0.0)


def test_maps_without_a_preimage_are_refused() -> None:
    tall = Generator("tall", Graph((Input(1), Affine(0, np.ones((2, 1)), np.zeros(2)))), 2)
    with pytest.raises(InputError, match="equal dimensions"):
        preimage(tall, np.zeros(2))
    square = Generator("square", Graph((Input(1), Activation(0, "square", 1))), 0)
    with pytest.raises(InversionError, match="no preimage"):
        preimage(square, np.array([-1.0]))


def test_curvature_of_a_curved_line_is_the_dense_search() -> None:
    posterior = sine_posterior()
    centre = preimage(posterior.generator, posterior.observation)
    for extremes in curvature_extremes(posterior, centre, (0.1, 0.5, 2.0)):
        grid = centre + extremes.radius * np.linspace(-1, 1, 20_001)[:, None]
        curvature = posterior.hessian(grid)[:, 0, 0]
        assert extremes.smallest.value == pytest.approx(curvature.min(), rel=1e-6)
        assert extremes.largest.value == pytest.approx(curvature.max(), rel=1e-6)
        for extreme in (extremes.smallest, extremes.largest):
            assert np.linalg.norm(extreme.point - centre) <= extremes.radius * (1 + 1e-12)
            direct = extreme.direction @ posterior.hessian(extreme.point) @ extreme.direction
            assert direct == pytest.approx(extreme.value, rel=1e-12)


def test_curvature_ascent_beats_sampling(residual_posterior: Posterior) -> None:
    centre = preimage(residual_posterior.generator, residual_posterior.observation)
    plain = curvature_extremes(residual_posterior, centre, (1.0,), samples=60, iterations=0)[0]
    improved = curvature_extremes(residual_posterior, centre, (1.0,), samples=60)[0]
    dense = curvature_extremes(residual_posterior, centre, (1.0,), samples=20_000, iterations=0, seed=5)[0]
    assert improved.smallest.value <= min(plain.smallest.value, dense.smallest.value) * (1 + 1e-9)
    assert improved.largest.value >= max(plain.largest.value, dense.largest.value) * (1 - 1e-9)


def test_curvature_of_an_affine_map_is_constant_on_all_of_space() -> None:
    posterior = Posterior(affine_generator(np.diag([1.0, 1.5])), np.ones(2), 0.1)
    extremes = curvature_extremes(posterior, np.zeros(2), (math.inf,))[0]
    assert extremes.smallest.value == pytest.approx(101.0)
    assert extremes.largest.value == pytest.approx(226.0)


def test_curvature_refutes_a_claim_without_the_second_derivative_term() -> None:
    posterior = sine_posterior()
    centre = preimage(posterior.generator, posterior.observation)
    smallest = curvature_extremes(posterior, centre, (1.0,))[0].smallest.value
    assert smallest >= 1 + (1 - 1.5 * 0.25) / 0.05**2
    # With the local m over B(zh, 1) and M2 R dropped, the bound of S2 is false.
    local_m = float(np.min(1.25 + 0.25 * np.cos(centre + np.linspace(-1, 1, 2001))))
    assert smallest < 1 + local_m**2 / 0.05**2


def test_critical_points_of_two_wells() -> None:
    square = Generator("square", Graph((Input(1), Activation(0, "square", 1))), 0)
    found = critical_points(Posterior(square, np.array([1.0]), 0.3), np.ones(1))
    positions = sorted(float(item.point[0]) for item in found.points)
    np.testing.assert_allclose(positions, [-math.sqrt(0.955), 0.0, math.sqrt(0.955)], atol=1e-9)
    assert [item.negative_eigenvalues for item in found.points] == [0, 0, 1]
    assert found.farthest.distance == pytest.approx(1 + math.sqrt(0.955))


@pytest.mark.parametrize("starts", [1, 2, 5])
def test_any_number_of_starts_will_do(starts: int) -> None:
    assert critical_points(sine_posterior(), np.zeros(1), starts=starts).points


def test_a_search_that_finds_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(critical_points_module, "NEWTON_TOLERANCE", -1.0)
    with pytest.raises(SearchError, match="no critical point"):
        critical_points(sine_posterior(), np.zeros(1), starts=4)


def test_strongly_invertible_posterior_has_one_critical_point(residual_posterior: Posterior) -> None:
    centre = preimage(residual_posterior.generator, residual_posterior.observation)
    found = critical_points(residual_posterior, centre, starts=60)
    assert len(found.points) == 1
    assert found.unconverged == 0
    norm = float(np.linalg.norm(centre))
    assert found.mode.norm <= norm
    assert 0 < found.mode.distance <= 0.1**2 * norm / 0.49**2


def test_descent_rate_of_an_affine_map() -> None:
    # Phi is quadratic: the error contracts by I - A^T A/L, exactly.
    matrix = np.diag([1.0, 1.5])
    generator, solution = affine_generator(matrix), np.array([0.7, -0.4])
    result = descent_distances(generator, (matrix @ solution)[None], solution[None], 1 / 2.25, 40)
    factors = 1 - np.array([1.0, 2.25]) / 2.25
    expected = [np.linalg.norm(factors**step * solution) for step in range(41)]
    np.testing.assert_allclose(result.distances[:, 0], expected, rtol=1e-9, atol=1e-14)
    claimed = 1.5 * np.linalg.norm(solution) * (1 - 1 / 2.25) ** (np.arange(41) / 2)
    assert result.largest_ratio(claimed)[0] <= 1
    too_fast = np.linalg.norm(solution) * (1 - 1.2 / 2.25) ** np.arange(41)
    ratio, step, index = result.largest_ratio(too_fast)
    assert ratio > 1
    assert step > 0
    assert index == 0
    with pytest.raises(InputError, match="step_size"):
        descent_distances(generator, solution[None], solution[None], 0.0, 3)


def test_contraction_of_an_affine_map_is_its_slowest_direction() -> None:
    posterior = Posterior(affine_generator(np.diag([1.0, 1.5])), np.ones(2), 0.1)
    region = Projection(np.zeros(2), math.inf)
    quotient = contraction_quotient(posterior, region, 1e-3)
    assert quotient.factor == pytest.approx(1 - 1e-3 * 101, rel=1e-9)
    assert quotient.factor > 1 - 1.1 * 1e-3 * 101
    # Beyond 2/(mu + L) the stiff direction decides.
    assert contraction_quotient(posterior, region, 8e-3).factor == pytest.approx(8e-3 * 226 - 1, rel=1e-6)


def test_contraction_search_reaches_the_extreme_curvature() -> None:
    posterior = sine_posterior()
    centre = preimage(posterior.generator, posterior.observation)
    region = Projection(centre, 0.3)
    quotient = contraction_quotient(posterior, region, 5e-4)
    smallest = curvature_extremes(posterior, centre, (0.3,))[0].smallest.value
    assert 1 - 5e-4 * smallest * 1.02 <= quotient.factor <= 1 - 5e-4 * smallest * (1 - 1e-9)
