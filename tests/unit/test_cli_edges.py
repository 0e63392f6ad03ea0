"""What surrounds the work of a command: standard output, options given twice, places that cannot be written."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flint import acb

from certify.atomic import check_folder_writable, check_writable
from certify.cli.main import main
from certify.discovery.registry import load_theorem, theorems
from certify.errors import InputError, UnknownNameError
from certify.report.files import HEADINGS
from certify.report.tables import record_tables, summary_table
from certify.validation import observations_from_file
from tests.records import result, widest_record

FULL = Path("/dev/full")


def _run(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = f'exec "{sys.executable}" -m certify {" ".join(arguments)} {shell}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [("list", "formats"), ("list", "formats", "--json", "-"), ("--version",), ("--help",), ("list", "--help")],
)
def test_full_standard_output_is_one_line_and_code_two(arguments: tuple[str, ...]) -> None:
    done = _run(*arguments, shell=f"> {FULL}")
    assert done.returncode == 2
    assert done.stderr.startswith("certify: cannot write to standard output: ")
    assert done.stderr.count("\n") == 1


def test_closed_standard_output_is_one_line_and_code_two() -> None:
    done = _run("list", "formats", shell=">&-")
    assert done.returncode == 2
    assert done.stderr == "certify: standard output is closed; open it, or give `--json FILE`\n"


def test_a_reader_that_goes_away_ends_the_command_as_the_signal_would() -> None:
    done = _run("list", "formats", shell="| head -c 1 > /dev/null; exit ${PIPESTATUS[0]}").returncode
    # Whether the reader is gone before the first write is up to the scheduler.
    assert done in {0, 141}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["constants", "-g", "linear:d=2", "--generator", "linear:d=3"], "`--generator` is given 2 times"),
        (["constants", "-glinear:d=2", "-g", "linear:d=3"], "`--generator` is given 2 times"),
        (["check", "--beta=1", "--beta", "2"], "`--beta` is given 2 times"),
        (["list", "--quiet", "-q"], "is given 2 times"),
        (["constants", "-g", "linear:dim=2"], "did you mean `d`"),
        (["check", "--constants", "d=2", "--details", "--details"], "`--details` is given 2 times"),
        (["check", "sharp-langevin", "--constants", "d=99999999999999999999,m=1,M=1,M2=0"], "`d` must be at most 2^53"),
        (["stress", "--out", "/dev/null/cases"], "`/dev/null` is not a folder"),
        (["tables", "--out", "/dev/null/tables"], "`/dev/null` is not a folder"),
    ],
)
def test_refused_before_the_work(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


DIGITS = ["-g", "examples/digits/residual_d8.onnx", "--observations", "examples/digits/observations_d8.npy"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Places that are no good, and work that must not begin."""

    def begun(*arguments: object, **options: object) -> None:
        raise AssertionError("the work has begun")

    for module, work in (
        ("certify.checking.check", "check"), ("certify.construction.choose", "choose_encoder"),
        ("certify.api.constants", "bounded"), ("certify.stress_tests.campaign", "stress"),
        ("certify.mechanization.formal_proofs", "formalize"), ("certify", "slack"),
    ):  # fmt: skip
        monkeypatch.setattr(importlib.import_module(module), work, begun)
    (tmp_path / "folder.json").mkdir()
    for name, content in (
        ("text.json", "hello"), ("torn.json", '{"observations": {"a"'), ("list.json", "[1]"), ("plain", ""),
        ("other.json", '{"theorem": "rejection-encoder", "epsilon": "1/10", "generator": "x", "observations": {}}'),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "option", "name", "says"),
    [
        ([*DIGITS, "rejection-encoder"], "--resume", "text.json", "is not a file of stored observations"),
        ([*DIGITS, "rejection-encoder"], "--resume", "torn.json", "is not a file of stored observations"),
        ([*DIGITS, "rejection-encoder"], "--resume", "list.json", "is not a file of stored observations"),
        ([*DIGITS, "rejection-encoder"], "--resume", "folder.json", "it is a folder"),
        ([*DIGITS, "rejection-encoder"], "--resume", "plain", "is not a folder"),
        ([*DIGITS, "rejection-encoder"], "--resume", "plain/below", "is not a folder"),
        ([*DIGITS, "rejection-encoder"], "--resume", "missing/kept.json", "no folder"),
        ([*DIGITS, "rejection-encoder"], "--resume", "other.json", "holds results of another generator"),
        ([*DIGITS, "sharp-langevin"], "--resume", "other.json", "holds results of another generator"),
        ([*DIGITS, "sharp-langevin", "rejection-encoder"], "--resume", "new.json", "of one theorem at one generator"),
        (["stress", "modes"], "--resume", "text.json", "is not a file of stored observations"),
        (["stress", "modes"], "--resume", "other.json", "holds results of another"),
        (["encoder", *DIGITS, "--index", "0"], "--out", "missing/encoder.onnx", "no folder"),
        (["encoder", *DIGITS, "--index", "0"], "--out", "plain", "must name an .onnx file"),
        (["constants", *DIGITS[:2], "--radii", "1"], "--figure", "missing/drawn.png", "no folder"),
        (["slack", "sharp-langevin", *DIGITS[:2]], "--figure", "missing/drawn.png", "no folder"),
        (["formalize"], "--out", "plain", "is not a folder"),
        (["tables", "modes", "--check"], "--out", "plain", "compares the files of a folder"),
        (["check", "modes"], "--figures", "plain", "is not a folder"),
        (["check", "modes"], "--json", "missing/result.json", "no folder"),
    ],
)
def test_a_place_is_tried_before_the_work(
    command: list[str], option: str, name: str, says: str, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = command if command[0] != "-g" else ["check", *command]
    assert main([*verb, option, str(places / name)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_a_heading_that_no_table_has_and_a_cluster_that_does_not_answer(
    places: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["tables", "--columns", "step,slak"]) == 2
    assert "unknown column `slak`; did you mean `slack`?" in capsys.readouterr().err
    monkeypatch.setattr("certify.execution.connection.CONNECTING", 0.1)
    assert main(["check", "rejection-encoder", *DIGITS, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make a file")
def test_a_place_that_only_a_trial_finds_out() -> None:
    for check in (check_writable, check_folder_writable):
        with pytest.raises(InputError, match="cannot write"):
            check("/proc/nothing")


@pytest.mark.parametrize("name", sorted(theorems()))
def test_headings_are_those_of_the_tables(name: str) -> None:
    record = replace(widest_record(load_theorem(name)), observations=())
    tables = (*record_tables(record), summary_table(result(record)))
    assert {column.heading for table in tables for column in table.columns} <= set(HEADINGS)


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "later.json")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_inside_an_integrand_is_one(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def stopped(*arguments: object) -> acb:
        raise KeyboardInterrupt

    monkeypatch.setattr("certify.prove", lambda *a, **b: acb.integral(stopped, acb(0), acb(1)))
    assert main(["prove", "x <= x"]) == 130
    assert capsys.readouterr().err == "certify: interrupted\n"


def test_several_generators_where_several_are_meant(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["check", "rejection-encoder", "-g", "linear:d=1", "-g", "linear:d=2", "--epsilon", "7"]
    assert main(given) == 2
    assert "`epsilon`" in capsys.readouterr().err


def test_a_folder_is_named_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constants", "-g", str(tmp_path)]) == 2
    assert f"`{tmp_path}` is a folder; give a file in it" in capsys.readouterr().err


def test_the_offered_name_begins_as_the_given_one() -> None:
    assert "did you mean `d`?" in str(UnknownNameError("parameter", "dim", ("m", "d", "kappa")))
    assert "did you mean `width`?" in str(UnknownNameError("parameter", "wid", ("mid", "d", "width")))
    assert "did you mean `kappa`?" in str(UnknownNameError("parameter", "kapa", ("m", "d", "kappa")))
    assert "did you mean `beta_max`?" in str(UnknownNameError("field", "beta_mx", ("beta", "beta_max")))
    assert "known: d, m" in str(UnknownNameError("parameter", "", ("m", "d")))


def test_tables_of_spreadsheets(tmp_path: Path) -> None:
    marked, headed, wrong = (tmp_path / name for name in ("marked.csv", "headed.csv", "wrong.csv"))
    marked.write_bytes(b"\xef\xbb\xbf0.25,0.5\r\n1,2\r\n")
    assert observations_from_file(marked).tolist() == [[0.25, 0.5], [1.0, 2.0]]
    headed.write_text("first,second\n0.25,0.5\n")
    with pytest.raises(InputError, match=r"the first row is a heading \(`first,second`\); leave it out"):
        observations_from_file(headed)
    wrong.write_text("0.25,half\n0.25,0.5\n")
    with pytest.raises(InputError, match="not comma-separated numbers"):
        observations_from_file(wrong)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="is not writable"):
        check_folder_writable(tmp_path / "made" / "later")


def test_a_folder_that_is_yet_to_be_made(tmp_path: Path) -> None:
    check_folder_writable(tmp_path / "made" / "later")
    assert not (tmp_path / "made").exists()
