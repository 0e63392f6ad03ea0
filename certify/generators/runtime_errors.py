"""How far ONNX Runtime's elementwise kernels are from the functions they are named after, as measured.

For every finite input x of the kernel's type with |x| < `limit`, where the true value does not overflow,

    |computed - true| <= absolute + relative |true|.

Both figures are at least twice the largest error that `python -m benchmarks.runtime_kernels` saw against 256-bit balls
on 20,000 inputs from 1e-300 to 1e300 (1e-37 to 1e37 in float32), with ONNX Runtime 1.20.1 and 1.31.1 on x86-64; a test
measures again with the installed one. They are estimates, for tolerances, and no certificate rests on them. Where
the error is absolute, small results have no correct digit: Sigmoid in float64 is exactly 0 below -38. A kernel that is
not listed for a type was found at no operator set; float32 results below 2^-126 may be flushed to 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

NEWEST_OPSET = 26
"""The newest operator set of the measurements; an older runtime ends earlier."""


@dataclass(frozen=True)
class KernelError:
    """What was measured of one kernel, which runs from the first of `opsets` (13: none older was tried) to the last."""

    absolute: float
    relative: float
    opsets: tuple[int, int] = (13, NEWEST_OPSET)
    limit: float = math.inf


UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}


def kernel_error(operator: str, kind: str, opset: int) -> KernelError | None:
    """The entry of an operator ("Gelu(tanh)" with its form) for "float64" or "float32", None where it has no kernel."""
    found = KERNEL_ERRORS.get((operator, kind))
    return found if found is not None and found.opsets[0] <= opset <= found.opsets[1] else None


_MEASURED: Mapping[tuple[str, str], KernelError] = {
    ("Cos", "float64"): KernelError(1.3e-15, 0.0),
    ("Elu", "float64"): KernelError(2.3e-16, 2.3e-16, (18, 18)),
    ("Exp", "float64"): KernelError(0.0, 4.5e-16),
    ("Gelu(tanh)", "float64"): KernelError(1.2e-8, 1.2e-8, (20, NEWEST_OPSET)),
    ("HardSigmoid", "float64"): KernelError(2.3e-16, 0.0, (18, 18)),
    ("HardSwish", "float64"): KernelError(9e-8, 6e-8, (18, 18)),
    ("LeakyRelu", "float64"): KernelError(0.0, 2.3e-16, (16, 18)),
    ("Log", "float64"): KernelError(0.0, 4.9e-16),
    ("Mish", "float64"): KernelError(8.3e-15, 1.7e-15, (18, 18)),
    ("Selu", "float64"): KernelError(4.5e-16, 6e-16, (18, 18)),
    ("Sigmoid", "float64"): KernelError(3.5e-16, 2.3e-16),
    ("Sin", "float64"): KernelError(1.3e-15, 0.0),
    ("Softplus", "float64"): KernelError(2.3e-16, 5e-16, (18, 18), limit=709.0),
    ("Softsign", "float64"): KernelError(0.0, 4.5e-16, (18, 18)),
    ("Swish", "float64"): KernelError(8.3e-15, 5e-16, (24, 24)),
    ("Tanh", "float64"): KernelError(0.0, 1.7e-15),
    ("Acos", "float32"): KernelError(0.0, 5.2e-7),
    ("Acosh", "float32"): KernelError(0.0, 2.3e-7),
    ("Asin", "float32"): KernelError(0.0, 7.2e-7),
    ("Asinh", "float32"): KernelError(0.0, 2.2e-7),
    ("Atan", "float32"): KernelError(0.0, 4.5e-7),
    ("Atanh", "float32"): KernelError(0.0, 2.1e-7),
    ("Celu", "float32"): KernelError(1.3e-7, 1.2e-7),
    ("Cos", "float32"): KernelError(0.0, 2.9e-7),
    ("Cosh", "float32"): KernelError(0.0, 3.0e-7),
    ("Elu", "float32"): KernelError(1.3e-7, 1.2e-7),
    ("Erf", "float32"): KernelError(0.0, 1.6e-7),
    ("Exp", "float32"): KernelError(0.0, 1.5e-7),
    ("Gelu", "float32"): KernelError(1.8e-7, 2.2e-7, (20, NEWEST_OPSET)),
    ("Gelu(tanh)", "float32"): KernelError(1.1e-6, 3.4e-7, (20, NEWEST_OPSET)),
    ("HardSigmoid", "float32"): KernelError(1.2e-7, 0.0),
    ("HardSwish", "float32"): KernelError(1.3e-7, 2.2e-7, (14, NEWEST_OPSET)),
    ("LeakyRelu", "float32"): KernelError(0.0, 1.3e-7),
    ("Log", "float32"): KernelError(0.0, 4e-7),
    ("Mish", "float32"): KernelError(1.3e-7, 7.6e-7, (18, NEWEST_OPSET)),
    ("Selu", "float32"): KernelError(2.2e-7, 2.9e-7),
    ("Sigmoid", "float32"): KernelError(3.0e-7, 1.2e-7),
    ("Sin", "float32"): KernelError(0.0, 3.0e-7),
    ("Sinh", "float32"): KernelError(0.0, 3.0e-7),
    ("Softplus", "float32"): KernelError(0.0, 5.3e-7),
    ("Softsign", "float32"): KernelError(0.0, 3.6e-7),
    ("Swish", "float32"): KernelError(3.3e-6, 3.2e-7, (24, 24)),
    ("Tan", "float32"): KernelError(0.0, 1.8e-7),
    ("Tanh", "float32"): KernelError(0.0, 5.2e-7),
}
_CORRECTLY_ROUNDED = ("Add", "Div", "Mul", "Reciprocal", "Sqrt", "Sub")
_EXACT = ("Abs", "Floor", "Max", "Min", "Neg", "Relu", "Round", "Sign")

KERNEL_ERRORS: Mapping[tuple[str, str], KernelError] = {
    **_MEASURED,
    **{(name, kind): KernelError(0.0, unit) for name in _CORRECTLY_ROUNDED for kind, unit in UNIT_ROUNDOFF.items()},
    **{(name, kind): KernelError(0.0, 0.0) for name in _EXACT for kind in UNIT_ROUNDOFF},
}
"""By operator and type. Cos has a float64 kernel in 1.31.1 and none in 1.20.1."""
