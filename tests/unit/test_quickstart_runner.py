"""The runner of the documentation's commands notices a command that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.quickstart import commands, run

FENCE = "```"


def _page(folder: Path, body: str, language: str = "console") -> Path:
    page = folder / "page.md"
    page.write_text(f"# Title\n\n{FENCE}{language}\n{body}\n{FENCE}\n")
    return page


@pytest.mark.parametrize(
    ("body", "language", "code"),
    [
        ("$ true\nsome output", "console", 0),
        ("$ true\n$ false", "console", 1),
        ("$ exit 4  # exit code 4", "console", 0),
        ("$ exit 3  # exit code 4", "console", 1),
        ("$ false | true", "console", 1),
        ("$ touch a\n$ test -f a", "console", 0),
        ("some output only", "console", 1),
        ("assert 1 + 1 == 2", "python", 0),
        ("assert 1 + 1 == 3", "python", 1),
    ],
)
def test_a_page_passes_only_if_every_command_ends_as_it_says(
    tmp_path: Path, body: str, language: str, code: int
) -> None:
    assert run(_page(tmp_path, body, language)) == code


def test_the_quickstart_has_commands_of_both_kinds() -> None:
    found = commands((ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8"))
    assert sum(command.arguments[0] == "bash" for command in found) >= 5
    assert any("import certify" in command.arguments[-1] for command in found)


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        ("M  1.0695  by search", 0),
        ("M  1.0700  by search", 0),
        ("m .74\nM  1.0695  by search", 1),
        ("m 0.74\nM  1.0695  by search", 0),
        ("M  1.0695  by search\nm 0.74", 1),
        ("M  1.1  by search", 1),
        ("M  -1.0695  by search", 1),
        ("M  1.0695  by chance", 1),
        ("took 99.0 s", 0),
        ("-- 3e-05", 0),
        ("-- 3e-04", 1),
        ("", 0),
    ],
)
def test_what_a_page_shows_must_be_printed(tmp_path: Path, shown: str, code: int) -> None:
    printed = r"$ printf 'm   0.74\nM  1.0695   by search\ntook 1.5 s\n── 3e-05\n'"
    page = _page(tmp_path, printed)
    shown = shown.replace("--", "────")
    page.write_text(f"{page.read_text()}\n(Excerpt.)\n\n{FENCE}text\n{shown}\n{FENCE}\n")
    assert run(page) == code
