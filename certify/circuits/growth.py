r"""How a measured cost grows with the number of bits, where some runs were cut off.

Model: log2(cost) = intercept + rate * bits + sigma * epsilon with standard normal epsilon. A run that was cut off at a
limit is known to cost more than it: its likelihood is P(cost > limit), never a cost of its own (a Tobit model;
J. Tobin, Econometrica 26, 1958). The interval of the rate is that of the profile likelihood ratio.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError

SMALLEST_SPREAD = 0.02
"""Of log2(cost): below it a sample (operation counts that are the same in every run) has no spread to speak of."""
MOST_STEPS = 200


@dataclass(frozen=True)
class Growth:
    """cost is about 2^(intercept + rate * bits); the true rate lies in [rate_lower, rate_upper] with `confidence`.

    Statistical, and of the model: the sample says nothing about bits beyond its range. `censored` of the `cases` runs
    were cut off.
    """

    rate: float
    rate_lower: float
    rate_upper: float
    intercept: float
    spread: float
    confidence: float
    cases: int
    censored: int
    log_likelihood: float


def fit_power_law(
    bits: npt.ArrayLike, costs: npt.ArrayLike, censored: npt.ArrayLike, confidence: float = 0.95
) -> Growth:
    """The same with log2(bits) in place of bits: cost is about 2^intercept bits^rate. Errors as `fit_growth`."""
    return fit_growth(np.log2(np.asarray(bits, dtype=np.float64)), costs, censored, confidence)


def fit_growth(bits: npt.ArrayLike, costs: npt.ArrayLike, censored: npt.ArrayLike, confidence: float = 0.95) -> Growth:
    """Maximum likelihood fit of the growth rate.

    Args:
        bits: number of bits of each run, shape (k,), at least two different values among the finished runs.
        costs: cost > 0 of each run, the limit for one that was cut off, shape (k,).
        censored: whether it was cut off, shape (k,).
        confidence: of the interval, in (0, 1).

    Raises:
        InputError: for arrays of different shapes, costs that are not positive, or fewer than three finished runs or
            two numbers of bits among them.
    """
    size, cost = np.asarray(bits, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    cut = np.asarray(censored, dtype=np.bool_)
    shapes = (size.shape, cost.shape, cut.shape)
    if len(set(shapes)) > 1 or size.ndim != 1:
        raise InputError(f"`bits`, `costs`, `censored` must have one shape (k,); got {shapes}")
    if not (np.isfinite(cost).all() and (cost > 0).all()):
        raise InputError("`costs` must be positive and finite")
    if np.count_nonzero(~cut) < 3 or len(np.unique(size[~cut])) < 2:
        raise InputError("a growth rate needs three finished runs at two numbers of bits; raise the time limit")
    logs = np.log2(cost)
    rate, intercept, spread, best = _fit(size, logs, cut)
    threshold = _chi_squared_quantile(confidence) / 2.0

    def loses(candidate: float) -> float:
        start = (intercept + (rate - candidate) * float(size.mean()), spread)
        return best - _profile(size, logs, cut, candidate, start) - threshold

    scale = max(spread / (math.sqrt(len(size)) * max(float(size.std()), 1e-9)), 1e-3)
    return Growth(
        rate,
        _end(loses, rate, -scale),
        _end(loses, rate, scale),
        intercept,
        spread,
        confidence,
        len(size),
        int(np.count_nonzero(cut)),
        best,
    )


def _fit(size: FloatArray, logs: FloatArray, cut: npt.NDArray[np.bool_]) -> tuple[float, float, float, float]:
    slope, level = np.polyfit(size[~cut], logs[~cut], 1)
    spread = float(np.std(logs[~cut] - slope * size[~cut] - level))
    # Around the first line, in units of its spread and that of the sizes: numbers of order one.
    scale = float(size.std())
    design = np.column_stack([np.ones_like(size), (size - size.mean()) / scale])
    (shift, tilt), spread, best = _maximum(design, logs - slope * size - level, cut, spread)
    rate = slope + tilt / scale
    return float(rate), float(level + shift - (rate - slope) * size.mean()), spread, best


def _profile(
    size: FloatArray, logs: FloatArray, cut: npt.NDArray[np.bool_], rate: float, start: tuple[float, float]
) -> float:
    """Largest log-likelihood at a given rate."""
    return _maximum(np.ones((len(size), 1)), logs - start[0] - rate * size, cut, start[1])[2]


def _maximum(
    design: FloatArray, logs: FloatArray, cut: npt.NDArray[np.bool_], spread: float
) -> tuple[FloatArray, float, float]:
    """Coefficients b, sigma >= SMALLEST_SPREAD and value of the largest log-likelihood of logs = design b + sigma e.

    In 1/sigma and b/sigma it is concave (R. J. Olsen, Econometrica 46, 1978): Newton's method, halving its steps.
    """
    from scipy.special import log_ndtr

    unit = max(spread, SMALLEST_SPREAD)
    finished, largest = np.count_nonzero(~cut), unit / SMALLEST_SPREAD
    # The residuals in units of sigma are linear in the parameters (unit/sigma, b/sigma).
    linear = np.column_stack([logs / unit, -design])
    half = 0.5 * math.log(2.0 * math.pi)

    def value(parameters: FloatArray) -> float:
        standard = linear @ parameters
        terms = np.where(cut, log_ndtr(-standard), -0.5 * standard**2 - half)
        return float(terms.sum()) + finished * math.log(parameters[0] / unit)

    found = np.array([1.0, *np.zeros(design.shape[1])])
    best = value(found)
    for _ in range(MOST_STEPS):
        standard = linear @ found
        hazard = np.exp(-0.5 * standard**2 - half - log_ndtr(-standard))
        slopes = np.where(cut, -hazard, -standard)
        bends = np.where(cut, hazard * (hazard - standard), 1.0)
        gradient, curvature = slopes @ linear, (linear.T * bends) @ linear
        gradient[0] += finished / found[0]
        curvature[0, 0] += finished / found[0] ** 2
        free = slice(1 if found[0] == largest and gradient[0] > 0.0 else 0, None)
        step = np.zeros_like(found)
        step[free] = np.linalg.solve(curvature[free, free], gradient[free])
        while True:
            trial = found + step
            trial[0] = min(max(trial[0], 0.1 * found[0]), largest)
            reached = value(trial)
            if reached >= best or np.abs(step).max() < 1e-12:
                break
            step *= 0.5
        gain, found, best = reached - best, trial, reached
        if gain < 1e-12 * (1.0 + abs(best)):
            break
    sigma = unit / float(found[0])
    return found[1:] * sigma, sigma, best


def _chi_squared_quantile(confidence: float) -> float:
    from scipy.stats import chi2

    if not 0.0 < confidence < 1.0:
        raise InputError(f"`confidence` must be in (0, 1); got {confidence}")
    return float(chi2.ppf(confidence, 1))


def _end(loses: Callable[[float], float], rate: float, step: float) -> float:
    """Where the profile has fallen by the threshold, on the side of `step`; infinite if it never does."""
    from scipy.optimize import brentq

    far = step
    while loses(rate + far) < 0.0:
        far *= 2.0
        if abs(far) > 1e4:
            return math.copysign(math.inf, step)
    return float(brentq(loses, rate, rate + far, xtol=1e-6)) if loses(rate) < 0.0 else rate
