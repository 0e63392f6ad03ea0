"""Second and third derivatives of one hidden layer, S sigma(P z + b) + A z: sharper than the chain rule.

For k = 2, 3 the derivative is D^kG(z)[u, ..., u] = sum_i s_i S_i (P_i u)^k with |s_i| <= c_i = sup|sigma^(k)|, and
a symmetric form attains its norm at equal directions (Banach), so for every weight t > 0, by Cauchy-Schwarz,

    |D^kG|^2 <= sup_r (sum_i t_i (r S_i)^2) sup_u (sum_i c_i^2/t_i (P_i u)^{2k})
             <= ||S diag(t)^{1/2}||^2 || diag(c/sqrt t) (P P^T)^{o k} diag(c/sqrt t) ||,

the last because (P_i u)^k = <P_i^{(x)k}, u^{(x)k}> and the Gram matrix of the P_i^{(x)k} is (P P^T) to the
entrywise power k. Where sigma^(k) lies in [a, b] with centre e and span h, the centre contributes the fixed
form sum_i e_i S_i (P_i u)^k, bounded by its flattening || S diag(e) (P P^T)^{o k} diag(e) S^T ||^{1/2}, and h stands
for c in the rest; the better of the two is taken. Bounds rounded outward at weights found in floats.
"""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    exact_matrix,
    hadamard,
    multiply,
    round_up,
    scale_columns,
)
from certify.arithmetic.matrices import spectral_norm_upper
from certify.bounds.structure import IncrementForm

_STEPS = 60
"""Gradient steps on the logarithm of the weights."""


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
    gram = multiply(inner, inner.transpose)
    power = gram
    for _ in range(order - 1):
        power = hadamard(power, gram)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    plain = _weighted(outer, power, magnitude)
    centre = 0.5 * low + 0.5 * high
    span = round_up(np.maximum(high - centre, centre - low))
    fixed = scale_columns(outer, exact_matrix(centre[None]))
    flattened = spectral_norm_upper(multiply(fixed, multiply(power, fixed.transpose)))
    rest = _weighted(outer, power, span)
    if not (math.isfinite(flattened) and math.isfinite(rest)):
        return plain
    with precision():
        return min(plain, upper(ball(flattened).sqrt() + ball(rest)))


def single_layer(form: IncrementForm) -> tuple[MatrixBall, MatrixBall] | None:
    """(S, P) when the form has exactly one activation layer, whose input is then linear in delta; None otherwise."""
    if len(form.inputs) != 1:
        return None
    d = form.latent_dim
    output, inner = form.output, form.inputs[0]
    outer = MatrixBall(output.midpoint[:, d:], output.radius[:, d:])
    return outer, MatrixBall(inner.midpoint[:, :d], inner.radius[:, :d])


def _weighted(outer: MatrixBall, power: MatrixBall, magnitude: FloatArray) -> float:
    """sqrt(||S D_t S^T|| ||D_a K D_a||), a = c/sqrt(t), at the best weights found."""
    active = magnitude > 0
    if not active.any():
        return 0.0
    outer = MatrixBall(outer.midpoint[:, active], outer.radius[:, active])
    power = MatrixBall(power.midpoint[np.ix_(active, active)], power.radius[np.ix_(active, active)])
    sizes = magnitude[active]
    best = math.inf
    for roots in _weights(outer.midpoint, power.midpoint, sizes):
        left = spectral_norm_upper(scale_columns(outer, exact_matrix(roots[None])))
        inverse = exact_matrix(round_up(sizes / roots)[None])
        scaled = scale_columns(scale_columns(power, inverse).transpose, inverse)
        # The float a >= c/sqrt(t) belongs to weights c/a <= sqrt(t), whose S-norm the one computed above majorises.
        right = spectral_norm_upper(scaled)
        if math.isfinite(left) and math.isfinite(right):
            with precision():
                best = min(best, upper(ball(left) * ball(right).sqrt()))
    return best


def _weights(outer: FloatArray, power: FloatArray, sizes: FloatArray) -> list[FloatArray]:
    """Proposals for sqrt(t): from descent on log ||S D_t S^T|| + log ||D_a K D_a|| in log t. Estimate."""
    columns = np.maximum(np.linalg.norm(outer, axis=0), 1e-12)
    heights = np.maximum(sizes * np.sqrt(np.maximum(np.diag(power), 0.0)), 1e-12)
    start = np.log(heights / columns) / 2
    start -= start.mean()
    best, current, step = start, start, 0.5
    value, gradient = _objective(outer, power, sizes, current)
    for _ in range(_STEPS):
        moved = current - step * gradient
        trial, slope = _objective(outer, power, sizes, moved)
        if trial < value:
            current, value, gradient, best, step = moved, trial, slope, moved, step * 1.3
        else:
            step *= 0.5
    return [np.exp(best), np.exp(np.zeros_like(best))]


def _objective(outer: FloatArray, power: FloatArray, sizes: FloatArray, logs: FloatArray) -> tuple[float, FloatArray]:
    """Value and gradient in log sqrt(t), smoothed over the leading eigenvalues so that ties do not stall it."""
    roots = np.exp(np.clip(logs, -30, 30))
    left, values = np.linalg.svd(outer * roots, full_matrices=False)[1:][::-1]
    energies = values**2
    first = _soft_weights(energies)
    scaled = (sizes / roots)[:, None] * power * (sizes / roots)
    eigenvalues, vectors = np.linalg.eigh(scaled)
    second = _soft_weights(eigenvalues)
    value = float(np.log(np.sum(first * energies)) + np.log(np.sum(second * eigenvalues)))
    rise = 2 * (first * energies) @ left**2 / np.sum(first * energies)
    fall = 2 * (vectors**2) @ (second * eigenvalues) / np.sum(second * eigenvalues)
    return value, rise - fall


def _soft_weights(values: FloatArray) -> FloatArray:
    top = float(values.max())
    weights = np.exp(40.0 * (values / top - 1.0)) if top > 0 else np.ones_like(values)
    result: FloatArray = weights / weights.sum()
    return result
