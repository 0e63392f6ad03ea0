"""The command line as users and scripts meet it: codes, streams, one-line errors, speed of the first word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

import certify
from certify.api.check import Result
from certify.bounds.constants import CrossedBracketError
from certify.cli import main as cli
from certify.errors import CertifyError, InputError
from certify.proof.records import CheckResult
from certify.verdict import Verdict
from certify.version import __version__
from tests.conftest import ROOT
from tests.records import record, result

Checked = dict[str, Any]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Checked:
    """Stands in for the mathematics: `found` is what a check returns, `called` what it was asked."""
    state: Checked = {"found": result(), "called": None}

    def fake(theorems: Sequence[str] = (), generators: object = None, **options: object) -> Result:
        state["called"] = {"theorems": theorems, "generators": generators, **options}
        found: CheckResult = state["found"]
        return Result(found.theorems, found.provenance)

    monkeypatch.setattr(certify, "check", fake)
    return state


def test_check_prints_the_seed_first_and_the_verdict_last(checked: Checked, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["check", "strong-invertibility", "--generator", "linear:d=8", "--beta", "0.05", "--seed", "7"]) == 0
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0].endswith("strong-invertibility on linear:d=8, seed 7")
    assert lines[-1] == "verdict: supported"
    called = checked["called"]
    names = [generator.metadata["family"] for generator in called["generators"]]
    assert (called["theorems"], names, called["seed"]) == (["strong-invertibility"], ["linear"], 7)
    assert str(called["beta"]) == "1/20"
    assert called["command"] == "certify check strong-invertibility --generator linear:d=8 --beta 0.05 --seed 7"


@pytest.mark.usefixtures("checked")
def test_json_on_standard_output_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "-"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["schema"] == 1
    assert document["theorems"][0]["steps"][0]["id"] == "S2"
    assert captured.err == ""


@pytest.mark.usefixtures("checked")
def test_json_file_beside_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", str(tmp_path / "r.json"), "--quiet"]) == 0
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "supported"
    assert capsys.readouterr().out == "strong-invertibility on linear:d=8,kappa=1.5,seed=0: supported\n"


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.SUPPORTED, 0),
        (Verdict.CONDITIONAL, 0),
        (Verdict.REFUTED, 1),
        (Verdict.INCONCLUSIVE, 3),
        (Verdict.NOT_APPLICABLE, 4),
    ],
)
def test_exit_codes(checked: Checked, verdict: Verdict, code: int) -> None:
    checked["found"] = result(record(), record(verdict))
    assert cli.main(["check", "--quiet"]) == code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing command"),
        (["chek"], "Did you mean 'check'"),
        (["check", "--bta", "1"], "No such option"),
        (["check", "--beta"], "--beta"),
        (["check", "--seed", "x"], "--seed"),
        (["check", "--seed", "-1"], "`seed`"),
        (["check", "--beta", "0"], "`beta` must be > 0"),
        (["check", "--beta", "nan"], "`beta` must be a finite number"),
        (["check", "--epsilon", "1"], "`epsilon` must be in (0, 1)"),
        (["check", "--region", "-2"], "`region` must be > 0"),
        (["check", "--json", "/no/such/folder/r.json"], "no folder"),
        (["check", "strong-invertibility", "--constants", "d=8,m=1,M=1.5,M3=1"], "missing: M2"),
        (["check", "--constants", "d=8,m=1,M=1.5,M2=0.1"], "exactly one THEOREM"),
        (["check", "t", "--constants", "d=8", "--generator", "g"], "leave out `--generator`"),
        (["constants"], "--generator"),
        (["constants", "--generator", "linear:d=8", "--budget", "-1"], "`budget` must be > 0"),
        (["constants", "--generator", "linaer:d=8"], "did you mean `linear`"),
        (["constants", "--generator", "missing.onnx"], "missing.onnx"),
        (["list", "theorem"], "did you mean `theorems`"),
        (["show"], "THEOREM"),
        (["show", "strong-invertability"], "did you mean `strong-invertibility`"),
        (["tables", "--format", "latx"], "did you mean `latex`"),
    ],
)
def test_bad_usage_is_one_line_and_code_two(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("certify: ")
    assert says in error


def _raising(error: BaseException) -> Any:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


def test_an_input_error_of_the_mathematics_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(certify, "check", _raising(InputError("first line\nsecond line")))
    assert cli.main(["check", "--json", "-"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "certify: first line second line\n"
    assert captured.out == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interrupt_ends_with_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    monkeypatch.setattr(certify, "check", _raising(error))
    assert cli.main(["check"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "certify: interrupted"


def test_a_crash_does_not_read_as_a_refutation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(certify, "check", _raising(ZeroDivisionError("defect")))
    assert cli.main(["check"]) == 70
    assert "ZeroDivisionError: defect" in capsys.readouterr().err


def test_a_contradiction_is_no_bad_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A step may leave itself open for an error in its input; a contradiction of the program passes through it."""
    monkeypatch.setattr(certify, "check", _raising(CrossedBracketError("m: lower end 1.0 exceeds upper end 0.5")))
    assert cli.main(["check"]) == 70
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "report" in line and line.endswith("m: lower end 1.0 exceeds upper end 0.5")
    assert not issubclass(CrossedBracketError, CertifyError)


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys\nfrom certify.cli.main import main\nmain(['--help'])\nprint(sorted(sys.modules))"
    done = _run(code)
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert "certify.cli.commands.check" in modules
    # About 170, read in a fifth of a second; a whole library more is what takes seconds.
    assert len(modules) < 400
    assert modules.isdisjoint({"numpy", "scipy", "sympy", "numba", "onnx", "torch", "rich.console"})


def test_the_first_line_comes_before_anything_heavy() -> None:
    code = (
        "import sys\nfrom certify.cli.output import Output\nOutput(None, False).first_line('work', 0)\n"
        "print('numpy' in sys.modules, 'rich' in sys.modules)"
    )
    assert _run(code).stdout.splitlines() == [f"certify {__version__}: work, seed 0", "False False"]


def test_a_reader_that_goes_away_ends_the_run_quietly() -> None:
    code = (
        "import os, sys\nfrom certify.cli import main as cli\n"
        "read, write = os.pipe()\nos.close(read)\nos.dup2(write, 1)\n"
        "code = cli.main(['list', 'formats'])\nsys.stderr.write(str(code))"
    )
    done = _run(code)
    assert done.stderr == "141"


def test_python_m_certify_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "certify", "--version"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"certify {__version__}\n", "")


def test_certify_alone_shows_where_to_begin_and_counts_as_nothing_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    shown = capsys.readouterr().out
    commands = [line.split()[1] for line in shown.splitlines() if line.startswith("  certify ")]
    assert commands == ["constants", "check", "encoder", "check", "show"]
    assert max(map(len, shown.splitlines())) <= 110
