"""What a shell offers after TAB."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify.cli.completion import generator_beginnings, theorem_names
from certify.cli.main import main
from certify.discovery.registry import theorems
from certify.generators.specification import families


def test_every_theorem_and_family_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sorted(theorem_names("")) == sorted(theorems())
    assert sorted(generator_beginnings("")) == sorted(f"{name}:" for name in families())


def test_what_is_typed_narrows_the_offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(theorem_names("sharp")) == ["sharp-langevin"]
    assert list(generator_beginnings("lin")) == ["linear:"]
    assert list(generator_beginnings("linear:d")) == []
    assert list(theorem_names("none")) == []


def test_files_and_folders_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "deep").mkdir(parents=True)
    for name in ("a.onnx", "b.onnx", "notes.txt", "mine.py", ".hidden.onnx"):
        (tmp_path / "models" / name).touch()
    assert list(generator_beginnings("mod")) == ["models/"]
    assert list(generator_beginnings("models/")) == ["models/a.onnx", "models/b.onnx", "models/deep/"]
    assert list(generator_beginnings("models/b")) == ["models/b.onnx"]
    assert list(theorem_names("models/m")) == ["models/mine.py"]
    assert list(generator_beginnings("missing/")) == []


@pytest.mark.parametrize(
    ("typed", "place", "offered"),
    [
        ("certify che", "1", "check"),
        ("certify check sharp", "2", "sharp-langevin"),
        ("certify check -g coup", "3", "coupling:"),
    ],
)
def test_the_shell_is_answered(
    typed: str, place: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("_CERTIFY_COMPLETE", "complete_bash"), ("COMP_WORDS", typed), ("COMP_CWORD", place)):
        monkeypatch.setenv(name, value)
    main([])
    assert offered in capsys.readouterr().out.splitlines()
