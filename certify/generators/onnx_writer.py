"""One scope of an ONNX graph under construction: operators, initialisers, and no operator written twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import scipy.sparse as sp
from onnx import TensorProto, helper, numpy_helper

from certify.arithmetic.arrays import FloatArray
from certify.generators.nodes import Matrix

OPSET = 18
"""Of every file we write: each operator used has its float64 kernel there in ONNX Runtime from 1.20 on, and onnx2torch
has no converters for newer versions of what an unrolled encoder needs."""
IR_VERSION = 8
DENSE_ENTRIES = 65_536
"""A sparse matrix with more entries than this is stored by its non-zero ones."""


@dataclass(eq=False)
class Initialisers:
    """Constants of the whole file, each once; scopes of loops read those of the file."""

    dense: dict[str, TensorProto] = field(default_factory=dict)
    sparse: dict[str, onnx.SparseTensorProto] = field(default_factory=dict)

    def true(self) -> str:
        """The truth value true."""
        self.dense["true"] = numpy_helper.from_array(np.asarray(True), "true")
        return "true"

    def tensor(self, name: str, value: Matrix | FloatArray | npt.NDArray[np.int64]) -> str:
        """A constant under its name."""
        if name in self.dense or name in self.sparse:
            return name
        if isinstance(value, np.ndarray):
            kind = np.int64 if value.dtype == np.int64 else np.float64
            self.dense[name] = numpy_helper.from_array(np.array(value, dtype=kind, order="C"), name)
        elif value.shape[0] * value.shape[1] <= DENSE_ENTRIES:
            self.dense[name] = numpy_helper.from_array(np.asarray(value.toarray(), dtype=np.float64), name)
        else:
            self._store_sparse(name, value)
        return name

    def _store_sparse(self, name: str, value: sp.csr_array) -> None:
        stored = sp.coo_array(value)
        places = stored.row.astype(np.int64) * stored.shape[1] + stored.col
        order = np.argsort(places)
        values = numpy_helper.from_array(np.ascontiguousarray(stored.data[order], dtype=np.float64), name)
        indices = numpy_helper.from_array(places[order], f"{name}_indices")
        self.sparse[name] = helper.make_sparse_tensor(values, indices, list(stored.shape))


@dataclass(eq=False)
class Scope:
    """The operators of a graph, or of the body of a loop; names of the scope start with `prefix`."""

    initialisers: Initialisers
    prefix: str = ""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def operator(self, kind: str, inputs: list[str], output: str = "", **options: Any) -> str:
        """The output of an operator; one that the scope has already is used again unless `output` is given."""
        key = (kind, tuple(inputs), tuple(sorted((name, str(value)) for name, value in options.items())))
        if not output and kind not in {"Loop", "RandomNormalLike"} and key in self._known:
            return self._known[key]
        name = output or f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, inputs, [name], name=f"{self.prefix}{kind}_{len(self.nodes)}", **options)
        )
        self._known.setdefault(key, name)
        return name

    def forget(self) -> None:
        """Write operators anew from here on, even those that the scope has."""
        self._known.clear()

    def scalar(self, value: float) -> str:
        """A scalar constant; equal ones are shared."""
        return self.initialisers.tensor(f"scalar_{float(value).hex()}", np.asarray(float(value)))

    def integers(self, values: list[int]) -> str:
        """A vector of integers, for axes and shapes."""
        return self.initialisers.tensor("integers_" + "_".join(map(str, values)), np.asarray(values, dtype=np.int64))

    # Arithmetic with scalars, for formulas that read like formulas.
    def add(self, left: str, right: str | float) -> str:
        """The sum u + v."""
        return self.operator("Add", [left, self._operand(right)])

    def subtract(self, left: str | float, right: str | float) -> str:
        """The difference u - v."""
        return self.operator("Sub", [self._operand(left), self._operand(right)])

    def multiply(self, left: str, right: str | float) -> str:
        """The product u v."""
        return self.operator("Mul", [left, self._operand(right)])

    def divide(self, left: str | float, right: str) -> str:
        """The quotient u/v."""
        return self.operator("Div", [self._operand(left), right])

    def apply(self, kind: str, source: str) -> str:
        """A function of one tensor."""
        return self.operator(kind, [source])

    def _operand(self, value: str | float) -> str:
        return value if isinstance(value, str) else self.scalar(value)
