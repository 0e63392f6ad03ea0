"""The best certified mean of a potential under a Gaussian, in floats: the convex problem behind `gaussian_evidence`.

Estimate. With u = (1, z, s of the first layer), whose second moments are known, e the outputs of the second layer,
D = Psi(q) - A and D_ee > 0, the form Q = -(D_uu - D_ue D_ee^-1 D_eu) satisfies x'Ax/2 <= u'Qu/2 + x'Psi x/2 for every
x, so

    E f <= tr(Q E[uu'])/2 + sum_k E psi_k(v_k, s_k) over the second layer, convex in q.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.neuron_barrier import BarrierPoint, IntArray, NeuronConstraints, inside
from certify.envelopes.neuron_moments import NeuronMoments
from certify.envelopes.quadratic_search import (
    LowerObjective,
    cholesky,
    float_form,
    inverse_of,
    lower_objective,
)


@dataclass(frozen=True, eq=False)
class MeanObjective:
    """J(q) = tr(Q E[uu'])/2 + sum of costs . q for the second layer's coefficients q (k, 5).

    head, tail    coordinates of u and of e in x;  root    a factor of E[uu'];  costs (k, 5)
    """

    lifted: LowerObjective
    head: IntArray
    tail: IntArray
    root: FloatArray
    costs: FloatArray

    def _parts(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        form = float_form(self.lifted, coefficients) - self.lifted.form
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
        i, j, pairs = self.lifted.first, self.lifted.second, self.lifted.pairs
        gradient = -gram[i, j] - 2.0 * mu * core[i, j] + self.costs.ravel()
        (ii, ij, jj), (core_ii, core_ij, core_jj) = pairs.of(gram), pairs.of(core)
        mixed = ij * core_ij.T
        hessian = jj * core_ii + ii * core_jj + mixed + mixed.T
        return gradient, hessian + 2.0 * mu * (core_ii * core_jj + core_ij * core_ij.T)


def mean_objective(network: LiftedNetwork, form: FloatArray, moments: NeuronMoments) -> MeanObjective:
    """The objective for the midpoint `form` of A."""
    values, vectors = np.linalg.eigh(moments.square.midpoint)
    costs = 0.5 * moments.costs.low + 0.5 * moments.costs.high
    lifted = lower_objective(network, form, moments.second)
    head, tail = moments.coordinates(network)
    return MeanObjective(lifted, head, tail, vectors * np.sqrt(np.maximum(values, 0.0)), costs)


def mean_start(objective: MeanObjective, constraints: NeuronConstraints) -> BarrierPoint | None:
    """psi_k = c s^2 with c so large that D_ee is definite."""
    coefficients = np.zeros(objective.costs.shape)
    for power in range(200):
        coefficients[:, 4] = 2.0**power
        if np.isfinite(objective.value(coefficients, 1.0)):
            return inside(constraints, coefficients, np.full(len(coefficients), -np.inf), 1.0)
    return None
