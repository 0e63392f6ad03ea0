"""`certify.sweep`: a theorem over arrays of constants, every cell certified on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from certify.api.arguments import execution_of, progress_of
from certify.api.shown import Shown
from certify.bounds.bracket import json_number
from certify.codec import Readable, decode
from certify.errors import UnknownNameError
from certify.generators.graph import FloatArray
from certify.progress import Progress
from certify.report.table import Table, columns, label_cell, lower_cell, number_cell, upper_cell
from certify.validation import one_of, text_of

if TYPE_CHECKING:
    import numpy.typing as npt

SHOWN = ("beta", "K", "K_gd", "tv_bound")
"""Quantities in the printed table, where the theorem has them; the frame and the JSON have all."""


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Shown, Readable, Mapping[str, FloatArray]):
    """Every quantity of a theorem over the broadcast of its inputs: a mapping from public names to arrays.

    NaN where no choice was found to work. `tv_bound` is rounded outward and holds at the returned choices; the others
    are midpoints of enclosures. Solved for beta, `beta` is certified to work; that no larger one does is not claimed.
    """

    theorem: str
    solve_for: str
    inputs: Mapping[str, FloatArray]
    quantities: Mapping[str, FloatArray]

    @property
    def shape(self) -> tuple[int, ...]:
        """The broadcast shape of the inputs."""
        return next(iter(self.quantities.values())).shape

    def __getitem__(self, name: str) -> FloatArray:
        if name not in self.quantities:
            raise UnknownNameError(f"quantity of `{self.theorem}`", str(name), self.quantities)
        return self.quantities[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.quantities)

    def __len__(self) -> int:
        return len(self.quantities)

    def __contains__(self, name: object) -> bool:
        return name in self.quantities

    def to_dict(self) -> dict[str, Any]:
        """The inputs and every quantity as flat lists in row-major order; null where no choice was found."""
        return {
            "schema": 1,
            "theorem": self.theorem,
            "solve_for": self.solve_for,
            "shape": list(self.shape),
            "inputs": {name: _entries(array) for name, array in self.inputs.items()},
            "quantities": {name: _entries(array) for name, array in self.quantities.items()},
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        shape = decode(tuple[int, ...], document["shape"], "the shape")
        words = [decode(str, document[key], key) for key in ("theorem", "solve_for")]
        tables = [decode(dict[str, tuple[float | None, ...]], document[key], key) for key in ("inputs", "quantities")]
        arrays = [{name: _array(entries, shape) for name, entries in table.items()} for table in tables]
        return cls(words[0], words[1], *arrays)

    def _summary(self) -> str:
        decisive = self.quantities.get("tv_bound", list(self.quantities.values())[-1])
        found = int(np.isfinite(decisive).sum())
        cells = "x".join(map(str, self.shape)) or "1"
        return f"<sweep of {self.theorem} for {self.solve_for}: {cells} cells, a certificate in {found}>"

    def _tables(self) -> tuple[Table, ...]:
        shown = [name for name in SHOWN if name in self.quantities and name not in self.inputs]
        headings = (*self.inputs, *shown)
        rows = tuple(
            (
                *(label_cell(f"{row[name]:g}") for name in self.inputs),
                *(_CELLS.get(name, number_cell)(None if np.isnan(row[name]) else row[name]) for name in shown),
            )
            for row in self._rows()
        )
        return (Table("sweep", f"{self.theorem} over its constants", columns(headings, headings), rows),)

    def _rows(self) -> list[dict[str, Any]]:
        named = {**self.quantities, **self.inputs}
        order = (*self.inputs, *(name for name in self.quantities if name not in self.inputs))
        return [{name: float(named[name][index]) for name in order} for index in np.ndindex(self.shape)]


_CELLS: Mapping[str, Any] = {"tv_bound": upper_cell, "beta": lower_cell}


def sweep(
    theorem: str,
    *,
    solve_for: Literal["length", "beta"] = "length",
    progress: Progress | None = None,
    resume: str | Path | None = None,
    scheduler: Any = None,
    task_limit: float | None = None,
    **inputs: npt.ArrayLike,
) -> Sweep:
    """Every quantity of a theorem over the broadcast of its inputs.

    Args:
        theorem: name or Python file.
        solve_for: "length": fewest layers at the given `beta`; "beta": largest noise level, with the choices there.
        progress: receives how far the sweep has come.
        resume: a folder that keeps the cells as they come; a sweep that was cut off goes on from it.
        scheduler: where the cells are solved; None: in this process. Text as for `--scheduler`, or a
            `dask.distributed.Client`.
        task_limit: seconds after which a worker is taken to hang.
        inputs: numbers or arrays of the constants and settings by public name (d, m, M, M2, epsilon, beta, ...).

    Raises:
        UnknownNameError: for an input that is not a quantity of the theorem.
        InputError: for a missing input, one out of its domain, or arrays that do not broadcast.

    >>> found = sweep("strong-invertibility", d=8, m=1, M=[1.2, 1.5], M2=0.15, epsilon=0.1, beta=0.05)
    >>> found["K"].shape
    (2,)
    >>> found
    <sweep of strong-invertibility for length: 2 cells, a certificate in 2>
    """
    from certify.sweeps.arrays import input_arrays
    from certify.sweeps.arrays import sweep as run

    name = text_of("theorem", theorem)
    goal = one_of("solve_for", solve_for, ("length", "beta"))
    arrays = input_arrays(inputs)
    with execution_of(scheduler, resume, task_limit, "serial") as execution:
        found = run(
            name,
            solve_for=goal,  # type: ignore[arg-type]
            progress=progress_of(progress),
            execution=execution,
            **arrays,
        )
    return Sweep(name, goal, arrays, found)


def _array(entries: tuple[float | None, ...], shape: tuple[int, ...]) -> FloatArray:
    return np.array([np.nan if entry is None else entry for entry in entries], dtype=np.float64).reshape(shape)


def _entries(array: FloatArray) -> list[float | str | None]:
    return [json_number(float(entry)) for entry in array.ravel()]
