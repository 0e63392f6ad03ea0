"""How a search has cut boxes into smaller ones, in a form that can only be a tiling.

The roots are sides^d equal boxes that tile [low, high]. Level by level every box is either a leaf or bisected along an
axis, and its two halves stand in the next level: `splits` has one character for each, "." or the axis. What such a text
says tiles [low, high], whatever it says: a hole cannot be written down, and a text that ends early or late is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, FloatArray

IntArray: TypeAlias = npt.NDArray[np.int64]

LEAF = "."
MOST_BOXES = 1 << 22
"""Boxes of a tree that is read; a search stops long before."""

_FORM = re.compile(r"[.0-9]+")


@dataclass(frozen=True, eq=False)
class Tiling:
    """`sides`^d boxes that tile [`low`, `high`], (d,) each, bisected as `splits` says."""

    low: FloatArray
    high: FloatArray
    sides: int
    splits: str

    def leaves(self) -> tuple[FloatArray, FloatArray] | None:
        """Lower and upper corners (b, d) of the leaves, the very floats of the search; None if the text is no tree."""
        d = self.low.size
        roots = self.sides**d if 1 <= self.sides <= MOST_BOXES else 0
        if not (0 < roots <= len(self.splits) <= MOST_BOXES and _FORM.fullmatch(self.splits)):
            return None
        # "." comes before "0": a leaf has a negative axis.
        axes = np.frombuffer(self.splits.encode(), dtype=np.uint8).astype(np.int64) - ord("0")
        if not ((self.low < self.high).all() and axes.max() < d):
            return None
        lows, highs = lattice(self.low, self.high, self.sides)
        kept: list[tuple[FloatArray, FloatArray]] = []
        start = 0
        while len(lows):
            here = axes[start : start + len(lows)]
            if len(here) < len(lows):
                return None
            start += len(lows)
            leaf = here < 0
            kept.append((lows[leaf], highs[leaf]))
            lows, highs = (
                part.reshape(2, -1, d).swapaxes(0, 1).reshape(-1, d)
                for part in bisected(lows[~leaf], highs[~leaf], here[~leaf])
            )
        if start != len(axes):
            return None
        return np.concatenate([low for low, _ in kept]), np.concatenate([high for _, high in kept])


class Cuts:
    """The bisections of a search as they come: every box has a number, the roots the first ones."""

    def __init__(self, roots: int) -> None:
        self._roots = roots
        self._axes = np.full(roots, -1)
        self._halves = np.zeros((roots, 2), dtype=np.int64)

    def bisect(self, boxes: IntArray, axes: npt.NDArray[np.intp]) -> IntArray:
        """Bisect `boxes` (k,) along `axes`; the numbers (2k,) of their lower halves, then of the upper ones."""
        first, count = len(self._axes), len(boxes)
        self._axes[boxes] = axes
        self._halves[boxes] = first + np.arange(2 * count).reshape(2, count).T
        self._axes = np.concatenate([self._axes, np.full(2 * count, -1)])
        self._halves = np.concatenate([self._halves, np.zeros((2 * count, 2), dtype=np.int64)])
        return np.arange(first, first + 2 * count)

    def splits(self) -> str:
        """The text of `Tiling`."""
        level, parts = np.arange(self._roots), list[str]()
        while len(level):
            axes = self._axes[level]
            parts.append("".join(LEAF if axis < 0 else str(axis) for axis in axes.tolist()))
            level = self._halves[level[axes >= 0]].ravel()
        return "".join(parts)


def lattice(low: FloatArray, high: FloatArray, sides: int) -> tuple[FloatArray, FloatArray]:
    """Lower and upper corners of sides^d boxes that tile [low, high]; neighbours share the very floats."""
    return boxes_between([np.linspace(low[axis], high[axis], sides + 1) for axis in range(low.size)])


def boxes_between(edges: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Lower and upper corners (b, d) of the boxes between neighbouring `edges`, ascending (k,) on each of d axes."""
    corners = ([edge[:-1] for edge in edges], [edge[1:] for edge in edges])
    lows, highs = (np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, len(edges)) for ends in corners)
    return lows, highs


def bisected(lows: FloatArray, highs: FloatArray, axes: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Both halves of boxes (k, d) along their `axes` (k,): lower and upper corners (2k, d), the lower halves first."""
    rows = np.arange(len(lows))
    middle = 0.5 * lows[rows, axes] + 0.5 * highs[rows, axes]
    first_high, second_low = highs.copy(), lows.copy()
    first_high[rows, axes], second_low[rows, axes] = middle, middle
    return np.concatenate([lows, second_low]), np.concatenate([first_high, highs])


def centred_boxes(lows: FloatArray, highs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centres and half-widths, rounded so that the boxes are covered."""
    centres = 0.5 * lows + 0.5 * highs
    halves = np.maximum(highs - centres, centres - lows)
    return centres, np.nextafter(halves * (1 + 2 * EPSILON), np.inf)


def divided(
    lows: FloatArray,
    highs: FloatArray,
    steeps: FloatArray,
    levels: IntArray,
    numbers: IntArray,
    cuts: Cuts,
) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Boxes (k, d) bisected `levels` times (k,), and their parts: corners and numbers, entered in `cuts`, and of which
    of the k each is a part.

    Each time along the axis where `steeps` (k, d) is largest, which is halved there.
    """
    origins = np.arange(len(lows))
    for level in range(int(levels.max(initial=0))):
        cut = levels > level
        axes = np.argmax(steeps[cut], axis=1)
        halves = bisected(lows[cut], highs[cut], axes)
        numbers = np.concatenate([numbers[~cut], cuts.bisect(numbers[cut], axes)])
        flatter = steeps[cut]
        flatter[np.arange(len(axes)), axes] *= 0.5
        lows, highs = np.concatenate([lows[~cut], halves[0]]), np.concatenate([highs[~cut], halves[1]])
        steeps = np.concatenate([steeps[~cut], flatter, flatter])
        levels = np.concatenate([levels[~cut], levels[cut], levels[cut]])
        origins = np.concatenate([origins[~cut], origins[cut], origins[cut]])
    return lows, highs, numbers, origins
