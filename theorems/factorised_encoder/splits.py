"""Splits of the latents into two groups, the correlation between them, and what it costs to ignore it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import ball, euclidean_norm, lower, precision
from certify.generators.graph import FloatArray
from certify.posteriors.estimates import ERROR_PROBABILITY, frequency_interval

ALL_SPLITS_UP_TO = 10
"""Up to this number of latents every split into two groups is tried; above it single ones, then greedy moves."""


@dataclass(frozen=True, eq=False)
class Split:
    """Latents in two groups with a direction in each: `first` and `second` (d,) have no latent in common.

    u = <first, z> and w = <second, z> are independent under every law with independent coordinates.
    `correlation` is theirs under the Gaussian the split was found for, an estimate.
    """

    first: FloatArray
    second: FloatArray
    correlation: float

    @property
    def groups(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indices of the latents of each group that take part."""
        return tuple(np.flatnonzero(self.first).tolist()), tuple(np.flatnonzero(self.second).tolist())


def costliest_pair(covariance: FloatArray) -> Split:
    """The two single latents with the largest correlation, of a covariance (d, d), d >= 2."""
    d = len(covariance)
    return max((canonical(covariance, (i,), (j,)) for i, j in itertools.combinations(range(d), 2)), key=_size)


def costliest_split(covariance: FloatArray) -> Split:
    """The split with the largest canonical correlation found, of a covariance (d, d), d >= 2; any split is valid."""
    d = len(covariance)
    if d <= ALL_SPLITS_UP_TO:
        return max((_at(covariance, chosen) for chosen in _bipartitions(d)), key=_size)
    best = max((_at(covariance, frozenset({i})) for i in range(d)), key=_size)
    chosen = frozenset(best.groups[0])
    while True:
        moves = (chosen ^ {i} for i in range(d) if 0 < len(chosen ^ {i}) < d)
        better = max(((_at(covariance, move), move) for move in moves), key=lambda item: _size(item[0]))
        if _size(better[0]) <= _size(best) * (1 + 1e-12):
            return best
        best, chosen = better


def canonical(covariance: FloatArray, left: tuple[int, ...], right: tuple[int, ...]) -> Split:
    """The two directions of largest correlation in the two groups. Estimate."""
    roots = [np.linalg.cholesky(covariance[np.ix_(group, group)]) for group in (left, right)]
    whitened = np.linalg.solve(roots[0], covariance[np.ix_(left, right)])
    whitened = np.linalg.solve(roots[1], whitened.T).T
    rows, values, columns = np.linalg.svd(whitened)
    directions = []
    for group, root, vector in ((left, roots[0], rows[:, 0]), (right, roots[1], columns[0])):
        direction = np.zeros(len(covariance))
        direction[list(group)] = np.linalg.solve(root.T, vector)
        directions.append(direction)
    return Split(directions[0], directions[1], float(min(values[0], 1.0)))


def correlation_ball(factor: FloatArray, split: Split) -> arb:
    """|correlation| of u and w under N(c, B B^T), B = `factor` (d, d) taken as exact. Guarantee: an enclosure."""
    with precision():
        basis = ball_matrix(factor).transpose()
        images = [basis * arb_mat([[ball(float(entry))] for entry in end]) for end in (split.first, split.second)]
        product = (images[0].transpose() * images[1])[0, 0]
        lengths = [euclidean_norm(image.entries()) for image in images]
        return abs(product / (lengths[0] * lengths[1])).min(arb(1))


def divergence_price(factor: FloatArray) -> float:
    """min KL(q | N(c, B B^T)) over Gaussians q with independent coordinates, rounded down.

    It is (sum log A_ii - log det A)/2, A = (B B^T)^{-1}, at the variances 1/A_ii.
    """
    with precision():
        inverse = ball_matrix(factor).inv()
        precisions = inverse.transpose() * inverse
        total = sum((precisions[i, i].log() for i in range(len(factor))), arb(0))
        return max(0.0, lower((total - precisions.det().log()) / 2))


def sampled_price(points: FloatArray, split: Split) -> float:
    """Lower bound of the distance of every factorised law from that of the independent draws `points` (k, d).

    Half of the draws place the two cuts (medians); the other half counts the two cells in which both coordinates are
    on the same side. TV >= 2 sqrt(min of the two masses) - 1, wrong with probability at most ERROR_PROBABILITY.
    """
    u, w = points @ split.first, points @ split.second
    half = len(points) // 2
    above = [line[half:] > np.median(line[:half]) for line in (u, w)]
    if np.corrcoef(u[:half], w[:half])[0, 1] < 0:
        above[1] = ~above[1]
    counts = [int(np.sum(above[0] & above[1])), int(np.sum(~above[0] & ~above[1]))]
    least = min(frequency_interval(count, len(points) - half, ERROR_PROBABILITY / 2).lower for count in counts)
    return max(0.0, 2 * float(np.sqrt(least)) - 1)


def _bipartitions(d: int) -> Iterator[frozenset[int]]:
    for size in range(1, d):
        yield from (frozenset(group) for group in itertools.combinations(range(d), size) if 0 in group)


def _at(covariance: FloatArray, chosen: frozenset[int]) -> Split:
    rest = tuple(i for i in range(len(covariance)) if i not in chosen)
    return canonical(covariance, tuple(sorted(chosen)), rest)


def _size(split: Split) -> float:
    return split.correlation
