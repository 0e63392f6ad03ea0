"""What a kernel is: a unit with four verbs, and the records that they pass on.

`place` says in which coordinates it steps, `init` what it remembers between steps, `step` takes steps of all chains at
once, and `result` is what a caller gets. A new kernel is a class with these verbs; `run` takes it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.options import RunOptions
from certify.sampling.recording import Moments, Recorder, recorded_moments
from certify.sampling.target import Target
from certify.sampling.workers import Workers

Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be run, in the kernel's coordinates: `start` (d,), (chains, d) or None, `step_size` (), (steps,)."""

    target: Target
    start: npt.ArrayLike | None
    step_size: npt.ArrayLike
    steps: int
    options: RunOptions


@dataclass(frozen=True, eq=False)
class Chains:
    """The chains of a run. `positions` (chains, d) and `streams` (chains, 4) are moved in place."""

    target: Target
    positions: FloatArray
    streams: npt.NDArray[np.uint64]
    sizes: FloatArray
    recorder: Recorder
    lanes: int
    seed: int

    @property
    def count(self) -> int:
        """Number of chains."""
        return int(self.positions.shape[0])

    @property
    def steps(self) -> int:
        """Number of steps of the whole run."""
        return int(self.sizes.size)

    @property
    def blocks(self) -> int:
        """Blocks of `lanes` chains that one thread moves together."""
        return -(-self.count // self.lanes)

    @property
    def moments(self) -> Moments | None:
        """Mean and covariance of what was recorded, None if nothing was. Estimates."""
        return recorded_moments(self.recorder, self.steps, self.count)

    @property
    def trajectory(self) -> FloatArray | None:
        """The recorded states (records + 1, chains, d), None if none were to be."""
        return self.recorder.trajectory if self.recorder.every > 0 else None


@dataclass(frozen=True, eq=False)
class State:
    """What a kernel remembers: `parameters` that no step changes and `arrays` that steps change in place.

    A checkpoint keeps the arrays by name; its digest contains the parameters.
    """

    parameters: tuple[Any, ...]
    arrays: Mapping[str, npt.NDArray[Any]]


class Kernel(Protocol[Result]):
    """A transition of Markov chains, or of iterates without noise."""

    @property
    def name(self) -> str:
        """What errors, progress and checkpoints call it."""

    def place(self, problem: Problem) -> Problem:
        """The same problem in the coordinates in which the kernel steps."""

    def init(self, chains: Chains) -> State:
        """What the first step needs. Raises `InputError` for arguments that do not fit the chains."""

    def step(self, chains: Chains, state: State, first: int, sizes: FloatArray, team: Workers) -> None:
        """Take the steps first, ..., first + len(sizes) - 1 in place; `DivergenceError` at a state not finite.

        A run of no steps still makes one call, of no steps.
        """

    def result(self, chains: Chains, state: State) -> Result:
        """What the run gives, in the coordinates of the caller."""
