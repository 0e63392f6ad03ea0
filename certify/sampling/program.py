"""Programs: a generator graph compiled to three flat arrays that one kernel interprets.

A kernel that reads the network as data never recompiles for a new network. Every node owns rows of a
value buffer; an instruction writes rows from rows. Compilation drops nodes the output does not need, adds
affine terms of a sum straight into the sum's rows (the adjoint of such a term is the sum's, so nothing is
copied on the way back), and gives every reverse write its mode: the first one overwrites, later ones add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.errors import InputError
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input, Matrix, Node, Product, Sum
from certify.sampling.activation_kernels import ACTIVATION_CODES

DENSE, SPARSE, SCALE, ACTIVATION, PRODUCT = range(5)
"""Operation codes: target (+)= W v + b dense or CSR, target (+)= c v, sigma(v), u v."""

(
    OPERATION,
    TARGET,
    WIDTH,
    SOURCE,
    SOURCE_WIDTH,
    REALS,
    BIAS,
    INTEGERS,
    EXTRA,
    FORWARD_ADDS,
    REVERSE_ADDS,
    SECOND_REVERSE_ADDS,
    NONZEROS,
) = range(13)
"""Columns of an instruction. TARGET, SOURCE and EXTRA are rows of the buffer; EXTRA is where an activation
keeps its slopes and the second factor of a product; REALS, BIAS and INTEGERS are offsets (BIAS -1: none);
the ADDS say whether a write adds to what is there;
NONZEROS is the number of stored entries of a sparse weight."""

COLUMNS = 13
"""Entries of an instruction."""


class Program(NamedTuple):
    """A compiled graph: arrays only, of fixed types, so that one compiled kernel serves every network.

    `instructions` int64, `COLUMNS` entries each; `integers` CSR row pointers and columns and the activation codes;
    `reals` weights row by row, biases, coefficients and activation parameters; `rows` the height of the
    value buffer, whose first `latent_dim` rows are z and whose rows from `output` on are G(z).
    """

    instructions: npt.NDArray[np.int64]
    integers: npt.NDArray[np.int64]
    reals: npt.NDArray[np.float64]
    rows: int
    latent_dim: int
    observed_dim: int
    output: int

    @property
    def operations(self) -> int:
        """Multiplications and additions of one gradient of one chain, roughly: what a time budget is made from."""
        linear = np.isin(self.instructions[OPERATION::COLUMNS], (DENSE, SPARSE))
        return 4 * int(self.reals.size) + 30 * self.rows + 100 * int(np.count_nonzero(~linear))


def compile_program(graph: Graph) -> Program:
    """Compile a graph to a `Program`.

    Raises `InputError` if a weight is not finite or a parameter out of its interval, `UnknownNameError` for an
    activation that does not exist.
    """
    return _Compiler(graph).compile()


class _Compiler:
    """The state of one compilation: rows given to nodes, instructions and constants written so far."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.live = _live_nodes(graph)
        self.consumers = Counter(source for index in self.live for source in self.nodes[index].sources)
        self.row_of: dict[int, int] = {}
        self.rows = 0
        self.instructions: list[list[int]] = []
        self.integers: list[npt.NDArray[np.int64]] = []
        self.reals: list[npt.NDArray[np.float64]] = []
        self.integer_count = 0
        self.real_count = 0

    def compile(self) -> Program:
        """Translate node by node, then mark the first reverse write of every buffer row."""
        output = len(self.nodes) - 1
        merged = set(self._merged_terms())
        for index in self.live:
            if index not in merged:
                self._translate(index, self.nodes[index])
        instructions = np.array(self.instructions, dtype=np.int64).reshape(-1, COLUMNS)
        mark_reverse_writes(instructions, self.row_of[output])
        return Program(
            instructions.ravel(),
            np.concatenate([np.zeros(1, dtype=np.int64), *self.integers]),
            np.concatenate([np.zeros(1), *self.reals]),
            self.rows,
            self.nodes[0].width,
            self.nodes[output].width,
            self.row_of[output],
        )

    def _merged_terms(self) -> Iterator[int]:
        """Affine nodes that only a sum reads, with coefficient 1: computed in the sum's own rows."""
        for index in self.live:
            node = self.nodes[index]
            if isinstance(node, Sum):
                for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                    if self._is_mergeable(source, coefficient):
                        yield source

    def _is_mergeable(self, source: int, coefficient: float) -> bool:
        return coefficient == 1.0 and isinstance(self.nodes[source], Affine) and self.consumers[source] == 1

    def _translate(self, index: int, node: Node) -> None:
        if isinstance(node, Activation) and self._keeps_slopes_in_source(node):
            slopes = self.row_of[node.source]
        elif isinstance(node, Activation) and node.name != "identity":
            slopes = self._new_rows(node.width)
        else:
            slopes = 0
        row = self.row_of[index] = self._new_rows(node.width)
        match node:
            case Input():
                pass
            case Affine():
                self._emit_affine(row, node, adds=False)
            case Sum():
                self._emit_sum(row, node)
            case Product():
                first, second = (self.row_of[source] for source in node.sources)
                self._emit(PRODUCT, row, node.width, first, node.width, extra=second)
            case Activation():
                self._emit_activation(row, slopes, node)

    def _keeps_slopes_in_source(self, node: Activation) -> bool:
        """Whether sigma'(v) may overwrite v: nobody else reads v, and v's own reverse step does not need it."""
        return self.consumers[node.source] == 1 and node.source != 0 and node.name != "identity"

    def _emit_sum(self, row: int, node: Sum) -> None:
        terms = list(zip(node.sources, node.coefficients, strict=True))
        # Plain terms first: they overwrite cheaply, products add.
        terms.sort(key=lambda term: self._is_mergeable(*term))
        for position, (source, coefficient) in enumerate(terms):
            term = self.nodes[source]
            if self._is_mergeable(source, coefficient) and isinstance(term, Affine):
                self._emit_affine(row, term, adds=position > 0)
            else:
                self._emit_scale(row, node.width, self.row_of[source], coefficient, adds=position > 0)

    def _emit_scale(self, row: int, width: int, source: int, coefficient: float, adds: bool) -> None:
        offset = self._append_reals(np.array([coefficient]))
        self._emit(SCALE, row, width, source, width, reals=offset, adds=adds)

    def _emit_affine(self, row: int, node: Affine, adds: bool) -> None:
        source, source_width = self.row_of[node.source], self.nodes[node.source].width
        _require_finite(node.weight, node.bias)
        bias = self._append_reals(node.bias) if np.any(node.bias) else -1
        if sp.issparse(node.weight):
            matrix = sp.csr_array(node.weight, dtype=np.float64)
            reals = self._append_reals(matrix.data)
            integers = self._append_integers(np.concatenate([matrix.indptr, matrix.indices]))
            self._emit(
                SPARSE, row, node.width, source, source_width, reals, bias, integers, adds=adds, nonzeros=matrix.nnz
            )
        else:
            reals = self._append_reals(np.asarray(node.weight, dtype=np.float64).ravel())
            self._emit(DENSE, row, node.width, source, source_width, reals, bias, adds=adds)

    def _emit_activation(self, row: int, slopes: int, node: Activation) -> None:
        source = self.row_of[node.source]
        if node.name == "identity":
            self._emit_scale(row, node.width, source, 1.0, adds=False)
            return
        parameters = activation(node.name).resolve(node.parameters)
        reals = self._append_reals(np.array(parameters or (0.0,), dtype=np.float64))
        integers = self._append_integers(np.array([ACTIVATION_CODES[node.name]], dtype=np.int64))
        self._emit(ACTIVATION, row, node.width, source, node.width, reals, -1, integers, extra=slopes)

    def _emit(
        self,
        operation: int,
        target: int,
        width: int,
        source: int,
        source_width: int,
        reals: int = 0,
        bias: int = -1,
        integers: int = 0,
        extra: int = 0,
        adds: bool = False,
        nonzeros: int = 0,
    ) -> None:
        self.instructions.append(
            [operation, target, width, source, source_width, reals, bias, integers, extra, int(adds), 0, 0, nonzeros]
        )

    def _new_rows(self, width: int) -> int:
        row = self.rows
        self.rows += width
        return row

    def _append_reals(self, values: npt.NDArray[np.float64]) -> int:
        offset = self.real_count + 1
        self.reals.append(np.ascontiguousarray(values, dtype=np.float64))
        self.real_count += values.size
        return offset

    def _append_integers(self, values: npt.NDArray[np.int64]) -> int:
        offset = self.integer_count + 1
        self.integers.append(np.ascontiguousarray(values, dtype=np.int64))
        self.integer_count += values.size
        return offset


def _live_nodes(graph: Graph) -> list[int]:
    """Indices of the nodes the output depends on, and the input, in topological order."""
    live = {0, len(graph.nodes) - 1}
    for index in range(len(graph.nodes) - 1, -1, -1):
        if index in live:
            live.update(graph.nodes[index].sources)
    return sorted(live)


def mark_reverse_writes(instructions: npt.NDArray[np.int64], output: int) -> None:
    """Mark in place: in reverse order the first write to a source's adjoint overwrites, every later one adds.

    `instructions` has shape (count, COLUMNS); the rows from `output` on are written before the first of them.
    """
    written = {output}
    for instruction in instructions[::-1]:
        source = int(instruction[SOURCE])
        instruction[REVERSE_ADDS] = source in written
        written.add(source)
        if instruction[OPERATION] == PRODUCT:
            second = int(instruction[EXTRA])
            instruction[SECOND_REVERSE_ADDS] = second in written
            written.add(second)


def _require_finite(weight: Matrix, bias: npt.NDArray[np.float64]) -> None:
    data = weight.data if sp.issparse(weight) else weight
    if not (np.all(np.isfinite(np.asarray(data))) and np.all(np.isfinite(bias))):
        raise InputError("expected finite weights, got a NaN or an infinity in an affine layer of the generator")
