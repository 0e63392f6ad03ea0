"""Method E2: a mixture of Gaussians above exp(-f) on all of R^d, from quadratic forms in the outputs of all neurons.

f(z) = x'Ax/2 at x = (1, z, s) (`lifted_form`), and sum_k psi_k(v_k, s_k) = x'Psi x/2 <= sum_k eta_k for any forms psi_k
with eta_k >= sup_v psi_k(v, sigma_k(v)) (`neuron_forms`). So f(z) >= x'(A + Psi)x/2 - sum eta, and if

    A + Psi + 2h e_0 e_0' - (L'(z - mu) as a row of x)'(...)  > 0,

one Cholesky factorisation in midpoint-radius arithmetic, then f(z) >= |L'(z - mu)|^2/2 - h - sum eta for every z and

    exp(-f) <= C N(mu, (L L')^-1),    log C = h + sum eta + (d/2) log(2 pi) - sum_i log L_ii.

That is one Gaussian for all of R^d. Inside an ellipsoid the neurons' inputs have ranges, so forms are sharper there:
with forms of its own for each of a family of regions that cover R^d (`region_bound`) a mixture is proved, and that
Gaussian, somewhat wider, is left for what lies far out. No derivative, no invertibility; every activation, kinks
included, and products of which one factor is bounded (`product_forms`). The forms come from float searches
(`quadratic_search`, `region_search`, `region_fit`) and are not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, multiply, subtract
from certify.bounds.ranges import Interval
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.cell_envelope import cell_bound
from certify.envelopes.cells import cells_of, tries_for
from certify.envelopes.lifted_form import (
    NEURON_WIDTH,
    PRODUCT_WIDTH,
    LiftedNetwork,
    lifted_network,
    logits_form,
    neuron_form,
    potential_form,
    with_softplus,
)
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.envelopes.mixture_evidence import best_integral
from certify.envelopes.neuron_barrier import BarrierPath, BarrierPoint, NeuronConstraints, minimise, neuron_constraints
from certify.envelopes.posterior_moments import Moments, posterior_moments
from certify.envelopes.product_forms import has_bounded_factors, payments_upper
from certify.envelopes.quadratic_search import LowerObjective, first_point, lower_objective, minimised
from certify.envelopes.region_bound import MixtureBound, region_bound
from certify.envelopes.region_fit import fit_mixture
from certify.envelopes.region_search import (
    STEPS_BETWEEN,
    dictionary_of,
    ellipsoids_of,
    minorant,
    search_forms,
)
from certify.envelopes.regions import Region, input_ranges, regions_between
from certify.envelopes.shell_evidence import ShellEvidence
from certify.generators.graph import Generator, Graph

FIRST_WEIGHT = 1.0
WARM_WEIGHT = 1e-2
LAST_WEIGHT = 1e-5
"""Weights of the barrier: cold start, start from another observation's path, end."""

WEAK, HOPELESS = 8.0, 30.0
"""-log p between which cells are tried: from 7,000 proposals at epsilon = 0.1 on."""

ENOUGH = 5.0
"""Log of the evaluations for one draw that are expected where no more cells are cut."""

MOST_SEARCHED = 500
"""Neurons beyond which no form is searched for: with 200 of them an observation takes 20 seconds, with 400 140."""
MOST_SEARCHED_PRODUCTS = MOST_SEARCHED * NEURON_WIDTH // PRODUCT_WIDTH
"""The same where some are products."""

MOST_CUT = 100
"""Neurons beyond which it is not: in a minute there are too few cells to gain anything (`mlp_d8`)."""

METHOD = "quadratic form"

EnvelopedLikelihood: TypeAlias = GaussianLikelihood | BernoulliLikelihood
"""Whose potential is a quadratic form in (1, z, s)."""

Part: TypeAlias = tuple[Region, Interval | None, FloatArray]
"""A region with its inputs' ranges and the coefficients of its forms."""

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


def prepare(graph: Graph, likelihood: EnvelopedLikelihood) -> Preparation | None:
    """The search at a first observation, to start the others from; None where the form or the search does not apply.

    The constraints and the definiteness of A + Psi do not depend on the observation, so any point is feasible for all.
    """
    network = network_of(graph, likelihood)
    if network is None or is_too_wide(network) or not has_bounded_factors(network):
        return None
    form = form_of(network, likelihood).midpoint
    scales = np.maximum(1.0, np.diag(form)[1 + network.latent_dim :])
    constraints = neuron_constraints(network, scales)
    objective = lower_objective(network, form)
    first = first_point(network, objective, constraints)
    if first is None:
        return None
    path = minimise(objective, constraints, first, FIRST_WEIGHT, LAST_WEIGHT)
    return Preparation(network, constraints, path.middle)


def is_too_wide(network: LiftedNetwork) -> bool:
    """Whether a search would take longer than anybody waits."""
    return network.neurons > (MOST_SEARCHED if network.partners is None else MOST_SEARCHED_PRODUCTS)


def network_of(graph: Graph, likelihood: EnvelopedLikelihood) -> LiftedNetwork | None:
    """The network in whose neurons the potential is a quadratic form; None where they are too many."""
    return lifted_network(with_softplus(graph) if isinstance(likelihood, BernoulliLikelihood) else graph)


def form_of(network: LiftedNetwork, likelihood: EnvelopedLikelihood) -> MatrixBall:
    """A with f(z) = x'Ax/2, rounded outward; for bits `network` ends in the softplus of the logits."""
    if isinstance(likelihood, BernoulliLikelihood):
        return logits_form(network, likelihood.observation)
    return potential_form(network, likelihood.observation, likelihood.beta)


def quadratic_bound(prepared: Preparation, observation: FloatArray, beta: float) -> QuadraticBound | None:
    """The best form on all of R^d that the search finds and the inequality verifies; None if it is not verified."""
    found = searched_bound(prepared, observation, beta)
    return None if found is None else found[0]


def searched_bound(
    prepared: Preparation, observation: FloatArray, beta: float
) -> tuple[QuadraticBound, FloatArray] | None:
    """`quadratic_bound` with the neurons' coefficients (k, 5) that prove it."""
    network = prepared.network
    form = potential_form(network, observation, beta)
    objective = lower_objective(network, form.midpoint)
    coefficients = _whole_search(prepared, objective).last.coefficients
    bound = verified_bound(network, form, coefficients)
    return None if bound is None else (bound, coefficients)


def _whole_search(prepared: Preparation, objective: LowerObjective) -> BarrierPath:
    return minimise(objective, prepared.constraints, prepared.start, WARM_WEIGHT, LAST_WEIGHT, FIRST_WEIGHT)


def quadratic_envelope(
    prepared: Preparation, generator: Generator, likelihood: EnvelopedLikelihood, seed: int = 0
) -> Envelope | None:
    """The envelope of exp(-f) over all of R^d by a mixture, with its integral from below where that is certified.

    Ellipsoids are put around the posterior's mean, estimated like its covariance; what lies beyond the last belongs to
    the form on all of R^d. The integral is bounded through the Gaussian with that mean and covariance.
    """
    network = prepared.network
    form = form_of(network, likelihood)
    objective = lower_objective(network, form.midpoint)
    outer = _whole_search(prepared, objective)
    whole = verified_bound(network, form, outer.last.coefficients)
    if whole is None:
        return None
    moments = posterior_moments(generator.graph, likelihood, whole.proposal, seed)
    parts = _layers(prepared, objective, outer, moments)
    bounds = (
        _single_bound(network, form, whole, outer.last),
        verified_mixture(network, form, objective, parts, seed) if parts else None,
    )
    proofs = [bound for bound in bounds if bound is not None]
    if not proofs:
        return None
    best = min(proofs, key=lambda bound: bound.log_constant)
    integral = best_integral(network, form, moments)
    lower = -math.inf if integral is None else integral.lower
    is_small = network.partners is None and network.neurons <= MOST_CUT
    # What is worth cutting is judged by log C alone where most that is missing is missing of the integral.
    reached = moments.log_integral if isinstance(integral, ShellEvidence) else lower
    if is_small and parts and WEAK < best.log_constant - reached < HOPELESS:
        forms = [
            minorant(network, objective, *part) for part in (*parts[STEPS_BETWEEN - 1 :: STEPS_BETWEEN], parts[-1])
        ]
        scales, known = prepared.constraints.scales, [item for item in forms if item is not None]
        try:
            sharper = cell_bound(network, form, objective, scales, outer, moments, known, reached + ENOUGH, seed)
        except np.linalg.LinAlgError:
            # What is proved without cells stands.
            sharper = None
        if sharper is not None and sharper.log_constant + math.log(sharper.evaluated) < best.log_constant:
            best = sharper
    return Envelope(
        best.proposal,
        best.log_constant,
        lower,
        0,
        METHOD,
        best,
        integral,
        best.evaluated,
        tries_for(best.evaluated),
        cells_of(best.regions) if best.evaluated < 1.0 else None,
    )


def _single_bound(
    network: LiftedNetwork, form: MatrixBall, whole: QuadraticBound, forms: BarrierPoint
) -> MixtureBound | None:
    """The one Gaussian of `whole` as a mixture on one region, R^d."""
    paid = float(payments_upper(network, forms.coefficients).sum())
    proof = region_bound(
        network, form, whole.proposal, Region(None, None), None, forms.coefficients, np.ones(1), 0.0, 0.0,
        whole.offset - paid,
    )  # fmt: skip
    return None if proof is None else MixtureBound(whole.proposal, proof.log_constant, (proof,))


def _layers(
    prepared: Preparation,
    objective: LowerObjective,
    outer: BarrierPath,
    moments: Moments,
) -> list[Part]:
    """Regions around the posterior's mean with their inputs' ranges and forms, the last on all of R^d; none if none."""
    network = prepared.network
    far = minorant(network, objective, Region(None, None), None, outer.last.coefficients)
    if far is None:
        return []
    ellipsoids = ellipsoids_of(moments, far)
    ranges = input_ranges(network, ellipsoids)
    searched = ranges[STEPS_BETWEEN - 1 :: STEPS_BETWEEN]
    forms = search_forms(network, objective, outer, prepared.constraints.scales, searched)
    coefficients = [forms[index // STEPS_BETWEEN] for index in range(len(ellipsoids))]
    coefficients.append(outer.last.coefficients)
    return list(zip(regions_between(ellipsoids), [*ranges, None], coefficients, strict=True))


def verified_mixture(
    network: LiftedNetwork,
    form: MatrixBall,
    objective: LowerObjective,
    parts: Sequence[Part],
    seed: int,
) -> MixtureBound | None:
    """The mixture that covers regions with their inputs' ranges and forms, proved, or None."""
    minorants = [minorant(network, objective, *part) for part in parts]
    known = [item for item in minorants if item is not None]
    fitted = fit_mixture(known, dictionary_of(known), np.random.default_rng([seed, 0x4D])) if known else None
    if len(known) < len(parts) or fitted is None:
        return None
    proposal, multipliers = fitted
    proofs = []
    for (region, ranges, coefficients), chosen in zip(parts, multipliers, strict=True):
        proof = region_bound(
            network, form, proposal, region, ranges, coefficients, chosen.shares, chosen.inside, chosen.outside,
            chosen.offset,
        )  # fmt: skip
        if proof is None:
            return None
        proofs.append(proof)
    return MixtureBound(proposal, max(proof.log_constant for proof in proofs), tuple(proofs))


def verified_bound(network: LiftedNetwork, form: MatrixBall, coefficients: FloatArray) -> QuadraticBound | None:
    """The bound that forms with these `coefficients` (k, 5) give, or None. Guarantee: certified, whatever they are."""
    payments = payments_upper(network, coefficients)
    if not (np.isfinite(payments).all() and np.isfinite(coefficients).all()):
        return None
    total = add(form, neuron_form(network, coefficients))
    proposed = minimised(total.midpoint, network.latent_dim)
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
