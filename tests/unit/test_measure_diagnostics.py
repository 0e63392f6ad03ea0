"""Effective sample size and R-hat against processes whose values are known."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError, MissingExtraError
from certify.measure.diagnostics import effective_sample_size, r_hat

INSTALLED = importlib.util.find_spec("arviz") is not None


def computed(quantity: Callable[[Any], FloatArray], trajectory: FloatArray) -> FloatArray | None:
    """The quantity; without arviz (it is an extra) the line that says what to install, and None."""
    if INSTALLED:
        return quantity(trajectory)
    with pytest.raises(MissingExtraError, match=r"needs `arviz`.*proof-companion\[plots\]"):
        quantity(trajectory)
    return None


def autoregression(coefficients: FloatArray, draws: int, chains: int) -> FloatArray:
    """Stationary AR(1) with variance 1, shape (draws, chains, len(coefficients))."""
    generator = np.random.default_rng(0)
    states = np.empty((draws, chains, coefficients.size))
    states[0] = generator.standard_normal(states[0].shape)
    for step in range(1, draws):
        noise = np.sqrt(1.0 - coefficients**2) * generator.standard_normal(states[0].shape)
        states[step] = coefficients * states[step - 1] + noise
    return states


def test_autoregressions_have_their_effective_sample_size() -> None:
    coefficients = np.array([0.0, 0.5, 0.9])
    sizes = computed(effective_sample_size, autoregression(coefficients, 10_000, 4))
    if sizes is not None:
        np.testing.assert_allclose(sizes, 40_000 * (1.0 - coefficients) / (1.0 + coefficients), rtol=0.15)


def test_r_hat_sees_a_chain_that_stands_elsewhere() -> None:
    agreeing = autoregression(np.array([0.5, 0.5]), 2000, 4)
    values = computed(r_hat, agreeing)
    apart = agreeing.copy()
    apart[:, 0, 1] += 3.0
    moved = computed(r_hat, apart)
    if values is not None and moved is not None:
        assert (values < 1.01).all()
        assert moved[0] < 1.01 and moved[1] > 1.2


@pytest.mark.parametrize("quantity", [effective_sample_size, r_hat])
def test_without_arviz_the_extra_is_named(quantity: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(MissingExtraError, match=r"needs `arviz`, which is not installed: pip install .*\[plots\]"):
        quantity(np.zeros((10, 2, 1)))


@pytest.mark.parametrize("quantity", [effective_sample_size, r_hat])
@pytest.mark.parametrize("trajectory", [np.zeros((10, 2)), np.zeros((3, 2, 1)), np.full((10, 2, 1), np.nan)])
def test_what_is_no_trajectory_is_refused(quantity: Any, trajectory: FloatArray) -> None:
    with pytest.raises(InputError, match="`trajectory` must"):
        quantity(trajectory)


def test_r_hat_needs_two_chains() -> None:
    with pytest.raises(InputError, match="at least 2 chains"):
        r_hat(np.zeros((10, 1, 1)))
