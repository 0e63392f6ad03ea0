"""One exported program being rewritten: the ONNX operators so far, and one ATen operator with its arguments by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from certify.errors import InputError
from certify.generators.onnx_operators.values import shown
from certify.generators.pt2.archive import ExportedProgram, extents


@dataclass(eq=False)
class Emitter:
    """ONNX operators so far; `names` maps the program's tensors to ONNX tensors, `sizes` its symbolic integers."""

    program: ExportedProgram
    dtype: Any
    names: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initialisers: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def emit(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Append an operator and return the name of its first output; further ones end in .1, .2, ..."""
        name = f"t{len(self.nodes)}"
        results = [name, *(f"{name}.{rank}" for rank in range(1, outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), results, name=f"{kind}_{name}", **attributes))
        return name

    def constant(self, value: object, dtype: Any = np.int64) -> str:
        """An operator that yields a constant; it is no parameter."""
        return self.emit("Constant", value=numpy_helper.from_array(np.asarray(value, dtype=dtype)))

    def tensor(self, name: str) -> str:
        """The ONNX name of a tensor of the program; a parameter or buffer is stored when it is first read."""
        if name not in self.names:
            if name not in self.program.tensors:
                raise InputError(f"the program reads {shown(name)}, which no earlier operator produces")
            place, array = self.program.tensors[name]
            self.names[name] = f"parameter {place}"
            self.initialisers[self.names[name]] = numpy_helper.from_array(array, self.names[name])
        return self.names[name]

    def rank(self, name: str) -> int:
        """Number of axes of a tensor."""
        return len(self.shape(name))

    def shape(self, name: str) -> tuple[int, ...]:
        """Recorded shape of a tensor at batch size one."""
        return tuple(1 if extent is None else extent for extent in extents(self.program.values[name]))


@dataclass(frozen=True, eq=False)
class Call:
    """One operator of the program with its arguments by name, as the schema of ATen has them."""

    emitter: Emitter
    kind: str
    arguments: dict[str, Any]

    def name(self, key: str) -> str:
        """The program's name of a tensor argument."""
        return str(self.arguments[key]["as_tensor"]["name"])

    def tensor(self, key: str) -> str:
        """The ONNX name of an argument; a number becomes a constant of the input's type."""
        given = self.arguments[key]
        if "as_tensor" in given:
            return self.emitter.tensor(self.name(key))
        return self.emitter.constant(self.number(key), self.emitter.dtype)

    def has(self, key: str) -> bool:
        """Whether the argument is given and not None."""
        return key in self.arguments and "as_none" not in self.arguments[key]

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        if not self.has(key) and default is not None:
            return default
        ((kind, value),) = self.arguments[key].items()
        if kind not in ("as_int", "as_float", "as_bool") or not math.isfinite(float(value)):
            raise InputError(f"operator {shown(self.kind)}: its argument {shown(key)} is no finite number")
        return float(value)

    def integer(self, key: str, default: int | None = None) -> int:
        """An integer; a symbolic one is the batch, which is one."""
        if not self.has(key) and default is not None:
            return default
        return self._integer(self.arguments[key])

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of integers, or a single one."""
        if not self.has(key) and default is not None:
            return default
        ((kind, value),) = self.arguments[key].items()
        if kind == "as_ints":
            return tuple(int(entry) for entry in value)
        if kind == "as_sym_ints":
            return tuple(self._integer({"as_sym_int": entry}) for entry in value)
        return (self.integer(key),)

    def axes(self, key: str, rank: int, default: tuple[int, ...]) -> list[int]:
        """One integer per spatial axis; a single one stands for all."""
        given = self.integers(key, default) or default
        return list(given if len(given) == rank else given * rank)

    def _integer(self, given: dict[str, Any]) -> int:
        ((kind, value),) = given.items()
        if kind == "as_sym_int" and "as_name" in value:
            return self.emitter.sizes[value["as_name"]]
        return int(value["as_int"] if kind == "as_sym_int" else value)
