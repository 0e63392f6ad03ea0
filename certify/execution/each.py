"""Tasks of one kind, an observation or a cell each: wherever they run, resumable, in the order they were given.

What is done with one is a function of the task alone; so a run that was cut off goes on where it stopped, and the
number of processes changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from certify.execution.door import Execution
from certify.execution.work import Codec, Work
from certify.progress import Progress

Task = TypeVar("Task")
Certificate = TypeVar("Certificate")


def certify_each(
    label: str,
    question: Mapping[str, Any],
    key: Callable[[Task], str],
    tasks: Sequence[Task],
    function: Callable[[Task], Certificate],
    codec: Codec[Task, Certificate],
    progress: Progress,
    execution: Execution | None = None,
) -> list[Certificate]:
    """The certificate of every task, in order; what is kept under its key is verified, not computed again.

    What is not confirmed is computed again, and one line on standard error says so.

    Args:
        label: names the work where progress is shown.
        question: what every stored result depends on; a file that answers another question is refused.
        key: what a task's result is stored under (`row_key`).
        tasks: what `function` takes.
        function: a pure function of its task, importable by name.
        codec: how certificates are stored.
        progress: receives how far the work has come.
        execution: where the tasks run and their results are kept; None: here, and nowhere.

    Raises:
        InputError: if the results cannot be kept, or the file that keeps them belongs to another question.
    """
    with Execution() if execution is None else nullcontext(execution) as place:
        return place.collect(label, Work(function, codec, question, key), tasks, progress)


def row_key(*arrays: npt.NDArray[np.float64] | None) -> str:
    """What a task's result is stored under: a digest of the arrays that it is about."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()[:32]
