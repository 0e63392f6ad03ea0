"""Where a search for extreme singular values begins: slopes first, then a point that comes near them. Estimates.

A Jacobian depends on the point through the slopes of the neurons alone, and on every slope affinely. With slopes free
in their ranges an extreme of |J u| is found in a dozen rounds that improve direction, image and slopes in turn: it is
what the semidefinite bounds are about. The point that follows comes near these slopes in weighted least squares. A
search from there reaches optima in narrow basins, which points drawn at random miss.
"""

from __future__ import annotations

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.ranges import NodeRanges
from certify.bounds.structure import IncrementForm, has_increment_form, increment_form
from certify.clock import now
from certify.generators import activations
from certify.generators.derivatives import node_values
from certify.generators.graph import Activation, Graph

ROUNDS = 12

CHANGED = 0.8
"""Part of the slopes that a round may change: all at once they would go to and fro."""

PLACES = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
"""Distances from 0 at which an extreme slope of an activation is looked for, the nearest first."""

CLOSE = 0.05
"""Part of the variation of an activation's slope within which a slope counts as extreme."""

RIDGE = 1e-9
"""Share of the trace that is added to the diagonal of a Gram matrix before it is solved with."""


def slope_starts(
    graph: Graph, ranges: NodeRanges, largest: bool, count: int, deadline: float, rng: np.random.Generator
) -> FloatArray:
    """Points (count, d) near which the largest or smallest singular value of J may be extreme.

    None, shape (0, d), where slopes are not bounded, the increment form is too large, or the deadline passes. Estimate.
    """
    none = np.zeros((0, graph.latent_dim))
    if count == 0 or not has_increment_form(graph):
        return none
    form = increment_form(graph, ranges, centred=False)
    ends = (np.concatenate([*form.slope_lower, np.zeros(0)]), np.concatenate([*form.slope_upper, np.zeros(0)]))
    if not (np.isfinite(ends).all() and form.inputs):
        return none
    slopes = np.where(rng.random((count, ends[0].size)) < 0.5, *ends)
    directions = rng.standard_normal((count, form.latent_dim, 1))
    try:
        for _ in range(ROUNDS):
            if now() > deadline:
                return none
            directions, gains = _improved(form, slopes, directions, largest)
            better = np.where(gains > 0.0, ends[1], ends[0])
            slopes = np.where(rng.random(slopes.shape) < CHANGED, better, slopes)
        # Later layers see the point through the earlier ones: with some starts only the first layers count.
        layers = len(form.inputs)
        last = np.maximum(0, rng.integers(1 - layers, layers, (count, 1)))
        counted = np.repeat(np.arange(layers), [rows.shape[0] for rows in form.inputs]) <= last
        weights = np.where(counted, np.abs(gains) * (ends[1] - ends[0]), 0.0)
        points = _points(graph, form, slopes, better == ends[1], weights)
    except np.linalg.LinAlgError:
        return none
    return points[np.isfinite(points).all(axis=1)]


def _improved(
    form: IncrementForm, slopes: FloatArray, directions: FloatArray, largest: bool
) -> tuple[FloatArray, FloatArray]:
    """Directions u (count, d, 1) of larger or smaller |J u|, and what a larger slope does for that, (count, k)."""
    coordinates, inputs = states(form, slopes)
    jacobian = form.output.midpoint @ coordinates
    gram = np.swapaxes(jacobian, 1, 2) @ jacobian
    moved = gram @ directions if largest else np.linalg.solve(_ridged(gram), directions)
    units = np.asarray(moved / (np.linalg.norm(moved, axis=1, keepdims=True) + 1e-300))
    gains = (inputs @ units)[:, :, 0] * pulls(form, slopes, (jacobian @ units)[:, :, 0])
    return units, gains if largest else -gains


def states(form: IncrementForm, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivatives by the latents of the coordinates, (count, size, d), and of the gains' inputs, (count, k, d).

    Of an uncentred form with `slopes` (count, k). Estimate.
    """
    d = form.latent_dim
    states = np.zeros((len(slopes), form.size, d))
    inputs = np.zeros((len(slopes), form.size - d, d))
    states[:, :d] = np.eye(d)
    for block, rows in enumerate(form.inputs):
        own = form.columns(block)
        gain = slice(own.start - d, own.stop - d)
        inputs[:, gain] = rows.midpoint[:, : own.start] @ states[:, : own.start]
        states[:, own] = slopes[:, gain, None] * inputs[:, gain]
    return states, inputs


def pulls(form: IncrementForm, slopes: FloatArray, images: FloatArray) -> FloatArray:
    """Derivatives of r . G by the outputs of the gains, (count, k), for r of shape (count, n). Estimate."""
    d = form.latent_dim
    pulls = images @ form.output.midpoint
    for block in reversed(range(len(form.inputs))):
        own = form.columns(block)
        passed = slopes[:, own.start - d : own.stop - d] * pulls[:, own]
        pulls[:, : own.start] += passed @ form.inputs[block].midpoint[:, : own.start]
    return pulls[:, d:]


def _points(
    graph: Graph, form: IncrementForm, slopes: FloatArray, is_upper: FloatArray, weights: FloatArray
) -> FloatArray:
    """Points (count, d) where the gains' inputs, taken as affine with these slopes, come near those wanted."""
    d = form.latent_dim
    _, rows = states(form, slopes)
    at_zero = node_values(graph, np.zeros((1, d)))
    wanted = np.full(weights.shape, np.nan)
    for block, index in enumerate(form.nodes):
        node = graph.nodes[index]
        if isinstance(node, Activation):
            own = slice(form.columns(block).start - d, form.columns(block).stop - d)
            wanted[:, own] = np.where(is_upper[:, own], *extreme_places(node)[::-1]) - at_zero[node.source]
    weights = np.where(np.isnan(wanted), 0.0, weights)[:, :, None]
    rows = weights * rows
    right = np.swapaxes(rows, 1, 2) @ (weights * np.nan_to_num(wanted)[:, :, None])
    return np.asarray(np.linalg.solve(_ridged(np.swapaxes(rows, 1, 2) @ rows), right)[:, :, 0])


def extreme_places(node: Activation) -> tuple[float, float]:
    """Where the slope of an activation comes close to its least and to its largest value; NaN: on either side of 0.

    Estimate.
    """
    left, right = (
        activations.derivatives(node.name, sign * PLACES[None], node.parameters, 1)[1][0] for sign in (-1, 1)
    )
    ends = min(left.min(), right.min()), max(left.max(), right.max())
    margin = CLOSE * (ends[1] - ends[0])
    found = []
    for end in ends:
        near = [PLACES[np.abs(side - end) <= margin].min(initial=np.inf) for side in (left, right)]
        found.append(np.nan if near[0] == near[1] > 0.0 else -near[0] if near[0] < near[1] else near[1])
    return found[0], found[1]


def _ridged(gram: FloatArray) -> FloatArray:
    trace = np.trace(gram, axis1=1, axis2=2)[:, None, None]
    return np.asarray(gram + RIDGE * (trace + 1e-300) * np.eye(gram.shape[1]))
