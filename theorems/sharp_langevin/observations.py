"""Certificates of single observations by their own profiles: one Gaussian layer, or the fewest layers of Theorem 1*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.arithmetic.rounding import Direction, outward
from certify.arithmetic.searches import largest
from certify.bounds.bracket import BoundEvidence, ConstantBrackets
from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.observation import verify
from certify.codec import Exact, decode, encode
from certify.encoders.amortised import amortised_starts
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.posterior import Posterior
from certify.profiles.certificate import (
    LargestNoise,
    ObservationCertificate,
    StartNumbers,
    certify_observation,
    start_allowed,
    start_numbers,
)
from certify.profiles.records import METHOD, GlobalConstants, ObservationProof, StretchProof, exact
from certify.progress import Progress
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.threads import one_thread
from certify.verdict import Verdict

REACH_OBSERVATIONS, REACH_STEPS = 3, 5
"""Observations whose largest certified noise is looked for, and bisections of its logarithm."""

REACH_LOWEST, REACH_HIGHEST = 1.0 / 64, 4.0
"""Between these multiples of the noise asked for."""

SCHEMA = 2

DIGITS = 9
"""Significant digits of m, M and M2, rounded outward."""


@dataclass(frozen=True, eq=False)
class Task:
    """One observation (n,), where to look for its mode first (d,), and whether its largest noise is asked for."""

    row: FloatArray
    start: FloatArray | None
    with_reach: bool


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """Every observation by its own profile, from the amortised encoder where there is one: see `certify_all`."""
    starts = amortised_starts(asked.generator, asked.rows)
    return certify_all(
        asked.generator, asked.brackets, asked.rows, asked.beta, asked.epsilon, asked.progress, asked.execution, starts
    )


def certify_all(
    generator: Generator,
    brackets: ConstantBrackets,
    rows: FloatArray,
    beta: float,
    epsilon: Fraction,
    progress: Progress,
    execution: Execution | None = None,
    starts: FloatArray | None = None,
) -> tuple[ObservationRecord, ...]:
    """One record per row of `rows` (k, n): certified or not, by which theorem, with how many layers, and why not.

    What `execution` keeps for the same question is verified and not computed again. `starts` (k, d) says where to look
    for each mode first.

    Raises:
        InputError: if results cannot be kept, or a file keeps those of another question; or m, M, M2 are not certified.
    """
    constants = global_constants(brackets)
    tasks = [
        Task(row, None if starts is None else starts[index], index < REACH_OBSERVATIONS)
        for index, row in enumerate(rows)
    ]
    certificates = certify_each(
        f"observations at {generator.name}",
        _question(generator, constants, beta, epsilon),
        _key,
        tasks,
        partial(_certify_one, generator, constants, beta, epsilon),
        Codec(encode_certificate, decode_certificate, partial(_doubt, generator, constants, beta, epsilon)),
        progress,
        execution,
    )
    return tuple(_record(index, certificate, beta) for index, certificate in enumerate(certificates))


def said_beside(proof: ObservationProof, generator: Generator) -> dict[str, Any]:
    """What a row says beside its certificate; not the residual of the start, which no record holds."""
    found = ObservationCertificate(proof)
    verdict = Verdict.PROVED if found.certified else Verdict.INCONCLUSIVE
    return {"verdict": str(verdict), **found.values, "start_allowed": start_allowed(proof.constants)}


def global_constants(brackets: ConstantBrackets) -> GlobalConstants:
    """The certified ends of m, M and M2.

    Raises:
        InputError: if one of them is not certified, or they hold on a ball only.
    """
    m, M, M2 = brackets.m.lower, brackets.M.upper, brackets.M2.upper
    if not m or M is None or M2 is None or not np.isfinite([M, M2]).all():
        raise InputError("certificates of observations need certified m > 0 and finite M, M2: see `certify constants`")
    if brackets.region.radius is not None:
        raise InputError("certificates of observations need constants on all of R^d; leave out `--region`")
    # Short numbers, so that another machine derives them as well.
    return GlobalConstants(
        outward(m, DIGITS, Direction.DOWN),
        outward(M, DIGITS, Direction.UP),
        outward(M2, DIGITS, Direction.UP),
        _stretch_proof(brackets.m.lower_evidence),
        _stretch_proof(brackets.M.upper_evidence),
    )


def _stretch_proof(evidence: BoundEvidence | None) -> StretchProof | None:
    """What proves an end without a search; None where another method than the matrix inequality found it."""
    found = None if evidence is None else evidence.multipliers
    return None if found is None else StretchProof(Exact(found.objective), exact(found.values))


def largest_noise(
    generator: Generator,
    constants: GlobalConstants,
    row: FloatArray,
    beta: float,
    epsilon: Fraction,
    found: ObservationCertificate,
) -> ObservationProof | None:
    """The certificate at the largest noise found at which there is one, None if there is none down to beta/64.

    `found` is the one at `beta`. Bisection of the logarithm between the last multiple of beta that is certified and
    the first that is not: the noise is certified, and an estimate of the largest.
    """
    proofs = {1.0: found.proof} if found.certified else {}

    def certified(multiple: float) -> bool:
        proof = certify_observation(generator, constants, row, beta * multiple, epsilon).proof
        if proof.theorem:
            proofs[multiple] = proof
        return bool(proof.theorem)

    step = 2.0
    if found.certified:
        low, high = 1.0, step
        while high < REACH_HIGHEST and certified(high):
            low, high = high, high * step
    else:
        low, high = 1.0 / step, 1.0
        while not certified(low):
            low, high = low / step, low
            if low < REACH_LOWEST:
                return None
    return proofs[largest(certified, low, high, REACH_STEPS)]


def _key(task: Task) -> str:
    return row_key(task.row, task.start, np.array(float(task.with_reach)))


def _certify_one(
    generator: Generator,
    constants: GlobalConstants,
    beta: float,
    epsilon: Fraction,
    task: Task,
) -> ObservationCertificate:
    with one_thread():
        found = certify_observation(generator, constants, task.row, beta, epsilon, task.start)
        if not task.with_reach:
            return found
        return replace(found, noise=LargestNoise(largest_noise(generator, constants, task.row, beta, epsilon, found)))


def _record(index: int, certificate: ObservationCertificate, beta: float) -> ObservationRecord:
    verdict = Verdict.PROVED if certificate.certified else Verdict.INCONCLUSIVE
    wider = None if certificate.noise is None else certificate.noise.proof
    return ObservationRecord(
        index,
        verdict,
        certificate.theorem,
        certificate.layers,
        certificate.tv_bound,
        certificate.reason,
        {"beta": beta, **certificate.values},
        certificate=document_of(certificate.proof),
        largest_noise_certificate=None if wider is None or wider.beta == beta else document_of(wider),
    )


def _question(generator: Generator, constants: GlobalConstants, beta: float, epsilon: Fraction) -> dict[str, Any]:
    """What every stored result depends on."""
    return {
        "schema": SCHEMA,
        "method": METHOD,
        "generator": generator.sha256,
        "constants": [constants.m, constants.M, constants.M2],
        "beta": beta,
        "epsilon": str(epsilon),
    }


def _doubt(
    generator: Generator,
    constants: GlobalConstants,
    beta: float,
    epsilon: Fraction,
    task: Task,
    certificate: ObservationCertificate,
) -> str:
    """Why a stored certificate is not believed; "" where every claim of it was confirmed again."""
    if task.with_reach and certificate.noise is None:
        return "the largest noise is missing"
    proof, wider = certificate.proof, None if certificate.noise is None else certificate.noise.proof
    if certificate.certified and certificate.noise is not None and certificate.noise.beta < beta:
        return "its largest noise is below its own"
    asked = exact(task.row), epsilon, constants.values
    with one_thread():
        for item in (proof, wider):
            if item is None:
                continue
            if (
                item.observation,
                item.epsilon,
                item.constants.values,
            ) != asked or item.generator.sha256 != generator.sha256:
                return "it is about another observation"
            if reason := verify(item, generator).reason:
                return reason
        posterior = Posterior(generator, task.row, beta)
        if proof.beta != beta or certificate.start != start_numbers(posterior, constants, task.start):
            return "it is about another noise or start"
    if (wider is not None and not wider.theorem) or bool(certificate.reason) != (not certificate.certified):
        return "its parts do not fit together"
    return ""


def encode_certificate(certificate: ObservationCertificate) -> dict[str, Any]:
    """The entry of a file that `--resume` keeps."""
    noise = certificate.noise
    wider = None if noise is None or noise.proof is None else document_of(noise.proof)
    return {
        "certificate": document_of(certificate.proof),
        "reason": certificate.reason,
        "start": encode(certificate.start),
        "noise": None if noise is None else {"certificate": wider},
    }


def decode_certificate(entry: Any) -> ObservationCertificate:
    """What `encode_certificate` wrote.

    Raises:
        InputError: for anything else.
    """
    what = "the entry"
    if not isinstance(entry, Mapping) or entry.keys() != {"certificate", "reason", "start", "noise"}:
        raise InputError(f"{what} has not the keys certificate, reason, start and noise")
    noise = entry["noise"]
    if noise is not None and (not isinstance(noise, Mapping) or noise.keys() != {"certificate"}):
        raise InputError(f"{what}'s noise has not the key certificate alone")
    return ObservationCertificate(
        _proof(entry["certificate"]),
        decode(str, entry["reason"], what),
        None if entry["start"] is None else decode(StartNumbers, entry["start"], what),
        None if noise is None else LargestNoise(None if noise["certificate"] is None else _proof(noise["certificate"])),
    )


def _proof(document: Any) -> ObservationProof:
    record = record_of(document, "the certificate")
    if not isinstance(record, ObservationProof):
        raise InputError("the certificate is of another kind")
    return record
