"""What an encoder is made of, counted from its program: K = 1e5 layers cost no more than one.

Parameters are counted as S9 does (N per evaluation of G, shared weights of G once); `weights_unrolled` counts every
stored weight of every layer instead, which is the same number unless G's own layers share weights or have zeros.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import scipy.sparse as sp

from certify.encoders.program import (
    AffineMap,
    Clipping,
    Combination,
    EncoderProgram,
    Gate,
    MatrixProduct,
    Operation,
    Outer,
    Product,
    RootDivision,
    Stage,
    TableRow,
    size_of,
)
from certify.encoders.size import layer_count
from certify.generators.graph import FloatArray, Matrix


@dataclass(frozen=True)
class EncoderCount:
    """Exact counts of one encoder.

    parameters_unrolled   weights repeated in every layer, the paper's count (S9)
    parameters_shared     distinct parameters: those of G, of a start network, steps and scales
    weights_unrolled      every weight of every layer as it is stored
    weights_stored        weights, biases and tables in the file
    depth                 affine maps and gates on the longest path; sums and scalings are absorbed
    width                 the widest layer: its output and what is carried past it
    noise_inputs          standard normals of one draw
    gates                 scalar gates by kind; a product is two squares
    multiply_adds         of one draw, gates aside
    """

    parameters_unrolled: int
    parameters_shared: int
    weights_unrolled: int
    weights_stored: int
    depth: int
    width: int
    noise_inputs: int
    gates: dict[str, int]
    multiply_adds: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def encoder_count(program: EncoderProgram) -> EncoderCount:
    """Count an encoder without unrolling it."""
    layer = layer_count(program.generator)
    per_pass = (layer.forward, layer.backward, layer.backward)
    parameters = weights = operations = 0
    gates: Counter[str] = Counter()
    for stage in program.stages:
        identities = sum(item.identities for item in stage.operations if isinstance(item, Combination))
        evaluations = sum(count * size for count, size in zip(stage.passes, per_pass, strict=True))
        start = _start_weights(program, stage)
        parameters += stage.repeats * (evaluations + identities + start)
        weights += stage.repeats * (identities + sum(_weights(program, item) for item in stage.operations))
        operations += stage.repeats * sum(_multiply_adds(program, item) for item in stage.operations)
        for item in stage.operations:
            for kind, count in _gates(item).items():
                gates[kind] += stage.repeats * count
    return EncoderCount(
        parameters,
        program.generator.parameters + _distinct_scalars(program) + _extra_constants(program),
        weights,
        sum(_stored(value) for value in program.constants.values()),
        _depth(program),
        max((_width(program, stage) for stage in program.stages), default=0),
        program.noise_rows * program.latent_dim,
        {kind: count for kind, count in sorted(gates.items()) if count},
        operations,
    )


def _stored(value: Matrix | FloatArray) -> int:
    return int(value.nnz) if sp.issparse(value) else int(value.size)  # type: ignore[union-attr]


def _weights(program: EncoderProgram, operation: Operation) -> int:
    """Weights of an affine map, once for every row that it is applied to."""
    if not isinstance(operation, AffineMap):
        return 0
    bias = _stored(program.constants[operation.bias]) if operation.bias else 0
    rows = size_of(operation.shape[:-1])
    return rows * (_stored(program.constants[operation.weight]) + bias)


def _start_weights(program: EncoderProgram, stage: Stage) -> int:
    """Weights of a start network: counted as they are stored."""
    return sum(
        _weights(program, item)
        for item in stage.operations
        if isinstance(item, AffineMap) and item.weight.startswith("start_")
    )


def _extra_constants(program: EncoderProgram) -> int:
    tables = {item.table for stage in program.stages for item in stage.operations if isinstance(item, TableRow)}
    extra = [name for name in program.constants if name.startswith("start_")] + [
        name for name in tables if not name.startswith("basis")
    ]
    return sum(_stored(program.constants[name]) for name in extra)


def _distinct_scalars(program: EncoderProgram) -> int:
    """Distinct steps, scales and radii, by what the stage does; the coefficients of G's own sums are among its N."""
    found: set[tuple[str, float]] = set()
    for stage in program.stages:
        purpose = stage.name.rpartition("_")[2]
        for item in stage.operations:
            if isinstance(item, Combination) and item.identities:
                found |= {(purpose, factor) for factor in item.coefficients if factor not in {1.0, -1.0}}
            if isinstance(item, Clipping):
                found.add((purpose, item.radius))
    return len(found)


def _multiply_adds(program: EncoderProgram, operation: Operation) -> int:
    match operation:
        case AffineMap():
            return size_of(operation.shape[:-1]) * _stored(program.constants[operation.weight])
        case Combination():
            return len(operation.sources) * size_of(operation.shape)
        case Product() | Outer() | RootDivision():
            return size_of(operation.shape)
        case MatrixProduct():
            return size_of(operation.shape) * operation.inner
        case Clipping():
            return 2 * size_of(operation.shape)
    return 0


def _gates(operation: Operation) -> dict[str, int]:
    """Scalar gates of one operation."""
    size = size_of(operation.shape)
    match operation:
        case Gate():
            return {operation.label: size} if operation.activation != "identity" else {}
        case Product() | Outer():
            return {"product": size}
        case MatrixProduct():
            return {"product": size * operation.inner}
        case RootDivision():
            return {"division": size, "root": 1}
        case Clipping():
            return {"product": 2 * size, "root": 1, "division": 1, "maximum": 1}
    return {}


def _levels(operation: Operation) -> int:
    """Layers of gates and affine maps that an operation adds to a path."""
    match operation:
        case AffineMap() | Product() | MatrixProduct() | Gate() | Outer():
            return 1
        case RootDivision():
            return 2
        case Clipping():
            return 5
    return 0


def _depth(program: EncoderProgram) -> int:
    depths: dict[str, int] = {"x": 0}
    for stage in program.stages:
        if not stage.carried:
            depths = _deepened(stage, depths)
            continue
        start = max(depths[item.initial] for item in stage.carried)
        inside = _deepened(stage, {item.name: 0 for item in stage.carried})
        step = max(inside[result] for result in stage.results)
        depths |= dict.fromkeys(stage.outputs, start + stage.repeats * step)
    return depths[program.output]


def _deepened(stage: Stage, known: dict[str, int]) -> dict[str, int]:
    """Depth of every tensor of one iteration; tensors of earlier stages are taken to be there from the start."""
    depths = dict(known)
    for item in stage.operations:
        depths[item.output] = max((depths.get(source, 0) for source in item.sources), default=0) + _levels(item)
    return depths


def _width(program: EncoderProgram, stage: Stage) -> int:
    carried = sum(size_of(item.shape) for item in stage.carried)
    past = sum(size_of(program.shapes[name]) for name in stage.outside)
    return max((size_of(item.shape) for item in stage.operations), default=0) + carried + past
