"""The back end that starts nothing: one task after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from certify.execution.work import Job, Reply, Work, perform


class Serial:
    """Runs every job here."""

    def answers(self, work: Work[Any, Any], jobs: Iterator[Job]) -> Iterator[tuple[Job, Reply]]:
        """Every job with its reply, in the order of the jobs."""
        for job in jobs:
            yield job, perform(work.function, work.codec, job.task, job.kept)

    def close(self) -> None:
        """Nothing was started."""
