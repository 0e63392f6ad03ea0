"""Second and third derivatives of one hidden layer, S sigma(P z + b) + A z: sharper than the chain rule.

For k = 2, 3 the derivative is D^kG(z)[u, ..., u] = sum_i s_i S_i (P_i u)^k with |s_i| <= c_i = sup|sigma^(k)|, and
a symmetric form attains its norm at equal directions (Banach), so for every weight t > 0, by Cauchy-Schwarz,

    |D^kG|^2 <= sup_r (sum_i t_i (r S_i)^2) sup_u (sum_i a_i^2 (P_i u)^{2k}),     a = c / sqrt(t).

The first factor is ||S diag(t)^{1/2}||^2. The second is a form in y = u^{(x)k}: with y_i = P_i^{(x)k} it is
sum_i a_i^2 <y_i, y>^2, and on the unit sphere |y| = |Cy| = 1, C the contraction of two indices with u (the
trace for k = 2). So it is at most mu + nu as soon as sum_i a_i^2 y_i y_i^T <= mu I + nu C^T C, which, C C^T being
c_k I with c_2 = d and c_3 = (d + 2)/3, is equivalent (Woodbury) with theta = nu/(mu + nu c_k) to

    mu = || diag(a) ((P P^T)^{o k} - theta H) diag(a) ||,   H_ij = |P_i|^2 |P_j|^2 <P_i, P_j>^{k-2},
    mu + nu = mu (1 + theta/(1 - theta c_k)),               0 <= theta < 1/c_k.

theta = 0 is the plain flattening; theta > 0 removes the direction of y that no u^{(x)k} can take.
Where sigma^(k) lies in [e - h, e + h] the centre contributes the fixed form sum_i e_i S_i (P_i u)^k, bounded
in the same way, and h stands for c in the rest; the better of the two is taken. Bounds rounded outward at
weights and theta found in floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import (
    MatrixBall,
    exact_matrix,
    hadamard,
    multiply,
    round_up,
    scale,
    scale_columns,
    subtract,
)
from certify.arithmetic.matrices import spectral_norm_upper
from certify.bounds.effort import cubic_units
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.ranges import NodeRanges
from certify.bounds.structure import IncrementForm, has_increment_form, increment_form, live_graph
from certify.clock import ask
from certify.generators.graph import Activation, Graph

_THETA_SHARES = (0.0, 0.25, 0.5, 0.75)
"""Tried values of theta c_k for the fixed form."""


@dataclass(frozen=True, eq=False)
class PowerGram:
    """(P P^T)^{o k} and H of the module's docstring, and c_k."""

    gram: MatrixBall
    trace: MatrixBall
    contraction: arb
    contraction_estimate: float

    def reduced(self, theta: float) -> MatrixBall:
        """(P P^T)^{o k} - theta H. Enclosure, rounded outward."""
        return self.gram if theta == 0.0 else subtract(self.gram, scale(self.trace, theta))

    def growth(self, theta: float) -> arb:
        """1 + theta/(1 - theta c_k) in balls (infinite where the denominator is not provably positive).

        Enclosure, rounded outward.
        """
        denominator = ball(1) - ball(theta) * self.contraction
        return ball(1) + ball(theta) / denominator if lower(denominator) > 0 else ball(math.inf)


def layer_curvature_upper(outer: MatrixBall, inner: MatrixBall, low: FloatArray, high: FloatArray, order: int) -> float:
    """Upper bound of sup|D^kG| for k = `order`, rounded outward.

    Args:
        outer: S, shape (n, w).
        inner: P, shape (w, d).
        low: lower ends of sigma^(k) per neuron, shape (w,).
        high: upper ends, shape (w,).
        order: k, 2 or 3.

    """
    if not (np.isfinite(low).all() and np.isfinite(high).all() and outer.is_finite and inner.is_finite):
        return math.inf
    if outer.shape[0] == 0 or outer.shape[1] == 0:
        return 0.0
    grams = power_gram(inner, order)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    plain = _weighted(outer, grams, magnitude)
    centre = 0.5 * low + 0.5 * high
    span = round_up(np.maximum(high - centre, centre - low))
    # Without a common sign the centre is small and its form would only be paid on top of the same span.
    if not (np.abs(centre) > 0.25 * magnitude).any():
        return plain
    fixed = _fixed_form(scale_columns(outer, exact_matrix(centre[None])), grams)
    with precision():
        return min(plain, upper(ball(fixed) + ball(_weighted(outer, grams, span))))


def power_gram(inner: MatrixBall, order: int) -> PowerGram:
    """The entrywise power of P P^T and its trace part, enclosed. Enclosure, rounded outward."""
    gram = multiply(inner, inner.transpose)
    power = hadamard(gram, gram)
    squares = np.diag(gram.midpoint), np.diag(gram.radius)
    norms = MatrixBall(squares[0][:, None], squares[1][:, None])
    trace = multiply(norms, norms.transpose)
    if order == 3:
        power, trace = hadamard(power, gram), hadamard(trace, gram)
    d = inner.shape[1]
    contraction = ball(d) if order == 2 else ball(d + 2) / 3
    return PowerGram(power, trace, contraction, float(d) if order == 2 else (d + 2) / 3)


def single_layer(graph: Graph, form: IncrementForm) -> tuple[MatrixBall, MatrixBall] | None:
    """(S, P) when the form has exactly one gain, an activation whose input is linear in delta; None otherwise.

    Enclosure, rounded outward.
    """
    if len(form.inputs) != 1 or not isinstance(graph.nodes[form.nodes[0]], Activation):
        return None
    d = form.latent_dim
    output, inner = form.output, form.inputs[0]
    outer = MatrixBall(output.midpoint[:, d:], output.radius[:, d:])
    return outer, MatrixBall(inner.midpoint[:, :d], inner.radius[:, :d])


def _fixed_form(outer: MatrixBall, grams: PowerGram) -> float:
    """Upper bound of |sum_i S_i (P_i u)^k| for fixed S, over |u| = 1."""
    best = math.inf
    for share in _THETA_SHARES:
        theta = share / grams.contraction_estimate
        mu = spectral_norm_upper(multiply(outer, multiply(grams.reduced(theta), outer.transpose)))
        if math.isfinite(mu):
            with precision():
                best = min(best, upper((ball(mu) * grams.growth(theta)).sqrt()))
    return best


def _weighted(outer: MatrixBall, grams: PowerGram, magnitude: FloatArray) -> float:
    """The product of the two factors' roots at the best weights found."""
    active = magnitude > 0
    if not active.any():
        return 0.0
    index = np.ix_(active, active)
    outer = MatrixBall(outer.midpoint[:, active], outer.radius[:, active])
    grams = PowerGram(
        MatrixBall(grams.gram.midpoint[index], grams.gram.radius[index]),
        MatrixBall(grams.trace.midpoint[index], grams.trace.radius[index]),
        grams.contraction,
        grams.contraction_estimate,
    )
    sizes = magnitude[active]
    best = math.inf
    for roots, theta in _proposals(outer.midpoint, grams, sizes):
        left = spectral_norm_upper(scale_columns(outer, exact_matrix(roots[None])))
        # The float a >= c/sqrt(t) belongs to weights c/a <= sqrt(t), whose S-norm the one above majorises.
        weights = exact_matrix(round_up(sizes / roots)[None])
        scaled = scale_columns(scale_columns(grams.reduced(theta), weights).transpose, weights)
        right = spectral_norm_upper(scaled)
        if math.isfinite(left) and math.isfinite(right):
            with precision():
                best = min(best, upper(ball(left) * (ball(right) * grams.growth(theta)).sqrt()))
    return best


def _proposals(outer: FloatArray, grams: PowerGram, sizes: FloatArray) -> list[tuple[FloatArray, float]]:
    """Proposals for (sqrt(t), theta) from a quasi-Newton descent on the logarithm of the bound. Estimate."""
    # Imported here: scipy.optimize takes longer to load than most networks take to bound without it.
    from scipy.optimize import minimize

    largest = max(float(np.abs(grams.gram.midpoint).max()), 1e-300)
    outer, sizes = outer / max(float(np.abs(outer).max()), 1e-300), sizes / float(sizes.max())
    power, trace = grams.gram.midpoint / largest, grams.trace.midpoint / largest
    columns = np.maximum(np.linalg.norm(outer, axis=0), 1e-12)
    heights = np.maximum(sizes * np.sqrt(np.maximum(np.diag(power), 0.0)), 1e-12)
    start = np.log(heights / columns) / 2
    start = np.clip(start - start.mean(), -20, 20)
    top = 1.0 / grams.contraction_estimate
    proposals = [(np.exp(start), 0.0), (np.ones_like(start), 0.0)]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        return _log_bound(outer, power, trace, sizes, flat, top)

    try:
        with np.errstate(all="ignore"):
            found = minimize(objective, np.append(start, -2.0), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    except np.linalg.LinAlgError:
        # A degenerate layer (zero or subnormal weights): the plain proposals are as good as any.
        return proposals
    result = np.asarray(found.x, dtype=np.float64)
    if np.isfinite(result).all():
        share = 1.0 / (1.0 + math.exp(-min(max(float(result[-1]), -30.0), 30.0)))
        proposals.insert(0, (np.exp(np.clip(result[:-1], -40, 40)), top * share))
    return proposals


def _log_bound(
    outer: FloatArray, power: FloatArray, trace: FloatArray, sizes: FloatArray, flat: FloatArray, top: float
) -> tuple[float, FloatArray]:
    """Value and gradient in (log sqrt(t), logit of theta/top), smoothed over the leading eigenvalues."""
    roots, share = np.exp(np.clip(flat[:-1], -40, 40)), 1.0 / (1.0 + np.exp(-np.clip(flat[-1], -30, 30)))
    theta = top * share
    ask(2e-5 * roots.size**3)
    _, values, right = np.linalg.svd(outer * roots, full_matrices=False)
    energies, weights = values**2, sizes / roots
    first = _soft_weights(energies) * energies
    scaled = weights[:, None] * (power - theta * trace) * weights
    eigenvalues, vectors = np.linalg.eigh(scaled)
    chosen = _soft_weights(eigenvalues)
    second = chosen * eigenvalues
    growth = 1.0 + theta / (1.0 - share)
    value = float(np.log(first.sum()) + np.log(second.sum()) + np.log(growth))
    gradient = 2 * first @ right**2 / first.sum() - 2 * (vectors**2) @ second / second.sum()
    weighted = vectors * weights[:, None]
    lost = float(chosen @ (weighted * (trace @ weighted)).sum(axis=0))
    slope = -lost / second.sum() + 1.0 / ((1.0 - share) ** 2 * growth)
    return value, np.append(gradient, slope * top * share * (1.0 - share))


def _soft_weights(values: FloatArray) -> FloatArray:
    """Weights close to 1 on the largest values; they make the largest eigenvalue differentiable at ties."""
    top = float(values.max())
    weights = np.exp(60.0 * (values / top - 1.0)) if top > 0 else np.ones_like(values)
    result: FloatArray = weights / weights.sum()
    return result


def power_form_upper(inner: MatrixBall, sizes: FloatArray, order: int) -> float:
    """Upper bound of |sizes (P y)^k| over |y| = 1 for k = `order`: the square root of a form of degree 2k.

    Upper bound, rounded outward.
    """
    if not (inner.is_finite and np.isfinite(sizes).all()):
        return math.inf
    grams = power_gram(inner, order)
    weights = exact_matrix(sizes[None])
    best = math.inf
    for share in _THETA_SHARES:
        theta = share / grams.contraction_estimate
        scaled = scale_columns(scale_columns(grams.reduced(theta), weights).transpose, weights)
        mu = spectral_norm_upper(scaled)
        if math.isfinite(mu):
            with precision():
                best = min(best, upper((ball(mu) * grams.growth(theta)).sqrt()))
    return best


def curvature_units(size: int) -> float:
    """Units of work of one hidden layer's curvature, both orders: a descent over decompositions. Estimate."""
    return 1000.0 * cubic_units(size, size, size)


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph, kept = live_graph(problem.generator.graph)
    gains = sum(isinstance(node, Activation) for node in graph.nodes)
    if gains != 1 or not has_increment_form(graph) or (problem.is_settled("M2") and problem.is_settled("M3")):
        return
    ranges = NodeRanges(graph, tuple(problem.ranges.values[index] for index in kept))
    form = increment_form(graph, ranges, centred=False)
    layer = single_layer(graph, form)
    if layer is None or not problem.work.affords(curvature_units(form.size)):
        return
    problem.work.charge(curvature_units(form.size))
    low, high = (end[0] for end in ranges.slopes(form.nodes[0], 2))
    yield Proposal("M2", "upper", layer_curvature_upper(*layer, low, high, 2), METHOD.name)
    low, high = (end[0] for end in ranges.slopes(form.nodes[0], 3))
    yield Proposal("M3", "upper", layer_curvature_upper(*layer, low, high, 3), METHOD.name)


METHOD = BoundMethod(
    "one hidden layer",
    "weights of the neurons' curvatures against the trace of u (x) u, for one hidden layer",
    2.4,
    _propose,
)
