"""The clock: a cap that whatever takes long asks, from any depth, without its being handed down.

Matrix products, factorisations and evaluations of a graph say how much they are about to do; under a cap they raise
`OutOfTimeError` where that does not fit, so no loop over them, however deep, runs on behind the caller's back. Without
a cap the clock is not read and no result depends on it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

UNITS_PER_SECOND = 1e4
"""Millions of floating-point operations that one quiet core does in a second, about; the load is measured."""

LEAST_MEASURED = 0.02
"""Seconds of processor time from which the load is measured rather than taken to be none."""


class OutOfTimeError(Exception):
    """A step was not begun because the cap of the clock has passed, or would pass before its end."""


@dataclass(eq=False)
class Cap:
    """The end of the time, when it began, the processor time used until then, and what was done without."""

    deadline: float
    began: float
    processor: float
    skipped: list[str] = field(default_factory=list)
    seen: float = 0.0

    def seconds(self, units: float) -> float:
        """How long a step of `units` (millions of operations) takes at the load seen so far. Estimate."""
        self.seen = time.process_time() - self.processor
        load = (now() - self.began) / self.seen if self.seen > LEAST_MEASURED else 1.0
        return units / UNITS_PER_SECOND * max(1.0, load)

    def fits(self, units: float) -> bool:
        """Whether a step of `units` (millions of operations) ends before the deadline. Estimate.

        Processor time only grows, so what was seen last bounds the load from above. A step that fits under that bound
        does not ask the clock of the processor, which is dearer than many a step.
        """
        read = now()
        highest = max(1.0, (read - self.began) / max(self.seen, LEAST_MEASURED))
        if read + units / UNITS_PER_SECOND * highest <= self.deadline:
            return True
        return read + self.seconds(units) <= self.deadline


_CAP: ContextVar[Cap | None] = ContextVar("cap", default=None)


def now() -> float:
    """Seconds of the monotonic clock, for all deadlines. Exact."""
    return time.monotonic()


@contextmanager
def capped(deadline: float) -> Iterator[Cap]:
    """Within the block nothing that asks begins after `deadline`; a cap around this one still holds."""
    outer = _CAP.get()
    if outer is None:
        is_open = deadline == math.inf
        cap = Cap(deadline, *((0.0, 0.0) if is_open else (now(), time.process_time())))
    else:
        cap = Cap(min(deadline, outer.deadline), outer.began, outer.processor)
    token = _CAP.set(cap)
    try:
        yield cap
    finally:
        _CAP.reset(token)


def fits(units: float = 0.0) -> bool:
    """Whether a step of `units` (millions of operations) ends before the cap, if there is one. Estimate."""
    cap = _CAP.get()
    return cap is None or cap.deadline == math.inf or cap.fits(units)


def ask(units: float = 0.0) -> None:
    """Raise `OutOfTimeError` where a step of `units` (millions of operations) would end after the cap."""
    if not fits(units):
        raise OutOfTimeError


def skip(what: str) -> None:
    """Say what the cap made a computation do without, once. Exact."""
    cap = _CAP.get()
    if cap is not None and what not in cap.skipped:
        cap.skipped.append(what)
