"""(R1), the acceptance and (R2) of Theorem R at one observation, from two quadratic forms: any number of latents.

The form below f gives the envelope (`envelope_record`), the one above it (`certify.envelopes.upper_form`) the
integral of exp(-f) from below, through the Gaussian with the posterior's estimated mean and covariance.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic.intervals import MatrixBall, add, exact_matrix, subtract
from certify.certificates.portable.envelope_record import EnvelopeRecord, asked, envelope_record, paid, triangle
from certify.certificates.portable.exact_text import hexadecimal, rounded_down, rounded_up
from certify.certificates.portable.factor import semidefinite_factor
from certify.certificates.portable.question import PortableKind, Question
from certify.envelopes.lifted_form import neuron_form, potential_form
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.posterior_moments import Moments, posterior_moments
from certify.envelopes.rejection import proposals_needed
from certify.envelopes.upper_form import UpperForm, averaged_neurons, upper_form

EPSILON = Fraction(1, 10)
MOST_PROPOSALS = 99_999
MEAN_ROOM = 1e-9
"""What is given up of a mean, as a share of the sizes of its terms: the checker's is a float's up to rounding."""

ROOM = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
"""Multiples of the form's diagonal that are added, in this order, until the inequality is verified."""


def _make(question: Question) -> dict[str, Any] | str:
    generator, observation, beta = asked(question)
    envelope = envelope_record(question)
    if isinstance(envelope, str):
        return envelope
    network, likelihood = envelope.prepared.network, GaussianLikelihood(observation, beta)
    form = potential_form(network, observation, beta)
    moments = posterior_moments(generator.graph, likelihood, envelope.bound.proposal)
    found = upper_form(network, form.midpoint, moments.mean, moments.factor)
    above = None if found is None else _above(envelope, found, moments, form)
    if above is None:
        return "no lower bound of the integral of exp(-f) was found: the search for a form above f did not end inside"
    record, log_share = above
    share = math.exp(min(log_share, 0.0)) * (1 - 1e-8)
    acceptance = rounded_down(Fraction(share), 6)
    needed = proposals_needed(float(acceptance), EPSILON)
    if needed is None or needed.proposals > MOST_PROPOSALS:
        return f"the acceptance {float(acceptance):.3g} asks for more proposals than a certificate counts"
    claims = {
        **envelope.record["claims"],
        "acceptance": str(acceptance),
        "proposals": needed.proposals,
        "tv_bound": str(rounded_up((1 - acceptance) ** needed.proposals, 6)),
    }
    return {**envelope.record, "claims": claims, "above": record}


def _above(
    envelope: EnvelopeRecord, found: UpperForm, moments: Moments, form: MatrixBall
) -> tuple[dict[str, Any], float] | None:
    """The record of the form above f, and the logarithm of the acceptance that it proves (an estimate)."""
    network = envelope.prepared.network
    d, size = network.latent_dim, network.size
    payments = paid(found.payments)
    for index in averaged_neurons(network, moments.factor):
        room = MEAN_ROOM * (1 + found.sizes[index])
        payments[index] = rounded_up(Fraction(found.payments[index] + room), 12)
    gap = subtract(neuron_form(network, found.coefficients), form)
    scale = np.maximum(np.abs(np.diag(found.form)), 1.0)
    for room in ROOM:
        lower = np.tril(found.form + room * np.diag(scale))
        # The file holds half of the diagonal: Q is the triangle and its transpose.
        np.fill_diagonal(lower, 0.5 * np.diag(lower))
        whole = np.zeros((size, size))
        whole[: 1 + d, : 1 + d] = lower + lower.T
        factor = semidefinite_factor(add(gap, exact_matrix(whole)))
        if factor is None:
            continue
        root = np.zeros((1 + d, 1 + d))
        root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, moments.mean, moments.factor
        cost = 0.5 * float(np.einsum("ji,jk,ki->", root, whole[: 1 + d, : 1 + d], root)) + float(sum(payments))
        logs = np.log(np.abs(np.diag(moments.factor))).sum() + np.log(np.abs(np.diag(envelope.bound.root))).sum()
        log_share = float(logs) + 0.5 * d - cost - float(Fraction(envelope.record["claims"]["offset"]))
        record = {
            "mean": hexadecimal(moments.mean),
            "spread": triangle(moments.factor),
            "form": triangle(lower),
            "forms": [hexadecimal(row) for row in found.coefficients],
            "payments": [str(payment) for payment in payments],
            "factor": factor,
        }
        return record, log_share
    return None


KIND = PortableKind(
    "rejection", "(R1), p and K of Theorem R by quadratic forms, any number of latents", _make,
    own_checker="check_rejection.py",
)  # fmt: skip
