"""log int exp(-f) of a posterior, by which the density of pi_x is known: under a certified envelope, or by quadrature.

Under an envelope nothing is assumed of the posterior: the interval is rigorous, or sampled with a finite-sample error.
Quadrature (d <= 3, one basin, smooth) has an interval that is an estimate of its error.
"""

from __future__ import annotations

import numpy as np

from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.log_evidence import PROPOSALS, log_integrals
from certify.errors import CertifyError
from certify.posteriors.estimates import IntervalEstimate
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import MAXIMAL_DIMENSION, build_quadrature
from certify.threads import one_thread

WIDEST = 0.05
"""Interval of log int exp(-f) beyond which it says too little: a distance moves by as much."""


def normaliser(posterior: Posterior, seed: int, error_probability: float) -> IntervalEstimate | None:
    """log int exp(-f) by the best method there is; None where no interval is narrow enough to be of use."""
    return _enveloped(posterior, seed, error_probability) or _by_quadrature(posterior)


def _enveloped(posterior: Posterior, seed: int, error: float) -> IntervalEstimate | None:
    generator = posterior.generator
    likelihood = likelihood_of(generator, posterior.observation, posterior.beta)
    with one_thread():
        envelope = best_envelope(generator, likelihood)
        if isinstance(envelope, str):
            return None
        rigorous, sampled = log_integrals(generator, likelihood, envelope, PROPOSALS, seed, error)
    low, high = max(rigorous.lower, sampled.lower), min(rigorous.upper, sampled.upper)
    if not 0 <= high - low <= WIDEST:
        return None
    method = f"the normaliser under a certified envelope ({envelope.method}), {PROPOSALS} proposals"
    return IntervalEstimate(0.5 * (low + high), low, high, error, PROPOSALS, method)


def _by_quadrature(posterior: Posterior) -> IntervalEstimate | None:
    if posterior.latent_dim > MAXIMAL_DIMENSION:
        return None
    try:
        found = build_quadrature(posterior).log_normaliser
    except CertifyError:
        return None
    room = float(np.expm1(found.upper - found.lower))
    method = f"quadrature's normaliser (refinement error {room:.1g})"
    return IntervalEstimate(found.estimate, found.lower, found.upper, 0.0, found.cases, method)
