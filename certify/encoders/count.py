"""What an encoder is made of, counted from its program: K = 1e5 layers cost no more than one.

Parameters are counted as S9 does (N per evaluation of G, shared weights of G once); `weights_unrolled` counts every
stored weight of every layer instead, which is the same number unless G's own layers share weights or have zeros.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.codec import Readable
from certify.encoders import program as ops
from certify.encoders.program import EncoderProgram
from certify.encoders.size import layer_count
from certify.generators.graph import Matrix


@dataclass(frozen=True)
class EncoderCount(Readable):
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
        identities = sum(item.identities for item in stage.operations if isinstance(item, ops.Combination))
        evaluations = sum(count * size for count, size in zip(stage.passes, per_pass, strict=True))
        parameters += stage.repeats * (evaluations + identities + _own_weights(program, stage))
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
        program.noise_rows * program.noise_width,
        {kind: count for kind, count in sorted(gates.items()) if count},
        operations,
    )


def _stored(value: Matrix | FloatArray) -> int:
    return int(value.nnz) if sp.issparse(value) else int(value.size)  # type: ignore[union-attr]


def _weights(program: EncoderProgram, operation: ops.Operation) -> int:
    """Weights of an affine map, once for every row that it is applied to."""
    if not isinstance(operation, ops.AffineMap):
        return 0
    bias = _stored(program.constants[operation.bias]) if operation.bias else 0
    rows = ops.size_of(operation.shape[:-1])
    return rows * (_stored(program.constants[operation.weight]) + bias)


OWN = ("start_", "proposal_", "observation")
"""Beginnings of the names of constants that belong to the encoder and not to G: they are counted as stored."""


def _own_weights(program: EncoderProgram, stage: ops.Stage) -> int:
    """Weights and constants of a start network or of a proposal: counted as they are stored."""
    total = 0
    for item in stage.operations:
        if isinstance(item, ops.AffineMap) and item.weight.startswith(OWN):
            total += _weights(program, item)
        if isinstance(item, ops.Constant) and item.constant.startswith(OWN):
            total += ops.size_of(item.shape)
    return total


def _extra_constants(program: EncoderProgram) -> int:
    tables = {item.table for stage in program.stages for item in stage.operations if isinstance(item, ops.TableRow)}
    extra = [name for name in program.constants if name.startswith(OWN)] + [
        name for name in tables if not name.startswith("basis")
    ]
    return sum(_stored(program.constants[name]) for name in extra)


def _distinct_scalars(program: EncoderProgram) -> int:
    """Distinct steps, scales and radii, by what the stage does; the coefficients of G's own sums are among its N."""
    found: set[tuple[str, float]] = set()
    for stage in program.stages:
        purpose = stage.name.rpartition("_")[2]
        for item in stage.operations:
            if isinstance(item, ops.Combination) and item.identities:
                found |= {(purpose, factor) for factor in item.coefficients if factor not in {1.0, -1.0}}
            if isinstance(item, ops.Clipping):
                found.add((purpose, item.radius))
    return len(found)


def _multiply_adds(program: EncoderProgram, operation: ops.Operation) -> int:
    match operation:
        case ops.AffineMap():
            return ops.size_of(operation.shape[:-1]) * _stored(program.constants[operation.weight])
        case ops.Combination():
            return len(operation.sources) * ops.size_of(operation.shape)
        case ops.Product() | ops.Outer() | ops.RootDivision():
            return ops.size_of(operation.shape)
        case ops.MatrixProduct():
            return ops.size_of(operation.shape) * operation.inner
        case ops.Clipping() | ops.Choice():
            return 2 * ops.size_of(operation.shape)
        case ops.LogSumExp():
            return ops.size_of(operation.shape) * operation.terms
        case ops.FirstAccepted():
            return (operation.rows - 1) * (2 * ops.size_of(operation.shape) + 1)
    return 0


def _gates(operation: ops.Operation) -> dict[str, int]:
    """Scalar gates of one operation."""
    size = ops.size_of(operation.shape)
    match operation:
        case ops.Gate():
            return {operation.label: size} if operation.activation != "identity" else {}
        case ops.Product() | ops.Outer():
            return {"product": size}
        case ops.MatrixProduct():
            return {"product": size * operation.inner}
        case ops.RootDivision():
            return {"division": size, "root": 1}
        case ops.Clipping():
            return {"product": 2 * size, "root": 1, "division": 1, "maximum": 1}
        case ops.Comparison():
            return {"comparison": size}
        case ops.Choice():
            return {"product": 2 * size}
        case ops.LogSumExp():
            return {"exp": size * operation.terms, "log": size, "maximum": size * (operation.terms - 1)}
        case ops.FirstAccepted():
            return {"product": (operation.rows - 1) * (2 * size + 1)}
    return {}


def _levels(operation: ops.Operation) -> int:
    """Layers of gates and affine maps that an operation adds to a path."""
    match operation:
        case (
            ops.AffineMap()
            | ops.Product()
            | ops.MatrixProduct()
            | ops.Gate()
            | ops.Outer()
            | ops.Comparison()
            | ops.Choice()
        ):
            return 1
        case ops.RootDivision():
            return 2
        case ops.Clipping():
            return 5
        case ops.LogSumExp():
            # A tree of maxima; the shift and the sum are absorbed.
            return 3 + (operation.terms - 1).bit_length()
        case ops.FirstAccepted():
            return (operation.rows - 1).bit_length()
    return 0


def _depth(program: EncoderProgram) -> int:
    depths: dict[str, int] = {"x": 0}
    for stage in program.stages:
        if not stage.carried:
            depths = _deepened(stage, depths)
            continue
        # An iteration may read what earlier stages made, which is as deep as it is there.
        inside = _deepened(stage, depths | {item.name: depths[item.initial] for item in stage.carried})
        through = _deepened(stage, {item.name: 0 for item in stage.carried}, NOWHERE)
        # What does not depend on what is carried is there before: only the path through it adds up.
        first = max(inside[result] for result in stage.results)
        again = max(0, max(through[result] for result in stage.results))
        depths |= dict.fromkeys(stage.outputs, first + (stage.repeats - 1) * again)
    return depths[program.output]


NOWHERE = -(2**62)
"""Depth of what no path from the start reaches."""


def _deepened(stage: ops.Stage, known: dict[str, int], elsewhere: int = 0) -> dict[str, int]:
    """Depth of every tensor of one iteration; of tensors that are not `known` it is `elsewhere`."""
    depths = dict(known)
    for item in stage.operations:
        reached = max((depths.get(source, elsewhere) for source in item.sources), default=elsewhere)
        depths[item.output] = reached + _levels(item)
    return depths


def _width(program: EncoderProgram, stage: ops.Stage) -> int:
    carried = sum(ops.size_of(item.shape) for item in stage.carried)
    past = sum(ops.size_of(program.shapes[name]) for name in stage.outside)
    return max((ops.size_of(item.shape) for item in stage.operations), default=0) + carried + past
