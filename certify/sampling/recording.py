"""Recording: what a run keeps of its states, as trajectories and as streaming moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.gradient import scatter
from certify.sampling.numba_options import kernel
from certify.sampling.windows import window

MAXIMAL_RECORD = 2**28
"""Numbers a recorded trajectory may hold (2 GiB)."""


class Recorder(NamedTuple):
    """What is kept of the states X_k: the trajectory at multiples of `every` (0: none), moments of X_k - reference.

    `trajectory` (records + 1, chains, d); `sums` (blocks, d) and `products` (blocks, d, d) add up over chains
    and over the steps k > burn_in that are multiples of `moments_every` (0: none).
    """

    every: int
    trajectory: FloatArray
    moments_every: int
    burn_in: int
    reference: FloatArray
    sums: FloatArray
    products: FloatArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (d,) and covariance (d, d) of `count` states, over chains and recorded steps. Estimates."""

    mean: FloatArray
    covariance: FloatArray
    count: int


def start_recorder(
    positions: FloatArray, steps: int, every: int, moments_every: int, burn_in: int, lanes: int
) -> Recorder:
    """An empty recorder for chains that start at `positions` (chains, d).

    Raises `InputError` for a negative period and for a trajectory of more than `MAXIMAL_RECORD` numbers.
    """
    if every < 0 or moments_every < 0 or burn_in < 0:
        raise InputError("`record_every`, `moments_every` and `burn_in` must be at least 0")
    chains, dim = positions.shape
    records = steps // every + 1 if every > 0 else 0
    if records * positions.size > MAXIMAL_RECORD:
        raise InputError(
            f"`record_every` = {every} would keep {records} states of {chains} chains, more than {MAXIMAL_RECORD} "
            "numbers; take a larger `record_every`"
        )
    trajectory = np.zeros((records, chains, dim))
    trajectory[:1] = positions
    blocks = -(-chains // lanes) if moments_every > 0 else 0
    reference = positions.mean(axis=0)
    return Recorder(
        every, trajectory, moments_every, burn_in, reference, np.zeros((blocks, dim)), np.zeros((blocks, dim, dim))
    )


def recorded_moments(recorder: Recorder, steps: int, chains: int) -> Moments | None:
    """Mean and covariance of the states recorded over `steps` steps; None if there are none. Estimates."""
    every = recorder.moments_every
    count = 0 if every == 0 else chains * max(0, steps // every - recorder.burn_in // every)
    if count == 0:
        return None
    # Blocks are added in their order, so the sum does not depend on threads.
    shift = recorder.sums.sum(axis=0) / count
    lower = recorder.products.sum(axis=0) / count
    products = lower + np.tril(lower, -1).T
    return Moments(recorder.reference + shift, products - np.outer(shift, shift), count)


def recorded_state(recorder: Recorder) -> dict[str, FloatArray]:
    """The recorder's arrays by name: what a checkpoint keeps of it."""
    return {"trajectory": recorder.trajectory, "sums": recorder.sums, "products": recorder.products}


@kernel
def record(
    recorder: Any, state: FloatArray, step: int, block: int, first: int, scratch: FloatArray, lanes: int
) -> None:
    """Keep the state X_step of a block (row * lanes + lane order) where the recorder asks for it."""
    dim = recorder.reference.size
    if recorder.every > 0 and step % recorder.every == 0:
        scatter(state, first, lanes, recorder.trajectory[step // recorder.every])
    if recorder.moments_every > 0 and step > recorder.burn_in and step % recorder.moments_every == 0:
        for row in range(dim):
            total = 0.0
            x, offsets = window(state, row * lanes, lanes), window(scratch, row * lanes, lanes)
            for lane in range(lanes):
                offsets[lane] = x[lane] - recorder.reference[row]
                total += offsets[lane]
            recorder.sums[block, row] += total
        for row in range(dim):
            left = window(scratch, row * lanes, lanes)
            for column in range(row + 1):
                right = window(scratch, column * lanes, lanes)
                total = 0.0
                for lane in range(lanes):
                    total += left[lane] * right[lane]
                recorder.products[block, row, column] += total
