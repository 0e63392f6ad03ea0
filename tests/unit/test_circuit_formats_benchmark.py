"""The comparison of circuit readers: every kind is read or refused as it must be, and a wrong reading is seen."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.circuit_files import CircuitFile
from benchmarks.circuit_formats import Reading, our_values, report, words_of
from benchmarks.circuit_kinds import KINDS, NOT_ASKED
from benchmarks.circuit_peers import _bench_values, aigverse_values


def read(case: CircuitFile, folder: Path) -> Reading:
    words, mask = words_of(case.inputs, random.Random(0))
    path = folder / f"circuit{case.ending}"
    path.write_bytes(case.content)
    wanted = case.function(words, mask) if case.function is not None else None
    return Reading(case, wanted, *our_values(path, words, mask), {})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_or_refused_as_it_must_be(kind: str, tmp_path: Path) -> None:
    for number in range(3):
        reading = read(KINDS[kind](random.Random(f"1 {kind} {number}")), tmp_path)
        assert reading.case.kind == kind and not reading.is_fault and bool(reading.reason) == (reading.ours is None)


def test_a_wrong_reading_is_a_fault(tmp_path: Path) -> None:
    case = KINDS["covers"](random.Random(1))
    function = case.function
    assert function is not None
    wrong = replace(case, function=lambda values, mask: [*function(values, mask)[:-1], function(values, mask)[-1] ^ 1])
    assert read(wrong, tmp_path).is_fault and read(replace(case, function=None), tmp_path).is_fault
    reading = read(case, tmp_path)
    values = reading.ours
    assert values is not None
    theirs = {"ABC": values, "aigverse": None}
    outcomes = {
        "equal": replace(reading, theirs=theirs), "peer wrong": replace(reading, theirs={"ABC": values[::-1] + [0]}),
        "different": replace(reading, wanted=[0], theirs={"ABC": [1]}), "not asked": reading,
        "certify refuses": replace(reading, ours=None, theirs=theirs),
        "both refuse": replace(reading, ours=None, theirs={"ABC": None}),
        "peer refuses": replace(reading, theirs={"ABC": None}),
    }  # fmt: skip
    assert all(item.outcome("ABC") == outcome for outcome, item in outcomes.items())
    page = report([outcomes["different"], outcomes["peer refuses"]] + [read(KINDS[kind](random.Random(2)), tmp_path)
                                                                      for kind in KINDS], 1.0)  # fmt: skip
    assert "1 wrong" in page and "1 different, 1 accepted that every peer asked refuses" in page
    assert set(KINDS) > NOT_ASKED


def test_abcs_tables_are_evaluated() -> None:
    text = "INPUT(a)\nINPUT(b)\nOUTPUT(y)\nOUTPUT(z)\nn1          = LUT 0x8 ( a, b )\n"
    text += "y = LUT 0x1 ( n1 )\nz           = vdd\n"
    assert _bench_values(text, [0b1010, 0b1100], 0b1111) == [0b0111, 0b1111]


def test_an_interpreter_without_aigverse_is_no_peer() -> None:
    assert aigverse_values("/bin/false", []) is None
