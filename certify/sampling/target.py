"""Targets: what a sampler needs to know of a posterior, in the form the kernels read."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.sampling.gradient import gather, gather_observations, gradient_address, gradient_at, potential_values
from certify.sampling.numba_options import block_kernel
from certify.sampling.program import Program, compile_program
from certify.sampling.windows import window
from certify.sampling.workers import workers

Ball: TypeAlias = tuple[npt.ArrayLike, float]

_SMALLEST_BETA = 1e-150
_CALL_OPERATIONS = 2_000_000_000


class PosteriorLike(Protocol):
    """A generator, an observation x of shape (n,) and a noise level beta."""

    @property
    def generator(self) -> Generator: ...

    @property
    def observation(self) -> FloatArray: ...

    @property
    def beta(self) -> float: ...


class Target(NamedTuple):
    """The law proportional to exp(-f), f(z) = prior |z|^2/2 + misfit_scale |G(z) - x|^2/2.

    `observations` has shape (1, n), one x for all chains, or (chains, n).
    """

    program: Program
    observations: FloatArray
    prior: float
    misfit_scale: float

    @classmethod
    def create(cls, program: Program, observation: npt.ArrayLike, beta: float) -> Target:
        """Posterior pi_x for noise level `beta`: prior 1, misfit scale 1/beta^2.

        Raises `InputError` unless beta >= 1e-150 is finite (so that 1/beta^2 is a number) and `observation` is
        finite with shape (n,) or (chains, n).
        """
        if not (np.isfinite(beta) and beta >= _SMALLEST_BETA):
            raise InputError(f"`beta` must be in [{_SMALLEST_BETA:g}, inf); got {beta:g}")
        return cls(program, check_observations(program, observation), 1.0, 1.0 / float(beta) ** 2)

    @classmethod
    def from_posterior(cls, posterior: PosteriorLike) -> Target:
        """Compile the generator of a posterior; use `create` with one `Program` for many observations."""
        return cls.create(compile_program(posterior.generator.graph), posterior.observation, posterior.beta)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What a kernel that calls the gradient takes for f: where its machine code begins, and the four fields."""
        return gradient_address(), *self


def check_observations(program: Program, observation: npt.ArrayLike) -> FloatArray:
    """Observations as a contiguous (1, n) or (chains, n) array; `InputError` if the width is wrong or not finite."""
    observations = np.array(observation, dtype=np.float64, order="C", ndmin=2)
    if observations.ndim != 2 or observations.shape[1] != program.observed_dim:
        raise InputError(
            f"`observation` must have shape (n,) or (chains, n) with n = {program.observed_dim}; "
            f"got {np.shape(observation)}"
        )
    if not np.all(np.isfinite(observations)):
        raise InputError("`observation` must be finite; got a NaN or an infinity")
    return observations


def as_target(target: Target | PosteriorLike) -> Target:
    """The target itself, or the one of a posterior."""
    return target if isinstance(target, Target) else Target.from_posterior(target)


def block_lanes(chains: int) -> int:
    """Chains per block: at least four blocks where there are chains for it, never a function of the threads."""
    for lanes in (64, 32, 16):
        if chains >= 4 * lanes:
            return lanes
    return 1 if chains < 4 else 8


def steps_per_call(target: Target, chains: int, multiple: int) -> int:
    """Steps between two returns to Python, about a quarter of a second's work: a multiple of `multiple`."""
    operations = target.program.operations * max(chains, 8)
    return max(1, _CALL_OPERATIONS // (operations * multiple)) * multiple


def step_sizes(step_size: npt.ArrayLike, steps: int) -> FloatArray:
    """One positive finite step size per step, a read-only view of shape (steps,); `InputError` otherwise."""
    if steps < 0:
        raise InputError(f"`steps` must be at least 0; got {steps}")
    sizes = np.asarray(step_size, dtype=np.float64)
    if sizes.ndim > 1 or (sizes.ndim == 1 and sizes.size != steps):
        raise InputError(f"`step_size` must be a number or have shape ({steps},); got shape {sizes.shape}")
    if not np.all(np.isfinite(sizes) & (sizes > 0.0)):
        raise InputError(f"`step_size` must be in (0, inf); got {float(np.min(sizes))}")
    return np.broadcast_to(sizes, (steps,))


def check_ball(ball: Ball | None, dim: int, inside: FloatArray | None = None) -> tuple[FloatArray, float]:
    """Centre (d,) and radius of a ball; without one the centre is 0 and the radius infinite.

    Raises `InputError` unless the centre is finite with shape (d,), the radius is in (0, inf], and every row
    of `inside` lies in the ball.
    """
    if ball is None:
        return np.zeros(dim), math.inf
    centre, radius = np.array(ball[0], dtype=np.float64), float(ball[1])
    if centre.shape != (dim,) or not np.all(np.isfinite(centre)):
        raise InputError(f"the ball's centre must be finite with shape ({dim},); got shape {centre.shape}")
    if not radius > 0.0:
        raise InputError(f"the ball's radius must be in (0, inf]; got {radius}")
    if inside is not None and np.any(np.linalg.norm(inside - centre, axis=1) > radius):
        raise InputError(f"every start must lie in the ball of radius {radius:.6g}; one does not")
    return centre, radius


def start_positions(target: Target, start: npt.ArrayLike, chains: int | None) -> FloatArray:
    """A fresh contiguous array (chains, d) of the chains' starts.

    Raises `InputError` unless `start` is finite with shape (d,) or (chains, d) and fits `chains` and the observations.
    """
    given = np.asarray(start, dtype=np.float64)
    dim = target.program.latent_dim
    if given.ndim not in (1, 2) or given.shape[-1] != dim:
        raise InputError(f"`start` must have shape ({dim},) or (chains, {dim}); got {given.shape}")
    if not np.all(np.isfinite(given)):
        raise InputError("`start` must be finite; got a NaN or an infinity")
    observed = target.observations.shape[0]
    count = chains if chains is not None else max(observed, given.shape[0] if given.ndim == 2 else 1)
    if count < 1:
        raise InputError(f"`chains` must be at least 1; got {count}")
    if given.ndim == 2 and given.shape[0] not in (1, count):
        raise InputError(f"`start` has {given.shape[0]} rows for {count} chains; expected 1 or {count}")
    if observed not in (1, count):
        raise InputError(f"`observation` has {observed} rows for {count} chains; expected 1 or {count}")
    return np.array(np.broadcast_to(given, (count, dim)), order="C")


def potential_and_gradient(target: Target | PosteriorLike, points: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Potential f and its gradient at `points` (count, d): values (count,) and gradients (count, d). Estimates.

    The same machine code the samplers run, so that a test of it is a test of them.
    """
    compiled = as_target(target)
    positions = start_positions(compiled, points, None)
    gradients = np.empty_like(positions)
    potentials = np.empty(positions.shape[0])
    lanes = block_lanes(positions.shape[0])
    with workers(None) as team:
        blocks = -(-positions.shape[0] // lanes)
        team.run(evaluate_blocks, blocks, *compiled.arguments, positions, potentials, gradients, lanes)
    return potentials, gradients


@block_kernel
def evaluate_blocks(
    first_block: int,
    last_block: int,
    gradient: int,
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    positions: FloatArray,
    potentials: FloatArray,
    gradients: FloatArray,
    lanes: int,
) -> None:
    """Write f and grad f at the positions (chains, d) of the given blocks."""
    for block in range(first_block, last_block):
        first = block * lanes
        width = min(lanes, positions.shape[0] - first)
        values = np.empty(program.rows * width)
        adjoints = np.empty(program.rows * width)
        scratch = np.empty(program.rows * width)
        observed = np.empty(program.observed_dim * width)
        gather(positions, first, width, values)
        gather_observations(observations, first, width, observed)
        gradient_at(gradient, program, observed, misfit_scale, values, adjoints, scratch, width)
        potential_values(program, observed, prior, misfit_scale, values, window(potentials, first, width), width)
        for row in range(program.latent_dim):
            for lane in range(width):
                at = row * width + lane
                gradients[first + lane, row] = prior * values[at] + adjoints[at]
