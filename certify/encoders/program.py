"""An encoder as data: stages of operations on named tensors, each stage repeated, with weights shared by name.

A stage is a loop: `carried` tensors enter an iteration and `results` replace them. Everything is counted from here
without unrolling, and written as ONNX with loops or unrolled. Shapes leave out the batch axis: (w,) or (k, w).
Weights, steps and tables are the real numbers of the theorem; a file holds them rounded to float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Generator, Matrix

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class AffineMap:
    """y = W v + b along the last axis (W^T v if `transposed`); `weight` and `bias` name constants of the program."""

    output: str
    shape: Shape
    source: str
    weight: str
    bias: str = ""
    transposed: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True)
class Combination:
    """y = sum_i c_i v_i. `identities` is how many of its weights c_i I the size S9 counts."""

    output: str
    shape: Shape
    sources: tuple[str, ...]
    coefficients: tuple[float, ...]
    identities: int = 0


@dataclass(frozen=True)
class Product:
    """y = u * v entrywise; the smaller shape is repeated along the leading axis."""

    output: str
    shape: Shape
    sources: tuple[str, str]


@dataclass(frozen=True)
class MatrixProduct:
    """Y = U V, (a, k)(k, b), with U or V transposed on demand; a vector v (k,) on the right gives (a,)."""

    output: str
    shape: Shape
    sources: tuple[str, str]
    inner: int
    transposed: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Gate:
    """y = sigma^(order)(v) entrywise."""

    output: str
    shape: Shape
    source: str
    activation: str
    parameters: tuple[float, ...] = ()
    order: int = 0

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    def label(self) -> str:
        """The kind of gate: sigma, sigma', sigma''."""
        return self.activation + "'" * self.order


@dataclass(frozen=True)
class Clipping:
    """y = v min(1, R/|v|): the radial projection onto |v| <= R."""

    output: str
    shape: Shape
    source: str
    radius: float

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True)
class RootDivision:
    """y = v/sqrt(p) for a vector v and a number p > 0, a tensor of shape (1,)."""

    output: str
    shape: Shape
    sources: tuple[str, str]


@dataclass(frozen=True)
class Outer:
    """Y = u v^T, shape (a, b)."""

    output: str
    shape: Shape
    sources: tuple[str, str]


@dataclass(frozen=True)
class Constant:
    """The constant tensor called `constant`, the same for every row of the batch."""

    output: str
    shape: Shape
    constant: str

    @property
    def sources(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class TableRow:
    """Row k of the constant `table` in iteration k: a schedule; the scalar rows of a vector have shape (1,)."""

    output: str
    shape: Shape
    table: str

    @property
    def sources(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Noise:
    """Standard normals: row `first` + k of the encoder's noise in iteration k; all rows if the shape has two axes."""

    output: str
    shape: Shape
    first: int

    @property
    def sources(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Columns:
    """Entries `start` to `stop` - 1 of a vector."""

    output: str
    shape: Shape
    source: str
    start: int
    stop: int

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True)
class Rows:
    """A vector of rows * w entries as a matrix (rows, w), row by row."""

    output: str
    shape: Shape
    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True)
class Comparison:
    """y = 1 where u <= v and 0 elsewhere, entrywise; 0 where either is not a number."""

    output: str
    shape: Shape
    sources: tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """y = a u + (1 - a) v for a number a in {0, 1}, a tensor of shape (1,); the one not taken may be anything."""

    output: str
    shape: Shape
    sources: tuple[str, str, str]


@dataclass(frozen=True)
class LogSumExp:
    """y = log sum_i exp(v_i) over the last axis, `terms` of them, shifted by the largest."""

    output: str
    shape: Shape
    source: str
    terms: int

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)


@dataclass(frozen=True)
class FirstAccepted:
    """The first row of u (`rows`, w) whose a (`rows`, 1) is 1, the last row if none is; a tree of pairs.

    (a_1, u_1), (a_2, u_2) become (a_1 + (1 - a_1) a_2, a_1 u_1 + (1 - a_1) u_2).
    """

    output: str
    shape: Shape
    sources: tuple[str, str]
    rows: int


Operation: TypeAlias = (
    AffineMap
    | Combination
    | Product
    | MatrixProduct
    | Gate
    | Clipping
    | RootDivision
    | Outer
    | Constant
    | TableRow
    | Noise
    | Columns
    | Rows
    | Comparison
    | Choice
    | LogSumExp
    | FirstAccepted
)


@dataclass(frozen=True)
class Carried:
    """A tensor that a stage hands from one iteration to the next: its name inside, shape, and value at the start."""

    name: str
    shape: Shape
    initial: str


@dataclass(frozen=True)
class Stage:
    """`repeats` iterations of `operations`; `results` names what replaces each carried tensor.

    After the stage the carried tensors are known outside as `outputs`. `passes` = (forward, backward, tangent) says
    how often an iteration evaluates G, pulls back a covector and pushes forward one tangent: what size S9 counts by N.
    """

    name: str
    repeats: int
    carried: tuple[Carried, ...]
    operations: tuple[Operation, ...]
    results: tuple[str, ...]
    outputs: tuple[str, ...]
    passes: tuple[int, int, int] = (0, 0, 0)

    @property
    def outside(self) -> tuple[str, ...]:
        """Tensors of earlier stages that an iteration reads."""
        inside = {item.name for item in self.carried} | {item.output for item in self.operations}
        needed = [source for item in self.operations for source in item.sources] + list(self.results)
        return tuple(dict.fromkeys(name for name in needed if name not in inside))


@dataclass(frozen=True, eq=False)
class EncoderProgram:
    """A whole encoder x -> z of a generator. `noise_rows` standard normal vectors make one draw, of R^d unless
    `noise_columns` says otherwise.

    `shapes` holds the shape of every tensor seen outside its stage. Scalars and tables are among `constants`.
    """

    kind: str
    generator: Generator
    constants: Mapping[str, Matrix | FloatArray]
    stages: tuple[Stage, ...]
    shapes: Mapping[str, Shape]
    output: str
    noise_rows: int
    layers: tuple[int, int]
    """Deterministic and stochastic layers."""
    notes: tuple[str, ...] = ()
    distance: float | None = None
    """Total variation distance of this very network, rounded outward, where it is not the certificate's own."""
    size_bounded: bool = True
    """Whether the theorem's bound on the parameters is one of this very network."""
    noise_columns: int | None = None
    certificate: Mapping[str, Any] | None = None
    """What `distance` rests on, where that is not the theorem's certificate."""
    parameter_bound: int | None = None
    """The bound of the unrolled parameters of this very network, where its theorem's size is not one."""

    @property
    def latent_dim(self) -> int:
        """The latent dimension d."""
        return self.generator.latent_dim

    @property
    def observed_dim(self) -> int:
        """The observed dimension n."""
        return self.generator.observed_dim

    @property
    def noise_width(self) -> int:
        """Width of a row of noise."""
        return self.latent_dim if self.noise_columns is None else self.noise_columns


def size_of(shape: Shape) -> int:
    """Numbers in a tensor of this shape."""
    return math.prod(shape)
