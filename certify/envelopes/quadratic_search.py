"""The best quadratic form below a potential, in floats: the concave maximisation behind `quadratic_envelope`. Estimate.

With M = A + Psi(q), H = M without its first row and column and l the rest of that row, x'Mx/2 - sum eta_k is below f,
and minimised over s it is (z - m)'S(z - m)/2 - h. log C = h + (d/2) log(2 pi) - log det S/2 is to be least, where

    -h = min over (z, s) of x'Mx/2 - sum eta_k,      log det S = log det H - log det H_ss,

both concave in q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.lifted_form import PRODUCT_WIDTH, LiftedNetwork, neuron_form
from certify.envelopes.neuron_barrier import BarrierPoint, IntArray, NeuronConstraints, inside
from certify.generators.activations import activation_constants

FIRST = np.array([0, 0, 1, 1, 2, 0, 3, 1, 2])
SECOND = np.array([1, 2, 1, 2, 2, 3, 3, 3, 3])
"""psi's coefficients multiply the pairs (1, v), (1, s), (v, v), (v, s), (s, s); for products (1, u), (u, u), (u, v),
(u, s) too."""


@dataclass(frozen=True, eq=False)
class LowerObjective:
    """J(q) = h without the payments - log det S/2, for the form `form` = A.

    `rows` are those of 1, v_1, .., v_k, s_1, .., s_k in x, with products u_1, .., u_k too; `first` and `second` (5k,)
    or (9k,) say which two each coefficient multiplies.
    """

    latent_dim: int
    form: FloatArray
    rows: FloatArray
    first: IntArray
    second: IntArray

    def matrix(self, coefficients: FloatArray) -> FloatArray:
        """M = A + Psi(q)."""
        return np.asarray(self.form + float_form(self, coefficients))

    def value(self, coefficients: FloatArray, mu: float) -> float:
        m = self.matrix(coefficients)
        whole, inner = cholesky(m[1:, 1:]), cholesky(m[1 + self.latent_dim :, 1 + self.latent_dim :])
        if whole is None or inner is None:
            return np.inf
        half, half_inner = np.log(np.diag(whole)).sum(), np.log(np.diag(inner)).sum()
        scaled = lapack.dtrtrs(whole, m[1:, 0], lower=1)[0]
        return float(0.5 * (scaled @ scaled - m[0, 0]) - (half - half_inner) - 2.0 * mu * half)

    def derivatives(self, coefficients: FloatArray, mu: float) -> tuple[FloatArray, FloatArray]:
        m, d = self.matrix(coefficients), self.latent_dim
        whole, inner = inverse_of(m[1:, 1:]), inverse_of(m[1 + d :, 1 + d :])
        x = np.concatenate([[1.0], -whole @ m[1:, 0]])
        reach = self.rows @ x
        outer = self.rows[:, 1:] @ whole @ self.rows[:, 1:].T
        core = self.rows[:, 1 + d :] @ inner @ self.rows[:, 1 + d :].T
        i, j = self.first, self.second
        gradient = -reach[i] * reach[j] - (outer[i, j] - core[i, j]) - 2.0 * mu * outer[i, j]
        return gradient, _hessian(i, j, reach, outer, core, 1.0 + 2.0 * mu)


@numba.njit(cache=True)
def _hessian(
    first: IntArray, second: IntArray, reach: FloatArray, outer: FloatArray, core: FloatArray, weight: float
) -> FloatArray:
    """Of h - log det S/2 and the barrier, (p, p): half the traces tr(H^-1 dH H^-1 dH') and what h bends."""
    count = len(first)
    found = np.empty((count, count))
    for p in range(count):
        i, j = first[p], second[p]
        for q in range(p + 1):
            k, m = first[q], second[q]
            ii, ij, ji, jj = outer[i, k], outer[i, m], outer[j, k], outer[j, m]
            bend = ii * reach[j] * reach[m] + jj * reach[i] * reach[k]
            bend += ij * reach[j] * reach[k] + ji * reach[i] * reach[m]
            bend += weight * (ii * jj + ij * ji) - (core[i, k] * core[j, m] + core[i, m] * core[j, k])
            found[p, q] = found[q, p] = bend
    return found


def lower_objective(network: LiftedNetwork, form: FloatArray, neurons: IntArray | None = None) -> LowerObjective:
    """The objective for the midpoint of a network's form, with forms psi for the `neurons` (all if None)."""
    chosen = np.arange(network.neurons) if neurons is None else neurons
    k, d = len(chosen), network.latent_dim
    units = np.eye(network.size)
    rows = np.concatenate([units[:1], network.inputs.midpoint[chosen], units[1 + d + chosen]])
    if network.partners is not None:
        rows = np.concatenate([rows, network.partners.rows.midpoint[chosen]])
    places = np.stack([np.zeros(k, dtype=int), *(1 + shift * k + np.arange(k) for shift in range(3))], axis=1)
    first, second = (places[:, part[: network.width]].ravel() for part in (FIRST, SECOND))
    return LowerObjective(d, form, rows, first, second)


def first_point(
    network: LiftedNetwork, objective: LowerObjective, constraints: NeuronConstraints
) -> BarrierPoint | None:
    """psi_k = c_k (s^2 - 4 L^2 v^2), c_k chosen from the last layer to the first, then all scaled until M > 0."""
    k, weights = network.neurons, sector_weights(network)
    if weights is None:
        return None
    factor = 1.0
    for _ in range(200):
        found = sector_forms(network, factor * weights)
        if np.isfinite(found).all() and np.isfinite(objective.value(found, 1.0)):
            return inside(constraints, found, np.full(k, -np.inf), 1.0)
        factor *= 0.5
    return None


def sector_weights(network: LiftedNetwork) -> FloatArray | None:
    """Weights c_k, from the last layer to the first, for which sum c_k (s^2 - 4 L^2 v^2) is definite in s."""
    d, k = network.latent_dim, network.neurons
    if not np.isfinite(sector_forms(network, np.ones(k))).all():
        return None
    weights = np.zeros(k)
    nothing = neuron_form(network, np.zeros((k, network.width))).midpoint
    for layer in reversed(network.layers):
        value = 1.0
        for _ in range(200):
            weights[layer] = value
            part = (nothing + neuron_form(network, sector_forms(network, weights)).midpoint)[1 + d + layer.start :, :]
            if cholesky(part[:, 1 + d + layer.start :]) is not None:
                weights[layer] = 2.0 * value
                break
            value *= 2.0
        else:
            return None
    return weights


def minimised(total: FloatArray, d: int) -> tuple[FloatArray, FloatArray, float] | None:
    """Minimiser over z, Hessian in z, and least value of x'Mx/2 minimised over s. Estimate."""
    try:
        schur = total[: 1 + d, : 1 + d] - total[: 1 + d, 1 + d :] @ np.linalg.solve(
            total[1 + d :, 1 + d :], total[1 + d :, : 1 + d]
        )
        curvature = np.asarray(0.5 * (schur[1:, 1:] + schur[1:, 1:].T))
        mean = np.asarray(-np.linalg.solve(curvature, schur[1:, 0]), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    least = 0.5 * float(schur[0, 0] + schur[0, 1:] @ mean)
    return (mean, curvature, least) if math.isfinite(least) and np.isfinite(curvature).all() else None


def sector_forms(network: LiftedNetwork, weights: FloatArray) -> FloatArray:
    """Rows of c_k (s^2 - 4 L_k^2 v^2), bounded above on the graph of any L_k-Lipschitz activation, (k, 5).

    For a product s = u v it is c_k (s^2 - 4 V^2 u^2), V the largest |v|, and rows have nine entries.
    """
    found = np.zeros((network.neurons, network.width))
    found[:, 4] = weights
    plain = np.flatnonzero(~network.products)
    growth = [float(activation_constants(*network.sigmas[index]).slope_modulus.mid()) for index in plain]
    found[plain, 2] = -4.0 * weights[plain] * np.array(growth) ** 2
    if network.partners is not None:
        products, ends = network.products, network.partners.spans
        largest = np.maximum(np.abs(ends[0]), np.abs(ends[1]))[: network.neurons][products]
        found[products, 6] = -4.0 * weights[products] * largest**2
    return found


def float_form(objective: LowerObjective, coefficients: FloatArray) -> FloatArray:
    """Psi(q) in floats. Estimate."""
    k = len(coefficients)
    one, (rows, inner) = objective.rows[:1], (objective.rows[1 + shift * k : 1 + (shift + 1) * k] for shift in (0, 1))
    b_v, b_s, q_vv, q_vs, q_ss = coefficients.T[:5, :, None]
    mixed = rows.T @ (b_v * one + q_vv * rows + q_vs * inner)
    mixed += inner.T @ (b_s * one + q_ss * inner)
    if coefficients.shape[1] == PRODUCT_WIDTH:
        b_u, q_uu, q_uv, q_us = coefficients.T[5:, :, None]
        others = objective.rows[1 + 2 * k :]
        mixed += others.T @ (b_u * one + q_uu * others + q_uv * rows + q_us * inner)
    return np.asarray(mixed + mixed.T)


def cholesky(matrix: FloatArray) -> FloatArray | None:
    """The lower factor; None where there is none."""
    if not matrix.size:
        return matrix
    factor, info = lapack.dpotrf(matrix, lower=1, clean=1)
    return np.asarray(factor) if info == 0 and np.isfinite(factor).all() else None


def inverse_of(matrix: FloatArray) -> FloatArray:
    """The inverse of a positive definite matrix, NaN where it is none. Estimate."""
    factor = cholesky(matrix)
    if factor is None or not matrix.size:
        return np.full(matrix.shape, np.nan)
    inverse, _ = lapack.dpotri(factor, lower=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)
