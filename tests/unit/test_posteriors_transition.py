"""The chain's law by transition operators: a published value, closed forms, and the two engines against each other."""

from __future__ import annotations

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.posteriors import transition
from certify.posteriors.gaussian import langevin_law, posterior_law
from certify.posteriors.gaussian_distance import total_variation_interval, total_variation_line
from certify.posteriors.hermite import basis_values, gauss_hermite_rule, hermite_values, total_degree_indices
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import Projection, burn_in_total_variation, chain_total_variation


def sine_posterior() -> Posterior:
    nodes = (Input(1), Activation(0, "sin", 1), Sum((0, 1), (1.25, 0.25), 1))
    return Posterior(Generator("sine", Graph(nodes), 2), np.array([0.8]), 0.05)


def affine_posterior(matrix: np.ndarray) -> Posterior:
    graph = Graph((Input(len(matrix)), Affine(0, matrix, np.zeros(len(matrix)))))
    return Posterior(Generator("affine", graph, matrix.size), np.linspace(0.3, 0.8, len(matrix)), 0.05)


CENTRE = np.array([0.5375870263])


def test_worked_example_of_the_theory() -> None:
    # docs/theory section 5, d = 1: measured TV .00041631, below the bound .0890154521.
    truth = build_quadrature(sine_posterior())
    distance = chain_total_variation(truth, CENTRE, 4e-6, (3000,), Projection(CENTRE, 0.499))[0]
    assert distance.estimate == pytest.approx(0.00041631, abs=5e-9)
    assert distance.lower <= 0.00041631 + 5e-9
    assert distance.upper >= 0.00041631 - 5e-9


def test_another_step_size_has_another_bias() -> None:
    truth = build_quadrature(sine_posterior())
    distance = chain_total_variation(truth, CENTRE, 4.4e-6, (3000,), Projection(CENTRE, 0.499))[0]
    assert not distance.lower <= 0.00041631 <= distance.upper


def test_grid_and_spectral_engines_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, steps, region = build_quadrature(sine_posterior()), (300, 1000, 3000), Projection(CENTRE, 0.499)
    grid = chain_total_variation(truth, CENTRE, 4e-6, steps, region)
    grid_burn_in = burn_in_total_variation(truth, CENTRE, 4e-6, steps, region)
    monkeypatch.setattr(transition, "GRID_NODES_MAXIMAL", 10)
    spectral = chain_total_variation(truth, CENTRE, 4e-6, steps, region)
    spectral_burn_in = burn_in_total_variation(truth, CENTRE, 4e-6, steps, region)
    for left, right in zip(grid + grid_burn_in, spectral + spectral_burn_in, strict=True):
        assert left.estimate == pytest.approx(right.estimate, abs=1e-8)
    assert [item.estimate for item in grid_burn_in] == sorted((i.estimate for i in grid_burn_in), reverse=True)


@pytest.mark.parametrize("step_size", [2e-6, 2e-5, 2e-4, 1.2e-3])
def test_affine_line_is_the_closed_form(step_size: float) -> None:
    posterior = affine_posterior(np.array([[1.3]]))
    law = posterior_law(posterior)
    start, steps = law.mean + 0.02, (2, 20, 200, 3000)
    for distance, count in zip(
        chain_total_variation(build_quadrature(posterior), start, step_size, steps), steps, strict=True
    ):
        expected = total_variation_line(langevin_law(posterior, start, step_size, count), law)
        assert distance.lower <= expected <= distance.upper
        assert distance.estimate == pytest.approx(expected, abs=3e-6)


def test_affine_plane_is_the_closed_form() -> None:
    posterior = affine_posterior(np.array([[1.0, 0.3], [0.0, 1.5]]))
    law = posterior_law(posterior)
    start, steps = law.mean + np.array([0.02, -0.01]), (200, 3000)
    distances = chain_total_variation(build_quadrature(posterior), start, 2e-4, steps)
    for distance, count in zip(distances, steps, strict=True):
        expected = total_variation_interval(langevin_law(posterior, start, 2e-4, count), law)
        assert expected.lower <= distance.estimate <= expected.upper
        assert distance.upper - distance.lower < 2e-5


def test_a_tight_projection_changes_the_law() -> None:
    truth = build_quadrature(sine_posterior())
    tight = chain_total_variation(truth, CENTRE, 4e-6, (3000,), Projection(CENTRE, 0.05))[0]
    assert tight.estimate > 0.01


def test_projection_is_onto_the_ball() -> None:
    region = Projection(np.array([1.0, 0.0]), 0.5)
    np.testing.assert_allclose(
        region.apply(np.array([[1.0, 0.2], [3.0, 0.0], [1.0, 0.0]])), [[1.0, 0.2], [1.5, 0.0], [1.0, 0.0]]
    )
    far = Projection(np.zeros(2), float("inf"))
    np.testing.assert_array_equal(far.apply(np.array([[7.0, -9.0]])), [[7.0, -9.0]])


def test_wrong_arguments_are_refused() -> None:
    truth = build_quadrature(sine_posterior())
    with pytest.raises(InputError, match="step_size"):
        chain_total_variation(truth, CENTRE, 0.0, (10,))
    with pytest.raises(InputError, match="steps"):
        chain_total_variation(truth, CENTRE, 1e-5, (0,))
    space = build_quadrature(affine_posterior(np.eye(3)))
    with pytest.raises(InputError, match="d = 1 and 2"):
        chain_total_variation(space, np.zeros(3), 1e-5, (10,))


def test_hermite_blur_and_orthonormality() -> None:
    nodes, weights = gauss_hermite_rule(40, 1)
    table = hermite_values(nodes[:, 0], 12)
    np.testing.assert_allclose((table * weights) @ table.T, np.eye(13), atol=1e-11)
    for deviation in (0.3, 1.4):
        blurred = hermite_values(0.7 + deviation * nodes[:, 0], 8) @ weights
        np.testing.assert_allclose(hermite_values(np.array(0.7), 8, 1 - deviation**2), blurred, rtol=1e-10, atol=1e-10)
    indices = total_degree_indices(2, 3)
    assert indices.shape == (10, 2)
    plane, plane_weights = gauss_hermite_rule(12, 2)
    values = basis_values(plane, indices, np.ones(2))
    np.testing.assert_allclose((values * plane_weights) @ values.T, np.eye(10), atol=1e-11)
