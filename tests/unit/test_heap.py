"""The C library keeps what was freed: a second pass over the same arrays faults hardly a page in."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from certify import heap

FAULTS = """
import resource, sys
import numpy as np
from certify.heap import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [np.ones(60_000) for _ in range(100)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
assert keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is asked")
def test_freed_memory_is_kept() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("another C library")
    found = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    # 48 MB are 11,700 pages.
    assert int(found.stdout) < 1000


def test_a_library_that_cannot_be_asked_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: None) -> object:
        return object()

    monkeypatch.setattr(heap.ctypes, "CDLL", missing)
    assert heap.keep_freed_memory.__wrapped__() is False
