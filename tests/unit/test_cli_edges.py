"""What surrounds the work of a command: standard output, options given twice, places that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from certify.atomic import check_folder_writable
from certify.cli.main import main
from certify.errors import InputError, UnknownNameError
from certify.validation import observations_from_file

FULL = Path("/dev/full")


def _run(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = f'exec "{sys.executable}" -m certify {" ".join(arguments)} {shell}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("list", "formats"), ("list", "formats", "--json", "-"), ("--version",)])
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
    done = _run("list", shell="| head -c 1 > /dev/null; exit ${PIPESTATUS[0]}").returncode
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
        (["stress", "--out", "/dev/null/cases"], "`/dev/null` is not a folder"),
        (["tables", "--out", "/dev/null/tables"], "`/dev/null` is not a folder"),
    ],
)
def test_refused_before_the_work(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


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
