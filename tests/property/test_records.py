"""Public records: `from_dict` reads what `to_dict` wrote, and refuses what it did not."""

from __future__ import annotations

import ast
import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import certify
from certify.api.audit import Audit
from certify.api.check import Result
from certify.api.constants import Constants
from certify.api.diagnose import Diagnosed
from certify.api.evidence import EvidenceOfData
from certify.api.prove import Proved
from certify.api.replay import Replayed
from certify.api.sample import Sample
from certify.api.shown import Shown, values_of
from certify.api.stress import Stress
from certify.api.sweep import Sweep
from certify.api.verify import Verified
from certify.audits.records import AuditResult, Calibration, DistanceEnd, EncoderBracket, ObservationAudit, RankTest
from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets, Reason, Region, Witness
from certify.certificates.kind import Verification
from certify.certificates.verification import VerificationResult
from certify.circuits.growth import Growth
from certify.circuits.hardness import Curve, Hardness, Run
from certify.codec import Readable
from certify.construction.built import SingleObservation
from certify.diagnosis.records import Answer, Diagnosis
from certify.encoders.count import EncoderCount
from certify.encoders.single_precision import Agreement
from certify.envelopes.log_evidence import Interval, LogEvidence
from certify.errors import InputError
from certify.generators.comparison_record import RuntimeComparison
from certify.marginal.data import EvidenceResult
from certify.marginal.elbo import Elbo
from certify.marginal.row import ObservationEvidence
from certify.mechanization.formal_instance import InstanceResult
from certify.mechanization.formal_proofs import FormalRecord, FormalResult
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    ClaimRecord,
    ConclusionRecord,
    EncoderSize,
    MeasuredDistance,
    ObservationRecord,
    RejectionNumbers,
    StepLoss,
    StepRecord,
    TheoremRecord,
)
from certify.prover.claims_table import ClaimsTable, Row, RowFinding
from certify.prover.proof import Proof
from certify.prover.proof_records import ClaimProof, StepProof
from certify.report.encoder_files import EncoderFile
from certify.stress_tests.case import Case, SavedCase
from certify.stress_tests.power import PowerResult, WrongClaim
from certify.stress_tests.property import Measurement
from certify.stress_tests.records import ClaimSummary, Failure, Replay, ScalingLaw, StressResult, TheoremStress
from certify.verdict import Evidence, Verdict
from tests.conftest import ROOT

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
claim_proofs = st.builds(ClaimProof, words, verdicts, st.none() | evidence, words, notes)
proofs = st.builds(StepProof, st.lists(claim_proofs, max_size=2).map(tuple))
steps = st.builds(
    StepRecord, words, words, notes, st.lists(claims, min_size=1, max_size=2).map(tuple), proof=st.none() | proofs
)
distances = st.builds(MeasuredDistance, shares, shares, shares, words)
sizes = st.builds(EncoderSize, counts, counts, counts, ends)
quantities = st.dictionaries(st.sampled_from(["K", "beta", "beta_max"]), st.none() | counts | ends | words, max_size=3)
conclusions = st.builds(ConclusionRecord, verdicts, quantities, st.none() | distances, st.none() | sizes, notes)
rejections = st.builds(
    RejectionNumbers,
    shares,
    st.tuples(shares, shares),
    shares,
    st.none() | counts,
    words,
    ends,
    ends,
    counts,
    counts,
    counts,
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

rationals = st.dictionaries(words, st.fractions(max_denominator=999), max_size=2)
matrices = st.none() | st.lists(st.lists(finite, min_size=2, max_size=2), min_size=1, max_size=3).map(np.array)
cases = st.builds(
    Case, words, words, st.none(), st.none(), matrices, rationals, rationals, words, counts, st.floats(0.1, 100)
)
loose = st.floats()
failures = st.builds(
    Failure, words, cases, loose, loose, words, st.booleans(), st.none() | st.just(Path("cases") / "a.json")
)
summaries = st.builds(
    ClaimSummary, words, words, counts, counts, counts, loose, st.none() | cases, st.none() | failures
)
stressed = st.builds(
    TheoremStress,
    words,
    st.lists(summaries, min_size=1, max_size=2).map(tuple),
    st.lists(laws, max_size=1).map(tuple),
    notes,
)
stress_results = st.builds(
    StressResult, st.lists(stressed, min_size=1, max_size=2).map(tuple), counts, st.just({"seed": 0})
)
saved_cases = st.builds(SavedCase, cases, words, loose, loose, words, words, st.just({"numpy": "1"}))
decided = st.sampled_from([Verdict.REFUTED, Verdict.SUPPORTED, Verdict.INCONCLUSIVE])
measured = st.builds(Measurement, words, decided, loose, loose, loose, st.just(1), words)
crashed = st.builds(Measurement, words, st.just(Verdict.INCONCLUSIVE), reason=words, crash=st.just(True))
replays = st.builds(
    lambda saved, now, same: Replay(replace(saved, claim=now.claim), now, same),
    saved_cases, measured | crashed, st.booleans(),
)  # fmt: skip
encoder_counts = st.builds(
    EncoderCount, *[counts] * 7, st.dictionaries(st.sampled_from(["tanh", "product"]), counts), counts
)
second_engines = st.builds(
    RuntimeComparison, words, words, counts, counts, counts, counts, finite, st.none() | finite, st.none() | finite,
    words, st.none() | finite, st.none() | finite,
)  # fmt: skip
all_proofs = st.builds(
    Proof, words, notes, verdicts, st.none() | evidence, words, notes, st.none() | rationals, words, st.floats(0, 1e4)
)
intervals = st.builds(
    Interval,
    finite | st.just(-math.inf),
    finite | st.just(math.inf),
    st.sampled_from(["rigorous", "statistical"]),
    shares,
)
evidence_of_one = st.builds(
    ObservationEvidence,
    st.builds(LogEvidence, st.none() | intervals, st.none() | intervals, words, words),
    st.none() | st.builds(Elbo, st.none() | intervals, words, words),
)
answers = st.builds(
    Answer, words, st.sampled_from(Verdict), words, st.dictionaries(words, finite, max_size=2), words, finite
)
diagnoses = st.builds(
    Diagnosis, st.just({"name": "g", "sha256": "0"}), st.sampled_from(["gaussian", "bernoulli"]), st.none() | finite,
    shares, st.integers(1, 5), st.none() | words, st.lists(answers, min_size=1, max_size=3).map(tuple),
    st.just({"seed": 0}),
)  # fmt: skip
evidence_of_data = st.builds(
    EvidenceResult, st.just({"name": "g", "comparison": None}), st.sampled_from(["gaussian", "bernoulli"]),
    st.none() | finite, st.lists(evidence_of_one, min_size=1, max_size=2).map(tuple), st.none() | words, counts,
    st.just({"seed": 0}),
)  # fmt: skip
growths = st.builds(Growth, *[finite] * 5, shares, counts, counts, finite)
curves = st.builds(
    lambda family, method, unit, runs, *laws: Curve(
        family, method, unit, tuple(Run(family, method, *run) for run in runs), *laws
    ),
    st.sampled_from(["linear", "gf2exp"]), words, words,
    st.lists(st.tuples(counts, finite, finite, st.booleans()), max_size=2), st.none() | growths, st.none() | growths,
    words,
)  # fmt: skip
hardness = st.builds(
    Hardness, st.lists(curves, max_size=2).map(tuple),
    st.dictionaries(st.sampled_from(["linear", "gf2exp"]), st.dictionaries(counts, counts, max_size=2)),
)  # fmt: skip
claim_rows = st.builds(Row, counts, words, words, notes, words, st.sampled_from(["nearest", "up", "down"]), words)
row_findings = st.builds(
    RowFinding, claim_rows, verdicts, words, st.none() | all_proofs, words, words, st.none() | evidence
)
claim_tables = st.builds(ClaimsTable, st.lists(row_findings, min_size=1, max_size=2).map(tuple))
paths = st.just(Path("coq") / "a.v")
formal = st.builds(
    FormalRecord, words, paths, counts, counts, st.none() | counts, st.none() | st.floats(0, 1e4),
    st.lists(st.tuples(words, words), max_size=2).map(tuple),
)  # fmt: skip
formal_results = st.builds(
    FormalResult, st.lists(formal, min_size=1, max_size=2).map(tuple), st.none() | words, st.none() | notes, words
)
formal_instances = st.builds(InstanceResult, words, paths, notes, notes, st.none() | st.floats(0, 1e4), words)
wrong_claims = st.builds(WrongClaim, *[words] * 5, st.none() | finite, st.floats())
powers = st.builds(PowerResult, st.lists(wrong_claims, min_size=1, max_size=2).map(tuple), st.just({"seed": 0}))
agreements = st.integers(1, 10**6).flatmap(
    lambda tried: st.builds(Agreement, st.just(tried), finite | st.just(math.nan), st.integers(0, tried))
)
encoder_files = st.builds(EncoderFile, paths, counts, words, paths, st.none() | agreements)
verifications = st.builds(Verification, st.booleans(), words, words, notes)
verification_results = st.builds(
    VerificationResult,
    words,
    st.dictionaries(words, verifications, min_size=1, max_size=2),
    st.booleans(),
    st.dictionaries(words, st.integers(1, 9), max_size=2),
)
rows_of_numbers = st.lists(finite, min_size=1, max_size=3).map(np.array)
single_observations = st.builds(SingleObservation, counts, rows_of_numbers)
rank_tests = st.builds(
    RankTest, words, st.lists(finite, min_size=1, max_size=4).map(np.array), st.tuples(counts, counts), shares, shares
)
calibrations = st.builds(
    Calibration,
    counts,
    counts,
    shares,
    st.lists(rank_tests, min_size=1, max_size=2).map(tuple),
    encoder_brackets,
    notes,
)
losses = st.builds(
    StepLoss, words, words, notes, notes, st.lists(ends, max_size=2).map(tuple), ends, ends, st.booleans()
)

STRATEGIES: dict[type[Readable], st.SearchStrategy[Any]] = {
    Witness: witnesses, BoundEvidence: bounds, Bracket: brackets, Region: regions, ConstantBrackets: all_constants,
    AssumptionRecord: assumptions, ClaimRecord: claims, StepRecord: steps, MeasuredDistance: distances,
    EncoderSize: sizes, ConclusionRecord: conclusions, RejectionNumbers: rejections, ObservationRecord: observations,
    TheoremRecord: theorems, CheckResult: results, EncoderBracket: encoder_brackets, ObservationAudit: audits_of_one,
    RankTest: rank_tests, Calibration: calibrations, AuditResult: audits, ClaimProof: claim_proofs, StepProof: proofs,
    ScalingLaw: laws, Case: cases, SavedCase: saved_cases, Failure: failures, ClaimSummary: summaries,
    TheoremStress: stressed, StressResult: stress_results, Replay: replays, EncoderCount: encoder_counts,
    RuntimeComparison: second_engines, Proof: all_proofs, StepLoss: losses,
    Interval: intervals, ObservationEvidence: evidence_of_one,
    EvidenceResult: evidence_of_data, Answer: answers, Diagnosis: diagnoses,
    Curve: curves, Hardness: hardness, RowFinding: row_findings,
    ClaimsTable: claim_tables, FormalRecord: formal, FormalResult: formal_results, InstanceResult: formal_instances,
    WrongClaim: wrong_claims, PowerResult: powers, Agreement: agreements, EncoderFile: encoder_files,
    Verification: verifications, VerificationResult: verification_results, SingleObservation: single_observations,
}  # fmt: skip
"""Records of every kind that can be read."""


def readable(kind: type[Readable]) -> Iterator[type[Readable]]:
    """The classes below `kind` that are records themselves; the faces of `certify.api` are read as what they show."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("certify.") and not below.__module__.startswith("certify.api."):
            yield below
            yield from readable(below)


def through_text(document: dict[str, Any]) -> dict[str, Any]:
    found = json.loads(json.dumps(document, allow_nan=False))
    assert isinstance(found, dict)
    return found


def test_every_kind_of_record_is_drawn_here() -> None:
    for path in sorted((ROOT / "certify").rglob("*.py")):
        if "(Readable)" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert set(readable(Readable)) == STRATEGIES.keys()


LIVE = {
    "certify.api.certificate.Certificate": "its document is a file of its own, which `certify.certificates` reads",
    "certify.api.encoder.EncoderResult": "a network, read from its ONNX file",
    "certify.api.new_theorem.NewTheorem": "a file of an author's, read as a theorem",
    "certify.api.slack.Slack": "a view of a check's record, which is read with the check",
    "certify.api.theorems.Catalogue": "the theorems that are installed, which are code",
    "certify.api.write_report.Report": "a page, and the result that it shows, which is read",
    "certify.audits.source.EncoderSource": "an encoder that runs",
    "certify.construction.built.BuiltEncoder": "a network, read from its ONNX file",
    "certify.report.blueprint.Node": "a part of a page",
    "certify.report.page.grid.Grid": "a part of a page",
}
"""What has a JSON form that describes more than it holds, and what stands in the place of reading it."""


def test_whatever_has_a_json_form_is_read_or_says_why_not() -> None:
    found = set()
    for path in sorted((ROOT / "certify").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "def to_dict" in text else ():
            if isinstance(node, ast.ClassDef) and any(
                isinstance(item, ast.FunctionDef) and item.name == "to_dict" for item in node.body
            ):
                kind = getattr(importlib.import_module(module), node.name)
                if not issubclass(kind, Readable):
                    found.add(f"{module}.{node.name}")
    assert found == LIVE.keys()


FACES: dict[type[Readable], st.SearchStrategy[Any]] = {
    Sample: st.builds(
        Sample, st.lists(st.tuples(finite, finite), min_size=1, max_size=3).map(np.array), shares.filter(bool), words,
        words, st.none() | finite,
    ),
    Sweep: st.builds(
        lambda size, inputs, found: Sweep("t", "beta", {"m": inputs[:size]}, {"K": found[:size]}),
        st.integers(1, 3), st.lists(finite, min_size=3, max_size=3).map(np.array),
        st.lists(st.floats(), min_size=3, max_size=3).map(np.array),
    ),
    Constants: st.builds(
        lambda whole, balls, generator: Constants(
            **values_of(whole), by_radius=tuple(balls), described=generator
        ),
        all_constants, st.lists(all_constants.filter(lambda item: item.region.radius is not None), max_size=2),
        st.none() | st.just({"name": "g", "sha256": "0"}),
    ),
    **{
        face: STRATEGIES[record].map(lambda item, face=face: face(**values_of(item)))
        for face, record in {
            Audit: AuditResult, Diagnosed: Diagnosis, EvidenceOfData: EvidenceResult, Proved: Proof, Replayed: Replay,
            Result: CheckResult,
            Stress: StressResult, Verified: VerificationResult,
        }.items()
    },
}  # fmt: skip
"""The results of the public functions, which compare by what they found."""


def test_every_result_of_the_public_functions_is_drawn_here() -> None:
    for path in sorted((ROOT / "certify" / "api").glob("*.py")):
        importlib.import_module(f"certify.api.{path.stem}")
    assert {kind for kind in Shown.__subclasses__() if issubclass(kind, Readable)} == FACES.keys()


@pytest.mark.parametrize("kind", FACES)
@settings(max_examples=15)
@given(data=st.data())
def test_a_result_of_a_public_function_comes_back_equal(kind: type[Readable], data: st.DataObject) -> None:
    drawn = data.draw(FACES[kind])
    document = through_text(drawn.to_dict())
    assert kind.from_dict(document) == drawn and kind.from_dict(document).to_dict() == document
    for wrong in ({**document, "more": 1}, {key: document[key] for key in list(document)[1:]}):
        with pytest.raises(InputError) as refused:
            kind.from_dict(wrong)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", STRATEGIES)
@settings(max_examples=6)
@given(data=st.data())
def test_what_a_record_writes_it_reads_and_nothing_else(kind: type[Readable], data: st.DataObject) -> None:
    document = through_text(data.draw(STRATEGIES[kind]).to_dict())
    assert kind.from_dict(document).to_dict() == document
    first, *others = document
    for wrong in (
        {**document, first: {"no": "record"}},
        {key: document[key] for key in others},
        {**document, "more": {"no": "record"}},
    ):
        with pytest.raises(InputError) as refused:
            kind.from_dict(wrong)
        assert "\n" not in str(refused.value)


@given(
    st.one_of(
        brackets, all_constants, regions, steps, conclusions, sizes, audits, laws, intervals, evidence_of_one,
        evidence_of_data, curves, hardness, row_findings, claim_tables, formal_results, formal_instances,
        verification_results, encoder_counts,
    )
)  # fmt: skip
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
