"""Random numbers of coupled chains: one stream per replicate, so that no draw depends on the other replicates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.randomness import fill_uniforms, seed_streams, uniforms_to_normals

IndexArray = npt.NDArray[np.int64]


class ReplicateStreams:
    """The streams of replicates 0, ..., count - 1; that of replicate i is a function of (seed, i) alone.

    A replicate that has met stops drawing, which leaves the draws of all others as they were.
    Raises `InputError` unless 0 <= seed < 2^64.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._states = seed_streams(seed, count)

    def draw(self, replicates: IndexArray, normals: int, uniforms: int) -> tuple[FloatArray, FloatArray]:
        """Standard normals (k, normals) and uniforms on (0, 1] (k, uniforms) of the k given replicates.

        Every replicate consumes 2 ceil(normals/2) + uniforms numbers of its stream. A uniform is never 0, so that its
        logarithm is finite.
        """
        lanes = replicates.size
        half = (normals + 1) // 2
        rows = 2 * half + uniforms
        # The kernels read word * lanes + lane and write row * lanes + lane.
        states = np.ascontiguousarray(self._states[replicates].T).ravel()
        drawn = np.empty(rows * lanes)
        if lanes > 0:
            fill_uniforms(states, drawn, rows, lanes)
            uniforms_to_normals(drawn, half * lanes)
        self._states[replicates] = states.reshape(4, lanes).T
        table = drawn.reshape(rows, lanes)
        return np.ascontiguousarray(table[:normals].T), np.ascontiguousarray(1.0 - table[2 * half :].T)
