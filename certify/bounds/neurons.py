"""Neuron by neuron: M from the ellipsoid of increments, M2 and M3 from the slopes and curvatures of every neuron.

With p_k the pre-activations of layer k, P_k = Dp_k and J_k the derivative of the output by layer k's outputs,

    D^2G[u, u]    = sum_k J_k ( sigma_k'' (P_k u)^2 ),
    D^3G[u, u, u] = sum_k J_k ( sigma_k''' (P_k u)^3 + 3 sigma_k'' (P_k u) D^2p_k[u, u] ),

for every graph of affine maps, sums and activations (residual paths included), and the same with D^2p_k on the left. So
with any weights t_k > 0,

    |D^2G| <= sum_k ||J_k diag(t_k)|| sup_u |sigma_k''/t_k (P_k u)^2|,

and so on. ||J_k diag(t_k)|| comes from the ellipsoid that begins at layer k (`certify.bounds.reachability`), where
P_k u = K_k y with |y| <= c |u|: the forms of order 4 and 6 in y are bounded through the Gram matrix of K_k as in
`certify.bounds.curvature`. Symmetric forms attain their norm at equal directions (Banach). On a ball all slopes and
curvatures are those of the ranges on the ball. Upper bounds, rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.intervals import exact_matrix, round_down, round_up, scale_columns
from certify.arithmetic.matrices import spectral_norm_upper
from certify.bounds.curvature import power_form_upper
from certify.bounds.effort import Work, cubic_units
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.reachability import Gain, Passage, passage_from
from certify.bounds.semidefinite import polished
from certify.generators.graph import Graph, Product

NAME = "neuron by neuron"

WEIGHTED_BY = (2, 3)
"""Orders of the activations' derivative from which the weights t are made; the better bound is kept."""

SPREAD = 1e6
"""Largest ratio of two entries of the weights t."""


@dataclass(frozen=True, eq=False)
class Bend:
    """Upper bounds of |D^2p[u, u]| for one target p: per row and in all."""

    rows: FloatArray
    total: float


def curvatures(graph: Graph, ranges: NodeRanges, passage: Passage, work: Work) -> tuple[float, float]:
    """(M2, M3); infinite where a curvature is, or for graphs with products. Upper bounds, rounded outward."""
    form = passage.form
    best = math.inf, math.inf
    if any(isinstance(node, Product) for node in graph.nodes):
        return best
    units = 10.0 * len(form.nodes) ** 2 * cubic_units(form.size, form.size, form.size)
    for order in WEIGHTED_BY:
        if not work.affords(units):
            break
        work.charge(units)
        found = _weighted(graph, ranges, passage, work, order)
        best = min(best[0], found[0]), min(best[1], found[1])
    return best


def _weighted(graph: Graph, ranges: NodeRanges, passage: Passage, work: Work, order: int) -> tuple[float, float]:
    """(M2, M3) with the weights t that the derivative of this order of the activations suggests."""
    form = passage.form
    bends = [Bend(np.zeros(len(gain.rows)), 0.0) for gain in (*passage.gains, passage.output)]
    third = ball(0)
    blocks = {node: block for block, node in enumerate(form.nodes)}
    for block, node in enumerate(form.nodes):
        second, cubic = (ranges.magnitude_upper(node, order)[0] for order in (2, 3))
        if not np.isfinite(second).all():
            return math.inf, math.inf
        gain = passage.gains[block]
        weight = _weights(passage, block, second if order == 2 else cubic, order)
        after = passage_from(graph, ranges, node, round_down(1.0 / round_up(weight**2)))
        if after is None or work.is_late:
            return math.inf, math.inf
        bent = _power(gain, round_up(second / weight), 2)
        with precision():
            mixed = ball(_mixed(gain, second, weight, bends[block]))
            twisted = ball(_power(gain, round_up(cubic / weight), 3)) + 3 * mixed
            third = third + _product(ball(after.output.total), twisted)
        for later, influence in zip((*after.form.nodes, None), (*after.gains, after.output), strict=True):
            place = len(blocks) if later is None else blocks[later]
            bends[place] = _added(bends[place], influence, bent)
    with precision():
        return bends[-1].total, upper(third)


def _weights(passage: Passage, block: int, sizes: FloatArray, order: int) -> FloatArray:
    """t: what a neuron can bend over what it is worth later, as in `certify.bounds.curvature`. Estimate."""
    form, gain = passage.form, passage.gains[block]
    own = form.columns(block)
    later = [rows.midpoint[:, own] for rows in (*form.inputs[block + 1 :], form.output)]
    worth = np.sqrt(sum(((rows / max(float(np.linalg.norm(rows)), 1e-300)) ** 2).sum(axis=0) for rows in later))
    with np.errstate(all="ignore"):
        weight = np.sqrt(sizes * gain.rows**order / np.maximum(worth, 1e-12 * worth.max()))
    if not np.isfinite(weight).all() or not weight.max() > 0:
        return np.ones_like(sizes)
    return np.asarray(np.maximum(weight / weight.max(), 1.0 / SPREAD), dtype=np.float64)


def _power(gain: Gain, sizes: FloatArray, order: int) -> float:
    """Upper bound of sup_u |sizes (P u)^k| for k = `order`, rounded outward."""
    if not np.isfinite(sizes).all():
        return math.inf
    plain = _scaled_norm(gain, _times(sizes, *[gain.rows] * (order - 1)))
    form = power_form_upper(gain.image, sizes, order)
    with precision():
        return min(plain, upper(ball(form) * ball(gain.growth) ** order))


def _mixed(gain: Gain, second: FloatArray, weight: FloatArray, bend: Bend) -> float:
    """Upper bound of sup_u |sigma''/t (P u) D^2p[u, u]|: by the rows of either factor, rounded outward."""
    if bend.total == 0.0:
        return 0.0
    sizes = round_up(second / weight)
    if not math.isfinite(bend.total) or not np.isfinite(bend.rows).all():
        return math.inf
    by_bends = _scaled_norm(gain, _times(sizes, bend.rows))
    with precision():
        by_slopes = upper(ball(float(_times(sizes, gain.rows).max())) * ball(bend.total))
    return min(by_bends, by_slopes)


def _scaled_norm(gain: Gain, sizes: FloatArray) -> float:
    """Upper bound of ||diag(sizes) P||, rounded outward."""
    if not np.isfinite(sizes).all():
        return math.inf
    scaled = scale_columns(gain.image.transpose, exact_matrix(sizes[None]))
    with precision():
        return upper(ball(spectral_norm_upper(scaled)) * ball(gain.growth))


def _times(*factors: FloatArray) -> FloatArray:
    """Product of non-negative arrays, rounded up after each factor."""
    total = factors[0]
    for factor in factors[1:]:
        total = round_up(total * factor)
    return total


def _added(bend: Bend, influence: Gain, size: float) -> Bend:
    rows = np.array([upper(_product(ball(float(row)), ball(size))) for row in influence.rows])
    with precision():
        total = upper(ball(bend.total) + _product(ball(influence.total), ball(size)))
    return Bend(round_up(bend.rows + rows), total)


def _product(first: arb, second: arb) -> arb:
    """0 * inf = 0: what is reached by nothing does not bend."""
    return ball(0) if first == 0 or second == 0 else first * second


def _propose(problem: Problem) -> Iterator[Proposal]:
    found = problem.reach
    if found.passage is None:
        return
    passage = found.passage
    yield Proposal("M", "upper", passage.output.total, NAME)
    if problem.searches and not problem.is_settled("M"):
        sharper = polished(passage.form, passage.output.total, passage.weights, problem.work)
        yield Proposal("M", "upper", sharper.value, NAME, multipliers=sharper.multipliers)
    if problem.is_settled("M2") and problem.is_settled("M3"):
        return
    second, third = curvatures(problem.generator.graph, found.ranges, found.passage, problem.work)
    yield Proposal("M2", "upper", second, NAME)
    yield Proposal("M3", "upper", third, NAME)


METHOD = BoundMethod(
    NAME, "the ellipsoid of increments, layer by layer; slopes and curvatures of every neuron", 1.5, _propose
)
