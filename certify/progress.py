"""Progress of long work: measurements report to a `Progress`; the command line decides whether to draw it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Receives how far a long piece of work has come; implementations never change a result."""

    def start(self, description: str, total: float) -> None:
        """A piece of work of `total` units begins and becomes the current one."""

    def advance(self, amount: float = 1.0) -> None:
        """`amount` units of the current piece are done."""

    def finish(self) -> None:
        """The current piece is done."""

    def standing(self, text: Callable[[], str]) -> None:
        """What the current piece knows so far: a line, made where it is shown."""

    def found(self, record: object) -> None:
        """A result of its own is complete while the work goes on: a theorem at a generator."""


class SilentProgress:
    """Draws nothing: the default of every function that takes a progress."""

    def start(self, description: str, total: float) -> None:
        """Ignore the beginning of a piece of work."""

    def advance(self, amount: float = 1.0) -> None:
        """Ignore the advance."""

    def finish(self) -> None:
        """Ignore the end."""

    def standing(self, text: Callable[[], str]) -> None:
        """Ignore what is known so far."""

    def found(self, record: object) -> None:
        """Ignore the result, which the caller gets at the end."""
