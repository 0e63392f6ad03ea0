"""What runs where: the work that tasks have in common, one task, and the answer, which is data and never an object.

A result travels as the JSON text of a record and is read strictly on arrival, whatever ran it: so the bits of a run do
not depend on the back end, and nothing that a worker sends is executed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import pickle
import platform
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from certify.errors import InputError, InternalError
from certify.provenance import code_digest
from certify.version import __version__

PACKAGES = ("numpy", "scipy", "python-flint", "numba", "onnxruntime", "sympy")
"""On which the bits of a result may depend."""

Task = TypeVar("Task")
Found = TypeVar("Found")
Kind = Literal["new", "kept", "refused", "crashed", "exhausted", "foreign"]

ONE_AT_A_TIME = threading.RLock()
"""Held while a task runs in this process."""


def none_of_it(found: Any) -> bool:
    """Everything in the result is derived again."""
    return False


def all_of_it(found: Any) -> bool:
    """The result is a measurement, or a search, that is not made again."""
    return True


@dataclass(frozen=True)
class Codec(Generic[Task, Found]):
    """A result as JSON and back; `doubt` says why a stored one is not believed, "" if it is.

    `trusts` says whether a stored result holds what `doubt` does not derive again: a run counts those in one line.
    `decode` raises InputError, ValueError, KeyError or TypeError for what `encode` did not write; all four are
    importable by name.
    """

    encode: Callable[[Found], Any]
    decode: Callable[[Any], Found]
    doubt: Callable[[Task, Found], str]
    trusts: Callable[[Found], bool] = none_of_it


@dataclass(frozen=True)
class Work(Generic[Task, Found]):
    """A pure function of a task, with everything that the tasks have in common bound to it: sent once per worker.

    function  importable by name, or a `functools.partial` of such a function with data
    codec     how its results are written, read and doubted
    question  what every result depends on besides its task: digests, settings, seed, the method's version
    key       what a task's result is stored under: a digest of all that it depends on
    """

    function: Callable[[Task], Found]
    codec: Codec[Task, Found]
    question: Mapping[str, Any]
    key: Callable[[Task], str]

    @cached_property
    def payload(self) -> bytes:
        """What a worker needs: function and codec; decoder and settings are bound to them."""
        return pickle.dumps((self.function, self.codec), protocol=5)

    @cached_property
    def digest(self) -> str:
        """Name of the payload."""
        return hashlib.sha256(self.payload).hexdigest()

    def read(self, text: str) -> Found:
        """The result that `perform` wrote."""
        return self.codec.decode(json.loads(text))


def plain_work(function: Callable[[Any], Any], question: Mapping[str, Any]) -> Work[Any, Any]:
    """Work whose tasks and results are JSON as they are, and whose results are as sure as the code that found them."""
    return Work(function, Codec(_same, _same, _no_doubt), question, _text_key)


def _same(found: Any) -> Any:
    return found


def _no_doubt(task: Any, found: Any) -> str:
    return ""


def _text_key(task: Any) -> str:
    return hashlib.sha256(json.dumps(task).encode()).hexdigest()[:32]


class Job(NamedTuple):
    """A task by its place in the run, with the stored text of its result, if there is one."""

    place: int
    task: Any
    kept: str | None


class Reply(NamedTuple):
    """What came of a job.

    kind   new: computed, `text` is the record; kept: what was stored is confirmed; refused: bad input, `text` says
           which; crashed: an exception, always the same; exhausted: no memory left, or the worker died; foreign: the
           worker is not like the client
    doubt  why the stored result was not believed
    """

    kind: Kind
    text: str
    doubt: str = ""


def perform(function: Callable[[Any], Any], codec: Codec[Any, Any], task: Any, kept: str | None) -> Reply:
    """Confirm what is kept, else compute; whatever goes wrong is part of the answer.

    One task at a time in a process, however many threads it has: the number of BLAS threads is the process's.
    """
    with ONE_AT_A_TIME:
        try:
            doubt = "" if kept is None else _doubt(codec, task, kept)
            if kept is not None and not doubt:
                return Reply("kept", kept)
            text = json.dumps(codec.encode(function(task)), separators=(",", ":"))
            return Reply("new", text, doubt)
        except InputError as error:
            return Reply("refused", str(error))
        except MemoryError:
            return Reply("exhausted", "out of memory")
        except Exception as error:  # reported with its case; the other tasks are none the worse for it
            place = traceback.extract_tb(error.__traceback__)[-1]
            return Reply("crashed", f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")


def _doubt(codec: Codec[Any, Any], task: Any, kept: str) -> str:
    try:
        return codec.doubt(task, codec.decode(json.loads(kept)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return str(error) or type(error).__name__


@cache
def environment() -> tuple[tuple[str, str], ...]:
    """What this process computes with: versions, and the digest of this program's sources."""
    found = {"python": platform.python_version(), "certify": f"{__version__} {code_digest()[:12]}"}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return tuple(found.items())


def difference(theirs: tuple[tuple[str, str], ...], ours: tuple[tuple[str, str], ...]) -> str:
    """How another process's environment differs, in one clause; "" where it does not."""
    other = dict(theirs)
    return ", ".join(
        f"{name} {other.get(name, 'missing')} (here {own})" for name, own in ours if other.get(name) != own
    )


class FailedTasksError(InternalError):
    """Some tasks failed after everything else was done; the message names the first and where the others are."""

    def __init__(self, label: str, failures: Mapping[str, str], total: int, place: str) -> None:
        case, reason = next(iter(failures.items()))
        super().__init__(
            f"{label}: {len(failures)} of {total} tasks failed, first {case}: {reason}; "
            f"the others are {place or 'lost: keep them with `--resume`'}"
        )
        self.failures = dict(failures)
