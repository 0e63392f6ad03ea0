"""Residual rule: blocks A z + g(z) with a Lipschitz remainder, centred at the mean slope, and preconditioned.

With increments as in `certify.bounds.structure.IncrementForm`, G(z) - G(z') = A delta + sum_k C_k eta_k with
|eta_k| <= span_k |P_k x|, so with l_k >= |eta_k|/|delta| found layer by layer,

    M <= ||A|| + sum_k ||C_k|| l_k,      m >= sigma_min(A) - sum_k ||C_k|| l_k         (residual rule)
    m >= sigma_min(A) (1 - q),  q = sum_k ||A^+ C_k|| l_k                              (preconditioned, n = d)

for increments, hence for both constants on any region. With A = I and no centring this is theory section 4,
"Lip(g) = l < 1: m >= 1 - l"; centring (A = J at the mean slopes) is the loop transformation of robust control.
Over a chain of blocks m and M multiply. Bounds rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import MatrixBall, exact_matrix, magnitude_upper, multiply, subtract
from certify.arithmetic.matrices import nonnegative_norm_upper, sigma_min_lower, spectral_norm_upper
from certify.bounds.compositional import derivative_norms
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.skip import layer_bounds, skip_bounds
from certify.bounds.structure import Block, IncrementForm, block_ranges, blocks, has_increment_form, increment_form
from certify.generators.graph import Activation, Graph


def stretch_bounds(graph: Graph, ranges: NodeRanges) -> tuple[float, float]:
    """(lower bound of m, upper bound of M) of one graph by the residual rule. Bounds, rounded outward."""
    single = _activation_alone(graph, ranges)
    if single is not None:
        return single
    layer = layer_bounds(graph)
    if layer is not None:
        return layer
    if not has_increment_form(graph):
        return skip_bounds(graph, ranges)
    low, high = 0.0, math.inf
    for centred in (False, True):
        found = form_bounds(increment_form(graph, ranges, centred))
        low, high = max(low, found[0]), min(high, found[1])
    return low, high


def chain_bounds(chain: tuple[Block, ...], ranges: NodeRanges) -> tuple[float, float]:
    """(lower bound of m, upper bound of M) of a chain of blocks: the products over the blocks.

    Bounds, rounded outward.
    """
    with precision():
        least, largest = ball(1), ball(1)
        is_collapsing = any(_has_kernel(block, ranges) for block in chain)
        for block in chain:
            local = block_ranges(block, ranges)
            # Of a large matrix the least singular value costs more than all else: not where m = 0 is all there is.
            if is_collapsing and not has_increment_form(block.graph):
                low, high = 0.0, derivative_norms(block.graph, local)[-1].totals[0]
            else:
                low, high = stretch_bounds(block.graph, local)
            least, largest = least * ball(low), largest * ball(high) if math.isfinite(high) else ball(math.inf)
        return max(0.0, lower(least)), upper(largest)


def _has_kernel(block: Block, ranges: NodeRanges) -> bool:
    """Whether a bound of m by blocks is 0 whatever the others are: fewer outputs than inputs, or a slope of 0."""
    single = _activation_alone(block.graph, block_ranges(block, ranges))
    return block.graph.observed_dim < block.graph.latent_dim or (single is not None and single[0] == 0.0)


def form_bounds(form: IncrementForm) -> tuple[float, float]:
    """(lower bound of m, upper bound of M) from an increment form. Bounds, rounded outward."""
    direct = _part(form.output, slice(0, form.latent_dim))
    lipschitz = remainder_lipschitz(form)
    rest = weighted_norm(form, form.output, lipschitz)
    norm = spectral_norm_upper(direct)
    if not math.isfinite(rest):
        return 0.0, math.inf
    core = sigma_min_lower(direct)
    with precision():
        high = upper(ball(norm) + ball(rest))
        low = max(0.0, lower(ball(core) - ball(rest)))
    return max(low, _preconditioned(form, direct, core, lipschitz)), high


def remainder_lipschitz(form: IncrementForm) -> list[float]:
    """l_k >= |eta_k|/|delta| for every activation, in order. Upper bound, rounded outward."""
    found: list[float] = []
    for block, span in enumerate(form.spans):
        if not np.isfinite(span).all():
            found.append(0.0 if not span.any() else math.inf)
            continue
        scaled = multiply(exact_matrix(np.diag(span)), form.inputs[block])
        found.append(_bound_with(scaled, form, found))
    return found


def weighted_norm(form: IncrementForm, matrix: MatrixBall, lipschitz: list[float]) -> float:
    """Upper bound of sum_k ||C_k|| l_k for the columns C_k of `matrix` (rows, size) of eta_k, rounded outward."""
    with precision():
        total = ball(0)
        for block, bound in enumerate(lipschitz):
            norm = spectral_norm_upper(_part(matrix, form.columns(block)))
            if norm == 0.0 or bound == 0.0:
                continue
            if not (math.isfinite(bound) and math.isfinite(norm)):
                return math.inf
            total = total + ball(norm) * ball(bound)
        return upper(total)


def _bound_with(matrix: MatrixBall, form: IncrementForm, lipschitz: list[float]) -> float:
    known = lipschitz + [0.0] * (len(form.inputs) - len(lipschitz))
    rest = weighted_norm(form, matrix, known)
    if not math.isfinite(rest):
        return math.inf
    with precision():
        return upper(ball(spectral_norm_upper(_part(matrix, slice(0, form.latent_dim)))) + ball(rest))


def _preconditioned(form: IncrementForm, direct: MatrixBall, core: float, lipschitz: list[float]) -> float:
    """|delta| <= |P (G(z)-G(z'))| + q|delta| with P close to A^+: m >= (1 - q)/||P||, q also pays for P A - I."""
    if core <= 0.0 or direct.shape[0] < direct.shape[1] or not lipschitz:
        return 0.0
    try:
        inverse = exact_matrix(np.linalg.pinv(direct.midpoint))
    except np.linalg.LinAlgError:
        return 0.0
    defect = subtract(multiply(inverse, direct), exact_matrix(np.eye(direct.shape[1])))
    share = weighted_norm(form, multiply(inverse, form.output), lipschitz)
    if not math.isfinite(share):
        return 0.0
    with precision():
        gap = ball(1) - ball(share) - ball(nonnegative_norm_upper(magnitude_upper(defect)))
        if not lower(gap) > 0.0:
            return 0.0
        return max(0.0, lower(gap / ball(spectral_norm_upper(inverse))))


def _activation_alone(graph: Graph, ranges: NodeRanges) -> tuple[float, float] | None:
    """An elementwise sigma with sigma' in [a, b]: m >= min |sigma'| (0 if the sign changes), M <= max |sigma'|."""
    if len(graph.nodes) != 2 or not isinstance(graph.nodes[1], Activation):
        return None
    low, high = ranges.slopes(1)
    least = np.where((low > 0) | (high < 0), np.minimum(np.abs(low), np.abs(high)), 0.0)
    return float(least.min()), float(np.maximum(np.abs(low), np.abs(high)).max())


def _part(matrix: MatrixBall, columns: slice) -> MatrixBall:
    return MatrixBall(matrix.midpoint[:, columns], matrix.radius[:, columns])


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph = problem.generator.graph
    chain = blocks(graph)
    if len(chain) == 1 or has_increment_form(graph):
        whole = stretch_bounds(graph, problem.ranges)
        yield Proposal("m", "lower", whole[0], METHOD.name)
        yield Proposal("M", "upper", whole[1], METHOD.name)
    if len(chain) > 1:
        low, high = chain_bounds(chain, problem.ranges)
        yield Proposal("m", "lower", low, f"{METHOD.name} over {len(chain)} blocks")
        yield Proposal("M", "upper", high, f"{METHOD.name} over {len(chain)} blocks")


METHOD = BoundMethod(
    "residual rule", "A z + g(z) with Lip(g) small, block by block, centred and preconditioned", 2.0, _propose
)
