"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certify import atomic
from certify.errors import InputError


def test_text_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.write_text_atomically(path, "first é")
    atomic.write_text_atomically(path, "second")
    assert path.read_text(encoding="utf-8") == "second"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_the_mode_of_the_old_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o640)
    atomic.write_text_atomically(path, "new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_failure_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(InputError, match="No space left"):
        atomic.write_text_atomically(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_an_interrupt_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic.write_text_atomically(tmp_path / "a.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    atomic.write_text_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_device_is_written_directly() -> None:
    atomic.write_text_atomically("/dev/null", "gone")
    assert Path("/dev/null").exists()


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        atomic.check_writable(tmp_path / "missing" / "a.json")
    with pytest.raises(InputError, match="it is a folder"):
        atomic.check_writable(tmp_path)
    atomic.check_writable(tmp_path / "a.json")
