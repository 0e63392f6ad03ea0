"""The side of the workers of a Dask cluster: a work arrives once, then its jobs, one at a time."""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

from certify.execution.work import Codec, difference, environment, perform

_RECEIVED: dict[str, tuple[Callable[[Any], Any], Codec[Any, Any]]] = {}
"""The works that this process was sent, by digest."""


def answer(digest: str, task: Any, kept: str | None, expected: Any, limit: float | None) -> tuple[str, str, str]:
    """In a worker: one job's reply, or why this worker is not like the client."""
    from distributed import get_worker

    unlike = difference(environment(), expected)
    if unlike:
        return "foreign", str(get_worker().address), unlike
    if digest not in _RECEIVED:
        return "foreign", str(get_worker().address), "not got the work"
    function, codec = _RECEIVED[digest]
    if limit is not None:
        # In C and outside the interpreter's lock: it ends a hang in native code too. The nanny starts another worker.
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        reply = perform(function, codec, task, kept)
    finally:
        faulthandler.cancel_dump_traceback_later()
    if reply.kind == "exhausted":
        # As when the system had killed it: a fresh process has the memory that this one has lost.
        os._exit(1)
    return tuple(reply)  # type: ignore[return-value]


def receive(digest: str, payload: bytes) -> None:
    """In a worker: keep a work."""
    _RECEIVED[digest] = pickle.loads(payload)


def forget(digest: str) -> None:
    """In a worker: the run is over."""
    _RECEIVED.pop(digest, None)


def carrier_name(digest: str) -> str:
    """Under which Dask knows a work."""
    return f"certify-{digest[:32]}"


def carrier(digest: str, payload: bytes) -> Any:
    """What brings a work to every worker once, and to those that join later."""
    from distributed import WorkerPlugin

    class Carrier(WorkerPlugin):  # type: ignore[misc]
        name = carrier_name(digest)

        def setup(self, worker: Any) -> None:
            receive(digest, payload)

        def teardown(self, worker: Any) -> None:
            forget(digest)

    return Carrier()
