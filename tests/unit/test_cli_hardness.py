"""`certify hardness`: what it measures, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.circuits.hardness import NOT_A_PROOF, Hardness, measure_hardness
from certify.circuits.inverter import Inverter, inverters
from certify.cli import main as cli
from certify.errors import InputError, UnknownNameError
from certify.report.hardness import hardness_figure, hardness_tables
from certify.report.terminal import draw, render_text

pytest.importorskip("pysat.solvers")


@pytest.fixture(scope="module")
def found() -> Hardness:
    return measure_hardness(["gf2exp", "linear"], range(5, 11), runs=2, seed=2)


def test_growth_of_search_is_one_bit_per_bit_and_the_control_is_flat(found: Hardness) -> None:
    curves = {(curve.family, curve.method): curve for curve in found.curves}
    search, steps = curves["gf2exp", "brute-force"].growth, curves["gf2exp", "baby-step-giant-step"].growth
    assert search is not None and search.rate_lower < 1.0 < search.rate_upper
    assert steps is not None and 0.3 < steps.rate < 0.6
    assert curves["linear", "sat-parity"].law == "flat" and found.easy_controls == {"linear": True}
    assert found.gates["gf2exp"][10] > found.gates["gf2exp"][5]


def test_a_control_that_only_its_own_structure_inverts_is_not_called_easy(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: method for name, method in inverters().items() if name in {"brute-force", "structure"}}
    monkeypatch.setattr("certify.circuits.hardness.inverters", lambda: kept)
    assert measure_hardness(["linear"], range(4, 12), runs=6).easy_controls == {"linear": False}


def test_a_method_that_is_cut_off_everywhere_is_not_tried_further() -> None:
    found = measure_hardness(["gf2exp"], [6, 8, 16, 18], runs=3, effort=1e-4)
    runs = [run for curve in found.curves if curve.method == "brute-force" for run in curve.runs]
    assert {run.bits for run in runs} == {6, 8, 16} or {run.bits for run in runs} == {6, 8, 16, 18}
    cut = [run for run in runs if not run.finished]
    assert cut and all(run.cost >= 2.0**24 * 1e-4 for run in cut)


def test_the_same_seed_gives_the_same_costs() -> None:
    def costs(seed: int) -> list[float]:
        found = measure_hardness(["gf2exp", "linear"], [6], runs=2, seed=seed)
        return [run.cost for curve in found.curves for run in curve.runs]

    assert costs(2) == costs(2) != costs(3)


def test_tables_say_that_a_measurement_is_not_a_proof(found: Hardness, tmp_path: Path) -> None:
    text = "".join(render_text(draw(table), 140) for table in hardness_tables(found))
    assert "gf2exp" in text and "linear*" in text and "which no measurement proves" in " ".join(text.split())
    pytest.importorskip("matplotlib")
    written = hardness_figure(tmp_path / "h", found)
    assert [path.suffix for path in written] == [".png", ".pdf"] and all(path.stat().st_size > 5000 for path in written)


def test_the_command_prints_json_and_the_controls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["hardness", "--family", "linear", "--bits", "4:8", "--runs", "3", "--json", str(tmp_path / "h.json")]
    assert cli.main(arguments) == 0
    assert "control linear: easy" in capsys.readouterr().out
    document = json.loads((tmp_path / "h.json").read_text())
    assert document["note"] == NOT_A_PROOF and document["easy_controls"] == {"linear": True}
    # CryptoMiniSat runs too where it is installed, and is named where it is not.
    methods = {curve["method"] for curve in document["curves"]}
    expected = {"brute-force", "guess-and-determine", "linearisation", "sat", "sat-parity", "structure"}
    assert methods - {"cryptominisat"} == expected
    assert ("cryptominisat" in methods) != ("cryptominisat" in document["idle"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bits", "0"], "`bits` must be A:B"),
        (["--bits", "20:6"], "`bits` must be A:B"),
        (["--bits", "a:b"], "`bits` must be A:B"),
        (["--bits", "6:41"], "`bits` must be A:B"),
        (["--bits", "6:7:8"], "`bits` must be A:B"),
        (["--family", "gfexp"], "did you mean `gf2exp`"),
        (["--runs", "0"], "`runs` must be at least 1"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["hardness", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error


def test_measuring_refuses_what_the_command_refuses() -> None:
    with pytest.raises(InputError):
        measure_hardness([], [])
    with pytest.raises(UnknownNameError):
        measure_hardness(["x"], [6])
    assert all(isinstance(method, Inverter) for method in inverters().values())
