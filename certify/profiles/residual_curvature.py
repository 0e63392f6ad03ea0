"""How strongly one residual vector bends: sup over all z of ||sum_i r_i Hess G_i(z)|| for r near a computed r(c).

The global bound M2 |r| holds for the worst direction of r. A residual of n >> d outputs is mostly noise, in which no
direction is aligned with the curvature of G; its own bound stands for M2 |r(c)| wherever Lemma A is used at c.

With r fixed, sum_i r_i Hess G_i(z) = sum over neurons a_k sigma''(p_k) t_k^T t_k: adjoints and pre-activations enclosed
over all of R^d, the unknown slopes in t_k by the matrix inequality of `certify.profiles.inequality`. Rounded outward.
"""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.intervals import FloatArray, exact_matrix
from certify.bounds.bracket import Region
from certify.bounds.ranges import Interval, NodeRanges, add, affine_image, dense, node_ranges, product, scaled
from certify.bounds.structure import increment_form
from certify.generators.activations import range_enclosure
from certify.generators.graph import Activation, Affine, Graph, Product, Sum
from certify.profiles.inequality import HessianForm, eigenvalue_bound, hessian_form


def residual_curvature_upper(graph: Graph, lower: FloatArray, upper: FloatArray) -> float:
    """Upper bound of ||sum_i r_i Hess G_i(z)|| over all z in R^d and all r with lower <= r <= upper (n,).

    Infinite where nothing is proved (a product of unbounded factors, a kink). Upper bound, rounded outward.
    """
    form = residual_form(graph, lower, upper)
    if form is None:
        return math.inf
    return max(0.0, eigenvalue_bound(form, "upper").value, -eigenvalue_bound(form, "lower").value)


def residual_form(graph: Graph, lower: FloatArray, upper: FloatArray) -> HessianForm | None:
    """The quadratic form sum_i r_i Hess G_i(z) over all z and lower <= r <= upper (n,); None at a kink.

    Enclosure, rounded outward.
    """
    ranges = node_ranges(graph, Region())
    increments = increment_form(graph, ranges, centred=True)
    if not all(np.isfinite(span).all() for span in increments.spans):
        return None
    coefficients = _coefficients(graph, ranges, (lower[None], upper[None]))
    form = hessian_form(graph, increments, coefficients, 0, np.eye(graph.latent_dim), 1.0)
    zero = exact_matrix(np.zeros(form.metric.shape))
    return HessianForm(form.latent_dim, zero, form.curvature, form.rows, form.spans, form.groups)


def _coefficients(graph: Graph, ranges: NodeRanges, residual: Interval) -> dict[int, Interval]:
    """Per activation the range of adjoint times sigma'', per product that of the adjoint, over all of R^d."""
    adjoints: list[Interval | None] = [None] * len(graph.nodes)
    adjoints[-1] = residual
    found: dict[int, Interval] = {}

    def pass_on(source: int, term: Interval) -> None:
        present = adjoints[source]
        adjoints[source] = term if present is None else add(present, term)

    for index in range(len(graph.nodes) - 1, 0, -1):
        node, adjoint = graph.nodes[index], adjoints[index]
        if adjoint is None:
            continue
        match node:
            case Affine():
                transposed = Affine(0, np.ascontiguousarray(dense(node.weight).T), np.zeros(node.weight.shape[1]))
                pass_on(node.source, affine_image(transposed, adjoint))
            case Sum():
                for source, coefficient in zip(node.sources, node.coefficients, strict=True):
                    pass_on(source, scaled(adjoint, coefficient))
            case Product():
                found[index] = adjoint
                first, second = node.sources
                pass_on(first, product(adjoint, ranges.values[second]))
                pass_on(second, product(adjoint, ranges.values[first]))
            case Activation():
                bend = range_enclosure(node.name, node.parameters, 2, *ranges.values[node.source])
                found[index] = product(adjoint, bend)
                pass_on(node.source, product(adjoint, ranges.slopes(index)))
    return found
