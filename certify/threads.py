"""How floats are computed: to nearest, and linear algebra in one thread.

On matrices as small as these a second thread costs more than it brings. The processor's rounding mode belongs to the
process: another library may change it for everybody (`findings/codac_import_makes_the_process_round_upward.sh`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

from certify.errors import InputError

_TIE = 2.0**-54


def require_rounding_to_nearest() -> None:
    """InputError where floats are rounded up, down or towards 0: error bounds count on the nearest one."""
    one = 1.0
    if one + _TIE != one or one - 0.5 * _TIE != one:
        raise InputError(
            "floats are not rounded to nearest in this process (1 + 2^-54 or 1 - 2^-55 is not 1), as after "
            "`import codac`: bounds would not be certified; run `certify` in a process of its own"
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block every BLAS and OpenMP library that is loaded uses one thread; InputError if not to nearest."""
    require_rounding_to_nearest()
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries found: a search through everything that is loaded, repeated where another module was."""
    return ThreadpoolController()
