"""Laws of coupled points and chains against closed forms and an exact curve; planted faults the same tests must catch.

Each alarm is at level 1e-6 per test (Bonferroni inside one test); the seeds are fixed, so a run cannot flicker.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from scipy.special import ndtr

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Graph, Input, Sum
from certify.progress import SilentProgress
from certify.sampling import Target, compile_program
from certify.sampling.couplings import (
    CallableDensity,
    CoupledPoints,
    Experiment,
    Interval,
    MetropolisLangevin,
    RandomWalk,
    Residual,
    Spread,
    Transition,
    UnadjustedLangevin,
    couple,
    distance_to_posterior,
    draw_coupled,
    meeting_probability,
    run_lagged_pairs,
    total_variation_bound,
    unbiased_expectation,
    wasserstein_bound,
)
from certify.sampling.couplings.interval import asymptotic_interval, bounded_mean_interval, column_errors
from certify.sampling.couplings.lagged import simulate
from certify.sampling.couplings.stepping import Stepper
from certify.sampling.couplings.streams import ReplicateStreams
from certify.sampling.couplings.transitions import State
from tests.kolmogorov import kolmogorov_p_value

pytestmark = pytest.mark.statistical

LEVEL = 1e-6
IndexArray = npt.NDArray[np.int64]

FACTOR = np.array([[1.5, 0.0, 0.0], [-0.4, 0.3, 0.0], [0.2, 0.7, 2.0]])
FIRST = np.array([0.3, -0.2, 1.0])
SECOND = np.array([0.9, 0.1, -0.5])
NORMAL = CallableDensity(1, lambda z: -0.5 * z[:, 0] ** 2, lambda z: -z)


def normal_p_value(white: FloatArray) -> float:
    """Smallest p-value, times their number, of tests that rows (n, d) are N(0, I): KS of each axis and of mixtures."""
    dim = white.shape[1]
    slanted = np.cos(np.arange(dim))
    directions = [*np.eye(dim), np.ones(dim) / math.sqrt(dim), slanted / np.linalg.norm(slanted)]
    values = [kolmogorov_p_value(white @ direction, "norm") for direction in directions]
    values.append(kolmogorov_p_value(np.sum(white**2, axis=1), stats.chi2(dim).cdf))
    return float(min(1.0, len(values) * min(values)))


@pytest.mark.parametrize("residual", list(Residual))
@pytest.mark.parametrize("factor", [None, FACTOR])
def test_both_marginals_are_exact_and_meeting_is_as_likely_as_can_be(
    residual: Residual, factor: FloatArray | None
) -> None:
    spread = Spread(0.8, factor)
    points = draw_coupled(FIRST, SECOND, spread, 40_000, seed=1, residual=residual)
    assert normal_p_value(spread.whiten(points.first - FIRST)) > LEVEL
    assert normal_p_value(spread.whiten(points.second - SECOND)) > LEVEL
    met = int(np.count_nonzero(points.met))
    assert stats.binomtest(met, 40_000, meeting_probability(FIRST, SECOND, spread)).pvalue > LEVEL


@pytest.mark.parametrize("residual", list(Residual))
@pytest.mark.parametrize("distance", [0.05, 1.0, 6.0])
def test_points_that_did_not_meet_have_the_residual_law(residual: Residual, distance: float) -> None:
    points = draw_coupled([distance], [0.0], 1.0, 100_000, seed=2, residual=residual)
    apart = points.second[~points.met, 0]
    total = ndtr(distance / 2.0) - ndtr(-distance / 2.0)

    def distribution(s: FloatArray) -> FloatArray:
        return np.asarray(np.where(s > distance / 2.0, 1.0, (ndtr(s) - ndtr(s - distance)) / total))

    assert kolmogorov_p_value(apart, distribution) > LEVEL


@cache
def faulty(kind: str) -> CoupledPoints:
    """Couplings that are wrong in one place each."""
    count = 50_000
    rng = np.random.default_rng(0)
    noise, uniforms = rng.normal(size=(count, 3)), 1.0 - rng.random((count, 1))
    first, second = (np.tile(mean, (count, 1)) for mean in (FIRST, SECOND))
    right = couple(first, second, Spread(0.8), noise, uniforms)
    if kind == "half the reflection":
        wrong = np.where(right.met[:, None], right.second, second + (right.second - second) * 0.97)
    elif kind == "no reflection":
        wrong = np.where(right.met[:, None], right.second, second + 0.8 * noise)
    elif kind == "meets too often":
        half = couple(first, second, Spread(0.8), noise, uniforms**1.1)
        return half
    else:
        return right
    return CoupledPoints(right.first, wrong, right.met)


@pytest.mark.parametrize("kind", ["half the reflection", "no reflection", "meets too often"])
def test_a_faulty_coupling_is_caught(kind: str) -> None:
    assert normal_p_value((faulty(kind).second - SECOND) / 0.8) < LEVEL


def test_the_coupling_without_a_fault_is_not() -> None:
    assert normal_p_value((faulty("none").second - SECOND) / 0.8) > LEVEL


def test_the_chain_that_lags_has_the_law_of_the_other_one() -> None:
    # ULA on N(0, 1) with step h from the point 2: X_t is normal with mean 2 (1 - h)^t, variance by recursion.
    laws = {0: (2.0, 0.0)}
    for time in range(1, 9):
        mean, variance = laws[time - 1]
        laws[time] = (0.7 * mean, 0.49 * variance + 0.6)
    first_seen: dict[int, FloatArray] = {}
    second_seen: dict[int, FloatArray] = {}

    def observe(time: int, replicates: IndexArray, first: FloatArray, second: FloatArray | None) -> None:
        if time <= 8:
            first_seen.setdefault(time, np.zeros(100_000))[replicates] = first[:, 0]
        if 3 <= time <= 8:
            # Where the pair has met Y_{t-lag} is X_t.
            lagging = first if second is None else second
            second_seen.setdefault(time - 3, np.zeros(100_000))[replicates] = lagging[:, 0]

    simulate(NORMAL, UnadjustedLangevin(0.3), Experiment([2.0], 3, 100_000, 100, 3), observe, 8, SilentProgress())
    for seen in (first_seen, second_seen):
        for time in sorted(seen)[1:]:
            mean, variance = laws[time]
            white = (seen[time] - mean) / math.sqrt(variance)
            assert min(kolmogorov_p_value(white, "norm"), variance_p_value(white)) > LEVEL / 28
            # The planted fault: noise two per cent too wide.
            assert variance_p_value(1.02 * white) < LEVEL


def variance_p_value(white: FloatArray) -> float:
    """Two-sided p-value of the chi-square test that independent standard normals have variance 1."""
    lower = stats.chi2.cdf(np.sum(white**2), white.size)
    return float(2.0 * min(lower, 1.0 - lower))


class WrongRatio(MetropolisLangevin):
    """The planted fault: an acceptance ratio without the densities of the proposals."""

    def log_acceptance(self, state: State, proposal: State) -> FloatArray:
        return np.asarray(proposal.log_densities - state.log_densities)


class StaleGradient(MetropolisLangevin):
    """The planted fault: the way back is judged by the gradient at the state, not at the proposal."""

    def log_acceptance(self, state: State, proposal: State) -> FloatArray:
        return super().log_acceptance(state, proposal._replace(gradients=state.gradients))


@pytest.mark.parametrize(
    ("transition", "sound"),
    [
        (MetropolisLangevin(0.6), True),
        (RandomWalk(1.3), True),
        (WrongRatio(0.6), False),
        (StaleGradient(0.6), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_joint_steps_leave_the_law_of_each_chain_invariant(transition: Transition, sound: bool) -> None:
    # Dependent stationary starts; a coupled acceptance that used the other chain's ratio would break a marginal.
    count = 50_000
    rng = np.random.default_rng(4)
    starts = rng.normal(size=(2, count, 1))
    with NORMAL.opened() as evaluate:
        stepper = Stepper(transition, evaluate, ReplicateStreams(4, count), Residual.REFLECTION)
        first, second = stepper.state(starts[0]), stepper.state(0.6 * starts[0] + 0.8 * starts[1])
        for time in range(6):
            first, second, met = stepper.advance_pair(first, second, np.arange(count), time)
            assert np.array_equal(first.positions[met], second.positions[met])
    for state in (first, second):
        positions = state.positions[:, 0]
        found = min(kolmogorov_p_value(positions, "norm"), variance_p_value(positions))
        assert (found > LEVEL / 4) == sound


@pytest.mark.parametrize(
    ("transition", "variance"),
    [
        (MetropolisLangevin(0.5), 1.0),
        (RandomWalk(1.5), 1.0),
        # ULA's own law: variance 1/(1 - h/2). Its estimators are unbiased for that one, not for the posterior.
        (UnadjustedLangevin(0.5), 1.0 / 0.75),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize(("lag", "first_time", "last_time"), [(1, 0, 0), (1, 3, 10), (4, 2, 9)])
def test_estimators_are_unbiased_for_the_chains_own_law(
    transition: Transition, variance: float, lag: int, first_time: int, last_time: int
) -> None:
    found = unbiased_expectation(
        NORMAL,
        transition,
        Experiment([2.0], lag, 20_000, 2000, 5),
        lambda z: np.hstack((z, z**2)),
        first_time=first_time,
        last_time=last_time,
        error_probability=LEVEL / 9,
    )
    truth = np.array([0.0, variance])
    assert np.all((found.lower <= truth) & (truth <= found.upper))
    # The planted fault: the chain's average without its correction.
    lower, upper = asymptotic_interval(found.chain_averages.mean(axis=0), column_errors(found.chain_averages), LEVEL)
    if first_time < 3:
        assert not (lower[0] <= 0.0 <= upper[0])
    if transition.target != "posterior" and last_time > 0:
        assert not found.lower[1] <= 1.0 <= found.upper[1]


@pytest.mark.parametrize("transition", [MetropolisLangevin(0.08), RandomWalk(0.5)], ids=lambda t: t.name)
def test_estimators_and_quadrature_agree_on_a_curved_posterior(transition: Transition) -> None:
    # G(z) = z + tanh(2z), x = 0.4, beta = 0.5: moments by quadrature on a fine grid.
    graph = Graph(
        (Input(1), Affine(0, np.array([[2.0]]), np.zeros(1)), Activation(1, "tanh", 1), Sum((0, 2), (1.0, 1.0), 1))
    )
    target = Target.create(compile_program(graph), np.array([0.4]), 0.5)
    found = unbiased_expectation(
        target,
        transition,
        Experiment([0.0], 10, 10_000, 2000, 10, 1.0),
        lambda z: np.hstack((z, z**2)),
        first_time=10,
        last_time=30,
        error_probability=LEVEL / 2,
    )
    grid = np.linspace(-5.0, 5.0, 20_001)
    weights = np.exp(-0.5 * grid**2 - 2.0 * (grid + np.tanh(2.0 * grid) - 0.4) ** 2)
    truth = np.array([np.sum(weights * grid**power) for power in (1, 2)]) / np.sum(weights)
    assert np.all((found.lower <= truth) & (truth <= found.upper))
    assert np.all(found.upper - found.lower < 0.05)
    assert not (found.lower[0] <= truth[0] + 0.05 <= found.upper[0])


def exact_curve(step: float, steps: int) -> FloatArray:
    """TV(law X_t, N(0, 1)), t = 0, ..., steps, of the random walk from 10 with deviation 0.5, on a grid of `step`."""
    grid = np.arange(round(-7.0 / step), round(14.0 / step) + 1) * step
    target = stats.norm.pdf(grid) / np.sum(stats.norm.pdf(grid))
    ratio = np.exp(np.minimum(0.0, 0.5 * grid[:, None] ** 2 - 0.5 * grid**2))
    matrix = step * stats.norm.pdf(grid, grid[:, None], 0.5) * ratio
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
    law = (np.abs(grid - 10.0) < step / 2.0).astype(np.float64)
    curve = []
    for _ in range(steps + 1):
        curve.append(0.5 * float(np.abs(law - target).sum()))
        law = law @ matrix
    return np.array(curve)


def test_the_published_random_walk_is_reproduced() -> None:
    # Biswas, Jacob and Vanetti (2019): N(0, 1) from 10, proposal deviation 0.5, 160 steps.
    times = np.arange(0, 161, 5)
    exact = exact_curve(0.05, 1700)
    assert np.max(np.abs(exact[:161] - exact_curve(0.1, 160))) < 5e-4
    for lag, largest_gap in ((1, math.inf), (150, 0.06), (400, 0.06)):
        run = run_lagged_pairs(NORMAL, RandomWalk(0.5), Experiment([10.0], lag, 10_000, 3 * lag + 500, 6))
        bound = total_variation_bound(run, times, truncation=500 if lag == 1 else 2, error_probability=LEVEL / 500)
        # Cut after its first terms the bound holds up to the exact distance at the time where it was cut.
        assert np.all(bound.truncated_upper + exact[bound.remainder_times] >= exact[times])
        assert np.all(bound.upper + 1e-3 >= exact[times])
        assert np.max(bound.estimate - exact[times]) < largest_gap
        assert bound.target == "posterior" and distance_to_posterior(bound) is bound
    # The planted fault, a lag too few in the count, is below the truth by far more than its interval.
    off = total_variation_bound(run, times + 400, truncation=2, error_probability=LEVEL)
    assert np.any(off.upper < exact[times] - 0.5)


def test_wasserstein_bounds_exceed_the_exact_distance() -> None:
    # W1 to N(0, 1) of ULA's law at step 1/2: both normal, so W1 >= |mean|; and the invariant law has mean 0.
    run = run_lagged_pairs(NORMAL, UnadjustedLangevin(0.25), Experiment([5.0], 20, 5000, 300, 7), keep_distances=True)
    bound = wasserstein_bound(run, range(10), error_probability=LEVEL / 10)
    exact = 5.0 * 0.75 ** np.arange(10)
    assert np.all(bound.upper >= exact)
    assert np.all(bound.estimate < exact + 1.0)
    assert bound.distance == "Wasserstein-1" and "ULA" in bound.target


def test_the_bound_for_ula_lies_below_the_distance_to_the_posterior() -> None:
    # The pitfall: at step 1 on N(0, 1) ULA's law has variance 2, so TV to the posterior stays near 0.166 for ever.
    run = run_lagged_pairs(NORMAL, UnadjustedLangevin(1.0), Experiment([0.0], 30, 20_000, 90, 8))
    bound = total_variation_bound(run, [10], truncation=1)
    edge = math.sqrt(2.0 * math.log(2.0))
    bias = 2.0 * (ndtr(edge) - ndtr(edge / math.sqrt(2.0)))
    assert bias > 0.16 and bound.upper[0] < 0.01 < bias
    with pytest.raises(InputError, match="not the posterior"):
        distance_to_posterior(bound)
    assert distance_to_posterior(bound, bias).upper[0] >= bias


@pytest.mark.parametrize("probability", [0.004, 0.2])
def test_the_finite_sample_interval_covers_and_the_asymptotic_one_does_not(probability: float) -> None:
    # Values 0 or 5; 2000 experiments of 100 replicates at error 0.05: alarm above 0.05 + 5 deviations (3e-7).
    rng = np.random.default_rng(9)
    values = 5.0 * (rng.random((100, 2000)) < probability)
    lower, upper = bounded_mean_interval(values, np.full(2000, 5.0), 0.05)
    truth = 5.0 * probability
    allowed = 0.05 + 5.0 * math.sqrt(0.05 * 0.95 / 2000)
    assert np.mean((lower > truth) | (upper < truth)) <= allowed
    low, high = asymptotic_interval(values.mean(axis=0), column_errors(values), 0.05)
    if probability < 0.01:
        assert np.mean((low > truth) | (high < truth)) > 0.5
    assert Interval("finite-sample") is Interval.FINITE_SAMPLE
