"""log int exp(-f) from below by the mean of f under a mixture of narrow Gaussians, where one Gaussian loses much.

By Jensen log int exp(-f) >= -sum_k w_k E_{r_k} f + h(r) for r = sum_k w_k r_k, r_k = N(m_k, BB'): the means by
`mean_expansion` with tangents, the entropy by `mixture_entropy`. What an expansion pays grows with the fifth or sixth
power of the width, what a narrow Gaussian loses is given back by the others. Places, widths, shares, weights and
tilts come from a float search and are not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.envelopes.gaussian_evidence import (
    NARROWER,
    RELAXATIONS,
    MeanBound,
    best_evidence_lower,
    dominates,
    expanded_mean,
    mean_upper,
    search_weights,
)
from certify.envelopes.gaussian_layers import IntArray, neurons_by_layer, two_layers
from certify.envelopes.gaussian_moments import GRADED
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mean_expansion import MeanExpansion
from certify.envelopes.mixture_entropy import TiltedMixture, entropy_lower, fitted_tilts
from certify.envelopes.posterior_moments import Moments

WORTH, MIXED = 0.25, 0.5
"""Nats that a bound must lose, by the estimate, for tangents to be tried, and for a mixture."""

MOST_GAUSSIANS, MOST_PLACES, PRICE = 96, 4, 0.002
"""In all, and along one axis; nats that another one must gain."""

WIDTHS = np.arange(0.2, 1.01, 0.05)
"""Deviations along an axis among which a design chooses, in those of the posterior."""

GROWTH, ASIDE = 1.4, 1.6
"""What expansions pay goes like this power of the squared curvatures, and is so much more beside the mean: measured."""

ROUNDS, DAMPING, LEAST_SHARE = 30, 0.7, 1e-9


@dataclass(frozen=True, eq=False)
class MixtureEvidence:
    """log int exp(-f) >= `lower` by a mixture; `weights` mu (k,) of the second layer's neurons, the same for all."""

    lower: float
    mixture: TiltedMixture
    weights: FloatArray


def best_integral(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MeanBound | MixtureEvidence | None:
    """The largest lower bound of log int exp(-f): one Gaussian's, or a mixture's where that loses more than `WORTH`.

    Guarantee: certified, whatever `moments` say.
    """
    single = best_evidence_lower(network, form, moments)
    if single is not None and moments.log_integral - single.lower <= WORTH:
        return single
    mixed = best_mixture(network, form, moments)
    return single if mixed is None or (single is not None and mixed.lower <= single.lower) else mixed


def mixture_evidence_again(
    network: LiftedNetwork, form: MatrixBall, mixture: TiltedMixture, weights: FloatArray
) -> float:
    """Lower bound of log int exp(-f), rounded down, without a search; -inf if nothing is proved."""
    if not mixture.proper:
        return -math.inf
    expansions = _expansions(network, form, mixture.means, mixture.factor)
    if expansions is None or weights.shape != expansions[0].squares.shape:
        return -math.inf
    return _lower(expansions, mixture, weights)


def best_mixture(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MixtureEvidence | None:
    """The best of one Gaussian with tangents and, where that loses much too, a mixture around the same mean.

    Guarantee: certified, whatever `moments` say. None without a second layer, or where nothing is verified.
    """
    layers = neurons_by_layer(network) if network.partners is None else None
    if layers is None or not len(layers[1]):
        return None
    best, width = None, 1.0
    for tried in NARROWER:
        found = _bound(network, form, moments.mean[None], tried * moments.factor, np.ones(1))
        if found is None or (best is not None and found.lower <= best.lower):
            break
        best, width = found, tried
    if best is None or moments.log_integral - best.lower <= MIXED:
        return best
    axes, shares = _curvatures(network, moments, width, best.weights)
    lost = moments.log_integral - best.lower - len(moments.mean) * float(_alone(np.array(width)))
    if not shares.any() or lost <= 0.0:
        return best
    counts, widths = _design(shares, ASIDE * lost, width)
    turned = moments.factor @ axes
    steps = [_grid(count, a) for count, a in zip(counts, widths, strict=True)]
    places = np.stack([part.ravel() for part in np.meshgrid(*(step[0] for step in steps), indexing="ij")], axis=1)
    weights = np.ones(1)
    for _, own in steps:
        weights = np.outer(weights, own).ravel()
    # The grid's axes are those of the tilts.
    found = _bound(network, form, moments.mean + places @ turned.T, turned * widths, weights)
    return best if found is None or found.lower <= best.lower else found


def _expansions(
    network: LiftedNetwork, form: MatrixBall, means: FloatArray, factor: FloatArray
) -> list[MeanExpansion] | None:
    found = []
    for mean in means:
        expansion = expanded_mean(network, form, mean, factor, tangents=True)
        if expansion is None:
            return None
        found.append(expansion)
    return found


def _lower(expansions: Sequence[MeanExpansion], mixture: TiltedMixture, weights: FloatArray) -> float:
    """Entropy less the mean of f, rounded down, or -inf."""
    # The second layer's block of the form is the same for all of them.
    if not dominates(weights, expansions[0].form):
        return -math.inf
    entropy = entropy_lower(mixture)
    if not math.isfinite(entropy):
        return -math.inf
    with precision():
        total, shares = arb(0), [ball(share) for share in mixture.shares.tolist()]
        for share, expansion in zip(shares, expansions, strict=True):
            total += share * mean_upper(expansion, weights)
        found = lower(ball(entropy) - total / sum(shares, arb(0)))
    return found if math.isfinite(found) else -math.inf


def _bound(
    network: LiftedNetwork, form: MatrixBall, means: FloatArray, factor: FloatArray, shares: FloatArray
) -> MixtureEvidence | None:
    """The bound by Gaussians at `means` (k, d), from `shares` (k,) that are fitted."""
    expansions = _expansions(network, form, means, factor)
    if expansions is None:
        return None
    squares = np.array([expansion.squares for expansion in expansions])
    weights = search_weights(expansions[0].form.midpoint, shares @ squares)
    mixture = _fitted(means, factor, shares, -np.array([item.known for item in expansions]) - 0.5 * squares @ weights)
    for relaxation in RELAXATIONS:
        given = weights + relaxation * (1.0 + weights.max(initial=0.0))
        found = _lower(expansions, mixture, given)
        if math.isfinite(found):
            return MixtureEvidence(found, mixture, given)
    return None


def _fitted(means: FloatArray, factor: FloatArray, shares: FloatArray, heights: FloatArray) -> TiltedMixture:
    """Shares and tilts that raise sum_k w_k `heights`_k + entropy, from `shares`. Estimate."""
    points = np.linalg.solve(factor, means.T).T
    gaps = points[None] - points[:, None]
    linear, curved = np.zeros(points.shape), np.ones(points.shape)
    values, linear, curved = fitted_tilts(shares, gaps, linear, curved)
    best = float(shares @ (heights - values)), shares, linear, curved
    for _ in range(ROUNDS if len(shares) > 1 else 0):
        given = heights - values
        moved = np.maximum(shares * np.exp(DAMPING * (given - given.max())), LEAST_SHARE)
        shares = moved / moved.sum()
        values, linear, curved = fitted_tilts(shares, gaps, linear, curved)
        reached = float(shares @ (heights - values))
        if reached > best[0]:
            best = reached, shares, linear, curved
    return TiltedMixture(best[1], means, factor, best[2], 1.0 / (2.0 - best[3]))


def _curvatures(
    network: LiftedNetwork, moments: Moments, width: float, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Axes (d, d), columns, and shares (d, d): sum_k mu_k (Q_k)_ij^2, Q_k the second order of the inputs v_k. Estimate.

    The axes are those of sum_k mu_k Q_k^2, the largest first.
    """
    layers = two_layers(network, moments.mean, width * moments.factor, GRADED)
    assert layers is not None, "the caller has looked"
    bends, units = layers.base.plain.midpoint[:, 2], layers.base.units.midpoint
    forms = np.einsum("kj,ja,jb->kab", layers.weights.midpoint * bends, units, units) / width**2
    _, axes = np.linalg.eigh(np.einsum("k,kab,kbc->ac", weights, forms, forms))
    axes = axes[:, ::-1]
    return axes, np.einsum("k,kab->ab", weights, np.einsum("ai,kab,bj->kij", axes, forms, axes) ** 2)


def _design(shares: FloatArray, lost: float, width: float) -> tuple[IntArray, FloatArray]:
    """Places along each axis, at most `MOST_GAUSSIANS` in all, and widths, so that least is lost by the model:

    what the axes lose by themselves, and `lost` (sum_ij shares_ij a_i^2 a_j^2)^GROWTH over that at `width`. Estimate.
    """
    d = len(shares)
    scale = shares.sum() * width**4
    best = math.inf, np.ones(d, dtype=np.intp), np.full(d, width)
    tables = np.array([[_grid_loss(count, float(a)) for a in WIDTHS] for count in range(1, MOST_PLACES + 1)])
    for counts in _counts(d, MOST_GAUSSIANS, MOST_PLACES):
        chosen = np.full(d, int(np.abs(WIDTHS - width).argmin()))
        value = math.inf
        for _ in range(8):
            before = value
            for axis in range(d):
                squares = WIDTHS[chosen] ** 2
                rest = squares.copy()
                rest[axis] = 0.0
                a = WIDTHS**2
                paid = rest @ shares @ rest + 2.0 * a * (shares[axis] @ rest) + a**2 * shares[axis, axis]
                own = sum(tables[counts[other] - 1, chosen[other]] for other in range(d) if other != axis)
                values = own + tables[counts[axis] - 1] + lost * (paid / scale) ** GROWTH
                chosen[axis] = int(values.argmin())
                value = float(values.min())
            if value == before:
                break
        value += PRICE * math.prod(counts)
        if value < best[0]:
            best = value, np.array(counts, dtype=np.intp), WIDTHS[chosen]
    return best[1], best[2]


def _counts(axes: int, most: int, largest: int) -> list[tuple[int, ...]]:
    """Numbers that do not grow, each at most `largest`, with a product of at most `most`."""
    if not axes:
        return [()]
    return [
        (count, *rest) for count in range(1, min(largest, most) + 1) for rest in _counts(axes - 1, most // count, count)
    ]


def _alone(width: FloatArray) -> FloatArray:
    """Nats that N(0, a^2) loses of N(0, 1)."""
    return np.asarray(np.log(1.0 / width) - 0.5 * (1.0 - width**2))


def _grid(count: int, width: float) -> tuple[FloatArray, FloatArray]:
    """Places and shares of so many Gaussians of this width near N(0, 1)."""
    _, spacing, shares = _spaced(count, round(width, 6))
    places = (np.arange(count, dtype=np.float64) - 0.5 * (count - 1)) * spacing
    return np.asarray(places, dtype=np.float64), np.array(shares)


def _grid_loss(count: int, width: float) -> float:
    return _spaced(count, round(width, 6))[0]


@cache
def _spaced(count: int, width: float) -> tuple[float, float, tuple[float, ...]]:
    """What `count` Gaussians lose of N(0, 1) at the best spacing, that spacing, their shares. Estimate."""
    if count == 1:
        return float(_alone(np.array(width))), 0.0, (1.0,)
    x = np.linspace(-5.0, 5.0, 201)
    target = np.exp(-0.5 * x**2)
    target /= target.sum()
    best: tuple[float, float, tuple[float, ...]] = (math.inf, 0.0, ())
    for spacing in np.arange(0.5, 1.6, 0.1):
        middles = (np.arange(count) - 0.5 * (count - 1)) * spacing
        parts = np.exp(-0.5 * ((x[:, None] - middles) / width) ** 2)
        parts /= parts.sum(axis=0)
        shares = np.exp(-0.5 * middles**2)
        shares /= shares.sum()
        for _ in range(60):
            logs = np.log((parts @ shares + 1e-300) / target)
            slopes = logs @ parts
            lost = float(slopes @ shares)
            shares = shares * np.exp(-0.8 * (slopes - lost))
            shares /= shares.sum()
        if lost < best[0]:
            best = lost, float(spacing), tuple(shares.tolist())
    return best
