"""Verified spectral bounds: two engines that must overlap, known spectra, and every edge case of the contract."""

import math

import numpy as np
import pytest

from certify.arithmetic import ball_matrices, definiteness, matrices
from certify.arithmetic.intervals import MatrixBall, exact_matrix, multiply, row_norms_upper
from certify.errors import InputError


def orthogonal(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (8, 8), (20, 5), (5, 20), (40, 40)])
def test_two_engines_overlap_and_are_tight(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(3).normal(size=shape)
    low, high = matrices.spectral_norm_lower(matrix), matrices.spectral_norm_upper(matrix)
    other_low, other_high = ball_matrices.spectral_norm_bounds(matrix)
    assert max(low, other_low) <= min(high, other_high)
    assert high / low - 1 < 1e-9 and other_high / other_low - 1 < 1e-9
    if shape[0] >= shape[1]:
        low, high = matrices.sigma_min_lower(matrix), matrices.sigma_min_upper(matrix)
        other_low, other_high = ball_matrices.sigma_min_bounds(matrix)
        assert max(low, other_low) <= min(high, other_high)
        assert high / low - 1 < 1e-9 and other_high / other_low - 1 < 1e-9


@pytest.mark.parametrize("condition", [1e3, 1e8, 1e12, 1e15])
def test_sigma_min_keeps_nine_digits_at_every_condition(condition: float) -> None:
    rng = np.random.default_rng(0)
    matrix = orthogonal(8, rng) @ np.diag(np.geomspace(1, 1 / condition, 8)) @ orthogonal(8, rng)
    low, high = matrices.sigma_min_lower(matrix), matrices.sigma_min_upper(matrix)
    assert 0 < low <= high <= low * (1 + 1e-9)
    truth = ball_matrices.sigma_min_bounds(matrix)
    assert low <= truth[1] and truth[0] <= high


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scales_near_the_ends_of_the_format(scale: float) -> None:
    matrix = np.diag([1.0, 2.0, 3.0]) * scale
    assert matrices.spectral_norm_lower(matrix) == pytest.approx(3 * scale, rel=1e-12)
    assert matrices.spectral_norm_lower(matrix) <= 3 * scale <= matrices.spectral_norm_upper(matrix)
    assert matrices.sigma_min_lower(matrix) <= scale <= matrices.sigma_min_upper(matrix)
    assert matrices.sigma_min_lower(matrix) == pytest.approx(scale, rel=1e-12)


def test_subnormal_entries_are_bounded_not_flushed() -> None:
    tiny = np.array([[5e-324, 0.0], [0.0, 5e-324]])
    assert matrices.spectral_norm_upper(tiny) >= 5e-324
    assert matrices.sigma_min_lower(tiny) <= 5e-324


@pytest.mark.parametrize("entry", [math.nan, math.inf, -math.inf])
def test_undefined_entries_give_the_trivial_bounds(entry: float) -> None:
    matrix = np.array([[1.0, entry], [0.0, 1.0]])
    assert matrices.spectral_norm_upper(matrix) == math.inf
    assert matrices.spectral_norm_lower(matrix) == 0.0
    assert matrices.sigma_min_lower(matrix) == 0.0
    assert matrices.sigma_min_upper(matrix) == math.inf
    assert definiteness.positive_definite(matrix) is None
    assert ball_matrices.spectral_norm_bounds(matrix) == (0.0, math.inf)


def test_empty_and_wide_matrices() -> None:
    assert matrices.spectral_norm_upper(np.zeros((0, 3))) == 0.0
    assert matrices.sigma_min_lower(np.zeros((3, 0))) == math.inf
    assert matrices.sigma_min_lower(np.ones((2, 3))) == 0.0 == matrices.sigma_min_upper(np.ones((2, 3)))
    assert definiteness.positive_definite(np.zeros((0, 0))) is True


def test_singular_matrix_has_no_positive_lower_bound() -> None:
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    assert matrices.sigma_min_lower(singular) == 0.0
    assert ball_matrices.sigma_min_bounds(singular)[0] == 0.0
    assert matrices.sigma_min_upper(singular) < 1e-14


def test_overflowing_product_is_unbounded_not_wrong() -> None:
    huge = exact_matrix(np.full((2, 2), 1e200))
    assert np.isinf(multiply(huge, huge).radius).all()


def test_balls_bound_every_matrix_they_contain() -> None:
    rng = np.random.default_rng(5)
    midpoint, radius = rng.normal(size=(6, 4)), 0.05 * rng.random((6, 4))
    ball = MatrixBall(midpoint, radius)
    high, low = matrices.spectral_norm_upper(ball), matrices.sigma_min_lower(ball)
    values = np.array(
        [np.linalg.svd(midpoint + radius * rng.choice([-1.0, 1.0], size=(6, 4)), compute_uv=False) for _ in range(300)]
    )
    assert values.max() <= high and values.min() >= low > 0


def test_definiteness_is_three_valued() -> None:
    rng = np.random.default_rng(1)
    basis = orthogonal(12, rng)
    matrix = basis @ np.diag(np.geomspace(1, 1e-8, 12)) @ basis.T
    matrix = (matrix + matrix.T) / 2
    assert definiteness.positive_definite(matrix) is True
    assert definiteness.positive_definite(matrix - 2e-8 * np.eye(12)) is False
    assert definiteness.positive_definite(MatrixBall(matrix, np.full((12, 12), 1e-8))) is None
    assert definiteness.positive_definite(np.zeros((2, 2))) is None
    assert 0 < definiteness.eigenvalue_min_lower(matrix) <= 1.0000001e-8
    assert definiteness.eigenvalue_min_lower(-np.eye(3)) == pytest.approx(-1.0, rel=1e-12)
    assert definiteness.eigenvalue_min_lower(-np.eye(3)) <= -1.0


def test_definiteness_with_rows_of_very_different_size() -> None:
    scales = np.array([1e-100, 1.0, 1e100])
    matrix = (np.full((3, 3), 0.5) + 0.5 * np.eye(3)) * scales[:, None] * scales
    assert definiteness.positive_definite(matrix) is True


def test_solve_encloses_the_exact_solution() -> None:
    hilbert = np.array([[3.0, 1.0], [1.0, 2.0]])
    found = definiteness.solve_enclosure(hilbert, np.array([[5.0], [5.0]]))
    assert found is not None
    assert np.all(np.abs(found.midpoint.ravel() - [1.0, 2.0]) <= found.radius.ravel())
    assert found.radius.max() < 1e-13
    assert definiteness.solve_enclosure(np.ones((2, 2)), np.ones((2, 1))) is None
    with pytest.raises(InputError, match="square"):
        definiteness.solve_enclosure(np.ones((3, 2)), np.ones((3, 1)))


def test_row_norms_bound_the_exact_norms_at_every_scale() -> None:
    matrix = np.array([[3.0, 4.0], [3e-320, 4e-320], [3e300, 4e300], [0.0, 0.0]])
    found = row_norms_upper(matrix)
    assert found[0] >= 5.0 and found[0] == pytest.approx(5.0, rel=1e-13)
    assert found[1] >= 5e-320 and found[3] == 0.0
    assert found[2] >= 5e300 and found[2] == pytest.approx(5e300, rel=1e-13)
    assert np.isinf(row_norms_upper(np.array([[math.nan]]))).all()


def test_nonnegative_norm_is_the_perron_root() -> None:
    assert matrices.nonnegative_norm_upper(np.ones((3, 4))) == pytest.approx(math.sqrt(12), rel=1e-9)
    assert matrices.nonnegative_norm_upper(np.ones((3, 4))) >= math.sqrt(12)
    assert matrices.nonnegative_norm_upper(np.zeros((2, 2))) == 0.0
    assert matrices.nonnegative_norm_upper(np.array([[0.0, 2.0], [0.0, 0.0]])) >= 2.0
