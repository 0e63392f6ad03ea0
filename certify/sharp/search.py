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


def reachable_distance(estimates: RadialEstimates, limit: int = LAYER_LIMIT) -> float:
    """The smallest distance of `limit` layers from either start: what a noise level admits. Estimate."""
    best = np.inf
    for start in STARTS:
        candidates = _candidates(estimates, 1.0, start)
        if candidates is not None:
            lengths = _burn_in_lengths(limit)
            distances, durations = _burn_in(candidates, lengths)
            layers = np.broadcast_to(np.maximum(limit - lengths, 1), distances.shape)
            best = min(best, float(np.min(_distance(candidates, distances, durations, layers)[0])))
    return best


def _shortest(estimates: RadialEstimates, epsilon: float, limit: int, start: Start) -> ChainChoice | None:
    candidates = _candidates(estimates, epsilon, start)
    if candidates is None:
        return None
    starts = _burn_in_lengths(limit)
    for _ in range(3):
        distances, durations = _burn_in(candidates, starts)
        smoothing = _fewest(candidates, distances, durations, epsilon, limit)
        total = np.where(smoothing <= limit, smoothing + starts, np.iinfo(np.int64).max // 2)
        fewest = int(np.min(total))
        if fewest > limit:
            return None
        # Of all that need the fewest layers, the one with the smallest bound.
        ties = np.where(total == fewest, _distance(candidates, distances, durations, smoothing)[0], np.inf)
        row, column = np.unravel_index(int(np.argmin(ties)), total.shape)
        # Look closer, around the best length of the burn-in and the best radius.
        low, high = starts[max(int(column) - 1, 0)], starts[min(int(column) + 1, len(starts) - 1)]
        best = int(row), int(starts[int(column)]), int(smoothing[int(row), int(column)])
        starts = np.unique(np.linspace(low, high, 25).astype(np.int64))
    return _choice(estimates, candidates, *best, start)


def _closest(estimates: RadialEstimates, limit: int, start: Start) -> ChainChoice | None:
    candidates = _candidates(estimates, 1.0, start)
    if candidates is None:
        return None
    starts = _burn_in_lengths(limit)
    distances, durations = _burn_in(candidates, starts)
    best: tuple[float, int, int, int] | None = None
    for layers in np.unique(np.geomspace(1, limit, 24).astype(np.int64)):
        smoothing = np.maximum(layers - starts, 1)
        total, _ = _distance(candidates, distances, durations, np.broadcast_to(smoothing, distances.shape))
        row, column = np.unravel_index(int(np.argmin(total)), total.shape)
        if best is None or total[row, column] < best[0]:
            best = (float(total[row, column]), int(row), int(starts[column]), int(smoothing[column]))
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


def _burn_in(candidates: _Candidates, lengths: IntegerArray) -> tuple[FloatArray, FloatArray]:
    """w_{K0} and the time spent, shape (radii, lengths), by the recursion of harmonic steps."""
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
    return np.array(found_distance).T, np.array(found_duration).T


def _distance(
    candidates: _Candidates, distances: FloatArray, durations: FloatArray, layers: IntegerArray
) -> tuple[FloatArray, FloatArray]:
    """The smallest bound over the smoothing's step, and that step, for every radius and burn-in length."""
    shape = (-1, 1, 1)
    n = layers[:, :, None].astype(np.float64)
    duration = np.geomspace(1e-3, 40.0, DURATIONS)
    mu, force = candidates.mu.reshape(shape), candidates.force.reshape(shape)
    for _ in range(2):
        eta = np.minimum(duration / n, candidates.longest.reshape(shape))
        total = smoothing_bound(mu, force, distances[:, :, None], n, eta)
        total = total + _exit_estimate(candidates, durations[:, :, None] + n * eta)
        pick = np.argmin(total, axis=2)[:, :, None]
        centre = np.take_along_axis(np.broadcast_to(eta * n, total.shape), pick, axis=2)
        duration = centre * np.geomspace(0.75, 1.0 / 0.75, 13)
    best = np.take_along_axis(total, pick, axis=2)[:, :, 0]
    step = np.take_along_axis(np.broadcast_to(eta, total.shape), pick, axis=2)[:, :, 0]
    return best + candidates.fixed[:, None], step


def _exit_estimate(candidates: _Candidates, durations: FloatArray) -> FloatArray:
    """The exit bound at durations (k, ...), interpolated in the logarithm of the table."""
    place = (np.log(durations) - candidates.times[0]) / (candidates.times[1] - candidates.times[0])
    left = np.clip(place.astype(np.int64), 0, TIMES - 2)
    rows = np.arange(len(candidates.index)).reshape(-1, *([1] * (durations.ndim - 1)))
    share = place - left
    low, high = candidates.exits[rows, left], candidates.exits[rows, left + 1]
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


def _fewest(
    candidates: _Candidates, distances: FloatArray, durations: FloatArray, epsilon: float, limit: int
) -> IntegerArray:
    """Smallest number of smoothing layers with bound <= epsilon, by bisection; above `limit` where there is none."""
    low = np.zeros(distances.shape, dtype=np.int64)
    high = np.full(distances.shape, limit, dtype=np.int64)
    reachable = _distance(candidates, distances, durations, high)[0] <= epsilon
    while np.any(high - low > 1):
        middle = np.maximum((low + high) // 2, 1)
        good = _distance(candidates, distances, durations, middle)[0] <= epsilon
        low, high = np.where(good, low, middle), np.where(good, middle, high)
        low = np.minimum(low, high - 1)
    return np.where(reachable, high, limit + 1)


def _choice(
    estimates: RadialEstimates, candidates: _Candidates, row: int, burn_in: int, smoothing: int, start: Start
) -> ChainChoice:
    """Exact choices for one candidate: the numbers that the kernels and the balls will both use."""
    here = np.array([burn_in], dtype=np.int64)
    distances, durations = _burn_in(candidates, here)
    total, step = _distance(candidates, distances, durations, np.full(distances.shape, smoothing, dtype=np.int64))
    index = int(candidates.index[row])
    elapsed = float(durations[row, 0] + smoothing * step[row, 0])
    width = estimates.radii[index] - estimates.radii[:index]
    shell = np.maximum(1.0 - estimates.mass[:index] / estimates.mass[index], 1e-16)
    inner = int(np.argmin((1 + elapsed / width**2) * shell))
    radius = Fraction(float(estimates.radii[index]))
    schedule = Schedule(
        Fraction(float(candidates.first[row])),
        Fraction(float(candidates.offset[row])),
        burn_in,
        Fraction(float(step[row, 0])),
        burn_in + smoothing,
    )
    return ChainChoice(
        radius,
        Fraction(float(estimates.radii[estimates.outer[index]])),
        min(radius - Fraction(float(estimates.radii[inner])), radius * Fraction(999, 1000)),
        schedule,
        start,
        float(total[row, 0]),
    )
