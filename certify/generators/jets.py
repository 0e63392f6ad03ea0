"""Rigorous Taylor jets of a generator graph in balls: the second engine, independent of `derivatives`.

Inclusion property. Points and directions may be balls; every returned ball contains the exact value for
every choice of real numbers in them. Weights are the exact numbers their floats are. At a point whose ball
meets a kink of an activation (ReLU at 0) derivatives are NaN balls, which decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import flint
import numpy as np
import scipy.sparse as sp
from flint import arb, arb_mat, arb_series

from certify.arithmetic.balls import WORKING_PRECISION, Real, ball, precision, upper
from certify.arithmetic.large_matrices import image_of_balls
from certify.clock import ask
from certify.errors import InputError
from certify.generators.activations import activation
from certify.generators.nodes import Activation, Affine, Graph, Input, Matrix, Node, Product, Sum

MOST_ENTRIES = 50_000
"""Stored entries of a sparse weight beyond which products with it are float balls: a step in Arb takes microseconds."""


def line_jet(
    graph: Graph, point: Sequence[Real], direction: Sequence[Real], order: int, bits: int = WORKING_PRECISION
) -> list[arb_series]:
    """Jets of t -> G_i(z + t u) at t = 0 up to t^order, one per output i.

    Coefficient k is D^kG_i(z)[u, ..., u]/k!, enclosed. `point` and `direction` have length d.
    """
    z, u = _entries(graph, point, "point"), _entries(graph, direction, "direction")
    with _series_arithmetic(order + 1, bits):
        rows = [[a, b, *[arb(0)] * order][: order + 1] for a, b in zip(z, u, strict=True)]
        start = arb_mat(rows)
        return [arb_series(row) for row in _jet_table(graph, start).tolist()]


def value_ball(graph: Graph, point: Sequence[Real], bits: int = WORKING_PRECISION) -> list[arb]:
    """Enclosures of G_1(z), ..., G_n(z)."""
    z = _entries(graph, point, "point")
    with _series_arithmetic(1, bits):
        return [row[0] for row in _jet_table(graph, arb_mat(len(z), 1, z)).tolist()]


def directional_derivatives_ball(
    graph: Graph, point: Sequence[Real], direction: Sequence[Real], order: int, bits: int = WORKING_PRECISION
) -> list[list[arb]]:
    """Enclosures of D^kG(z)[u, ..., u] for k = 0..order: entry [k][i] belongs to the output i."""
    jets = line_jet(graph, point, direction, order, bits)
    with precision(bits):
        return [[jet[k] * arb.fac_ui(k) for jet in jets] for k in range(order + 1)]


def second_derivative_ball(
    graph: Graph, point: Sequence[Real], u: Sequence[Real], v: Sequence[Real], bits: int = WORKING_PRECISION
) -> list[arb]:
    """Enclosure of D^2G(z)[u, v] by polarisation: (D^2[u+v, u+v] - D^2[u-v, u-v])/4."""
    terms = ((1, (1, 1)), (-1, (1, -1)))
    return _polarised(graph, point, (u, v), terms, 4, bits)


def third_derivative_ball(
    graph: Graph,
    point: Sequence[Real],
    u: Sequence[Real],
    v: Sequence[Real],
    w: Sequence[Real],
    bits: int = WORKING_PRECISION,
) -> list[arb]:
    """Enclosure of D^3G(z)[u, v, w] by polarisation.

    24 D^3[u,v,w] is the signed sum of the cubes of u+v+w, u+v-w, u-v+w, u-v-w with signs +, -, -, +.
    """
    terms = ((1, (1, 1, 1)), (-1, (1, 1, -1)), (-1, (1, -1, 1)), (1, (1, -1, -1)))
    return _polarised(graph, point, (u, v, w), terms, 24, bits)


def jacobian_ball(graph: Graph, point: Sequence[Real], bits: int = WORKING_PRECISION) -> list[list[arb]]:
    """Enclosure of J(z), entry [i][j] = dG_i/dz_j, by forward mode in balls."""
    z = _entries(graph, point, "point")
    d = graph.latent_dim
    with _series_arithmetic(2, bits):
        values: list[arb_mat] = []
        tangents: list[arb_mat] = []
        for node in graph.nodes:
            match node:
                case Input():
                    values.append(arb_mat(d, 1, z))
                    tangents.append(arb_mat(d, d, [int(i == j) for i in range(d) for j in range(d)]))
                case Affine():
                    values.append(_apply(node.weight, values[node.source]) + _column(node.bias))
                    tangents.append(_apply(node.weight, tangents[node.source]))
                case Sum():
                    values.append(_combine([values[source] for source in node.sources], node.coefficients))
                    tangents.append(_combine([tangents[source] for source in node.sources], node.coefficients))
                case Product():
                    left, right = node.sources
                    pairs = zip(values[left].entries(), values[right].entries(), strict=True)
                    values.append(arb_mat(node.width, 1, [a * b for a, b in pairs]))
                    tangents.append(
                        _scale_rows(tangents[left], values[right].entries())
                        + _scale_rows(tangents[right], values[left].entries())
                    )
                case Activation():
                    jets = [_activate(node, [entry, arb(1)]) for entry in values[node.source].entries()]
                    values.append(arb_mat(node.width, 1, [jet[0] for jet in jets]))
                    tangents.append(_scale_rows(tangents[node.source], [jet[1] for jet in jets]))
        return [list(row) for row in tangents[-1].tolist()]


def node_value_balls(graph: Graph, point: Sequence[Real], bits: int = WORKING_PRECISION) -> list[list[arb]]:
    """Enclosures of the entries of every node's value at z."""
    z = _entries(graph, point, "point")
    with _series_arithmetic(1, bits):
        return [[row[0] for row in table.tolist()] for table in _jet_tables(graph, arb_mat(len(z), 1, z))]


def has_slope_balls(node: Activation, inputs: Sequence[arb]) -> list[bool]:
    """Entry by entry, whether sigma certainly has a first derivative, and a finite one, on the whole ball."""
    with _series_arithmetic(2, WORKING_PRECISION):
        return [_activate(node, [x, arb(1)])[1].is_finite() for x in inputs]


def unit_sensitivity_ball(
    graph: Graph, point: Sequence[Real], index: int, unit: int, bits: int = WORKING_PRECISION
) -> list[arb]:
    """Enclosure of dG/dv, v the value of entry `unit` of node `index`, the nodes before it held fixed; length n.

    Only the slopes after that node matter: an activation may have a kink in the ball at the node or before it.
    """
    values = node_value_balls(graph, point, bits)
    with _series_arithmetic(2, bits):
        found = [[arb(0)] * node.width for node in graph.nodes]
        found[index][unit] = arb(1)
        for later in range(index + 1, len(graph.nodes)):
            found[later] = _pushed(graph.nodes[later], values, found)
        return found[-1]


def _pushed(node: Node, values: list[list[arb]], tangents: list[list[arb]]) -> list[arb]:
    """Tangent of a node from those of its sources; a tangent that is exactly 0 stays 0 whatever the slope."""
    match node:
        case Input():
            return [arb(0)] * node.width
        case Affine():
            return list(_apply(node.weight, arb_mat(len(tangents[node.source]), 1, tangents[node.source])).entries())
        case Sum():
            columns = [arb_mat(node.width, 1, tangents[source]) for source in node.sources]
            return list(_combine(columns, node.coefficients).entries())
        case Product():
            (u, v), (du, dv) = ([table[k] for k in node.sources] for table in (values, tangents))
            return [
                (a * db if db != 0 else arb(0)) + (b * da if da != 0 else arb(0))
                for a, b, da, db in zip(u, v, du, dv, strict=True)
            ]
        case Activation():
            pairs = zip(values[node.source], tangents[node.source], strict=True)
            return [arb(0) if tangent == 0 else _activate(node, [x, arb(1)])[1] * tangent for x, tangent in pairs]


def _jet_table(graph: Graph, start: arb_mat) -> arb_mat:
    """Taylor coefficients of every output along the line whose coefficients are the columns of `start`."""
    return _jet_tables(graph, start)[-1]


def _jet_tables(graph: Graph, start: arb_mat) -> list[arb_mat]:
    """Taylor coefficients of every node's entries, one table per node."""
    columns = start.ncols()
    tables: list[arb_mat] = []
    for node in graph.nodes:
        match node:
            case Input():
                tables.append(start)
            case Affine():
                shift = arb_mat(node.width, columns)
                for i, entry in enumerate(node.bias.tolist()):
                    shift[i, 0] = arb(entry)
                tables.append(_apply(node.weight, tables[node.source]) + shift)
            case Sum():
                tables.append(_combine([tables[source] for source in node.sources], node.coefficients))
            case Product():
                left, right = (tables[source].tolist() for source in node.sources)
                products = [arb_series(a) * arb_series(b) for a, b in zip(left, right, strict=True)]
                tables.append(_from_series(products, columns))
            case Activation():
                ask(0.1 * node.width)
                jets = [_activate(node, row) for row in tables[node.source].tolist()]
                tables.append(_from_series(jets, columns))
    return tables


def _activate(node: Activation, coefficients: Sequence[arb]) -> arb_series:
    item = activation(node.name)
    jet, parameters = arb_series(list(coefficients)), item.resolve(node.parameters)
    try:
        return item.series(jet, parameters)
    except (ValueError, ZeroDivisionError):
        # FLINT does not divide by a series whose constant term may be 0 (a wide ball): no derivative is known.
        return arb_series([item.ball(coefficients[0], parameters), *[arb.nan()] * (len(coefficients) - 1)])


def _polarised(
    graph: Graph,
    point: Sequence[Real],
    directions: tuple[Sequence[Real], ...],
    terms: tuple[tuple[int, tuple[int, ...]], ...],
    divisor: int,
    bits: int,
) -> list[arb]:
    """Sum over `terms` of sign * D^kG(z)[s, ..., s], s the signed sum of the directions, over `divisor`."""
    order = len(directions)
    vectors = [_entries(graph, direction, "direction") for direction in directions]
    with precision(bits):
        total = [arb(0)] * graph.observed_dim
        for sign, signs in terms:
            along = [sum((s * x for s, x in zip(signs, xs, strict=True)), arb(0)) for xs in zip(*vectors, strict=True)]
            top = directional_derivatives_ball(graph, point, along, order, bits)[order]
            total = [a + sign * b for a, b in zip(total, top, strict=True)]
        return [entry / divisor for entry in total]


def _entries(graph: Graph, vector: Sequence[Real], name: str) -> list[arb]:
    if len(vector) != graph.latent_dim:
        raise InputError(f"`{name}` must have {graph.latent_dim} entries, got {len(vector)}")
    return [ball(x if isinstance(x, (arb, int, str)) else float(x)) for x in vector]


def _apply(weight: Matrix, table: arb_mat) -> arb_mat:
    """W X for an exact float matrix W and a matrix of balls X."""
    size = 1e-3 * weight.size if isinstance(weight, np.ndarray) else 1e-4 * weight.nnz + 0.05 * weight.shape[1]
    ask(size * table.ncols())
    if isinstance(weight, np.ndarray):
        return arb_mat(weight.shape[0], weight.shape[1], weight.ravel().tolist()) * table
    if weight.nnz > MOST_ENTRIES:
        return _float_image(weight, table)
    rows, columns = table.tolist(), table.ncols()
    result: list[arb] = []
    for start, stop in zip(weight.indptr[:-1], weight.indptr[1:], strict=True):
        indices, entries = weight.indices[start:stop].tolist(), weight.data[start:stop].tolist()
        terms = [(arb(entry), rows[index]) for index, entry in zip(indices, entries, strict=True)]
        result.extend(sum((entry * row[k] for entry, row in terms), arb(0)) for k in range(columns))
    return arb_mat(weight.shape[0], columns, result)


def _float_image(weight: sp.csr_array, table: arb_mat) -> arb_mat:
    """W X through float balls around the entries of X: about 15 digits, and no step of Python for each weight."""
    entries = table.entries()
    middles = [float(entry.mid()) if entry.is_finite() else 0.0 for entry in entries]
    spans = [upper(abs(x - arb(m))) if x.is_finite() else math.inf for x, m in zip(entries, middles, strict=True)]
    shape = table.nrows(), table.ncols()
    midpoint, radius = image_of_balls(weight, np.reshape(middles, shape), np.reshape(spans, shape))
    pairs = zip(midpoint.ravel().tolist(), radius.ravel().tolist(), strict=True)
    return arb_mat(weight.shape[0], shape[1], [arb(m, r) if math.isfinite(r) else arb.nan() for m, r in pairs])


def _column(vector: np.ndarray) -> arb_mat:
    return arb_mat(len(vector), 1, vector.tolist())


def _combine(tables: list[arb_mat], coefficients: tuple[float, ...]) -> arb_mat:
    total = tables[0] * arb(coefficients[0])
    for table, coefficient in zip(tables[1:], coefficients[1:], strict=True):
        total = total + table * arb(coefficient)
    return total


def _scale_rows(table: arb_mat, factors: Sequence[arb]) -> arb_mat:
    entries = [factor * entry for factor, row in zip(factors, table.tolist(), strict=True) for entry in row]
    return arb_mat(table.nrows(), table.ncols(), entries)


def _from_series(jets: list[arb_series], columns: int) -> arb_mat:
    return arb_mat(len(jets), columns, [jet[k] for jet in jets for k in range(columns)])


@contextmanager
def _series_arithmetic(length: int, bits: int) -> Iterator[None]:
    """Work with `length` Taylor coefficients at `bits` of precision; both settings are restored."""
    before = flint.ctx.cap
    flint.ctx.cap = length
    try:
        with precision(bits):
            yield
    finally:
        flint.ctx.cap = before
