"""Quadratic forms for growing ellipsoids around a posterior's mean, the largest first. Estimate: proves nothing.

A form that is paid for on a large ellipsoid is paid for on a small one, so every search starts inside from the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_barrier import BarrierPoint, inside, minimise, neuron_constraints
from certify.envelopes.neuron_forms import suprema_upper
from certify.envelopes.quadratic_search import LowerObjective, minimised
from certify.envelopes.region_fit import Minorant
from certify.envelopes.regions import Region

BEYOND = (0.15, 1.0, 1.85, 3.1, 5.0)
"""Radii of the ellipsoids that forms are searched for, less sqrt(d)."""

STEPS_BETWEEN = 3
"""Regions into which what lies between two of them is cut: each has its own shares of the mixture."""

SCALES = (1.0, 1.1, 1.3, 1.7, 2.3)
"""Widenings of each form's Gaussian among which the mixture chooses."""

FIRST_WEIGHT, LAST_WEIGHT = 1e-2, 1e-5
"""Weights of the barrier."""


def radii_of(latent_dim: int) -> FloatArray:
    """Increasing radii of the ellipsoids of all regions; every STEPS_BETWEEN-th is one of those of the searches."""
    ends = np.concatenate([[0.0], math.sqrt(latent_dim) + np.array(BEYOND)])
    steps = np.linspace(0.0, 1.0, STEPS_BETWEEN + 1)[1:]
    return np.asarray((ends[:-1, None] * (1.0 - steps) + ends[1:, None] * steps).ravel())


def search_forms(
    network: LiftedNetwork,
    objective: LowerObjective,
    start: BarrierPoint,
    scales: FloatArray,
    ranges: Sequence[Interval],
) -> list[BarrierPoint]:
    """The best forms over each of the `ranges`, which shrink from the last to the first; in their order."""
    found: list[BarrierPoint] = []
    for interval in reversed(ranges):
        constraints = neuron_constraints(network, scales, ranges=interval)
        point = inside(constraints, start.coefficients, np.full(network.neurons, -np.inf), FIRST_WEIGHT)
        end, start, _ = minimise(objective, constraints, point, FIRST_WEIGHT, LAST_WEIGHT)
        found.append(end)
    return found[::-1]


def minorant(
    network: LiftedNetwork, objective: LowerObjective, region: Region, ranges: Interval | None, coefficients: FloatArray
) -> Minorant | None:
    """What forms with these coefficients say on a region; None where they say nothing."""
    paid = float(suprema_upper(network.sigmas, coefficients, ranges).sum())
    least = minimised(objective.matrix(coefficients), network.latent_dim)
    if least is None or not math.isfinite(paid):
        return None
    mean, curvature, value = least
    return Minorant(region, coefficients, mean, curvature, -value, paid)


def dictionary_of(minorants: Sequence[Minorant], extra: Mixture | None = None) -> Mixture:
    """The minorants' own Gaussians at several widths, and `extra` components."""
    means, roots = [], []
    for item in minorants:
        try:
            root = np.linalg.cholesky(item.curvature)
        except np.linalg.LinAlgError:
            continue
        for scale in SCALES:
            means.append(item.mean)
            roots.append(root / scale)
    if extra is not None:
        means.extend(extra.means)
        roots.extend(extra.roots)
    return Mixture(np.ones(len(means)), np.array(means), np.array(roots))
