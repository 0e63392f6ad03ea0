"""`certify tables`: files that do not change with the clock, and a check twin that names what differs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import certify
from certify.api.check import Result
from certify.cli import main as cli
from certify.verdict import Verdict
from tests.records import record, result


@pytest.fixture(autouse=True)
def _without_mathematics(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(*arguments: object, **options: object) -> Result:
        found = result()
        return Result(found.theorems, found.provenance)

    monkeypatch.setattr(certify, "check", fake)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    assert cli.main(["tables", "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert cli.main(["tables", "--out", str(tmp_path / "b"), "--quiet"]) == 0
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    assert {name.rsplit(".", 1)[1] for name in _files(tmp_path / "a")} == {"tex", "md", "csv"}


def test_check_passes_on_what_was_written_and_writes_nothing(tmp_path: Path) -> None:
    out = str(tmp_path / "t")
    assert cli.main(["tables", "--out", out]) == 0
    before = _files(tmp_path / "t")
    assert cli.main(["tables", "--out", out, "--check"]) == 0
    assert _files(tmp_path / "t") == before


def test_check_names_a_changed_and_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t"
    cli.main(["tables", "--out", str(out), "--format", "csv", "--quiet"])
    changed, missing = out / "summary.csv", next(out.glob("*_steps.csv"))
    changed.write_text(changed.read_text().replace("0.18543", "0.18544"))
    missing.unlink()
    capsys.readouterr()
    assert cli.main(["tables", "--out", str(out), "--format", "csv", "--check", "--json", str(tmp_path / "r")]) == 1
    printed = capsys.readouterr().out
    assert f"differs: {changed}" in printed
    assert f"missing: {missing}" in printed
    assert not missing.exists()
    differing = {item["name"] for item in json.loads((tmp_path / "r").read_text())["files"] if item["differs"]}
    assert differing == {changed.name, missing.name}


def test_check_on_an_empty_folder_fails(tmp_path: Path) -> None:
    assert cli.main(["tables", "--out", str(tmp_path / "nothing"), "--check", "--quiet"]) == 1
    assert not (tmp_path / "nothing").exists()


def test_tables_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tables", "--out", "-", "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("<!-- proof-companion")
    assert "| S2 " in printed


def test_a_refuted_result_is_written_and_the_code_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuted(*arguments: object, **options: object) -> Result:
        found = result(record(Verdict.REFUTED))
        return Result(found.theorems, found.provenance)

    monkeypatch.setattr(certify, "check", refuted)
    assert cli.main(["tables", "--out", str(tmp_path / "t"), "--quiet"]) == 1
    assert "refuted" in (tmp_path / "t" / "summary.md").read_text()


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["tables", "--out", str(tmp_path / "file" / "t"), "--quiet"]) == 2
    assert "is not a folder" in capsys.readouterr().err
