"""A quadratic form above a potential in (1, z) alone, and the mean of f under a Gaussian that it bounds: any depth.

With forms psi_k, f(z) = x'Ax/2 (`lifted_form`) and Q + Psi - A >= 0, Q a form in u = (1, z), f(z) <= u'Qu/2 +
sum_k psi_k(v_k, s_k) for every z. For z = m + B y, y ~ N(0, I),

    E f <= tr(Q E[uu'])/2 + sum_k eta_k,    eta_k >= E psi_k(v_k, s_k) where v_k is Gaussian, else sup psi_k,

and log int exp(-f) >= -E f + entropy. `mean_expansion` keeps the layers' joint moments and is sharper; here
every number is one of a single neuron, which a second program can confirm in exact arithmetic. Estimate: a candidate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.neuron_barrier import (
    BarrierPoint,
    IntArray,
    NeuronConstraints,
    inside,
    minimise,
    neuron_constraints,
)
from certify.envelopes.neuron_forms import graph_points, suprema_upper
from certify.envelopes.quadratic_search import (
    LowerObjective,
    cholesky,
    float_form,
    inverse_of,
    lower_objective,
    sector_forms,
    sector_weights,
)

FIRST_WEIGHT, LAST_WEIGHT = 1.0, 1e-6
SMOOTH = frozenset({"tanh"})
"""Activations whose means the trapezoidal rule gives to machine precision: analytic in a strip."""

WIDEST = 35.9
"""The greatest variance of an input for which a mean is taken: `checker/check_rejection.py` stops at 36."""

HALF_STEPS = 12 * 64
MOST_DOUBLINGS = 200


@dataclass(frozen=True, eq=False)
class UpperForm:
    """f(z) <= u'Qu/2 + sum psi_k up to rounding: `form` Q (1 + d, 1 + d), `coefficients` (k, 5), `payments` eta (k,).

    `sizes` (k,): the sums of the absolute terms of the means, for what their rounding is.
    """

    form: FloatArray
    coefficients: FloatArray
    payments: FloatArray
    sizes: FloatArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Places in a flat square matrix G of all pairs of rows (i, i'), (i, j'), (j, j'), i = first, j = second."""

    firsts: IntArray
    mixed: IntArray
    seconds: IntArray

    def of(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The entries of G there."""
        flat = np.ravel(matrix)
        return flat.take(self.firsts), flat.take(self.mixed), flat.take(self.seconds)


def pairs_of(first: IntArray, second: IntArray, size: int) -> Pairs:
    """The pairs for a matrix of `size` rows."""
    return Pairs(first[:, None] * size + first, first[:, None] * size + second, second[:, None] * size + second)


@dataclass(frozen=True, eq=False)
class MeanObjective:
    """J(q) = tr(Q E[uu'])/2 + sum of costs . q for the coefficients q, convex. Estimate.

    With s the neurons' outputs, D = Psi(q) - A and D_ss > 0, the form Q = -(D_uu - D_us D_ss^-1 D_su) satisfies
    x'Ax/2 <= u'Qu/2 + x'Psi x/2 for every x.

    head, tail    coordinates of u and of s in x;  root    a factor of E[uu'];  costs (k, 5), with products (k, 9)
    """

    lifted: LowerObjective
    pairs: Pairs
    head: IntArray
    tail: IntArray
    root: FloatArray
    costs: FloatArray

    @classmethod
    def of(
        cls, network: LiftedNetwork, form: FloatArray, mean: FloatArray, factor: FloatArray, costs: FloatArray
    ) -> Self:
        """The objective for the midpoint `form` of A, where z has the mean m and the covariance BB', B = `factor`."""
        d = network.latent_dim
        root = np.zeros((1 + d, 1 + d))
        root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, mean, factor
        head, tail = np.split(np.arange(network.size), [1 + network.latent_dim])
        lifted = lower_objective(network, form)
        return cls(lifted, pairs_of(lifted.first, lifted.second, len(lifted.rows)), head, tail, root, costs)

    def gap(self, coefficients: FloatArray) -> FloatArray:
        """Psi - A."""
        return np.asarray(float_form(self.lifted, coefficients) - self.lifted.form)

    def form_above(self, coefficients: FloatArray) -> FloatArray:
        """Q, (1 + d, 1 + d), symmetric; no numbers where D_ss is singular."""
        gap = self.gap(coefficients)
        mixed = gap[np.ix_(self.head, self.tail)]
        try:
            inner = np.linalg.solve(gap[np.ix_(self.tail, self.tail)], mixed.T)
        except np.linalg.LinAlgError:
            return np.full((len(self.head), len(self.head)), np.nan)
        found = mixed @ inner - gap[np.ix_(self.head, self.head)]
        return np.asarray(0.5 * (found + found.T))

    def _parts(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        form = self.gap(coefficients)
        rows = form[self.tail]
        return form[np.ix_(self.head, self.head)], rows[:, self.tail], rows[:, self.head] @ self.root

    def value(self, coefficients: FloatArray, mu: float) -> float:
        form, inner, mixed = self._parts(coefficients)
        factor = cholesky(inner)
        if factor is None:
            return np.inf
        scaled = lapack.dtrtrs(factor, mixed, lower=1)[0]
        smooth = 0.5 * ((scaled**2).sum() - (self.root * (form @ self.root)).sum())
        return float(smooth + (self.costs * coefficients).sum() - 2.0 * mu * np.log(np.diag(factor)).sum())

    def derivatives(self, coefficients: FloatArray, mu: float) -> tuple[FloatArray, FloatArray]:
        _, inner, mixed = self._parts(coefficients)
        inverse = inverse_of(inner)
        rows = self.lifted.rows
        reach = rows[:, self.head] @ self.root - rows[:, self.tail] @ inverse @ mixed
        gram, core = reach @ reach.T, rows[:, self.tail] @ inverse @ rows[:, self.tail].T
        i, j, pairs = self.lifted.first, self.lifted.second, self.pairs
        gradient = -gram[i, j] - 2.0 * mu * core[i, j] + self.costs.ravel()
        (ii, ij, jj), (core_ii, core_ij, core_jj) = pairs.of(gram), pairs.of(core)
        mixed = ij * core_ij.T
        hessian = jj * core_ii + ii * core_jj + mixed + mixed.T
        return gradient, hessian + 2.0 * mu * (core_ii * core_jj + core_ij * core_ij.T)


def averaged_neurons(network: LiftedNetwork, factor: FloatArray) -> IntArray:
    """The neurons that pay a mean under a Gaussian with B = `factor`: smooth ones, linear in z, not too wide."""
    deep = ((np.abs(network.inputs.midpoint) + network.inputs.radius)[:, 1 + network.latent_dim :] > 0).any(axis=1)
    smooth = np.array([name in SMOOTH for name, _ in network.sigmas], dtype=bool)
    slopes = network.inputs.midpoint[:, 1 : 1 + network.latent_dim] @ factor
    return np.flatnonzero(~deep & smooth & ((slopes**2).sum(axis=1) < WIDEST))


def upper_form(network: LiftedNetwork, form: FloatArray, mean: FloatArray, factor: FloatArray) -> UpperForm | None:
    """The best form for N(m, BB') that the search finds; `form` the midpoint of A. None where it does not start."""
    d, k = network.latent_dim, network.neurons
    averaged = averaged_neurons(network, factor)
    paying = np.setdiff1d(np.arange(k), averaged)
    costs = np.zeros((k, 5))
    costs[averaged] = _means(network, averaged, mean, factor)
    objective = MeanObjective.of(network, form, mean, factor, costs)
    constraints = neuron_constraints(network, np.maximum(1.0, np.diag(form)[1 + d :]), paying)
    start = first_above(network, objective, constraints)
    if start is None:
        return None
    coefficients = minimise(objective, constraints, start, FIRST_WEIGHT, LAST_WEIGHT).last.coefficients
    payments = (costs * coefficients).sum(axis=1)
    payments[paying] = suprema_upper(tuple(network.sigmas[index] for index in paying), coefficients[paying])
    proposed = objective.form_above(coefficients)
    known = np.isfinite(proposed).all() and np.isfinite(payments).all()
    sizes = np.abs(costs * coefficients).sum(axis=1)
    return UpperForm(proposed, coefficients, payments, sizes) if known else None


@np.errstate(over="ignore", invalid="ignore")
def first_above(
    network: LiftedNetwork, objective: MeanObjective, constraints: NeuronConstraints
) -> BarrierPoint | None:
    """psi_k = c_k (s^2 - 4 L^2 v^2), doubled until Psi - A is definite in s."""
    weights = sector_weights(network)
    if weights is None:
        return None
    for doubling in range(MOST_DOUBLINGS):
        found = sector_forms(network, weights * 2.0**doubling)
        if np.isfinite(objective.value(found, 1.0)):
            return inside(constraints, found, np.full(len(constraints.neurons), -np.inf), 1.0)
    return None


def _means(network: LiftedNetwork, neurons: IntArray, mean: FloatArray, factor: FloatArray) -> FloatArray:
    """E(v, s, v^2, vs, s^2), (k, 5), by the trapezoidal rule."""
    rows = network.inputs.midpoint[neurons][:, : 1 + mean.size]
    middles, deviations = rows @ np.concatenate([[1.0], mean]), np.linalg.norm(rows[:, 1:] @ factor, axis=1)
    nodes = np.arange(-HALF_STEPS, HALF_STEPS + 1) / 64
    weights = np.exp(-0.5 * nodes**2) / (64 * math.sqrt(2 * math.pi))
    found = np.zeros((len(neurons), 5))
    for place, index in enumerate(neurons):
        points = graph_points(network.sigmas[index], middles[place] + deviations[place] * nodes)
        found[place] = weights @ points
    return found
