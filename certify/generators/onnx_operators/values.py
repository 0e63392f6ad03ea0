"""What an ONNX tensor is while it is lowered: a constant array, or a view of one node of the graph under construction.

A computed tensor is `scale * v[index]`, where v is the vector of a graph node and `index` has the tensor's
shape. Reshapes, transposes, slices, gathers and nearest upsampling only rearrange `index`: they cost no node
and are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.errors import InputError

IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor known when the file is loaded; `parameters` names the initialisers it was made from."""

    array: npt.NDArray[Any]
    parameters: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(extent) for extent in self.array.shape)


@dataclass(frozen=True, eq=False)
class SparseConstant:
    """A constant matrix stored by its non-zero entries, accepted where a linear operator reads its weight."""

    matrix: sp.csr_array
    parameters: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[int, ...]:
        return (int(self.matrix.shape[0]), int(self.matrix.shape[1]))


@dataclass(frozen=True, eq=False)
class Symbol:
    """The computed tensor `scale * v[index]` for the vector v of graph node `node`."""

    node: int
    index: IntArray
    scale: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(extent) for extent in self.index.shape)

    @property
    def size(self) -> int:
        """Number of entries of the tensor."""
        return int(self.index.size)


Value: TypeAlias = Constant | SparseConstant | Symbol


@dataclass(frozen=True, eq=False)
class Operation:
    """One ONNX node with its inputs resolved and its attributes decoded."""

    kind: str
    name: str
    inputs: tuple[Value | None, ...]
    input_names: tuple[str, ...]
    output_count: int
    attributes: dict[str, Any]
    opset: int

    def value(self, position: int) -> Value:
        """The input at `position`; raises InputError when the file leaves it out."""
        found = self.optional(position)
        if found is None:
            raise InputError(f"{self.label} lacks its input {position}; the operator requires it")
        return found

    def optional(self, position: int) -> Value | None:
        """The input at `position`, or None when it is absent."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int) -> Constant:
        """The input at `position`, which must be known when the file is loaded."""
        found = self.value(position)
        if not isinstance(found, Constant):
            raise InputError(f"{self.label} needs a constant input {position}; a computed one has no lowering")
        return found

    def optional_constant(self, position: int) -> Constant | None:
        """The constant input at `position`, or None when it is absent."""
        return None if self.optional(position) is None else self.constant(position)

    def symbol(self, position: int) -> Symbol:
        """The input at `position`, which must depend on the latent vector."""
        found = self.value(position)
        if not isinstance(found, Symbol):
            raise InputError(f"{self.label} needs an input {position} that depends on the latent vector")
        return found

    def integers(self, position: int, attribute: str) -> tuple[int, ...] | None:
        """Integers given as the constant input at `position` or, in older operator sets, as an attribute."""
        found = self.optional_constant(position)
        if found is None:
            given = self.attributes.get(attribute)
            return None if given is None else tuple(int(entry) for entry in np.atleast_1d(np.asarray(given)))
        if found.array.dtype.kind not in "iu" or found.array.ndim > 1:
            raise InputError(f"{self.label} needs integers as its input {position}")
        return tuple(int(entry) for entry in np.atleast_1d(found.array))

    @property
    def label(self) -> str:
        """How messages name the node."""
        return f"operator `{self.kind}` (node {shown(self.name)})"


def shown(text: str, limit: int = 60) -> str:
    """A name from a file as messages print it: one line, printable, at most `limit` characters."""
    printable = ascii(text)[1:-1]
    return f"`{printable if len(printable) <= limit else printable[: limit - 3] + '...'}`"
