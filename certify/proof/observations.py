"""Single observations, each certified on its own: in parallel, resumable, in the order they were given.

What a theorem does with one observation is its `work`, a function of a task alone; so a run that was cut off goes on
where it stopped, and the number of processes changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from certify.atomic import check_writable, write_text_atomically
from certify.errors import InputError
from certify.generators.graph import FloatArray
from certify.progress import Progress

PROCESSES_FROM = 6
"""Fewer observations than this are not worth starting processes for."""

Task = TypeVar("Task")
Certificate = TypeVar("Certificate")


@dataclass(frozen=True)
class Codec(Generic[Certificate]):
    """A certificate as JSON and back; `could_hold` refuses a stored one that no run returns."""

    encode: Callable[[Certificate], dict[str, Any]]
    decode: Callable[[Mapping[str, Any]], Certificate]
    could_hold: Callable[[Certificate], bool]


def certify_each(
    label: str,
    question: Mapping[str, Any],
    keys: Sequence[str],
    tasks: Sequence[Task],
    work: Callable[[Task], Certificate],
    codec: Codec[Certificate],
    progress: Progress,
    resume: Path | None = None,
) -> list[Certificate]:
    """The certificate of every task, in order; what `resume` holds under its key is not computed again.

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
        InputError: if `resume` cannot be written, belongs to another question, or holds what no run returns.
    """
    kept = {} if resume is None else _kept(resume, question, codec)
    waiting = [index for index, key in enumerate(keys) if key not in kept]
    progress.start(label, len(tasks))
    progress.advance(len(tasks) - len(waiting))
    for index, certificate in zip(waiting, _results(work, [tasks[index] for index in waiting]), strict=True):
        kept[keys[index]] = codec.encode(certificate)
        if resume is not None:
            write_text_atomically(resume, json.dumps({**question, "observations": kept}, indent=1) + "\n")
        progress.advance()
    progress.finish()
    return [codec.decode(kept[key]) for key in keys]


def row_key(*arrays: FloatArray | None) -> str:
    """What a task's result is stored under: a digest of the arrays that it is about."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()[:32]


def _results(work: Callable[[Task], Certificate], tasks: Sequence[Task]) -> Iterator[Certificate]:
    """The certificates in the order of the tasks, by one process per processor where there are many."""
    processors = len(os.sched_getaffinity(0))
    if len(tasks) < PROCESSES_FROM or processors == 1:
        yield from map(work, tasks)
        return
    # Processes of their own: most of the work holds the interpreter's lock, and forks of threads may hang.
    with ProcessPoolExecutor(processors, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, tasks)


def _kept(path: Path, question: Mapping[str, Any], codec: Codec[Certificate]) -> dict[str, Any]:
    check_writable(path)
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        certificates = {key: codec.decode(entry) for key, entry in stored.pop("observations").items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"`{path}` is not a file of stored observations; give another path or remove it") from error
    if stored != dict(question):
        raise InputError(
            f"`{path}` holds results of another generator, noise, epsilon or version; give another path or remove it"
        )
    if not all(codec.could_hold(certificate) for certificate in certificates.values()):
        raise InputError(f"`{path}` calls a distance certified that is not below epsilon; remove it")
    return {key: codec.encode(certificate) for key, certificate in certificates.items()}
