"""Generator graphs as JSON: every float as its hexadecimal literal, so that a saved case is the same case bit for bit.

Reading builds nodes from numbers and names that are checked one by one; nothing that a file says is executed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum

MOST_NODES, MOST_ENTRIES = 10_000, 4_000_000


def generator_to_dict(generator: Generator) -> dict[str, Any]:
    """The generator as plain data: name, N and nodes."""
    return {
        "name": generator.name,
        "parameters": generator.parameters,
        "nodes": [_node_to_dict(node) for node in generator.graph.nodes],
    }


def generator_from_dict(document: Any) -> Generator:
    """The generator that `generator_to_dict` wrote.

    Raises InputError, in one line, for anything that is not such a document.
    """
    nodes: list[Node] = []
    listed = _entry(document, "nodes", list)
    if not 1 <= len(listed) <= MOST_NODES:
        raise InputError(f"generator: expected 1 to {MOST_NODES} nodes, got {len(listed)}")
    for index, item in enumerate(listed):
        nodes.append(_node(index, item, nodes))
    parameters = _entry(document, "parameters", int)
    if parameters < 1:
        raise InputError(f"generator: `parameters` must be at least 1, got {parameters}")
    return Generator(_entry(document, "name", str), Graph(tuple(nodes)), parameters)


def array_to_list(array: FloatArray) -> list[Any]:
    """A float array of any shape as nested lists of hexadecimal literals."""
    return [array_to_list(row) for row in array] if array.ndim > 1 else [float(entry).hex() for entry in array]


def matrix_from_list(rows: Any, name: str, columns: int | None = None) -> FloatArray:
    """The matrix that `array_to_list` wrote, of finite entries; raises InputError otherwise."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) for row in rows):
        raise InputError(f"`{name}`: expected a list of rows")
    width = len(rows[0]) if columns is None else columns
    if any(len(row) != width for row in rows) or len(rows) * width > MOST_ENTRIES:
        raise InputError(f"`{name}`: expected rows of {width} numbers, at most {MOST_ENTRIES} in all")
    return np.array([[number(entry, name) for entry in row] for row in rows], dtype=np.float64).reshape(-1, width)


def number(text: Any, name: str) -> float:
    """The finite float that a hexadecimal literal spells; raises InputError for anything else."""
    try:
        value = float.fromhex(text)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"`{name}`: expected a hexadecimal float such as 0x1.8p+1, got `{text!r:.40}`") from None
    if not math.isfinite(value):
        raise InputError(f"`{name}`: expected a finite number, got `{text}`")
    return value


def _node_to_dict(node: Node) -> dict[str, Any]:
    kind = type(node).__name__.lower()
    match node:
        case Input():
            return {"kind": kind, "width": node.width}
        case Affine():
            weight = node.weight if isinstance(node.weight, np.ndarray) else node.weight.toarray()
            rows = {"weight": array_to_list(weight), "bias": array_to_list(node.bias)}
            return {"kind": kind, "source": node.source, "sparse": bool(sp.issparse(node.weight)), **rows}
        case Sum():
            coefficients = [float(entry).hex() for entry in node.coefficients]
            return {"kind": kind, "sources": list(node.sources), "coefficients": coefficients}
        case Product():
            return {"kind": kind, "sources": list(node.sources)}
        case Activation():
            parameters = [float(entry).hex() for entry in node.parameters]
            return {"kind": kind, "source": node.source, "name": node.name, "parameters": parameters}


def _node(index: int, item: Any, earlier: Sequence[Node]) -> Node:
    kind = _entry(item, "kind", str)
    if (index == 0) != (kind == "input"):
        raise InputError(f"generator: node {index} is `{kind}`; node 0 and no other is the input")
    if kind == "input":
        width = _entry(item, "width", int)
        if not 1 <= width <= MOST_ENTRIES:
            raise InputError(f"generator: the input's width must be positive, got {width}")
        return Input(width)
    if kind in {"affine", "activation"}:
        source = _source(index, _entry(item, "source", int))
        if kind == "affine":
            return _affine(item, source, earlier[source].width)
        return _activation(item, source, earlier[source].width)
    sources = tuple(_source(index, entry) for entry in _entry(item, "sources", list))
    widths = {earlier[source].width for source in sources}
    if len(widths) != 1:
        raise InputError(f"generator: node {index} joins nodes of different widths")
    if kind == "product" and len(sources) == 2:
        return Product((sources[0], sources[1]), widths.pop())
    coefficients = tuple(number(entry, "coefficients") for entry in _entry(item, "coefficients", list))
    if kind != "sum" or len(coefficients) != len(sources):
        raise InputError(f"generator: node {index} of kind `{kind}` is not understood")
    return Sum(sources, coefficients, widths.pop())


def _affine(item: Mapping[str, Any], source: int, columns: int) -> Affine:
    weight = matrix_from_list(_entry(item, "weight", list), "weight", columns)
    bias = matrix_from_list([_entry(item, "bias", list)], "bias", weight.shape[0])[0]
    return Affine(source, sp.csr_array(weight) if item.get("sparse") is True else weight, bias)


def _activation(item: Mapping[str, Any], source: int, width: int) -> Activation:
    name = _entry(item, "name", str)
    parameters = tuple(number(entry, "parameters") for entry in _entry(item, "parameters", list))
    activation(name).resolve(parameters)
    return Activation(source, name, width, parameters)


def _source(index: int, source: Any) -> int:
    if type(source) is not int or not 0 <= source < index:
        raise InputError(f"generator: node {index} must read an earlier node, got `{source!r:.40}`")
    return source


def _entry(document: Any, name: str, kind: type) -> Any:
    if not isinstance(document, dict) or type(document.get(name)) is not kind:
        raise InputError(f"expected an object whose `{name}` is of type {kind.__name__}")
    return document[name]
