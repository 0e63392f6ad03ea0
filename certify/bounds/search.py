"""Multi-start local search for the extreme stretch and curvature of a generator. Estimates: nothing here is a bound.

The points and directions found are handed to `certify.bounds.recomputation`, which recomputes them in balls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region
from certify.bounds.lbfgs import descend
from certify.clock import now
from certify.generators import derivatives
from certify.generators.graph import Activation, Graph

POOL = 512
"""Points at which a search evaluates its objective before it chooses where to start."""

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
    """Nearest points (count, d) of the region, pulled inside where the ball's boundary is reached.

    By one part in 1e12, and by the spacing of the floats at the centre, to which the points are rounded. Estimate.
    """
    if region.radius is None:
        return points
    centre = _centre(graph, region)
    offsets = points - centre
    lengths = np.linalg.norm(offsets, axis=-1, keepdims=True)
    reach = max(0.0, region.radius * (1 - 1e-12) - float(np.linalg.norm(np.spacing(centre))))
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
    graph: Graph,
    region: Region,
    largest: bool,
    deadline: float,
    rng: np.random.Generator,
    starts: int = 6,
    further: FloatArray | None = None,
) -> Candidate:
    """Point and direction of (locally) largest or smallest |J(z) u|, by gradient steps on the singular value.

    They begin at `starts` points of a pool and at the `further` ones, shape (count, d). The gradient of
    sigma = r^T J(z) u with respect to z is (sum_i r_i Hess G_i(z)) u. Estimate.
    """
    sign = -1.0 if largest else 1.0
    pool = starting_points(graph, region, POOL, rng)
    with np.errstate(all="ignore"):
        values = in_batches(graph, lambda rows: _singular_values(graph, rows), pool, graph.latent_dim, deadline)
    scores = values[:, 0] if largest else _smallest(values, graph)
    order = np.argsort(sign * scores, kind="stable")

    def objective(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        points = project(graph, region, rows)
        values, left, right = _singular_pairs(graph, points, largest)
        gradients = np.einsum("ijk,ik->ij", derivatives.hessian_contraction(graph, points, left), right)
        return sign * values, sign * _through_projection(graph, region, rows, gradients)

    chosen = pool[_spread(order, starts)]
    if further is not None:
        chosen = np.concatenate([chosen, further])
    points = project(graph, region, descend(objective, chosen, deadline))
    values, _, directions = _singular_pairs(graph, points, largest)
    return _best(points, directions, values, sign)


def closest_pair(graph: Graph, region: Region, deadline: float, rng: np.random.Generator, starts: int = 6) -> Candidate:
    """Two points of (locally) smallest |G(z)-G(z')|/|z-z'|, kept at a distance where cancellation does no harm.

    Estimate.
    """
    d = graph.latent_dim
    pool = np.concatenate(
        [starting_points(graph, region, POOL, rng), starting_points(graph, region, POOL, rng)[::-1]], axis=1
    )
    # Antipodal points at the same scale see both saturated ends of a bounded map.
    pool[::4, d:] = project(graph, region, 2 * _centre(graph, region) - pool[::4, :d])
    order = np.argsort(in_batches(graph, lambda rows: pair_quotients(graph, rows), pool, 2, deadline), kind="stable")

    def objective(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        pairs = project(graph, region, rows.reshape(-1, d))
        images = derivatives.value(graph, pairs)
        image, gap = images[::2] - images[1::2], pairs[::2] - pairs[1::2]
        top, bottom = ((part**2).sum(axis=1, keepdims=True) + 1e-300 for part in (image, gap))
        # Each pair's two gradients follow one another, of opposite signs but for the points where they are taken.
        pulls = derivatives.vector_jacobian_product(graph, pairs, _both_signs(image / top))
        gradients = 2.0 * (pulls - _both_signs(gap / bottom))
        moves = _through_projection(graph, region, rows.reshape(-1, d), gradients)
        return (np.log(top) - np.log(bottom))[:, 0], moves.reshape(-1, 2 * d)

    chosen = pool[_spread(order, starts)]
    moved = project(graph, region, descend(objective, chosen, deadline).reshape(-1, d)).reshape(-1, 2 * d)
    pairs = np.where(_separated(moved, d)[:, None], moved, chosen)
    return _best(pairs[:, :d], pairs[:, d:], pair_quotients(graph, pairs), 1.0)


def extreme_curvature(
    graph: Graph, region: Region, order: int, deadline: float, rng: np.random.Generator, starts: int = 5
) -> Candidate:
    """Point and unit direction of (locally) largest |D^kG(z)[u, ..., u]|, k = `order` in {2, 3}.

    A symmetric multilinear map attains its norm at equal directions (Banach), so one direction is enough. Estimate.
    """
    d = graph.latent_dim
    points = starting_points(graph, region, POOL, rng)
    directions = rng.normal(size=(POOL, d))
    pool = np.concatenate([points, directions], axis=1)
    scores = in_batches(graph, lambda rows: curvature_sizes(graph, region, order, rows), pool, 2**order, deadline)

    def objective(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        lengths = np.linalg.norm(rows[:, d:], axis=1, keepdims=True) + 1e-300
        points, directions = project(graph, region, rows[:, :d]), rows[:, d:] / lengths
        sizes, by_point, by_direction = curvature_gradients(graph, points, directions, order)
        # The direction counts only through its unit vector.
        along = (directions * by_direction).sum(axis=1, keepdims=True)
        moves = _through_projection(graph, region, rows[:, :d], by_point)
        gradients = np.concatenate([moves, (by_direction - directions * along) / lengths], axis=1)
        return -np.log(sizes + 1e-300), -gradients / (sizes + 1e-300)[:, None]

    chosen = pool[_spread(np.argsort(-scores, kind="stable"), starts)]
    chosen[:, d:] /= np.linalg.norm(chosen[:, d:], axis=1, keepdims=True)
    found = descend(objective, chosen, deadline)
    units = found[:, d:] / np.linalg.norm(found[:, d:], axis=1, keepdims=True)
    return _best(project(graph, region, found[:, :d]), units, curvature_sizes(graph, region, order, found), -1.0)


def curvature_gradients(
    graph: Graph, points: FloatArray, directions: FloatArray, order: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """s = |D^kG(z)[u, ..., u]| for k = `order` in {2, 3}, (batch,), and its gradients in z and in u, (batch, d).

    With r the unit vector of the image, the gradient in u is k times the (k - 1)-th, and the one in z the k-th
    derivative at t = 0 of t -> J(z + t u)^T r, found by central differences from five reverse passes. Estimate.
    """
    derivative = derivatives.second_derivative if order == 2 else derivatives.third_derivative
    with np.errstate(all="ignore"):
        images = derivative(graph, points, *(directions,) * order)
        sizes = np.linalg.norm(images, axis=1)
        steps = STENCIL_STEP / np.maximum(1.0, _steepest_inputs(graph, points, directions))[:, None]
        stencil = points + steps * np.arange(-2.0, 3.0)[:, None, None] * directions
        units = np.tile(images / (sizes + 1e-300)[:, None], (len(stencil), 1))
        pulls = derivatives.vector_jacobian_product(graph, stencil.reshape(-1, points.shape[1]), units)
        pulls = pulls.reshape(len(stencil), -1)
        lower_order, same_order = ((_STENCILS[k] @ pulls).reshape(points.shape) / steps**k for k in (order - 1, order))
    return sizes, same_order, order * lower_order


def _steepest_inputs(graph: Graph, points: FloatArray, directions: FloatArray) -> FloatArray:
    """Largest slope of an activation's input along each direction, (batch,); 1 without activations. Estimate."""
    ends = np.concatenate([points + 1e-6 * directions, points - 1e-6 * directions])
    values = derivatives.node_values(graph, ends)
    sources = {node.source for node in graph.nodes if isinstance(node, Activation)}
    gaps = [np.abs(values[k][: len(points)] - values[k][len(points) :]) for k in sources if values[k].shape[1]]
    if not gaps:
        return np.ones(len(points))
    return np.asarray(np.max([gap.max(axis=1) for gap in gaps], axis=0) / 2e-6)


def _spread(order: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    """`count` of the indices, from the first to the last, closer together at the first.

    The best of a pool lie together, in one basin or at one scale; higher optima have been found from the others.
    """
    return order[np.unique((np.linspace(0.0, 1.0, count) ** 2 * (len(order) - 1)).astype(np.int64))]


def _best(points: FloatArray, directions: FloatArray, objectives: FloatArray, sign: float) -> Candidate:
    """The candidate of smallest `sign` times objective; NaN counts as the worst."""
    index = int(np.argmin(np.where(np.isnan(objectives), np.inf, sign * objectives)))
    return Candidate(points[index], directions[index], float(objectives[index]))


def _singular_pairs(graph: Graph, points: FloatArray, largest: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Singular values (batch,) and vectors (left, right) of J at points (batch, d); a wide Jacobian has the value 0."""
    with np.errstate(all="ignore"):
        matrices = _finite(derivatives.jacobian(graph, points))
    is_wide = matrices.shape[1] < matrices.shape[2]
    left, values, right = np.linalg.svd(matrices, full_matrices=is_wide)
    if largest:
        return values[:, 0], left[:, :, 0], right[:, 0]
    if is_wide:
        return np.zeros(len(points)), np.zeros(matrices.shape[:2]), right[:, -1]
    return values[:, -1], left[:, :, values.shape[1] - 1], right[:, -1]


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
    return np.where(_separated(pairs, d) & np.isfinite(values), values, np.inf)


def _separated(pairs: FloatArray, d: int) -> npt.NDArray[np.bool_]:
    """Which pairs (z, z'), (batch, 2d), differ by more than a thousandth of their size."""
    gaps, sizes = np.linalg.norm(pairs[:, :d] - pairs[:, d:], axis=1), np.linalg.norm(pairs[:, :d], axis=1)
    return np.asarray(gaps > 1e-3 * (1e-3 + sizes))


def _both_signs(rows: FloatArray) -> FloatArray:
    """Each row followed by its negative."""
    return np.stack([rows, -rows], axis=1).reshape(-1, rows.shape[1])


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


def _through_projection(graph: Graph, region: Region, rows: FloatArray, gradients: FloatArray) -> FloatArray:
    """Gradients (batch, d) of z -> phi(project(z)) at the rows from those of phi."""
    if region.radius is None:
        return gradients
    offsets = rows - _centre(graph, region)
    lengths = np.linalg.norm(offsets, axis=1, keepdims=True)
    normals = offsets / np.maximum(lengths, 1e-300)
    outward = (normals * gradients).sum(axis=1, keepdims=True)
    return np.where(
        lengths <= region.radius,
        gradients,
        region.radius / np.maximum(lengths, 1e-300) * (gradients - normals * outward),
    )


def _centre(graph: Graph, region: Region) -> FloatArray:
    if region.centre is None:
        return np.zeros(graph.latent_dim)
    return np.asarray(region.centre, dtype=np.float64)


def _finite(array: FloatArray) -> FloatArray:
    return np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
