"""Certificates of single observations by their own profiles: one Gaussian layer, or the fewest layers of Theorem 1*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.searches import largest
from certify.bounds.bracket import ConstantBrackets
from certify.encoders.amortised import amortised_starts
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.profiles.certificate import CHAIN, ONE_LAYER, GlobalConstants, ObservationCertificate, certify_observation
from certify.progress import Progress
from certify.proof.observations import Codec, certify_each, row_key
from certify.proof.records import ObservationRecord
from certify.proof.theorem import Theorem
from certify.verdict import Verdict
from certify.version import __version__

REACH_OBSERVATIONS, REACH_STEPS = 3, 5
"""Observations whose largest certified noise is looked for, and bisections of its logarithm."""

REACH_LOWEST, REACH_HIGHEST = 1.0 / 64, 4.0
"""Between these multiples of the noise asked for."""

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Task:
    """One observation (n,), where to look for its mode first (d,), and whether its largest noise is asked for."""

    row: FloatArray
    start: FloatArray | None
    with_reach: bool


def certify_rows(
    theorem: Theorem,
    generator: Generator,
    brackets: ConstantBrackets,
    rows: FloatArray,
    beta: float,
    epsilon: Fraction,
    progress: Progress,
    resume: Path | None,
) -> tuple[ObservationRecord, ...]:
    """Every observation by its own profile, from the amortised encoder where there is one: see `certify_all`."""
    starts = amortised_starts(generator, rows)
    return certify_all(generator, brackets, rows, beta, epsilon, progress, resume, starts)


def certify_all(
    generator: Generator,
    brackets: ConstantBrackets,
    rows: FloatArray,
    beta: float,
    epsilon: Fraction,
    progress: Progress,
    resume: Path | None = None,
    starts: FloatArray | None = None,
) -> tuple[ObservationRecord, ...]:
    """One record per row of `rows` (k, n): certified or not, by which theorem, with how many layers, and why not.

    `resume` is a JSON file: what it holds for the same question is not computed again, and it is rewritten atomically
    as results come in. `starts` (k, d) says where to look for each mode first.

    Raises:
        InputError: if `resume` cannot be written or belongs to another question; or m, M, M2 are not certified.
    """
    constants = global_constants(brackets)
    tasks = [
        Task(row, None if starts is None else starts[index], index < REACH_OBSERVATIONS)
        for index, row in enumerate(rows)
    ]
    certificates = certify_each(
        f"observations at {generator.name}",
        _question(generator, constants, beta, epsilon),
        [row_key(task.row, task.start) for task in tasks],
        tasks,
        partial(_certify_one, generator, constants, beta, epsilon),
        Codec(_to_json, _from_json, partial(_could_hold, epsilon)),
        progress,
        resume,
    )
    return tuple(_record(index, certificate, beta) for index, certificate in enumerate(certificates))


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
    return GlobalConstants(m, M, M2)


def largest_multiple(
    generator: Generator,
    constants: GlobalConstants,
    row: FloatArray,
    beta: float,
    epsilon: Fraction,
    at_beta: bool,
) -> float:
    """The largest multiple of `beta` found at which the observation is certified, 0 if none down to 1/64.

    `at_beta` says whether it is at 1. Bisection of the logarithm between the last multiple that is certified and
    the first that is not: a certified multiple, and an estimate of the largest.
    """

    def certified(multiple: float) -> bool:
        return certify_observation(generator, constants, row, beta * multiple, epsilon).certified

    step = 2.0
    if at_beta:
        low, high = 1.0, step
        while high < REACH_HIGHEST and certified(high):
            low, high = high, high * step
    else:
        low, high = 1.0 / step, 1.0
        while not certified(low):
            low, high = low / step, low
            if low < REACH_LOWEST:
                return 0.0
    return largest(certified, low, high, REACH_STEPS)


def _certify_one(
    generator: Generator,
    constants: GlobalConstants,
    beta: float,
    epsilon: Fraction,
    task: Task,
) -> ObservationCertificate:
    with threadpool_limits(1):
        found = certify_observation(generator, constants, task.row, beta, epsilon, task.start)
        if not task.with_reach:
            return found
        multiple = largest_multiple(generator, constants, task.row, beta, epsilon, found.certified)
        return replace(found, values={**found.values, "largest_noise": beta * multiple})


def _record(index: int, certificate: ObservationCertificate, beta: float) -> ObservationRecord:
    verdict = Verdict.PROVED if certificate.certified else Verdict.INCONCLUSIVE
    return ObservationRecord(
        index,
        verdict,
        certificate.theorem,
        certificate.layers,
        certificate.tv_bound,
        certificate.reason,
        {"beta": beta, **certificate.values},
    )


def _question(generator: Generator, constants: GlobalConstants, beta: float, epsilon: Fraction) -> dict[str, Any]:
    """What every stored result depends on."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "generator": generator.sha256,
        "constants": [constants.m, constants.M, constants.M2],
        "beta": beta,
        "epsilon": str(epsilon),
    }


def _could_hold(epsilon: Fraction, certificate: ObservationCertificate) -> bool:
    """Whether what a file says of an observation is of the kind that `certify_observation` returns."""
    if not certificate.certified:
        return True
    bound, layers = certificate.tv_bound, certificate.layers
    known = certificate.theorem in {ONE_LAYER, CHAIN} and layers is not None and layers >= 1
    return known and bound is not None and math.isfinite(bound) and 0 <= Fraction(bound) <= epsilon


def _to_json(certificate: ObservationCertificate) -> dict[str, Any]:
    return {
        "theorem": certificate.theorem,
        "layers": certificate.layers,
        "tv_bound": certificate.tv_bound,
        "reason": certificate.reason,
        "values": dict(certificate.values),
    }


def _from_json(entry: Mapping[str, Any]) -> ObservationCertificate:
    return ObservationCertificate(
        str(entry["theorem"]),
        None if entry["layers"] is None else int(entry["layers"]),
        None if entry["tv_bound"] is None else float(entry["tv_bound"]),
        str(entry["reason"]),
        {str(name): float(value) for name, value in entry["values"].items()},
    )
