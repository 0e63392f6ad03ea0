"""Progress bars: drawn on a terminal, silent in a pipe, nested pieces close in order."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console
from rich.progress import Progress as RichBars

import certify
from certify.cli.progress_bar import BarProgress, progress_on_terminal, remaining
from certify.progress import SilentProgress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_on_terminal(quiet=False) as progress:
        assert isinstance(progress, SilentProgress)
        progress.start("work", 2)
        progress.advance()
        progress.finish()
    assert sys.stderr.getvalue() == ""


def test_quiet_draws_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with progress_on_terminal(quiet=True) as progress:
        assert isinstance(progress, SilentProgress)


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_on_terminal(quiet=False) as progress:
        progress.start("burn-in [S7f]", 2)
        progress.advance(1)
    assert "burn-in [S7f]" in terminal.getvalue()


def test_the_rest_is_at_the_mean_pace_and_grows_while_a_long_unit_runs() -> None:
    assert remaining(10.0, 1, 5) == "0:00:40"
    # The second of five units takes long: nothing is done meanwhile, and the estimate says so.
    assert remaining(60.0, 1, 5) == "0:04:00"
    assert remaining(3725.0, 1, 2) == "1:02:05" and remaining(8.0, 5, 5) == "0:00:00"
    assert {remaining(10.0, 0, 5), remaining(10.0, 1, None), remaining(None, 1, 5)} == {"-:--:--"}


def test_constants_alone_say_what_they_are_at() -> None:
    seen: list[str] = []

    class Kept(SilentProgress):
        def start(self, description: str, total: float) -> None:
            seen.append(description)

    certify.check_constants("sharp-langevin", "d=2,m=1,M=1.5,M2=0.15", beta="0.09", progress=Kept())
    assert seen == ["sharp-langevin: noise and layers", "sharp-langevin: closed forms"]


def test_nested_pieces_close_from_the_inside() -> None:
    bars = RichBars(console=Console(file=io.StringIO()))
    progress = BarProgress(bars)
    progress.start("outer", 10)
    progress.advance(1)
    progress.start("inner", 4)
    progress.advance(3)
    assert [(task.description, task.completed) for task in bars.tasks] == [("outer", 1), ("inner", 3)]
    progress.finish()
    progress.advance(2)
    assert [(task.description, task.completed) for task in bars.tasks] == [("outer", 3)]
    progress.finish()
    progress.advance()
    progress.finish()
    assert bars.tasks == []
