"""The MALA kernel: proposals, acceptance and records of a block of chains without leaving compiled code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.sampling.elementary import log
from certify.sampling.gradient import gather, gather_observations, gradient_at, potential_values, scatter
from certify.sampling.numba_options import block_kernel, body, kernel
from certify.sampling.randomness import fill_uniforms, noise_batch, uniforms_to_normals
from certify.sampling.recording import record
from certify.sampling.windows import window

IntegerArray = npt.NDArray[np.int64]
StreamArray = npt.NDArray[np.uint64]


@block_kernel
def advance_mala(
    first_block: int,
    last_block: int,
    gradient: int,
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    recorder: Any,
    centre: FloatArray,
    radius: float,
    positions: FloatArray,
    potentials: FloatArray,
    streams: StreamArray,
    step_sizes: FloatArray,
    first_step: int,
    accepted: IntegerArray,
    lanes: int,
) -> None:
    """Take steps first_step, ..., first_step + len(step_sizes) - 1 of the blocks' chains, in place.

    `positions` (chains, d), `potentials` (chains,) receives f at the end, `streams` (chains, 4), `accepted`
    (chains,) counts. Proposals outside the ball (infinite radius: none) are rejected. `first_step` is a
    multiple of `noise_batch(d)`.
    """
    for block in range(first_block, last_block):
        first = block * lanes
        width = min(lanes, positions.shape[0] - first)
        _advance_block(
            gradient,
            program,
            observations,
            prior,
            misfit_scale,
            recorder,
            centre,
            radius,
            positions,
            window(potentials, first, width),
            streams,
            step_sizes,
            first_step,
            window(accepted, first, width),
            block,
            first,
            width,
        )


@body
def _advance_block(
    gradient: int,
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    recorder: Any,
    centre: FloatArray,
    radius: float,
    positions: FloatArray,
    current: FloatArray,
    streams: StreamArray,
    step_sizes: FloatArray,
    first_step: int,
    accepted: IntegerArray,
    block: int,
    first: int,
    lanes: int,
) -> None:
    dim = program.latent_dim
    size = dim * lanes
    values = np.empty(program.rows * lanes)
    adjoints = np.empty(program.rows * lanes)
    scratch = np.empty(program.rows * lanes)
    observed = np.empty(program.observed_dim * lanes)
    state, slope = np.empty(size), np.empty(size)
    proposed, ratios = np.empty(lanes), np.empty(lanes)
    batch, half = noise_batch(dim), (dim + 1) // 2
    normals, uniforms = np.empty(2 * half * batch * lanes), np.empty(batch * lanes)
    own_streams = np.empty(4 * lanes, dtype=np.uint64)
    gather(positions, first, lanes, state)
    gather(streams, first, lanes, own_streams)
    gather_observations(observations, first, lanes, observed)
    steps = step_sizes.size
    # Round -1 evaluates f and its gradient at the state itself: a proposal without a move, taken by every chain.
    for index in range(-1, steps):
        eta = step_sizes[max(index, 0)] if steps > 0 else 1.0
        slot = max(index, 0) % batch
        if index >= 0 and slot == 0:
            fill_uniforms(own_streams, normals, 2 * half * batch, lanes)
            uniforms_to_normals(normals, half * batch * lanes)
            fill_uniforms(own_streams, uniforms, batch, lanes)
        for part in range(2):
            start = part * half * lanes
            noise = window(normals, (part * batch + slot) * half * lanes, half * lanes)
            _propose(
                window(state, start, min(half * lanes, size - start)),
                window(slope, start, size - start),
                noise,
                window(values, start, size - start),
                eta,
                index >= 0,
            )
        gradient_at(gradient, program, observed, misfit_scale, values, adjoints, scratch, lanes)
        potential_values(program, observed, prior, misfit_scale, values, proposed, lanes)
        for i in range(size):
            adjoints[i] += prior * values[i]
        if index >= 0:
            _log_ratios(state, slope, values, adjoints, current, proposed, eta, ratios, lanes)
            if radius < math.inf:
                _reject_outside(values, centre, radius, ratios, lanes)
            draw = window(uniforms, slot * lanes, lanes)
            for lane in range(lanes):
                # A NaN compares false: a proposal without a finite density is rejected.
                ratios[lane] = 1.0 if log(1.0 - draw[lane]) <= ratios[lane] else 0.0
                accepted[lane] += int(ratios[lane])
        else:
            ratios[:] = 1.0
        _move(ratios, values, adjoints, proposed, state, slope, current, lanes)
        if index >= 0:
            record(recorder, state, first_step + index + 1, block, first, scratch, lanes)
    scatter(state, first, lanes, positions)
    scatter(own_streams, first, lanes, streams)


@kernel
def _propose(
    state: FloatArray, slope: FloatArray, noise: FloatArray, proposal: FloatArray, eta: float, moves: bool
) -> None:
    """Proposal y = x - eta grad f(x) + sqrt(2 eta) xi, or y = x."""
    if moves:
        spread = math.sqrt(2.0 * eta)
        for i in range(state.size):
            proposal[i] = state[i] - eta * slope[i] + spread * noise[i]
    else:
        for i in range(state.size):
            proposal[i] = state[i]


@kernel
def _log_ratios(
    state: FloatArray,
    slope: FloatArray,
    proposal: FloatArray,
    proposal_slope: FloatArray,
    current: FloatArray,
    proposed: FloatArray,
    eta: float,
    ratios: FloatArray,
    lanes: int,
) -> None:
    """Logarithm of pi(y) q(y, x) / (pi(x) q(x, y)) with q(x, y) ~ exp(-|y - x + eta grad f(x)|^2/(4 eta))."""
    quarter = 0.25 / eta
    for lane in range(lanes):
        ratios[lane] = current[lane] - proposed[lane]
    for row in range(state.size // lanes):
        x, gx = window(state, row * lanes, lanes), window(slope, row * lanes, lanes)
        y, gy = window(proposal, row * lanes, lanes), window(proposal_slope, row * lanes, lanes)
        for lane in range(lanes):
            move = y[lane] - x[lane]
            there = move + eta * gx[lane]
            back = eta * gy[lane] - move
            ratios[lane] += quarter * (there * there - back * back)


@kernel
def _reject_outside(proposal: FloatArray, centre: FloatArray, radius: float, ratios: FloatArray, lanes: int) -> None:
    for lane in range(lanes):
        total = 0.0
        for row in range(centre.size):
            total += (proposal[row * lanes + lane] - centre[row]) ** 2
        if total > radius * radius:
            ratios[lane] = -math.inf


@kernel
def _move(
    taken: FloatArray,
    proposal: FloatArray,
    proposal_slope: FloatArray,
    proposed: FloatArray,
    state: FloatArray,
    slope: FloatArray,
    current: FloatArray,
    lanes: int,
) -> None:
    """Replace state, gradient and potential of the lanes whose proposal is taken."""
    for row in range(state.size // lanes):
        x, gx = window(state, row * lanes, lanes), window(slope, row * lanes, lanes)
        y, gy = window(proposal, row * lanes, lanes), window(proposal_slope, row * lanes, lanes)
        for lane in range(lanes):
            x[lane] = y[lane] if taken[lane] > 0.0 else x[lane]
            gx[lane] = gy[lane] if taken[lane] > 0.0 else gx[lane]
    for lane in range(lanes):
        current[lane] = proposed[lane] if taken[lane] > 0.0 else current[lane]
