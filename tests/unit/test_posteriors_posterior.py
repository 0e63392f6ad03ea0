"""The posterior's formulae against balls and finite differences; input errors; minimisers of f."""

from __future__ import annotations

import numpy as np
import pytest

from certify.arithmetic.balls import midpoint
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.posteriors.mode import find_mode, minimise_potential
from certify.posteriors.posterior import Posterior, line_derivatives_ball


def curved_generator() -> Generator:
    """z + 0.3 V tanh(W z + b), W of size 3 x 2."""
    random = np.random.default_rng(3)
    first, second = random.standard_normal((3, 2)), 0.3 * random.standard_normal((2, 3))
    nodes = (
        Input(2),
        Affine(0, first, random.standard_normal(3)),
        Activation(1, "tanh", 3),
        Affine(2, second, np.zeros(2)),
        Sum((0, 3), (1.0, 1.0), 2),
    )
    return Generator("curved", Graph(nodes), 17)


@pytest.fixture
def posterior() -> Posterior:
    return Posterior(curved_generator(), np.array([0.4, -1.1]), 0.2)


def test_gradient_and_hessian_are_the_jets_derivatives(posterior: Posterior) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        point, direction = random.standard_normal((2, 2))
        enclosure = line_derivatives_ball(posterior, point, direction)
        assert float(posterior.potential(point)) == pytest.approx(midpoint(enclosure.potential), rel=1e-12)
        assert posterior.gradient(point) @ direction == pytest.approx(midpoint(enclosure.slope), rel=1e-11)
        curvature = direction @ posterior.hessian(point) @ direction
        assert curvature == pytest.approx(midpoint(enclosure.curvature), rel=1e-11)
        assert enclosure.curvature.rad() < 1e-20 * abs(midpoint(enclosure.curvature))


def test_batches_agree_with_single_points(posterior: Posterior) -> None:
    points = np.random.default_rng(1).standard_normal((5, 2))
    assert posterior.potential(points).shape == (5,)
    assert posterior.hessian(points).shape == (5, 2, 2)
    np.testing.assert_allclose(posterior.gradient(points)[3], posterior.gradient(points[3]), rtol=1e-13)
    np.testing.assert_allclose(posterior.hessian(points)[3], posterior.hessian(points[3]), rtol=1e-13)
    np.testing.assert_array_equal(posterior.log_density(points), -posterior.potential(points))


def test_finite_differences(posterior: Posterior) -> None:
    point, step = np.array([0.3, 0.7]), 1e-5
    for axis in np.eye(2):
        forward, backward = point + step * axis, point - step * axis
        slope = (posterior.potential(forward) - posterior.potential(backward)) / (2 * step)
        assert posterior.gradient(point) @ axis == pytest.approx(float(slope), rel=1e-7)
        column = (posterior.gradient(forward) - posterior.gradient(backward)) / (2 * step)
        np.testing.assert_allclose(posterior.hessian(point) @ axis, column, rtol=1e-7)


@pytest.mark.parametrize(
    ("observation", "beta", "message"),
    [
        (np.zeros(3), 0.1, "must have shape"),
        (np.array([np.nan, 0.0]), 0.1, "must be finite"),
        (np.zeros(2), 0.0, "must be in"),
        (np.zeros(2), float("inf"), "must be in"),
        (np.zeros(2), float("nan"), "must be in"),
    ],
)
def test_bad_input_is_refused(observation: np.ndarray, beta: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Posterior(curved_generator(), observation, beta)


def test_observation_is_copied_and_frozen() -> None:
    observation = np.array([0.4, -1.1])
    posterior = Posterior(curved_generator(), observation, 0.2)
    observation[0] = 9.0
    assert posterior.observation[0] == 0.4
    with pytest.raises(ValueError, match="read-only"):
        posterior.observation[0] = 1.0


def test_jets_beyond_the_series_cap_are_refused(posterior: Posterior) -> None:
    with pytest.raises(InputError, match="order"):
        posterior.line_potential_ball(np.zeros(2), np.ones(2), 1000)


def test_mode_is_a_minimum(posterior: Posterior) -> None:
    mode = find_mode(posterior)
    assert np.linalg.norm(posterior.gradient(mode)) < 1e-11
    assert np.all(np.linalg.eigvalsh(posterior.hessian(mode)) > 0)
    nearby = mode + 1e-3 * np.random.default_rng(0).standard_normal((50, 2))
    assert np.all(posterior.potential(nearby) > posterior.potential(mode))


@pytest.mark.filterwarnings("error")
def test_no_mode_where_the_potential_overflows_at_every_start(posterior: Posterior) -> None:
    for size in (1e155, 1e308):
        far = Posterior(posterior.generator, np.full(posterior.observation.shape, size), 0.3)
        with pytest.raises(InputError, match="overflow at every start"):
            find_mode(far)
    # Starts that overflow, or are no numbers, are left out.
    starts = np.array([[np.nan, 0.0], [1e160, 1e160], [0.1, 0.2]])
    assert np.array_equal(
        minimise_potential(posterior, starts).points, minimise_potential(posterior, starts[2:]).points
    )


def test_minimisers_of_two_basins_are_told_apart() -> None:
    square = Generator("square", Graph((Input(1), Activation(0, "square", 1))), 0)
    posterior = Posterior(square, np.array([1.0]), 0.3)
    found = minimise_potential(posterior, np.array([[-2.0], [0.1], [3.0]]))
    # f' = 0 at z^2 = 1 - beta^2/2.
    np.testing.assert_allclose(np.abs(found.points[:, 0]), np.sqrt(1 - 0.045), rtol=1e-12)
    assert found.points[0, 0] < 0 < found.points[2, 0]
    assert np.all(found.gradient_norms < 1e-10)
