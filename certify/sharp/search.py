"""The search for the choices of Theorem 1* and G1*, in floats: what it returns is a candidate until it is enclosed.

All candidates of R are looked at together, on the grid of `estimates`: for each R and burn-in length the number of
smoothing layers is bisected, the duration of the smoothing and the width of the shell are minimised out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sharp import terms
from certify.sharp.chain import Start
from certify.sharp.estimates import RadialEstimates
from certify.sharp.schedule import RUN_SHARE, Schedule, first_step, longest_step
from certify.symbolic.generic import one_minus_exp

IntegerArray = npt.NDArray[np.int64]

LAYER_LIMIT = 10**9
POINT_START_FROM = 100
"""Up to here no other start is tried: the Gaussian one moves less and only loses where the curvature nearly fails."""
MOST_RADII, DURATIONS, TIMES = 32, 32, 40
SMALLEST_CURVATURE = 1e-3
STARTS: tuple[Start, ...] = ("gaussian", "point")


@dataclass(frozen=True)
class ChainChoice:
    """Free choices of Theorem 1* and the distance that the float twin gives them."""

    radius: Fraction
    outer: Fraction
    width: Fraction
    schedule: Schedule
    start: Start
    distance_estimate: float


@dataclass(frozen=True)
class LayerChoice:
    """Free choices of G1* and the distance that the float twin gives them."""

    radius: Fraction
    outer: Fraction
    distance_estimate: float


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Radii looked at, with everything that depends on the radius alone; arrays (k,), exits (k, TIMES)."""

    index: IntegerArray
    mu: FloatArray
    force: FloatArray
    longest: FloatArray
    first: FloatArray
    offset: FloatArray
    initial: FloatArray
    fixed: FloatArray
    times: FloatArray
    exits: FloatArray


@dataclass(frozen=True, eq=False)
class _Trials:
    """Radii paired with lengths of the burn-in, and what it reaches: arrays (pairs,), `row` an index of the radii."""

    row: IntegerArray
    length: IntegerArray
    distance: FloatArray
    duration: FloatArray

    def __getitem__(self, kept: npt.NDArray[np.bool_]) -> _Trials:
        return _Trials(self.row[kept], self.length[kept], self.distance[kept], self.duration[kept])


def best_layer(estimates: RadialEstimates) -> LayerChoice | None:
    """The radii with the smallest G1* bound; None if mu(R) > 0 at none. Estimate."""
    positive = estimates.mu > SMALLEST_CURVATURE
    with np.errstate(all="ignore"):
        leading = terms.gaussian_leading(estimates.shift**2, estimates.mu)
        total = terms.total([leading, estimates.tail, estimates.gaussian_tail])
    total = np.where(positive & np.isfinite(total), total, np.inf)
    total[0] = np.inf
    index = int(np.argmin(total))
    if not np.isfinite(total[index]):
        return None
    outer = float(estimates.radii[estimates.outer[index]])
    return LayerChoice(Fraction(float(estimates.radii[index])), Fraction(outer), float(total[index]))


def shortest_chain(estimates: RadialEstimates, epsilon: float, limit: int = LAYER_LIMIT) -> ChainChoice | None:
    """The fewest layers K = K0 + n with distance <= epsilon, from either start; None if none below `limit`.

    Estimate.
    """
    found = _shortest(estimates, epsilon, limit, "gaussian")
    if found is not None and found.schedule.layers <= POINT_START_FROM:
        return found
    other = _shortest(estimates, epsilon, limit, "point")
    both = [choice for choice in (found, other) if choice is not None]
    return min(both, key=lambda choice: choice.schedule.layers, default=None)


def closest_chain(estimates: RadialEstimates, limit: int = LAYER_LIMIT) -> ChainChoice | None:
    """The smallest distance found with at most `limit` layers; None if mu(R) > 0 at no radius. Estimate."""
    both = [choice for start in STARTS if (choice := _closest(estimates, limit, start)) is not None]
    return min(both, key=lambda choice: choice.distance_estimate, default=None)


def reaches(estimates: RadialEstimates, epsilon: float, limit: int = LAYER_LIMIT) -> bool:
    """Whether `limit` layers from either start have a distance <= epsilon: what a noise level admits. Estimate."""
    for start in STARTS:
        candidates = _candidates(estimates, 1.0, start)
        if candidates is not None:
            trials = _trials(candidates, _burn_in_lengths(limit))
            if _distance(candidates, trials, np.maximum(limit - trials.length, 1))[0].min() <= epsilon:
                return True
    return False


def _shortest(estimates: RadialEstimates, epsilon: float, limit: int, start: Start) -> ChainChoice | None:
    candidates = _candidates(estimates, epsilon, start)
    if candidates is None:
        return None
    starts, best = _burn_in_lengths(limit), (0, 0, 0)
    for _ in range(3):
        fewest, trials = _fewest(candidates, _trials(candidates, starts), epsilon, limit)
        if fewest > limit:
            return None
        # Of all that need the fewest layers, the one with the smallest bound.
        pick = int(np.argmin(_distance(candidates, trials, fewest - trials.length)[0]))
        length = int(trials.length[pick])
        best = int(trials.row[pick]), length, fewest - length
        # Look closer, around the best length of the burn-in and the best radius.
        column = int(np.searchsorted(starts, length))
        low, high = starts[max(column - 1, 0)], starts[min(column + 1, len(starts) - 1)]
        starts = np.unique(np.linspace(low, high, 25).astype(np.int64))
    return _choice(estimates, candidates, *best, start)


def _closest(estimates: RadialEstimates, limit: int, start: Start) -> ChainChoice | None:
    candidates = _candidates(estimates, 1.0, start)
    if candidates is None:
        return None
    trials = _trials(candidates, _burn_in_lengths(limit))
    best: tuple[float, int, int, int] | None = None
    for layers in np.unique(np.geomspace(1, limit, 24).astype(np.int64)):
        smoothing = np.maximum(layers - trials.length, 1)
        total, _ = _distance(candidates, trials, smoothing)
        pick = int(np.argmin(total))
        if best is None or total[pick] < best[0]:
            best = float(total[pick]), int(trials.row[pick]), int(trials.length[pick]), int(smoothing[pick])
    assert best is not None
    return _choice(estimates, candidates, *best[1:], start) if np.isfinite(best[0]) else None


def _candidates(estimates: RadialEstimates, epsilon: float, start: Start) -> _Candidates | None:
    fixed = estimates.tail + (estimates.gaussian_tail if start == "gaussian" else 0.0)
    usable = (estimates.mu > SMALLEST_CURVATURE) & (fixed < epsilon) & np.isfinite(estimates.shift)
    usable[:2] = False
    index = np.flatnonzero(usable)
    if index.size == 0:
        return None
    if index.size > MOST_RADII:
        index = index[np.unique(np.linspace(0, index.size - 1, MOST_RADII).astype(np.int64))]
    mu, q, force = estimates.mu[index], estimates.q[index], estimates.force[index]
    if start == "gaussian":
        initial = terms.gaussian_start_distance(estimates.shift[index] ** 2, mu)
    else:
        initial = terms.point_start_distance(estimates.spread[index] ** 2)
    longest = longest_step(mu, q)
    first = first_step(mu, force, initial, longest)
    times = np.geomspace(1e-3, 3e3, TIMES)
    exits = np.array([_exits(estimates, int(item), times) for item in index])
    return _Candidates(
        index, mu, force, longest, first, 1.5 / (mu * first), initial, fixed[index], np.log(times), np.log(exits)
    )


def _exits(estimates: RadialEstimates, index: int, times: FloatArray) -> FloatArray:
    """The smallest over w of e (1 + tau/w^2) P_{p0^R}(r > R - w) for every tau."""
    width = estimates.radii[index] - estimates.radii[:index]
    shell = np.maximum(1.0 - estimates.mass[:index] / estimates.mass[index], 1e-16)
    return np.asarray(np.min(terms.exit_bound(times[:, None], width, shell), axis=1))


def _burn_in_lengths(limit: int) -> IntegerArray:
    return np.unique(np.concatenate([[0], np.geomspace(1, max(1, limit // 2), 48)]).astype(np.int64))


def _trials(candidates: _Candidates, lengths: IntegerArray) -> _Trials:
    """Every radius with every length K0, and w_{K0} and the time spent by the recursion of harmonic steps."""
    distance, duration = candidates.initial.copy(), np.zeros_like(candidates.initial)
    found_distance, found_duration = [], []
    k, shortest = 0, int(np.min(candidates.offset))
    for length in lengths.tolist():
        while k < length:
            # Runs as in `Schedule.moving`, of one length for all radii and cut at the lengths asked for.
            count = min(max(1, (shortest + k) // RUN_SHARE), length - k)
            eta = candidates.first * candidates.offset / (candidates.offset + k + (count - 1) / 2)
            s = one_minus_exp(eta)
            power = np.exp(count * np.log1p(-s * candidates.mu))
            distance = terms.moved(distance, s, candidates.mu, power, candidates.force, eta)
            duration = duration + count * eta
            k += count
        found_distance.append(distance)
        found_duration.append(duration)
    rows = np.arange(len(candidates.index))
    return _Trials(
        np.repeat(rows, lengths.size),
        np.tile(lengths, rows.size),
        np.array(found_distance).T.ravel(),
        np.array(found_duration).T.ravel(),
    )


def _distance(candidates: _Candidates, trials: _Trials, layers: IntegerArray) -> tuple[FloatArray, FloatArray]:
    """The smallest bound over the step of `layers` smoothing layers, and that step, for every trial, (pairs,)."""
    row = trials.row
    n = layers[:, None].astype(np.float64)
    duration = np.geomspace(1e-3, 40.0, DURATIONS)
    mu, force, longest = (part[row, None] for part in (candidates.mu, candidates.force, candidates.longest))
    for _ in range(2):
        eta = np.minimum(duration / n, longest)
        total = smoothing_bound(mu, force, trials.distance[:, None], n, eta)
        total = total + _exit_estimate(candidates, row, trials.duration[:, None] + n * eta)
        pick = np.argmin(total, axis=1)[:, None]
        duration = np.take_along_axis(eta * n, pick, axis=1) * np.geomspace(0.75, 1.0 / 0.75, 13)
    best = np.take_along_axis(total, pick, axis=1)[:, 0]
    return best + candidates.fixed[row], np.take_along_axis(eta, pick, axis=1)[:, 0]


def _exit_estimate(candidates: _Candidates, row: IntegerArray, durations: FloatArray) -> FloatArray:
    """The exit bound at durations (pairs, k), interpolated in the logarithm of the table."""
    place = (np.log(durations) - candidates.times[0]) / (candidates.times[1] - candidates.times[0])
    left = np.clip(place.astype(np.int64), 0, TIMES - 2)
    share = place - left
    low, high = candidates.exits[row[:, None], left], candidates.exits[row[:, None], left + 1]
    return np.asarray(np.exp(low + share * (high - low)))


def smoothing_bound(
    mu: FloatArray, force: FloatArray, distance: FloatArray, layers: FloatArray, eta: FloatArray
) -> FloatArray:
    """Discretisation plus smoothing of `layers` equal steps `eta` from Wasserstein distance `distance`. Estimate.

    All of one shape, or of shapes that broadcast.
    """
    s = one_minus_exp(eta)
    log_rho = np.log1p(-s * mu)
    squares = np.expm1(2 * layers * log_rho) / np.expm1(2 * log_rho)
    smoothing = terms.smoothing(distance, np.exp(layers * log_rho), (2 * s - s * s) * squares)
    return np.asarray(terms.discretisation(force, [(eta, layers)]) + smoothing)


def _fewest(candidates: _Candidates, trials: _Trials, epsilon: float, limit: int) -> tuple[int, _Trials]:
    """The fewest layers with which some trial has a bound <= epsilon, and all that have; above `limit` if none.

    A trial's bound only falls with the layers, so one that does not reach epsilon with as many as another needs is out.
    """
    low, high = 0, limit + 1
    while high - low > 1:
        # Between the orders of magnitude first: from 10^9 it is not far to what most need.
        middle = limit if high > limit else max(low + 1, round((max(low, 1) * high) ** 0.5))
        possible = trials[trials.length < middle]
        good = _distance(candidates, possible, middle - possible.length)[0] <= epsilon
        if good.any():
            high, trials = middle, possible[good]
        elif middle == limit:
            break
        else:
            low = middle
    return high, trials


def _choice(
    estimates: RadialEstimates, candidates: _Candidates, row: int, burn_in: int, smoothing: int, start: Start
) -> ChainChoice:
    """Exact choices for one candidate: the numbers that the kernels and the balls will both use."""
    trials = _trials(candidates, np.array([burn_in], dtype=np.int64))
    total, step = _distance(candidates, trials, np.full(trials.row.shape, smoothing, dtype=np.int64))
    index = int(candidates.index[row])
    elapsed = float(trials.duration[row] + smoothing * step[row])
    width = estimates.radii[index] - estimates.radii[:index]
    shell = np.maximum(1.0 - estimates.mass[:index] / estimates.mass[index], 1e-16)
    inner = int(np.argmin((1 + elapsed / width**2) * shell))
    radius = Fraction(float(estimates.radii[index]))
    schedule = Schedule(
        Fraction(float(candidates.first[row])),
        Fraction(float(candidates.offset[row])),
        burn_in,
        Fraction(float(step[row])),
        burn_in + smoothing,
    )
    return ChainChoice(
        radius,
        Fraction(float(estimates.radii[estimates.outer[index]])),
        min(radius - Fraction(float(estimates.radii[inner])), radius * Fraction(999, 1000)),
        schedule,
        start,
        float(total[row]),
    )
