"""Draws that the seed alone decides: not the clock, nor what else the process has imported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace

from hypothesis.internal.conjecture import engine, providers


@contextlib.contextmanager
def seed_alone() -> Iterator[None]:
    """Keep hypothesis from looking at the clock and at the numbers that occur in the program's loaded modules.

    It looks for further failures for ten seconds after the first one and shrinks for five minutes, so that a slow
    machine would find fewer and larger cases; and it draws a program's own numbers to reach branches of a program
    under development. There is no public switch for either; releases without them need none.
    """
    with _stopped_clock(), _no_numbers_of_the_program():
        yield


@contextlib.contextmanager
def _stopped_clock() -> Iterator[None]:
    clock = getattr(engine, "time", None)
    if clock is None:
        yield
        return
    setattr(engine, "time", SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0))  # noqa: B010
    try:
        yield
    finally:
        setattr(engine, "time", clock)  # noqa: B010


@contextlib.contextmanager
def _no_numbers_of_the_program() -> Iterator[None]:
    collect = getattr(providers, "_get_local_constants", None)
    if collect is None:
        yield
        return
    none = type(collect())()
    providers.CONSTANTS_CACHE.cache.clear()
    setattr(providers, "_get_local_constants", lambda: none)  # noqa: B010
    try:
        yield
    finally:
        setattr(providers, "_get_local_constants", collect)  # noqa: B010
        providers.CONSTANTS_CACHE.cache.clear()
