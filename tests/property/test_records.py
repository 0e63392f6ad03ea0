"""Public records: `from_dict` reads what `to_dict` wrote, and refuses what it did not."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import certify
from certify.audits.records import AuditResult, Calibration, DistanceEnd, EncoderBracket, ObservationAudit, RankTest
from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets, Reason, Region, Witness
from certify.codec import Readable
from certify.errors import InputError
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    ClaimRecord,
    ConclusionRecord,
    EncoderSize,
    MeasuredDistance,
    ObservationRecord,
    RejectionNumbers,
    StepRecord,
    TheoremRecord,
)
from certify.prover.proof_records import ClaimProof, StepProof
from certify.stress_tests.records import ScalingLaw
from certify.verdict import Evidence, Verdict

finite = st.floats(-1e9, 1e9)
ends = st.floats(allow_nan=False)
shares = st.floats(0, 1)
counts = st.integers(0, 10**9)
words = st.text("abc|G(z)<= ", max_size=8)
verdicts, evidence = st.sampled_from(Verdict), st.sampled_from(Evidence)
points = st.lists(st.lists(finite, max_size=2).map(tuple), max_size=2).map(tuple)
notes = st.lists(words, max_size=2).map(tuple)

witnesses = st.builds(Witness, points, points)
bounds = st.builds(BoundEvidence, evidence, words, st.none() | witnesses, st.none() | st.builds(Reason, words, words))
brackets = st.builds(Bracket, st.none() | ends, st.none() | ends, st.none() | bounds, st.none() | bounds)
regions = st.builds(Region, st.none() | finite, st.none() | st.lists(finite, max_size=2).map(tuple))
all_constants = st.builds(ConstantBrackets, brackets, brackets, brackets, brackets, regions, finite, notes)
assumptions = st.builds(
    AssumptionRecord, words, words, verdicts, evidence, st.none() | words, st.none() | brackets, words,
    st.none() | witnesses,
)  # fmt: skip
claims = st.builds(
    ClaimRecord, words, words, words, st.sampled_from(["<=", ">="]), verdicts, evidence, ends, ends, ends, counts,
    counts, st.none() | shares, st.none() | st.tuples(ends, ends), st.none() | witnesses, words, words,
)  # fmt: skip
proofs = st.builds(StepProof, st.lists(st.builds(ClaimProof, words, verdicts, st.none() | evidence, words, notes),
                                       max_size=2).map(tuple))  # fmt: skip
steps = st.builds(
    StepRecord, words, words, notes, st.lists(claims, min_size=1, max_size=2).map(tuple), proof=st.none() | proofs
)
distances = st.builds(MeasuredDistance, shares, shares, shares, words)
sizes = st.builds(EncoderSize, counts, counts, counts, ends)
quantities = st.dictionaries(st.sampled_from(["K", "beta", "beta_max"]), st.none() | counts | ends | words, max_size=3)
conclusions = st.builds(ConclusionRecord, verdicts, quantities, st.none() | distances, st.none() | sizes, notes)
rejections = st.builds(
    RejectionNumbers, shares, st.tuples(shares, shares), shares, st.none() | counts, words, ends, ends, counts, counts
)
observations = st.builds(
    ObservationRecord, counts, verdicts, words, st.none() | counts, st.none() | ends, words,
    st.dictionaries(words, ends, max_size=2), st.none() | rejections, st.none() | st.just({"kind": "observation"}),
)  # fmt: skip
theorems = st.builds(
    TheoremRecord, words, words, st.none() | words, st.lists(assumptions, max_size=1).map(tuple),
    st.lists(steps, max_size=1).map(tuple), st.none() | conclusions,
    st.dictionaries(words, st.tuples(ends, ends), max_size=2), words,
    observations=st.lists(observations, max_size=1).map(tuple),
)  # fmt: skip
results = st.builds(CheckResult, st.lists(theorems, max_size=2).map(tuple), st.just({"version": "1", "seed": 0}))
measured_ends = st.builds(DistanceEnd, shares, st.sampled_from(["event", "coupling"]), shares)
encoder_brackets = st.builds(EncoderBracket, shares, measured_ends, measured_ends, words, words)
audits_of_one = st.builds(ObservationAudit, counts, words, encoder_brackets, verdicts, words)
audits = st.builds(
    AuditResult, st.just({"name": "e"}), st.just({"name": "g"}), finite, st.none() | shares,
    st.lists(audits_of_one, min_size=1, max_size=2).map(tuple), st.none(), verdicts, words, shares, notes,
)  # fmt: skip
laws = st.builds(
    ScalingLaw, words, words, counts, st.tuples(finite, finite, finite), st.none() | finite,
    st.none() | st.tuples(finite, finite),
)  # fmt: skip


def through_text(document: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(json.dumps(document, allow_nan=False))
    assert isinstance(found, dict)
    return found


@given(st.one_of(brackets, all_constants, regions, steps, conclusions, sizes, audits, laws))
def test_small_records_come_back_as_they_were(record: Readable) -> None:
    assert type(record).from_dict(through_text(record.to_dict())) == record


@given(results)
def test_a_result_comes_back_as_it_was(record: CheckResult) -> None:
    document = through_text(record.to_dict())
    assert CheckResult.from_dict(document).to_dict() == document


def test_what_is_not_known_comes_back_unknown() -> None:
    claim = ClaimRecord("a", "b", "c", "<=", Verdict.INCONCLUSIVE, Evidence.STATISTICAL, 1.0, math.nan, math.inf, 0, 0)
    document = through_text(claim.to_dict())
    found = ClaimRecord.from_dict(document)
    assert document["measured"] is None and math.isnan(found.measured) and found.slack == math.inf


def test_a_calibration_comes_back() -> None:
    import numpy as np

    bracket = EncoderBracket(0.2, DistanceEnd(0.1, "event", 1e-6), DistanceEnd(0.3, "coupling", 1e-6), "", "exact")
    test = RankTest("z0", np.array([3.0, 4.0]), (1, 9), 0.5, 0.25)
    record = Calibration(10, 20, 0.01, (test,), bracket, ("a note",))
    document = through_text(record.to_dict())
    assert document["average_tv"]["method"] == "lower end: event; upper end: coupling"
    assert Calibration.from_dict(document).to_dict() == document


GOOD = StepRecord(
    "S", "t", ("A",), (ClaimRecord("a", "b", "c", "<=", Verdict.PROVED, Evidence.RIGOROUS, 2, 1, 2, 3, 0),)
)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("verdict", "refuted"), ("verdict", "certain"), ("slack", 3.0), ("claimed", "2"), ("uses", "A"), ("parts", []),
        ("parts", [{}]), ("cases", 4), ("more", 1), ("title", None), ("proof", {}), ("id", 3),
    ],
)  # fmt: skip
def test_a_key_that_was_not_written_so_is_refused(key: str, wrong: Any) -> None:
    """A derived key too: it must be what the others say."""
    document = through_text(GOOD.to_dict())
    assert StepRecord.from_dict(document) == GOOD
    with pytest.raises(InputError) as refused:
        StepRecord.from_dict({**document, key: wrong})
    assert "cannot be read" in str(refused.value) and "\n" not in str(refused.value)
    if key in document:
        del document[key]
        with pytest.raises(InputError):
            StepRecord.from_dict(document)


@pytest.mark.parametrize("wrong", [None, [], "text", 3, {}])
def test_what_is_no_object_is_refused(wrong: Any) -> None:
    for kind in (Bracket, StepRecord, CheckResult, AuditResult, ScalingLaw):
        with pytest.raises(InputError, match="cannot be read"):
            kind.from_dict(wrong)


def test_a_result_that_a_run_found_is_read() -> None:
    result = certify.check_constants("strong-invertibility", "d=8,m=1,M=1.5,M2=0.15", beta="0.02")
    document = through_text(result.to_dict())
    assert CheckResult.from_dict(document).to_dict() == document
