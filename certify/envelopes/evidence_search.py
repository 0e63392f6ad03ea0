"""The best certified mean of a potential under a Gaussian, in floats: the convex problem behind `gaussian_evidence`.

Estimate. With D = Psi(q) - A and D_ss > 0, the form Q = -(D_uu - D_us D_ss^-1 D_su) in u = (1, z) satisfies
x'Ax/2 <= u'Qu/2 + x'Psi x/2 for every x, so for z ~ N(m, Sigma)

    E f <= tr(Q E[uu'])/2 + sum_k E psi_k(v_k, s_k),

convex in q; the expectations of the first layer are numbers, those of deeper neurons are paid by their suprema.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form
from certify.envelopes.neuron_barrier import BarrierPoint, NeuronConstraints, inside
from certify.envelopes.quadratic_search import (
    LowerObjective,
    cholesky,
    float_form,
    inverse_of,
    lower_objective,
    pair_products,
    sector_forms,
)


@dataclass(frozen=True, eq=False)
class MeanObjective:
    """J(q) = tr(Q E[uu'])/2 + sum of costs . q; `root` a factor of E[uu'], `costs` (k, 5)."""

    lifted: LowerObjective
    root: FloatArray
    costs: FloatArray

    def _parts(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        d = 1 + self.lifted.latent_dim
        form = float_form(self.lifted, coefficients) - self.lifted.form
        return form, form[d:, d:], form[d:, :d] @ self.root

    def value(self, coefficients: FloatArray, mu: float) -> float:
        form, inner, mixed = self._parts(coefficients)
        factor = cholesky(inner)
        if factor is None:
            return np.inf
        d = 1 + self.lifted.latent_dim
        scaled = lapack.dtrtrs(factor, mixed, lower=1)[0]
        outer = (self.root * (form[:d, :d] @ self.root)).sum()
        smooth = 0.5 * ((scaled**2).sum() - outer) + (self.costs * coefficients).sum()
        return float(smooth - 2.0 * mu * np.log(np.diag(factor)).sum())

    def derivatives(self, coefficients: FloatArray, mu: float) -> tuple[FloatArray, FloatArray]:
        _, inner, mixed = self._parts(coefficients)
        d = 1 + self.lifted.latent_dim
        inverse = inverse_of(inner)
        x = np.concatenate([self.root, -inverse @ mixed])
        reach = self.lifted.rows @ x
        gram = reach @ reach.T
        core = self.lifted.rows[:, d:] @ inverse @ self.lifted.rows[:, d:].T
        i, j = self.lifted.first, self.lifted.second
        gradient = -gram[i, j] - 2.0 * mu * core[i, j] + self.costs.ravel()
        hessian = (
            gram[np.ix_(j, j)] * core[np.ix_(i, i)]
            + gram[np.ix_(i, i)] * core[np.ix_(j, j)]
            + gram[np.ix_(j, i)] * core[np.ix_(i, j)]
            + gram[np.ix_(i, j)] * core[np.ix_(j, i)]
        )
        return gradient, hessian + 2.0 * mu * pair_products(core, i, j)


def mean_objective(
    network: LiftedNetwork, form: FloatArray, mean: FloatArray, factor: FloatArray, costs: FloatArray
) -> MeanObjective:
    """The objective for z = m + B y and the midpoint `form` of A."""
    d = network.latent_dim
    root = np.zeros((1 + d, 1 + d))
    root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, mean, factor
    return MeanObjective(lower_objective(network, form), root, costs)


def mean_start(network: LiftedNetwork, form: FloatArray, constraints: NeuronConstraints) -> BarrierPoint | None:
    """psi_k = c_k (s^2 - 4 L^2 v^2), c_k from the last layer to the first, until Psi - A is definite in s."""
    weights, head = np.zeros(network.neurons), 1 + network.latent_dim
    for layer in reversed(network.layers):
        value = 1.0
        for _ in range(200):
            weights[layer] = value
            block = slice(head + layer.start, None)
            part = neuron_form(network, sector_forms(network, weights)).midpoint - form
            if cholesky(part[block, block]) is not None:
                weights[layer] = 2.0 * value
                break
            value *= 2.0
        else:
            return None
    coefficients = sector_forms(network, weights)
    return inside(constraints, coefficients, np.full(len(constraints.neurons), -np.inf), 1.0)
