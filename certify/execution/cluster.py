"""A Dask cluster: jobs are streamed to it, and what it loses (workers, results, the scheduler) is asked for again.

What Dask costs is paid per submission, milliseconds each; so short jobs travel in parcels, as many as a worker does in
`SPAN` seconds. A worker sends back what it has not begun by then, and that is asked for again: parcels change the time
that a run takes and nothing else.

Dask repeats the parcels of a worker that died; after some deaths it gives up every one that was assigned to one of the
dead, guilty or not (`KilledWorker`). Their jobs run once more at the end, each alone: then a death has one cause.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from certify.errors import InputError
from certify.execution.remote import SPAN, answer, carrier, carrier_name
from certify.execution.work import Job, Reply, Work, difference, environment

WINDOW = 4
"""Parcels per thread that are with the cluster at a time: enough that no worker waits for the client."""
LARGEST = 32
"""Jobs of a parcel at most: so many results are lost with a worker, and so many tasks held by the client."""
PATIENCE = 120.0
"""Seconds without a worker, or without a scheduler, after which a run is given up."""
LOOK = 1.0
"""Seconds between two looks at the cluster."""
KEPT = "what is done is kept where `--resume` says"
FETCHING = 30.0
"""Seconds to wait for results that are said to be there."""
LOSSES = 20
"""How often a job's future may be lost, with the scheduler that held it."""

Parcel = list[Job]

_LOG = logging.getLogger(__name__)


class Cluster:
    """The workers behind a Dask client; `connect` makes the client anew where that is ours to do."""

    def __init__(
        self,
        client: Any,
        connect: Callable[[], Any] | None = None,
        close: Callable[[], None] | None = None,
        limit: float | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._client, self._connect, self._close = client, connect, close
        self._limit, self._patience = limit, patience
        self._ours = environment()
        self._foreign: dict[str, str] = {}
        self._runs, self._threads, self._size = 0, 1, 1

    def answers(self, work: Work[Any, Any], jobs: Iterator[Job]) -> Iterator[tuple[Job, Reply]]:
        """Every job with its reply, as they come; what killed workers comes last."""
        self._introduce(work)
        suspects: list[Job] = []
        yield from self._streamed(work, jobs, suspects.append)
        for job in suspects:
            alone: list[Job] = []
            yield from self._streamed(work, iter([job]), alone.append)
            for _ in alone:
                yield (
                    job,
                    Reply("exhausted", "its workers died, one after the other (killed, or out of memory or time)"),
                )
        self._dismiss(work)

    def close(self) -> None:
        """Leave the cluster as it was found; end it if it was started here."""
        if self._close is not None:
            self._close()

    def _streamed(
        self, work: Work[Any, Any], jobs: Iterator[Job], suspect: Callable[[Job], None]
    ) -> Iterator[tuple[Job, Reply]]:
        finished: SimpleQueue[Any] = SimpleQueue()
        pending: dict[str, tuple[Parcel, Any]] = {}
        again: deque[Job] = deque()
        losses: Counter[int] = Counter()
        seen = time.monotonic() - LOOK
        self._size = 1
        try:
            while True:
                while len(pending) < WINDOW * self._threads:
                    parcel = [again.popleft() for _ in range(min(self._size, len(again)))]
                    parcel += islice(jobs, self._size - len(parcel))
                    if not parcel:
                        break
                    future = self._submit(work, parcel)
                    pending[future.key] = (parcel, future)
                    future.add_done_callback(finished.put)
                if not pending:
                    return
                seen = self._lasting(seen)
                mine = [future for future in _drained(finished) if future.key in pending]
                answers = self._gathered(mine)
                for future in mine:
                    if future.key not in answers and future.status not in ("error", "cancelled"):
                        # Its worker died with the results; Dask computes them again, and says so again.
                        future.add_done_callback(finished.put)
                        continue
                    parcel, _ = pending.pop(future.key)
                    if future.key in answers:
                        replies = self._opened(*answers[future.key])
                        yield from zip(parcel, replies, strict=False)
                        again.extend(parcel[len(replies) :])
                    elif future.status == "error":
                        self._died(future)
                        for job in parcel:
                            suspect(job)
                    else:
                        losses.update(job.place for job in parcel)
                        again.extend(parcel)
                    future.release()
                if any(future.status == "cancelled" for future in mine):
                    self._recover(work, losses)
        finally:
            if pending and self._client.status == "running":
                self._client.cancel([future for _, future in pending.values()], force=True)

    def _submit(self, work: Work[Any, Any], parcel: Parcel) -> Any:
        self._runs += 1
        good = [] if not self._foreign else [item for item in self._addresses() if item not in self._foreign]
        return self._client.submit(
            answer,
            work.digest,
            [(job.task, job.kept) for job in parcel],
            self._ours,
            self._limit,
            # A key of its own for every attempt: Dask remembers deaths and results by key.
            key=f"certify-{os.getpid()}-{id(self)}-{self._runs}",
            workers=good or None,
            allow_other_workers=bool(good),
            pure=False,
        )

    def _opened(self, seconds: float, replies: Sequence[Reply]) -> Sequence[Reply]:
        """What a worker has done of a parcel, nothing if it is refused; the next parcels take about `SPAN` seconds."""
        if replies[0].kind == "foreign":
            self._refuse(replies[0])
            return ()
        self._size = max(1, min(LARGEST, 2 * self._size, int(SPAN * len(replies) / max(seconds, 1e-9))))
        return replies

    def _gathered(self, futures: Sequence[Any]) -> dict[str, tuple[float, list[Reply]]]:
        """The answers that can be had of those that finished, fetched together."""
        done = {future.key: future for future in futures if future.status == "finished"}
        if not done:
            return {}
        try:
            found = self._client.sync(self._client._gather, done, errors="skip", callback_timeout=FETCHING)
        except TimeoutError:
            return {}
        return {key: (said[0], [Reply(*one) for one in said[1]]) for key, said in found.items() if said is not None}

    def _died(self, future: Any) -> None:
        """InputError unless the failure is that of workers which died."""
        from distributed.scheduler import KilledWorker

        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise InputError(f"a worker of {self._address()} is not like this process: {type(error).__name__}: {error}")

    def _refuse(self, reply: Reply) -> None:
        """Ask a worker that differs for nothing more, and say so once."""
        if reply.text not in self._foreign:
            self._foreign[reply.text] = reply.doubt
            _LOG.warning("certify: worker %s is refused: %s", reply.text, reply.doubt)
        if not set(self._addresses()) - self._foreign.keys():
            raise InputError(f"every worker of {self._address()} is refused, the last for {reply.doubt}")

    def _introduce(self, work: Work[Any, Any]) -> None:
        """Send the work to every worker, present and future; refuse those that would compute something else."""
        until = time.monotonic() + self._patience
        while True:
            try:
                if self._addresses():
                    self._compare()
                    self._client.register_plugin(carrier(work.digest, work.payload))
                    return
            except (OSError, TimeoutError) as error:  # a worker that dies meanwhile closes its stream
                _LOG.debug("workers are changing: %s", error)
            if time.monotonic() > until:
                raise InputError(f"no worker at {self._address()} for {self._patience:g} s: start `dask worker` there")
            time.sleep(0.2)

    def _compare(self) -> None:
        for address, theirs in self._client.run(environment, on_error="return").items():
            if isinstance(theirs, OSError):
                continue
            unlike = (
                f"{type(theirs).__name__}: {theirs}"
                if isinstance(theirs, Exception)
                else difference(theirs, self._ours)
            )
            if unlike:
                raise InputError(
                    f"worker {address} has {unlike}: give the workers the packages and sources of this process"
                )

    def _dismiss(self, work: Work[Any, Any]) -> None:
        # Dask fails if a worker dies meanwhile; a dead one has forgotten by itself.
        with suppress(OSError):
            self._client.unregister_worker_plugin(carrier_name(work.digest))

    def _lasting(self, seen: float) -> float:
        """When the cluster was last seen alive, asked once a second; InputError once that is too long ago."""
        now = time.monotonic()
        if now - seen < LOOK:
            return seen
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"] if self._client.status == "running" else {}
        except OSError:
            workers = {}
        if workers:
            self._threads = sum(item["nthreads"] for item in workers.values())
            return now
        if now - seen > self._patience:
            raise InputError(f"no worker at {self._address()} for {self._patience:g} s; {KEPT}")
        return seen

    def _recover(self, work: Work[Any, Any], losses: Counter[int]) -> None:
        """A scheduler that is there again, with the work at its workers."""
        if losses and max(losses.values()) > LOSSES:
            raise InputError(
                f"the scheduler at {self._address()} loses its tasks again and again; is it being restarted?"
            )
        until = time.monotonic() + self._patience
        while self._client.status != "running":
            if time.monotonic() > until or (self._client.status == "closed" and self._connect is None):
                raise InputError(f"the scheduler at {self._address()} is gone; {KEPT}")
            time.sleep(0.2)
            if self._client.status == "closed" and self._connect is not None:
                try:
                    self._client = self._connect()
                except OSError:
                    continue
        self._introduce(work)

    def _addresses(self) -> list[str]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"])

    def _address(self) -> str:
        return str(self._client.scheduler.address if self._client.scheduler is not None else "the cluster")


def _drained(queue: SimpleQueue[Any]) -> list[Any]:
    """What has come, at least one if it comes within a second."""
    found = []
    try:
        found.append(queue.get(timeout=1.0))
        while True:
            found.append(queue.get_nowait())
    except Empty:
        return found
