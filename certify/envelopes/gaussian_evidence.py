"""log int exp(-f) from below, by the mean of f under one Gaussian: for networks of up to two hidden layers.

By Jensen log int exp(-f) >= -E f + h(N) for z = m + B y, y ~ N(0, I), h its entropy. With f(z) = x'Ax/2 (`lifted_form`)
and any forms psi_k with Q + Psi - A > 0, Q on u = (1, z): one Cholesky factorisation in midpoint-radius arithmetic,

    E f <= tr(Q E[uu'])/2 + sum_k E g_k(v_k),    g_k(v) = psi_k(v, sigma_k(v)),

and the means of the g_k come from `neuron_moments`. The forms come from a float search and are not trusted.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, hadamard, multiply, subtract
from certify.envelopes.evidence_search import mean_objective, mean_start
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form
from certify.envelopes.neuron_barrier import bend_constraints, minimise
from certify.envelopes.neuron_forms import Features, bends_upper
from certify.envelopes.neuron_moments import NeuronMoments, neuron_moments

RELAXATIONS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
FIRST_WEIGHT, LAST_WEIGHT = 1.0, 1e-6


def log_evidence_lower(network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray) -> float:
    """Lower bound of log int exp(-f), rounded down, by N(m, BB') with lower triangular B; -inf where none is found."""
    moments = neuron_moments(network, mean, factor)
    if moments is None or not np.isfinite(moments.costs.high - moments.costs.low).all():
        return -math.inf
    scales = np.maximum(1.0, np.diag(form.midpoint)[1 + network.latent_dim :])
    constraints = bend_constraints(network, scales, moments.rests)
    costs = 0.5 * moments.costs.low + 0.5 * moments.costs.high
    objective = mean_objective(network, form.midpoint, mean, factor, costs)
    start = mean_start(network, form.midpoint, constraints)
    if start is None:
        return -math.inf
    found, _, _ = minimise(objective, constraints, start, FIRST_WEIGHT, LAST_WEIGHT)
    return verified_evidence(network, form, mean, factor, moments, found.coefficients)


def verified_evidence(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray, moments: NeuronMoments,
    coefficients: FloatArray,
) -> float:  # fmt: skip
    """The bound that forms with these `coefficients` give, or -inf. Guarantee: certified, whatever they are."""
    d = network.latent_dim
    bends = np.maximum(bends_upper(network.sigmas, coefficients), 0.0)
    with np.errstate(invalid="ignore"):
        # A rest that is zero costs nothing, whatever the bend.
        bent = np.where(moments.rests == 0, 0.0, 0.5 * bends * moments.rests) * (1 + 2.0**-50)
    paid = np.array([
        Features(moments.costs.low[k : k + 1], moments.costs.high[k : k + 1]).upper(coefficients[k : k + 1])[0, 0]
        for k in range(network.neurons)
    ])
    upper_form = _majorant(network, subtract(neuron_form(network, coefficients), form))
    if upper_form is None or not (np.isfinite(bent).all() and np.isfinite(paid).all()):
        return -math.inf
    root = np.zeros((1 + d, 1 + d))
    root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, mean, factor
    second = multiply(exact_matrix(root), exact_matrix(root.T))
    traced = hadamard(exact_matrix(upper_form), second)
    with precision():
        trace = sum((ball(float(x)) for x in traced.midpoint.ravel()), arb(0))
        trace += sum((ball(float(x)) for x in traced.radius.ravel()), arb(0))
        total = trace / 2 + sum((ball(float(x)) for x in np.concatenate([paid, bent])), arb(0))
        entropy = sum((ball(float(x)).log() for x in np.abs(np.diag(factor))), d * (1 + (2 * arb.pi()).log()) / 2)
        return lower(entropy - total)


def _majorant(network: LiftedNetwork, gap: MatrixBall) -> FloatArray | None:
    """Floats Q (1 + d square) with Q + gap > 0 on x, verified; `gap` = Psi - A."""
    head = 1 + network.latent_dim
    middle = gap.midpoint
    try:
        proposed = middle[:head, head:] @ np.linalg.solve(middle[head:, head:], middle[head:, :head])
    except np.linalg.LinAlgError:
        return None
    proposed = proposed - middle[:head, :head]
    proposed = 0.5 * (proposed + proposed.T)
    if not np.isfinite(proposed).all():
        return None
    size = np.maximum(np.abs(np.diag(proposed)), 1.0)
    for relaxation in RELAXATIONS:
        candidate = proposed + relaxation * np.diag(size)
        padded = np.zeros(gap.shape)
        padded[:head, :head] = candidate
        if positive_definite(add(gap, exact_matrix(padded))) is True:
            return np.asarray(candidate)
    return None
