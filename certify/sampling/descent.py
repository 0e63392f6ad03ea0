"""Gradient descent on the misfit Phi(z) = |G(z) - x|^2/2, which inverts the generator (theory S6).

Langevin's kernel without prior and without noise: z_{k+1} = z_k - eta J(z_k)^T (G(z_k) - x).
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.langevin import Descent
from certify.sampling.options import Recording, RunOptions
from certify.sampling.program import Program
from certify.sampling.runs import run
from certify.sampling.target import Target, check_observations


def gradient_descent(
    program: Program,
    observation: npt.ArrayLike,
    start: npt.ArrayLike,
    step_size: npt.ArrayLike,
    steps: int,
    *,
    threads: int | None = None,
) -> FloatArray:
    """Iterates z_0, ..., z_K of gradient descent on Phi. Estimate (floating point).

    From one `start` (d,) and one `observation` (n,) the result has shape (steps + 1, d); with (count, d) or
    (count, n) it has shape (steps + 1, count, d). The step of theory S6 is 1/L_Phi.
    Raises `InputError` for a wrong shape, `DivergenceError` at an iterate that is not finite.
    """
    target = Target(program, check_observations(program, observation), 0.0, 1.0)
    options = RunOptions(seed=0, threads=threads, recording=Recording(every=1))
    iterates = cast(FloatArray, run(Descent(), target, start, step_size, steps, options).trajectory)
    single = np.ndim(observation) == 1 and np.ndim(start) == 1
    return iterates[:, 0, :] if single else iterates
