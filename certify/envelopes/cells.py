"""Proposals that are refused before G is evaluated: each component of a mixture has a cell of its own.

Let D_1, ..., D_k be disjoint up to null sets and cover R^d, g_j <= 0 on D_j, and f + log(C w_j N_j) >= -g_j there. Draw
a label j of weight w_j, z ~ N_j and E ~ Exp(1). Accept where z is in D_j and E >= f(z) + log(C w_j N_j(z)): accepted
draws have density exp(-f)/C, sum_j w_j N_j being cancelled cell by cell. Where z is not in D_j, or E < -g_j(z), the
proposal is refused whatever G says; all others are evaluated, a share

    a = sum_j w_j E_{N_j}[exp(g_j); D_j]   (`evaluated_upper`),

and of these p = int exp(-f)/(a C) are accepted. The first evaluated one of T proposals, if there is one, is then
accepted with probability (1 - (1 - a)^T)/a int exp(-f)/C, which falls as a grows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.intervals import FloatArray
from certify.envelopes.mixture import Mixture
from certify.envelopes.region_bound import RegionBound
from certify.envelopes.regions import Region

IntArray = npt.NDArray[np.intp]

PER_EVALUATION = 3.0
"""Proposals that one evaluation is chosen from, in units of 1/a: all but exp(-3) of the evaluations take place."""


@dataclass(frozen=True, eq=False)
class Cells:
    """D_j = {inner_j < |L'(z-c)| <= outer_j, low_j <= A(z-c) <= high_j}, k of them, and the multipliers of g_j.

    g_j = (u (|L'(z-c)|^2 - outer^2) + v (inner^2 - |L'(z-c)|^2) + sum_i w_i (t_i - low_i)(t_i - high_i))/2, t = A(z-c).

    centre, root, axes        c (d,), L (d, d) lower triangular, A (d, d)
    inner, outer, low, high   (k,), (k,), (k, d), (k, d): infinite where there is no condition, then without multiplier
    inside, outside, sides    u (k,), v (k,), w (k, d), not negative
    """

    centre: FloatArray
    root: FloatArray
    axes: FloatArray
    inner: FloatArray
    outer: FloatArray
    low: FloatArray
    high: FloatArray
    inside: FloatArray
    outside: FloatArray
    sides: FloatArray

    @property
    def size(self) -> int:
        return len(self.inner)

    def to_document(self) -> dict[str, Any]:
        """What a file says of it; null where there is no condition."""
        found = {}
        for item in fields(self):
            values = np.asarray(getattr(self, item.name), dtype=object)
            values[~np.isfinite(values.astype(np.float64))] = None
            found[item.name] = values.tolist()
        return found

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Cells:
        """What `to_document` gives. KeyError, TypeError or ValueError for anything else; sizes are not looked at."""
        arrays = {item.name: np.array(document[item.name], dtype=np.float64) for item in fields(cls)}
        for name, missing in (("outer", np.inf), ("low", -np.inf), ("high", np.inf)):
            arrays[name] = np.where(np.isnan(arrays[name]), missing, arrays[name])
        return cls(**arrays)

    def fits(self, size: int, d: int) -> bool:
        """Whether all parts have the sizes for `size` components in d dimensions, and finite multipliers."""
        one, two = (size,), (size, d)
        sizes = ((d,), (d, d), (d, d), one, one, two, two, one, one, two)
        arrays = [getattr(self, item.name) for item in fields(self)]
        plain = (*arrays[:4], *arrays[7:])
        return [a.shape for a in arrays] == list(sizes) and all(np.isfinite(a).all() for a in plain)

    def heights(self, points: FloatArray, labels: IntArray) -> FloatArray:
        """-g_j at points (b, d) of labels j (b,), infinite outside D_j. Estimate: in floats."""
        gaps = points - self.centre
        square, t = ((gaps @ self.root) ** 2).sum(axis=1), gaps @ self.axes.T
        inner, outer, low, high = (part[labels] for part in (self.inner, self.outer, self.low, self.high))
        is_in = (square > inner**2) | (inner == 0.0)
        is_in &= (square <= outer**2) & (t >= low).all(axis=1) & (t <= high).all(axis=1)
        # Where nothing is asked for, nothing is paid.
        bounded = np.isfinite(outer)
        ball_part = np.where(bounded, self.inside[labels] * (square - np.where(bounded, outer, 0.0) ** 2), 0.0)
        cut = np.isfinite(low) & np.isfinite(high)
        ends = [np.where(cut, end, t) for end in (low, high)]
        sides = (self.sides[labels] * (t - ends[0]) * (t - ends[1])).sum(axis=1)
        found = 0.5 * (ball_part + self.outside[labels] * (inner**2 - square) + sides)
        return np.where(is_in, np.maximum(-found, 0.0), np.inf)

    def draw(self, mixture: Mixture, count: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Of `count` proposals the points (b, d) that are evaluated, and log(w_j N_j) + g_j there (b,), in any order.

        E + g_j is Exp(1) again given that it is not negative: it is accepted with probability exp(-(f + log C + this)).
        """
        counts = random.multinomial(count, mixture.weights / mixture.weights.sum())
        peaks, d = mixture.log_peaks(), mixture.latent_dim
        points, levels = [np.zeros((0, d))], [np.zeros(0)]
        for label in np.flatnonzero(counts):
            noise = random.standard_normal((counts[label], d))
            exponential = random.exponential(size=counts[label])
            drawn = mixture.means[label] + np.linalg.solve(mixture.roots[label].T, noise.T).T
            heights = self.heights(drawn, np.full(len(drawn), label))
            kept = exponential >= heights
            points.append(drawn[kept])
            levels.append(peaks[label] - 0.5 * (noise[kept] ** 2).sum(axis=1) - heights[kept])
        order = random.permutation(sum(map(len, levels)))
        return np.concatenate(points)[order], np.concatenate(levels)[order]


def cells_of(bounds: Sequence[RegionBound]) -> Cells | None:
    """The cells of regions that cover R^d, each proved with one component of its own, in their order; else None."""
    count = len(bounds)
    if not all(item.shares.size == count and item.shares[j] == 1.0 for j, item in enumerate(bounds)):
        return None
    return cells_between(
        [item.region for item in bounds], np.array([item.inside for item in bounds]),
        np.array([item.outside for item in bounds]), [item.sides for item in bounds],
    )  # fmt: skip


def cells_between(
    regions: Sequence[Region], inside: FloatArray, outside: FloatArray, sides: Sequence[FloatArray | None]
) -> Cells | None:
    """The cells of regions between ellipsoids of one centre and root that grow, with their multipliers; else None."""
    first = regions[0].inside
    if first is None or regions[-1].inside is not None:
        return None
    d = first.centre.size
    boxes = [item.box for item in regions]
    axes = next((box.axes for box in boxes if box is not None), np.eye(d))
    inner, outer = (
        np.array([missing if part is None else part.radius for part in parts])
        for parts, missing in (
            ([item.outside for item in regions], 0.0),
            ([item.inside for item in regions], math.inf),
        )
    )
    low, high = (
        np.array([np.full(d, missing) if box is None else getattr(box, end) for box in boxes])
        for end, missing in (("low", -math.inf), ("high", math.inf))
    )
    # Ellipsoids that do not grow would leave places that are in no cell, or in two.
    if not (inner < outer).all():
        return None
    weights = np.array([np.zeros(d) if item is None else item for item in sides])
    return Cells(first.centre, first.root, axes, inner, outer, low, high, inside, outside, weights)


def tries_for(evaluated: float) -> int:
    """How many proposals one evaluation is chosen from, where at most this share of them is evaluated."""
    return 1 if evaluated >= 1.0 else math.ceil(PER_EVALUATION / evaluated)


def evaluation_lower(evaluated: float, tries: int) -> float:
    """1 - (1 - a)^T from below, a = `evaluated` and T = `tries`: 1 for one proposal that is always evaluated.

    Times int exp(-f)/(a C) at an upper bound a it is a lower bound of the probability that a round ends with a draw.
    """
    with precision():
        return max(0.0, lower(1 - (1 - ball(evaluated)) ** tries))
