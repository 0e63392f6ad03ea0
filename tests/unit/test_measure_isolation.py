"""Krawczyk's test: verified critical points, their number, and what must not be verified."""

from __future__ import annotations

import numpy as np
import pytest

from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.measure.critical_points import critical_points
from certify.measure.inverse import preimage
from certify.measure.isolation import hessian_over_box, isolating_radius
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from tests.generators import wave


def parabola() -> Generator:
    """G(z) = z^2: not invertible, its posterior has two modes and a saddle between them."""
    return Generator("parabola", Graph((Input(1), Activation(0, "square", 1), Affine(1, np.eye(1), np.zeros(1)))), 1)


@pytest.mark.parametrize("spec", ["linear:d=3,kappa=2,seed=0", "residual:d=4,width=8,depth=2,seed=1"])
def test_the_mode_of_a_strongly_invertible_generator_is_verified(spec: str) -> None:
    generator = load_generator(spec)
    posterior = Posterior(generator, np.ones(generator.observed_dim), 0.05)
    mode = find_mode(posterior, preimage(generator, posterior.observation))
    radius = isolating_radius(posterior, mode)
    assert radius is not None and radius < 1e-9


def test_three_critical_points_of_a_fold_are_verified_and_disjoint() -> None:
    posterior = Posterior(parabola(), np.array([1.0]), 0.3)
    found = critical_points(posterior, np.array([1.0]), starts=60)
    assert len(found.points) == 3
    radii = [isolating_radius(posterior, item.point) for item in found.points]
    places = sorted(float(item.point[0]) for item in found.points)
    assert all(radius is not None and radius < 1e-9 for radius in radii)
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) > 0.5


def test_a_point_that_is_not_critical_is_not_verified_nearby() -> None:
    posterior = Posterior(wave(), np.array([0.8]), 0.05)
    mode = find_mode(posterior, np.array([0.5]))
    radius = isolating_radius(posterior, mode + 0.01)
    # Either nothing is verified, or the box is wide enough to hold the true critical point.
    assert radius is None or radius >= 0.01


def test_hessian_enclosure_contains_the_hessian_of_the_box() -> None:
    posterior = Posterior(wave(2), np.array([0.8, -0.4]), 0.1)
    centre = np.array([0.3, -0.2])
    enclosure = hessian_over_box(posterior, centre, 0.01)
    for point in centre + np.random.default_rng(0).uniform(-0.01, 0.01, (50, 2)):
        hessian = posterior.hessian(point)
        for i in range(2):
            for j in range(2):
                assert abs(float(enclosure[i, j].mid()) - hessian[i, j]) <= float(enclosure[i, j].rad()) + 1e-9
