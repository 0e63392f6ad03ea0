"""One thread of linear algebra within a block, as many as before behind it; floats that are rounded to nearest."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from certify.bounds.constants import constants
from certify.certificates.verification import verify_file
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.threads import one_thread, require_rounding_to_nearest
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


@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="numbers of the rounding modes"
)
@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00], ids=["down", "up", "to zero"])
def test_nothing_is_certified_where_floats_are_not_rounded_to_nearest(mode: int) -> None:
    require_rounding_to_nearest()
    generator, library = load_generator("residual:d=1,width=2"), ctypes.CDLL(None)
    before, seen = library.fegetround(), []
    for certified in (lambda: constants(generator), lambda: verify_file("no file")):
        library.fesetround(mode)
        try:
            certified()
        except InputError as error:
            seen.append(str(error))
        finally:
            library.fesetround(before)
    assert len(seen) == 2 and all("not rounded to nearest" in message for message in seen)
    require_rounding_to_nearest()
