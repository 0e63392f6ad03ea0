"""The side of the workers of a Dask cluster: a work arrives once, then its jobs in parcels, done one at a time."""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from certify.execution.work import ONE_AT_A_TIME, Codec, difference, environment, perform

SPAN = 0.1
"""Seconds for a parcel of jobs; the first is done however long it takes."""

_RECEIVED: dict[str, tuple[Callable[[Any], Any], Codec[Any, Any]]] = {}
"""The works that this process was sent, by digest."""


def answer(
    digest: str, jobs: Sequence[tuple[Any, str | None]], expected: Any, limit: float | None
) -> tuple[float, list[tuple[str, str, str]]]:
    """In a worker: seconds, and a reply per job up to the first that `SPAN` left no time to begin.

    Or the one reply that says why this worker is not like the client.
    """
    from distributed import get_worker

    unlike = difference(environment(), expected) or ("" if digest in _RECEIVED else "not got the work")
    if unlike:
        return 0.0, [("foreign", str(get_worker().address), unlike)]
    # Other threads of this worker wait outside: neither the clock nor the limit counts their work.
    with ONE_AT_A_TIME:
        start, replies = time.monotonic(), list[tuple[str, str, str]]()
        for task, kept in jobs:
            if replies and time.monotonic() - start > SPAN:
                break
            replies.append(_reply(digest, task, kept, limit))
        return time.monotonic() - start, replies


def _reply(digest: str, task: Any, kept: str | None, limit: float | None) -> tuple[str, str, str]:
    if limit is not None:
        # In C and outside the interpreter's lock: it ends a hang in native code too. The nanny starts another worker.
        faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        reply = perform(*_RECEIVED[digest], task, kept)
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
