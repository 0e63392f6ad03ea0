"""Multi-start local search for the extreme stretch and curvature of a generator. Estimates: nothing here is a bound.

The points and directions found are handed to `certify.bounds.recomputation`, which recomputes them in balls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region
from certify.clock import now
from certify.generators import derivatives
from certify.generators.graph import Activation, Graph

PATIENCE = 5
"""A search ends after this many starts in a row that did not improve the best by one part in a million."""

SCALES = (0.3, 1.0, 2.0, 4.0, 10.0, 100.0, 1e4)
"""Standard deviations of the starting points on R^d; the large ones reach the saturated ends of the activations."""


BATCH_ENTRIES = 2**23
"""Floats that a batch of points may hold in the nodes of the graph."""

SHORT_BATCH_ENTRIES = 2**18
"""The same where a deadline has to be kept."""

STENCIL_STEP = 0.005
"""Step of the differences in units of the steepest input of an activation: errors of 1e-5 and less."""

_STENCILS = {
    1: np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12,
    2: np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / 12,
    3: np.array([-1.0, 2.0, 0.0, -2.0, 1.0]) / 2,
}
"""Weights of f(-2h), ..., f(2h) for h^k f^(k)(0)."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A point z, a unit direction u (or a second point in `direction` for a pair) and the objective there."""

    point: FloatArray
    direction: FloatArray
    objective: float


def starting_points(graph: Graph, region: Region, count: int, rng: np.random.Generator) -> FloatArray:
    """Points of the region, shape (count, d): normal at several scales, or uniform in radius on a ball. Estimate."""
    normal = rng.normal(size=(count, graph.latent_dim))
    if region.radius is None:
        return normal * np.resize(np.array(SCALES), count)[:, None]
    lengths = np.linalg.norm(normal, axis=1, keepdims=True)
    offsets = normal / np.maximum(lengths, 1e-300) * region.radius * rng.random((count, 1)) ** 0.5
    points: FloatArray = _centre(graph, region) + offsets
    return points


def project(graph: Graph, region: Region, points: FloatArray) -> FloatArray:
    """Nearest points (count, d) of the region, pulled inside by one part in 1e12 where the ball's boundary is reached.

    Estimate.
    """
    if region.radius is None:
        return points
    centre = _centre(graph, region)
    offsets = points - centre
    lengths = np.linalg.norm(offsets, axis=-1, keepdims=True)
    reach = region.radius * (1 - 1e-12)
    inside: FloatArray = centre + offsets * np.minimum(1.0, reach / np.maximum(lengths, 1e-300))
    return inside


def in_batches(
    graph: Graph,
    function: Callable[[FloatArray], FloatArray],
    rows: FloatArray,
    tables: int,
    deadline: float = np.inf,
) -> FloatArray:
    """The function of all rows, in batches: each row holds `tables` floats per entry of every node.

    With a deadline the batches are smaller, and NaN stands for what was not reached. Estimate.
    """
    entries = BATCH_ENTRIES if deadline == np.inf else SHORT_BATCH_ENTRIES
    batch = max(1, entries // (tables * sum(node.width for node in graph.nodes)))
    found = [function(rows[:batch])]
    for start in range(batch, len(rows), batch):
        if deadline < np.inf and now() > deadline:
            found.append(np.full((len(rows) - start, *found[0].shape[1:]), np.nan))
            break
        found.append(function(rows[start : start + batch]))
    return np.concatenate(found)


def extreme_stretch(
    graph: Graph, region: Region, largest: bool, deadline: float, rng: np.random.Generator, starts: int = 6
) -> Candidate:
    """Point and direction of (locally) largest or smallest |J(z) u|, by gradient steps on the singular value.

    The gradient of sigma = r^T J(z) u with respect to z is (sum_i r_i Hess G_i(z)) u. Estimate.
    """
    sign = -1.0 if largest else 1.0
    pool = starting_points(graph, region, 256, rng)
    with np.errstate(all="ignore"):
        values = in_batches(graph, lambda rows: _singular_values(graph, rows), pool, graph.latent_dim, deadline)
    scores = values[:, 0] if largest else _smallest(values, graph)
    order = np.argsort(sign * scores, kind="stable")

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        point = project(graph, region, flat)
        value, left, right = _singular_pair(graph, point, largest)
        gradient = derivatives.hessian_contraction(graph, point, left) @ right
        return sign * value, sign * _through_projection(graph, region, flat, gradient)

    def refine(start: int) -> Candidate:
        point = project(graph, region, _descend(objective, pool[start], deadline))
        value, _, direction = _singular_pair(graph, point, largest)
        return Candidate(point, direction, value)

    return _best_of(refine, order[:starts].tolist(), sign, deadline)


def closest_pair(graph: Graph, region: Region, deadline: float, rng: np.random.Generator, starts: int = 6) -> Candidate:
    """Two points of (locally) smallest |G(z)-G(z')|/|z-z'|, kept at a distance where cancellation does no harm.

    Estimate.
    """
    d = graph.latent_dim
    pool = np.concatenate(
        [starting_points(graph, region, 256, rng), starting_points(graph, region, 256, rng)[::-1]], axis=1
    )
    # Antipodal points at the same scale see both saturated ends of a bounded map.
    pool[::4, d:] = project(graph, region, 2 * _centre(graph, region) - pool[::4, :d])
    order = np.argsort(in_batches(graph, lambda rows: pair_quotients(graph, rows), pool, 2, deadline), kind="stable")

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        pair = project(graph, region, flat.reshape(2, d))
        images = derivatives.value(graph, pair)
        image, gap = images[0] - images[1], pair[0] - pair[1]
        top, bottom = float(image @ image) + 1e-300, float(gap @ gap) + 1e-300
        pulls = derivatives.vector_jacobian_product(graph, pair, np.stack([image, -image]))
        gradient = 2 * pulls / top - 2 * np.stack([gap, -gap]) / bottom
        rows = [
            _through_projection(graph, region, row, part)
            for row, part in zip(flat.reshape(2, d), gradient, strict=True)
        ]
        return float(np.log(top) - np.log(bottom)), np.concatenate(rows)

    def refine(start: int) -> Candidate:
        moved = project(graph, region, _descend(objective, pool[start], deadline).reshape(2, d)).ravel()
        pair = moved if _separated(moved, d) else pool[start]
        return Candidate(pair[:d], pair[d:], _quotient(graph, pair))

    return _best_of(refine, order[:starts].tolist(), 1.0, deadline)


def extreme_curvature(
    graph: Graph, region: Region, order: int, deadline: float, rng: np.random.Generator, starts: int = 5
) -> Candidate:
    """Point and unit direction of (locally) largest |D^kG(z)[u, ..., u]|, k = `order` in {2, 3}.

    A symmetric multilinear map attains its norm at equal directions (Banach), so one direction is enough. Estimate.
    """
    d = graph.latent_dim
    points = starting_points(graph, region, 512, rng)
    directions = rng.normal(size=(512, d))
    pool = np.concatenate([points, directions], axis=1)
    scores = in_batches(graph, lambda rows: curvature_sizes(graph, region, order, rows), pool, 2**order, deadline)

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        length = float(np.linalg.norm(flat[d:])) + 1e-300
        point, direction = project(graph, region, flat[:d]), flat[d:] / length
        size, by_point, by_direction = curvature_gradient(graph, point, direction, order)
        # The direction counts only through its unit vector.
        tangential = (by_direction - direction * float(direction @ by_direction)) / length
        gradient = np.concatenate([_through_projection(graph, region, flat[:d], by_point), tangential])
        return -float(np.log(size + 1e-300)), -gradient / (size + 1e-300)

    def refine(start: int) -> Candidate:
        flat = pool[start].copy()
        flat[d:] /= np.linalg.norm(flat[d:])
        flat = _descend(objective, flat, deadline)
        value = float(curvature_sizes(graph, region, order, flat[None])[0])
        return Candidate(project(graph, region, flat[:d]), flat[d:] / np.linalg.norm(flat[d:]), value)

    return _best_of(refine, np.argsort(-scores, kind="stable")[:starts].tolist(), -1.0, deadline)


def curvature_gradient(
    graph: Graph, point: FloatArray, direction: FloatArray, order: int
) -> tuple[float, FloatArray, FloatArray]:
    """s = |D^kG(z)[u, ..., u]| for k = `order` in {2, 3} and its gradients in z and in u; all vectors (d,).

    With r the unit vector of the image, the gradient in u is k times the (k - 1)-th, and the one in z the k-th
    derivative at t = 0 of t -> J(z + t u)^T r, found by central differences from five reverse passes. Estimate.
    """
    derivative = derivatives.second_derivative if order == 2 else derivatives.third_derivative
    with np.errstate(all="ignore"):
        image = derivative(graph, point, *(direction,) * order)
        size = float(np.linalg.norm(image))
        step = STENCIL_STEP / max(1.0, _steepest_input(graph, point, direction))
        points = point + step * np.arange(-2.0, 3.0)[:, None] * direction
        pulls = derivatives.vector_jacobian_product(graph, points, (image / (size + 1e-300))[None])
        lower_order, same_order = (_STENCILS[k] @ pulls / step**k for k in (order - 1, order))
    return size, same_order, order * lower_order


def _steepest_input(graph: Graph, point: FloatArray, direction: FloatArray) -> float:
    """Largest slope of an activation's input along the direction. Estimate."""
    pair = derivatives.node_values(graph, np.stack([point + 1e-6 * direction, point - 1e-6 * direction]))
    sources = {node.source for node in graph.nodes if isinstance(node, Activation)}
    return max((float(np.abs(pair[k][0] - pair[k][1]).max(initial=0.0)) / 2e-6 for k in sources), default=1.0)


def _best_of(refine: Callable[[int], Candidate], starts: list[int], sign: float, deadline: float) -> Candidate:
    """The refined start of smallest `sign` times objective; at least one start is refined."""
    best, idle = refine(starts[0]), 0
    for start in starts[1:]:
        if now() > deadline or idle >= PATIENCE:
            break
        found = refine(start)
        gain = sign * (best.objective - found.objective)
        idle = 0 if gain > 1e-6 * abs(best.objective) else idle + 1
        best = found if gain > 0 else best
    return best


class _LateError(Exception):
    """The deadline of a descent has passed."""


def _descend(
    objective: Callable[[FloatArray], tuple[float, FloatArray]], start: FloatArray, deadline: float
) -> FloatArray:
    """L-BFGS from `start` until the deadline; the start itself where the objective is not finite."""
    # Imported here: scipy.optimize takes longer to load than a generator with known constants takes to bound.
    from scipy.optimize import minimize

    if now() > deadline:
        return start
    best = [(np.inf, start)]

    def watched(place: FloatArray) -> tuple[float, FloatArray]:
        # Asked of every evaluation: one line search alone has twenty.
        if now() > deadline:
            raise _LateError
        value, gradient = objective(place)
        if np.isfinite(value) and np.isfinite(place).all() and value < best[0][0]:
            best[0] = value, place.copy()
        return value, gradient

    with np.errstate(all="ignore"):
        value, gradient = objective(start)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return start
        options = {"maxiter": 80, "maxcor": 12}
        try:
            found = minimize(watched, start, jac=True, method="L-BFGS-B", options=options)
        except _LateError:
            return best[0][1]
    result: FloatArray = np.asarray(found.x, dtype=np.float64)
    return result if np.isfinite(result).all() and np.isfinite(found.fun) and found.fun <= value else start


def _singular_pair(graph: Graph, point: FloatArray, largest: bool) -> tuple[float, FloatArray, FloatArray]:
    """Singular value and vectors (left, right) of J(point); a wide Jacobian has the singular value 0."""
    with np.errstate(all="ignore"):
        matrix = _finite(derivatives.jacobian(graph, point))
    left, values, right = np.linalg.svd(matrix, full_matrices=matrix.shape[0] < matrix.shape[1])
    if largest:
        return float(values[0]), left[:, 0], right[0]
    if matrix.shape[0] < matrix.shape[1]:
        return 0.0, np.zeros(matrix.shape[0]), right[-1]
    return float(values[-1]), left[:, values.size - 1], right[-1]


def _singular_values(graph: Graph, points: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.svd(_finite(derivatives.jacobian(graph, points)), compute_uv=False))


def _smallest(values: FloatArray, graph: Graph) -> FloatArray:
    return values[:, -1] if graph.observed_dim >= graph.latent_dim else np.zeros(len(values))


def pair_quotients(graph: Graph, pairs: FloatArray) -> FloatArray:
    """|G(z)-G(z')|/|z-z'| for rows (z, z'), inf where the points are within a thousandth of their size. Estimate."""
    d = graph.latent_dim
    with np.errstate(all="ignore"):
        images = derivatives.value(graph, pairs.reshape(-1, d)).reshape(len(pairs), 2, -1)
        gaps = np.linalg.norm(pairs[:, :d] - pairs[:, d:], axis=1)
        values = np.linalg.norm(images[:, 0] - images[:, 1], axis=1) / gaps
    apart = gaps > 1e-3 * (1e-3 + np.linalg.norm(pairs[:, :d], axis=1))
    return np.where(apart & np.isfinite(values), values, np.inf)


def _quotient(graph: Graph, pair: FloatArray) -> float:
    points = pair.reshape(2, graph.latent_dim)
    with np.errstate(all="ignore"):
        images = derivatives.value(graph, points)
        gap = float(np.linalg.norm(points[0] - points[1]))
        value = float(np.linalg.norm(images[0] - images[1])) / gap if gap > 0 else np.inf
    return value if np.isfinite(value) else np.inf


def _separated(pair: FloatArray, d: int) -> bool:
    """Whether the two points differ by more than a thousandth of their size."""
    return bool(np.linalg.norm(pair[:d] - pair[d:]) > 1e-3 * (1e-3 + np.linalg.norm(pair[:d])))


def curvature_sizes(graph: Graph, region: Region, order: int, rows: FloatArray) -> FloatArray:
    """|D^kG(z)[u, ..., u]| at the nearest point z of the region and u normalised, for rows (z, u). Estimate."""
    d = graph.latent_dim
    points, directions = project(graph, region, rows[:, :d]), rows[:, d:]
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
    with np.errstate(all="ignore"):
        if order == 2:
            images = derivatives.second_derivative(graph, points, unit, unit)
        else:
            images = derivatives.third_derivative(graph, points, unit, unit, unit)
        norms = np.linalg.norm(images, axis=1)
    return np.where(np.isfinite(norms), norms, 0.0)


def _through_projection(graph: Graph, region: Region, flat: FloatArray, gradient: FloatArray) -> FloatArray:
    """Gradient of z -> phi(project(z)) from that of phi."""
    if region.radius is None:
        return gradient
    offset = flat - _centre(graph, region)
    length = float(np.linalg.norm(offset))
    if length <= region.radius:
        return gradient
    normal = offset / length
    return (region.radius / length) * (gradient - normal * float(normal @ gradient))


def _centre(graph: Graph, region: Region) -> FloatArray:
    if region.centre is None:
        return np.zeros(graph.latent_dim)
    return np.asarray(region.centre, dtype=np.float64)


def _finite(array: FloatArray) -> FloatArray:
    return np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
