"""The price without any Gaussian: masses of two opposite cells certified over boxes, for two and three latents.

By step P every factorised law is at least 2 sqrt(k^2) - 1 away where both cells have posterior mass >= k^2, whatever
the posterior is: any network, kinks included, several modes, no constant of G. The envelope is that of Theorem R.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.codec import Exact
from certify.envelopes.box_cells import Cut, cell_masses_lower
from certify.envelopes.box_certificate import LARGEST_DIMENSION, Envelope
from certify.envelopes.box_rows import work_of_box
from certify.envelopes.likelihood import Likelihood
from certify.generators.graph import FloatArray, Generator
from certify.profiles.records import exact
from certify.progress import Progress

LEVELS = np.linspace(0.3, 0.7, 9)
"""Of the quantiles at which a coordinate is cut."""
REACH = 0.25
"""Of the draws' range, by which the box of the sums is larger."""
SHARES = {2: 0.005, 3: 0.02}
"""Of the posterior's mass that the sums may leave open, by dimension."""
MOST_BOXES, WORK = 40_000, 2.7e11
"""Boxes of one sum at most, and multiplications in all of them: half a minute or so, whatever the network."""


@dataclass(frozen=True)
class OppositeCells:
    """Two opposite cells of a pair of latents: which cuts make them, and the box in which their masses are summed.

    pair       the two latents
    places     where they are cut
    opposite   whether the cells are those of a negative correlation: low and high, high and low
    low, high  the ends of the box, (d,)
    """

    pair: tuple[int, int]
    places: tuple[Exact, Exact]
    opposite: bool
    low: tuple[Exact, ...]
    high: tuple[Exact, ...]

    def fits(self, d: int) -> bool:
        """Whether it is two cells of a law on R^d: two latents of it, each cut inside a box that is one."""
        if len(self.low) != d or len(self.high) != d or not 0 <= self.pair[0] < self.pair[1] < d:
            return False
        inside = (self.low[i] < place < self.high[i] for i, place in zip(self.pair, self.places, strict=True))
        return all(low < high for low, high in zip(self.low, self.high, strict=True)) and all(inside)


def price_of_cells(mass: float) -> float:
    """2 sqrt(k^2) - 1 at k^2 = `mass` in [0, 1/2], at least 0. Lower bound, rounded outward."""
    with precision():
        return lower((2 * ball(mass).sqrt() - 1).max(arb(0)))


def has_cells(generator: Generator) -> bool:
    """Whether cells are summed up for so many latents."""
    return 2 <= generator.latent_dim <= LARGEST_DIMENSION


def opposite_cells(points: FloatArray) -> OppositeCells:
    """The cells that cuts placed by draws `points` (k, d) make. Estimate: any cells are as valid."""
    pair, places, opposite = best_cuts(points)
    margin = REACH * (points.max(axis=0) - points.min(axis=0)) + 1e-9
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return OppositeCells(pair, (Exact(places[0]), Exact(places[1])), opposite, exact(low), exact(high))


@dataclass(frozen=True)
class CellMass:
    """The posterior `mass` that each of two cells has at least; and what `ended` the sums early, "" if nothing did."""

    mass: float
    ended: str = ""


def boxes_at_most(generator: Generator) -> int:
    """Boxes of one sum: as many as `WORK` gives, each bounded from both sides and, but for the first, cut off one."""
    return max(1, min(MOST_BOXES, int(WORK / (4 * work_of_box(generator.graph)))))


def least_mass(
    generator: Generator,
    likelihood: Likelihood,
    envelope: Envelope,
    cells: OppositeCells,
    progress: Progress | None = None,
) -> CellMass:
    """The posterior mass that each of the two cells has at least, under a certified envelope. Lower bound."""
    cuts = tuple(Cut(axis, place) for axis, place in zip(cells.pair, cells.places, strict=True))
    box, share = (np.array(cells.low), np.array(cells.high)), SHARES[generator.latent_dim]
    most = boxes_at_most(generator)
    found = cell_masses_lower(generator.graph, likelihood, envelope, box, cuts, share, most, progress)
    masses = found.masses
    two = (masses[0, 1], masses[1, 0]) if cells.opposite else (masses[0, 0], masses[1, 1])
    ended = (
        "" if found.finished else f"the sums over cells ended at {found.boxes} boxes, {found.open:.2g} of the mass open"
    )
    return CellMass(float(min(two)), ended)


def best_cuts(points: FloatArray) -> tuple[tuple[int, int], tuple[float, float], bool]:
    """The pair of coordinates, the two places, and whether the cells are those of a negative correlation. Estimate.

    Those with the largest smaller share among draws `points` (k, d), d >= 2.
    """
    best: tuple[float, tuple[int, int], tuple[float, float], bool] | None = None
    quantiles = np.quantile(points, LEVELS, axis=0)
    sides = points[None] > quantiles[:, None]
    for i, j in itertools.combinations(range(points.shape[1]), 2):
        one, other = sides[:, :, i].astype(float), sides[:, :, j].astype(float)
        both = one @ other.T / len(points)
        first, second = one.mean(axis=1)[:, None], other.mean(axis=1)[None]
        for opposite, shares in (
            (False, np.minimum(both, 1 - first - second + both)),
            (True, np.minimum(first - both, second - both)),
        ):
            a, b = np.unravel_index(int(np.argmax(shares)), shares.shape)
            found = float(shares[a, b]), (i, j), (float(quantiles[a, i]), float(quantiles[b, j])), opposite
            best = found if best is None or found[0] > best[0] else best
    assert best is not None, "at least two coordinates"
    return best[1], best[2], best[3]
