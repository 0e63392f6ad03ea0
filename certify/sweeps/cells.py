"""A theorem over a grid of exact constants: cells solved in parallel, kept as they come, each certified again from its
choices.

What a cell's search leaves is its free choices; every number that is printed of it is evaluated from these in balls,
also of a cell that was read from a file. Where no noise level is given the largest one is found, and layers are counted
at the noise that `check` takes there: at the largest one itself their number says how near the search came to the edge,
and nothing of the theorem.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import signal
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from certify.arithmetic.balls import Real
from certify.codec import decode, encode
from certify.discovery.registry import load_theorem
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.each import certify_each
from certify.execution.work import Codec
from certify.progress import Progress, SilentProgress
from certify.proof.conclusion import DEFAULT_DEVIATION, public_number
from certify.proof.noise import default_noise
from certify.proof.optimiser import (
    Certificate,
    admits_every_noise,
    certify_choices,
    certify_within,
    largest_beta,
    shortest,
)
from certify.proof.theorem import Theorem
from certify.validation import accuracy, constants_from_text, noise_level

NO_CERTIFICATE, OVER_BUDGET = "no certificate was found", "the cell took longer than its budget"
METHOD = "cells-1"


@dataclass(frozen=True)
class Cell:
    """What one cell asks: the theorem, exact inputs by name, and the seconds after which its search is given up."""

    theorem: str
    inputs: tuple[tuple[str, Fraction], ...]
    seconds: float | None = None


@dataclass(frozen=True)
class Solution:
    """What the search of a cell found: choices at a noise level, and where none was given the largest with its own.

    Numbers are exact; `reason` says why there are none.
    """

    beta: Fraction | None = None
    choices: dict[str, Fraction] | None = None
    beta_max: float | None = None
    choices_max: dict[str, Fraction] | None = None
    reason: str = ""


def cells_of(
    theorem: Theorem,
    name: str,
    constants: Mapping[str, str],
    axes: Mapping[str, Sequence[str]],
    seconds: float | None = None,
) -> tuple[Cell, ...]:
    """Every cell of the product of the axes, in row-major order, with the constants that all share.

    `kappa` stands for M = kappa m. Inputs are literals, `beta` and `epsilon` among them.

    Raises:
        InputError: for a name that stands in both, a missing constant, or one outside its domain in some cell.
        UnknownNameError: for a name that the theorem has no use for.
    """
    if twice := axes.keys() & constants.keys():
        raise InputError(f"`{min(twice)}` is given as a constant and swept over; give it once")
    found = []
    for values in itertools.product(*axes.values()):
        entries = {"epsilon": "0.1", **constants, **dict(zip(axes, values, strict=True))}
        settings: dict[str, Fraction] = {"epsilon": accuracy(entries.pop("epsilon"))}
        if "beta" in entries and theorem.noisy:
            settings["beta"] = noise_level(entries.pop("beta"))
        if "kappa" in entries and "m" in entries and "M" not in entries:
            entries["M"] = str(Fraction(entries.pop("kappa")) * Fraction(entries["m"]))
        text = ",".join(f"{key}={value}" for key, value in entries.items())
        exact = constants_from_text(text, theorem.required_constants, theorem.constant_domains)
        found.append(Cell(name, tuple({**exact, **settings}.items()), seconds))
    return tuple(found)


def solve_cells(
    cells: Sequence[Cell], progress: Progress | None = None, execution: Execution | None = None
) -> tuple[Solution, ...]:
    """The solution of every cell, in order; those that `execution` keeps are confirmed and not searched again.

    Raises:
        InputError: if results cannot be kept, or are in no such file.
    """
    question = {"method": METHOD, "theorem": Path(cells[0].theorem).name}
    codec = Codec(encode=encode, decode=_decoded, doubt=doubt)
    receiver = SilentProgress() if progress is None else progress
    return tuple(certify_each("sweep", question, _key, cells, solve, codec, receiver, execution))


def _key(cell: Cell) -> str:
    text = ",".join(f"{name}={value}" for name, value in cell.inputs)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def solve(cell: Cell) -> Solution:
    """Search one cell. Estimate: `doubt` and `numbers` certify what it found."""
    theorem, inputs = load_theorem(cell.theorem), _inputs(cell)
    try:
        with time_limit(cell.seconds):
            if not theorem.noisy:
                found = shortest(theorem, inputs)
                return Solution(reason=NO_CERTIFICATE) if found is None else Solution(None, dict(found.choices))
            if "beta" in inputs:
                found = shortest(theorem, inputs)
                if found is None:
                    return Solution(reason=NO_CERTIFICATE)
                return Solution(Fraction(inputs["beta"]), dict(found.choices))  # type: ignore[arg-type]
            largest = largest_beta(theorem, inputs)
            if largest is None:
                return Solution(reason=NO_CERTIFICATE)
            edge, at_edge = largest
            noise = _noise_below(edge, inputs)
            found = shortest(theorem, {**inputs, "beta": noise})
            if found is None:
                return Solution(reason=NO_CERTIFICATE)
            return Solution(noise, dict(found.choices), edge, dict(at_edge.choices))
    except TimeoutError:
        return Solution(reason=OVER_BUDGET)


def doubt(cell: Cell, solution: Solution) -> str:
    """Why a solution is not believed, "" if it is: its choices are evaluated again in balls.

    That nothing was found is believed: nothing rests on it.
    """
    if solution.choices is None:
        return "" if solution.reason == NO_CERTIFICATE else "there was no time for it"
    theorem, inputs = load_theorem(cell.theorem), _inputs(cell)
    for chosen in (solution.choices, solution.choices_max or {}):
        if reason := no_choice(theorem, inputs, chosen):
            return reason
    if not theorem.noisy:
        noiseless = (solution.beta, solution.beta_max, solution.choices_max) == (None, None, None)
        confirmed = noiseless and certified(theorem, inputs, solution) is not None
        return "" if confirmed else "it is not confirmed at its choices"
    given = "beta" in inputs
    if given != (solution.beta_max is None) or given != (solution.choices_max is None):
        return "it has no largest noise level of its own"
    if solution.beta_max is not None and not (solution.beta_max > 0 and _admitted(theorem, inputs, solution)):
        return "its largest noise level is not confirmed"
    if solution.beta != (inputs["beta"] if solution.beta_max is None else _noise_below(solution.beta_max, inputs)):
        return "its noise level is another"
    return "" if certified(theorem, inputs, solution) is not None else "the bound is not confirmed at its choices"


def no_choice(theorem: Theorem, inputs: Mapping[str, Real], chosen: Mapping[str, Fraction]) -> str:
    """Why these are no free choices: another name would take its place in the bound; "" if they are."""
    free = {item.name: item for item in theorem.quantities if item.role == "choice"}
    if others := chosen.keys() - free.keys():
        return f"`{min(others)[:40]}` is no choice"
    known = {**{name: Fraction(value) for name, value in inputs.items()}, **chosen}  # type: ignore[arg-type]
    for name, value in chosen.items():
        if not free[name].values.contains(value, known):
            return f"{name} must be {free[name].values.rule}"
    return ""


def numbers(cell: Cell, solution: Solution) -> dict[str, float | int]:
    """Every quantity of the cell, each on the side that keeps it a bound; empty where nothing was found.

    Bounds, rounded outward: evaluated in balls at the solution's choices.
    """
    theorem = load_theorem(cell.theorem)
    if solution.choices is None or (solution.beta is None and theorem.noisy):
        return {}
    certificate = certified(theorem, _inputs(cell), solution)
    if certificate is None:
        return {}
    named = [item for item in theorem.quantities if item.role != "variable" and item.name in certificate.values]
    found: dict[str, float | int] = {item.name: public_number(certificate, item) for item in named}
    found |= {name: int(value) if value.denominator == 1 else float(value) for name, value in cell.inputs}
    if solution.beta is not None:
        found["beta"] = float(solution.beta)
    if theorem.conclusion.distance is not None:
        found["tv_bound"] = certificate.distance_upper
    if solution.beta_max is not None:
        found["beta_max"] = solution.beta_max
    return found


def certified(theorem: Theorem, inputs: Mapping[str, Real], solution: Solution) -> Certificate | None:
    """The solution evaluated again in balls: within epsilon, where something is to be. Verified."""
    noise: dict[str, Real] = {} if solution.beta is None else {"beta": solution.beta}
    certify = certify_choices if theorem.conclusion.distance is None else certify_within
    return certify(theorem, {**inputs, **noise}, solution.choices or {})


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """TimeoutError in the block after so many seconds of the wall clock; no limit outside a process's main thread."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _noise_below(beta_max: float, inputs: Mapping[str, Real]) -> Fraction:
    """The noise at which layers are counted where the largest one was looked for."""
    return Fraction(repr(default_noise(beta_max, inputs)[0]))


def _admitted(theorem: Theorem, inputs: Mapping[str, Real], solution: Solution) -> bool:
    assert solution.beta_max is not None
    if math.isinf(solution.beta_max):
        return admits_every_noise(theorem, inputs)
    at = {**inputs, "beta": solution.beta_max}
    return solution.choices_max is not None and certify_within(theorem, at, solution.choices_max) is not None


def defaults_of(theorem: Theorem, given: Collection[str]) -> dict[str, str]:
    """What stands for the inputs of a theorem that are not `given`, as it is printed: a cell is about these alone."""
    names = {item.name for item in theorem.quantities}
    usual = {"n": "d", "N": "1", "t_x": f"{DEFAULT_DEVIATION:g}"}
    return {name: value for name, value in usual.items() if name in names and name not in given}


def _inputs(cell: Cell) -> dict[str, Real]:
    """The cell's inputs with those of `defaults_of`."""
    given: dict[str, Real] = dict(cell.inputs)
    return {"t_x": DEFAULT_DEVIATION, "N": 1, **({"n": given["d"]} if "d" in given else {}), **given}


def _decoded(document: Mapping[str, Any]) -> Solution:
    return decode(Solution, document, "a cell")
