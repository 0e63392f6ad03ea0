"""What a theorem promises: a distance that is not exceeded and an encoder that is not larger than its bound."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from certify.arithmetic.balls import ball, precision
from certify.errors import CertifyError
from certify.proof.instance import Instance
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds
from certify.stress_tests.case import Case
from certify.stress_tests.instances import instance_cases, prepare
from certify.stress_tests.property import Measurement, Property
from certify.verdict import Verdict

NAME = "conclusion"
READS = ("generator", "observations", "beta", "epsilon")
DISTANCE, SIZE = "measured TV <= tv_bound", "encoder size <= bound"


def cases(theorem: Theorem, kinds: Kinds, seed: int) -> SearchStrategy[Case]:
    """Instances of the theorem, if it promises anything that can be measured."""
    if theorem.conclusion.measure is None and theorem.conclusion.size is None:
        return st.nothing()
    return instance_cases(theorem, kinds, seed, NAME)


def evaluate(theorem: Theorem, case: Case) -> tuple[Measurement, ...]:
    """The measured distance where truth is known (closed form, quadrature), and the exact count of parameters."""
    prepared = prepare(theorem, case)
    if prepared is None:
        return ()
    instance = prepared.instance
    return tuple(item for item in (_distance(theorem, instance), _size(theorem, instance)) if item is not None)


def _distance(theorem: Theorem, instance: Instance) -> Measurement | None:
    bound = instance.certificate.distance_upper
    try:
        measured = None if theorem.conclusion.measure is None else theorem.conclusion.measure(instance)
    except CertifyError as error:
        return Measurement(DISTANCE, Verdict.INCONCLUSIVE, claimed=bound, reason=str(error))
    if measured is None:
        return None
    with precision():
        refuted = bool(ball(measured.lower) > ball(bound))
    # With the trivial upper end the truth is known from below only, and an estimate says little.
    seen = measured.estimate if measured.upper < 1.0 else measured.lower
    slack = bound / seen if seen > 0 else math.inf
    verdict = Verdict.REFUTED if refuted else Verdict.SUPPORTED
    return Measurement(DISTANCE, verdict, slack, bound, seen, reason=measured.method)


def _size(theorem: Theorem, instance: Instance) -> Measurement | None:
    count = theorem.conclusion.size
    size = None if count is None else count(instance.certificate, instance.generator)
    if size is None:
        return None
    with precision():
        refuted = bool(ball(size.encoder_unrolled) > ball(size.bound))
    verdict = Verdict.REFUTED if refuted else Verdict.SUPPORTED
    slack = size.bound / size.encoder_unrolled if size.encoder_unrolled else math.inf
    return Measurement(SIZE, verdict, slack, size.bound, float(size.encoder_unrolled), reason="counted")


PROPERTY = Property(NAME, "the distance and the size that a theorem promises are kept", 2.0, cases, evaluate, READS)
