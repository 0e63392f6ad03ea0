"""ATen operators as ONNX operators: a function of a call that emits them and returns the names of the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from certify.errors import InputError
from certify.generators.pt2.call import Call

Results = list[str]
Operator = Callable[[Call], Results]

MAXIMUM_PARTS = 4096


def _same(kind: str) -> Operator:
    """An operator with the same meaning of its one tensor argument."""
    return lambda call: [call.emitter.emit(kind, call.tensor("self"))]


def _unchanged(call: Call) -> Results:
    """Copies, and dropout that is off."""
    if call.kind == "dropout":
        if call.number("train"):
            raise InputError("operator `dropout` is in training mode; export the module after `module.eval()`")
        return [call.tensor("input")]
    return [call.tensor("self")]


def _arithmetic(kind: str) -> Operator:
    """Entry by entry with a tensor or a number; `alpha` scales the second."""

    def rewrite(call: Call) -> Results:
        other = call.tensor("other")
        if call.number("alpha", 1.0) != 1.0:
            other = call.emitter.emit("Mul", other, call.tensor("alpha"))
        return [call.emitter.emit(kind, call.tensor("self"), other)]

    return rewrite


def _product(right: str) -> Operator:
    return lambda call: [call.emitter.emit("MatMul", call.tensor("self"), call.tensor(right))]


def _addmm(call: Call) -> Results:
    scales: dict[str, Any] = {key: call.number(key, 1.0) for key in ("alpha", "beta")}
    return [call.emitter.emit("Gemm", call.tensor("mat1"), call.tensor("mat2"), call.tensor("self"), **scales)]


def _linear(call: Call) -> Results:
    """Multiply by the transpose of the weights and add the bias, where there is one."""
    emitter = call.emitter
    if emitter.rank(call.name("input")) == 2:
        inputs = [call.tensor("input"), call.tensor("weight"), *([call.tensor("bias")] if call.has("bias") else [])]
        return [emitter.emit("Gemm", *inputs, transB=1)]
    turned = emitter.emit("Transpose", call.tensor("weight"), perm=[1, 0])
    result = emitter.emit("MatMul", call.tensor("input"), turned)
    return [emitter.emit("Add", result, call.tensor("bias")) if call.has("bias") else result]


def _softplus(call: Call) -> Results:
    """log(1 + exp(beta x))/beta; torch's switch to x above the threshold, an evaluation shortcut, is not taken."""
    if call.number("beta", 1.0) == 1.0:
        return [call.emitter.emit("Softplus", call.tensor("self"))]
    scaled = call.emitter.emit("Mul", call.tensor("self"), call.tensor("beta"))
    return [call.emitter.emit("Div", call.emitter.emit("Softplus", scaled), call.tensor("beta"))]


def _gelu(call: Call) -> Results:
    given = call.arguments.get("approximate", {"as_string": "none"})
    return [call.emitter.emit("Gelu", call.tensor("self"), approximate=str(given["as_string"]))]


def _silu(call: Call) -> Results:
    return [call.emitter.emit("Mul", call.tensor("self"), call.emitter.emit("Sigmoid", call.tensor("self")))]


def _elu(call: Call) -> Results:
    if (call.number("scale", 1.0), call.number("input_scale", 1.0)) != (1.0, 1.0):
        raise InputError("operator `elu` with `scale` or `input_scale` is not supported")
    return [call.emitter.emit("Elu", call.tensor("self"), alpha=call.number("alpha", 1.0))]


def _leaky_relu(call: Call) -> Results:
    return [call.emitter.emit("LeakyRelu", call.tensor("self"), alpha=call.number("negative_slope", 0.01))]


def _prelu(call: Call) -> Results:
    """One slope, or one per channel, which is the second axis."""
    slopes = call.tensor("weight")
    rank = call.emitter.rank(call.name("self"))
    if rank > 2 and call.emitter.shape(call.name("weight")) != (1,):
        axes = call.emitter.constant(range(1, rank - 1))
        slopes = call.emitter.emit("Unsqueeze", slopes, axes)
    return [call.emitter.emit("PRelu", call.tensor("self"), slopes)]


def _clamp(call: Call) -> Results:
    ends = [call.tensor(key) if call.has(key) else "" for key in ("min", "max")]
    return [call.emitter.emit("Clip", call.tensor("self"), *ends)]


def _reshape(call: Call) -> Results:
    key = "size" if call.kind == "view" else "shape"
    return [call.emitter.emit("Reshape", call.tensor("self"), call.emitter.constant(call.integers(key)))]


def _flatten(call: Call) -> Results:
    if (call.integer("start_dim", 0), call.integer("end_dim", -1)) != (1, -1):
        raise InputError("operator `flatten.using_ints` is supported from axis 1 to the last")
    return [call.emitter.emit("Flatten", call.tensor("self"), axis=1)]


def _unflatten(call: Call) -> Results:
    rank = call.emitter.rank(call.name("self"))
    if call.integer("dim") % rank != rank - 1:
        raise InputError("operator `unflatten.int` is supported on the last axis")
    kept = call.emitter.shape(call.name("self"))[:-1]
    shape = call.emitter.constant((*kept, *call.integers("sizes")))
    return [call.emitter.emit("Reshape", call.tensor("self"), shape)]


def _axes(kind: str) -> Operator:
    def rewrite(call: Call) -> Results:
        return [call.emitter.emit(kind, call.tensor("self"), call.emitter.constant(call.integers("dim")))]

    return rewrite


def _transpose(call: Call) -> Results:
    rank = call.emitter.rank(call.name("self"))
    order = list(range(rank))
    if call.kind == "permute":
        order = [axis % rank for axis in call.integers("dims")]
    else:
        first, second = (0, rank - 1) if call.kind == "t" else (call.integer("dim0"), call.integer("dim1"))
        order[first], order[second] = order[second], order[first]
    return [call.emitter.emit("Transpose", call.tensor("self"), perm=order)]


def _cat(call: Call) -> Results:
    parts = [call.emitter.tensor(entry["name"]) for entry in call.arguments["tensors"]["as_tensors"]]
    return [call.emitter.emit("Concat", *parts, axis=call.integer("dim", 0))]


def _slice(call: Call) -> Results:
    values = (call.integer("start", 0), call.integer("end", 2**63 - 1), call.integer("dim", 0), call.integer("step", 1))
    starts, ends, axes, steps = (call.emitter.constant([value]) for value in values)
    return [call.emitter.emit("Slice", call.tensor("self"), starts, ends, axes, steps)]


def _select(call: Call) -> Results:
    index = call.emitter.constant(call.integer("index"))
    return [call.emitter.emit("Gather", call.tensor("self"), index, axis=call.integer("dim"))]


def _index_select(call: Call) -> Results:
    return [call.emitter.emit("Gather", call.tensor("self"), call.tensor("index"), axis=call.integer("dim"))]


def _index(call: Call) -> Results:
    """Entries along one axis by a list of positions."""
    given = call.arguments["indices"]["as_optional_tensors"]
    axes = [axis for axis, entry in enumerate(given) if "as_tensor" in entry]
    names = [given[axis]["as_tensor"]["name"] for axis in axes]
    if len(names) != 1 or call.emitter.rank(names[0]) != 1:
        raise InputError("operator `index.Tensor` is supported with one list of positions along one axis")
    return [call.emitter.emit("Gather", call.tensor("self"), call.emitter.tensor(names[0]), axis=axes[0])]


def _split(call: Call) -> Results:
    """Parts of one size (the last may be smaller), of given sizes, or a number of parts."""
    axis = call.integer("dim", 0)
    extent = call.emitter.shape(call.name("self"))[axis]
    if call.kind == "split_with_sizes":
        sizes = list(call.integers("split_sizes"))
    else:
        given = call.integer("chunks" if call.kind == "chunk" else "split_size")
        size = max(1, -(-extent // max(1, given)) if call.kind == "chunk" else given)
        if extent > MAXIMUM_PARTS * size:
            raise InputError(f"operator `{call.kind}` makes more than {MAXIMUM_PARTS} parts")
        sizes = [min(size, extent - start) for start in range(0, extent, size)]
    name = call.emitter.emit("Split", call.tensor("self"), call.emitter.constant(sizes), outputs=len(sizes), axis=axis)
    return [name, *(f"{name}.{rank}" for rank in range(1, len(sizes)))]


def _convolution(call: Call) -> Results:
    rank = len(call.emitter.shape(call.name("weight"))) - 2
    pads = call.axes("padding", rank, (0,)) * 2
    options: dict[str, Any] = {
        "strides": call.axes("stride", rank, (1,)),
        "dilations": call.axes("dilation", rank, (1,)),
        "pads": pads,
        "group": call.integer("groups", 1),
    }
    inputs = [call.tensor("input"), call.tensor("weight"), *([call.tensor("bias")] if call.has("bias") else [])]
    if "transpose" in call.kind:
        extra = call.axes("output_padding", rank, (0,))
        return [call.emitter.emit("ConvTranspose", *inputs, output_padding=extra, **options)]
    return [call.emitter.emit("Conv", *inputs, **options)]


def _average_pool(call: Call) -> Results:
    rank = int(call.kind[-2])
    kernel = call.axes("kernel_size", rank, ())
    if call.has("divisor_override") or call.number("ceil_mode", 0.0):
        raise InputError(f"operator `{call.kind}` with `divisor_override` or `ceil_mode` is not supported")
    return [
        call.emitter.emit(
            "AveragePool",
            call.tensor("self"),
            kernel_shape=kernel,
            strides=call.axes("stride", rank, tuple(kernel)),
            pads=call.axes("padding", rank, (0,)) * 2,
            count_include_pad=int(call.number("count_include_pad", 1.0)),
        )
    ]


def _global_pool(call: Call) -> Results:
    if set(call.integers("output_size")) != {1}:
        raise InputError(f"operator `{call.kind}` is supported for the output size 1")
    return [call.emitter.emit("GlobalAveragePool", call.tensor("self"))]


def _batch_norm(call: Call) -> Results:
    if call.number("training"):
        raise InputError("operator `batch_norm` is in training mode; export the module after `module.eval()`")
    mean, variance = call.tensor("running_mean"), call.tensor("running_var")
    channels = call.emitter.program.tensors[call.name("running_mean")][1].shape
    weight, bias = (
        call.tensor(key) if call.has(key) else call.emitter.constant(np.full(channels, value), call.emitter.dtype)
        for key, value in (("weight", 1.0), ("bias", 0.0))
    )
    epsilon = call.number("eps", 1e-5)
    inputs = [call.tensor("input"), weight, bias, mean, variance]
    return [call.emitter.emit("BatchNormalization", *inputs, epsilon=epsilon)]


def _upsample(call: Call) -> Results:
    """Nearest neighbour by whole factors, from the recorded extents."""
    before = call.emitter.shape(call.name("input"))
    if call.has("output_size"):
        factors = [after / extent for after, extent in zip(call.integers("output_size"), before[2:], strict=True)]
    else:
        factors = [float(factor) for factor in call.arguments["scale_factors"]["as_floats"]]
    scales = call.emitter.constant([1.0, 1.0, *factors], np.float32)
    options: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return [call.emitter.emit("Resize", call.tensor("input"), "", scales, mode="nearest", **options)]


OPERATORS: dict[str, Operator] = {
    **{
        kind: _same(kind.capitalize())
        for kind in ("abs", "atan", "cos", "exp", "neg", "relu", "sigmoid", "sin", "tanh")
    },
    **{kind: _unchanged for kind in ("alias", "clone", "contiguous", "dropout", "lift_fresh_copy")},
    **{
        f"{kind}.{form}": _arithmetic(kind.capitalize())
        for kind in ("add", "sub", "mul", "div")
        for form in ("Tensor", "Scalar")
    },
    "matmul": _product("other"),
    "mm": _product("mat2"),
    "addmm": _addmm,
    "linear": _linear,
    "softplus": _softplus,
    "gelu": _gelu,
    "silu": _silu,
    "elu": _elu,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "clamp": _clamp,
    "view": _reshape,
    "reshape": _reshape,
    "flatten.using_ints": _flatten,
    "unflatten.int": _unflatten,
    "unsqueeze": _axes("Unsqueeze"),
    "squeeze.dim": _axes("Squeeze"),
    "squeeze.dims": _axes("Squeeze"),
    "t": _transpose,
    "transpose.int": _transpose,
    "permute": _transpose,
    "cat": _cat,
    "slice.Tensor": _slice,
    "select.int": _select,
    "index_select": _index_select,
    "index.Tensor": _index,
    "split.Tensor": _split,
    "split_with_sizes": _split,
    "chunk": _split,
    **{f"conv{rank}d": _convolution for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d{form}": _convolution for rank, form in ((1, ""), (2, ".input"), (3, ".input"))},
    **{f"avg_pool{rank}d": _average_pool for rank in (2, 3)},
    **{f"adaptive_avg_pool{rank}d": _global_pool for rank in (1, 2, 3)},
    "batch_norm": _batch_norm,
    "upsample_nearest2d.vec": _upsample,
}
"""Rewriting of every supported operator, by its name in ATen."""
