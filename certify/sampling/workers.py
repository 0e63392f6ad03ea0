"""Workers: threads that share the blocks of chains; a block is one thread's, so no result depends on their number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

from certify.errors import InputError

_PARTS_PER_THREAD = 4


@dataclass(frozen=True)
class Workers:
    """A pool of threads for block kernels, which release the interpreter lock.

    numba's own parallel loops would compile every kernel a second time and bring a threading layer that
    does not survive a fork.
    """

    threads: int
    pool: ThreadPoolExecutor

    def run(self, kernel: Callable[..., None], blocks: int, *arguments: Any) -> None:
        """Call kernel(first_block, last_block, *arguments) on contiguous parts that together are 0, ..., blocks - 1."""
        parts = min(blocks, 1 if self.threads == 1 else _PARTS_PER_THREAD * self.threads)
        ends = [blocks * part // parts for part in range(parts + 1)]
        if parts == 1:
            kernel(0, blocks, *arguments)
            return
        pending = [
            self.pool.submit(kernel, first, last, *arguments) for first, last in zip(ends, ends[1:], strict=False)
        ]
        for future in pending:
            future.result()


@contextmanager
def workers(threads: int | None) -> Iterator[Workers]:
    """A pool of `threads` threads (None: one per processor this process may use), each with BLAS on one thread.

    Two BLAS threads on small matrices can be a hundred times slower than one.
    Raises `InputError` unless threads >= 1.
    """
    count = len(os.sched_getaffinity(0)) if threads is None else threads
    if count < 1:
        raise InputError(f"`threads` must be at least 1; got {threads}")
    with _blas().limit(limits=1, user_api="blas"), ThreadPoolExecutor(count) as pool:
        yield Workers(count, pool)


@cache
def _blas() -> ThreadpoolController:
    """The libraries of this process whose threads can be limited: a search that takes longer than a short run."""
    # numba calls scipy's BLAS, which must be loaded to be found.
    import scipy.linalg.cython_blas  # noqa: F401

    return ThreadpoolController()
