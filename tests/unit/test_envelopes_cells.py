"""Cells hold the whole posterior: where it is narrow and crosses the lattice, and where it is far from the prior."""

from __future__ import annotations

import numpy as np
import pytest

from certify.envelopes.fit import find_cells
from certify.envelopes.likelihood import GaussianLikelihood
from certify.generators.graph import Affine, Graph, Input


@pytest.mark.parametrize(
    ("observation", "beta"),
    [
        # The first three lie across borders of the lattice that are several deviations from the nearest midpoint.
        ([0.02, 0.61, -1.19], 0.04),
        ([0.01, -0.12], 0.004),
        ([0.002], 0.0005),
        ([9.3, -7.7], 0.1),
        ([30.0], 0.5),
        ([0.3, 0.3], 1.0),
    ],
)
def test_cells_have_the_integral_of_a_gaussian_posterior(observation: list[float], beta: float) -> None:
    target = np.array(observation)
    d = target.size
    graph = Graph((Input(d), Affine(0, np.eye(d), np.zeros(d))))
    cells = find_cells(graph, GaussianLikelihood(target, beta))
    # exp(-|z|^2/2 - |z - x|^2/(2 b^2)) = exp(-|x|^2/(2 (1 + b^2))) times a Gaussian of variance b^2/(1 + b^2).
    spread = 1 / (1 + beta**-2)
    exact = -0.5 * float(target @ target) / (1 + beta**2) + 0.5 * d * np.log(2 * np.pi * spread)
    assert abs(cells.log_integral - exact) < 0.05
    mean = cells.shares @ cells.points
    assert np.abs(mean - target / (1 + beta**2)).max() < 0.1 * np.sqrt(spread)
