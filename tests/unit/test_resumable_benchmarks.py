"""Benchmarks that resume: finished tasks are kept, missing and cut ones are done, other code's are not taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import resumable
from benchmarks.reader_times import beginning, kept_rows
from benchmarks.resumable import code_digest, finished, run


def double(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return 2 * number


def test_only_missing_tasks_are_done(tmp_path: Path) -> None:
    work = tmp_path / "work.jsonl"
    work.write_text(json.dumps({"key": "a", "result": 99}) + "\n" + '{"key": "b", "resu')
    calls: list[None] = []
    found = run(double, {"a": 1, "b": 2, "c": 3}, 1, work, lambda: calls.append(None))
    # What is kept is not computed again, and a line that was cut off is.
    assert found == {"a": 99, "b": 4, "c": 6}
    assert len(calls) == 2
    assert finished(work) == found
    assert run(double, {"a": 1, "b": 2, "c": 3}, 1, work, lambda: calls.append(None)) == found
    assert len(calls) == 2


def test_what_is_done_survives_a_failure(tmp_path: Path) -> None:
    work = tmp_path / "work.jsonl"
    with pytest.raises(RuntimeError, match="'b': 'ValueError: negative"):
        run(double, {"a": 1, "b": -1, "c": 3}, 1, work)
    assert finished(work) == {"a": 2, "c": 6}


def test_keys_change_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest()
    assert before == code_digest()
    (tmp_path / "new.py").write_text("pass\n")
    monkeypatch.setattr(resumable.envelopes, "__file__", str(tmp_path / "__init__.py"))
    assert code_digest() != before


def test_times_of_the_same_commits_are_kept(tmp_path: Path) -> None:
    page, heading = tmp_path / "times.md", "| command | a cold | b cold |"
    page.write_text(f"# Title\n\n{heading}\n| --- | --- | --- |\n| `certify list` | 1 | 2 |\n")
    assert kept_rows(page, heading) == ["| `certify list` | 1 | 2 |"]
    assert kept_rows(page, heading.replace("b", "c")) == kept_rows(tmp_path / "none.md", heading) == []
    assert kept_rows(page, heading)[0].startswith(beginning("list"))
