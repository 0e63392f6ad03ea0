"""One thread of linear algebra: on matrices as small as these a second one costs more than it brings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block every BLAS and OpenMP library that is loaded uses one thread."""
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries found: a search through everything that is loaded, repeated where another module was."""
    return ThreadpoolController()
