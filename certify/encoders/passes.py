"""G, its vector-Jacobian product, its tangents and the Hessian of the posterior, written on an encoder's tape.

The five node kinds of a generator's graph become affine maps, combinations, products and gates; the backward pass
uses the same weights, transposed, and the gates sigma' (tangents too); the Hessian adds sigma''.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from certify.encoders.tape import Tape
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum


def forward(tape: Tape, graph: Graph, source: str, prefix: str = "G") -> list[str]:
    """Names of the values of every node of the graph at `source`."""
    values: list[str] = []
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                values.append(source)
            case Affine():
                weight, bias = _parameters(tape, node, prefix, index)
                values.append(tape.affine(values[node.source], weight, bias))
            case Sum():
                values.append(
                    tape.combine([(c, values[s]) for s, c in zip(node.sources, node.coefficients, strict=True)])
                )
            case Product():
                values.append(tape.product(values[node.sources[0]], values[node.sources[1]]))
            case Activation():
                values.append(tape.gate(values[node.source], node.name, node.parameters))
    return values


def adjoints(tape: Tape, graph: Graph, values: Sequence[str], covector: str, prefix: str = "G") -> list[str | None]:
    """Names of d(covector . G)/d(node) for every node; None where a node does not reach the output."""
    waiting: list[list[tuple[float, str]]] = [[] for _ in graph.nodes]
    waiting[-1].append((1.0, covector))
    found: list[str | None] = [None] * len(graph.nodes)
    for index in reversed(range(len(graph.nodes))):
        terms = waiting[index]
        if not terms:
            continue
        adjoint = terms[0][1] if len(terms) == 1 and terms[0][0] == 1.0 else tape.combine(terms)
        found[index] = adjoint
        _pull_back(tape, graph.nodes[index], index, adjoint, values, waiting, prefix)
    return found


def _pull_back(
    tape: Tape,
    node: Node,
    index: int,
    adjoint: str,
    values: Sequence[str],
    waiting: list[list[tuple[float, str]]],
    prefix: str,
) -> None:
    match node:
        case Affine():
            weight, _ = _parameters(tape, node, prefix, index)
            waiting[node.source].append((1.0, tape.affine(adjoint, weight, transposed=True)))
        case Sum():
            for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                waiting[source].append((coefficient, adjoint))
        case Product():
            left, right = node.sources
            waiting[left].append((1.0, tape.product(adjoint, values[right])))
            waiting[right].append((1.0, tape.product(adjoint, values[left])))
        case Activation():
            slope = tape.gate(values[node.source], node.name, node.parameters, 1)
            waiting[node.source].append((1.0, tape.product(adjoint, slope)))


def residual(tape: Tape, values: Sequence[str], rows: int = 1) -> str:
    """The residual G(z) - x, or `rows` of them."""
    return tape.combine([(1.0, values[-1]), (-1.0, "x")], identities=rows * tape.generator.observed_dim)


def misfit_gradient(tape: Tape, source: str) -> str:
    """J(z)^T (G(z) - x): one forward and one backward pass."""
    graph = tape.generator.graph
    values = forward(tape, graph, source)
    return _pulled(tape, adjoints(tape, graph, values, residual(tape, values))[0])


def posterior_gradient(tape: Tape, point: str, pulled: str, beta: float) -> str:
    """The gradient grad f = z + J^T r/beta^2 (S1) from z and J^T r."""
    return tape.combine([(1.0, point), (1.0 / beta**2, pulled)], identities=2 * tape.generator.latent_dim)


def zero(tape: Tape, width: int) -> str:
    """The zero vector of R^width."""
    return tape.repeated(tape.constant(f"zero{width}", np.zeros(width)))


def jacobian_rows(tape: Tape, values: Sequence[str]) -> list[str]:
    """The transposed Jacobian (d, width) of every node: d tangents pushed forward together."""
    graph, rows = tape.generator.graph, tape.generator.latent_dim
    tangents: list[str] = []
    for index, node in enumerate(graph.nodes):
        match node:
            case Input():
                tangents.append(tape.repeated(tape.constant("identity", np.eye(rows))))
            case Affine():
                weight, _ = _parameters(tape, node, "G", index)
                tangents.append(tape.affine(tangents[node.source], weight))
            case Sum():
                tangents.append(
                    tape.combine([(c, tangents[s]) for s, c in zip(node.sources, node.coefficients, strict=True)])
                )
            case Product():
                left, right = node.sources
                first, second = tape.product(tangents[left], values[right]), tape.product(tangents[right], values[left])
                tangents.append(tape.combine([(1.0, first), (1.0, second)]))
            case Activation():
                slope = tape.gate(values[node.source], node.name, node.parameters, 1)
                tangents.append(tape.product(tangents[node.source], slope))
    return tangents


def gauss_newton(tape: Tape, source: str, beta: float) -> str:
    """The matrix A = I + J^T J/beta^2 (d, d): no second derivative of G, and no x."""
    rows = jacobian_rows(tape, forward(tape, tape.generator.graph, source))[-1]
    return _curvature(tape, [tape.matrix_product(rows, rows, (False, True))], beta)


def hessian(tape: Tape, source: str, beta: float) -> tuple[str, str]:
    """J^T r (d,), r = G(z) - x, and Hess f = I + [J^T J + sum_i r_i Hess G_i]/beta^2 (d, d), both of S1.

    The Hessian of r . G is the sum over activations and products of their own second derivative, weighted by the
    adjoint, at the tangents of their sources.
    """
    graph = tape.generator.graph
    values = forward(tape, graph, source)
    rows = jacobian_rows(tape, values)
    pulled = adjoints(tape, graph, values, residual(tape, values))
    terms = [tape.matrix_product(rows[-1], rows[-1], (False, True))]
    for index, node in enumerate(graph.nodes):
        adjoint = pulled[index]
        if adjoint is None:
            continue
        match node:
            case Activation() if node.name != "identity":
                bend = tape.gate(values[node.source], node.name, node.parameters, 2)
                weighted = tape.product(rows[node.source], tape.product(adjoint, bend))
                terms.append(tape.matrix_product(weighted, rows[node.source], (False, True)))
            case Product():
                left, right = (rows[item] for item in node.sources)
                weighted = tape.product(left, adjoint)
                terms.append(tape.matrix_product(weighted, right, (False, True)))
                terms.append(tape.matrix_product(right, weighted, (False, True)))
    return _pulled(tape, pulled[0]), _curvature(tape, terms, beta)


def _pulled(tape: Tape, adjoint: str | None) -> str:
    """The adjoint of the input; zero where G is constant."""
    return zero(tape, tape.generator.latent_dim) if adjoint is None else adjoint


def _curvature(tape: Tape, terms: list[str], beta: float) -> str:
    """The matrix I + (sum of terms)/beta^2."""
    total = terms[0] if len(terms) == 1 else tape.combine([(1.0, term) for term in terms])
    identity = tape.repeated(tape.constant("identity", np.eye(tape.generator.latent_dim)))
    return tape.combine([(1.0, identity), (1.0 / beta**2, total)], identities=tape.generator.latent_dim**2)


def _parameters(tape: Tape, node: Affine, prefix: str, index: int) -> tuple[str, str]:
    """Names of the weight and of the bias, which is left out where it is zero."""
    weight = tape.constant(f"{prefix}_weight_{index}", node.weight)
    return weight, tape.constant(f"{prefix}_bias_{index}", node.bias) if node.bias.any() else ""
