"""A theorem over arrays of constants: for plots over d, beta, kappa, epsilon. Every cell is certified on its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from certify.arithmetic.balls import Real, midpoint
from certify.codec import decode, encode
from certify.discovery.registry import load_theorem
from certify.errors import InputError, UnknownNameError
from certify.execution.door import Execution
from certify.execution.work import Codec, Work
from certify.progress import Progress, SilentProgress
from certify.proof.conclusion import DEFAULT_DEVIATION
from certify.proof.optimiser import Certificate, largest_beta, shortest
from certify.proof.theorem import Theorem
from certify.provenance import code_digest
from certify.sweeps.cells import NO_CERTIFICATE, Solution, certified, no_choice
from certify.validation import accuracy, constants_from_text, noise_level, real_array, shown


def sweep(
    theorem_name: str,
    *,
    solve_for: Literal["length", "beta"] = "length",
    progress: Progress | None = None,
    execution: Execution | None = None,
    **inputs: npt.ArrayLike,
) -> dict[str, npt.NDArray[np.float64]]:
    """Every quantity of a theorem over the broadcast of its inputs.

    Args:
        theorem_name: id or Python file of the theorem.
        solve_for: "length": fewest layers at the given `beta`; "beta": largest noise level, with the choices there.
        progress: receives how far the sweep has come.
        execution: where the cells are solved and kept; None: here, and nowhere.
        inputs: arrays of the constants and settings by public name (d, m, M, M2, epsilon, beta, rho, N, ...).

    Returns:
        Arrays of the broadcast shape by public name; NaN where no choice was found to work. The bound
        `tv_bound` is rounded outward and holds at the returned choices; the others are midpoints of
        enclosures. With "beta", `beta` is certified to work; that no larger one does is not claimed.

    Raises:
        UnknownNameError: for an input that is not a quantity of the theorem.
        InputError: if an input is missing.

    >>> table = sweep("strong-invertibility", d=8, m=1, M=[1.2, 1.5], M2=0.15, epsilon=0.1, beta=0.05)
    >>> table["K"].shape
    (2,)
    """
    theorem = load_theorem(theorem_name)
    progress = SilentProgress() if progress is None else progress
    _check_names(theorem, inputs, solve_for)
    arrays = tuple(input_arrays(inputs).values())
    shape = arrays[0].shape
    results: dict[str, npt.NDArray[np.float64]] = {
        item.name: np.full(shape, np.nan) for item in theorem.quantities if item.role != "variable"
    }
    if theorem.conclusion.distance is not None:
        results.setdefault("tv_bound", np.full(shape, np.nan))
    cells = {
        index: _cell({name: float(array[index]) for name, array in zip(inputs, arrays, strict=True)})
        for index in np.ndindex(shape)
    }
    for cell in cells.values():
        _check_cell(theorem, cell, solve_for)
    file = hashlib.sha256(Path(theorem_name).read_bytes()).hexdigest() if theorem_name.endswith(".py") else None
    question = {"work": "sweep", "theorem": theorem.id, "solve_for": solve_for, "code": code_digest(), "file": file}
    codec = Codec(encode, _decoded, partial(_doubt, theorem_name, solve_for))
    work = Work(partial(_solved, theorem_name, solve_for), codec, question, _key)
    with Execution("serial") if execution is None else nullcontext(execution) as place:
        solved = place.collect("sweep", work, list(cells.values()), progress)
    for (index, cell), found in zip(cells.items(), solved, strict=True):
        values = _numbers(theorem, cell, found)
        for name in results.keys() & values.keys():
            results[name][index] = values[name]
    return results


def _solved(theorem_name: str, solve_for: str, cell: Mapping[str, Real]) -> Solution:
    """The choices found at one cell, with the noise level they are for where the theorem has one."""
    certificate = _solve(load_theorem(theorem_name), cell, solve_for)
    if certificate is None:
        return Solution(reason=NO_CERTIFICATE)
    noise = certificate.values.get("beta")
    return Solution(None if noise is None else Fraction(float(midpoint(noise))), dict(certificate.choices))


def _numbers(theorem: Theorem, cell: Mapping[str, Real], found: Solution) -> dict[str, float]:
    """Every quantity at one cell's choices, evaluated again in balls; empty where no choice was found to work."""
    certificate = None if found.choices is None else certified(theorem, cell, found)
    if certificate is None:
        return {}
    values = {name: float(midpoint(value)) for name, value in certificate.values.items()}
    return values if theorem.conclusion.distance is None else {**values, "tv_bound": certificate.distance_upper}


def _key(cell: Mapping[str, Real]) -> str:
    text = json.dumps({name: float(value).hex() for name, value in sorted(cell.items())})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _decoded(document: Any) -> Solution:
    return decode(Solution, document, "a cell")


def _doubt(theorem_name: str, solve_for: str, cell: Mapping[str, Real], found: Solution) -> str:
    """Why a stored cell is not believed: its choices are evaluated again. That there are none is believed."""
    if found.choices is None:
        return "" if found.reason == NO_CERTIFICATE else "it says no reason"
    theorem = load_theorem(theorem_name)
    if reason := no_choice(theorem, cell, found.choices):
        return reason
    asked = cell.get("beta") if solve_for == "length" else found.beta
    if found.beta != asked or (found.beta is not None and not found.beta > 0):
        return "its noise level is another"
    return "" if certified(theorem, cell, found) is not None else "the bound is not confirmed at its choices"


def input_arrays(inputs: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[np.float64]]:
    """The inputs as arrays of one shape, by name.

    Raises InputError for what is no array of finite real numbers, is empty, or does not broadcast.
    """
    arrays = {}
    for name, entry in inputs.items():
        array = real_array(f"`{name}`", entry)
        if array.size == 0 or not np.isfinite(array).all():
            raise InputError(f"`{name}` must be a finite number or an array of them; got {shown(entry)}")
        arrays[name] = array
    try:
        together = np.broadcast_arrays(*arrays.values())
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"the inputs of a sweep must broadcast to one shape; got {shapes}") from error
    return dict(zip(arrays, together, strict=True))


def _cell(values: Mapping[str, Real]) -> dict[str, Real]:
    """One cell's inputs, with what may be left out: n = d, one parameter, the usual deviation."""
    return {"t_x": DEFAULT_DEVIATION, "N": 1, "epsilon": 0.1, **({"n": values["d"]} if "d" in values else {}), **values}


def _solve(theorem: Theorem, cell: Mapping[str, Real], solve_for: str) -> Certificate | None:
    if solve_for == "length":
        return shortest(theorem, cell)
    found = largest_beta(theorem, cell)
    return None if found is None else found[1]


def _check_cell(theorem: Theorem, cell: Mapping[str, Real], solve_for: str) -> None:
    accuracy(cell["epsilon"])  # type: ignore[arg-type]
    if solve_for == "length" and theorem.noisy:
        noise_level(cell["beta"])  # type: ignore[arg-type]
    named = {name: cell[name] for name in theorem.constant_domains if name in cell}
    text = ",".join(f"{name}={_literal(value)}" for name, value in named.items())
    constants_from_text(text, theorem.required_constants, theorem.constant_domains)


def _literal(value: Real) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _check_names(theorem: Theorem, inputs: Mapping[str, npt.ArrayLike], solve_for: str) -> None:
    known = {item.name for item in theorem.quantities if item.role in {"constant", "setting", "definition"}}
    for name in inputs:
        if name not in known:
            raise UnknownNameError(f"quantity of `{theorem.id}`", name, known)
    optional = {"N", "n", "t_x"} | ({"beta"} if solve_for == "beta" else set())
    missing = [item.name for item in theorem.constants if item.name not in inputs and item.name not in optional]
    if missing:
        raise InputError(f"`sweep` needs values for: {', '.join(missing)}")
