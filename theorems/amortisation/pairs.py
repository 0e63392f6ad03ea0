"""Two observations whose posteriors are far apart: certified numbers of the pair that asks for the steepest encoder."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat
from scipy.special import betaincinv, ndtri

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import Real, ball, euclidean_norm, lower, precision, upper
from certify.bounds.bracket import ConstantBrackets
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.profiles.gaussian import NearbyGaussian, nearby_gaussian
from certify.threads import one_thread
from theorems.sharp_langevin.observations import global_constants

LOOKED_AT = 12
"""Observations, evenly spaced among those given, whose pairs are looked at."""
REFERENCE = 0.1
"""Accuracy of the encoder for which the pair and the direction are chosen; any choice is valid."""


@dataclass(frozen=True)
class PairNumbers:
    """What the bound needs of two observations and a unit direction v.

    along   |v.(c - c')|, rounded down
    width   s + s', standard deviations of v.z under the two Gaussians, rounded up
    apart   |x - x'|, rounded up
    t_g     the larger certified distance of a posterior from its Gaussian
    pair    indices of the observations
    """

    along: float
    width: float
    apart: float
    t_g: float
    pair: tuple[int, int]


def steepest_pair(
    generator: Generator, brackets: ConstantBrackets, rows: FloatArray, beta: float, labels: FloatArray | None = None
) -> Mapping[str, Real]:
    """`along`, `spread`, `apart`, `t_g` of the pair among a few of the rows (k, n) whose bound is largest."""
    found = steepest(generator, brackets, rows, beta)
    return {"along": found.along, "spread": found.width, "apart": found.apart, "t_g": found.t_g}


def steepest(generator: Generator, brackets: ConstantBrackets, rows: FloatArray, beta: float) -> PairNumbers:
    """The numbers of that pair, rounded outward.

    Raises:
        InputError: for fewer than two different observations.
    """
    constants = global_constants(brackets)
    places = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).round().astype(int))
    with one_thread():
        near = {int(i): nearby_gaussian(generator, constants, rows[i], beta) for i in places}
    pairs = [pair for pair in itertools.combinations(near, 2) if not np.array_equal(*(rows[i] for i in pair))]
    if not pairs:
        raise InputError("`amortisation` compares observations: give at least two different ones")
    return max((_numbers(near, rows, pair) for pair in pairs), key=lambda item: (bound(item, REFERENCE), item.along))


def bound(numbers: PairNumbers, accuracy: float) -> float:
    """The lower bound of the Lipschitz constant at this accuracy. Estimate."""
    mass = min(1.0, 0.5 + accuracy + numbers.t_g)
    return max(0.0, (numbers.along - numbers.width * float(ndtri(mass))) / numbers.apart) if mass < 1 else 0.0


def _numbers(near: Mapping[int, NearbyGaussian], rows: FloatArray, pair: tuple[int, int]) -> PairNumbers:
    first, second = (near[i] for i in pair)
    gap = first.centre.point - second.centre.point
    factors = [item.centre.factor for item in (first, second)]
    covariances = sum(factor @ factor.T for factor in factors)
    candidates = [gap, np.linalg.solve(covariances, gap)]
    found = []
    with precision():
        apart = upper(
            euclidean_norm([ball(float(x)) - ball(float(y)) for x, y in zip(*(rows[i] for i in pair), strict=True)])
        )
        for direction in candidates:
            if not direction.any():
                continue
            v = arb_mat([[ball(float(entry))] for entry in direction])
            length = euclidean_norm(v.entries())
            ends = [arb_mat([[ball(float(e))] for e in item.centre.point]) for item in (first, second)]
            along = abs((v.transpose() * (ends[0] - ends[1]))[0, 0]) / length
            width = sum((euclidean_norm((ball_matrix(f).transpose() * v).entries()) for f in factors), arb(0)) / length
            distance = max(first.distance, second.distance)
            found.append(PairNumbers(max(0.0, lower(along)), upper(width), apart, distance, pair))
    if not found:
        return PairNumbers(0.0, 1.0, apart, max(first.distance, second.distance), pair)
    return max(found, key=lambda item: bound(item, REFERENCE))


def sampled_slope(draws: Sequence[FloatArray], rows: FloatArray, direction: FloatArray, accuracy: float) -> float:
    """The bound from independent exact draws (k, d) of the two posteriors, without any Gaussian.

    An encoder within `accuracy` < 1/2 of both, symmetric about its mean, has <v, mu> between the quantiles of <v, z> at
    1/2 - accuracy and 1/2 + accuracy. Order statistics enclose these; wrong with probability at most ERROR_PROBABILITY
    for a `direction` that these draws did not choose. Which posterior is the lower one they may choose.
    """
    unit = direction / np.linalg.norm(direction)
    lines = sorted((np.sort(points @ unit) for points in draws), key=np.median)
    low = _order(lines[1], 0.5 - accuracy, below=True)
    high = _order(lines[0], 0.5 + accuracy, below=False)
    return max(0.0, float((low - high) / np.linalg.norm(rows[0] - rows[1])))


def _order(line: FloatArray, level: float, below: bool) -> float:
    """An order statistic that is below (above) the quantile at `level`; four of them share the error probability."""
    count = len(line)
    ranks = np.arange(1, count + 1)
    # U_(k) ~ Beta(k, n + 1 - k): its quantile at 1 - error (or error) on the right side of `level`.
    tail = 1 - ERROR_PROBABILITY / 4 if below else ERROR_PROBABILITY / 4
    edges = betaincinv(ranks, count + 1 - ranks, tail)
    kept = np.flatnonzero(edges <= level) if below else np.flatnonzero(edges >= level)
    if not len(kept):
        return -math.inf if below else math.inf
    return float(line[kept[-1] if below else kept[0]])
