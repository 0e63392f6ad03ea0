"""Quadratic forms for growing ellipsoids around a posterior's mean, the largest first. Estimate: proves nothing.

A form that is paid for on a large ellipsoid is paid for on a small one, so every search starts inside from the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_barrier import BarrierPath, inside, minimise, neuron_constraints
from certify.envelopes.posterior_moments import Moments
from certify.envelopes.product_forms import payments_upper
from certify.envelopes.quadratic_search import LowerObjective, minimised
from certify.envelopes.region_fit import Minorant, alone
from certify.envelopes.regions import Ellipsoid, Region

BEYOND = (0.15, 1.0, 1.85, 3.1, 5.0, 9.0, 15.0, 25.0, 40.0)
"""Radii of the ellipsoids that forms are searched for, less sqrt(d): as many as it takes, three at least."""

NEGLIGIBLE = -5.0
"""Log of the share of int exp(-f) that the form on all of R^d may add for what is left to it far out."""

STEPS_BETWEEN = 3
"""Regions into which what lies between two of them is cut: each has its own shares of the mixture."""

SCALES = (1.0, 1.1, 1.3, 1.7, 2.3)
"""Widenings of each form's Gaussian among which the mixture chooses."""

FIRST_WEIGHT, AGAIN, LAST_WEIGHT = 1e-2, 1.0, 1e-5
"""Weights of the barrier: near the path, far from it, end."""

STUCK = 1.0
"""A search that ends with so much more in log C than the larger ellipsoid's has stuck; less is the grid's doing."""

TOO_MANY = 120
"""Steps after which the next search starts with the larger weight at once."""


def ellipsoids_of(moments: Moments, far: Minorant, beyond: Sequence[float] = BEYOND) -> list[Ellipsoid]:
    """Ellipsoids that grow until `far`, known on all of R^d, has next to nothing left beyond the last.

    Their radii are sqrt(d) + `beyond`, with others between. Every STEPS_BETWEEN-th is one that forms are searched for.
    Their shape is the posterior's.
    """
    covariance = moments.factor @ moments.factor.T
    root = np.asarray(np.linalg.cholesky(np.linalg.inv(covariance)), dtype=np.float64)
    ends = [0.0]
    for more in beyond:
        ends.append(math.sqrt(len(root)) + more)
        left = alone(replace(far, region=Region(None, Ellipsoid(moments.mean, root, ends[-1]))))
        if len(ends) > 3 and left is not None and left[0] <= moments.log_integral + NEGLIGIBLE:
            break
    steps = np.linspace(0.0, 1.0, STEPS_BETWEEN + 1)[1:]
    radii = (np.array(ends[:-1])[:, None] * (1.0 - steps) + np.array(ends[1:])[:, None] * steps).ravel()
    return [Ellipsoid(moments.mean, root, float(radius)) for radius in radii]


def search_forms(
    network: LiftedNetwork,
    objective: LowerObjective,
    whole: BarrierPath,
    scales: FloatArray,
    ranges: Sequence[Interval],
) -> list[FloatArray]:
    """Coefficients for each of the `ranges`, which shrink from the last to the first; in their order.

    `whole` is the search over all of R^d. What holds on a large ellipsoid holds on a small one, so log C of a form's
    own Gaussian must not grow as they shrink: where it does the search has stuck, and the larger one's form stays.
    """

    def log_constant(coefficients: FloatArray, interval: Interval) -> float:
        return objective.value(coefficients, 0.0) + float(payments_upper(network, coefficients, interval).sum())

    found: list[FloatArray] = []
    first, start, best = FIRST_WEIGHT, whole.middle, whole.last.coefficients
    for interval in reversed(ranges):
        constraints = neuron_constraints(network, scales, ranges=interval)
        point = inside(constraints, start.coefficients, np.full(network.neurons, -np.inf), first)
        path = minimise(objective, constraints, point, first, LAST_WEIGHT, AGAIN)
        if path.steps > TOO_MANY:
            first = AGAIN
        start = path.middle
        if log_constant(path.last.coefficients, interval) < log_constant(best, interval) + STUCK:
            best = path.last.coefficients
        found.append(best)
    return found[::-1]


def minorant(
    network: LiftedNetwork, objective: LowerObjective, region: Region, ranges: Interval | None, coefficients: FloatArray
) -> Minorant | None:
    """What forms with these coefficients say on a region; None where they say nothing."""
    paid = float(payments_upper(network, coefficients, ranges).sum())
    least = minimised(objective.matrix(coefficients), network.latent_dim)
    if least is None or not math.isfinite(paid):
        return None
    mean, curvature, value = least
    return Minorant(region, coefficients, mean, curvature, -value, paid)


def dictionary_of(minorants: Sequence[Minorant]) -> Mixture:
    """The minorants' own Gaussians at several widths."""
    means, roots = [], []
    for item in minorants:
        try:
            root = np.linalg.cholesky(item.curvature)
        except np.linalg.LinAlgError:
            continue
        for scale in SCALES:
            means.append(item.mean)
            roots.append(root / scale)
    return Mixture(np.ones(len(means)), np.array(means), np.array(roots))
