"""Random numbers of the samplers: one xoshiro256++ stream per chain, normals by the Box-Muller transform.

The stream of chain i is a function of (seed, i) alone, so a draw depends neither on the number of chains
nor on threads or blocks. Box-Muller maps two uniforms to two normals exactly, needs no rejection (every
chain consumes alike, so a whole block advances in vector registers) and reaches |xi| = 8.57: P(|xi| > 8.57) = 1e-17.

Sources: Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47 (2021);
Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (splitmix64).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.elementary import cosine_quarter, log, sine_quarter
from certify.sampling.numba_options import elementary, kernel
from certify.sampling.windows import window

StreamArray = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_MIX_SECOND = np.uint64(0x94D049BB133111EB)
_S11, _S17, _S19, _S23, _S27, _S30, _S31, _S41, _S45 = (
    np.uint64(shift) for shift in (11, 17, 19, 23, 27, 30, 31, 41, 45)
)
_UNIT = 2.0**-53
_TWO_PI = 2.0 * math.pi


def seed_streams(seed: int, chains: int, first: int = 0) -> StreamArray:
    """States of the streams of chains first, ..., first + chains - 1, shape (chains, 4).

    Each state is four outputs of splitmix64 started from a mix of the seed and the chain's index.
    Raises `InputError` unless 0 <= seed < 2^64.
    """
    if not 0 <= seed < 2**64:
        raise InputError(f"`seed` must be in [0, 2^64); got {seed}")
    index = np.arange(first, first + chains, dtype=np.uint64)
    # Mixed twice, so that neighbouring seeds and neighbouring chains do not share a splitmix sequence.
    state = _splitmix(_splitmix(np.full(chains, seed, dtype=np.uint64)) ^ _splitmix(index * _GOLDEN + _GOLDEN))
    streams = np.empty((chains, 4), dtype=np.uint64)
    for row in range(4):
        streams[:, row] = _splitmix(state)
        state = state + _GOLDEN
    return streams


def _splitmix(state: StreamArray) -> StreamArray:
    mixed = state + _GOLDEN
    mixed = (mixed ^ (mixed >> _S30)) * _MIX_FIRST
    mixed = (mixed ^ (mixed >> _S27)) * _MIX_SECOND
    return mixed ^ (mixed >> _S31)


@kernel
def fill_uniforms(streams: StreamArray, uniforms: FloatArray, rows: int, lanes: int) -> None:
    """Write `rows` uniforms on [0, 1) of each of `lanes` chains to uniforms[row * lanes + lane]; advance the streams.

    The values are multiples of 2^-53. `streams` holds the four words of the states as
    rows of a block: word * lanes + lane.
    """
    s0, s1 = window(streams, 0, lanes), window(streams, lanes, lanes)
    s2, s3 = window(streams, 2 * lanes, lanes), window(streams, 3 * lanes, lanes)
    for row in range(rows):
        drawn = window(uniforms, row * lanes, lanes)
        for lane in range(lanes):
            a, b, c, d = s0[lane], s1[lane], s2[lane], s3[lane]
            total = a + d
            output = ((total << _S23) | (total >> _S41)) + a
            shifted = b << _S17
            c ^= a
            d ^= b
            b ^= c
            a ^= d
            c ^= shifted
            d = (d << _S45) | (d >> _S19)
            s0[lane], s1[lane], s2[lane], s3[lane] = a, b, c, d
            drawn[lane] = float(output >> _S11) * _UNIT


@kernel
def uniforms_to_normals(uniforms: FloatArray, pairs: int) -> None:
    """Replace `pairs` pairs (u_i, u_{pairs + i}) of uniforms on [0, 1) by pairs of independent standard normals."""
    first, second = window(uniforms, 0, pairs), window(uniforms, pairs, pairs)
    for i in range(pairs):
        # 1 - u is in (0, 1]: the logarithm is finite.
        radius = math.sqrt(-2.0 * log(1.0 - first[i]))
        turns = second[i]
        # The angle in quarter turns, reduced to [-1/8, 1/8] of a turn without rounding.
        quarter = math.floor(4.0 * turns + 0.5)
        angle = (turns - 0.25 * quarter) * _TWO_PI
        sine = sine_quarter(angle)
        cosine = cosine_quarter(angle)
        swap = quarter == 1.0 or quarter == 3.0
        x = sine if swap else cosine
        y = cosine if swap else sine
        first[i] = radius * (-x if quarter == 1.0 or quarter == 2.0 else x)
        second[i] = radius * (-y if quarter == 2.0 or quarter == 3.0 else y)


@elementary
def noise_batch(latent_dim: int) -> int:
    """Steps whose normals are drawn together, a function of d alone so that it never changes a draw."""
    return max(1, 64 // latent_dim)


@kernel
def fill_normals(streams: StreamArray, normals: FloatArray, rows: int, lanes: int) -> None:
    """Write 2 ceil(rows/2) standard normals per chain to normals[row * lanes + lane]; advance the streams.

    A chain of odd dimension discards its last normal, so that a chain's draws do not depend on its block.
    """
    half = (rows + 1) // 2
    fill_uniforms(streams, normals, 2 * half, lanes)
    uniforms_to_normals(normals, half * lanes)


def standard_normals(seed: int, chains: int, count: int, first: int = 0) -> FloatArray:
    """The first `count` normals of the streams of chains first, first + 1, ..., shape (chains, count)."""
    streams = np.ascontiguousarray(seed_streams(seed, chains, first).T).ravel()
    normals = np.empty(2 * ((count + 1) // 2) * chains)
    fill_normals(streams, normals, count, chains)
    return np.ascontiguousarray(normals[: count * chains].reshape(count, chains).T)
