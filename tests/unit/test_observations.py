"""Certificates of single observations: order, resumption, processes, the report, the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import theorems.sharp_langevin.observations as observations_module
from certify.bounds.bracket import ConstantBrackets, Region
from certify.bounds.constants import constants
from certify.checking.each_observation import concluded_by_each
from certify.cli.main import main
from certify.codec import Exact
from certify.errors import InputError
from certify.execution.door import Execution
from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.profiles.certificate import ObservationCertificate, certify_observation
from certify.progress import SilentProgress
from certify.proof.records import ConclusionRecord, ObservationRecord, TheoremRecord
from certify.report.observations import observation_tables
from certify.report.terminal import draw, render_text
from certify.verdict import Verdict
from theorems.sharp_langevin.observations import certify_all, global_constants, largest_noise

EPSILON, BETA = Fraction(1, 10), 0.1


@pytest.fixture(scope="module")
def setting() -> tuple[Generator, ConstantBrackets, FloatArray]:
    generator = load_generator("manifold:d=2,outputs=6,width=6,bend=0.1")
    random = np.random.default_rng(0)
    rows = generator.value(random.standard_normal((3, 2))) + BETA * random.standard_normal((3, 6))
    return generator, constants(generator, effort=2000.0), rows


@pytest.fixture(autouse=True)
def _without_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations_module, "REACH_OBSERVATIONS", 0)


def run(
    setting: tuple[Generator, ConstantBrackets, FloatArray], rows: FloatArray, resume: Path | None = None,
    beta: float = BETA, scheduler: str | None = None,
) -> tuple[ObservationRecord, ...]:  # fmt: skip
    with Execution(scheduler, resume) as execution:
        return certify_all(setting[0], setting[1], rows, beta, EPSILON, SilentProgress(), execution)


def test_records_come_in_order_and_do_not_depend_on_processes(
    setting: tuple[Generator, ConstantBrackets, FloatArray],
) -> None:
    rows = setting[2]
    alone = run(setting, rows)
    assert [item.index for item in alone] == [0, 1, 2]
    assert all(item.verdict is Verdict.PROVED and item.tv_bound is not None and item.tv_bound <= 0.1 for item in alone)
    assert run(setting, rows, scheduler="processes:2") == alone
    assert [item.tv_bound for item in run(setting, rows[::-1])] == [item.tv_bound for item in alone[::-1]]


def test_no_certificate_depends_on_the_clock(
    setting: tuple[Generator, ConstantBrackets, FloatArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a loaded machine a search that looks at the clock ends early, and its certificate is another one.
    calm = run(setting, setting[2][:1])

    def late() -> float:
        raise AssertionError("a search reads the clock")

    monkeypatch.setattr("certify.bounds.effort.now", late)
    assert run(setting, setting[2][:1]) == calm


def test_a_run_that_was_cut_off_goes_on(
    setting: tuple[Generator, ConstantBrackets, FloatArray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = tmp_path / "kept.json", setting[2]
    whole = run(setting, rows)
    run(setting, rows[:2], path)
    asked: list[FloatArray] = []
    original = certify_observation

    def counted(generator: Generator, known: object, row: FloatArray, *rest: object) -> ObservationCertificate:
        asked.append(row)
        return original(generator, known, row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(observations_module, "certify_observation", counted)
    assert run(setting, rows, path) == whole
    assert len(asked) == 1
    assert run(setting, rows, path) == whole and len(asked) == 1


def test_kept_results_of_another_question_are_refused(
    setting: tuple[Generator, ConstantBrackets, FloatArray], tmp_path: Path
) -> None:
    path, rows = tmp_path / "kept.json", setting[2][:1]
    run(setting, rows, path)
    with pytest.raises(InputError, match="another generator, noise"):
        run(setting, rows, path, beta=0.2)
    for content in ("", "{", "[]", "[" * 100_000, '{"observations": 3}'):
        path.write_text(content)
        with pytest.raises(InputError, match="stored observations"):
            run(setting, rows, path)
    with pytest.raises(InputError):
        run(setting, rows, tmp_path / "missing" / "kept.json")


def test_the_float_that_is_reported_is_below_epsilon(setting: tuple[Generator, ConstantBrackets, FloatArray]) -> None:
    """Between a distance and the float above it lies an epsilon for which that float must not be reported."""
    known = global_constants(setting[1])
    first = certify_observation(setting[0], known, setting[2][0], BETA, EPSILON)
    assert first.tv_bound is not None and first.theorem == "G1*"
    epsilon = Fraction(first.tv_bound) - Fraction(1, 2**100)
    again = certify_observation(setting[0], known, setting[2][0], BETA, epsilon)
    assert not again.certified or (again.tv_bound is not None and Fraction(again.tv_bound) <= epsilon)


def test_a_kept_line_that_is_not_confirmed_is_computed_again(
    setting: tuple[Generator, ConstantBrackets, FloatArray], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A number is not certified because a file says so."""
    path, rows = tmp_path / "kept.json", setting[2][:1]
    right = run(setting, rows, path)
    good = json.loads(path.read_text())
    (key,) = good["observations"]
    proof = good["observations"][key]["certificate"]
    layer = proof["layer"]
    forged: list[dict[str, object]] = [
        {"layer": {**layer, "tv_bound": layer["tv_bound"] * 0.9}},
        {"layer": {**layer, "tv_bound": -0.1}},
        {"layer": {**layer, "tv_bound": "nan"}},
        {"method": "observation-0"},
        {"beta": (0.1000000001).hex()},
        {"observation": [(0.0).hex()] * 6},
        {"constants": {**proof["constants"], "M2": 0.0}},
        {"balls": [{**proof["balls"][0], "lower": 1.1}, *proof["balls"][1:]]},
        {"more": 1},
    ]
    entries: list[object] = [{**good["observations"][key], "certificate": {**proof, **change}} for change in forged]
    entries += [{**good["observations"][key], "noise": {"certificate": None}}]
    entries += [{**good["observations"][key], "reason": "none"}, 3, {}, {"theorem": "G1*", "tv_bound": 0.01}]
    for count, entry in enumerate(entries, 1):
        path.write_text(json.dumps({**good, "observations": {key: entry}}))
        assert run(setting, rows, path) == right
        assert len(caplog.messages) == count and "not believed and computed again" in caplog.messages[-1]
        # What was computed again is kept in its place.
        assert json.loads(path.read_text()) == good
    for name, other in (("epsilon", "1/5"), ("beta", 0.1000000001), ("generator", "0" * 64), ("method", "old")):
        path.write_text(json.dumps({**good, name: other}))
        with pytest.raises(InputError, match="another generator, noise"):
            run(setting, rows, path)


def test_constants_must_be_certified_everywhere(setting: tuple[Generator, ConstantBrackets, FloatArray]) -> None:
    assert global_constants(setting[1]).m > 0.9
    with pytest.raises(InputError, match="region"):
        global_constants(constants(setting[0], region=Region(1.0), effort=10.0))
    with pytest.raises(InputError, match="certified m > 0"):
        global_constants(replace(setting[1], m=replace(setting[1].m, lower=0.0)))
    with pytest.raises(InputError, match="certified m > 0"):
        global_constants(replace(setting[1], M2=replace(setting[1].M2, upper=np.inf)))


def test_the_largest_noise_is_between_what_holds_and_what_does_not(
    setting: tuple[Generator, ConstantBrackets, FloatArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = global_constants(setting[1])
    proof = certify_observation(setting[0], known, setting[2][0], 1.0, EPSILON).proof
    assert proof.layer is not None

    def until(limit: float) -> float:
        def fake(*arguments: object) -> ObservationCertificate:
            beta = float(arguments[3])  # type: ignore[arg-type]
            layer = replace(proof.layer, tv_bound=0.05 if beta <= limit else 0.2)  # type: ignore[type-var]
            return ObservationCertificate(replace(proof, beta=Exact(beta), layer=layer, chain=None))

        monkeypatch.setattr(observations_module, "certify_observation", fake)
        found = largest_noise(setting[0], known, setting[2][0], 1.0, EPSILON, fake(0, 0, 0, 1.0))
        return 0.0 if found is None else found.beta

    for limit in (0.3, 0.9, 1.7):
        assert until(limit) <= limit < until(limit) * 1.05
    assert until(1e-3) == 0.0
    assert 3.9 < until(100.0) <= 4.0


def records() -> tuple[ObservationRecord, ...]:
    good = [
        ObservationRecord(k, Verdict.PROVED, "Theorem 1*", 10 + k, 0.09, "", {"largest_noise": 0.3}) for k in range(13)
    ]
    reason = "the smallest bound found is 0.2, 2 times epsilon; its largest part is the exit 0.1"
    return (*good, ObservationRecord(13, Verdict.INCONCLUSIVE, "", None, 0.2, reason))


def test_the_report_counts_and_explains() -> None:
    record = TheoremRecord("t", "T", "g", (), (), None, observations=records())
    text = "\n".join(render_text(draw(table)) for table in observation_tables(record))
    assert "13 of 14 (92.9%)" in text and "10 / 16 / 22" in text and "the first 12 of 14" in text
    assert "not certified: the smallest bound found is" in text and "0.3 to 0.3" in text
    assert observation_tables(TheoremRecord("t", "T", "g", (), (), None)) == []
    assert json.loads(json.dumps(record.to_dict()))["observations"][13]["tv_bound"] == 0.2


def test_resume_needs_observations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "injective-decoder", "--resume", "kept.json"]) == 2
    assert "--observations" in capsys.readouterr().err


def test_the_conclusion_follows_where_every_observation_is_certified_by_itself() -> None:
    open_one = ConclusionRecord(Verdict.INCONCLUSIVE, {"beta": 0.3}, None, None, ("no choice was found",))
    certified = TheoremRecord("t", "T", "g", (), (), None, observations=records()[:13])
    found = concluded_by_each(certified, open_one)
    assert found.verdict is Verdict.SUPPORTED and "no step of the proof was checked" in found.notes[1]
    assert found.notes[-1] == "no choice was found" and len(found.notes) == 3
    measured = replace(records()[0], verdict=Verdict.SUPPORTED)
    mixed = concluded_by_each(replace(certified, observations=(*records()[:12], measured)), open_one)
    assert mixed.verdict is Verdict.SUPPORTED and mixed.notes[0].startswith("12 of 13") and "1e-6" in mixed.notes[0]
    # One that is not certified, or none at all, or a conclusion that is refuted: nothing changes.
    assert concluded_by_each(replace(certified, observations=records()), open_one) is open_one
    assert concluded_by_each(replace(certified, observations=()), open_one) is open_one
    refuted = replace(open_one, verdict=Verdict.REFUTED)
    assert concluded_by_each(certified, refuted) is refuted
