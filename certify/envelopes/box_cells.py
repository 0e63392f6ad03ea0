"""Posterior masses of the cells that cuts along axes make, certified over boxes: any network with few latents.

A grid with the cuts among its edges tiles a box B, so every small box lies in one cell. Around its centre c

    f(c + u) >= a + l.u + u'Hu/2 - error,
    int exp(-f) <= exp(error - a - min u'Hu/2) prod_j 2 h_j exp(min(x_j^2/6, |x_j|)),   x_j = l_j h_j,

since the mean of exp(-l u) over |u| <= h is sinh(x)/x, at most exp(x^2/6) and at most exp(|x|). From below the masses
are those of `box_search`. Outside B exp(-f) is at most C rho, C and rho those of an envelope. So a cell's mass is at
least L/(L + U), L its own integral from below and U that of everything else from above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.box_bounds import potential_minorant
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_minimum import box_minimum_lower
from certify.envelopes.box_search import log_masses_lower
from certify.envelopes.box_tree import bisected, boxes_between, centred_boxes
from certify.envelopes.likelihood import Likelihood, boxes_of
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Graph
from certify.progress import Progress, SilentProgress
from certify.symbolic.normal import NormalMass

IntArray = npt.NDArray[np.int64]

SIDES = {1: 64, 2: 24, 3: 10}
"""Boxes per axis to begin with, by dimension."""
BATCH = 512


@dataclass(frozen=True, eq=False)
class Cut:
    """z_axis <= place against z_axis > place."""

    axis: int
    place: float


@dataclass(frozen=True, eq=False)
class CellMasses:
    """Lower bounds `masses` (2,) * cuts of the cells' masses, rounded outward; index 0 is the side z <= place.

    boxes     boxes that B is cut into
    open      share of the whole that lies between the bounds of these, an estimate
    finished  whether that is as little as was asked for: otherwise the number of boxes ended the search
    """

    masses: FloatArray
    boxes: int
    open: float
    finished: bool


def cell_masses_lower(
    graph: Graph,
    likelihood: Likelihood,
    envelope: Envelope,
    box: tuple[FloatArray, FloatArray],
    cuts: tuple[Cut, ...],
    share: float = 0.005,
    boxes: int = 40_000,
    progress: Progress | None = None,
) -> CellMasses:
    """Lower bounds of the posterior's masses of the 2^len(cuts) cells, rounded down.

    Args:
        graph: of G.
        likelihood: with G and the prior it makes f.
        envelope: (R1) certified for this posterior, for what lies outside the box.
        box: low and high (d,) ends of B; every cut inside it.
        cuts: on axes of their own.
        share: the search ends when what is open is less than this share of the whole.
        boxes: the largest number of boxes, but for those that the search begins with.
        progress: receives how many of them there are.

    Returns:
        The masses, rounded outward, 0 where nothing is known; and how the search ended.
    """
    progress = progress or SilentProgress()
    progress.start("cells of the posterior", boxes)
    lows, highs = _tiles(box, cuts)
    cells = _cells(lows, highs, cuts)
    least, most = _bounds(graph, likelihood, lows, highs)
    progress.advance(len(lows))
    while True:
        top = float(np.max(np.where(np.isfinite(most), most, -math.inf), initial=-math.inf))
        open_shares = np.where(np.isfinite(most), np.exp(np.minimum(most - top, 0.0)), np.inf)
        open_shares = open_shares - np.where(np.isfinite(least), np.exp(np.minimum(least - top, 0.0)), 0.0)
        total, left = float(np.exp(least[np.isfinite(least)] - top).sum()), float(open_shares.sum())
        finished = left <= share * total
        if finished or not math.isfinite(top) or len(lows) >= boxes:
            break
        taken = np.argsort(-open_shares)[: min(BATCH, boxes - len(lows))]
        rest = np.setdiff1d(np.arange(len(lows)), taken)
        axes = np.argmax((highs[taken] - lows[taken]) / (box[1] - box[0]), axis=1)
        halves = bisected(lows[taken], highs[taken], axes)
        found = _bounds(graph, likelihood, *halves)
        lows, highs = np.concatenate([lows[rest], halves[0]]), np.concatenate([highs[rest], halves[1]])
        cells = np.concatenate([cells[rest], cells[taken], cells[taken]])
        least, most = (np.concatenate([old[rest], new]) for old, new in zip((least, most), found, strict=True))
        progress.advance(len(taken))
    progress.finish()
    with precision():
        outside = ball(envelope.log_constant).exp() * mass_outside(envelope.proposal, *box)
    masses = _masses(least, most, cells, 2 ** len(cuts), outside, envelope.log_constant).reshape((2,) * len(cuts))
    return CellMasses(masses, len(lows), left / (left + total) if math.isfinite(left) else 1.0, finished)


def mass_outside(mixture: Mixture, low: FloatArray, high: FloatArray) -> arb:
    """Upper bound of rho's mass outside the box [low, high]: the union bound over axes, in balls."""
    total, outside = arb(0), arb(0)
    for weight, mean, root in zip(mixture.weights, mixture.means, mixture.roots, strict=True):
        # N(mu, (L L')^-1): row a of L^-T has the deviation of axis a as its length.
        inverse = ball_matrix(root).inv().transpose()
        parts = arb(0)
        for axis in range(len(mean)):
            deviation = sum((inverse[axis, j] ** 2 for j in range(len(mean))), arb(0)).sqrt()
            middle = ball(float(mean[axis]))
            for gap in (ball(float(low[axis])) - middle, middle - ball(float(high[axis]))):
                parts += NormalMass.enclose(gap / deviation)
        total += ball(float(weight))
        outside += ball(float(weight)) * parts
    return outside / total


def log_mass_upper(graph: Graph, likelihood: Likelihood, lows: FloatArray, highs: FloatArray) -> FloatArray:
    """Upper bounds (b,) of log int exp(-f) over boxes [lows, highs], (b, d) each. Rounded outward."""
    centres, halves = centred_boxes(lows, highs)
    forms = box_forms(graph, centres, halves)
    below, _ = potential_minorant(forms, likelihood)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = below.curvature * halves[:, :, None] * halves[:, None, :]
        slopes = np.abs(below.linear) * halves
        bend = box_minimum_lower(scaled, np.zeros_like(halves))
        spread = np.minimum(slopes, slopes * slopes / 6.0).sum(axis=1)
        volume = np.log(2 * halves).sum(axis=1)
        found = volume + spread + below.error - below.constant - bend
        # By the ranges of the outputs alone, where the planes say less.
        final = forms.nodes[-1]
        middle = np.maximum(np.abs(centres) - halves, 0.0)
        plain = volume - likelihood.sum_lower(final.low, final.high) - 0.5 * (middle * middle).sum(axis=1)
        size = np.abs(below.constant) + np.abs(volume) + spread + np.abs(scaled).sum(axis=(1, 2)) + below.error
        found = found + 64 * EPSILON * (size + halves.shape[1])
        plain = plain + 64 * EPSILON * (np.abs(plain) + np.abs(volume) + (np.abs(centres) * middle).sum(axis=1) + 4.0)
    known = [np.where(np.isnan(item), np.inf, item) for item in (found, plain)]
    return np.minimum(*known)


def _bounds(graph: Graph, likelihood: Likelihood, lows: FloatArray, highs: FloatArray) -> tuple[FloatArray, FloatArray]:
    parts, step = [], boxes_of(graph)
    for start in range(0, len(lows), step):
        block = lows[start : start + step], highs[start : start + step]
        parts.append((log_masses_lower(graph, likelihood, *block), log_mass_upper(graph, likelihood, *block)))
    return np.concatenate([item[0] for item in parts]), np.concatenate([item[1] for item in parts])


def _tiles(box: tuple[FloatArray, FloatArray], cuts: tuple[Cut, ...]) -> tuple[FloatArray, FloatArray]:
    """Corners of boxes that tile B, the cuts among their edges; neighbours share the very floats."""
    low, high = box
    places = {cut.axis: cut.place for cut in cuts}
    edges = []
    for axis in range(low.size):
        line = np.linspace(low[axis], high[axis], SIDES[low.size] + 1)
        if axis in places:
            line = np.unique(np.append(line, places[axis]))
        edges.append(line)
    return boxes_between(edges)


def _cells(lows: FloatArray, highs: FloatArray, cuts: tuple[Cut, ...]) -> IntArray:
    """The cell of every box, by the binary digits of its index."""
    found = np.zeros(len(lows), dtype=np.int64)
    for cut in cuts:
        above = lows[:, cut.axis] >= cut.place
        assert (above | (highs[:, cut.axis] <= cut.place)).all(), "cuts are edges"
        found = 2 * found + above
    return found


def _masses(least: FloatArray, most: FloatArray, cells: IntArray, count: int, outside: arb, shift: float) -> FloatArray:
    """L/(L + U) of every cell, rounded down; integrals are taken relative to exp(`shift`)."""
    masses = np.zeros(count)
    with precision():
        scale = ball(shift).exp()
        far = outside / scale
        own, above = [], []
        for cell in range(count):
            here = cells == cell
            own.append(_sum(least[here] - shift, down=True))
            above.append(_sum(most[here] - shift, down=False))
        for cell in range(count):
            low = ball(own[cell])
            others = sum((ball(above[other]) for other in range(count) if other != cell), far)
            if low > 0 and others.is_finite():
                masses[cell] = max(0.0, lower(low / (low + ball(upper(others)))))
    return masses


def _sum(logs: FloatArray, down: bool) -> float:
    """Sum of exp(logs), rounded down or up; the subtraction of the shift and exp are off by a few ulps each."""
    known = logs[~np.isnan(logs)]
    with np.errstate(over="ignore"):
        total = float(np.exp(known).sum())
    error = 8 * (len(logs) + 8) * EPSILON * (1.0 + float(np.abs(known[np.isfinite(known)]).max(initial=0.0)))
    # What underflows is off by the least float each.
    return max(0.0, total * (1 - error) - len(logs) * 5e-324) if down else total * (1 + error) + len(logs) * 5e-324
