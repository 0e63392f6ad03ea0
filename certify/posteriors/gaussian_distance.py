"""Distances between two Gaussian laws: KL, Wasserstein-2, Pinsker's bound on TV, and TV itself.

TV(p, q) = E_p[(1 - q/p)_+] = E_q[(1 - p/q)_+]: both densities are known exactly, so a Monte Carlo mean of a
quantity in [0, 1] measures TV in any dimension, with a finite-sample interval. In one dimension TV is a sum
of normal probabilities between the roots of the log density ratio.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb, arb_mat
from scipy.linalg import sqrtm
from scipy.special import ndtr

from certify.arithmetic.balls import ball, precision, upper
from certify.generators.graph import FloatArray
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate, IntervalEstimate, mean_interval
from certify.posteriors.gaussian import GaussianLaw


def kl_divergence(first: GaussianLaw, second: GaussianLaw) -> float:
    """KL(first | second) = (tr S + |w|^2 - d - log det S)/2 in nats, S and w whitened by `second`. Estimate."""
    factor = np.linalg.cholesky(second.covariance)
    half = np.linalg.solve(factor, np.linalg.cholesky(first.covariance))
    shift = np.linalg.solve(factor, first.mean - second.mean)
    spectrum = np.linalg.svd(half, compute_uv=False) ** 2
    return float(0.5 * (np.sum(spectrum - 1 - np.log(spectrum)) + shift @ shift))


def wasserstein_distance(first: GaussianLaw, second: GaussianLaw) -> float:
    """W2 = sqrt(|m1 - m2|^2 + tr(C1 + C2 - 2 (C2^{1/2} C1 C2^{1/2})^{1/2})). Estimate (Givens and Shortt 1984)."""
    root = np.real(sqrtm(second.covariance))
    cross = np.real(sqrtm(root @ first.covariance @ root))
    spread = float(np.trace(first.covariance + second.covariance - 2 * cross))
    shift = first.mean - second.mean
    return math.sqrt(max(0.0, spread) + float(shift @ shift))


def total_variation_pinsker_upper(first: GaussianLaw, second: GaussianLaw) -> float:
    """min(1, sqrt(KL(first | second)/2)) >= TV of the Gaussians with exactly these float parameters.

    Upper bound, rounded outward: KL is evaluated in balls (inverse and determinants of the symmetrised
    covariances). Where the balls cannot separate a covariance from singular, the trivial bound 1 is returned.
    """
    dimension = first.mean.size
    with precision(192):
        source, target = _matrix(first.covariance), _matrix(second.covariance)
        source_determinant, target_determinant = source.det(), target.det()
        # Sylvester through the last minor only is not enough for definiteness: a float Cholesky factor that
        # exists with room to spare is what excludes an even number of negative eigenvalues.
        if not (_is_definite(first) and _is_definite(second) and source_determinant > 0 and target_determinant > 0):
            return 1.0
        gap = [ball(float(left)) - ball(float(right)) for left, right in zip(first.mean, second.mean, strict=True)]
        shift = arb_mat(dimension, 1, gap)
        try:
            solved = target.solve(source)
            pulled = target.solve(shift)
        except ZeroDivisionError:
            return 1.0
        trace = sum((solved[index, index] for index in range(dimension)), arb(0))
        distance = (shift.transpose() * pulled)[0, 0]
        divergence = (trace + distance - dimension + (target_determinant / source_determinant).log()) / 2
        return min(1.0, upper((divergence.max(arb(0)) / 2).sqrt()))


def total_variation_interval(
    first: GaussianLaw,
    second: GaussianLaw,
    draws: int = 400_000,
    seed: int = 0,
    error_probability: float = ERROR_PROBABILITY,
) -> DistanceEstimate:
    """TV of two Gaussians in any dimension with an interval that misses with probability <= `error_probability`.

    Half of the draws come from each law; both empirical Bernstein intervals hold together (each has half the
    error), so their intersection does, and Pinsker's rigorous bound cuts the upper end. Estimate.
    """
    generator = np.random.default_rng(seed)
    intervals = [
        _one_sided(first, second, draws // 2, generator, error_probability / 2),
        _one_sided(second, first, draws // 2, generator, error_probability / 2),
    ]
    low = max(interval.lower for interval in intervals)
    high = min(
        *(interval.upper for interval in intervals),
        total_variation_pinsker_upper(first, second),
        total_variation_pinsker_upper(second, first),
    )
    best = min(intervals, key=lambda interval: interval.upper - interval.lower)
    return DistanceEstimate(
        min(max(best.estimate, low), high),
        low,
        high,
        f"exact Gaussian densities, {draws} draws, interval at error {error_probability:g}",
        error_probability,
    )


def total_variation_line(first: GaussianLaw, second: GaussianLaw) -> float:
    """TV of two Gaussians on the line, by the normal distribution function between the density crossings. Estimate.

    The log density ratio is a quadratic; its real roots cut the line into pieces on which one law is larger.
    """
    mean_1, mean_2 = float(first.mean[0]), float(second.mean[0])
    deviation_1, deviation_2 = math.sqrt(first.covariance[0, 0]), math.sqrt(second.covariance[0, 0])
    # In units of the first law, to keep the quadratic's coefficients of order one.
    shift, scale = (mean_2 - mean_1) / deviation_1, deviation_2 / deviation_1
    quadratic = np.array([1 - scale**2, -2 * shift, shift**2 + 2 * scale**2 * math.log(scale)])
    roots = np.roots(np.trim_zeros(quadratic, "f")) if np.any(quadratic) else np.zeros(0)
    real = np.sort(np.real(roots[np.abs(np.imag(roots)) <= 1e-9 * (1 + np.abs(np.real(roots)))]))
    cuts = np.concatenate(([-np.inf], real, [np.inf]))
    masses = np.diff(ndtr(cuts)) - np.diff(ndtr((cuts - shift) / scale))
    return float(0.5 * np.sum(np.abs(masses)))


def _one_sided(
    source: GaussianLaw, other: GaussianLaw, draws: int, generator: np.random.Generator, error_probability: float
) -> IntervalEstimate:
    points = source.sample(draws, generator)
    log_ratio = other.log_density(points) - source.log_density(points)
    shortfall: FloatArray = -np.expm1(np.minimum(log_ratio, 0.0))
    return mean_interval(shortfall, 0.0, 1.0, error_probability, "exact densities")


def _is_definite(law: GaussianLaw) -> bool:
    """Whether the least eigenvalue, computed in floats, exceeds many times its rounding error."""
    spectrum = np.linalg.eigvalsh(0.5 * (law.covariance + law.covariance.T))
    return bool(spectrum[0] > 1e-12 * law.mean.size * spectrum[-1] > 0)


def _matrix(covariance: FloatArray) -> arb_mat:
    """The symmetric part of a float matrix, exact, in balls."""
    size = covariance.shape[0]
    entries = [
        (ball(float(covariance[row, column])) + ball(float(covariance[column, row]))) / 2
        for row in range(size)
        for column in range(size)
    ]
    return arb_mat(size, size, entries)
