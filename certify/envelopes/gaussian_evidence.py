"""log int exp(-f) from below, by the mean of f under one Gaussian: for networks of up to two hidden layers.

By Jensen log int exp(-f) >= -E f + h(N) for z = m + B y, y ~ N(0, I), h its entropy. With f(z) = x'Ax/2 (`lifted_form`)
and any forms psi_k of the second layer with Q + Psi - A > 0, one Cholesky factorisation in midpoint-radius arithmetic,
Q a form in u = (1, z, s of the first layer),

    E f <= tr(Q E[uu'])/2 + sum_k E g_k(v_k),    g_k(v) = psi_k(v, sigma_k(v)),

and the means come from `neuron_moments`. The forms come from a float search and are not trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, hadamard, subtract
from certify.envelopes.evidence_search import mean_objective, mean_start
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form
from certify.envelopes.neuron_barrier import IntArray, bend_constraints, minimise
from certify.envelopes.neuron_forms import bends_upper
from certify.envelopes.neuron_moments import NeuronMoments, neuron_moments
from certify.envelopes.posterior_moments import Moments

NARROWER = (1.0, 0.75, 0.6, 0.45, 0.35)
"""Multiples of the posterior's deviations at which a Gaussian is tried, in this order."""

TRACE = 1e-9
"""Of s^2, for the definiteness that the factorisation asks for."""

RELAXATIONS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
FIRST_WEIGHT, LAST_WEIGHT = 1.0, 1e-6


@dataclass(frozen=True, eq=False)
class MeanBound:
    """log int exp(-f) >= `lower` by the mean of f under N(m, BB'), with all that `verified_evidence` needs.

    `mean` m (d,), `factor` B (d, d), lower triangular; `coefficients` (k, 5) of the second layer's forms.
    """

    lower: float
    mean: FloatArray
    factor: FloatArray
    coefficients: FloatArray


def best_evidence_lower(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MeanBound | None:
    """The largest `log_evidence_lower` by Gaussians around the posterior's mean, narrower and narrower.

    The rests of the second layer's inputs fall with the square of the width a, and what they cost with a^4. A Gaussian
    posterior itself loses d (log(1/a) - (1 - a^2)/2), so the next a is tried while the loss is larger than that and
    the last one helped. Guarantee: certified, whatever `moments` say.
    """
    best: MeanBound | None = None
    for width in NARROWER:
        least = len(moments.mean) * (math.log(1.0 / width) - 0.5 * (1.0 - width**2))
        if best is not None and moments.log_integral - best.lower <= least:
            break
        found = log_evidence_lower(network, form, moments.mean, width * moments.factor)
        if found is None or (best is not None and found.lower <= best.lower):
            break
        best = found
    return best


def log_evidence_lower(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray
) -> MeanBound | None:
    """Lower bound of log int exp(-f), rounded down, by N(m, BB') with lower triangular B; None where none is found."""
    moments = _known_moments(network, mean, factor)
    if moments is None:
        return None
    coefficients = np.zeros((len(moments.second), 5))
    tail = moments.coordinates(network)[1]
    if not form.midpoint[np.ix_(tail, tail)].any():
        # f is linear in the second layer's outputs (logits): psi_k is what it says of them, and a trace of s^2.
        coefficients[:, 1], coefficients[:, 4] = form.midpoint[0, tail], TRACE
    else:
        scales = np.maximum(1.0, np.diag(form.midpoint)[moments.coordinates(network)[1]])
        sigmas = tuple(network.sigmas[index] for index in moments.second)
        constraints = bend_constraints(sigmas, scales, moments.rests)
        objective = mean_objective(network, form.midpoint, moments)
        start = mean_start(objective, constraints)
        if start is None:
            return None
        coefficients = minimise(objective, constraints, start, FIRST_WEIGHT, LAST_WEIGHT).last.coefficients
    found = verified_evidence(network, form, factor, moments, coefficients)
    return MeanBound(found, mean, factor, coefficients) if math.isfinite(found) else None


def evidence_again(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray, coefficients: FloatArray
) -> float:
    """Lower bound of log int exp(-f) by these forms, rounded down, without a search; -inf if they prove nothing."""
    moments = _known_moments(network, mean, factor)
    if moments is None or coefficients.shape != (len(moments.second), 5):
        return -math.inf
    return verified_evidence(network, form, factor, moments, coefficients)


def _known_moments(network: LiftedNetwork, mean: FloatArray, factor: FloatArray) -> NeuronMoments | None:
    """The moments under N(m, BB'); None where they are not all finite."""
    moments = neuron_moments(network, mean, factor)
    if moments is None or not (moments.square.is_finite and np.isfinite(moments.costs.high - moments.costs.low).all()):
        return None
    return moments


def verified_evidence(
    network: LiftedNetwork, form: MatrixBall, factor: FloatArray, moments: NeuronMoments, coefficients: FloatArray
) -> float:
    """The bound that forms with these `coefficients` (k, 5) give, or -inf. Guarantee: certified, whatever they are."""
    d = network.latent_dim
    bends = np.maximum(bends_upper(tuple(network.sigmas[k] for k in moments.second), coefficients), 0.0)
    bent = 0.5 * bends * moments.rests * (1 + 2.0**-50)
    paid = np.array([moments.costs.row(k).upper(row[None])[0, 0] for k, row in enumerate(coefficients)])
    every = np.zeros((network.neurons, 5))
    every[moments.second] = coefficients
    head, tail = moments.coordinates(network)
    upper_form = _majorant(subtract(neuron_form(network, every), form), head, tail)
    # The entropy is read off the diagonal.
    if upper_form is None or np.triu(factor, 1).any() or not (np.isfinite(bent).all() and np.isfinite(paid).all()):
        return -math.inf
    traced = hadamard(exact_matrix(upper_form), moments.square)
    with precision():
        trace = sum((ball(float(x)) for x in traced.midpoint.ravel()), arb(0))
        trace += sum((ball(float(x)) for x in traced.radius.ravel()), arb(0))
        total = trace / 2 + sum((ball(float(x)) for x in np.concatenate([paid, bent])), arb(0))
        entropy = sum((ball(float(x)).log() for x in np.abs(np.diag(factor))), d * (1 + (2 * arb.pi()).log()) / 2)
        return lower(entropy - total)


def _majorant(gap: MatrixBall, head: IntArray, tail: IntArray) -> FloatArray | None:
    """Floats Q on the coordinates `head` with Q + gap > 0 on all of x, verified; `gap` = Psi - A."""
    middle = gap.midpoint
    mixed = middle[np.ix_(head, tail)]
    try:
        proposed = mixed @ np.linalg.solve(middle[np.ix_(tail, tail)], mixed.T) - middle[np.ix_(head, head)]
    except np.linalg.LinAlgError:
        return None
    proposed = 0.5 * (proposed + proposed.T)
    if not np.isfinite(proposed).all():
        return None
    size = np.maximum(np.abs(np.diag(proposed)), 1.0)
    for relaxation in RELAXATIONS:
        candidate = proposed + relaxation * np.diag(size)
        padded = np.zeros(gap.shape)
        padded[np.ix_(head, head)] = candidate
        if positive_definite(add(gap, exact_matrix(padded))) is True:
            return np.asarray(candidate)
    return None
