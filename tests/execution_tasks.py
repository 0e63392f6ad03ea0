"""Small tasks for the tests of `certify.execution`: functions that worker processes import by name."""

from __future__ import annotations

import os
import resource
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

from certify.errors import InputError
from certify.execution.work import Codec, Work


def plain(found: Any) -> Any:
    return found


def doubt(task: int, found: Any) -> str:
    return "" if found == task**2 + 0.1 else f"{found} is not the square of {task}"


def key(task: int) -> str:
    return f"{task % 256:02x}{task:030d}"


def square(task: int) -> float:
    return task**2 + 0.1


def slow_square(seconds: float, task: int) -> float:
    time.sleep(seconds)
    return square(task)


def uneven(task: int) -> float:
    """Every fiftieth takes longer than a whole parcel may."""
    if task % 50 == 49:
        time.sleep(0.3)
    return square(task)


def fragile(task: int) -> float:
    """Kills its process at 3, fails at 5, has no memory at 7."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 5:
        raise ZeroDivisionError("five")
    if task == 7:
        raise MemoryError
    return square(task)


def hanging_once(mark: Path, task: int) -> float:
    """Hangs at 2 until it has been ended once: stopped, so that nothing in the process could notice."""
    if task == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return square(task)


def hungry_once(mark: Path, task: int) -> float:
    """The system gives no more memory at 2, once: an address space of 64 MB more than now, and a request for 1 GB."""
    if task == 2 and not mark.exists():
        mark.touch()
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26, resource.RLIM_INFINITY))
        bytearray(2**30)
    return square(task)


def growing_once(mark: Path, task: int) -> float:
    """Holds 1 GB more at 2, once, until something ends the process."""
    if task == 2 and not mark.exists():
        mark.touch()
        held = b"1" * 2**30
        time.sleep(600)
        assert held
    return square(task)


def sleeping_once(mark: Path, task: int) -> float:
    if task == 2 and not mark.exists():
        mark.touch()
        time.sleep(600)
    return square(task)


def refusing(task: int) -> float:
    if task == 4:
        raise InputError("row 4 is no observation")
    return square(task)


def counting(folder: Path, task: int) -> float:
    """Leaves a mark for every time that it is computed."""
    (folder / f"{task}-{time.time_ns()}-{os.getpid()}").touch()
    return square(task)


def process(task: int) -> int:
    return os.getpid()


def work_of(function: Any, *bound: Any, question: str = "squares") -> Work[Any, Any]:
    return Work(partial(function, *bound), Codec(plain, plain, doubt), {"question": question}, key)
