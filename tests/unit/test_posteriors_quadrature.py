"""Quadrature against closed forms and against an independent dense rule; the refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.posteriors.gaussian import posterior_law
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import MassElsewhereError, build_quadrature, polar_rule


def affine(matrix: np.ndarray) -> Generator:
    return Generator("affine", Graph((Input(matrix.shape[1]), Affine(0, matrix, np.zeros(len(matrix))))), matrix.size)


def sine_generator() -> Generator:
    """1.25 z + 0.25 sin z."""
    return Generator("sine", Graph((Input(1), Activation(0, "sin", 1), Sum((0, 1), (1.25, 0.25), 1))), 2)


@pytest.mark.parametrize("beta", [1e-3, 0.05, 0.7])
@pytest.mark.parametrize("matrix", [np.array([[1.4]]), np.array([[1.0, 0.3], [0.0, 1.5]])])
def test_affine_moments_and_normaliser(matrix: np.ndarray, beta: float) -> None:
    dimension = len(matrix)
    posterior = Posterior(affine(matrix), np.linspace(0.3, 0.8, dimension), beta)
    truth, law = build_quadrature(posterior), posterior_law(posterior)
    closed = -float(posterior.potential(law.mean)) + 0.5 * np.linalg.slogdet(2 * np.pi * law.covariance)[1]
    assert truth.log_normaliser.estimate == pytest.approx(closed, abs=1e-10)
    np.testing.assert_allclose(truth.mean(), law.mean, rtol=1e-11)
    np.testing.assert_allclose(truth.covariance(), law.covariance, rtol=1e-10, atol=1e-11 * beta**2)
    assert truth.probabilities().sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_ball_masses_are_chi_squared(dimension: int) -> None:
    posterior = Posterior(affine(2 * np.eye(dimension)), np.full(dimension, 0.4), 0.1)
    truth, deviation = build_quadrature(posterior), 1 / np.sqrt(401)
    for radius in (0.5, 2.0, 4.0):
        mass = truth.tail_mass(truth.mode, radius * deviation)
        assert mass.estimate == pytest.approx(chi2.sf(radius**2, dimension), rel=1e-9)
        assert mass.lower <= mass.estimate <= mass.upper
    assert truth.tail_mass(truth.mode, 1e3).estimate == 0.0
    inside = truth.conditional_expectation(truth.mode, 2 * deviation, lambda z: np.sum((z - truth.mode) ** 2, axis=1))
    # E[chi^2; chi <= r]: d times the distribution function with two more degrees of freedom.
    expected = dimension * chi2.cdf(4, dimension + 2) / chi2.cdf(4, dimension) * deviation**2
    assert inside.estimate == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("beta", [1e-3, 0.05, 1.0])
def test_curved_line_against_a_dense_rule(beta: float) -> None:
    posterior = Posterior(sine_generator(), np.array([0.8]), beta)
    truth = build_quadrature(posterior)
    nodes = truth.mode + np.linspace(-12, 12, 400_001)[:, None] * truth.root[0, 0]
    density = np.exp(-posterior.potential(nodes) - truth.log_normaliser.estimate)
    spacing = 24 / 400_000 * float(truth.root[0, 0])
    assert np.sum(density) * spacing == pytest.approx(1.0, abs=1e-10)
    np.testing.assert_allclose(truth.density(nodes[::1000]), density[::1000])
    outside = np.abs(nodes[:, 0] - 0.5) > 0.7 * beta
    expected = float(np.sum(density[outside]) * spacing)
    assert truth.tail_mass(np.array([0.5]), 0.7 * beta).estimate == pytest.approx(expected, rel=2e-4)


def test_off_centre_ball_in_an_elongated_posterior() -> None:
    posterior = Posterior(affine(np.diag([1.0, 8.0])), np.array([0.2, 0.5]), 0.05)
    truth, law = build_quadrature(posterior), posterior_law(posterior)
    centre, radius = law.mean + np.array([0.03, -0.01]), 0.05
    points = law.sample(400_000, np.random.default_rng(0))
    frequency = float(np.mean(np.linalg.norm(points - centre, axis=1) > radius))
    mass = truth.tail_mass(centre, radius)
    assert mass.estimate == pytest.approx(frequency, abs=5 * np.sqrt(0.25 / 400_000))
    assert mass.upper - mass.lower < 1e-8


def test_polar_rule_integrates_polynomials() -> None:
    for dimension, volume in ((1, 2 * 0.7), (2, np.pi * (1 - 0.09)), (3, 4 / 3 * np.pi * (1 - 0.027))):
        rule = polar_rule(dimension, 0.3, 1.0, 2, 8, 12)
        assert rule.weights.sum() == pytest.approx(volume, rel=1e-12)
        assert np.abs(rule.weights @ rule.nodes).max() < 1e-13


def test_second_basin_is_refused() -> None:
    square = Generator("square", Graph((Input(1), Activation(0, "square", 1))), 0)
    with pytest.raises(MassElsewhereError, match="another basin"):
        build_quadrature(Posterior(square, np.array([1.0]), 0.05))


def test_high_dimension_is_refused() -> None:
    with pytest.raises(InputError, match="dimensions 1 to 3"):
        build_quadrature(Posterior(affine(np.eye(4)), np.zeros(4), 0.1))
