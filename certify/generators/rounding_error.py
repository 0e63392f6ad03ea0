"""Running error analysis: how far floating point may carry the nodes of a graph from their exact values.

For every node the analysis carries a float64 value v and a bound e on the distance between what another program
computes in an arithmetic of unit roundoff u, in any order of summation, and v:

    W v + b              |W| e + gamma_k (|W| |v| + |b|)       gamma_k = k u / (1 - k u), k the terms of the row and 4
    sum_i c_i v_i        sum_i |c_i| e_i + gamma_k sum_i |c_i v_i|
    v w                  |v| e_w + |w| e_v + e_v e_w + 2 u |v w|
    sigma(v)             sup |sigma'| over [v - e, v + e] times e, and the error of the kernel of sigma

and what underflows, at most the smallest normal number per operation (Higham, Accuracy and Stability of Numerical
Algorithms, 2002, chapter 3). The four further roundings of a row cover weights rounded to the arithmetic once and a
factor applied afterwards. Estimate: the bound itself is evaluated in float64 to nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.generators.activations import derivatives, range_enclosure
from certify.generators.derivatives import apply_weight
from certify.generators.nodes import Activation, Affine, Input, Matrix, Node, Product, Sum
from certify.generators.onnx_operators.values import IntArray
from certify.generators.runtime_errors import KERNEL_ERRORS

FURTHER_ROUNDINGS = 4


OPERATORS = {
    "atan": "Atan",
    "cos": "Cos",
    "elu": "Elu",
    "exp": "Exp",
    "leaky_relu": "LeakyRelu",
    "reciprocal": "Reciprocal",
    "sigmoid": "Sigmoid",
    "sin": "Sin",
    "softplus": "Softplus",
    "square": "Mul",
    "tanh": "Tanh",
}
"""The operator whose kernel computes an activation; its measured error is in `runtime_errors`."""

EXACT = frozenset({"identity", "relu", "sign"})
OWN_ROUNDINGS = 4
"""Of the value and, absolutely, of the larger of 1 and the parameters: this program's evaluation and the result's."""

OTHER_ROUNDINGS = 16
"""Of |sigma(x)|, |x| and s for kernels without an entry. Those with a factor x lose relative accuracy where the other
factor vanishes: measured are 1.3 u for gelu and 29 u for mish beyond 8 u relative, all within 4 u |x| more."""

COMPOSED_ROUNDINGS = 32
"""For an activation spelled out as several operators: at most 16, each on terms of size |sigma(x)|, |x| or s."""


@dataclass(frozen=True)
class Arithmetic:
    """A floating-point type: unit roundoff u and the smallest normal number."""

    name: str
    unit: float
    smallest: float

    def gamma(self, terms: FloatArray | float) -> FloatArray:
        """gamma_k = k u / (1 - k u), infinite where k u >= 1."""
        relative = np.asarray(terms, dtype=np.float64) * self.unit
        return np.where(relative < 1.0, relative / np.maximum(1.0 - relative, 1e-300), np.inf)


BFLOAT16 = Arithmetic("bfloat16", 2.0**-8, 2.0**-126)
FLOAT16 = Arithmetic("float16", 2.0**-11, 2.0**-14)
FLOAT32 = Arithmetic("float32", 2.0**-24, 2.0**-126)
FLOAT64 = Arithmetic("float64", 2.0**-53, 2.0**-1022)


@dataclass(frozen=True)
class Approximate:
    """Values of shape (batch, width) and bounds of the same shape on their errors (infinite where nothing is known)."""

    value: FloatArray
    error: FloatArray

    def viewed(self, index: IntArray, scale: float) -> Approximate:
        """The entries `index` (flattened) times a factor."""
        flat = index.reshape(-1)
        return Approximate(scale * self.value[:, flat], abs(scale) * self.error[:, flat])


def running_error(
    nodes: Sequence[Node],
    inputs: Sequence[Approximate],
    arithmetic: Arithmetic,
    composed: bool = False,
) -> list[Approximate]:
    """Value and error bound of every node; `inputs` are those of the input nodes in order.

    `composed`: activations are spelled out as several operators.
    """
    found: list[Approximate] = []
    given = iter(inputs)
    with np.errstate(all="ignore"):
        for node in nodes:
            match node:
                case Input():
                    found.append(next(given))
                    continue
                case Affine():
                    value, error = _affine(node, found[node.source], arithmetic)
                case Sum():
                    value, error = _sum(node, [found[source] for source in node.sources], arithmetic)
                case Product():
                    left, right = (found[source] for source in node.sources)
                    value = left.value * right.value
                    error = np.abs(left.value) * right.error + np.abs(right.value) * left.error
                    error = error + left.error * right.error + 2 * arithmetic.unit * np.abs(value)
                    error = error + arithmetic.smallest
                case Activation():
                    value, error = _activation(node, found[node.source], arithmetic, composed)
            found.append(Approximate(value, np.where(np.isnan(error) | np.isnan(value), np.inf, error)))
    return found


def _affine(node: Affine, source: Approximate, arithmetic: Arithmetic) -> tuple[FloatArray, FloatArray]:
    sizes, terms = _absolute(node.weight)
    terms = terms + FURTHER_ROUNDINGS
    spread = apply_weight(sizes, np.abs(source.value)) + np.abs(node.bias)
    error = apply_weight(sizes, source.error) + arithmetic.gamma(terms) * spread + terms * arithmetic.smallest
    return apply_weight(node.weight, source.value) + node.bias, error


def _absolute(weight: Matrix) -> tuple[Matrix, FloatArray]:
    """|W| and the number of its non-zero entries per row."""
    if isinstance(weight, np.ndarray):
        return np.abs(weight), np.count_nonzero(weight, axis=1).astype(np.float64)
    return sp.csr_array(abs(weight)), np.diff(weight.indptr).astype(np.float64)


def _sum(node: Sum, parts: list[Approximate], arithmetic: Arithmetic) -> tuple[FloatArray, FloatArray]:
    terms = len(parts) + FURTHER_ROUNDINGS
    value, spread, error = (np.zeros_like(parts[0].value) for _ in range(3))
    for part, coefficient in zip(parts, node.coefficients, strict=True):
        value = value + coefficient * part.value
        spread = spread + np.abs(coefficient * part.value)
        error = error + abs(coefficient) * part.error
    return value, error + arithmetic.gamma(terms) * spread + terms * arithmetic.smallest


def _activation(
    node: Activation, source: Approximate, arithmetic: Arithmetic, composed: bool
) -> tuple[FloatArray, FloatArray]:
    value = derivatives(node.name, source.value, node.parameters, 0)[0]
    low, high = range_enclosure(node.name, node.parameters, 1, source.value - source.error, source.value + source.error)
    slope = np.maximum(np.abs(low), np.abs(high))
    carried = np.where(source.error == 0.0, 0.0, slope * source.error)
    size = max(1.0, *(abs(parameter) for parameter in node.parameters)) if node.parameters else 1.0
    own = _kernel(node.name, np.abs(value), np.abs(source.value), size, arithmetic, composed)
    return value, carried + own + arithmetic.smallest


def _kernel(
    name: str, value: FloatArray, source: FloatArray, size: float, arithmetic: Arithmetic, composed: bool
) -> FloatArray | float:
    """The error of a kernel at |sigma(x)| and |x|; `size` is the larger of 1 and the activation's parameters."""
    if composed:
        return COMPOSED_ROUNDINGS * arithmetic.unit * (value + source + size)
    if name in EXACT:
        return 0.0
    # Narrower types are computed in float32.
    kind = "float64" if arithmetic.unit < FLOAT32.unit else "float32"
    measured = KERNEL_ERRORS.get((OPERATORS.get(name, ""), kind))
    if measured is None:
        return OTHER_ROUNDINGS * arithmetic.unit * (value + source + size)
    own = OWN_ROUNDINGS * (arithmetic.unit * value + FLOAT64.unit * size)
    return measured.absolute * size + measured.relative * value + own
