"""The Langevin kernel: many steps of many chains, block by block, without leaving compiled code."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.gradient import borrow, gather, gather_observations, potential_gradient, scatter
from certify.sampling.numba_options import block_kernel, body, kernel
from certify.sampling.randomness import fill_uniforms, noise_batch, uniforms_to_normals
from certify.sampling.recording import record
from certify.sampling.windows import window

IntegerArray = npt.NDArray[np.int64]
StreamArray = npt.NDArray[np.uint64]


class Dynamics(NamedTuple):
    """What one step does: X + = T(P(X)) + noise_scale sqrt(2 eta - damping eta^2) xi, T(z) = z - eta grad f(z).

    `radius` is infinite when there is no ball; the ball is projected onto if `projected`, otherwise only watched.
    """

    noise_scale: float
    damping: float
    centre: FloatArray
    radius: float
    projected: bool


@block_kernel
def advance_langevin(
    first_block: int,
    last_block: int,
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    dynamics: Any,
    recorder: Any,
    positions: FloatArray,
    streams: StreamArray,
    step_sizes: FloatArray,
    first_step: int,
    exits: IntegerArray,
    failures: IntegerArray,
    lanes: int,
) -> None:
    """Take steps first_step, ..., first_step + len(step_sizes) - 1 of the blocks' chains, in place.

    `positions` (chains, d), `streams` (chains, 4). `exits` (chains,) gets the first step k at which
    |X_k - centre| > radius where it is -1. `failures` (blocks, 2) gets the step and chain of a state that is not
    finite; that block stops there. `first_step` is a multiple of `noise_batch(d)`.
    """
    for block in range(first_block, last_block):
        first = block * lanes
        width = min(lanes, positions.shape[0] - first)
        noise_rows = 2 * ((program.latent_dim + 1) // 2) * noise_batch(program.latent_dim)
        workspace = np.zeros((3 * program.rows + program.observed_dim + noise_rows) * width)
        _advance_block(
            workspace,
            borrow(program),
            observations,
            prior,
            misfit_scale,
            dynamics,
            recorder,
            positions,
            streams,
            step_sizes,
            first_step,
            exits,
            failures,
            block,
            first,
            width,
        )


@body
def _advance_block(
    workspace: FloatArray,
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    dynamics: Any,
    recorder: Any,
    positions: FloatArray,
    streams: StreamArray,
    step_sizes: FloatArray,
    first_step: int,
    exits: IntegerArray,
    failures: IntegerArray,
    block: int,
    first: int,
    lanes: int,
) -> None:
    dim = program.latent_dim
    batch, half, size = noise_batch(dim), (dim + 1) // 2, program.rows * lanes
    values, adjoints = window(workspace, 0, size), window(workspace, size, size)
    scratch, observed = window(workspace, 2 * size, size), window(workspace, 3 * size, program.observed_dim * lanes)
    normals = window(workspace, 3 * size + program.observed_dim * lanes, 2 * half * batch * lanes)
    own_streams = np.empty(4 * lanes, dtype=np.uint64)
    gather(positions, first, lanes, values)
    gather(streams, first, lanes, own_streams)
    gather_observations(observations, first, lanes, observed)
    state = window(values, 0, dim * lanes)
    for index in range(step_sizes.size):
        step = first_step + index
        slot = index % batch
        if slot == 0 and dynamics.noise_scale != 0.0:
            fill_uniforms(own_streams, normals, 2 * half * batch, lanes)
            uniforms_to_normals(normals, half * batch * lanes)
        if dynamics.radius < math.inf:
            _meet_ball(dynamics, state, window(exits, first, lanes), step, scratch, lanes)
        potential_gradient(program, observed, misfit_scale, values, adjoints, scratch, lanes)
        eta = step_sizes[index]
        spread = dynamics.noise_scale * math.sqrt(2.0 * eta - dynamics.damping * (eta * eta))
        if not _take_step(state, adjoints, normals, eta, spread, prior, dim, slot, half, batch, lanes):
            failures[block, 0] = step + 1
            failures[block, 1] = first + _first_bad_lane(state, dim, lanes)
            break
        if recorder.every > 0 or recorder.moments_every > 0:
            record(recorder, state, step + 1, block, first, scratch, lanes)
    scatter(values, first, lanes, positions)
    scatter(own_streams, first, lanes, streams)


@kernel
def _take_step(
    state: FloatArray,
    gradient: FloatArray,
    normals: FloatArray,
    eta: float,
    spread: float,
    prior: float,
    dim: int,
    slot: int,
    half: int,
    batch: int,
    lanes: int,
) -> bool:
    """X <- (1 - eta prior) X - eta gradient + spread xi; False if an entry is not finite.

    Normals come in two halves of `batch` slots of `half` rows; a step reads its slot of both.
    """
    vanishing = 0.0
    shrink = 1.0 - eta * prior
    for part in range(2):
        start = part * half * lanes
        count = dim * lanes - start if part == 1 else half * lanes
        x = window(state, start, count)
        slope = window(gradient, start, count)
        noise = window(normals, (part * batch + slot) * half * lanes, count)
        for i in range(count):
            moved = shrink * x[i] - eta * slope[i] + spread * noise[i]
            x[i] = moved
            vanishing += 0.0 * moved
    # 0 times an infinity or a NaN is NaN, which no sum removes.
    return vanishing == 0.0


@kernel
def _meet_ball(
    dynamics: Any, state: FloatArray, exits: IntegerArray, step: int, distances: FloatArray, lanes: int
) -> None:
    """Note the chains outside the ball and project them onto it if the dynamics project."""
    dim = dynamics.centre.size
    for lane in range(lanes):
        distances[lane] = 0.0
    for row in range(dim):
        centre = dynamics.centre[row]
        x = window(state, row * lanes, lanes)
        for lane in range(lanes):
            distances[lane] += (x[lane] - centre) ** 2
    for lane in range(lanes):
        distance = math.sqrt(distances[lane])
        if distance > dynamics.radius:
            if exits[lane] < 0:
                exits[lane] = step
            if dynamics.projected:
                ratio = dynamics.radius / distance
                for row in range(dim):
                    centre = dynamics.centre[row]
                    state[row * lanes + lane] = centre + ratio * (state[row * lanes + lane] - centre)


@kernel
def _first_bad_lane(state: FloatArray, dim: int, lanes: int) -> int:
    for lane in range(lanes):
        for row in range(dim):
            if not math.isfinite(state[row * lanes + lane]):
                return lane
    return 0
