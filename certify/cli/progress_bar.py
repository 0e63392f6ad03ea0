"""Progress bars on a terminal, silence in a pipe; they go to standard error and never into a result."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from certify.progress import Progress, SilentProgress

if TYPE_CHECKING:
    from rich.progress import Progress as RichBars
    from rich.progress import Task, TaskID


class BarProgress:
    """Draws one bar per piece of work with rich; pieces may nest, the innermost is the current one."""

    def __init__(self, bars: RichBars) -> None:
        self._bars = bars
        self._open: list[TaskID] = []

    def start(self, description: str, total: float) -> None:
        """Open a bar of `total` units below those already open."""
        self._open.append(self._bars.add_task(description, total=total, standing=""))

    def advance(self, amount: float = 1.0) -> None:
        """Move the innermost bar."""
        if self._open:
            self._bars.advance(self._open[-1], amount)

    def finish(self) -> None:
        """Close the innermost bar."""
        if self._open:
            self._bars.remove_task(self._open.pop())

    def standing(self, text: Callable[[], str]) -> None:
        """Write the line beside the innermost bar."""
        if self._open:
            self._bars.update(self._open[-1], standing=text())

    def found(self, record: object) -> None:
        """Results are printed by the command that asked for them."""


class Announcing:
    """A progress that says every complete result at once, and leaves the rest to another."""

    def __init__(self, inner: Progress, announce: Callable[[object], None]) -> None:
        self._inner, self._announce = inner, announce

    def start(self, description: str, total: float) -> None:
        """Pass the beginning on."""
        self._inner.start(description, total)

    def advance(self, amount: float = 1.0) -> None:
        """Pass the advance on."""
        self._inner.advance(amount)

    def finish(self) -> None:
        """Pass the end on."""
        self._inner.finish()

    def standing(self, text: Callable[[], str]) -> None:
        """Pass the line on."""
        self._inner.standing(text)

    def found(self, record: object) -> None:
        """Announce the result."""
        self._announce(record)


def remaining(elapsed: float | None, done: float, total: float | None) -> str:
    """How long the rest takes at the mean pace so far, as h:mm:ss; "-:--:--" while nothing is done.

    The pace counts the unit that runs: while a long one goes on, the estimate grows instead of standing still.
    """
    if not elapsed or not total or done <= 0:
        return "-:--:--"
    return str(timedelta(seconds=math.ceil(elapsed * max(total - done, 0.0) / done)))


@contextmanager
def progress_on_terminal(quiet: bool) -> Iterator[Progress]:
    """A progress that draws while the block runs, or a silent one without a terminal or under --quiet."""
    if quiet or not sys.stderr.isatty():
        yield SilentProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichBars
    from rich.text import Text

    class Remaining(ProgressColumn):
        """Drawn anew with every tick: rich's own column stands still while a long unit runs."""

        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            return Text(remaining(task.elapsed, task.completed, task.total), style="progress.remaining")

    with RichBars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        Remaining(),
        TextColumn("{task.fields[standing]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        yield BarProgress(bars)
