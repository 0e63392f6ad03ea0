"""The preconditioned integrator's law for an affine generator: closed forms beside the grid."""

from __future__ import annotations

import numpy as np
import pytest

from certify.generators.graph import Affine, Generator, Graph, Input
from certify.measure.affine_chain import affine_chain_distance
from certify.measure.exponential_law import exponential_chain_distance
from certify.measure.whitened import WhitenedPosterior
from certify.posteriors.posterior import Posterior
from certify.sharp.centre import find_centre


@pytest.fixture(scope="module")
def whitened() -> WhitenedPosterior:
    graph = Graph((Input(1), Affine(0, np.array([[1.5], [-0.5]]), np.array([0.1, 0.2]))))
    posterior = Posterior(Generator("line", graph, 4), np.array([0.7, -0.4]), 0.5)
    centre = find_centre(posterior)
    return WhitenedPosterior(posterior, centre.point, centre.factor)


@pytest.mark.parametrize("times", [[0.05], [0.2, 0.2], [0.3] * 6])
def test_closed_forms_bound_what_the_grid_measures(whitened: WhitenedPosterior, times: list[float]) -> None:
    found = exponential_chain_distance(whitened, 9.0, times, gaussian_start=False)
    bound = affine_chain_distance(whitened, 9.0, times, gaussian_start=False)
    assert 1e-4 < found.lower <= bound <= max(4 * found.upper, 0.5)


def test_from_the_gaussian_they_resolve_what_the_grid_cannot(whitened: WhitenedPosterior) -> None:
    found = exponential_chain_distance(whitened, 9.0, [0.9])
    assert found.lower == 0.0 and affine_chain_distance(whitened, 9.0, [0.9]) < 1e-12 < found.upper


def test_a_projection_that_cuts_mass_is_paid_for(whitened: WhitenedPosterior) -> None:
    found = exponential_chain_distance(whitened, 1.0, [0.9])
    assert found.lower > 0.01 and affine_chain_distance(whitened, 1.0, [0.9]) >= found.lower
    assert affine_chain_distance(whitened, 3.0, [0.9]) > 1e-3
