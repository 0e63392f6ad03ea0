"""Single observations, each certified on its own: in parallel, resumable, in the order they were given.

What a theorem does with one observation is its `work`, a function of a task alone; so a run that was cut off goes on
where it stopped, and the number of processes changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from certify.atomic import check_writable, write_text_atomically
from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.progress import Progress

PROCESSES_FROM = 6
"""Fewer observations than this are not worth starting processes for."""

SAVED_PARTS = 32
"""A file is written anew once this part of its results is new."""

Task = TypeVar("Task")
Certificate = TypeVar("Certificate")
Given = TypeVar("Given")
Found = TypeVar("Found")

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Codec(Generic[Task, Certificate]):
    """A certificate as JSON and back; `doubt` says why a stored one is not believed, "" if it is.

    `decode` raises InputError, ValueError, KeyError or TypeError for what `encode` did not write; `doubt` is importable
    by name.
    """

    encode: Callable[[Certificate], dict[str, Any]]
    decode: Callable[[Mapping[str, Any]], Certificate]
    doubt: Callable[[Task, Certificate], str]


def certify_each(
    label: str,
    question: Mapping[str, Any],
    keys: Sequence[str],
    tasks: Sequence[Task],
    work: Callable[[Task], Certificate],
    codec: Codec[Task, Certificate],
    progress: Progress,
    resume: Path | None = None,
) -> list[Certificate]:
    """The certificate of every task, in order; what `resume` holds under its key is verified, not computed again.

    What is not confirmed is computed again, and one line on standard error says so.

    Args:
        label: names the work where progress is shown.
        question: what every stored result depends on; a file that answers another question is refused.
        keys: one per task (`row_key`).
        tasks: what `work` takes; it is sent to processes where there are many.
        work: a pure function of its task, importable by name.
        codec: how certificates are stored.
        progress: receives how far the work has come.
        resume: a JSON file, rewritten atomically as results come in.

    Raises:
        InputError: if `resume` cannot be written, belongs to another question, or is no such file.
    """
    stored = {} if resume is None else _stored(resume, question)
    progress.start(label, len(tasks))
    believed = {} if resume is None else _believed(resume, stored, dict(zip(keys, tasks, strict=True)), codec)
    waiting = [index for index, key in enumerate(keys) if key not in believed]
    progress.advance(len(tasks) - len(waiting))
    unsaved = 0
    for index, certificate in zip(waiting, _results(work, [tasks[index] for index in waiting]), strict=True):
        believed[keys[index]] = certificate
        stored[keys[index]] = codec.encode(certificate)
        unsaved += 1
        # A file of many results is not written anew for each: at most a part of 1/32 is computed twice.
        if resume is not None and (unsaved > len(stored) // SAVED_PARTS or index == waiting[-1]):
            write_text_atomically(resume, json.dumps({**question, "observations": stored}) + "\n")
            unsaved = 0
        progress.advance()
    progress.finish()
    return [believed[key] for key in keys]


def row_key(*arrays: FloatArray | None) -> str:
    """What a task's result is stored under: a digest of the arrays that it is about."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()[:32]


def _results(work: Callable[[Given], Found], tasks: Sequence[Given]) -> Iterator[Found]:
    """The results in the order of the tasks, by one process per processor where there are many."""
    processors = len(os.sched_getaffinity(0))
    if len(tasks) < PROCESSES_FROM or processors == 1:
        yield from map(work, tasks)
        return
    # Processes of their own: most of the work holds the interpreter's lock, and forks of threads may hang.
    with ProcessPoolExecutor(processors, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, tasks)


def _stored(path: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a file that answers `question`, unread; none where there is no file yet."""
    check_writable(path)
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        stored = dict(document.pop("observations").items())
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"`{path}` is not a file of stored observations; give another path or remove it") from error
    if document != dict(question):
        raise InputError(
            f"`{path}` holds results of another generator, noise, epsilon or method; give another path or remove it"
        )
    return stored


def _believed(
    path: Path, stored: Mapping[str, Any], tasks: Mapping[str, Task], codec: Codec[Task, Certificate]
) -> dict[str, Certificate]:
    """The stored certificates of these tasks that `codec` reads and does not doubt."""
    found: dict[str, Certificate] = {}
    for key in (key for key in tasks if key in stored):
        try:
            found[key] = codec.decode(stored[key])
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            _warn(path, key, str(error))
    keys = list(found)
    doubts = _results(partial(_doubt, codec), [(tasks[key], found[key]) for key in keys])
    for key, doubt in zip(keys, doubts, strict=True):
        if doubt:
            _warn(path, key, doubt)
            del found[key]
    return found


def _doubt(codec: Codec[Task, Certificate], pair: tuple[Task, Certificate]) -> str:
    return codec.doubt(*pair)


def _warn(path: Path, key: str, reason: str) -> None:
    _LOG.warning("certify: `%s`, entry %s is not believed and computed again: %s", path, key[:12], reason)
