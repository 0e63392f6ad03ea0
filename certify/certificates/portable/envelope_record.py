"""(R1) of Theorem R at one observation, as a record: a Gaussian above exp(-f), five numbers per neuron."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic.intervals import FloatArray, MatrixBall, add, exact_matrix, subtract
from certify.certificates.portable.exact_text import hexadecimal, rounded_up
from certify.certificates.portable.factor import semidefinite_factor
from certify.certificates.portable.question import Question
from certify.envelopes.lifted_form import LiftedNetwork, neuron_form, potential_form
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.neuron_forms import suprema_upper
from certify.envelopes.quadratic_envelope import Preparation, QuadraticBound, prepare, searched_bound
from certify.envelopes.regions import distance_form
from certify.errors import InputError
from certify.generators.graph import Generator

KNOWN = ("tanh", "relu")
PAYMENT_DIGITS = 9
LEAST_PAYMENT = Fraction(1, 1 << 40)
"""A supremum of 0 needs a payment above 0: the checker encloses the form where it is attained."""

ROOM = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
"""Shares of the offset that are given up, in this order, until the inequality is verified."""


@dataclass(frozen=True, eq=False)
class EnvelopeRecord:
    """The `record` with its keys from `claims` on, the `bound` that it states, and what the search had prepared."""

    record: dict[str, Any]
    bound: QuadraticBound
    prepared: Preparation


def envelope_record(question: Question) -> EnvelopeRecord | str:
    """The envelope of the question's observation, or the reason why there is none."""
    generator, observation, beta = asked(question)
    prepared = prepare(generator.graph, GaussianLikelihood(generator.value(np.zeros(generator.latent_dim)), beta))
    if prepared is None:
        return "the search for a quadratic form did not start"
    network = prepared.network
    if not {sigma for sigma, _ in network.sigmas} <= set(KNOWN):
        return f"the checker knows the forms of {', '.join(KNOWN)}"
    found = searched_bound(prepared, observation, beta)
    if found is None:
        return "no envelope was certified: the search for a quadratic form did not end inside"
    bound, coefficients = found
    payments = paid(suprema_upper(network.sigmas, coefficients))
    for room in ROOM:
        near = Fraction(bound.offset) + Fraction(room) * (1 + abs(Fraction(bound.offset)))
        offset = rounded_up(near + LEAST_PAYMENT * len(payments))
        whole = _inequality(network, observation, beta, bound, coefficients, offset - sum(payments))
        factor = semidefinite_factor(whole)
        if factor is not None:
            record = {
                "claims": {"offset": str(offset)},
                "observation": hexadecimal(observation),
                "beta": float(beta).hex(),
                "mean": hexadecimal(bound.mean),
                "root": triangle(bound.root),
                "forms": [hexadecimal(row) for row in coefficients],
                "payments": [str(payment) for payment in payments],
                "factor": factor,
            }
            return EnvelopeRecord(record, bound, prepared)
    return "no envelope was verified"


def paid(suprema: FloatArray) -> list[Fraction]:
    """Payments that the checker confirms: a little above the suprema, with few digits."""
    exact = (Fraction(float(payment)) for payment in suprema)
    return [rounded_up(max(payment * (1 + LEAST_PAYMENT), LEAST_PAYMENT), PAYMENT_DIGITS) for payment in exact]


def triangle(matrix: FloatArray) -> list[list[str]]:
    """The rows of a lower triangular matrix, each up to its diagonal."""
    return [hexadecimal(row[: index + 1]) for index, row in enumerate(matrix)]


def asked(question: Question) -> tuple[Generator, FloatArray, float]:
    """The decoder, y and beta.

    Raises:
        InputError: if the question lacks one of them.
    """
    if question.observation is None or question.beta is None:
        raise InputError("an envelope is of one observation: give `--observations` and `--beta`")
    return question.generator, question.observation, question.beta


def _inequality(
    network: LiftedNetwork,
    observation: FloatArray,
    beta: float,
    bound: QuadraticBound,
    coefficients: FloatArray,
    rest: Fraction,
) -> MatrixBall:
    """P + Psi - T + 2 rest e e^T. Enclosure, rounded outward."""
    d, size = network.latent_dim, network.size
    distance = distance_form(bound.mean, bound.root)
    padded = MatrixBall(*(np.pad(part, (0, size - 1 - d)) for part in (distance.midpoint, distance.radius)))
    corner = np.zeros((size, size))
    corner[0, 0] = float(2 * rest)
    spread = MatrixBall(corner, np.spacing(np.abs(corner)) * (corner != 0))
    form = add(potential_form(network, observation, beta), neuron_form(network, coefficients))
    return add(subtract(form, padded), add(spread, exact_matrix(np.zeros((size, size)))))
