"""The graph under construction: appends nodes, keeps the caps, materialises views only where an operator needs them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.activations import ACTIVATIONS
from certify.generators.nodes import Activation, Affine, Input, Matrix, Node, Product, Sum
from certify.generators.onnx_operators.values import Constant, IntArray, Symbol

MAXIMUM_WIDTH = 65_536
MAXIMUM_VIEW = 1_048_576
MAXIMUM_ENTRIES = 16_777_216
MAXIMUM_TENSOR_ENTRIES = 16_777_216


@dataclass(eq=False)
class GraphBuilder:
    """Mutable state of one import.

    The nodes so far, initialisers read as parameters, operators whose constants were rounded, remarks for the user,
    nodes that are truth values, entries spent, and the largest number of the file's own floating-point type.
    """

    nodes: list[Node] = field(default_factory=list)
    parameters: set[str] = field(default_factory=set)
    rounded: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conditions: set[int] = field(default_factory=set)
    entries: int = 0
    tensor_entries: int = 0
    largest: float = float(np.finfo(np.float32).max)

    def charge_tensor(self, entries: int) -> None:
        """Count `entries` of a tensor about to be made against the cap; raises InputError beyond it."""
        self.tensor_entries += entries
        if self.tensor_entries > MAXIMUM_TENSOR_ENTRIES:
            raise InputError(
                f"the model is too large: its tensors need {self.tensor_entries} entries, at most "
                f"{MAXIMUM_TENSOR_ENTRIES} are accepted"
            )

    def charge_view(self, entries: int) -> None:
        """Count entries of a computed tensor about to be made; raises InputError for one that is far too wide."""
        if entries > MAXIMUM_VIEW:
            raise InputError(f"the model has a tensor of {entries} entries; 1 to {MAXIMUM_WIDTH} are accepted")
        self.charge_tensor(entries)

    def charge_weight(self, entries: int) -> None:
        """Count stored entries of a lowered matrix about to be made; raises InputError beyond the cap."""
        self.entries += entries
        if self.entries > MAXIMUM_ENTRIES:
            raise InputError(
                f"the model is too large: its lowered linear operators need {self.entries} stored entries, at most "
                f"{MAXIMUM_ENTRIES} are accepted"
            )

    def input(self, width: int, shape: tuple[int, ...]) -> Symbol:
        """Node 0, seen as a tensor of the given shape."""
        self._append(Input(width))
        return Symbol(0, np.arange(width, dtype=np.int64).reshape(shape))

    def affine(self, symbol: Symbol, weight: Matrix, bias: FloatArray, shape: tuple[int, ...]) -> Symbol:
        """W t + b for the flattened tensor t; a view that repeats no entry is folded into W (exact)."""
        if symbol.scale not in (1.0, -1.0):
            symbol = self.materialised(symbol)
        if symbol.scale == -1.0:
            weight, symbol = -weight, Symbol(symbol.node, symbol.index)
        index = symbol.index.reshape(-1)
        width = self.nodes[symbol.node].width
        if not _is_whole(index, width):
            if np.unique(index).size == index.size:
                weight = _scatter_columns(weight, index, width)
            else:
                symbol = self.materialised(symbol)
        self.charge_weight(stored_entries(weight))
        return self._view(Affine(symbol.node, weight, np.asarray(bias, dtype=np.float64)), shape)

    def materialised(self, symbol: Symbol) -> Symbol:
        """The same tensor as a plain node: entry p of the node is entry p of the flattened tensor, scale 1."""
        index, node = symbol.index.reshape(-1), symbol.node
        width = self.nodes[node].width
        if not _is_whole(index, width):
            self.charge_weight(index.size)
            node = self._append(Affine(node, selection(index, width), np.zeros(index.size)))
        if symbol.scale != 1.0:
            node = self._append(Sum((node,), (symbol.scale,), index.size))
        return Symbol(node, np.arange(index.size, dtype=np.int64).reshape(symbol.shape))

    def padded(self, symbol: Symbol, index: IntArray, fill: float) -> Symbol:
        """Entries `index` of the symbol's node, with `fill` where `index` is -1."""
        flat = index.reshape(-1)
        self.charge_weight(flat.size)
        source = Symbol(symbol.node, symbol.index)
        weight = selection(flat, self.nodes[symbol.node].width) * symbol.scale
        bias = np.where(flat < 0, fill, 0.0)
        return self._view(Affine(source.node, sp.csr_array(weight), bias), index.shape)

    def assembled(self, parts: list[Symbol | Constant], places: list[IntArray], shape: tuple[int, ...]) -> Symbol:
        """The tensor of `shape` whose flat entries `places[i]` are those of `parts[i]`, in order (exact)."""
        size = math.prod(shape)
        bias = np.zeros(size)
        views: list[Symbol] = []
        for part, place in zip(parts, places, strict=True):
            if isinstance(part, Constant):
                bias[place.reshape(-1)] = part.array.reshape(-1)
        for part, place in zip(parts, places, strict=True):
            if isinstance(part, Symbol):
                width = self.nodes[part.node].width
                self.charge_weight(part.size)
                rows, columns = place.reshape(-1), part.index.reshape(-1)
                entries = np.full(part.size, part.scale)
                weight = sp.csr_array(sp.coo_array((entries, (rows, columns)), shape=(size, width)))
                views.append(self._view(Affine(part.node, weight, np.zeros(size) if views else bias), shape))
        return views[0] if len(views) == 1 else self.sum(views)

    def shifted(self, symbol: Symbol, offset: FloatArray, shape: tuple[int, ...]) -> Symbol:
        """The tensor t + c for a constant c, folded into the bias of an affine node where that addition is exact."""
        self.charge_tensor(math.prod(shape))
        symbol = Symbol(symbol.node, np.broadcast_to(symbol.index, shape), symbol.scale)
        if symbol.scale != 1.0:
            symbol = self.materialised(symbol)
        added = np.broadcast_to(offset, shape).reshape(-1)
        index, node = symbol.index.reshape(-1), self.nodes[symbol.node]
        if isinstance(node, Affine) and _sum_is_exact(node.bias[index], added):
            weight = node.weight if _is_whole(index, node.width) else node.weight[index]
            if weight is not node.weight:
                self.charge_weight(stored_entries(weight))
            return self._view(Affine(node.source, weight, node.bias[index] + added), shape)
        self.charge_weight(index.size)
        return self._view(Affine(symbol.node, selection(index, node.width), added.astype(np.float64)), shape)

    def scaled(self, symbol: Symbol, factor: float) -> Symbol:
        """The tensor c t, kept pending in the view; two factors are merged only when their product is exact."""
        if symbol.scale != 1.0 and not _product_is_exact(symbol.scale, factor):
            symbol = self.materialised(symbol)
        return Symbol(symbol.node, symbol.index, symbol.scale * factor)

    def diagonal(self, symbol: Symbol, factors: FloatArray, shape: tuple[int, ...]) -> Symbol:
        """The tensor t * c, entrywise for a constant c, broadcast to `shape`."""
        self.charge_tensor(math.prod(shape))
        symbol = self.materialised(Symbol(symbol.node, np.broadcast_to(symbol.index, shape), symbol.scale))
        entries = np.broadcast_to(factors, shape).reshape(-1).astype(np.float64)
        size = entries.size
        weight = sp.csr_array((entries, np.arange(size), np.arange(size + 1)), shape=(size, size))
        return self.affine(symbol, weight, np.zeros(size), shape)

    def sum(self, symbols: list[Symbol]) -> Symbol:
        """The entrywise sum of tensors that broadcast to one shape; pending scales become coefficients."""
        views, shape = self._aligned(symbols)
        index = views[0].index
        width = self.nodes[views[0].node].width
        return self._merged(
            Sum(tuple(view.node for view in views), tuple(view.scale for view in views), width), index, shape
        )

    def product(self, left: Symbol, right: Symbol) -> Symbol:
        """The entrywise product of two tensors that broadcast to one shape."""
        plain = [self.materialised(side) if side.scale != 1.0 else side for side in (left, right)]
        views, shape = self._aligned(plain)
        width = self.nodes[views[0].node].width
        return self._merged(Product((views[0].node, views[1].node), width), views[0].index, shape)

    def activation(self, symbol: Symbol, name: str, parameters: tuple[float, ...] = ()) -> Symbol:
        """sigma(t) entrywise; applied to the node itself when the view uses every entry of it.

        Raises InputError for parameters outside of the domain that the table of activations declares.
        """
        ACTIVATIONS[name].resolve(parameters)
        width = self.nodes[symbol.node].width
        if symbol.scale != 1.0 or np.unique(symbol.index).size != width:
            symbol = self.materialised(symbol)
            width = symbol.size
        node = self._append(Activation(symbol.node, name, width, parameters))
        return Symbol(node, symbol.index)

    def reciprocal(self, symbol: Symbol) -> Symbol:
        """1/t; of a power x^p it is x^-p, which is the same function wherever both are defined."""
        node = self.nodes[symbol.node]
        if isinstance(node, Activation) and node.name == "power" and symbol.scale == 1.0:
            source = Symbol(node.source, np.arange(node.width, dtype=np.int64))
            inverse = self.activation(source, "power", (-node.parameters[0],))
            return Symbol(inverse.node, inverse.index[symbol.index])
        return self.activation(symbol, "reciprocal")

    def _aligned(self, symbols: list[Symbol]) -> tuple[list[Symbol], tuple[int, ...]]:
        """The tensors broadcast to one shape and seen through one common index."""
        shape = np.broadcast_shapes(*(symbol.shape for symbol in symbols))
        self.charge_tensor(math.prod(shape) * len(symbols))
        views = [Symbol(s.node, np.broadcast_to(s.index, shape), s.scale) for s in symbols]
        widths = {self.nodes[view.node].width for view in views}
        first = views[0].index
        common = len(widths) == 1 and all(np.array_equal(view.index, first) for view in views)
        if common and np.unique(first).size == widths.pop():
            return views, shape
        plain = []
        for view in views:
            flat = self.materialised(Symbol(view.node, view.index))
            plain.append(Symbol(flat.node, flat.index, view.scale))
        return plain, shape

    def _merged(self, node: Node, index: IntArray, shape: tuple[int, ...]) -> Symbol:
        return Symbol(self._append(node), index.reshape(shape))

    def _view(self, node: Node, shape: tuple[int, ...]) -> Symbol:
        return Symbol(self._append(node), np.arange(node.width, dtype=np.int64).reshape(shape))

    def _append(self, node: Node) -> int:
        if not 0 < node.width <= MAXIMUM_WIDTH:
            raise InputError(f"the model has a tensor of {node.width} entries; 1 to {MAXIMUM_WIDTH} are accepted")
        self.charge_tensor(node.width)
        self.nodes.append(node)
        return len(self.nodes) - 1


def stored_entries(weight: Matrix) -> int:
    """Number of entries that a weight matrix stores."""
    return int(weight.size if isinstance(weight, np.ndarray) else weight.nnz)


def selection(index: IntArray, width: int) -> sp.csr_array:
    """The 0/1 matrix P with (P v)_p = v[index_p], and a zero row where index_p is -1."""
    kept = index >= 0
    pointers = np.concatenate(([0], np.cumsum(kept)))
    return sp.csr_array((np.ones(int(pointers[-1])), index[kept], pointers), shape=(index.size, width))


def _is_whole(index: IntArray, width: int) -> bool:
    return index.size == width and bool(np.array_equal(index, np.arange(width)))


def _scatter_columns(weight: Matrix, index: IntArray, width: int) -> Matrix:
    """W P for the selection P of distinct entries: column p of W becomes column index_p."""
    rows = int(weight.shape[0])
    if not isinstance(weight, np.ndarray):
        stored = weight.tocoo()
        return sp.csr_array(sp.coo_array((stored.data, (stored.row, index[stored.col])), shape=(rows, width)))
    if rows * width > MAXIMUM_ENTRIES:
        raise InputError(f"the model is too large: a linear operator needs {rows * width} entries")
    spread = np.zeros((rows, width))
    spread[:, index] = weight
    return spread


def _sum_is_exact(left: FloatArray, right: FloatArray) -> bool:
    """Whether fl(a + b) = a + b for every entry (the error term of Knuth's TwoSum vanishes)."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = left + right
        partner = total - left
        error = (left - (total - partner)) + (right - partner)
    return bool(np.all(error == 0.0))


def _product_is_exact(left: float, right: float) -> bool:
    product = left * right
    return math.isfinite(product) and Fraction(left) * Fraction(right) == Fraction(product)
