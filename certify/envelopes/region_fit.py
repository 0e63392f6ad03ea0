"""The mixture of Gaussians that covers exp(-q), q known region by region, at the least constant. Estimate.

On region l the potential is above q_l, a quadratic. Over a dictionary of Gaussians N_j a linear programme minimises
sum w_j subject to sum_j w_j N_j >= exp(-q_l) at points of every region; then each region's largest -q_l - log rho is
found by its multipliers and shares, and its place is given to the programme as one more row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.cuts import least_cover, solved_by_cuts
from certify.envelopes.mixture import Mixture
from certify.envelopes.region_bound import whole_shares
from certify.envelopes.regions import Region

ROUNDS, ENOUGH = 6, 0.01
"""Linear programmes at most, and the excess of log C over the programme's that ends them."""

SHARE_ROUNDS = 12
DIRECTIONS = 60
SMALLEST_SHARE = 1e-6
CUTS, CUT_ROUNDS = 60, 20
"""Rows that the programme is given at a time, and how often."""

LARGEST_RATIO = 1e6
"""Entries of the programme above this only say that the row holds."""

WIDER = (1.05, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0)
"""Widths at which the last minorant's Gaussian is tried beyond the last ellipsoid."""

GOLDEN = 0.618
FARTHEST = 3.0
"""Beyond the last ellipsoid rows are placed up to this multiple of its radius."""


@dataclass(frozen=True, eq=False)
class Minorant:
    """Q(z) = (z - mean)'curvature (z - mean)/2 - level - paid over a region.

    Behind it are forms with `coefficients` (k, 5), for which the neurons are `paid`.
    """

    region: Region
    coefficients: FloatArray
    mean: FloatArray
    curvature: FloatArray
    level: float
    paid: float

    def value(self, points: FloatArray) -> FloatArray:
        """Q at points (b, d)."""
        gaps = points - self.mean
        return np.asarray(0.5 * np.einsum("bi,ij,bj->b", gaps, self.curvature, gaps) - self.level - self.paid)


@dataclass(frozen=True, eq=False)
class Multipliers:
    """-q - log rho is at most `excess` over a region, nearly attained at `place`: by what `region_bound` takes."""

    excess: float
    place: FloatArray
    shares: FloatArray
    inside: float
    outside: float
    offset: float


def fit_mixture(
    minorants: Sequence[Minorant], dictionary: Mixture, random: np.random.Generator
) -> tuple[Mixture, list[Multipliers]] | None:
    """A mixture over the dictionary with what proves it on each region; None where the programme fails.

    Beyond the last ellipsoid, on the last region, a component of its own is alone: the last minorant's Gaussian,
    wider, with the weight that it needs there.
    """
    widest = alone(minorants[-1])
    if widest is None:
        return None
    floor, wide = widest
    means, roots = (np.concatenate(parts) for parts in ((wide.means, dictionary.means), (wide.roots, dictionary.roots)))
    dictionary = Mixture(np.ones(len(means)), means, roots)
    rows = [region_points(item, random) for item in minorants[:-1]]
    levels = [item.value(points) for item, points in zip(minorants, rows, strict=False)]
    best: tuple[float, Mixture, list[Multipliers]] | None = None
    for _ in range(ROUNDS):
        programme = _programme(dictionary, np.concatenate(rows), np.concatenate(levels), floor)
        if programme is None:
            break
        weights, least = programme
        kept = weights > SMALLEST_SHARE * weights.sum()
        kept[0] = True
        chosen = Mixture(weights[kept], dictionary.means[kept], dictionary.roots[kept])
        found = [best_multipliers(item, chosen) for item in minorants[:-1]]
        found.append(at_shares(minorants[-1], chosen, np.eye(chosen.size)[0]))
        worst = max(item.excess for item in found)
        if math.isfinite(worst) and (best is None or worst < best[0]):
            best = worst, chosen, found
        if worst <= least + ENOUGH:
            break
        places = np.stack([item.place for item in found[:-1]])
        rows.append(places)
        levels.append(np.array([item.value(at[None])[0] for item, at in zip(minorants, places, strict=False)]))
    return None if best is None else best[1:]


def alone(minorant: Minorant) -> tuple[float, Mixture] | None:
    """The logarithm of the least C w with C w N >= exp(-q) on the region, and N: the minorant's Gaussian, wider."""
    try:
        root = np.asarray(np.linalg.cholesky(minorant.curvature), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    found = []
    for scale in WIDER:
        wide = Mixture(np.ones(1), minorant.mean[None], root[None] / scale)
        found.append((at_shares(minorant, wide, np.ones(1)).excess, wide))
    return min(found, key=lambda item: item[0])


def region_points(minorant: Minorant, random: np.random.Generator) -> FloatArray:
    """Points of a region in random directions and along the axes of its quadratic."""
    inside, outside = minorant.region.inside, minorant.region.outside
    axes = np.linalg.eigh(minorant.curvature)[1].T
    metric = outside or inside
    if metric is None:
        spread = np.linalg.inv(np.linalg.cholesky(minorant.curvature))
        steps = np.concatenate([random.standard_normal((DIRECTIONS, len(axes))), 3 * axes, -3 * axes])
        return np.asarray(minorant.mean + steps @ spread)
    directions = np.concatenate([random.standard_normal((DIRECTIONS, len(axes))), axes @ metric.root])
    directions = np.concatenate([directions, -axes @ metric.root])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    low = 0.0 if outside is None else outside.radius
    concentric = inside is not None and inside.root is metric.root
    high = inside.radius if inside is not None and concentric else FARTHEST * low
    lengths = low + (high - low) * np.array([0.0, 0.5, 1.0])
    points = (lengths[:, None, None] * directions).reshape(-1, len(axes))
    points = metric.centre + np.linalg.solve(metric.root.T, points.T).T
    if inside is not None and not concentric:
        points = points[np.linalg.norm((points - inside.centre) @ inside.root, axis=1) <= inside.radius]
    return np.asarray(points)


def best_multipliers(minorant: Minorant, proposal: Mixture) -> Multipliers:
    """Shares and multipliers by a fixed point: the shares are the responsibilities where -q - log rho is largest."""
    place = minorant.mean
    shares = np.zeros(proposal.size)
    best: Multipliers | None = None
    for step in range(SHARE_ROUNDS):
        parts = proposal.log_parts(place[None])[0]
        there = np.exp(parts - parts.max())
        mixing = 1.0 if step == 0 else 0.5
        shares = (1.0 - mixing) * shares + mixing * there / there.sum()
        found = at_shares(minorant, proposal, whole_shares(shares))
        place = found.place
        if best is None or found.excess < best.excess:
            best = found
        if proposal.size == 1:
            break
    assert best is not None, "there is a first round"
    return best


def at_shares(minorant: Minorant, proposal: Mixture, shares: FloatArray) -> Multipliers:
    """The multipliers that are best for these shares."""
    used = np.flatnonzero(shares)
    precisions = np.matmul(proposal.roots[used], np.swapaxes(proposal.roots[used], 1, 2))
    weights = shares[used]
    origin = minorant.mean
    gaps = origin - proposal.means[used]
    # q + sum_j p_j (g_j - log p_j) - sum_j p_j |L_j'(z - mu_j)|^2/2 as a quadratic in z - origin, without constants.
    curvature = minorant.curvature - np.einsum("j,jab->ab", weights, precisions)
    slope = -np.einsum("j,jab,jb->a", weights, precisions, gaps)
    level = -minorant.level - 0.5 * float(np.einsum("j,ja,jab,jb->", weights, gaps, precisions, gaps))
    least, place, inside, outside = least_on_region(curvature, slope, origin, minorant.region)
    logs = float((weights * (proposal.log_peaks()[used] - np.log(weights))).sum())
    offset = -least - level
    return Multipliers(offset + minorant.paid - logs, place, shares, inside, outside, offset)


def least_on_region(
    curvature: FloatArray, slope: FloatArray, origin: FloatArray, region: Region
) -> tuple[float, FloatArray, float, float]:
    """Least value of u'Hu/2 + b.u, u = z - origin, over a region: a lower bound, the place, both multipliers.

    For two ellipsoids of one centre and root this is the dual of the trust region problem, which has no gap:
    phi(w) = min_u [.. + w (|L'(z - c)|^2 - R^2)/2], w >= 0 with the outer radius or w <= 0 with the inner one.
    """
    inner, outer = region.outside, region.inside
    if outer is not None and inner is not None and outer.root is not inner.root:
        return _least_between(curvature, slope, origin, region)
    metric = outer or inner
    if metric is None:
        return _free(curvature, slope, origin)
    inverse = np.linalg.inv(metric.root).T
    # y = L'(z - c): the quadratic in y, in the axes of its Hessian.
    values, axes = np.linalg.eigh(inverse.T @ curvature @ inverse)
    start = metric.centre - origin
    pull = axes.T @ (inverse.T @ (slope + curvature @ start))
    base = float(slope @ start + 0.5 * start @ curvature @ start)
    high = math.inf if region.inside is None else region.inside.radius
    low = 0.0 if region.outside is None else region.outside.radius
    size = max(1.0, float(np.abs(values).max()))
    floor = -values[0] + 1e-10 * size

    def point(w: float) -> FloatArray:
        return np.asarray(-pull / (values + w))

    def length(w: float) -> float:
        return float(np.linalg.norm(point(w)))

    if floor >= 0 or length(0.0) > high:
        if math.isinf(high):
            return -math.inf, metric.centre, 0.0, 0.0
        w = _root(length, max(floor, 0.0), high, size)
    elif length(0.0) < low:
        w = -_root(lambda v: -length(-v), 0.0, -low, size, -floor)
    else:
        w = 0.0
    y = point(w)
    radius = high if w > 0 else low
    value = base - 0.5 * float((pull * pull / (values + w)).sum()) - (0.5 * w * radius**2 if w else 0.0)
    short = radius**2 - float(y @ y)
    if w and short > 0:
        # The hard case: any length along the lowest axis costs nothing.
        y = y + np.sign(y[0] or 1.0) * math.sqrt(short) * np.eye(len(y))[0]
    place = metric.centre + inverse @ (axes @ y)
    return value, place, max(w, 0.0), max(-w, 0.0)


def _free(curvature: FloatArray, slope: FloatArray, origin: FloatArray) -> tuple[float, FloatArray, float, float]:
    values, axes = np.linalg.eigh(curvature)
    if values[0] <= 1e-10 * max(1.0, float(values[-1])):
        return -math.inf, origin, 0.0, 0.0
    pull = axes.T @ slope
    return -0.5 * float((pull * pull / values).sum()), origin - axes @ (pull / values), 0.0, 0.0


def _least_between(
    curvature: FloatArray, slope: FloatArray, origin: FloatArray, region: Region
) -> tuple[float, FloatArray, float, float]:
    """Two metrics: the outer multiplier by golden section of a concave function, the inner one for each."""
    outer, open_end = region.inside, Region(None, region.outside)
    assert outer is not None, "the caller has looked"
    metric = outer.root @ outer.root.T
    start = origin - outer.centre
    base = float(start @ metric @ start) - outer.radius**2

    def at(u: float) -> tuple[float, FloatArray, float, float]:
        value, place, _, inside = least_on_region(curvature + u * metric, slope + u * metric @ start, origin, open_end)
        return value + 0.5 * u * base, place, u, inside

    low, high = 0.0, 4.0 * float(np.abs(np.linalg.eigvalsh(curvature)).max()) / float(np.linalg.eigvalsh(metric)[0])
    for _ in range(40):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, second) if at(first)[0] > at(second)[0] else (first, high)
    return max(at(low), at(high), at(0.0), key=lambda found: found[0])


def _programme(
    dictionary: Mixture, points: FloatArray, levels: FloatArray, floor: float
) -> tuple[FloatArray, float] | None:
    """Weights of C rho >= exp(-levels) at the points (b, d), the first above exp(floor), and the least log C."""
    parts = dictionary.log_parts(points) - np.log(dictionary.weights) + math.log(dictionary.weights.sum())
    # The floor alone may be the largest of all.
    base = min(float(levels.min()), -floor)
    matrix = np.exp(np.clip(parts + (levels - base)[:, None], -700.0, math.log(LARGEST_RATIO)))
    bounds = [(math.exp(max(floor + base, -700.0)), None), *[(0.0, None)] * (dictionary.size - 1)]
    # Few rows bind: the programme starts with few and is given those that its solution violates most.
    chosen = np.argsort(matrix.max(axis=1))[:CUTS]
    weights = solved_by_cuts(matrix, chosen, lambda some: least_cover(some, bounds), CUTS, CUT_ROUNDS)
    return None if weights is None else (np.maximum(weights, 0.0), float(math.log(weights.sum()) - base))


def _root(length: Callable[[float], float], low: float, target: float, size: float, high: float = math.inf) -> float:
    """W in (low, high) where the decreasing `length` falls to `target`; an end where it does not."""
    if length(low) <= target:
        return low
    top = low + size if math.isinf(high) else high
    for _ in range(200):
        if math.isfinite(high) or length(top) <= target:
            break
        top = low + 2.0 * (top - low)
    for _ in range(60):
        middle = 0.5 * (low + top)
        low, top = (middle, top) if length(middle) > target else (low, middle)
    return top
