"""Eigenvalue bounds of Hess F over a ball: a matrix inequality in (u, eta), verified with outward rounding.

With t the increments of the gains' inputs along z = c + B y and C those of G, both linear in x = (u, eta)
(`certify.bounds.structure.IncrementForm`),

    u^T Hess F(y) u = |B u|^2 + |C x|^2/beta^2 + sum_i kappa_i (t_i x)^2,    eta_i^2 <= r_i^2 (t_i x)^2,

where the curvature coefficients kappa_i lie in known intervals over the ball (`certify.profiles.curvature`). Replacing
kappa_i by its lower end lowers the form, so with multipliers T >= 0

    M_low - l E_0 - sum_i T_i (r_i^2 t_i^T t_i - e_i e_i^T) > 0   implies   lambda_min(Hess F) >= l    over the ball,

E_0 the projection on u; and likewise, with the upper ends, L E_0 - M_high - sum_i T_i Q_i > 0 implies lambda_max <= L.
For a product node 2 a (t u)(t' u) with a = middle +- radius lies within radius ((t u)^2 + (t' u)^2) of its middle.
A barrier method proposes T; the largest l that T proves is then an eigenvalue of a Schur complement, and is returned
just inside and rounded outward once `positive_definite` verified it in midpoint-radius arithmetic. So (l, T) is a proof
that anybody can check again (`is_proved`), and an l that is better in its last digit is not proved by the same T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import (
    EPSILON,
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    multiply,
    scale_columns,
    stacked,
    subtract,
)
from certify.arithmetic.rounding import Direction, outward
from certify.bounds.barrier import LinearMatrixInequality, solve
from certify.bounds.effort import Work
from certify.bounds.ranges import Interval
from certify.bounds.structure import IncrementForm
from certify.generators.graph import Graph, Product

RELATIVE_GAP = 1e-2
"""How close to its optimum the multipliers' search goes, relative to the eigenvalue bound."""

RELAXATIONS = (1e-11, 1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 5e-2)
"""Shares of the bound given up, in this order, until the inequality is verified."""

DIGITS = 6
"""Significant decimal digits of a bound."""

MULTIPLIER_BITS = 28
"""Bits of a multiplier's mantissa: any multipliers are valid, and short ones print short."""

EFFORT = 75_000.0
"""Units of the multipliers' search, some five seconds of a quiet core; counted, so that no load changes a bit."""

Side = Literal["lower", "upper"]


@dataclass(frozen=True, eq=False)
class HessianForm:
    """The quadratic forms of one ball in x = (u, eta), gains that cannot move left out.

    metric     B^T B + C^T C/beta^2, (N, N)
    curvature  the sums over kappa at its lower and at its upper ends, (N, N) each
    rows       the increments t of the gains that can move, (k, N), and their reach r, (k,)
    """

    latent_dim: int
    metric: MatrixBall
    curvature: tuple[MatrixBall, MatrixBall]
    rows: MatrixBall
    spans: FloatArray
    groups: tuple[slice, ...]


def hessian_form(
    graph: Graph, form: IncrementForm, coefficients: dict[int, Interval], ball: int, factor: FloatArray, beta: float
) -> HessianForm:
    """The forms over ball number `ball`, from the centred increments there, the coefficients' ranges and B (d, d).

    Enclosure, rounded outward.
    """
    d, size = form.latent_dim, form.size
    spans = np.concatenate([*form.spans, np.zeros(0)])
    # An undefined span stays, and then nothing is proved.
    moving = ~(spans == 0)
    kept = np.concatenate([np.ones(d, dtype=bool), moving])
    basis = np.eye(size)
    basis[:d, :d] = factor
    chart = exact_matrix(basis[:, kept])
    inputs = [multiply(block, chart) for block in form.inputs]
    output = multiply(form.output, chart)
    inverse = MatrixBall(np.full((1, output.shape[1]), 1.0 / beta), np.full((1, output.shape[1]), 2 * EPSILON / beta))
    output = scale_columns(output, inverse)
    prior = multiply(exact_matrix(basis[:d][:, kept].T), exact_matrix(basis[:d][:, kept]))
    metric = add(prior, multiply(output.transpose, output))
    every = stacked([*inputs, exact_matrix(np.zeros((0, output.shape[1])))])
    counts = np.concatenate([[0], np.cumsum(moving)])
    starts = [int(counts[form.columns(k).start - d]) for k in range(len(inputs))]
    ends = [int(counts[form.columns(k).stop - d]) for k in range(len(inputs))]
    low, high = (_curvature(graph, form, inputs, coefficients, ball, end) for end in (0, 1))
    return HessianForm(
        d,
        metric,
        (low, high),
        MatrixBall(every.midpoint[moving], every.radius[moving]),
        spans[moving],
        tuple(slice(start, end) for start, end in zip(starts, ends, strict=True) if end > start),
    )


@dataclass(frozen=True, eq=False)
class EigenvalueBound:
    """A certified `value` (-inf or inf if nothing is proved) with the `multipliers` that prove it, (k,).

    `proposal` is the float solution that they come from, for the next search to start at.
    """

    value: float
    multipliers: FloatArray | None = None
    proposal: tuple[float, FloatArray] | None = None


def eigenvalue_bound(form: HessianForm, side: Side, near: EigenvalueBound | None = None) -> EigenvalueBound:
    """Lower bound of lambda_min(Hess F), or upper bound of lambda_max, over the ball.

    `near` is that of a similar ball, for the search to start from. Bounds, rounded outward.
    """
    nothing = EigenvalueBound(-math.inf if side == "lower" else math.inf)
    total = _total(form, side)
    if not (total.is_finite and form.rows.is_finite and np.isfinite(form.spans).all()):
        return nothing
    sign = _sign(side)
    middle = 0.5 * (total.midpoint + total.midpoint.T)
    problem = LinearMatrixInequality(middle, form.spans[:, None] * form.rows.midpoint, form.latent_dim, sign)
    start = None if near is None or near.proposal is None else near.proposal
    if start is not None and start[1].size != form.spans.size:
        start = None
    with np.errstate(all="ignore"):
        found = solve(problem, list(form.groups), Work(EFFORT), RELATIVE_GAP, start)
    if found is None or not (np.isfinite(found[1]).all() and (found[1] >= 0).all() and math.isfinite(found[0])):
        return nothing
    multipliers = _shortened(found[1])
    fixed = _fixed_part(form, total, multipliers, sign)
    attained = _attained(fixed.midpoint, form.latent_dim, sign)
    best = found[0] if attained is None else attained
    direction = Direction.UP if sign > 0 else Direction.DOWN
    for relaxation in RELAXATIONS:
        candidate = outward(best + sign * relaxation * max(1.0, abs(best)), DIGITS, direction)
        if _is_verified(fixed, form.latent_dim, sign, candidate):
            return EigenvalueBound(candidate, multipliers, found)
    return nothing


def is_proved(form: HessianForm, side: Side, value: float, multipliers: FloatArray) -> bool:
    """Whether `multipliers` (k,) prove that `value` bounds the eigenvalues of Hess F over the ball on this side.

    Evaluates the inequality in midpoint-radius arithmetic; searches nothing. Verified.
    """
    if multipliers.shape != form.spans.shape or not (np.isfinite(multipliers) & (multipliers >= 0)).all():
        return False
    total = _total(form, side)
    if not (math.isfinite(value) and total.is_finite and form.rows.is_finite and np.isfinite(form.spans).all()):
        return False
    with np.errstate(all="ignore"):
        fixed = _fixed_part(form, total, multipliers, _sign(side))
        return _is_verified(fixed, form.latent_dim, _sign(side), value)


def _sign(side: Side) -> float:
    return -1.0 if side == "lower" else 1.0


def _total(form: HessianForm, side: Side) -> MatrixBall:
    return add(form.metric, form.curvature[0 if side == "lower" else 1])


def _is_verified(fixed: MatrixBall, latent_dim: int, sign: float, value: float) -> bool:
    objective = np.zeros(fixed.shape[0])
    objective[:latent_dim] = sign * value
    return positive_definite(add(fixed, exact_matrix(np.diag(objective)))) is True


def _shortened(multipliers: FloatArray) -> FloatArray:
    mantissas, exponents = np.frexp(multipliers)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissas, MULTIPLIER_BITS)), exponents - MULTIPLIER_BITS))


def _attained(fixed: FloatArray, latent_dim: int, sign: float) -> float | None:
    """The best value that the multipliers of `fixed` (N, N) prove; None if they prove none. Estimate."""
    symmetric = 0.5 * (fixed + fixed.T)
    near, mixed, rest = symmetric[:latent_dim, :latent_dim], symmetric[:latent_dim, latent_dim:], symmetric[latent_dim:]
    try:
        solved = cho_solve(cho_factor(rest[:, latent_dim:]), mixed.T) if rest.size else mixed.T
        complement = near - mixed @ solved
        return float(-sign * np.linalg.eigvalsh(0.5 * (complement + complement.T))[0])
    except (LinAlgError, ValueError):
        return None


def _fixed_part(form: HessianForm, total: MatrixBall, multipliers: FloatArray, sign: float) -> MatrixBall:
    """-sign M - sum_i T_i (r_i^2 t_i^T t_i - e_i e_i^T), in balls."""
    diagonal = exact_matrix(np.diag(np.concatenate([np.zeros(form.latent_dim), multipliers])))
    result = subtract(diagonal, total) if sign > 0 else add(diagonal, total)
    reach = scale_columns(form.rows.transpose, exact_matrix(form.spans[None]))
    weighted = scale_columns(reach, exact_matrix(multipliers[None]))
    return subtract(result, multiply(weighted, reach.transpose))


def _curvature(
    graph: Graph, form: IncrementForm, inputs: list[MatrixBall], coefficients: dict[int, Interval], ball: int, end: int
) -> MatrixBall:
    """Sum over neurons and products with every coefficient at its lower (end = 0) or upper (end = 1) end."""
    size = inputs[0].shape[1] if inputs else form.latent_dim
    total = exact_matrix(np.zeros((size, size)))
    for position, node in enumerate(form.nodes):
        if node not in coefficients:
            continue
        values = coefficients[node][end][ball]
        if not isinstance(graph.nodes[node], Product):
            total = add(total, _weighted(inputs[position], inputs[position], values))
        elif form.nodes[:position].count(node) == 0:
            total = add(total, _product_part(inputs[position], inputs[position + 1], coefficients[node], ball, end))
    return total


def _product_part(first: MatrixBall, second: MatrixBall, coefficient: Interval, ball: int, end: int) -> MatrixBall:
    low, high = coefficient[0][ball], coefficient[1][ball]
    with np.errstate(invalid="ignore"):
        middle = 0.5 * low + 0.5 * high
        radius = np.maximum(high - middle, middle - low) * (1 + 4 * EPSILON)
    mixed = add(_weighted(first, second, middle), _weighted(second, first, middle))
    rest = add(_weighted(first, first, radius), _weighted(second, second, radius))
    return add(mixed, rest) if end else subtract(mixed, rest)


def _weighted(left: MatrixBall, right: MatrixBall, weights: FloatArray) -> MatrixBall:
    """left^T diag(weights) right; infinite weights make it unbounded."""
    return multiply(scale_columns(left.transpose, exact_matrix(weights[None])), right)
