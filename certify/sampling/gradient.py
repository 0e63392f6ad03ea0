"""Value and gradient of the negative log-density on a block of chains, by interpreting a `Program`.

With r = G(z) - x the potential is f(z) = p |z|^2/2 + s |r|^2/2 and its gradient p z + s J(z)^T r. The
posterior has p = 1, s = 1/beta^2 (theory S1); gradient descent on Phi (S6) has p = 0, s = 1.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import types

from certify.arithmetic.arrays import FloatArray
from certify.sampling.activation_kernels import activate
from certify.sampling.numba_options import body, generated, kernel
from certify.sampling.products import (
    clear,
    multiply,
    sparse_multiply_add,
    sparse_transposed_multiply_add,
    starts_from_target,
)
from certify.sampling.program import (
    ACTIVATION,
    BIAS,
    COLUMNS,
    DENSE,
    EXTRA,
    FORWARD_ADDS,
    INTEGERS,
    NONZEROS,
    OPERATION,
    PRODUCT,
    REALS,
    REVERSE_ADDS,
    SCALE,
    SECOND_REVERSE_ADDS,
    SOURCE,
    SOURCE_WIDTH,
    SPARSE,
    TARGET,
    WIDTH,
    Program,
)
from certify.sampling.shared_code import address, call
from certify.sampling.windows import window

_INTEGER: Any = types.int64
_FLAG: Any = types.boolean
"""A kernel told `_INTEGER(1)` is told a number like any other; a literal is a type, and all would be compiled twice."""

Words = TypeVar("Words", npt.NDArray[np.float64], npt.NDArray[np.uint64])


@kernel
def borrow(program: Any) -> Any:
    """The same program by windows: passing it on then counts no references, which would cost more than a small net."""
    return Program(
        window(program.instructions, 0, program.instructions.size),
        window(program.integers, 0, program.integers.size),
        window(program.reals, 0, program.reals.size),
        program.rows,
        program.latent_dim,
        program.observed_dim,
        program.output,
    )


@body
def forward(program: Any, values: FloatArray, scratch: FloatArray, lanes: int) -> None:
    """Fill the rows of every node from the input rows of `values` (flat, row * lanes + lane).

    The rows an activation uses for slopes then hold sigma'. `scratch` has program.rows * lanes entries.
    """
    reals, integers = program.reals, program.integers
    table = program.instructions
    for index in range(table.size // COLUMNS):
        step = window(table, index * COLUMNS, COLUMNS)
        operation, width, adds = step[OPERATION], step[WIDTH], step[FORWARD_ADDS] != 0
        target = window(values, step[TARGET] * lanes, width * lanes)
        source = window(values, step[SOURCE] * lanes, step[SOURCE_WIDTH] * lanes)
        if operation == DENSE:
            weight = window(reals, step[REALS], width * step[SOURCE_WIDTH])
            columns = step[SOURCE_WIDTH]
            begins = starts_from_target(weight.size, lanes)
            if begins:
                _start_affine(reals, step[BIAS], target, lanes, adds)
            multiply(weight, width, columns, columns, _INTEGER(1), source, target, scratch, lanes, adds or begins)
            if not begins:
                _add_bias(reals, step[BIAS], target, lanes)
        elif operation == ACTIVATION:
            slopes = window(values, step[EXTRA] * lanes, width * lanes)
            if step[EXTRA] != step[SOURCE]:
                _scale(1.0, source, slopes, _FLAG(False))
            activate(integers[step[INTEGERS]], reals[step[REALS]], slopes, target)
        elif operation == SCALE:
            _scale(reals[step[REALS]], source, target, adds)
        elif operation == SPARSE:
            _start_affine(reals, step[BIAS], target, lanes, adds)
            pointers = window(integers, step[INTEGERS], width + 1)
            columns = window(integers, step[INTEGERS] + width + 1, step[NONZEROS])
            entries = window(reals, step[REALS], step[NONZEROS])
            sparse_multiply_add(entries, pointers, columns, width, source, target, lanes)
        elif operation == PRODUCT:
            second = window(values, step[EXTRA] * lanes, width * lanes)
            _multiply(source, second, target, adds)


@body
def reverse(program: Any, values: FloatArray, adjoints: FloatArray, scratch: FloatArray, lanes: int) -> None:
    """From the output rows of `adjoints` (r) and a completed `forward`, fill the input rows with J(z)^T r."""
    reals, integers = program.reals, program.integers
    table = program.instructions
    for index in range(table.size // COLUMNS - 1, -1, -1):
        step = window(table, index * COLUMNS, COLUMNS)
        operation, width, adds = step[OPERATION], step[WIDTH], step[REVERSE_ADDS] != 0
        target = window(adjoints, step[TARGET] * lanes, width * lanes)
        source = window(adjoints, step[SOURCE] * lanes, step[SOURCE_WIDTH] * lanes)
        if operation == DENSE:
            weight = window(reals, step[REALS], width * step[SOURCE_WIDTH])
            columns = step[SOURCE_WIDTH]
            multiply(weight, columns, width, _INTEGER(1), columns, target, source, scratch, lanes, adds)
        elif operation == ACTIVATION:
            slopes = window(values, step[EXTRA] * lanes, width * lanes)
            _multiply(target, slopes, source, adds)
        elif operation == SCALE:
            _scale(reals[step[REALS]], target, source, adds)
        elif operation == SPARSE:
            if not adds:
                clear(source)
            pointers = window(integers, step[INTEGERS], width + 1)
            columns = window(integers, step[INTEGERS] + width + 1, step[NONZEROS])
            entries = window(reals, step[REALS], step[NONZEROS])
            sparse_transposed_multiply_add(entries, pointers, columns, width, target, source, lanes)
        elif operation == PRODUCT:
            first_value = window(values, step[SOURCE] * lanes, width * lanes)
            second_value = window(values, step[EXTRA] * lanes, width * lanes)
            second = window(adjoints, step[EXTRA] * lanes, width * lanes)
            _multiply(target, second_value, source, adds)
            _multiply(target, first_value, second, step[SECOND_REVERSE_ADDS] != 0)


@kernel
def potential_gradient(
    program: Any,
    observations: FloatArray,
    misfit_scale: float,
    values: FloatArray,
    adjoints: FloatArray,
    scratch: FloatArray,
    lanes: int,
) -> None:
    """Fill the input rows of `adjoints` with s J(z)^T (G(z) - x); `observations` has row * lanes + lane order."""
    forward(program, values, scratch, lanes)
    start = program.output * lanes
    count = program.observed_dim * lanes
    output = window(values, start, count)
    seeds = window(adjoints, start, count)
    for i in range(count):
        seeds[i] = misfit_scale * (output[i] - observations[i])
    reverse(program, values, adjoints, scratch, lanes)


_REALS, _WORDS = types.float64[::1], types.int64[::1]
_NAMED: Any = types.NamedTuple
_SIGNATURE = (
    _NAMED([_WORDS, _WORDS, _REALS, *[types.int64] * 4], Program),
    _REALS,
    types.float64,
    _REALS,
    _REALS,
    _REALS,
    types.int64,
)


@cache
def gradient_address() -> int:
    """Where the machine code of `potential_gradient` begins in this process."""
    return address(potential_gradient, _SIGNATURE)


@generated
def gradient_at(
    typing_context: Any,
    code: Any,
    program: Any,
    observations: Any,
    misfit_scale: Any,
    values: Any,
    adjoints: Any,
    scratch: Any,
    lanes: Any,
) -> Any:
    """`potential_gradient` of the same arguments, whose machine code begins at `code`."""
    return call(_SIGNATURE, (program, observations, misfit_scale, values, adjoints, scratch, lanes))


@kernel
def potential_values(
    program: Any,
    observations: FloatArray,
    prior: float,
    misfit_scale: float,
    values: FloatArray,
    potentials: FloatArray,
    lanes: int,
) -> None:
    """Write f of every lane to `potentials`, after `potential_gradient` at the same point."""
    clear(potentials)
    for row in range(program.latent_dim):
        z = window(values, row * lanes, lanes)
        for lane in range(lanes):
            potentials[lane] += (0.5 * prior) * (z[lane] * z[lane])
    for row in range(program.observed_dim):
        output = window(values, (program.output + row) * lanes, lanes)
        observed = window(observations, row * lanes, lanes)
        for lane in range(lanes):
            residual = output[lane] - observed[lane]
            potentials[lane] += (0.5 * misfit_scale) * (residual * residual)


@kernel
def gather(matrix: Words, first: int, lanes: int, block: Words) -> None:
    """Write rows first, ..., first + lanes - 1 of `matrix` (chains, width) to `block` in row * lanes + lane order."""
    for lane in range(lanes):
        for row in range(matrix.shape[1]):
            block[row * lanes + lane] = matrix[first + lane, row]


@kernel
def scatter(block: Words, first: int, lanes: int, matrix: Words) -> None:
    """The inverse of `gather`."""
    for lane in range(lanes):
        for row in range(matrix.shape[1]):
            matrix[first + lane, row] = block[row * lanes + lane]


@kernel
def gather_observations(observations: FloatArray, first: int, lanes: int, block: FloatArray) -> None:
    """As `gather`, for observations of shape (chains, n), or (1, n) which every chain shares."""
    shared = observations.shape[0] == 1
    for lane in range(lanes):
        for row in range(observations.shape[1]):
            block[row * lanes + lane] = observations[0 if shared else first + lane, row]


@kernel
def _start_affine(reals: FloatArray, bias: int, target: FloatArray, lanes: int, adds: bool) -> None:
    if not adds:
        clear(target)
    _add_bias(reals, bias, target, lanes)


@kernel
def _add_bias(reals: FloatArray, bias: int, target: FloatArray, lanes: int) -> None:
    if bias >= 0:
        for row in range(target.size // lanes):
            value = reals[bias + row]
            part = window(target, row * lanes, lanes)
            for lane in range(lanes):
                part[lane] += value


@kernel
def _scale(factor: float, source: FloatArray, target: FloatArray, adds: bool) -> None:
    if adds:
        for i in range(target.size):
            target[i] += factor * source[i]
    else:
        for i in range(target.size):
            target[i] = factor * source[i]


@kernel
def _multiply(first: FloatArray, second: FloatArray, target: FloatArray, adds: bool) -> None:
    if adds:
        for i in range(target.size):
            target[i] += first[i] * second[i]
    else:
        for i in range(target.size):
            target[i] = first[i] * second[i]
