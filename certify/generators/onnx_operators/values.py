"""What an ONNX tensor is while it is lowered: a constant array, or a view of one node of the graph under construction.

A computed tensor is `scale * v[index]`, where v is the vector of a graph node and `index` has the tensor's
shape. Reshapes, transposes, slices, gathers and nearest upsampling only rearrange `index`: they cost no node
and are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.errors import InputError

IntArray: TypeAlias = npt.NDArray[np.int64]

MAXIMUM_DENSE_ENTRIES = 1_048_576


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


class Attributes(Mapping[str, Any]):
    """Attributes of a node by name, with the schema's defaults; `read` holds the names that were asked for."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = dict(given)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def peek(self, name: str) -> Any:
        """The attribute without counting it as read."""
        return self._given[name]


@dataclass(frozen=True, eq=False)
class Operation:
    """One ONNX node with its inputs resolved and its attributes decoded; it records which of them are read.

    What a lowering does not read is refused (schema.py): inputs are read through the methods below.
    """

    kind: str
    name: str
    inputs: tuple[Value | None, ...]
    input_names: tuple[str, ...]
    output_count: int
    attributes: Attributes
    opset: int
    read: set[int] = field(default_factory=set)

    def value(self, position: int) -> Value:
        """The input at `position`; raises InputError when the file leaves it out."""
        found = self.optional(position)
        if found is None:
            raise InputError(f"{self.label} lacks its input {position}; the operator requires it")
        return found

    def optional(self, position: int) -> Value | None:
        """The input at `position`, or None when it is absent."""
        self.read.add(position)
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int) -> Constant:
        """The input at `position`, which must be known when the file is loaded."""
        found = dense(self.value(position))
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

    def flag(self, name: str) -> bool:
        """An attribute that is 0 or 1, 0 where neither the node nor the schema has it; InputError for other numbers."""
        given = self.attributes.get(name, 0)
        if given not in (0, 1):
            raise InputError(f"{self.label} has {name} = {given}; 0 or 1 is expected")
        return bool(given)

    def axis(self, given: int, rank: int) -> int:
        """An axis from -rank to rank - 1 as one from 0; raises InputError for any other."""
        if not -rank <= given < rank:
            raise InputError(f"{self.label} has the axis {given} for a tensor of {rank} axes")
        return int(given) % rank

    def axes(self, given: tuple[int, ...], rank: int) -> tuple[int, ...]:
        """Distinct axes, each from -rank to rank - 1, as axes from 0."""
        found = tuple(self.axis(axis, rank) for axis in given)
        if len(set(found)) != len(found):
            raise InputError(f"{self.label} has an axis twice in {given}")
        return found

    def disregard(self, *attributes: str, inputs: tuple[int, ...] = ()) -> None:
        """Say that attributes and inputs have no effect on the value, whatever they hold."""
        self.attributes.read.update(attributes)
        self.read.update(inputs)

    @property
    def label(self) -> str:
        """How messages name the node."""
        return f"operator `{self.kind}` (node {shown(self.name)})"


def dense(value: Value) -> Constant | Symbol:
    """A sparse constant with its zeros, where an operator other than a product reads it; others as they are."""
    if not isinstance(value, SparseConstant):
        return value
    if math.prod(value.shape) > MAXIMUM_DENSE_ENTRIES:
        raise InputError(
            f"a sparse constant has the shape {value.shape}; where no product reads it, at most "
            f"{MAXIMUM_DENSE_ENTRIES} entries are accepted"
        )
    return Constant(value.matrix.toarray(), value.parameters)


def shown(text: str, limit: int = 60) -> str:
    """A name from a file as messages print it: one line, printable, at most `limit` characters."""
    printable = ascii(text)[1:-1]
    return f"`{printable if len(printable) <= limit else printable[: limit - 3] + '...'}`"
