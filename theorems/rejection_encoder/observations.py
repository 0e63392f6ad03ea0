"""Certificates of single observations by Theorem R: an envelope of one posterior, no assumption on the decoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.certificates.discovery import document_of
from certify.encoders.rejection_network import parameter_bound
from certify.envelopes.best import best_envelope
from certify.envelopes.box_rows import work_of_box
from certify.envelopes.box_weights import with_dense_weights
from certify.envelopes.likelihood import likelihood_of
from certify.envelopes.records import RejectionProof, rejection_proof
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.generators.graph import BERNOULLI, GAUSSIAN, Generator
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.threads import one_thread
from certify.verdict import Verdict
from theorems.rejection_encoder.found import Rejection, Task, measured
from theorems.rejection_encoder.kept import decode_rejection, doubt, encode_rejection

LARGEST_WORK = 2e10
"""Multiplications of one search by boxes, some ten seconds, beyond which no other noise is looked at."""

SCHEMA = 5


@dataclass(frozen=True)
class Reach:
    """With which other noises the first `rows` observations are looked at too, as multiples of the one asked for.

    `above` where they are certified at it, `otherwise` where they are not: more noise, as for an x far from all that G
    makes, or less, as for a curved decoder. The first that is certified ends the search.
    """

    rows: int = 3
    above: tuple[float, ...] = (2.0,)
    otherwise: tuple[float, ...] = (2.0, 0.5, 0.25, 0.125)


REACH = Reach()


def certify_rows(asked: ObservationsAsked, reach: Reach = REACH) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): how many proposals are within epsilon of its posterior, and by which envelope.

    Another noise is looked at only where one search takes no more than `LARGEST_WORK`, counted.
    """
    generator, beta, epsilon = asked.generator, asked.beta, asked.epsilon
    question = {
        "schema": SCHEMA,
        "theorem": asked.theorem.id,
        "code": code_digest(),
        "generator": generator.sha256,
        "likelihood": generator.likelihood,
        "beta": beta,
        "epsilon": str(epsilon),
        **({} if reach == REACH else {"reach": [list(reach.above), list(reach.otherwise)]}),
    }
    found = certify_each(
        f"observations at {generator.name}",
        question,
        _key,
        [Task(row, index < reach.rows) for index, row in enumerate(asked.rows)],
        partial(_certify, generator, beta, epsilon, reach),
        Codec(encode_rejection, decode_rejection, partial(doubt, generator, beta, epsilon)),
        asked.progress,
        asked.execution,
    )
    return tuple(
        _record(generator, index, item, beta, _others(reach, item) if index < reach.rows else ())
        for index, item in enumerate(found)
    )


def _key(task: Task) -> str:
    return row_key(task.row, np.array(float(task.with_reach)))


def certify_row(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray) -> Rejection:
    """The least number of proposals that is certified at the observation `row` (n,)."""
    proof = _proved(generator, beta, epsilon, row)
    return Rejection(None, proof) if isinstance(proof, str) else Rejection(proof, "", measured(generator, proof))


def _proved(generator: Generator, beta: float, epsilon: Fraction, row: FloatArray) -> RejectionProof | str:
    """The record of the best envelope, or why there is none."""
    with one_thread():
        envelope = best_envelope(generator, likelihood_of(generator, row, beta))
    return envelope if isinstance(envelope, str) else rejection_proof(generator, row, beta, epsilon, envelope)


def _certify(generator: Generator, beta: float, epsilon: Fraction, reach: Reach, task: Task) -> Rejection:
    found = certify_row(generator, beta, epsilon, task.row)
    others = _others(reach, found) if task.with_reach else ()
    if not others or generator.likelihood != GAUSSIAN or search_work(generator, found) > LARGEST_WORK:
        return found
    for share in others:
        proof = _proved(generator, beta * share, epsilon, task.row)
        if not isinstance(proof, str) and proof.proposals is not None:
            return replace(found, largest_noise=beta * share, noise=proof)
    return replace(found, largest_noise=0.0 if found.proposals is None else beta)


def _others(reach: Reach, found: Rejection) -> tuple[float, ...]:
    """The multiples of the noise that are tried beside it."""
    return reach.otherwise if found.proposals is None else reach.above


def search_work(generator: Generator, found: Rejection) -> float:
    """What the boxes of `found` took, in multiplications: counted, so the same on every machine; 0 for forms."""
    boxes = 0 if found.numbers is None else found.numbers.boxes
    return boxes * work_of_box(with_dense_weights(generator.graph))


def _left_out(generator: Generator, found: Rejection, beta: float, others: tuple[float, ...]) -> str:
    """That no other noise was looked at because of the work, and how to ask for it; empty where it was not so."""
    if not others or generator.likelihood != GAUSSIAN or found.largest_noise is not None:
        return ""
    work = search_work(generator, found)
    if work <= LARGEST_WORK:
        return ""
    noise = f"{beta * others[0]:.4g}"
    return (
        f"noise {noise} was left out: the search took {work:.1g} multiplications, and beyond {LARGEST_WORK:.0g} no "
        f"other noise is looked at; --beta {noise} asks for it"
    )


def _change(found: Rejection, beta: float, others: tuple[float, ...]) -> str:
    """What to change where nothing is proved; empty where it is not known."""
    if found.largest_noise is None:
        return ""
    if found.largest_noise > 0.0:
        return f"; this observation is certified at noise {found.largest_noise:.4g}"
    tried = ", ".join(f"{beta * share:.3g}" for share in others)
    return (
        f"; not certified at noise {tried} either: a decoder that is less curved (spectral normalisation, fewer layers)"
    )


def _record(
    generator: Generator, index: int, found: Rejection, beta: float, others: tuple[float, ...] = ()
) -> ObservationRecord:
    values: dict[str, float] = {} if generator.likelihood == BERNOULLI else {"beta": beta}
    # What contradicts itself is no certificate.
    document = None if found.proof is None or found.is_contradicted else document_of(found.proof)
    wider = None if found.noise is None else document_of(found.noise)
    record = partial(ObservationRecord, index, largest_noise_certificate=wider)
    if found.largest_noise is not None:
        values["largest_noise"] = found.largest_noise
    numbers = found.numbers
    left_out = _left_out(generator, found, beta, others)
    if found.proposals is None or numbers is None:
        reason = found.reason + _change(found, beta, others) + (f"; {left_out}" if left_out else "")
        if found.verdict is Verdict.SUPPORTED:
            assert numbers is not None and numbers.layers_measured is not None, "supported by its numbers"
            said = f"K = {numbers.layers_measured} by the acceptance measured, at error 1e-6"
            reason = f"supported, not proved: {said}; {reason}"
        return record(found.verdict, found.theorem, None, None, reason, values, numbers, document)
    values["encoder_parameters"] = parameter_bound(generator, numbers.components, found.proposals, numbers.tries)
    return record(found.verdict, found.theorem, found.proposals, found.tv_bound, left_out, values, numbers, document)
