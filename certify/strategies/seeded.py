"""Draws that the seed alone decides: not the clock, nor what else the process has imported."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


@contextlib.contextmanager
def seed_alone() -> Iterator[None]:
    """Keep hypothesis from looking at the clock and at the numbers that occur in the program's loaded modules.

    It looks for further failures for ten seconds after the first one and shrinks for five minutes, so that a slow
    machine would find fewer and larger cases; and it draws a program's own numbers to reach branches of a program
    under development. There is no public switch for either: the modules behind them are
    private, are loaded here alone and only when something is drawn, and a release that has no such part needs none.
    """
    with _stopped_clock(), _no_numbers_of_the_program():
        yield


@contextlib.contextmanager
def _stopped_clock() -> Iterator[None]:
    engine = _private("engine")
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
    providers = _private("providers")
    collect = getattr(providers, "_get_local_constants", None)
    if collect is None:
        yield
        return
    # Of their class where it has a name: to collect them reads the source of every loaded module.
    none = getattr(providers, "Constants", lambda: type(collect())())()
    providers.CONSTANTS_CACHE.cache.clear()
    setattr(providers, "_get_local_constants", lambda: none)  # noqa: B010
    try:
        yield
    finally:
        setattr(providers, "_get_local_constants", collect)  # noqa: B010
        providers.CONSTANTS_CACHE.cache.clear()


def _private(name: str) -> Any:
    """A private module of hypothesis; None in a release without it."""
    try:
        return importlib.import_module(f"hypothesis.internal.conjecture.{name}")
    except ImportError:
        return None
