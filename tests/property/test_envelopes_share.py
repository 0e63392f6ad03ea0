"""The share of a cell's Gaussian, from above: near what a grid of points gives, part by part and all together."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from flint import arb, ctx
from scipy import integrate, special, stats

from certify.arithmetic.balls import ball, precision
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes import ball_share, exponentials, square_sums
from certify.envelopes.cells import Cells
from certify.envelopes.evaluated_share import evaluated_upper
from certify.envelopes.exponentials import LEAST, Exponent, balls, exponent, exponential_means, log_linear_integrals
from certify.envelopes.mixture import Mixture


def cell(d: int, seed: int) -> tuple[Cells, Mixture]:
    """One whose axes are orthonormal in y, of any directions; its box cuts the ball and is cut by it."""
    random = np.random.default_rng([seed, d, 77])
    root = np.tril(random.standard_normal((d, d)), -1) + np.diag(random.uniform(0.5, 2.0, d))
    turn = np.linalg.qr(random.standard_normal((d, d)))[0]
    outer = random.uniform(1.0, 3.0)
    low = outer * random.uniform(-1.2, 0.2, d)
    cells = Cells(
        random.standard_normal(d), root, turn @ root.T, outer * random.uniform(0.0, 0.8, 1) * (seed % 3 > 0),
        np.array([outer]), low[None], (low + outer * random.uniform(0.4, 1.5, d))[None],
        random.uniform(0.0, 6.0, 1) / outer**2 * (seed % 2), random.uniform(0.0, 6.0, 1) / outer**2 * (seed % 4 > 1),
        random.uniform(0.0, 4.0, (1, d)) / outer**2,
    )  # fmt: skip
    own = random.standard_normal((d, d)) + 1.5 * np.eye(d)
    precision_matrix = root @ own @ own.T @ root.T * (2.0 / outer**2)
    mean = cells.centre + np.linalg.solve(root.T, random.standard_normal(d) * 0.4 * outer)
    return cells, Mixture(np.ones(1), mean[None], np.array([np.linalg.cholesky(precision_matrix)]))


def summed(cells: Cells, mixture: Mixture, count: int) -> float:
    """The share: a sum over the cubes, `count` along an axis, in which the ball is."""
    d, radius = cells.centre.size, float(cells.outer[0])
    side = radius * (2 * np.arange(count) + 1 - count) / count
    volume = (2 * radius / count) ** d / abs(np.prod(np.diag(cells.root)))
    total = 0.0
    for first in side:
        rest = np.meshgrid(*[side] * (d - 1), indexing="ij") if d > 1 else []
        y = np.stack([np.full(rest[0].size, first), *(part.ravel() for part in rest)], axis=1)
        y = y[np.linalg.norm(y, axis=1) <= radius]
        points = cells.centre + np.linalg.solve(cells.root.T, y.T).T
        heights = cells.heights(points, np.zeros(len(points), dtype=int))
        kept = np.isfinite(heights)
        total += float(np.exp(mixture.log_density(points[kept]) - heights[kept]).sum()) * volume
    return total


def sharper(monkeypatch: pytest.MonkeyPatch, parts: int, boxes: int, squares: int) -> None:
    """So many parts and boxes in both looks at a box, and multiples of h."""
    for name, value in (("PARTS", parts), ("BOXES", boxes)):
        for look in ("FIRST", "MOST"):
            monkeypatch.setattr(ball_share, f"{look}_{name}", value)
    for module in (ball_share, square_sums):
        monkeypatch.setattr(module, "SQUARES", squares)
    monkeypatch.setattr(ball_share, "NEAR", 1e-3)


def without_sides_off(cells: Cells, axes: ball_share.Places) -> Cells:
    """Only what the bound on these axes looks at."""
    off = np.setdiff1d(np.arange(cells.centre.size), axes)
    low, high, sides = cells.low.copy(), cells.high.copy(), cells.sides.copy()
    low[:, off], high[:, off], sides[:, off] = -1e3, 1e3, 0.0
    return replace(cells, low=low, high=high, sides=sides)


@pytest.mark.parametrize("seed", range(10))
def test_in_the_plane_the_bound_is_sharp(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, mixture = cell(2, seed)
    sharper(monkeypatch, parts=150, boxes=900, squares=1500)
    for axes in ([], [0], [1]):
        chosen = np.array(axes, dtype=np.intp)
        alone = without_sides_off(cells, chosen)
        truth = summed(alone, mixture, 800)
        with precision():
            found = ball_share.ball_share(chosen, cells, mixture, 0)
        assert truth > 1e-4 and truth * (1 - 2e-3) <= found
        assert found <= 1.05 * truth


@pytest.mark.parametrize("seed", range(6))
def test_in_space_the_bound_is_sharp(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, mixture = cell(3, seed)
    sharper(monkeypatch, parts=600, boxes=10_000, squares=500)
    for axes in ([0], [2], [0, 1], [1, 2]):
        chosen = np.array(axes, dtype=np.intp)
        truth = summed(without_sides_off(cells, chosen), mixture, 120)
        with precision():
            found = ball_share.ball_share(chosen, cells, mixture, 0)
        assert truth > 1e-6 and truth * (1 - 2e-2) <= found <= 1.2 * truth


@pytest.mark.parametrize("d", [2, 3])
def test_one_box_that_holds_the_ball_is_enough_for_a_bound(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that is all but flat: next to nothing is lost but by what |s|^2 may be."""
    for name in ("MOST_PARTS", "FIRST_PARTS", "MOST_BOXES", "FIRST_BOXES"):
        monkeypatch.setattr(ball_share, name, 1)
    one = np.ones((1, d))
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.ones(1), -one, one, np.zeros(1), np.zeros(1), 0.0 * one
    )
    mixture = Mixture(np.ones(1), 0.0 * one, 1e-3 * np.eye(d)[None])
    truth = math.pi ** (d / 2) / math.gamma(d / 2 + 1) * (1e-3 / math.sqrt(2 * math.pi)) ** d
    for inner in (0.0, 0.7):
        shell = truth * (1.0 - inner**d) * (1 - 1e-5)
        for count in range(d):
            with precision():
                found = ball_share.ball_share(np.arange(count), replace(cells, inner=np.array([inner])), mixture, 0)
            assert shell <= found <= 3.0 * truth


@pytest.mark.parametrize("squares", [4, 12, 400])
@pytest.mark.parametrize(("d", "root"), [(4, 1e-3), (2, 4.0)])
def test_what_is_rounded_down_pays_no_more_than_it_does(
    d: int, root: float, squares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without axes: |y|^2 has a chi-squared law, of a density that grows, or falls, over the ball."""
    sharper(monkeypatch, parts=1, boxes=1, squares=squares)
    one = np.ones((1, d))
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.ones(1), -one, one, np.zeros(1), np.zeros(1), 0.0 * one
    )
    mixture = Mixture(np.ones(1), 0.0 * one, root * np.eye(d)[None])

    def paid(inside: float, outside: float, inner: float) -> float:
        place = np.linspace(inner**2, 1.0, 20_001)
        values = np.exp(0.5 * inside * (place - 1.0) + 0.5 * outside * (inner**2 - place))
        return float(integrate.simpson(values * stats.chi2(d).pdf(place * root**2) * root**2, place))

    u = 20.0
    for inside, outside, inner in ((u, 0.0, 0.0), (u, 0.0, 0.9), (0.0, u, 0.0), (0.0, u, 0.7), (u, u, 0.8)):
        tilted = replace(cells, inside=np.full(1, inside), outside=np.full(1, outside), inner=np.full(1, inner))
        with precision():
            found = ball_share.ball_share(np.arange(0), tilted, mixture, 0)
        truth = paid(inside, outside, inner)
        assert truth * (1 - 1e-5) <= found and (squares < 400 or found <= 1.25 * truth)


@pytest.mark.parametrize("parts", [1, 2, 3, 400])
@pytest.mark.parametrize("inner", [2.0, 2.9])
def test_a_part_holds_all_means_of_what_is_not_cut(parts: int, inner: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given t the mean of s is 3 t: at the ends of a part, not in its middle, |y| is between the balls."""
    sharper(monkeypatch, parts=parts, boxes=8 * parts, squares=160)
    own = np.linalg.cholesky(np.linalg.inv(np.array([[0.25, 0.75], [0.75, 2.26]])))
    one = np.ones((1, 2))
    cells = Cells(
        np.zeros(2), np.eye(2), np.eye(2), np.full(1, inner), np.full(1, 3.5), -one, one * [1.0, 9.0], np.zeros(1),
        np.zeros(1), 0.0 * one,
    )  # fmt: skip
    mixture = Mixture(np.ones(1), np.array([[0.1, -0.2]]), own[None])
    truth = summed(without_sides_off(cells, np.arange(1)), mixture, 800)
    with precision():
        found = ball_share.ball_share(np.arange(1), cells, mixture, 0)
    assert 0.02 < truth <= found * (1 + 4e-3) and (parts < 400 or found <= 1.2 * truth)


def test_precisions_are_below_the_matrix_whatever_is_off_its_diagonal() -> None:
    """Turned by the identity, components of s are dependent: diag(steep) <= P, and the constant is of P."""
    random = np.random.default_rng(8)
    for count in (0, 1):
        root = np.eye(4) + 0.12 * random.standard_normal((4, 4))
        covariance, mean = root @ root.T, random.standard_normal((4, 1))
        with precision():
            law = ball_share._Law.of(balls(np.eye(4)), balls(mean), balls(covariance), count)
        assert law is not None
        given = np.linalg.inv(covariance)[count:, count:]
        gap = np.linalg.eigvalsh(given - np.diag(law._steep))
        assert -1e-12 <= gap.min() <= 0.5
        expected = 0.5 * (np.linalg.slogdet(given)[1] - np.log(law._steep).sum())
        assert float(law.constant.mid()) == pytest.approx(expected, abs=1e-9)
        # What the precision loses, the product of the densities is larger by.
        assert expected > 1e-3


@pytest.mark.parametrize("steep", [0.3, 4.0, 1e3, 1e7, 1e14])
@pytest.mark.parametrize("reach", [0.0, 0.05, 0.7])
def test_laws_of_squares_are_above_the_integrals_and_near_them(steep: float, reach: float) -> None:
    ends = np.sqrt(0.08 * np.arange(60))
    means = np.array([-3.0, -0.3, 0.0, 0.9, 2.0, 40.0])
    halves = 0.5 * np.diff(ends)
    found = square_sums.square_law(
        steep, 0.0, means[:, None], np.full((6, 1), reach), 0.5 * (ends[1:] + ends[:-1]), halves * (1.0 + 1e-12)
    )
    deviation = 1.0 / math.sqrt(steep)

    def below(x: FloatArray, mean: float) -> FloatArray:
        """int up to x of the density's supremum over means."""
        left = special.ndtr((np.minimum(x, mean - reach) - mean + reach) / deviation)
        flat = np.clip(x - mean + reach, 0.0, 2 * reach) / (deviation * math.sqrt(2 * math.pi))
        right = special.ndtr((np.maximum(x, mean + reach) - mean - reach) / deviation) - 0.5
        return np.asarray(left + flat + right)

    for mean, law in zip(means, found, strict=True):
        exact = np.diff(below(ends, mean)) + np.diff(below(ends, -mean))
        assert (law >= exact * (1 - 1e-9) - 1e-15).all() and (law > 0.0).all()
        # Tangents are near where an interval is narrow.
        fine = halves < 0.3 * deviation
        assert (law[fine] <= 1.03 * exact[fine] + 1e-12).all()


@pytest.mark.parametrize("tilt", [-60.0, -9.0, -0.4, 0.3, 7.0, 60.0])
@pytest.mark.parametrize("steep", [0.3, 4.0, 50.0])
@pytest.mark.parametrize("reach", [0.0, 0.2])
def test_laws_of_squares_pay_what_the_balls_do(tilt: float, steep: float, reach: float) -> None:
    """By Simpson's rule, the supremum over means in the integrand; a tilt may be steeper than the density."""
    ends = np.sqrt(0.05 * np.arange(61))
    means = np.array([-2.0, -0.3, 0.0, 1.1, 4.0])
    points, halves = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
    found = square_sums.square_law(steep, tilt, means[:, None], np.full((5, 1), reach), points, halves)
    for mean, law in zip(means, found, strict=True):
        for low, high, bound in zip(ends[:-1], ends[1:], law, strict=True):
            s = np.linspace(low, high, 201)
            values = sum(
                np.exp(-0.5 * steep * np.maximum(np.abs(sign * s - mean) - reach, 0.0) ** 2 + 0.5 * tilt * s**2)
                for sign in (1.0, -1.0)
            )
            exact = float(integrate.simpson(values, s)) * math.sqrt(steep / (2 * math.pi))
            assert exact * (1 - 1e-6) <= bound
            if high - low < 0.5 / math.sqrt(steep + abs(tilt)):
                assert bound <= 1.06 * exact


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_density_is_below_what_is_interpolated_between_corners(d: int) -> None:
    """With means affine in t: at every point of a cuboid, for every range of |s|^2, and by less than 1.3 times."""
    random = np.random.default_rng(d)
    steep, slope, start = random.uniform(1.0, 5.0, 2), random.normal(size=(2, d)), random.normal(size=2)
    widths, tilt = random.uniform(0.2, 0.4, d) / d, -1.3
    corners = np.array([*itertools.product((0, 1), repeat=d)], dtype=np.intp)

    def sums(points: FloatArray) -> square_sums.SquareSums:
        found = square_sums.square_sums(steep, start + points @ slope.T, np.zeros((len(points), 2)), 9.0, tilt)
        assert found is not None
        return found

    nodes = sums(corners * widths)
    factors = np.exp(0.5 * (((corners - 0.5) * widths) @ slope.T) ** 2 @ steep)[None]
    shifts = random.uniform(size=(50, d))
    shifts[:4] = np.round(shifts[:4])
    down, none = random.uniform(-1.0, 5.0, 50), np.zeros(50, dtype=np.intp)
    up = down + random.uniform(0.1, 4.0, 50)
    found = nodes.interpolated(np.arange(2**d)[None], factors, corners, none, shifts, down, up)
    exact = sums(shifts * widths).between(np.arange(50), down, up)
    assert (found >= exact * (1 - 1e-9)).all() and (found <= 1.3 * exact).all()
    # Without the corners' factors it is not a bound: what they pay is of second order, and needed.
    less = nodes.interpolated(np.arange(2**d)[None], 0.0 * factors + 1.0, corners, none, shifts, down, up)
    assert d > 2 or (less < exact).any()


@pytest.mark.parametrize(("d", "count", "sharp"), [(5, 3, 1.4), (6, 4, 2.5), (7, 5, 8.0), (8, 6, 60.0)])
def test_with_many_axes_the_bound_is_above_what_is_drawn(d: int, count: int, sharp: float) -> None:
    """Up to four deviations of 400,000 draws each, 8 cells: a false alarm once in 4,000 runs."""
    for seed in range(2):
        cells, mixture = cell(d, seed)
        cells = replace(cells, inner=cells.inner * 0.5, low=cells.low - 0.7, high=cells.high + 0.7)
        chosen = np.sort(np.random.default_rng(seed).permutation(d)[:count])
        alone = without_sides_off(cells, chosen)
        random = np.random.default_rng([seed, d])
        noise = random.standard_normal((400_000, d))
        points = mixture.means[0] + np.linalg.solve(mixture.roots[0].T, noise.T).T
        values = np.exp(-alone.heights(points, np.zeros(len(points), dtype=int)))
        with precision():
            found = ball_share.ball_share(chosen, cells, mixture, 0)
        assert values.mean() > 1e-5
        assert values.mean() - 4 * values.std() / math.sqrt(len(values)) <= found <= sharp * values.mean()


def test_sums_between_two_ends_are_all_counted() -> None:
    """Of 2 numbers with these sums before they are rounded down, by all pairs."""
    random = np.random.default_rng(3)
    step, size = 0.37, 12
    numbers = random.uniform(0.0, size * step / 2, (2, 40))
    places = np.floor(numbers / step).astype(int)
    laws = [np.bincount(place, minlength=size).astype(np.float64)[None] for place in places]
    weights = square_sums.convolved(np.array(laws))
    sums = numbers[0][:, None] + numbers[1]
    assert np.array_equal(weights[0], np.bincount(np.add.outer(*places).ravel(), minlength=size)[:size])
    squares = square_sums.SquareSums(weights, step, 2)
    for down, up in itertools.pairwise(np.sort(random.uniform(-1.0, size * step * 0.9, 60))):
        (found,) = squares.between(np.zeros(1, dtype=np.intp), np.array([down]), np.array([up]))
        rounded = np.add.outer(*places)
        assert ((sums >= down) & (sums <= up)).sum() <= found + 1e-9
        # No more than those that rounding leaves open.
        assert found <= ((rounded > down / step - 2 - 1e-6) & (rounded <= up / step + 1e-6)).sum() + 1e-6
    # An end that is a multiple itself: three ones and no more.
    whole = square_sums.SquareSums(np.ones((1, 6)), 0.1, 1)
    for down, up, count in ((0.3, 0.5, 4), (0.1 + 0.2, 0.5 - 1e-14, 4), (-1.0, 0.2 - 1e-15, 3), (0.55, 9.0, 1)):
        (found,) = whole.between(np.zeros(1, dtype=np.intp), np.array([down]), np.array([up]))
        assert found == pytest.approx(count, rel=1e-9)


@pytest.mark.parametrize("middle", [-9.0, -1.0, 0.3, 2.0, 30.0, math.nan, math.inf])
@pytest.mark.parametrize("width", [1e-9, 0.2, 5.0, 1e9, math.nan])
@pytest.mark.parametrize("core", [(0.0, 1.0), (0.2, 0.5), (0.4, 0.4), (0.0, 0.0), (1.0, 1.0)])
def test_parts_and_boxes_make_up_the_box(middle: float, width: float, core: tuple[float, float]) -> None:
    low, high = np.array([-1.0, 0.25, 2.0]), np.array([1.5, 0.25, 2.5])
    shape = Exponent(np.eye(3), np.zeros(3), 0.0, np.full(3, middle), np.full(3, width))
    cores = [(a + core[0] * (b - a), a + core[1] * (b - a)) for a, b in zip(low, high, strict=True)]
    found = ball_share._parts(shape, low, high, cores, np.array([3, 1, 2]), np.array([2, 3, 1]))
    assert found is not None
    starts, stops = found.ends(found.places), found.ends(found.places + 1)
    assert (found.lows >= starts).all() and (found.highs <= stops).all()
    assert (found.points >= found.lows).all() and (found.points <= found.highs).all()
    for axis in range(3):
        for first, last in ((starts, stops), (found.lows, found.highs)):
            pieces = np.unique(np.stack([first[:, axis], last[:, axis]], axis=1), axis=0)
            pieces = pieces[pieces[:, 0] < pieces[:, 1]] if low[axis] < high[axis] else pieces
            assert pieces[0, 0] == low[axis] and pieces[-1, 1] == high[axis]
            assert np.array_equal(pieces[1:, 0], pieces[:-1, 1])
    # All combinations, each once.
    assert len(np.unique(np.concatenate([found.lows, found.highs], axis=1), axis=0)) == len(found.lows)
    # Only what is inside of every core is interpolated, and it has a width.
    narrow = np.asarray(found.is_narrow)
    least, most = np.array(cores).T
    inside = ((found.lows >= least) & (found.highs <= most) & (starts < stops)).all(axis=1)
    assert inside[narrow].all()
    # Which places there are, and which of them each box has.
    used, which = found.distinct(found.places)
    assert np.array_equal(used[which], found.places) and len(np.unique(used, axis=0)) == len(used)
    near, far = found.within(4.5).squares()
    assert (near <= 4.5 * (1 + 1e-8)).all() and (near <= far).all()


@pytest.mark.parametrize("x", [-800.0, -3.0, -1.1e-3, -0.9e-3, 0.0, 1e-5, 0.9e-3, 1.1e-3, 0.4, 6.0, 50.0, 1e6])
def test_means_of_exponentials_are_known(x: float) -> None:
    with ctx.workprec(200):
        exact = 0.5 if x == 0.0 else float((1 / (1 - (-arb(x)).exp()) - 1 / arb(x)).mid())
    assert abs(float(exponential_means(np.array([x]))[0]) - exact) < 1e-12


@pytest.mark.parametrize("most", [1, 2, 7, 60, 1000])
def test_axes_are_cut_where_most_moves(most: int) -> None:
    start = np.array([1, 1, 1])
    counts = ball_share._counts(np.array([6.0, 0.5, 2.5]), start, most)
    assert (counts >= start).all() and counts.prod() <= most and counts[1] == 1
    assert most < 18 or np.array_equal(counts, [6, 1, 3])
    assert np.array_equal(ball_share._counts(np.array([math.nan, math.inf]), start[:2], most), [1, 1])


@pytest.mark.parametrize("seed", range(10))
def test_integrals_of_any_quadratic_are_above_and_come_near(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Definite or not, in the plane, by Simpson's rule."""
    random = np.random.default_rng([seed, 5])
    q = random.standard_normal((2, 2)) * 2.0
    q, b, k = q + q.T, random.standard_normal(2) * 3.0, float(random.normal())
    low = random.uniform(-1.5, 0.0, 2)
    high = low + random.uniform(0.5, 2.0, 2)
    shape = Exponent(q, b, k, 0.5 * (low + high), np.full(2, 0.25 * (high - low).max()))
    grid = [np.linspace(a, c, 401) for a, c in zip(low, high, strict=True)]
    x, y = np.meshgrid(*grid, indexing="ij")
    values = np.exp(k + b[0] * x + b[1] * y - 0.5 * (q[0, 0] * x * x + 2 * q[0, 1] * x * y + q[1, 1] * y * y))
    truth = float(integrate.simpson(integrate.simpson(values, grid[1]), grid[0]))
    found = [shape.integral(low, high, most) for most in (1, 3, 1000)]
    monkeypatch.setattr(exponentials, "STEP", 0.02)
    found.append(shape.integral(low, high, 1000))
    assert all(value >= truth * (1 - 1e-7) for value in found) and found[-1] <= 1.01 * truth
    # Tangents at any points.
    points = low + (high - low) * random.random((200, 2))
    ones = np.ones((200, 1))
    assert (shape.integrals(low * ones, high * ones, points)[0] >= truth * (1 - 1e-7)).all()


def test_one_dimension_has_no_error_where_the_exponent_is_linear() -> None:
    low, high, point = np.array([[-1.0]]), np.array([[0.7]]), np.array([[0.2]])
    for slope in (0.0, 1e-9, -0.3, 5.0, -900.0, 900.0):
        size = abs(slope)
        # From where it is largest.
        truth = math.log(1.7 if slope == 0.0 else -math.expm1(-1.7 * size) / size) + size * (
            0.5 if slope > 0.0 else 1.2
        )
        (found,) = log_linear_integrals(np.array([[slope]]), low, high, point)[0]
        assert found == pytest.approx(truth, rel=1e-8)


def test_what_an_exponent_is_off_by_is_added() -> None:
    low, high = np.array([-3.0, 1.0]), np.array([2.0, 4.0])
    with precision(53):
        third = ball(1) / 3
        wide = third + arb(0, 1e-6)
        exact = exponent([[third, third], [third, third]], [third, third], third, low, high)
        found = exponent([[wide, wide], [wide, wide]], [wide, wide], wide, low, high)
        none = exponent([[third, third], [third, third]], [third, third], third + arb(0, 1), low, high)
    assert exact is not None and found is not None and none is None
    size = (3.0 + 4.0) ** 2 / 2 + 3.0 + 4.0 + 1.0
    assert found.k - exact.k >= 0.999e-6 * size and exact.k - 1 / 3 >= EPSILON * size
    # What is no number, or too little for floats, is no bound and no zero.
    assert replace(exact, k=math.nan).integral(low, high, 3) == math.inf
    assert replace(exact, k=-1e5).integral(low, high, 3) >= LEAST


@pytest.mark.parametrize("seed", range(4))
def test_a_box_alone_holds_what_a_normal_law_gives(seed: int) -> None:
    cells, mixture = cell(2, seed)
    alone = replace(cells, inner=np.zeros(1), outer=np.full(1, np.inf), sides=0.0 * cells.sides)
    covariance = cells.axes @ np.linalg.inv(mixture.roots[0] @ mixture.roots[0].T) @ cells.axes.T
    law = stats.multivariate_normal(cells.axes @ (mixture.means[0] - cells.centre), covariance)
    truth = float(law.cdf(cells.high[0], lower_limit=cells.low[0]))
    assert truth * (1 - 1e-4) <= evaluated_upper(alone, mixture) <= 1.3 * truth


def test_of_axes_that_are_not_orthonormal_nothing_is_concluded() -> None:
    cells, mixture = cell(3, 1)
    for scale, known in ((1.0, True), (1.0 + 1e-6, False), (1.5, False)):
        with precision():
            found = ball_share.ball_share(np.arange(2), replace(cells, axes=scale * cells.axes), mixture, 0)
        assert math.isfinite(found) == known


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.25])
def test_what_axes_lack_of_being_orthonormal_is_paid_for(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more of it is allowed than floats leave: |t|^2 + |s|^2 is not |y|^2, in what the balls ask and pay."""
    monkeypatch.setattr(ball_share, "LARGEST_DELTA", 0.9)
    sharper(monkeypatch, parts=150, boxes=900, squares=400)
    one = np.ones((1, 2))
    for inner, inside, outside in ((0.9, 0.0, 0.0), (0.0, 60.0, 0.0), (0.8, 0.0, 60.0), (0.8, 60.0, 60.0)):
        cells = Cells(
            np.zeros(2), np.eye(2), scale * np.eye(2), np.full(1, inner), np.ones(1), -2.0 * one, 2.0 * one,
            np.full(1, inside), np.full(1, outside), 0.0 * one,
        )  # fmt: skip
        # Along t, where the axes are too long or too short.
        mixture = Mixture(np.ones(1), np.array([[0.9, 0.0]]), np.diag([8.0, 8.0])[None])
        truth = summed(cells, mixture, 800)
        with precision():
            found = ball_share.ball_share(np.arange(1), cells, mixture, 0)
        assert 1e-6 < truth * (1 - 2e-3) <= found


def test_what_is_below_all_floats_is_not_nothing() -> None:
    """A share of e^-1500, along t and given t: neither is a float."""
    one = np.ones((1, 2))
    cells = Cells(
        np.zeros(2), np.eye(2), np.eye(2), np.zeros(1), np.ones(1), -one, one, np.zeros(1), np.zeros(1), 0.0 * one
    )
    mixture = Mixture(np.ones(1), 40.0 * one, np.eye(2)[None])
    with precision():
        for count in (0, 1):
            found = ball_share.ball_share(np.arange(count), cells, mixture, 0)
            assert found > 0.0


@pytest.mark.parametrize("turn", [0.3, 0.6, 0.8, 1.0, 1.3])
@pytest.mark.parametrize("wide", [1e6, 2e6, 3e6])
def test_of_a_nearly_singular_component_the_whole_density_counts(
    turn: float, wide: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eigenvectors in floats leave its precision dependent: what diagonal ones lose, a percent or ten, is put back."""
    sharper(monkeypatch, parts=1, boxes=1, squares=1000)
    one, narrow, across = np.ones((1, 2)), 0.05, np.array([math.cos(turn), math.sin(turn)])
    cells = Cells(
        np.zeros(2), np.eye(2), np.eye(2), np.zeros(1), np.ones(1), -one, one, np.zeros(1), np.zeros(1), 0.0 * one
    )
    root = np.array([[across[0] / narrow, 0.0], [across[1] / narrow, 1.0 / (wide * across[0])]])
    place = np.linspace(-1.0, 1.0, 20_001)
    values = 2.0 * np.sqrt(1.0 - place**2) * stats.norm(0.5, narrow).pdf(place)
    truth = float(np.trapezoid(values, place)) / (wide * math.sqrt(2 * math.pi))
    with precision():
        found = ball_share.ball_share(np.arange(0), cells, Mixture(np.ones(1), 0.5 * across[None], root[None]), 0)
    assert truth * (1 - 1e-5) <= found <= 1.01 * truth


def test_a_second_look_that_takes_too_many_boxes_is_left_out() -> None:
    """A component that is narrow along six axes: memory for as many boxes as are written down, and a bound."""
    d, one = 8, np.ones((1, 8))
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.full(1, 3.0), -one, one, np.zeros(1), np.zeros(1), 0.0 * one
    )
    low, high = -np.ones(6), np.ones(6)
    shape, cores = Exponent(np.eye(6), np.zeros(6), 0.0, np.zeros(6), np.ones(6)), [(-0.3, 0.3)] * 6
    few, many = np.full(6, 2), np.full(6, 8)
    assert ball_share._parts(shape, low, high, cores, few, many) is None
    whole = ball_share._parts(shape, low, high, [(-1.0, 1.0)] * 6, few, few)
    assert whole is not None and len(whole.lows) == 4**6
    turn = np.eye(d) + 0.3 * np.random.default_rng(0).standard_normal((d, d))
    mixture = Mixture(np.ones(1), 0.1 * one, np.linalg.cholesky(np.linalg.inv(0.01 * turn @ turn.T))[None])
    with precision():
        found = ball_share.ball_share(np.arange(6), cells, mixture, 0)
    points = mixture.means[0] + 0.1 * np.random.default_rng(1).standard_normal((20_000, d)) @ turn.T
    assert np.isfinite(cells.heights(points, np.zeros(len(points), dtype=int))).mean() <= found


def test_corners_whose_laws_are_no_floats_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part for all t: e^-800 of all is in the ball by the means at its corners, whose factors put back e^620."""
    sharper(monkeypatch, parts=1, boxes=40, squares=240)
    d, half, deviations = 4, 0.1, np.array([1.0, 1.1, 1.2])
    slope = 25.0 * deviations / half * [1.0, 1.0, 0.0]
    covariance = np.eye(d)
    covariance[0, 1:] = covariance[1:, 0] = slope
    covariance[1:, 1:] = np.outer(slope, slope) + np.diag(deviations**2)
    mean = np.array([0.0, 0.0, 0.0, 1.0 + 20.0 * deviations[2]])
    low, high = -1.5 * np.ones((1, d)), 1.5 * np.ones((1, d))
    low[0, 0], high[0, 0] = -half, half
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.ones(1), low, high, np.zeros(1), np.zeros(1), 0.0 * low
    )
    mixture = Mixture(np.ones(1), mean[None], np.linalg.cholesky(np.linalg.inv(covariance))[None])
    # Less than all: |t| <= half/25, where means have moved by a deviation, |s_1|, |s_2| <= 0.3, 0.5 <= s_3 <= 0.9.
    sides = (0.6 * stats.norm(1.0).pdf(-0.3)) * (0.6 / deviations[1] * stats.norm(1.0).pdf(-0.3))
    along = np.diff(special.ndtr((np.array([0.5, 0.9]) - mean[3]) / deviations[2]))[0]
    truth = (2.0 * special.ndtr(half / 25) - 1.0) * sides * along
    with precision():
        found = ball_share.ball_share(np.arange(1), cells, mixture, 0)
    assert 1e-100 < truth <= found < math.inf


@pytest.mark.parametrize("outside", [0.3, 0.49])
@pytest.mark.parametrize("seed", range(4))
def test_wide_parts_hold_all_means_of_what_is_not_cut(
    outside: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of the share is taken to be outside of the core, where all means of a part are taken at once."""
    monkeypatch.setattr(ball_share, "OUTSIDE", outside)
    sharper(monkeypatch, parts=40, boxes=400, squares=160)
    random = np.random.default_rng(seed)
    one, slope, narrow = np.ones((1, 2)), random.choice([-3.0, 3.0]), 0.1
    covariance = np.array([[0.25, 0.25 * slope], [0.25 * slope, 0.25 * slope**2 + narrow**2]])
    inner = random.uniform(1.5, 2.5, 1)
    cells = Cells(
        np.zeros(2), np.eye(2), np.eye(2), inner, np.full(1, 3.0), -one, one * [1.0, 9.0], np.zeros(1), np.zeros(1),
        0.0 * one,
    )  # fmt: skip
    mixture = Mixture(np.ones(1), np.array([[0.1, -0.2]]), np.linalg.cholesky(np.linalg.inv(covariance))[None])
    truth = summed(without_sides_off(cells, np.arange(1)), mixture, 800)
    with precision():
        found = ball_share.ball_share(np.arange(1), cells, mixture, 0)
    assert 0.02 < truth <= found * (1 + 4e-3)


def test_laws_of_an_interval_are_above_those_at_all_of_its_points() -> None:
    random = np.random.default_rng(6)
    slope, covariance = random.standard_normal((2, 2)), np.eye(4)
    covariance[:2, 2:], covariance[2:, :2], covariance[2:, 2:] = slope.T, slope, slope @ slope.T + np.diag([0.1, 0.4])
    with precision():
        law = ball_share._Law.of(balls(np.eye(4)), balls(random.standard_normal((4, 1))), balls(covariance), 2)
    assert law is not None
    lows = random.uniform(-1.0, 0.0, (30, 2))
    highs = lows + random.uniform(0.0, 0.6, (30, 2))
    down, which = random.uniform(-0.5, 2.0, 30), np.arange(30)
    up, at_once = down + random.uniform(0.2, 2.0, 30), law.tilted(lows, highs, 4.0, -0.4)
    assert at_once is not None
    for shares in (0.0, 1.0, np.array([0.0, 1.0]), np.array([1.0, 0.0]), *random.uniform(size=(8, 2))):
        point = lows + shares * (highs - lows)
        alone = law.tilted(point, point, 4.0, -0.4)
        assert alone is not None
        assert (alone.between(which, down, up) <= at_once.between(which, down, up) * (1 + 1e-9)).all()


def moving(
    half: float, middle: float, drift: float, places: FloatArray, deviation: float
) -> tuple[Cells, Mixture, float]:
    """A ball in which |s| is at most a third of its deviation, t in +-half along each other axis, and the share.

    Over the box the mean of s moves by `drift` deviations either way along each axis, from `middle` deviations; t has
    its mean at `places` and a `deviation`, in units of half.
    """
    count, wide, d = len(places), 3.0, len(places) + 1
    places, deviation = half * places, half * deviation
    slope, covariance = np.full(count, drift * wide / half), np.eye(d) * deviation**2
    covariance[-1, :-1] = covariance[:-1, -1] = slope * deviation**2
    covariance[-1, -1] = slope @ slope * deviation**2 + wide**2
    low, high = np.full((1, d), -half), np.full((1, d), half)
    low[0, -1], high[0, -1] = -9.0, 9.0
    cells = Cells(
        np.zeros(d), np.eye(d), np.eye(d), np.zeros(1), np.ones(1), low, high, np.zeros(1), np.zeros(1), 0.0 * low
    )
    mean = np.append(places, middle * wide + slope @ places)
    mixture = Mixture(np.ones(1), mean[None], np.linalg.cholesky(np.linalg.inv(covariance))[None])
    # Along each axis, where the density is.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    least, most = np.maximum(-half, places - 9 * deviation), np.minimum(half, places + 9 * deviation)
    lines = 0.5 * (least + most) + 0.5 * (most - least) * nodes[:, None]
    masses = 0.5 * (most - least) * weights[:, None] * stats.norm(places, deviation).pdf(lines)
    grid = exponentials.grid([*lines.T])
    end, mid = np.sqrt(1.0 - (grid**2).sum(axis=1)) / wide, middle + grid @ slope / wide
    inside = special.ndtr(end - mid) - special.ndtr(-end - mid)
    return cells, mixture, float(exponentials.grid([*masses.T]).prod(axis=1) @ inside)


@pytest.mark.parametrize(("count", "boxes"), [(1, 400), (2, 6400)])
@pytest.mark.parametrize("drift", [0.5, 1.5])
@pytest.mark.parametrize("first", [-0.94, 0.0, 0.5])
@pytest.mark.parametrize("second", [-0.94, 0.3])
@pytest.mark.parametrize("middle", [-2.5, 0.0, 1.0])
def test_one_part_holds_what_is_between_its_corners(
    count: int, boxes: int, drift: float, first: float, second: float, middle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where t is, at an end or between, counts; what corners pay is all there is in the middle."""
    sharper(monkeypatch, parts=1, boxes=boxes, squares=1000)
    cells, mixture, truth = moving(0.1, middle, drift, np.array([first, second])[:count], 0.02)
    with precision():
        found = ball_share.ball_share(np.arange(count), cells, mixture, 0)
    assert truth * (1 - 1e-4) <= found
    # By the ends of the range of means, of which there are 2^count: weights of a mean between them.
    chosen = 0.5 * np.array([first, second])[:count] + 0.5
    corners = np.array([*itertools.product((0, 1), repeat=count)])
    means = middle + drift * (2 * corners - 1).sum(axis=1)
    laws = special.ndtr(1 / 3 - means) - special.ndtr(-1 / 3 - means)
    factors = np.exp(0.5 * (drift * (2 * corners - 1).sum(axis=1)) ** 2)
    assert found <= 1.25 * ((chosen * corners + (1 - chosen) * (1 - corners)).prod(axis=1) * laws * factors).sum()


@pytest.mark.parametrize("middle", [-2.5, 2.5])
@pytest.mark.parametrize("place", [-16.0, 16.0])
@pytest.mark.parametrize("count", [1, 2])
def test_one_box_has_its_mean_where_its_exponential_has(
    count: int, place: float, middle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over one box the density of t falls, or grows, by e^8: that of s is by and large what it is at this end."""
    sharper(monkeypatch, parts=1, boxes=1, squares=1000)
    cells, mixture, truth = moving(0.02, middle, 0.5 / count, np.full(count, place), 2.0)
    with precision():
        found = ball_share.ball_share(np.arange(count), cells, mixture, 0)
    assert truth * (1 - 1e-4) <= found <= 2.5 * truth
