"""Memory that was freed stays with the process: what comes and goes by the hundred megabytes is not faulted in anew.

The forms of a batch of boxes are held together and freed together. By default the C library gives such memory back and
asks for it again, page by page, which took a sixth of a search.
"""

from __future__ import annotations

import ctypes
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`, as glibc's malloc.h numbers them."""

KEPT, LARGEST_ARRAY = 2**28, 2**25
"""Bytes that may stay unused at the top of the heap; above which an array gets pages of its own (glibc's most)."""


@cache
def keep_freed_memory() -> bool:
    """Ask the C library, once, to keep up to `KEPT` bytes; whether it agreed: only glibc knows how to be asked."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(TRIM_THRESHOLD, KEPT)) and bool(mallopt(MMAP_THRESHOLD, LARGEST_ARRAY))
