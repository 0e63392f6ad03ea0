"""The cases of a stress run are a function of the seed: not of what else the process has imported."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import strategies as st

from certify.proof.registry import load_theorem
from certify.strategies.admissible import Kinds
from certify.stress.case import Case
from certify.stress.property import Measurement, Property
from certify.stress.runner import run_property
from certify.verdict import Verdict

CONSTANTS = "NUMBERS = [" + ", ".join(f"{n}.125, {n}" for n in range(101_000, 101_400)) + "]\n"


def drawn_numbers() -> list[float]:
    """What one property draws from seed 3, in order."""
    numbers: list[float] = []

    def judged(_: object, case: Case) -> tuple[Measurement, ...]:
        numbers.append(float(case.numbers["beta"]))
        return (Measurement("beta", Verdict.SUPPORTED, 1.0),)

    drawn = st.floats(0.0, 1e6).map(lambda beta: Case("any", "beta", numbers={"beta": Fraction(beta)}))
    item = Property("beta", "any number", 1.0, lambda *_: drawn, judged, ())
    run_property(load_theorem("strong-invertibility"), item, Kinds((), {}, {}), 300, seed=3)
    return numbers


def test_modules_that_are_loaded_do_not_change_the_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn_numbers()
    path = tmp_path / "numbers_of_another.py"
    path.write_text(CONSTANTS)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    assert drawn_numbers() == before
    assert len(set(before)) > 100
