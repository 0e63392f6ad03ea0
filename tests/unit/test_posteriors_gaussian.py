"""Closed forms for affine generators against direct recursions, and distances against integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.posteriors.gaussian import (
    GaussianLaw,
    affine_form,
    langevin_law,
    langevin_stationary_law,
    posterior_law,
)
from certify.posteriors.gaussian_distance import (
    kl_divergence,
    total_variation_interval,
    total_variation_line,
    total_variation_pinsker_upper,
    wasserstein_distance,
)
from certify.posteriors.posterior import Posterior

MATRIX = np.array([[1.0, 0.4, 0.0], [-0.2, 1.3, 0.1], [0.0, 0.5, 0.8]])


def affine_posterior(beta: float = 0.1) -> Posterior:
    """A z + b through two layers, a sum and an identity activation."""
    nodes = (
        Input(3),
        Affine(0, MATRIX, np.array([0.1, 0.0, -0.2])),
        Activation(1, "identity", 3),
        Sum((0, 2), (0.5, 2.0), 3),
    )
    return Posterior(Generator("affine", Graph(nodes), 12), np.array([0.3, -0.7, 1.1]), beta)


def test_affine_form_is_found_and_only_then() -> None:
    form = affine_form(affine_posterior().generator.graph)
    assert form is not None
    np.testing.assert_allclose(form.matrix, 0.5 * np.eye(3) + 2 * MATRIX)
    np.testing.assert_allclose(form.offset, [0.2, 0.0, -0.4])
    assert affine_form(Graph((Input(1), Activation(0, "tanh", 1)))) is None


def test_posterior_law_is_where_the_gradient_vanishes() -> None:
    posterior = affine_posterior()
    law = posterior_law(posterior)
    assert np.linalg.norm(posterior.gradient(law.mean)) < 1e-11
    np.testing.assert_allclose(law.covariance @ posterior.hessian(law.mean), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 2, 7, 300])
def test_langevin_law_is_the_recursion(steps: int) -> None:
    posterior, step_size = affine_posterior(), 4e-4
    target = posterior_law(posterior)
    start = GaussianLaw(np.array([1.0, 0.0, -1.0]), 0.01 * np.eye(3) + 0.001)
    transition = np.eye(3) - step_size * posterior.hessian(target.mean)
    mean, covariance = start.mean, start.covariance
    for _ in range(steps):
        mean = mean - step_size * posterior.gradient(mean)
        covariance = transition @ covariance @ transition.T + 2 * step_size * np.eye(3)
    law = langevin_law(posterior, start, step_size, steps)
    np.testing.assert_allclose(law.mean, mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(law.covariance, covariance, rtol=1e-9, atol=1e-13)
    point = langevin_law(posterior, start.mean, step_size, steps)
    np.testing.assert_allclose(point.mean, mean, rtol=1e-9, atol=1e-12)


def test_stationary_law_is_fixed_and_reached() -> None:
    posterior, step_size = affine_posterior(), 4e-4
    stationary = langevin_stationary_law(posterior, step_size)
    moved = langevin_law(posterior, stationary, step_size, 1)
    np.testing.assert_allclose(moved.covariance, stationary.covariance, rtol=1e-12, atol=1e-16)
    far = langevin_law(posterior, np.ones(3), step_size, 10_000)
    np.testing.assert_allclose(far.covariance, stationary.covariance, rtol=1e-9, atol=1e-15)
    assert np.all(np.diag(stationary.covariance) > np.diag(posterior_law(posterior).covariance))


def test_wrong_arguments_are_refused() -> None:
    posterior = affine_posterior()
    with pytest.raises(InputError, match="step_size"):
        langevin_stationary_law(posterior, 1.0)
    with pytest.raises(InputError, match="step_size"):
        langevin_law(posterior, np.zeros(3), 0.0, 3)
    curved = Posterior(Generator("sine", Graph((Input(1), Activation(0, "sin", 1))), 0), np.zeros(1), 0.1)
    with pytest.raises(InputError, match="not affine"):
        posterior_law(curved)


def _integrated(first: GaussianLaw, second: GaussianLaw) -> tuple[float, float]:
    nodes = np.linspace(-14, 14, 400_001)[:, None]
    left, right = first.log_density(nodes), second.log_density(nodes)
    spacing = float(nodes[1, 0] - nodes[0, 0])
    variation = 0.5 * np.sum(np.abs(np.exp(left) - np.exp(right))) * spacing
    return float(variation), float(np.sum(np.exp(left) * (left - right)) * spacing)


@pytest.mark.parametrize(("shift", "variance"), [(0.0, 1.0), (0.7, 1.0), (0.0, 1.3), (-0.4, 0.5), (1e-3, 1.001)])
def test_line_distances_are_the_integrals(shift: float, variance: float) -> None:
    first = GaussianLaw(np.zeros(1), np.eye(1))
    second = GaussianLaw(np.array([shift]), np.array([[variance]]))
    variation, divergence = _integrated(first, second)
    assert total_variation_line(first, second) == pytest.approx(variation, rel=1e-8, abs=1e-10)
    assert kl_divergence(first, second) == pytest.approx(divergence, rel=1e-8, abs=1e-12)
    assert wasserstein_distance(first, second) == pytest.approx(np.hypot(shift, np.sqrt(variance) - 1), abs=1e-7)
    interval = total_variation_interval(first, second, draws=40_000)
    assert interval.lower <= variation + 1e-12
    assert interval.upper >= variation - 1e-12


def test_pinsker_is_above_the_distance_and_equals_its_formula() -> None:
    random = np.random.default_rng(5)
    for _ in range(5):
        factors = random.standard_normal((2, 3, 6))
        first, second = (GaussianLaw(0.3 * factor[:, 0], factor @ factor.T / 6) for factor in factors)
        bound = total_variation_pinsker_upper(first, second)
        assert bound == pytest.approx(min(1.0, np.sqrt(kl_divergence(first, second) / 2)), rel=1e-9)
        interval = total_variation_interval(first, second, draws=100_000)
        assert interval.lower <= interval.estimate <= interval.upper <= bound


def test_pinsker_of_a_singular_or_indefinite_covariance_is_trivial() -> None:
    law = GaussianLaw(np.zeros(2), np.eye(2))
    assert total_variation_pinsker_upper(law, GaussianLaw(np.zeros(2), np.diag([1.0, 0.0]))) == 1.0
    assert total_variation_pinsker_upper(law, GaussianLaw(np.zeros(2), -np.eye(2))) == 1.0
    assert total_variation_pinsker_upper(law, law) < 1e-20


def test_interval_excludes_a_wrong_distance() -> None:
    first = GaussianLaw(np.zeros(8), np.eye(8))
    second = GaussianLaw(np.full(8, 0.1), np.eye(8))
    # Along the shift the laws are normals at distance s = 0.1 sqrt(8): TV = 2 Phi(s/2) - 1.
    truth = float(2 * ndtr(0.1 * np.sqrt(8) / 2) - 1)
    interval = total_variation_interval(first, second)
    assert interval.lower < truth < interval.upper
    assert interval.upper - interval.lower < 0.05 * truth
