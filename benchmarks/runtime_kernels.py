"""Errors of ONNX Runtime's elementwise kernels against balls, and the operator sets at which they run.

    python -m benchmarks.runtime_kernels

prints one line per kernel, in the form of the tables in `certify/generators/runtime_errors.py`, with twice the largest
errors seen. "Gelu(tanh)" is Gelu with approximate="tanh"; parameters are at their defaults.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnxruntime
from flint import arb
from onnx import TensorProto, helper

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import precision
from certify.generators.runtime_errors import KernelError

BITS = 256
OPSETS = range(13, 27)
TYPES = {"float64": (np.float64, TensorProto.DOUBLE), "float32": (np.float32, TensorProto.FLOAT)}
LIBRARY_QUALITY = 8.0
"""Units of roundoff up to which a kernel's error is called relative."""


def _single(value: float) -> arb:
    """The float32 that an attribute's default is."""
    return arb(float(np.float32(value)))


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp())


def _softplus(x: arb) -> arb:
    return (x + (-x).exp().log1p()) if x > 0 else x.exp().log1p()


def _elu(x: arb) -> arb:
    return x if x > 0 else x.expm1()


def _clamped(x: arb) -> arb:
    return arb(0) if x < 0 else arb(1) if x > 1 else x


FUNCTIONS: dict[str, Callable[[arb], arb]] = {
    "Acos": lambda x: x.acos(),
    "Acosh": lambda x: x.acosh(),
    "Asin": lambda x: x.asin(),
    "Asinh": lambda x: x.asinh(),
    "Atan": lambda x: x.atan(),
    "Atanh": lambda x: x.atanh(),
    "Celu": _elu,
    "Cos": lambda x: x.cos(),
    "Cosh": lambda x: x.cosh(),
    "Elu": _elu,
    "Erf": lambda x: x.erf(),
    "Exp": lambda x: x.exp(),
    "Gelu": lambda x: x * (-x / arb(2).sqrt()).erfc() / 2,
    "Gelu(tanh)": lambda x: x * _sigmoid(2 * (2 / arb.pi()).sqrt() * (x + arb("0.044715") * x**3)),
    "HardSigmoid": lambda x: _clamped(x * _single(0.2) + _single(0.5)),
    "HardSwish": lambda x: x * _clamped(x / 6 + arb(1) / 2),
    "LeakyRelu": lambda x: x if x > 0 else _single(0.01) * x,
    "Log": lambda x: x.log(),
    "Mish": lambda x: x * _softplus(x).tanh(),
    "Reciprocal": lambda x: 1 / x,
    "Selu": lambda x: _single(1.0507009873554805) * (x if x > 0 else _single(1.6732632423543772) * x.expm1()),
    "Sigmoid": _sigmoid,
    "Sin": lambda x: x.sin(),
    "Sinh": lambda x: x.sinh(),
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1 + abs(x)),
    "Sqrt": lambda x: x.sqrt(),
    "Swish": lambda x: x * _sigmoid(x),
    "Tan": lambda x: x.tan(),
    "Tanh": lambda x: x.tanh(),
}


@dataclass(frozen=True)
class Measured:
    """Largest errors seen: |computed - true| <= absolute + relative |true| on the inputs up to `limit`."""

    absolute: float
    relative: float
    opsets: tuple[int, ...]
    limit: float


def excess(operator: str, kind: str, opset: int, entry: KernelError, count: int) -> float | None:
    """The largest |computed - true| - (absolute + relative |true|); None where there is no kernel."""
    points = inputs(kind, count)
    found = computed(operator, kind, opset, points)
    if found is None:
        return None
    with precision(BITS):
        places, sizes, gaps = _errors(points, found, [_truth(FUNCTIONS[operator], x, kind) for x in points])
    kept = np.abs(places) < entry.limit
    tiny = float(np.finfo(TYPES[kind][0]).tiny)
    return float(np.max((gaps - entry.absolute - entry.relative * sizes - tiny)[kept]))


def inputs(kind: str, count: int) -> FloatArray:
    """Finite inputs of a type, exact in float64: even around 0, geometric over all magnitudes, both signs."""
    sizes = np.geomspace(1e-300, 1e300, count) if kind == "float64" else np.geomspace(1e-37, 1e37, count)
    parts = (np.linspace(-40, 40, 2 * count), np.linspace(-2, 2, count), np.linspace(-800, 800, count), sizes, -sizes)
    return np.unique(np.concatenate(parts).astype(TYPES[kind][0]).astype(np.float64))


def measured(operator: str, kind: str, count: int = 3500, opsets: range = OPSETS) -> Measured | None:
    """What the installed runtime does; None where it has no kernel at any of the operator sets."""
    points = inputs(kind, count)
    runs = {opset: found for opset in opsets if (found := computed(operator, kind, opset, points)) is not None}
    if not runs:
        return None
    # Kernels of several operator sets are mostly one and the same.
    distinct = {found.tobytes(): found for found in runs.values()}
    with precision(BITS):
        truth = [_truth(FUNCTIONS[operator], x, kind) for x in points]
        errors = [_errors(points, found, truth) for found in distinct.values()]
    limit = min(_limit(points, found, truth) for found in distinct.values())
    sizes, gaps = (np.concatenate([part[place] for part in errors]) for place in (1, 2))
    kept = np.concatenate([np.abs(part[0]) < limit for part in errors])
    absolute, relative = _split(sizes[kept], gaps[kept], kind)
    return Measured(absolute, relative, tuple(runs), limit)


def computed(operator: str, kind: str, opset: int, points: FloatArray) -> FloatArray | None:
    """The kernel's values as doubles, None where the runtime refuses the model."""
    name, _, form = operator.partition("(")
    options = {"approximate": form.rstrip(")")} if form else {}
    dtype, element = TYPES[kind]
    ends = [helper.make_tensor_value_info(end, element, ["n"]) for end in ("x", "y")]
    graph = helper.make_graph([helper.make_node(name, ["x"], ["y"], **options)], "kernel", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"x": points.astype(dtype)})[0], dtype=np.float64)
    except Exception:  # the runtime's errors have no common base
        return None


def _truth(function: Callable[[arb], arb], x: float, kind: str) -> arb | None:
    """The true value, None where there is none or it overflows the type."""
    value = function(arb(x))
    largest = float(np.finfo(TYPES[kind][0]).max)
    return value if value.is_finite() and abs(value) < largest and value.rad() < 1e-30 * (1 + abs(value)) else None


def _errors(points: FloatArray, found: FloatArray, truth: list[arb | None]) -> tuple[FloatArray, ...]:
    """Inputs, sizes of the true values and errors, where there is a true value."""
    rows = [
        (x, float(abs(value).mid()), float(abs(arb(y) - value).mid()) if math.isfinite(y) else math.inf)
        for x, y, value in zip(points, found, truth, strict=True)
        if value is not None
    ]
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _limit(points: FloatArray, found: FloatArray, truth: list[arb | None]) -> float:
    """The smallest input at which the kernel overflows although the true value does not."""
    lost = [abs(x) for x, y, t in zip(points, found, truth, strict=True) if t is not None and not math.isfinite(y)]
    return float(min(lost, default=math.inf))


def _split(sizes: FloatArray, gaps: FloatArray, kind: str) -> tuple[float, float]:
    """Absolute and relative part of the error: relative alone if that is of a library function's quality."""
    normal = sizes > 1e3 * np.finfo(TYPES[kind][0]).tiny
    quotients = gaps[normal] / sizes[normal]
    if quotients.max() <= LIBRARY_QUALITY * float(np.finfo(TYPES[kind][0]).epsneg):
        return 0.0, float(quotients.max())
    large = sizes >= 1.0
    relative = float(np.max(gaps[large] / sizes[large], initial=0.0))
    return float(np.max(gaps - relative * sizes)), relative


def main() -> None:
    """Measure every kernel and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(f"ONNX Runtime {onnxruntime.__version__}")
    for kind in TYPES:
        for operator in FUNCTIONS:
            found = measured(operator, kind)
            if found is None:
                print(f"{kind} {operator}: no kernel")
                continue
            ends = (found.opsets[0], found.opsets[-1])
            limit = "" if math.isinf(found.limit) else f", limit={found.limit:.4g}"
            figures = f"{2 * found.absolute:.2g}, {2 * found.relative:.2g}, {ends}{limit}"
            print(f'("{operator}", "{kind}"): KernelError({figures}),')


if __name__ == "__main__":
    main()
