"""Ranges of the neurons' curvature coefficients over balls: kappa = a sigma''(p), a the adjoint, p the pre-activation.

    <r, D^2G[v, v]>/beta^2 = sum over neurons kappa_i (t_i v)^2 + sum over products 2 a_i (t_i v)(t'_i v),

t_i the increment of the neuron's input along v. The range of p is cut into cells; on a cell a is
a_0 + s (p - p_0) + rest, with s such that the rest's part linear in y is (nearly) orthogonal to that of p. Of the ball
|y| <= R the part across p is left with sqrt(R^2 - u^2) once p - p_0 forces |y| >= u along it. Rounded outward.
"""

from __future__ import annotations

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import EPSILON
from certify.bounds.ranges import Interval, product
from certify.generators.activations import range_enclosure
from certify.generators.graph import Activation, Product
from certify.profiles.forms import UNDERFLOW, Form
from certify.profiles.propagation import Propagation

CELLS = 24
"""Cells per pre-activation."""

SMALLEST_SQUARE = 1e-200
"""A pre-activation whose squared slope is below this counts as constant here: its squares would underflow."""


def curvature_coefficients(propagation: Propagation) -> dict[int, Interval]:
    """Per activation or product node the range of kappa (or of a), arrays of shape (balls, width).

    Enclosure, rounded outward.
    """
    found: dict[int, Interval] = {}
    for index, node in enumerate(propagation.graph.nodes):
        adjoint = propagation.adjoints[index]
        if adjoint is None:
            continue
        match node:
            case Activation():
                found[index] = _activation_range(node, adjoint, propagation.values[node.source])
            case Product():
                found[index] = adjoint.bounds()
    return found


def _activation_range(node: Activation, adjoint: Form, source: Form) -> Interval:
    low, high = source.bounds()
    with np.errstate(invalid="ignore", over="ignore"):
        ends = low[..., None] + (high - low)[..., None] * np.linspace(0.0, 1.0, CELLS + 1)
        ends[..., -1] = high
        ends = np.where(np.isfinite(ends), np.maximum.accumulate(ends, axis=-1), np.inf)
    left, right = ends[..., :-1], ends[..., 1:]
    known = np.isfinite(low) & np.isfinite(high)
    left, right = (np.where(known[..., None], end, whole) for end, whole in ((left, -np.inf), (right, np.inf)))
    bend = range_enclosure(node.name, node.parameters, 2, left, right)
    bottom, top = product(_adjoint_over_cells(adjoint, source, left, right), bend)
    return bottom.min(axis=-1), top.max(axis=-1)


def _adjoint_over_cells(adjoint: Form, source: Form, left: FloatArray, right: FloatArray) -> Interval:
    """Range of the adjoint on every cell left <= p <= right of the pre-activation, shape (balls, width, cells)."""
    columns = adjoint.linear.shape[2] + adjoint.noise.shape[2] + adjoint.turned.shape[2]
    growth = 8 * (columns + 8) * EPSILON
    radius, gradient = adjoint.radii[:, None], source.linear
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        squared = (gradient**2).sum(axis=2)
        flat = ~(squared > SMALLEST_SQUARE)
        slope = np.where(flat, 0.0, (adjoint.linear * gradient).sum(axis=2) / squared)
        length = np.where(flat, np.inf, np.sqrt(squared))
        across = adjoint.linear - slope[..., None] * gradient
        size = (np.abs(adjoint.linear) + np.abs(slope)[..., None] * np.abs(gradient)).sum(axis=2)
        along = np.abs((across * gradient).sum(axis=2)) / length + growth * size
        noise = np.abs(adjoint.noise - slope[..., None] * source.noise).sum(axis=2)
        noise_size = np.abs(adjoint.noise).sum(axis=2) + np.abs(slope) * np.abs(source.noise).sum(axis=2)
        noise = noise + growth * noise_size + adjoint.turns.spread(adjoint.turned)
        noise = noise + adjoint.error + np.abs(slope) * source.error
        # Along the gradient of p the cell leaves |y| >= u, so across it at most sqrt(R^2 - u^2).
        jitter = (np.abs(source.noise).sum(axis=2) + source.error)[..., None] * (1 + growth)
        centre = source.centre[..., None]
        apart = np.maximum(np.maximum(left - centre, centre - right), 0.0) * (1 - growth)
        forced = np.maximum(apart - jitter, 0.0) / length[..., None] * (1 - growth)
        # As a share of R: the square of a tiny R would vanish, and the room with it.
        share = forced / radius[..., None]
        room = radius[..., None] * np.sqrt(np.maximum(1.0 - share**2, 0.0) + growth)
        rest = along[..., None] * radius[..., None] + np.sqrt((across**2).sum(axis=2))[..., None] * room
        rest = (rest + (noise + growth * size * radius)[..., None]) * (1 + 4 * growth)
        rest = rest + (1 + radius[..., None]) * UNDERFLOW
        line = adjoint.centre[..., None], slope[..., None]
        ends = [line[0] + line[1] * (end - centre) for end in (left, right)]
        blur = growth * (np.abs(line[0]) + np.abs(line[1]) * (np.abs(left) + np.abs(right) + np.abs(centre)))
        low, high = np.minimum(*ends) - rest - blur, np.maximum(*ends) + rest + blur
    whole = adjoint.bounds()
    # Where the line knows nothing (an unbounded cell, an overflow), the adjoint's own range remains.
    return np.fmax(low, whole[0][..., None]), np.fmin(high, whole[1][..., None])
