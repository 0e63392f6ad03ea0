"""What is known of an encoder's law at one observation: a Gaussian, or draws alone.

An encoder z = T(noise) at fixed x is Gaussian if T is affine in the noise, as in every variational autoencoder with a
Gaussian encoder and in a Langevin chain of an affine generator. Up to 4,096 noise inputs, T(0) and T(e_i) give the only
candidate T(0) + S noise, which is then held against the encoder at N fresh noises: if T differs from it with
probability p, all N agree with probability (1 - p)^N, so p <= log(1/e)/N at error e, and p bounds the distance of
the two laws. Beyond, T is held to T((a + b)/sqrt 2) - T(0) = (T(a) + T(b) - 2 T(0))/sqrt 2 at sampled pairs (a, b),
and the covariance is that of the draws, within a distance that the Wishart law gives exactly.

The law is that of the network in real arithmetic: floats have a discrete law, at distance 1 of every density.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.posteriors.gaussian import GaussianLaw

PushNoise = Callable[[FloatArray], FloatArray]
"""Noises (count, size) to draws (count, d) at one observation."""

BASIS_MAXIMAL = 4096
TOLERANCES = {"float32": 2e-5, "float64": 1e-9}
"""Largest |T - affine map| taken for rounding, relative to the size of T there."""
ROUNDING = 1e-2
"""Largest |T - affine map| taken for rounding, relative to the smallest standard deviation."""
SMALLEST_SPREAD = 1e-7
PAIRS = 512
CHECKED = 20_000
"""Draws that an affine candidate is held against; more are made only where it fails."""
CHUNK = 4_000_000
"""Noise coordinates handed to the encoder at once."""


@dataclass(frozen=True, eq=False)
class EncoderLaw:
    """Draws (count, d) of the encoder at x, and a Gaussian within `slack` of their law, or None.

    P(TV(law, gaussian) > slack) <= `slack_error`, under `assumption` where it is not empty.
    """

    draws: FloatArray
    description: str
    gaussian: GaussianLaw | None = None
    slack: float = 1.0
    slack_error: float = 0.0
    assumption: str = ""


def encoder_law(
    push: PushNoise, noise_size: int, draws: int, precision: str, seed: int, error_probability: float
) -> EncoderLaw:
    """Find out the law of `push(noise)`, noise standard normal of `noise_size` coordinates.

    Args:
        push: the encoder at one observation, as a function of its noise.
        noise_size: number of noise inputs of one draw, >= 1.
        draws: draws to make where the law is not Gaussian, >= 30; at most 20,000 check that the encoder is affine.
        precision: "float32" or "float64", what the encoder computes in.
        seed: of the noise.
        error_probability: that a law is farther than `slack` from its Gaussian.
    """
    generator = np.random.default_rng(seed)
    if noise_size <= BASIS_MAXIMAL:
        return _by_basis(push, noise_size, draws, precision, generator, error_probability)
    return _by_additivity(push, noise_size, draws, precision, generator, error_probability)


def noise_chunks(generator: np.random.Generator, draws: int, noise_size: int) -> Iterator[FloatArray]:
    """Standard normal noises of `draws` draws in pieces (rows, noise_size) that fit into memory."""
    rows = max(1, CHUNK // noise_size)
    for first in range(0, draws, rows):
        yield generator.standard_normal((min(rows, draws - first), noise_size))


def _by_basis(
    push: PushNoise, size: int, draws: int, precision: str, generator: np.random.Generator, error_probability: float
) -> EncoderLaw:
    origin, columns = _affine_candidate(push, size)
    covariance = columns.T @ columns
    checked = min(draws, CHECKED)
    parts, largest, allowed = [], 0.0, True
    for noise in noise_chunks(generator, checked, size):
        points = push(noise)
        gap = np.linalg.norm(points - origin - noise @ columns, axis=1)
        scale = np.linalg.norm(origin) + np.linalg.norm(columns) * np.maximum(1.0, np.linalg.norm(noise, axis=1))
        allowed = allowed and bool(np.all(gap <= TOLERANCES[precision] * scale))
        largest = max(largest, float(np.max(gap)))
        parts.append(points)
    smallest = _smallest_deviation(covariance)
    if not allowed or smallest == 0 or largest > ROUNDING * smallest:
        # The draws are all that is known: make the others too.
        parts += [push(noise) for noise in noise_chunks(generator, draws - checked, size)]
        reason = "affine, with a singular covariance, in" if allowed and smallest == 0 else "not affine in"
        return EncoderLaw(np.concatenate(parts), f"known through draws only: {reason} its {size} noise inputs")
    return EncoderLaw(
        np.concatenate(parts),
        f"Gaussian: affine in its {size} noise inputs at all of {checked} sampled noises, to {largest / smallest:.1g} "
        "of the smallest standard deviation",
        GaussianLaw(origin, covariance),
        math.log(1 / error_probability) / checked,
        error_probability,
    )


def _affine_candidate(push: PushNoise, size: int) -> tuple[FloatArray, FloatArray]:
    """T(0) (d,) and the rows (T(e_i) - T(-e_i))/2, shape (size, d)."""
    basis = np.eye(size)
    images = push(np.concatenate((np.zeros((1, size)), basis, -basis)))
    return images[0], 0.5 * (images[1 : size + 1] - images[size + 1 :])


def _by_additivity(
    push: PushNoise, size: int, draws: int, precision: str, generator: np.random.Generator, error_probability: float
) -> EncoderLaw:
    points = np.concatenate([push(noise) for noise in noise_chunks(generator, draws, size)])
    origin = push(np.zeros((1, size)))[0]
    gap, allowed = 0.0, True
    pairs = zip(noise_chunks(generator, PAIRS, size), noise_chunks(generator, PAIRS, size), strict=True)
    for left, right in pairs:
        images = [push(noise) - origin for noise in (left, right, (left + right) / math.sqrt(2))]
        gaps = np.linalg.norm(images[2] - (images[0] + images[1]) / math.sqrt(2), axis=1)
        scale = np.linalg.norm(origin) + sum(np.linalg.norm(image, axis=1) for image in images)
        allowed = allowed and bool(np.all(gaps <= TOLERANCES[precision] * scale))
        gap = max(gap, float(np.max(gaps)))
    centred = points - origin
    covariance = centred.T @ centred / draws
    smallest = _smallest_deviation(covariance)
    if not allowed or smallest == 0 or gap > ROUNDING * smallest:
        return EncoderLaw(points, f"known through draws only: not additive in its {size} noise inputs")
    return EncoderLaw(
        points,
        f"Gaussian with the covariance of {draws} draws: additive in its {size} noise inputs at {PAIRS} sampled pairs",
        GaussianLaw(origin, covariance),
        covariance_slack(draws, points.shape[1], error_probability),
        error_probability,
        "the encoder is affine in its noise",
    )


def covariance_slack(count: int, dimension: int, error_probability: float) -> float:
    """Upper bound of TV(N(m, C), N(m, C_hat)), C_hat the covariance of `count` draws around the known mean m.

    By Pinsker's inequality and Bartlett's decomposition of count C^{-1/2} C_hat C^{-1/2} = L L^T: twice the
    divergence is sum_i (u_i - 1 - log u_i) + sum_{i>j} L_ij^2/count, count u_i = L_ii^2 of law chi^2 with count - i
    + 1 degrees, the other sum chi^2 with d(d-1)/2; all independent, each cut at its own quantile.
    Guarantee: fails with probability at most `error_probability`, whatever C. Estimate in float64.
    Source: Bartlett, Proc. R. Soc. Edinburgh 53 (1933).
    """
    # Half a second to load: only where it is used.
    from scipy import stats

    if count <= dimension:
        return 1.0
    share = error_probability / (2 * dimension + 1)
    twice = 0.0
    for index in range(dimension):
        freedom = count - index
        ends = [float(quantile(share, freedom)) / count for quantile in (stats.chi2.ppf, stats.chi2.isf)]
        # u - 1 - log u is convex with its minimum 0 at 1: the larger end value bounds it between the ends.
        twice += max(end - 1 - math.log(end) for end in ends)
    pairs = dimension * (dimension - 1) // 2
    if pairs:
        twice += float(stats.chi2.isf(share, pairs)) / count
    return min(1.0, math.sqrt(twice / 4))


def _smallest_deviation(covariance: FloatArray) -> float:
    """Least standard deviation over all directions; 0 where it is lost in rounding."""
    spectrum = np.linalg.eigvalsh(covariance)
    return math.sqrt(spectrum[0]) if spectrum[0] > SMALLEST_SPREAD**2 * max(spectrum[-1], 1e-300) else 0.0
