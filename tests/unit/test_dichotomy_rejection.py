"""Theorem R along the dichotomy's sweep: the closed forms against quadrature, and what p must be at both ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from benchmarks.dichotomy_rejection import log_acceptance, proposals
from benchmarks.dichotomy_sweep import BETA

SWAP = np.array([1, 0])
"""The permutation of one bit that turns it."""


def acceptance_by_quadrature(x: float, alpha: float) -> float:
    """int exp(-f)/int max_y exp(-f_y), on a line."""

    def weight(z: float, y: float) -> float:
        return float(stats.norm.pdf(z) * np.exp(-0.5 * ((x - alpha * z - (1 - alpha) * y) / BETA) ** 2))

    def integral(function: object) -> float:
        places = sorted({0.0, x / alpha, *((x - (1 - alpha) * y) / alpha for y in (-1, 1))})
        ends = [-40.0, *(place for place in places if abs(place) < 40), 40.0]
        return sum(
            integrate.quad(function, low, high, epsabs=0, limit=500)[0]  # type: ignore[arg-type]
            for low, high in zip(ends, ends[1:], strict=False)
        )

    exact = integral(lambda z: weight(z, -1.0 if z > 0 else 1.0))
    return exact / integral(lambda z: max(weight(z, 1.0), weight(z, -1.0)))


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("x", [-0.7, 0.02, 0.4])
def test_the_closed_form_is_the_integral(alpha: float, x: float) -> None:
    found = float(np.exp(log_acceptance(np.array([[x]]), SWAP, alpha)[0]))
    assert found == pytest.approx(acceptance_by_quadrature(x, alpha), rel=1e-6, abs=1e-12)


def test_a_generator_of_bits_alone_is_met_by_chance() -> None:
    images = np.array([2, 0, 3, 1])
    x = np.array([[1.01, -0.97], [-1.0, 1.03]])
    assert np.exp(log_acceptance(x, images, 0.0)) == pytest.approx(0.25)


def test_a_generator_of_latents_alone_needs_one_proposal() -> None:
    x = np.random.default_rng(0).standard_normal((50, 2))
    found = log_acceptance(x, np.array([2, 0, 3, 1]), 1.0)
    assert found == pytest.approx(np.zeros(50), abs=1e-9)
    assert list(proposals(np.log([1.0, 0.9, 0.5, 2.0**-6]))) == [1, 1, 4, 147]
