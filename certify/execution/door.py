"""The door: `Execution.map` runs a pure function over independent tasks, where the user said, and keeps the results."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from certify.errors import InputError
from certify.execution.processes import ATTEMPTS, Processes
from certify.execution.records import Records, check_place, check_question, open_records
from certify.execution.serial import Serial
from certify.execution.work import FailedTasksError, Found, Job, Reply, Task, Work
from certify.progress import Progress, SilentProgress

PROCESSES_FROM = 6
"""Fewer tasks than this are not worth starting processes for."""
FORMS = "`serial`, `processes:N`, `local:N`, an address such as `tcp://host:8786`, or Dask's scheduler file"

_LOG = logging.getLogger(__name__)


class Backend(Protocol):
    """Runs jobs somewhere; every job that is taken comes back once with its reply, in any order."""

    def answers(self, work: Work[Any, Any], jobs: Iterator[Job]) -> Iterator[tuple[Job, Reply]]:
        """Take jobs as there is room for them."""

    def close(self) -> None:
        """End what was started."""


@dataclass(frozen=True)
class Failed:
    """A task without a result: its key and what went wrong."""

    key: str
    reason: str


class Execution:
    """Where tasks run and where their results are kept; a context, which ends on leaving what it started.

    Args:
        scheduler: one of FORMS, or a `distributed.Client`; None: processes of this machine where there are many tasks.
        resume: a folder, or a `.json` file, of results: those that verify are not computed again.
        limit: seconds after which a task's worker is taken to hang and is ended.
        attempts: workers of this machine that a task may cost.

    Raises:
        InputError: for a scheduler that is none, a limit in this process, which cannot end itself, or a place where
            nothing can be kept.
    """

    def __init__(
        self,
        scheduler: Any = None,
        resume: Path | None = None,
        limit: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.resume = resume
        if resume is not None:
            check_place(resume)
        where = checked_scheduler(scheduler)
        if where == "serial" and limit is not None:
            raise InputError("`task_limit` ends a worker process, and here is none: give `scheduler`, as `processes:1`")
        self._host = _Host(where, limit, attempts)

    def __enter__(self) -> Execution:
        self._host.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._host.close()

    def expect(self, needed: Mapping[str, Any], named: Mapping[str, Any]) -> None:
        """Refuse before the work a file of another question's results; see `check_question`.

        Raises:
            InputError: if it is one.
        """
        if self.resume is not None:
            check_question(self.resume, needed, named)

    def beside(self, word: str) -> Execution:
        """The same back end, with results in FILE.word.json; a folder holds the results of many questions."""
        if self.resume is None or self.resume.suffix != ".json":
            return self
        other = Execution(resume=self.resume.with_suffix(f".{word}.json"))
        other._host = self._host
        return other

    def map(
        self, work: Work[Task, Found], tasks: Iterable[Task], progress: Progress | None = None
    ) -> Iterator[tuple[int, Found | Failed]]:
        """The place of every task with its result, as they come: streamed, neither tasks nor results are held.

        A stored result that verifies is not computed again; a new one is stored before it is given out.

        Raises:
            InputError: for what a task refuses, a place that cannot be written, or a back end that is gone.
        """
        bars = progress or SilentProgress()
        with _closing(open_records(self.resume, work.question)) as records:
            first = list(islice(source := iter(tasks), PROCESSES_FROM))
            keys: dict[int, str] = {}
            taken = 0
            jobs = _jobs(work, chain(first, source), records, keys)
            for job, reply in self._host.backend(len(first)).answers(work, jobs):
                key = keys.pop(job.place)
                if reply.kind == "refused":
                    raise InputError(reply.text)
                if reply.doubt:
                    _LOG.warning(
                        "certify: `%s`, entry %s is not believed and computed again: %s",
                        self.resume,
                        key[:12],
                        reply.doubt,
                    )
                if reply.kind == "new":
                    records.put(key, reply.text)
                result = work.read(reply.text) if reply.kind in ("new", "kept") else Failed(key, reply.text)
                taken += reply.kind == "kept" and not isinstance(result, Failed) and work.codec.trusts(result)
                bars.advance()
                yield job.place, result
            if taken:
                _LOG.warning(
                    "certify: results taken from `%s` without deriving them again: %d; as sure as what wrote them",
                    self.resume,
                    taken,
                )

    def collect(
        self, label: str, work: Work[Task, Found], tasks: Iterable[Task], progress: Progress | None = None
    ) -> list[Found]:
        """The results in the order of the tasks.

        Raises:
            FailedTasksError: after everything else was done and kept, if a task has no result. Otherwise as `map`.
        """
        listed = list(tasks)
        bars = progress or SilentProgress()
        bars.start(label, len(listed))
        found: list[Any] = [None] * len(listed)
        failures: dict[str, str] = {}
        for index, item in self.map(work, listed, bars):
            found[index] = item
            if isinstance(item, Failed):
                failures[f"task {index} ({item.key[:12]})"] = item.reason
        bars.finish()
        if failures:
            raise FailedTasksError(
                label, failures, len(listed), "" if self.resume is None else f"kept in `{self.resume}`"
            )
        return found


def checked_scheduler(scheduler: Any) -> Any:
    """The scheduler, its text in one of FORMS.

    Raises:
        InputError: for any other text.
    """
    if not isinstance(scheduler, str | Path):
        module = type(scheduler).__module__
        if scheduler is not None and not module.startswith("distributed."):
            raise InputError(
                f"`scheduler` must be {FORMS}, or a `dask.distributed.Client`; got {type(scheduler).__name__}"
            )
        return scheduler
    text = str(scheduler)
    kind, _, count = text.partition(":")
    if text in ("serial", "processes") or "://" in text:
        return text
    if kind in ("processes", "local") and count.isascii() and count.isdecimal() and len(count) < 5 and int(count):
        return text
    if _is_file(text):
        return text
    raise InputError(f"`--scheduler` must be {FORMS}; got {text[:80]!r}")


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:
        # A name that is too long for a file is none.
        return False


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


class _Host:
    """The back end, opened at its first use; a few tasks run here where no scheduler was asked for."""

    def __init__(self, scheduler: Any, limit: float | None, attempts: int) -> None:
        self._scheduler, self._limit, self._attempts = scheduler, limit, attempts
        self._opened: Backend | None = None

    def connect(self) -> None:
        """Open a cluster of others now: that nobody answers there is known before the work."""
        text = self._scheduler if isinstance(self._scheduler, str) else ""
        ours = self._scheduler is None or text.startswith(("serial", "processes", "local:"))
        if not ours and self._opened is None:
            self._opened = self._open()

    def backend(self, known: int) -> Backend:
        if self._opened is None:
            few = known < PROCESSES_FROM or processors() == 1
            if self._scheduler is None and self._limit is None and few:
                return Serial()
            self._opened = self._open()
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _open(self) -> Backend:
        text = self._scheduler if isinstance(self._scheduler, str) else ""
        if text == "serial":
            return Serial()
        if self._scheduler is None or text.startswith("processes"):
            return Processes(int(text.partition(":")[2] or processors()), self._limit, self._attempts)
        from certify.execution.connection import connected

        return connected(self._scheduler, self._limit)


def _jobs(work: Work[Task, Any], tasks: Iterable[Task], records: Records, keys: dict[int, str]) -> Iterator[Job]:
    for index, task in enumerate(tasks):
        keys[index] = work.key(task)
        yield Job(index, task, records.get(keys[index]))


class _closing:
    """Closes the results on the way out; what stopped the run is told rather than what closing then meets."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __enter__(self) -> Records:
        return self._records

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._records.close()
        except InputError:
            if error is None:
                raise
