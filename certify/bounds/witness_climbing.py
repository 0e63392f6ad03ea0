"""Climbing searches for witnesses, where gradients say nothing (kinked networks) or cost too much (large ones).

What is climbed: sigma_max(J(z)), minus sigma_min(J(z)) and minus the quotients of pairs for networks whose Jacobians
are cheap; |J(z)u| and |D^kG(z)[u, ..., u]| in (z, u) for larger ones, the first from directions that a few steps of
the power method have turned. Effort is counted: no round depends on the clock unless a deadline is given. Estimates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.bracket import Region
from certify.bounds.effort import Work
from certify.bounds.search import Candidate, curvature_sizes, in_batches, pair_quotients, project, starting_points
from certify.bounds.witness_climb import TRIES, climb
from certify.generators import derivatives
from certify.generators.graph import Affine, Graph

CLIMB_UNITS = 8_000.0
"""Units of work per climb (a million operations each)."""

MOST_ROUNDS, MOST_STARTS, POOL = 600, 32, 512

LARGE_UNITS = 50.0
"""Cost of one Jacobian from which searches that need many of them are not begun."""

POWER_STEPS = 8


def entries(graph: Graph) -> int:
    """Stored weights of the graph's affine nodes. Exact."""
    weights = [node.weight for node in graph.nodes if isinstance(node, Affine)]
    return sum(int(weight.size if isinstance(weight, np.ndarray) else weight.nnz) for weight in weights)


def jacobian_units(graph: Graph) -> float:
    """Units of work of one Jacobian: a pass of d tangents. Estimate."""
    return 2e-6 * graph.latent_dim * entries(graph)


def climbed_stretch(graph: Graph, region: Region, largest: bool, work: Work, rng: np.random.Generator) -> Candidate:
    """Point and direction of large (or small) |J(z)u|, by climbing from points of several scales. Estimate."""
    sign = 1.0 if largest else -1.0
    if jacobian_units(graph) > LARGE_UNITS:
        return _turned_stretch(graph, region, sign, work, rng)

    def objective(points: FloatArray) -> FloatArray:
        return sign * _extreme_values(graph, points, largest)

    row = _climbed(graph, region, objective, jacobian_units(graph), graph.latent_dim, work, rng, graph.latent_dim)
    _, _, right = np.linalg.svd(np.nan_to_num(derivatives.jacobian(graph, row)), full_matrices=True)
    direction = right[0 if largest else -1]
    return Candidate(row, direction, float(sign * objective(row[None])[0]))


def climbed_pair(graph: Graph, region: Region, work: Work, rng: np.random.Generator) -> Candidate:
    """Two points of small |G(z)-G(z')|/|z-z'|, by climbing. Estimate."""
    d = graph.latent_dim

    def objective(rows: FloatArray) -> FloatArray:
        return -pair_quotients(graph, rows)

    row = _climbed(graph, region, objective, 4e-6 * entries(graph), 2, work, rng, 2 * d, is_pair=True)
    return Candidate(row[:d], row[d:], float(-objective(row[None])[0]))


def climbed_curvature(graph: Graph, region: Region, order: int, work: Work, rng: np.random.Generator) -> Candidate:
    """Point and unit direction of large |D^kG(z)[u, ..., u]|, k = `order`, by climbing. Estimate."""
    d = graph.latent_dim

    def objective(rows: FloatArray) -> FloatArray:
        return curvature_sizes(graph, region, order, rows)

    row = _climbed(graph, region, objective, 2e-6 * 2**order * entries(graph), 2**order, work, rng, 2 * d)
    return _candidate(graph, row, float(objective(row[None])[0]))


def _turned_stretch(graph: Graph, region: Region, sign: float, work: Work, rng: np.random.Generator) -> Candidate:
    """`climbed_stretch` in (z, u), without a Jacobian: the power method turns the directions first."""
    d = graph.latent_dim

    def objective(rows: FloatArray) -> FloatArray:
        lengths = np.maximum(np.linalg.norm(rows[:, d:], axis=1), 1e-300)
        images = derivatives.directional_derivative(graph, rows[:, :d], rows[:, d:])
        return np.asarray(sign * np.linalg.norm(images, axis=1) / lengths)

    def turned(rows: FloatArray) -> FloatArray:
        directions = rows[:, d:]
        for _ in range(POWER_STEPS if sign > 0 else 0):
            images = derivatives.directional_derivative(graph, rows[:, :d], directions)
            directions = derivatives.vector_jacobian_product(graph, rows[:, :d], images)
            directions = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
            if work.is_late:
                break
        return np.concatenate([rows[:, :d], directions], axis=1)

    row = _climbed(graph, region, objective, 4e-6 * entries(graph), 2, work, rng, 2 * d, turned)
    row = turned(row[None])[0]
    return _candidate(graph, row, float(sign * objective(row[None])[0]))


def _climbed(
    graph: Graph,
    region: Region,
    objective: Callable[[FloatArray], FloatArray],
    units: float,
    copies: int,
    work: Work,
    rng: np.random.Generator,
    width: int,
    turned: Callable[[FloatArray], FloatArray] = lambda rows: rows,
    is_pair: bool = False,
) -> FloatArray:
    """Best row of `width` entries, z or (z, u) or (z, z'); one evaluation costs `units` and `copies` tables."""
    # A network without a weight costs nothing at all.
    d, units = graph.latent_dim, max(units, 1e-6)

    def batched(rows: FloatArray) -> FloatArray:
        return in_batches(graph, objective, rows, copies, work.deadline)

    def inside(rows: FloatArray) -> FloatArray:
        first, second = project(graph, region, rows[:, :d]), rows[:, d:]
        return np.concatenate([first, project(graph, region, second) if is_pair else second], axis=1)

    starts = int(np.clip(CLIMB_UNITS / (4 * TRIES * units), 2, MOST_STARTS))
    pool = _pool(graph, region, int(np.clip(CLIMB_UNITS / (8 * units), starts, POOL)), width, is_pair, rng)
    with np.errstate(all="ignore"):
        scores = np.nan_to_num(batched(pool), nan=-np.inf)
        chosen = turned(pool[np.argsort(-scores, kind="stable")[:starts]])
    sizes = np.linalg.norm(chosen[:, :d], axis=1) if region.radius is None else np.full(starts, region.radius)
    rounds = int(np.clip(CLIMB_UNITS / (starts * TRIES * units), 1, MOST_ROUNDS))
    return climb(batched, inside, chosen, 0.5 * np.maximum(sizes, 1e-3), rounds, work, rng)[0]


def _pool(graph: Graph, region: Region, count: int, width: int, is_pair: bool, rng: np.random.Generator) -> FloatArray:
    points = starting_points(graph, region, count, rng)
    if width == graph.latent_dim:
        return points
    second = starting_points(graph, region, count, rng)[::-1] if is_pair else rng.standard_normal(points.shape)
    return np.concatenate([points, second], axis=1)


def _extreme_values(graph: Graph, points: FloatArray, largest: bool) -> FloatArray:
    """sigma_max or sigma_min of J at every point, from the eigenvalues of J^T J."""
    if not largest and graph.observed_dim < graph.latent_dim:
        return np.zeros(len(points))
    jacobians = np.nan_to_num(derivatives.jacobian(graph, points), posinf=0.0, neginf=0.0)
    values = np.linalg.eigvalsh(np.swapaxes(jacobians, 1, 2) @ jacobians)
    return np.asarray(np.sqrt(np.maximum(values[:, -1 if largest else 0], 0.0)))


def _candidate(graph: Graph, row: FloatArray, value: float) -> Candidate:
    d = graph.latent_dim
    length = float(np.linalg.norm(row[d:]))
    return Candidate(row[:d], row[d:] / length if length > 0 else np.eye(d)[0], value)
