"""From a network back to a circuit: a proof that a network computes a Boolean function on all of {-1, +1}^d.

Every entry of every node is followed as a function of few Boolean values, tabulated exactly over all their cases. An
entry that only takes the values -1 and +1 is a gate and becomes a Boolean value itself. The circuit found so agrees
with the network on {-1, +1}^d for every d, without an enumeration of it, and whatever the network was built by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.errors import CertifyError
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

LARGEST_SUPPORT = 4
Rational: TypeAlias = Fraction | int
"""Numbers here are exact; nearly all are integers, whose arithmetic costs a small part of that of fractions."""


class ExtractionError(CertifyError):
    """The network could not be read as a circuit: the message says where."""


class NotBooleanError(ExtractionError):
    """The network is certainly no circuit on the signs of its input."""


@dataclass(frozen=True)
class Entry:
    """A number as a function of the Boolean signals `support`: `table[k]` where signal i is bit i of k."""

    support: tuple[int, ...]
    table: tuple[Rational, ...]

    @property
    def is_boolean(self) -> bool:
        """Whether it takes the values -1 and +1 only."""
        return all(abs(value) == 1 for value in self.table)

    def mapped(self, function: Callable[[Rational], Rational]) -> Entry:
        """The function of the number, over the same signals."""
        return Entry(self.support, tuple(function(value) for value in self.table))


@dataclass(frozen=True)
class Threshold:
    """Inputs with |z_i| at least this are read as their signs (0: all but zero itself), from node `node` on."""

    node: int
    tau: Fraction


def extract_circuit(graph: Graph) -> tuple[Circuit, Fraction]:
    """The circuit that the network computes, and the threshold tau from which on it reads an input as its sign.

    G(z) = P(sgn z) for every z with |z_i| >= tau > 0, or z_i != 0 for tau = 0. Exact.

    Raises:
        NotBooleanError: if the input does not go through a sign or a clip first, or an output is not -1 or +1.
        ExtractionError: if an entry depends on more than 4 Boolean values at once, or a node is of another kind.
    """
    start = input_threshold(graph)
    builder = CircuitBuilder(graph.latent_dim)
    reader = _Reader(builder)
    entries: list[list[Entry] | None] = [None] * len(graph.nodes)
    entries[start.node] = [Entry((i,), (-1, 1)) for i in range(graph.latent_dim)]
    last_use = {source: index for index, node in enumerate(graph.nodes) for source in node.sources}
    for index in range(start.node + 1, len(graph.nodes)):
        entries[index] = reader.node(graph, index, entries)
        for source in graph.nodes[index].sources:
            if last_use[source] == index:
                entries[source] = None
    outputs = entries[-1]
    assert outputs is not None
    if not all(entry.is_boolean for entry in outputs):
        raise NotBooleanError("an output of the network is not always -1 or +1")
    return builder.finish([reader.signal(entry) for entry in outputs]), start.tau


def input_threshold(graph: Graph) -> Threshold:
    """Where the input has become its signs: a sign node, or 1 - relu(2 - relu(w z + 1)), exactly -1 or 1 from 1/w on.

    Raises NotBooleanError if the graph begins with neither, or a later node reads the input itself.
    """
    nodes = graph.nodes
    found = None
    if len(nodes) > 1 and isinstance(nodes[1], Activation) and nodes[1].name == "sign":
        found = Threshold(1, Fraction(0))
    elif len(nodes) > 5 and (weight := _clip_slope(graph)) is not None:
        found = Threshold(5, 1 / weight)
    if found is None:
        raise NotBooleanError("the network does not begin with the signs (or the clip) of its inputs")
    if any(source < found.node for node in nodes[found.node + 1 :] for source in node.sources):
        raise NotBooleanError("the network reads its input beside the signs")
    return found


class _Reader:
    """Follows the entries node by node and builds the gates."""

    def __init__(self, builder: CircuitBuilder) -> None:
        self.builder = builder

    def node(self, graph: Graph, index: int, entries: Sequence[list[Entry] | None]) -> list[Entry]:
        """Entries of node `index` from those of its sources."""
        node = graph.nodes[index]
        sources = [entries[source] for source in node.sources]
        match node:
            case Affine():
                (values,) = sources
                assert values is not None
                return list(self._affine(node, values))
            case Sum():
                weights = [_exact(float(coefficient)) for coefficient in node.coefficients]
                rows = zip(*(values for values in sources if values is not None), strict=True)
                return [_carried(row, node.coefficients) or self.combine(row, weights, 0) for row in rows]
            case Activation() if node.name == "relu":
                (values,) = sources
                assert values is not None
                return [entry.mapped(lambda value: max(value, 0)) for entry in values]
            case Activation() if node.name == "sign":
                (values,) = sources
                assert values is not None
                return [entry.mapped(lambda value: (value > 0) - (value < 0)) for entry in values]
            case Product() | Input() | Activation():
                raise ExtractionError(f"node {index} is no affine map, sum, ReLU or sign")

    def _affine(self, node: Affine, values: list[Entry]) -> Iterator[Entry]:
        """The rows of an affine map. Most of a deep network are values carried on: they are passed through first."""
        matrix = sp.csr_array(node.weight)
        columns, weights, ends = matrix.indices.tolist(), matrix.data.tolist(), matrix.indptr.tolist()
        for low, high, bias in zip(ends[:-1], ends[1:], node.bias.tolist(), strict=True):
            if high == low:
                yield _constant(bias)
            elif high == low + 1 and bias == 0.0 and weights[low] == 1.0:
                yield values[columns[low]]
            else:
                row = [values[column] for column in columns[low:high]]
                yield self.combine(row, [_exact(weight) for weight in weights[low:high]], _exact(bias))

    def combine(self, entries: Sequence[Entry], weights: Sequence[Rational], bias: Rational) -> Entry:
        """The entry sum_i w_i e_i + b; one that takes the values -1 and +1 only becomes a signal of its own."""
        if len(entries) == 1 and bias == 0 and abs(weights[0]) == 1:
            return entries[0] if weights[0] == 1 else entries[0].mapped(lambda value: -value)
        support = tuple(sorted({signal for entry in entries for signal in entry.support}))
        if len(support) > LARGEST_SUPPORT:
            raise ExtractionError(f"an entry depends on {len(support)} Boolean values; at most {LARGEST_SUPPORT}")
        tables = [_over(entry, support) for entry in entries]
        cases = range(1 << len(support))
        values = tuple(sum((w * t[case] for w, t in zip(weights, tables, strict=True)), bias) for case in cases)
        found = _reduced(support, values)
        return self._as_signal(found) if len(found.support) > 1 and found.is_boolean else found

    def signal(self, entry: Entry) -> int:
        """The signal of an entry that is -1 or +1; its gates are built from the table by Shannon expansion."""
        return self._expand(entry.support, tuple(value > 0 for value in entry.table))

    def _as_signal(self, entry: Entry) -> Entry:
        signal = self.signal(entry)
        if signal in (FALSE, TRUE):
            return Entry((), (1 if signal == TRUE else -1,))
        node, negated = self.builder.polarity(signal)
        one = -1 if negated else 1
        return Entry((node,), (-one, one))

    def _expand(self, support: tuple[int, ...], table: tuple[bool, ...]) -> int:
        build = self.builder
        if not support:
            return TRUE if table[0] else FALSE
        if len(support) == 2 and (gate := _two_input(build, support, table)) is not None:
            return gate
        half = len(table) // 2
        low, high = self._expand(support[:-1], table[:half]), self._expand(support[:-1], table[half:])
        return build.choose(support[-1], high, low)


@lru_cache(maxsize=256)
def _constant(value: float) -> Entry:
    return Entry((), (_exact(value),))


def _exact(number: float) -> Rational:
    return int(number) if number.is_integer() else Fraction(number)


def _carried(row: Sequence[Entry], coefficients: Sequence[float]) -> Entry | None:
    """The one signal of a sum whose other terms are 0: what a layer carries on; None where it is more than that."""
    rest = [place for place, entry in enumerate(row) if entry is not _constant(0.0)]
    if len(rest) != 1 or coefficients[rest[0]] != 1.0 or len(row[rest[0]].support) > 1:
        return None
    return row[rest[0]]


def _two_input(build: CircuitBuilder, support: tuple[int, ...], table: tuple[bool, ...]) -> int | None:
    """One gate of the circuit's basis for a function of two signals, each possibly negated."""
    (a, b), ones = support, sum(table)
    if ones == 2 and table[0] == table[3]:
        parity = build.add(a, b)
        return build.negate(parity) if table[0] else parity
    if ones in (1, 3):
        # The one case that stands alone fixes the signs of the conjunction or disjunction.
        case = table.index(ones == 1)
        first, second = (
            signal if (case >> i & 1) == (ones == 1) else build.negate(signal) for i, signal in enumerate((a, b))
        )
        return build.conjoin(first, second) if ones == 1 else build.disjoin(first, second)
    return None


def _over(entry: Entry, support: tuple[int, ...]) -> tuple[Rational, ...]:
    """The table of an entry over a larger support."""
    places = [support.index(signal) for signal in entry.support]
    cases = range(1 << len(support))
    return tuple(entry.table[sum((case >> place & 1) << i for i, place in enumerate(places))] for case in cases)


def _reduced(support: tuple[int, ...], table: tuple[Rational, ...]) -> Entry:
    """The entry without the signals that it does not depend on."""
    for place in range(len(support) - 1, -1, -1):
        low = [case for case in range(len(table)) if not case >> place & 1]
        if all(table[case] == table[case | 1 << place] for case in low):
            return _reduced(support[:place] + support[place + 1 :], tuple(table[case] for case in low))
    return Entry(support, table)


def _clip_slope(graph: Graph) -> Fraction | None:
    """The slope w > 0 if nodes 1 to 5 are 1 - relu(2 - relu(w z + 1)) entrywise; None if they are not."""
    shapes = ((1, None, 1.0), (3, -1.0, 2.0), (5, -1.0, 1.0))
    slope = None
    for index, factor, bias in shapes:
        node, before = graph.nodes[index], graph.nodes[index - 1]
        if not isinstance(node, Affine) or node.source != index - 1 or not np.all(node.bias == bias):
            return None
        if index > 1 and not (isinstance(before, Activation) and before.name == "relu" and before.source == index - 2):
            return None
        matrix = sp.csr_array(node.weight)
        diagonal = matrix.diagonal()
        square = matrix.shape == (graph.latent_dim, graph.latent_dim)
        if not square or matrix.count_nonzero() != np.count_nonzero(diagonal) or np.unique(diagonal).size != 1:
            return None
        if factor is None:
            slope = float(diagonal[0])
        elif diagonal[0] != factor:
            return None
    return Fraction(slope) if slope is not None and slope > 0 else None
