"""Couplings of Gaussian proposals: equal points are equal in every bit, others have the stated form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import ndtr

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.couplings import Residual, Spread, couple, draw_coupled, meeting_probability
from certify.sampling.couplings.maximal import _residual_heights

FACTOR = np.array([[1.5, 0.0, 0.0], [-0.4, 0.3, 0.0], [0.2, 0.7, 2.0]])
FIRST = np.array([0.3, -0.2, 1.0])
SECOND = np.array([0.9, 0.1, -0.5])


@pytest.mark.parametrize("residual", list(Residual))
@pytest.mark.parametrize("factor", [None, FACTOR])
def test_met_means_equal_bits_and_apart_means_different_points(residual: Residual, factor: FloatArray | None) -> None:
    points = draw_coupled(FIRST, SECOND, Spread(0.8, factor), 2000, seed=1, residual=residual)
    equal = np.all(points.first == points.second, axis=1)
    assert np.array_equal(equal, points.met)
    assert 0 < np.count_nonzero(equal) < 2000


@given(st.integers(1, 40), st.integers(0, 2**64 - 1), st.sampled_from(list(Residual)))
def test_a_pair_depends_on_its_own_number_only(count: int, seed: int, residual: Residual) -> None:
    few = draw_coupled(FIRST, SECOND, 0.7, count, seed=seed, residual=residual)
    many = draw_coupled(FIRST, SECOND, 0.7, 41, seed=seed, residual=residual)
    assert np.array_equal(few.first, many.first[:count])
    assert np.array_equal(few.met, many.met[:count])


@given(st.floats(1e-3, 50.0), st.floats(1e-3, 1e3))
def test_meeting_probability_is_one_minus_the_total_variation(distance: float, deviation: float) -> None:
    found = meeting_probability([distance * deviation], [0.0], deviation)
    assert found == pytest.approx(2.0 * ndtr(-distance / 2.0), rel=1e-9)


def test_meeting_probability_is_the_overlap_of_the_densities() -> None:
    def overlap(x: float) -> float:
        return float(min(stats.norm.pdf(x, 0.3, 0.5), stats.norm.pdf(x, 1.0, 0.5)))

    area = sum(integrate.quad(overlap, a, b, epsabs=1e-12)[0] for a, b in ((-6.0, 0.65), (0.65, 8.0)))
    assert meeting_probability([0.3], [1.0], 0.5) == pytest.approx(area, abs=1e-9)
    whitened = np.linalg.solve(0.8 * FACTOR, FIRST - SECOND)
    assert meeting_probability(FIRST, SECOND, Spread(0.8, FACTOR)) == pytest.approx(
        2.0 * ndtr(-np.linalg.norm(whitened) / 2.0), rel=1e-12
    )


def test_reflection_keeps_the_orthogonal_part_and_mirrors_the_rest() -> None:
    spread = Spread(0.8, FACTOR)
    points = draw_coupled(FIRST, SECOND, spread, 500, seed=2)
    apart = ~points.met
    first = spread.whiten(points.first - FIRST)[apart]
    second = spread.whiten(points.second - SECOND)[apart]
    direction = spread.whiten((FIRST - SECOND)[None])[0]
    direction /= np.linalg.norm(direction)
    assert second @ direction == pytest.approx(-first @ direction, abs=1e-9)
    across = np.eye(3) - np.outer(direction, direction)
    assert second @ across == pytest.approx(first @ across, abs=1e-9)


@given(st.floats(1e-3, 30.0), st.floats(1e-6, 1.0))
def test_residual_height_inverts_its_distribution(distance: float, level: float) -> None:
    height = float(_residual_heights(np.array([distance]), np.array([level]))[0])
    total = ndtr(distance / 2.0) - ndtr(-distance / 2.0)
    assert height <= distance / 2.0 + 1e-12
    assert ndtr(height) - ndtr(height - distance) == pytest.approx(level * total, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("residual", list(Residual))
@pytest.mark.parametrize("gap", [0.0, 1e-300, 1e-17, 1e200])
def test_extreme_offsets_give_finite_points(residual: Residual, gap: float) -> None:
    points = draw_coupled([gap, 0.0], [0.0, 0.0], 1.0, 50, seed=3, residual=residual)
    assert np.all(np.isfinite(points.second))
    assert np.all(points.met) if gap < 1e-10 else not np.any(points.met)


def test_couple_is_a_pure_function_of_its_noise() -> None:
    rng = np.random.default_rng(0)
    means, noise, uniforms = rng.normal(size=(2, 5, 3)), rng.normal(size=(5, 3)), 1.0 - rng.random((5, 1))
    runs = [couple(means[0], means[1], Spread(1.0), noise, uniforms) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))
    assert np.array_equal(runs[0].first, means[0] + noise)


def test_colour_and_whiten_are_inverse_and_precondition_is_the_covariance() -> None:
    spread, points = Spread(0.8, FACTOR), np.random.default_rng(1).normal(size=(4, 3))
    assert spread.whiten(spread.colour(points)) == pytest.approx(points)
    assert spread.precondition(points) == pytest.approx(points @ (FACTOR @ FACTOR.T))


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (np.ones((2, 3)), "shape"),
        (np.array([[1.0, 0.1], [0.0, 1.0]]), "lower triangular"),
        (np.array([[1.0, 0.0], [0.0, -1.0]]), "positive diagonal"),
        (np.array([[math.nan, 0.0], [0.0, 1.0]]), "finite"),
    ],
)
def test_a_factor_that_is_none_is_refused(factor: FloatArray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Spread(1.0, factor)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="scale"):
        Spread(0.0)
    with pytest.raises(InputError, match="shape"):
        meeting_probability([0.0], [0.0, 1.0], 1.0)
    with pytest.raises(InputError, match="finite"):
        meeting_probability([math.inf], [0.0], 1.0)
    with pytest.raises(InputError, match=r"\(2, 2\)"):
        draw_coupled([0.0, 0.0], [1.0, 0.0], Spread(1.0, FACTOR), 3, seed=0)
    with pytest.raises(InputError, match="count"):
        draw_coupled([0.0], [1.0], 1.0, 0, seed=0)
    with pytest.raises(InputError, match="seed"):
        draw_coupled([0.0], [1.0], 1.0, 1, seed=-1)
