"""Lagged runs, bounds and estimators against definitions written out by hand; the refusals that keep them honest."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import Affine, Graph, Input
from certify.posteriors.estimates import mean_interval
from certify.progress import SilentProgress
from certify.sampling import DivergenceError, Target, compile_program
from certify.sampling.couplings import (
    POSTERIOR,
    CallableDensity,
    Experiment,
    Interval,
    LaggedRun,
    MetropolisLangevin,
    RandomWalk,
    Residual,
    Transition,
    UnadjustedLangevin,
    distance_to_posterior,
    run_lagged_pairs,
    total_variation_bound,
    unbiased_expectation,
    wasserstein_bound,
)
from certify.sampling.couplings.interval import bounded_mean_interval
from certify.sampling.couplings.lagged import simulate
from certify.sampling.couplings.unbiased import correction_weight
from certify.verdict import Verdict
from tests.conftest import ROOT

IndexArray = npt.NDArray[np.int64]

KINDS = ("python", "text")
PRECISION = np.array([[2.0, 0.4], [0.4, 1.2]])
GAUSSIAN = CallableDensity(2, lambda z: -0.5 * np.einsum("ni,ij,nj->n", z, PRECISION, z), lambda z: -z @ PRECISION)
FACTOR = np.linalg.cholesky(np.linalg.inv(PRECISION))
TRANSITIONS: list[Transition] = [
    UnadjustedLangevin(0.3),
    MetropolisLangevin(0.3),
    RandomWalk(1.0),
    UnadjustedLangevin(0.3, FACTOR),
    MetropolisLangevin(0.5, FACTOR),
    RandomWalk(1.0, FACTOR),
]
EXPERIMENT = Experiment([1.5, -1.0], 5, 40, 500, 7)


def run_by_hand(meeting_times: list[int], lag: int, max_steps: int, target: str = POSTERIOR) -> LaggedRun:
    times = np.array(meeting_times)
    return LaggedRun(times, np.zeros(times.size, dtype=bool), None, lag, max_steps, 0, "hand", target, 0)


@pytest.mark.parametrize("residual", list(Residual))
@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda t: f"{t.name}{'' if t.spread.factor is None else '+C'}")
def test_pairs_meet_and_distances_end_there(transition: Transition, residual: Residual) -> None:
    experiment = Experiment([1.5, -1.0], 5, 40, 500, 7, residual=residual)
    run = run_lagged_pairs(GAUSSIAN, transition, experiment, keep_distances=True)
    assert not np.any(run.censored)
    assert np.all(run.meeting_times >= 5)
    assert run.distances is not None
    for tau, distances in zip(run.meeting_times, run.distances, strict=True):
        assert np.all(distances[: tau - 5] > 0.0)
        assert np.all(distances[tau - 5 :] == 0.0)


@given(st.integers(1, 12), st.integers(0, 1000))
def test_a_replicate_depends_on_its_own_number_only(count: int, seed: int) -> None:
    few, many = (
        run_lagged_pairs(GAUSSIAN, MetropolisLangevin(0.3), Experiment([1.5, -1.0], 3, n, 400, seed, 0.5))
        for n in (count, 13)
    )
    assert np.array_equal(few.meeting_times, many.meeting_times[:count])


def test_the_leading_chain_is_the_same_whether_or_not_anyone_watches() -> None:
    seen: dict[int, FloatArray] = {}

    def observe(time: int, replicates: IndexArray, first: FloatArray, second: FloatArray | None) -> None:
        column = seen.setdefault(time, np.full((40, 2), math.nan))
        assert np.all(np.isnan(column[replicates])), "a replicate was seen twice at one time"
        column[replicates] = first

    times, _ = simulate(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, observe, 60, SilentProgress())
    assert np.array_equal(times, run_lagged_pairs(GAUSSIAN, RandomWalk(1.0), EXPERIMENT).meeting_times)
    assert all(np.all(np.isfinite(seen[time])) for time in range(61))


def test_a_generators_posterior_and_the_same_gaussian_as_a_callable_agree() -> None:
    weight = np.linalg.cholesky(PRECISION - np.eye(2)).T
    target = Target.create(compile_program(Graph((Input(2), Affine(0, weight, np.zeros(2))))), np.zeros(2), 1.0)
    for transition in TRANSITIONS:
        ours, theirs = (run_lagged_pairs(law, transition, EXPERIMENT) for law in (target, GAUSSIAN))
        assert np.array_equal(ours.meeting_times, theirs.meeting_times)
        assert ours.target == theirs.target == transition.target


def test_a_chain_that_rejects_everything_has_already_met() -> None:
    spike = CallableDensity(1, lambda z: np.where(z[:, 0] == 0.0, 0.0, -np.inf))
    run = run_lagged_pairs(spike, RandomWalk(1.0), Experiment([0.0], 4, 3, 9, 0))
    assert run.meeting_times.tolist() == [4, 4, 4]


@given(st.lists(st.integers(3, 60), min_size=2, max_size=6), st.integers(1, 3), st.integers(0, 40))
def test_the_total_variation_bound_counts_the_steps_of_its_definition(times: list[int], lag: int, time: int) -> None:
    bound = total_variation_bound(run_by_hand(times, lag, 60), [time])
    expected = np.mean([max(0, math.ceil((tau - lag - time) / lag)) for tau in times])
    assert bound.estimate[0] == pytest.approx(expected)
    assert bound.lower[0] <= bound.estimate[0] <= bound.upper[0]
    assert bound.verdict is Verdict.SUPPORTED
    short = total_variation_bound(run_by_hand(times, lag, 60), [time], truncation=1)
    assert 0.0 <= short.truncated_upper[0] <= 1.0
    assert short.remainder_times[0] == time + lag


def test_a_sample_without_spread_has_no_asymptotic_upper_end() -> None:
    run = run_by_hand([4, 6, 6], 2, 20)
    bound = total_variation_bound(run, [0, 10], interval=Interval.ASYMPTOTIC)
    assert math.isfinite(bound.upper[0]) and math.isinf(bound.upper[1])
    assert bound.verdict is Verdict.INCONCLUSIVE
    assert total_variation_bound(run, [0, 10]).verdict is Verdict.SUPPORTED


def test_the_wasserstein_bound_sums_the_distances_of_its_definition() -> None:
    run = run_lagged_pairs(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, keep_distances=True)
    assert run.distances is not None
    for time in (0, 3, 10):
        sums = [sum(row[t - 5] for t in range(time + 5, 5 + len(row), 5)) for row in run.distances]
        assert wasserstein_bound(run, [time]).estimate[0] == pytest.approx(np.mean(sums))


def test_a_pair_that_has_not_met_takes_the_upper_end_away() -> None:
    run = run_lagged_pairs(GAUSSIAN, RandomWalk(0.2), Experiment([6.0, 6.0], 5, 200, 45, 1), keep_distances=True)
    assert 0 < np.count_nonzero(run.censored) < 200
    assert np.all(run.meeting_times[run.censored] == 45)
    bounds = [
        total_variation_bound(run, [0, 40]),
        total_variation_bound(run, [0, 40], interval=Interval.ASYMPTOTIC),
        wasserstein_bound(run, [0, 40]),
        wasserstein_bound(run, [0, 40], interval=Interval.FINITE_SAMPLE, largest=100.0),
    ]
    for bound in bounds:
        assert bound.verdict is Verdict.INCONCLUSIVE
        assert np.all(np.isinf(bound.upper)) and np.all(np.isinf(bound.estimate))
        assert np.all(np.isfinite(bound.truncated_upper[:1])) and np.all(np.isfinite(bound.lower))
        assert "had not met" in bound.covers
    # Of the eight terms at t = 5 the unmet pairs have all: min(J, 8) is known exactly.
    lower, upper = bounded_mean_interval(
        np.array(
            [
                [8.0 if unmet else max(0, math.ceil((tau - 10) / 5))]
                for tau, unmet in zip(run.meeting_times, run.censored, strict=True)
            ]
        ),
        np.array([8.0]),
        1e-6,
    )
    found = total_variation_bound(run, [5])
    assert (found.lower[0], found.truncated_upper[0]) == (lower[0], upper[0])
    estimate = unbiased_expectation(
        GAUSSIAN, RandomWalk(0.2), Experiment([6.0, 6.0], 5, 200, 45, 1), lambda z: z, first_time=0, last_time=9
    )
    assert estimate.verdict is Verdict.INCONCLUSIVE and estimate.censored > 0
    assert np.all(np.isnan(estimate.mean)) and np.all(np.isinf(estimate.upper))


def test_the_distance_to_the_posterior_is_refused_for_ula() -> None:
    target = UnadjustedLangevin(0.1).target
    assert target == "invariant law of ULA with step 0.1"
    bound = total_variation_bound(run_by_hand([4, 6], 2, 20, target), [0, 3])
    with pytest.raises(InputError, match=r"invariant law of ULA with step 0\.1.*not the posterior.*MALA.*bias_upper"):
        distance_to_posterior(bound)
    widened = distance_to_posterior(bound, 0.25)
    assert widened.target == POSTERIOR
    assert widened.estimate == pytest.approx(bound.estimate + 0.25)
    assert np.all(widened.upper > bound.upper + 0.24)
    with pytest.raises(InputError, match="bias_upper"):
        distance_to_posterior(bound, -0.1)
    for transition in (MetropolisLangevin(0.1), RandomWalk(0.1)):
        exact = total_variation_bound(run_by_hand([4, 6], 2, 20, transition.target), [0])
        assert distance_to_posterior(exact) is exact


@given(st.integers(0, 30), st.integers(1, 6), st.integers(0, 8), st.integers(0, 8))
def test_the_correction_weight_counts_its_terms(time: int, lag: int, first: int, length: int) -> None:
    last = first + length
    counted = sum(l + j * lag == time for l in range(first, last + 1) for j in range(1, 40))  # noqa: E741
    assert correction_weight(time, lag, first, last) == counted


def test_the_unbiased_estimate_is_its_definition_written_out() -> None:
    path: dict[tuple[str, int, int], float] = {}

    def observe(time: int, replicates: IndexArray, first: FloatArray, second: FloatArray | None) -> None:
        for row, replicate in enumerate(replicates):
            path["x", int(replicate), time] = float(first[row, 0])
            if second is not None:
                path["y", int(replicate), time - 5] = float(second[row, 0])

    times, _ = simulate(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, observe, 600, SilentProgress())
    found = unbiased_expectation(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, lambda z: z[:, 0], first_time=2, last_time=9)
    assert np.array_equal(found.meeting_times, times)
    for replicate, tau in enumerate(times):
        total = 0.0
        for l in range(2, 10):  # noqa: E741
            total += path["x", replicate, l]
            for j in range(1, max(0, math.ceil((tau - 5 - l) / 5)) + 1):
                total += path["x", replicate, l + 5 * j] - path["y", replicate, l + 5 * (j - 1)]
        assert found.values[replicate, 0] == pytest.approx(total / 8.0, abs=1e-12)
    assert found.cost_times_variance[0] == pytest.approx(found.variance[0] * found.evaluations / 40)


def test_betting_intervals_contain_the_mean_and_beat_empirical_bernstein() -> None:
    values = np.where(np.arange(1000) % 97 == 0, 3.0, 0.0)
    lower, upper = bounded_mean_interval(values[:, None], np.array([20.0]), 0.01)
    other = mean_interval(values, 0.0, 20.0, 0.01)
    assert lower[0] <= values.mean() <= upper[0]
    assert upper[0] - values.mean() < 0.6 * (other.upper - values.mean())
    # All zeros: nothing better than about log(2/e)/n of the range is possible.
    zeros = bounded_mean_interval(np.zeros((1000, 1)), np.array([20.0]), 0.01)
    assert zeros[0][0] == 0.0 and 20.0 * math.log(200.0) / 1000 < zeros[1][0] < 0.2
    with pytest.raises(InputError, match="lie in"):
        bounded_mean_interval(np.full((3, 1), 2.0), np.array([1.0]), 0.01)
    with pytest.raises(InputError, match="error_probability"):
        bounded_mean_interval(np.zeros((3, 1)), np.array([1.0]), 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lag": 0}, "lag"),
        ({"replicates": 0}, "replicates"),
        ({"max_steps": 5}, "max_steps"),
        ({"start_deviation": -1.0}, "start_deviation"),
        ({"start": [0.0]}, "shape"),
        ({"start": [0.0, math.nan]}, "finite"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_bad_experiment_is_refused(arguments: dict[str, object], message: str) -> None:
    given_arguments = {"start": [0.0, 0.0], "lag": 5, "replicates": 2, "max_steps": 50, "seed": 0} | arguments
    with pytest.raises(InputError, match=message):
        run_lagged_pairs(GAUSSIAN, RandomWalk(1.0), Experiment(**given_arguments))  # type: ignore[arg-type]


def test_a_bad_law_is_refused() -> None:
    def run(law: object, transition: Transition) -> None:
        run_lagged_pairs(law, transition, Experiment([0.0], 1, 2, 10, 0))  # type: ignore[arg-type]

    def write(points: FloatArray) -> FloatArray:
        points[:] = 0.0
        return np.zeros(points.shape[0])

    with pytest.raises(InputError, match="needs `gradient`"):
        run(CallableDensity(1, lambda z: -(z[:, 0] ** 2)), MetropolisLangevin(0.1))
    with pytest.raises(InputError, match=r"`log_density` must map"):
        run(CallableDensity(1, lambda z: -(z**2)), RandomWalk(0.1))
    with pytest.raises(InputError, match=r"`gradient` must map"):
        run(CallableDensity(1, lambda z: -(z[:, 0] ** 2), lambda z: z[:, 0]), MetropolisLangevin(0.1))
    with pytest.raises(InputError, match=r"\+inf"):
        run(CallableDensity(1, lambda z: z[:, 0] + np.inf), RandomWalk(0.1))
    with pytest.raises(InputError, match="start"):
        run(CallableDensity(1, lambda z: np.full(z.shape[0], -np.inf)), RandomWalk(0.1))
    with pytest.raises(ValueError, match="read-only"):
        run(CallableDensity(1, write), RandomWalk(0.1))
    with pytest.raises(InputError, match="CallableDensity"):
        run(lambda z: z, RandomWalk(0.1))
    with pytest.raises(InputError, match="dim"):
        CallableDensity(0, lambda z: z[:, 0])
    program = compile_program(Graph((Input(1),)))
    with pytest.raises(InputError, match="share one observation"):
        run(Target.create(program, np.zeros((2, 1)), 1.0), RandomWalk(0.1))


def test_ula_that_diverges_is_an_error_and_mala_only_rejects() -> None:
    law = CallableDensity(1, lambda z: -(z[:, 0] ** 4), lambda z: -4.0 * z**3)
    with pytest.raises(DivergenceError, match="ULA"):
        run_lagged_pairs(law, UnadjustedLangevin(1.0), Experiment([3.0], 1, 20, 100, 0))
    run = run_lagged_pairs(law, MetropolisLangevin(1.0), Experiment([3.0], 1, 20, 10, 0))
    assert run.replicates == 20


def test_bad_questions_are_refused() -> None:
    run = run_by_hand([4, 6], 2, 20)
    with pytest.raises(InputError, match=r"\[0, 18\]"):
        total_variation_bound(run, [19])
    with pytest.raises(InputError, match="times"):
        total_variation_bound(run, [])
    with pytest.raises(InputError, match="truncation"):
        total_variation_bound(run, [0], truncation=0)
    with pytest.raises(InputError, match="2 replicates"):
        total_variation_bound(run_by_hand([4], 2, 20), [0])
    with pytest.raises(InputError, match="keep_distances"):
        wasserstein_bound(run, [0])
    watched = run_lagged_pairs(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, keep_distances=True)
    with pytest.raises(InputError, match="largest"):
        wasserstein_bound(watched, [0], interval=Interval.FINITE_SAMPLE)
    for arguments in ({"first_time": 3, "last_time": 2}, {"first_time": 0, "last_time": 501}):
        with pytest.raises(InputError, match="first_time"):
            unbiased_expectation(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, lambda z: z, **arguments)
    with pytest.raises(InputError, match="test_function"):
        unbiased_expectation(GAUSSIAN, RandomWalk(1.0), EXPERIMENT, lambda z: z.T, first_time=0, last_time=2)
    with pytest.raises(InputError, match="step_size"):
        MetropolisLangevin(0.0)


def test_the_example_of_the_documentation_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "couplings.md").read_text(encoding="utf-8")
    (code,), (output,) = (re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL) for kind in KINDS)
    exec(compile(code, "docs/couplings.md", "exec"), {})
    assert capsys.readouterr().out == output
