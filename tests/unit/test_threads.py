"""One thread of linear algebra within a block, as many as before behind it, whatever was loaded in between."""

from __future__ import annotations

import subprocess
import sys

from threadpoolctl import threadpool_info, threadpool_limits

from certify.threads import one_thread
from tests.conftest import ROOT

LOADED_LATER = """
import numpy
from threadpoolctl import threadpool_info, threadpool_limits
from certify.threads import one_thread
with one_thread():
    known = len(threadpool_info())
import scipy.linalg
with threadpool_limits(2), one_thread():
    print(known, *(item["num_threads"] for item in threadpool_info()))
"""


def threads() -> set[int]:
    return {item["num_threads"] for item in threadpool_info()}


def test_within_the_block_and_behind_it() -> None:
    with threadpool_limits(2):
        assert threads() == {2}
        with one_thread():
            assert threads() == {1}
            with one_thread():
                assert threads() == {1}
            assert threads() == {1}
        assert threads() == {2}


def test_a_library_that_is_loaded_later_is_limited_too() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED_LATER], capture_output=True, text=True, check=True, cwd=ROOT)
    known, *found = map(int, done.stdout.split())
    assert len(found) > known and set(found) == {1}
