"""The first screen: rows that fit, what does not hold and why, the answer in words, everything behind --details."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.bounds.bracket import Bracket
from certify.checking.check import check
from certify.cli.main import main
from certify.proof.noise import NONE_NAMED
from certify.proof.records import AssumptionRecord, CheckResult, ConclusionRecord, TheoremRecord
from certify.report.first_screen import (
    COLUMNS,
    LONGEST_LIST,
    WIDEST,
    WITHOUT_NOISE,
    closing,
    fitted,
    heading,
    in_words,
    open_parts,
    row,
    weakest_step,
)
from certify.verdict import Evidence, Verdict
from tests.generators import one_hidden_layer
from tests.records import record as theorem_record


def with_values(record: TheoremRecord, **values: float | int | None) -> TheoremRecord:
    assert record.conclusion is not None
    return replace(record, conclusion=ConclusionRecord(Verdict.PROVED, dict(values), None, None))


def assumption(label: str, verdict: Verdict, reason: str = "") -> AssumptionRecord:
    bracket: Bracket | None = None
    return AssumptionRecord(label, f"statement of {label}", verdict, Evidence.RIGOROUS, None, bracket, reason)


def test_rows_fit_and_stand_under_their_headings() -> None:
    record = replace(theorem_record(), generator="residual:d=64,width=512,depth=9,lipschitz=0.5,seed=0", seconds=1234.5)
    assert len(row(record)) <= WIDEST and len(heading()) <= WIDEST
    assert row(record)[heading().index("verdict") :].startswith(str(record.verdict))
    assert "residual" in row(record) and "seed=0" in row(record)
    assert row(record).endswith("  1234")


@pytest.mark.parametrize("columns", [COLUMNS, WITHOUT_NOISE])
def test_a_narrow_terminal_has_shorter_names_then_fewer_columns(columns: tuple[tuple[str, int], ...]) -> None:
    assert fitted(columns, WIDEST) == columns
    before = columns
    for width in range(WIDEST, 30, -1):
        found = fitted(columns, width)
        assert width < 76 or max(len(heading(found)), len(row(theorem_record(), found))) <= width
        # Of those that stay none is wider than in a wider terminal, and the answer is there at any width.
        assert {name for name, _ in found} <= {name for name, _ in before} >= {"theorem", "verdict"}
        before = found
    assert str(theorem_record().verdict) in row(theorem_record(), fitted(columns, 80))


def test_certified_numbers_of_a_row_are_rounded_outward() -> None:
    line = row(with_values(theorem_record(), beta=0.05, beta_max=0.123456, K=7, tv_bound=0.0123451))
    assert "0.1234 " in line and "0.01235" in line and " 7 " in line


def test_what_does_not_hold_is_listed_with_its_reason_and_cut_where_it_is_long() -> None:
    record = replace(theorem_record(), assumptions=(assumption("A1", Verdict.REFUTED, "a witness"),))
    assert next(open_parts(record)) == "A1 refuted: a witness"
    many = replace(record, assumptions=tuple(assumption(f"A{i}", Verdict.INCONCLUSIVE) for i in range(20)))
    lines = list(closing(CheckResult((many,), {})))
    assert sum(line.startswith("  A") for line in lines) == LONGEST_LIST
    assert any(line.strip().startswith("and ") and line.endswith("more") for line in lines)


def test_what_holds_is_not_listed() -> None:
    fine = replace(theorem_record(), assumptions=(assumption("A1", Verdict.PROVED),), steps=())
    assert list(open_parts(fine)) == [] and weakest_step(fine) == ""


def test_words_say_whether_the_decoder_s_own_noise_is_covered() -> None:
    record = replace(theorem_record(), assumptions=(), steps=())
    covered = with_values(record, beta=0.05, beta_max=0.2, beta_trained=0.1)
    beyond = with_values(record, beta=0.05, beta_max=0.07, beta_trained=0.1)
    assert "is covered" in in_words(covered) and "is not" in in_words(beyond)
    assert "0.07" in in_words(beyond) and "0.1" in in_words(beyond)


def test_not_applicable_names_the_assumption_and_what_asks_less() -> None:
    said = in_words(replace(theorem_record(), assumptions=(assumption("A2", Verdict.REFUTED, "ReLU"),)))
    assert "A2 fails there" in said and "--observations FILE" in said


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["check", "one-way", "--generator", "linear:d=2"]
    assert main(given) == 4
    short = capsys.readouterr().out
    assert main([*given, "--details"]) == 4
    full = capsys.readouterr().out
    assert "B1 refuted" in short and short.rstrip().endswith("verdict: not-applicable")
    assert "certify check one-way --generator linear:d=2 --details" in short
    assert "Assumptions" in full and "Assumptions" not in short


def test_a_distance_above_epsilon_says_by_how_much_and_where_it_is_not() -> None:
    record = theorem_record()
    missed = with_values(record, beta=0.7, beta_max=0.41965, epsilon=0.1, tv_bound=0.61526)
    assert missed.conclusion is not None
    missed = replace(missed, conclusion=replace(missed.conclusion, verdict=Verdict.INCONCLUSIVE), reason="")
    said = in_words(missed)
    assert "the smallest bound found is 0.6153" in said and "above epsilon = 0.1; certified up to noise 0.4196" in said
    met = replace(missed, conclusion=replace(missed.conclusion, values={"epsilon": 0.1, "tv_bound": 0.05}))
    assert "above epsilon" not in in_words(met)


def test_what_is_missing_for_single_observations_is_said() -> None:
    """A kinked decoder that names no noise: with observations the noise is missing, without them the observations."""
    generator = replace(one_hidden_layer("relu", 1, 4, 1), metadata={})
    (record,) = check(["rejection-encoder"], [generator], observations=np.zeros((1, generator.observed_dim))).theorems
    assert record.verdict is Verdict.INCONCLUSIVE and [item.label for item in record.assumptions] == ["A0"]
    assert in_words(record).endswith(f"inconclusive, {NONE_NAMED}")
    (record,) = check(["rejection-encoder"], [generator]).theorems
    assert record.verdict is Verdict.NOT_APPLICABLE
    assert in_words(record).endswith("fail there; of single observations it needs less: give `--observations FILE`")
