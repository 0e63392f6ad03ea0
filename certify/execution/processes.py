"""Processes of this machine: each has one job at a time, so a death is laid to the job that died, and to no other.

A worker is a process group of its own: an interrupt at the terminal reaches the client alone, which ends the workers
and whatever they started. A worker whose client is gone ends after its job.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from certify.errors import InputError
from certify.execution.work import Job, Reply, Work, perform

ATTEMPTS = 3
"""Workers that a job may cost before it is given up."""
READY = "ready"


class Processes:
    """At most `count` workers, started as they are needed and kept for the next work."""

    def __init__(self, count: int, limit: float | None = None, attempts: int = ATTEMPTS) -> None:
        self._count, self._limit, self._attempts = count, limit, attempts
        self._workers: list[_Worker] = []
        self._false_starts = 0

    def answers(self, work: Work[Any, Any], jobs: Iterator[Job]) -> Iterator[tuple[Job, Reply]]:
        """Every job with its reply, as they come."""
        again: deque[Job] = deque()
        deaths: Counter[int] = Counter()
        try:
            while True:
                self._hand_out(work, jobs, again)
                busy = [worker for worker in self._workers if worker.job is not None]
                if not busy:
                    return
                for worker, reply in self._received(busy):
                    job = worker.job
                    assert job is not None, "only busy workers are listened to"
                    worker.job = None
                    if reply.kind != "exhausted":
                        yield job, reply
                        continue
                    self._end(worker)
                    deaths[job.place] += worker.started
                    if deaths[job.place] < self._attempts:
                        again.append(job)
                    else:
                        yield job, reply._replace(text=f"{reply.text}, {deaths.pop(job.place)} times")
        finally:
            # A run that is given up leaves jobs behind, and their workers with answers to nobody.
            for worker in [worker for worker in self._workers if worker.job is not None]:
                self._end(worker)

    def close(self) -> None:
        """End every worker and what it started."""
        for worker in list(self._workers):
            self._end(worker)

    def _hand_out(self, work: Work[Any, Any], jobs: Iterator[Job], again: deque[Job]) -> None:
        """Give every idle worker a job, what died once first."""
        while True:
            worker = next((worker for worker in self._workers if worker.job is None), None)
            if worker is None and len(self._workers) == self._count:
                return
            job = again.popleft() if again else next(jobs, None)
            if job is None:
                return
            if worker is None:
                worker = _Worker()
                self._workers.append(worker)
            worker.give(work, job, self._limit)

    def _received(self, busy: list[_Worker]) -> Iterator[tuple[_Worker, Reply]]:
        """What arrives next; a worker that died or is over its time counts as exhausted."""
        deadlines = [worker.deadline for worker in busy if worker.deadline is not None]
        patience = None if not deadlines else max(0.0, min(deadlines) - time.monotonic())
        arrived = wait([worker.connection for worker in busy], patience)
        for worker in busy:
            if worker.connection in arrived:
                reply = worker.take(self._limit)
                if reply is not None:
                    self._false_starts = 0 if worker.started else self._false_starts + 1
                    yield worker, reply
            elif worker.deadline is not None and worker.deadline <= time.monotonic():
                yield worker, Reply("exhausted", f"no answer in {self._limit:g} s")
        if self._false_starts >= ATTEMPTS:
            raise InputError(
                "worker processes end as they start: a script that asks for them needs "
                '`if __name__ == "__main__":` around its work; or take the scheduler `serial`'
            )

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


class _Worker:
    """A process and the pipe to it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        # Forks of threads may hang; and a daemon could not start the solvers' processes.
        self._process = context.Process(target=serve, args=(other,), name="certify-worker", daemon=False)
        self._process.start()
        other.close()
        self.started = False
        self.job: Job | None = None
        self.deadline: float | None = None
        self._digest = ""

    def give(self, work: Work[Any, Any], job: Job, limit: float | None) -> None:
        """Send a job, before it the work that it belongs to if the worker has not got that."""
        self.job = job
        with suppress(BrokenPipeError, ConnectionResetError):  # its death is seen where its answer is awaited
            if self._digest != work.digest:
                # The clock starts when the worker has loaded what it needs, and says so.
                self.started, limit = False, None
                self.connection.send_bytes(work.payload)
                self._digest = work.digest
            self.connection.send((job.task, job.kept))
        self.deadline = None if limit is None else time.monotonic() + limit

    def take(self, limit: float | None) -> Reply | None:
        """The answer; None where the worker only says that it has loaded its work."""
        try:
            said = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return Reply("exhausted", "its worker died (killed, or out of memory)")
        if said == READY:
            self.started = True
            self.deadline = None if limit is None else time.monotonic() + limit
            return None
        return Reply(*said)

    def end(self) -> None:
        """Kill the process with all that it started."""
        pid = self._process.pid
        assert pid is not None, "the process was started"
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self.connection.close()


def serve(connection: Connection) -> None:
    """A worker's life: answer jobs until the client is gone."""
    os.setsid()
    function = codec = None
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            received = pickle.loads(connection.recv_bytes())
            if isinstance(received[1], str | None):
                connection.send(tuple(perform(function, codec, *received)))  # type: ignore[arg-type]
            else:
                function, codec = received
                connection.send(READY)
