"""Gradient descent on Phi(z) = |G(z) - x|^2/2 from 0: what S6's rate is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.derivatives import value, vector_jacobian_product
from certify.generators.graph import Generator


@dataclass(frozen=True, eq=False)
class DescentDistances:
    """|z_k - zh| for k = 0..steps and every observation, shape (steps + 1, batch).

    Distances below `resolution` (batch,) are rounding noise and say nothing about the rate.
    """

    distances: FloatArray
    resolution: FloatArray
    final: FloatArray
    """The last iterates z_steps, shape (batch, d)."""

    @property
    def cases(self) -> int:
        """Number of distances above the resolution."""
        return int(np.sum(self.distances > self.resolution))

    def largest_ratio(self, claimed: FloatArray) -> tuple[float, int, int]:
        """Largest distance/claimed over steps and observations, with its k and observation index.

        `claimed` has shape (steps + 1,) or (steps + 1, batch); distances below the resolution are skipped.
        """
        bound = claimed[:, None] if claimed.ndim == 1 else claimed
        ratios = np.where(self.distances > self.resolution, self.distances / bound, 0.0)
        step, index = np.unravel_index(int(np.argmax(ratios)), ratios.shape)
        return float(ratios[step, index]), int(step), int(index)


def descent_distances(
    generator: Generator, observations: FloatArray, preimages: FloatArray, step_size: float, steps: int
) -> DescentDistances:
    """Run z_{k+1} = z_k - step_size J^T (G(z_k) - x) from 0 for every row of `observations` (batch, n).

    `preimages` (batch, d) are G^{-1}(x) near machine precision; S6 takes step_size = 1/L_Phi.

    Raises:
        InputError: if `step_size` <= 0, `steps` < 0 or the batches differ.
    """
    if not step_size > 0 or steps < 0:
        raise InputError(f"`step_size` must be > 0 and `steps` >= 0; got {step_size:g} and {steps}")
    targets, solutions = np.atleast_2d(observations), np.atleast_2d(preimages)
    if targets.shape[0] != solutions.shape[0]:
        raise InputError(f"{targets.shape[0]} observations need as many preimages; got {solutions.shape[0]}")
    points = np.zeros_like(solutions)
    distances = np.empty((steps + 1, targets.shape[0]))
    distances[0] = np.linalg.norm(solutions, axis=1)
    for step in range(1, steps + 1):
        residual = value(generator.graph, points) - targets
        points = points - step_size * vector_jacobian_product(generator.graph, points, residual)
        distances[step] = np.linalg.norm(points - solutions, axis=1)
    resolution = 1e-11 * (1 + np.linalg.norm(solutions, axis=1))
    return DescentDistances(distances, resolution, points)
