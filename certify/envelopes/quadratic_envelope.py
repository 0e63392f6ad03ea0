"""Method E2: one Gaussian above exp(-f) on all of R^d, from a quadratic form in the outputs of all neurons.

f(z) = x'Ax/2 at x = (1, z, s) (`lifted_form`), and sum_k psi_k(v_k, s_k) = x'Psi x/2 <= sum_k eta_k for any forms psi_k
with eta_k >= sup_v psi_k(v, sigma_k(v)) (`neuron_forms`). So f(z) >= x'(A + Psi)x/2 - sum eta, and if

    A + Psi + 2h e_0 e_0' - (L'(z - mu) as a row of x)'(...)  > 0,

one Cholesky factorisation in midpoint-radius arithmetic, then f(z) >= |L'(z - mu)|^2/2 - h - sum eta for every z and

    exp(-f) <= C N(mu, (L L')^-1),    log C = h + sum eta + (d/2) log(2 pi) - sum_i log L_ii.

No derivative, no invertibility, no bounded region, no point around which anything is expanded; every activation, kinks
included; no products. The forms come from a float search (`quadratic_search`) and are not trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, multiply, subtract
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.gaussian_evidence import log_evidence_lower
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network, neuron_form, potential_form
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_barrier import BarrierPoint, NeuronConstraints, minimise, neuron_constraints
from certify.envelopes.neuron_forms import suprema_upper
from certify.envelopes.quadratic_search import first_point, lower_objective
from certify.envelopes.rejection import exact_draws
from certify.generators.graph import Generator, Graph

FIRST_WEIGHT = 1.0
WARM_WEIGHT = 1e-2
LAST_WEIGHT = 1e-5
"""Weights of the barrier: cold start, start from another observation's path, end."""

METHOD = "quadratic form"

DRAWS, LEAST_DRAWS, MOST_PROPOSALS = 4000, 200, 10**6
"""Accepted draws whose mean and covariance are used, the least number worth using, proposals spent on them."""

RELAXATIONS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
"""Shares of the form given up, in this order, until the inequality is verified."""


@dataclass(frozen=True, eq=False)
class QuadraticBound:
    """f(z) >= |L'(z - mu)|^2/2 - `offset` for every z, rounded outward: `mean` mu (d,), `root` L (d, d) lower."""

    mean: FloatArray
    root: FloatArray
    offset: float

    @property
    def proposal(self) -> Mixture:
        """N(mu, (L L')^-1)."""
        return Mixture(np.ones(1), self.mean[None], self.root[None])

    @property
    def log_constant(self) -> float:
        """Log C from above."""
        with precision():
            log_two_pi = (2 * arb.pi()).log()
            logs = sum((ball(float(entry)).log() for entry in np.diag(self.root)), arb(0))
            return upper(ball(self.offset) + self.mean.size * log_two_pi / 2 - logs)


@dataclass(frozen=True, eq=False)
class Preparation:
    """What all observations of a generator share: the lifted network, the constraints, a point of the central path."""

    network: LiftedNetwork
    constraints: NeuronConstraints
    start: BarrierPoint


def prepare(graph: Graph, observation: FloatArray, beta: float) -> Preparation | None:
    """The search at a first `observation`, to start the others from; None where the form or the search does not apply.

    The constraints and the definiteness of A + Psi do not depend on the observation, so any point is feasible for all.
    """
    network = lifted_network(graph)
    if network is None:
        return None
    form = potential_form(network, observation, beta).midpoint
    scales = np.maximum(1.0, np.diag(form)[1 + network.latent_dim :])
    constraints = neuron_constraints(network, scales)
    objective = lower_objective(network, form)
    first = first_point(network, objective, constraints)
    if first is None:
        return None
    _, middle, _ = minimise(objective, constraints, first, FIRST_WEIGHT, LAST_WEIGHT)
    return Preparation(network, constraints, middle)


def quadratic_bound(prepared: Preparation, observation: FloatArray, beta: float) -> QuadraticBound | None:
    """The best form that the search finds and the inequality verifies; None if it is not verified."""
    network = prepared.network
    form = potential_form(network, observation, beta)
    objective = lower_objective(network, form.midpoint)
    found, _, _ = minimise(objective, prepared.constraints, prepared.start, WARM_WEIGHT, LAST_WEIGHT)
    return verified_bound(network, form, found.coefficients)


def quadratic_envelope(
    prepared: Preparation, generator: Generator, observation: FloatArray, beta: float, seed: int = 0
) -> Envelope | None:
    """The envelope of exp(-f) over all of R^d by one Gaussian, with its integral from below where that is certified.

    The integral is bounded through the Gaussian with the mean and the covariance of accepted draws.
    """
    bound = quadratic_bound(prepared, observation, beta)
    if bound is None:
        return None
    envelope = Envelope(bound.proposal, bound.log_constant, -math.inf, 0, METHOD)
    likelihood = GaussianLikelihood(observation, beta)
    draws = exact_draws(generator, likelihood, envelope, DRAWS, seed, MOST_PROPOSALS)
    if len(draws) < LEAST_DRAWS:
        return envelope
    try:
        factor = np.asarray(np.linalg.cholesky(np.atleast_2d(np.cov(draws.T))), dtype=np.float64)
    except np.linalg.LinAlgError:
        return envelope
    form = potential_form(prepared.network, observation, beta)
    integral = log_evidence_lower(prepared.network, form, draws.mean(axis=0), factor)
    return replace(envelope, log_integral=integral)


def verified_bound(network: LiftedNetwork, form: MatrixBall, coefficients: FloatArray) -> QuadraticBound | None:
    """The bound that forms with these `coefficients` (k, 5) give, or None. Guarantee: certified, whatever they are."""
    payments = suprema_upper(network.sigmas, coefficients)
    if not (np.isfinite(payments).all() and np.isfinite(coefficients).all()):
        return None
    total = add(form, neuron_form(network, coefficients))
    proposed = _minimised(total.midpoint, network.latent_dim)
    if proposed is None:
        return None
    mean, precision_matrix, least = proposed
    for relaxation in RELAXATIONS:
        try:
            root = np.asarray(np.linalg.cholesky((1.0 - relaxation) * precision_matrix), dtype=np.float64)
        except np.linalg.LinAlgError:
            return None
        offset = relaxation * (1.0 + abs(least)) - least
        if _is_below(total, mean, root, offset):
            with precision():
                paid = sum((ball(float(payment)) for payment in payments), ball(offset))
                return QuadraticBound(mean, root, upper(paid))
    return None


def _minimised(total: FloatArray, d: int) -> tuple[FloatArray, FloatArray, float] | None:
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


def _is_below(total: MatrixBall, mean: FloatArray, root: FloatArray, offset: float) -> bool:
    """Whether x'Mx/2 + offset > |L'(z - mu)|^2/2 for every x != 0, homogenised. Verified."""
    d, size = mean.size, total.shape[0]
    columns = exact_matrix(root.T)
    shift = multiply(columns, exact_matrix(-mean[:, None]))
    middle, radius = np.zeros((d, size)), np.zeros((d, size))
    middle[:, :1], radius[:, :1] = shift.midpoint, shift.radius
    middle[:, 1 : 1 + d] = columns.midpoint
    rows = MatrixBall(middle, radius)
    constant = np.zeros((size, size))
    constant[0, 0] = 2.0 * offset
    return positive_definite(add(subtract(total, multiply(rows.transpose, rows)), exact_matrix(constant))) is True
