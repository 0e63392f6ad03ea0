"""All compiler options of the samplers, in one place, each with its reason.

Kernels are module-level functions without explicit signatures: importing the package compiles and loads
nothing, the first call loads the machine code from the cache on disk, and every kernel has one signature
because `Program` normalises what it is given. A kernel made inside a function would never be found on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

CONTRACT = frozenset({"contract"})
"""Fused multiply-add only: elementary functions rely on the order of their operations (Cody-Waite reduction)."""

REASSOCIATE = frozenset({"contract", "reassoc", "nsz"})
"""Also reorders sums, so that inner products vectorise. Never `nnan` or `ninf`: divergence must stay visible."""

ERROR_MODEL = "numpy"
"""Division by zero gives an infinity: the Python error would put a branch into every loop."""

INLINE = True
"""Callees become part of the kernel that calls them. A shared copy would be linked by name: the process that
compiles would run a copy optimised elsewhere, a process that loads from disk its own, and their last bits differ."""


def elementary(function: Function) -> Function:
    """Compile a scalar function of a kernel; it keeps the order of its floating-point operations."""
    return _compile(function, fastmath=set(CONTRACT), forceinline=INLINE)


def kernel(function: Function) -> Function:
    """Compile a serial function over one block of chains; sums may be reordered (at compile time, so always alike)."""
    return _compile(function, fastmath=set(REASSOCIATE), forceinline=INLINE)


def body(function: Function) -> Function:
    """Make a serial function part of its one caller before anything is compiled.

    Compiled by themselves first, the longest functions would be optimised twice: a quarter of the time of all kernels.
    """
    return _compile(function, fastmath=set(REASSOCIATE), inline="always")


def block_kernel(function: Function) -> Function:
    """Compile the outermost loop over blocks; it releases the interpreter lock, so that threads share the blocks."""
    return _compile(function, fastmath=set(REASSOCIATE), nogil=True)


def generated(function: Callable[..., Any]) -> Any:
    """A function whose machine instructions are given directly, inlined wherever a kernel calls it."""
    return intrinsic(function)


@cache
def room_digest() -> str:
    """Digest of every source file of this room, the stamp under which machine code is cached.

    numba stamps a cached kernel with its own file only and would keep running an old gradient after an
    edit of the file that defines it; with this stamp an edit of any file discards all kernels.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _compile(function: Function, **options: Any) -> Function:
    compile_lazily: Any = numba.njit
    dispatcher = compile_lazily(function, error_model=ERROR_MODEL, **options)
    try:
        dispatcher.enable_caching()
    except RuntimeError:
        # No directory on this machine can hold a cache: the kernel works and is compiled in every process.
        return cast(Function, dispatcher)
    dispatcher._cache._cache_file._source_stamp = room_digest()
    return cast(Function, dispatcher)
