"""The tape on which an encoder is written: one method per operation, shapes inferred, constants shared by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.encoders import program as ops
from certify.encoders.program import EncoderProgram
from certify.generators.graph import Generator, Matrix


@dataclass(eq=False)
class Tape:
    """An encoder under construction; `stage` opens the block that the following operations belong to."""

    generator: Generator
    constants: dict[str, Matrix | FloatArray] = field(default_factory=dict)
    stages: list[ops.Stage] = field(default_factory=list)
    shapes: dict[str, ops.Shape] = field(default_factory=dict)
    noise_rows: int = 0
    noise_columns: int | None = None
    """Width of a row of noise where it is not d."""
    _operations: list[ops.Operation] = field(default_factory=list)
    _carried: list[ops.Carried] = field(default_factory=list)
    _gates: dict[tuple[str, str, tuple[float, ...], int], str] = field(default_factory=dict)
    _counter: int = 0

    def __post_init__(self) -> None:
        self.shapes["x"] = (self.generator.observed_dim,)

    def carry(self, name: str, initial: str) -> str:
        """Declare a tensor of the coming stage that starts as `initial`."""
        self.shapes[name] = self.shapes[initial]
        self._carried.append(ops.Carried(name, self.shapes[initial], initial))
        return name

    def close(
        self,
        name: str,
        results: Sequence[str] = (),
        outputs: Sequence[str] = (),
        repeats: int = 1,
        passes: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """End the stage: its carried tensors become `results` each iteration and are called `outputs` afterwards.

        A stage that carries nothing runs once, and all its tensors can be read afterwards.
        """
        for result, output in zip(results, outputs, strict=True):
            self.shapes[output] = self.shapes[result]
        self.stages.append(
            ops.Stage(
                name, repeats, tuple(self._carried), tuple(self._operations), tuple(results), tuple(outputs), passes
            )
        )
        self._operations, self._carried, self._gates = [], [], {}

    def finish(
        self,
        kind: str,
        output: str,
        layers: tuple[int, int],
        notes: tuple[str, ...] = (),
        distance: float | None = None,
        size_bounded: bool = True,
        certificate: Mapping[str, Any] | None = None,
        parameter_bound: int | None = None,
    ) -> EncoderProgram:
        """The encoder, whose draw is the tensor `output`."""
        assert not self._operations, "the last stage is still open"
        return EncoderProgram(
            kind, self.generator, self.constants, tuple(self.stages), self.shapes, output, self.noise_rows, layers,
            notes, distance, size_bounded, self.noise_columns, certificate, parameter_bound,
        )  # fmt: skip

    def constant(self, name: str, value: Matrix | npt.ArrayLike) -> str:
        """A constant shared under its name, a weight, a bias, a table or a start."""
        self.constants.setdefault(name, value if sp.issparse(value) else np.asarray(value, dtype=np.float64))
        return name

    def affine(self, source: str, weight: str, bias: str = "", transposed: bool = False) -> str:
        """W v + b, or W^T v."""
        matrix = self.constants[weight]
        width = int(matrix.shape[1] if transposed else matrix.shape[0])
        return self._add(
            ops.AffineMap(self._name(), (*self.shapes[source][:-1], width), source, weight, bias, transposed)
        )

    def combine(self, terms: Sequence[tuple[float, str]], identities: int = 0) -> str:
        """sum_i c_i v_i over (c_i, v_i)."""
        sources, coefficients = tuple(name for _, name in terms), tuple(float(factor) for factor, _ in terms)
        return self._add(ops.Combination(self._name(), self._widest(sources), sources, coefficients, identities))

    def product(self, left: str, right: str) -> str:
        """The entrywise product u * v."""
        return self._add(ops.Product(self._name(), self._widest((left, right)), (left, right)))

    def matrix_product(self, left: str, right: str, transposed: tuple[bool, bool] = (False, False)) -> str:
        """U V, each transposed on demand; V may be a vector."""
        a, b = self.shapes[left], self.shapes[right]
        rows, inner = a[::-1] if transposed[0] else a
        columns = () if len(b) == 1 else ((b[0] if transposed[1] else b[1]),)
        return self._add(ops.MatrixProduct(self._name(), (rows, *columns), (left, right), inner, transposed))

    def gate(self, source: str, activation: str, parameters: tuple[float, ...] = (), order: int = 0) -> str:
        """The gate sigma^(order)(v); a stage has each gate once, however many passes read it."""
        key = (source, activation, parameters, order)
        if key not in self._gates:
            self._gates[key] = self._add(
                ops.Gate(self._name(), self.shapes[source], source, activation, parameters, order)
            )
        return self._gates[key]

    def clip(self, source: str, radius: float) -> str:
        """The projection v min(1, R/|v|)."""
        return self._add(ops.Clipping(self._name(), self.shapes[source], source, radius))

    def divide_by_root(self, source: str, square: str) -> str:
        """v/sqrt(p)."""
        return self._add(ops.RootDivision(self._name(), self.shapes[source], (source, square)))

    def outer(self, left: str, right: str) -> str:
        """The matrix u v^T."""
        return self._add(ops.Outer(self._name(), (*self.shapes[left], *self.shapes[right]), (left, right)))

    def repeated(self, name: str, rows: int | None = None) -> str:
        """A constant, for every row of the batch; a vector stored as (1, w) also for each of `rows` rows."""
        shape = tuple(self.constants[name].shape)
        return self._add(ops.Constant(self._name(), shape if rows is None else (rows, *shape[1:]), name))

    def table_row(self, name: str) -> str:
        """Row k of a constant in iteration k."""
        shape = tuple(self.constants[name].shape[1:]) or (1,)
        return self._add(ops.TableRow(self._name(), shape, name))

    def noise(self, rows: int, together: bool = False) -> str:
        """A row of standard normals per iteration, `rows` of them in all; or all rows `together`, as a matrix."""
        first, self.noise_rows = self.noise_rows, self.noise_rows + rows
        width = self.generator.latent_dim if self.noise_columns is None else self.noise_columns
        return self._add(ops.Noise(self._name(), (rows, width) if together else (width,), first))

    def columns(self, source: str, start: int, stop: int) -> str:
        """Entries `start` to `stop` - 1 of a vector."""
        return self._add(ops.Columns(self._name(), (*self.shapes[source][:-1], stop - start), source, start, stop))

    def rows(self, source: str, count: int) -> str:
        """A vector as a matrix of `count` rows."""
        (width,) = self.shapes[source]
        return self._add(ops.Rows(self._name(), (count, width // count), source))

    def compare(self, left: str, right: str) -> str:
        """1 where u <= v, else 0; a vector of one entry is compared with every entry of the other."""
        shape = tuple(np.broadcast_shapes(self.shapes[left], self.shapes[right]))
        return self._add(ops.Comparison(self._name(), shape, (left, right)))

    def choose(self, chosen: str, left: str, right: str) -> str:
        """The choice a u + (1 - a) v."""
        return self._add(ops.Choice(self._name(), self.shapes[left], (chosen, left, right)))

    def log_sum_exp(self, source: str) -> str:
        """The number log sum_i exp(v_i)."""
        shape = self.shapes[source]
        return self._add(ops.LogSumExp(self._name(), (*shape[:-1], 1), source, shape[-1]))

    def first_accepted(self, accepted: str, points: str) -> str:
        """The first row of the points that is accepted, the last row if none is."""
        rows, width = self.shapes[points]
        return self._add(ops.FirstAccepted(self._name(), (width,), (accepted, points), rows))

    def _widest(self, sources: Sequence[str]) -> ops.Shape:
        return max((self.shapes[name] for name in sources), key=lambda shape: (len(shape), shape))

    def _name(self) -> str:
        self._counter += 1
        return f"t{self._counter}"

    def _add(self, operation: ops.Operation) -> str:
        self._operations.append(operation)
        self.shapes[operation.output] = operation.shape
        return operation.output
