"""Affine maps: G(z) = A z + b has m = sigma_min(A), M = ||A|| and M2 = M3 = 0, on every region with interior.

A is composed exactly (integers times a power of two) and its extreme singular values are enclosed in balls, so both
ends of all four constants are known at once; where nothing but m = 0 can be true, the exact rank says so. Graphs with
too many weights for exact arithmetic take the float enclosure of A instead. The other ends are singular vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.ball_matrices import sigma_min_bounds, spectral_norm_bounds
from certify.arithmetic.balls import lower, upper
from certify.arithmetic.exact_matrices import ExactMatrix, exact
from certify.arithmetic.intervals import MatrixBall
from certify.arithmetic.matrices import sigma_min_lower, sigma_min_upper, spectral_norm_lower, spectral_norm_upper
from certify.bounds.bracket import Reason, Witness
from certify.bounds.enclosure import linear_parts
from certify.bounds.method import BoundMethod, ConstantName, Problem, Proposal
from certify.bounds.ranges import dense
from certify.bounds.recomputation import derivative_size
from certify.bounds.structure import live_graph
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum

NAME = "affine map"

MOST_ENTRIES = 400_000
"""Weights beyond which A is not composed exactly (about a second)."""

EXACT_UNITS = 2e-4
"""Units of work of one product of two integers."""

AGREEMENT = 1e-9
"""A witness replaces an enclosure's end that it reaches to this relative accuracy: it can be recomputed by anybody."""

AFFINE = Reason("G is affine, so its constants are the singular values of its matrix", "no search can add to that")


def is_affine(graph: Graph) -> bool:
    """Whether no node that reaches the output bends: only affine maps, sums and identities. Exact."""
    return not any(
        isinstance(node, Product) or (isinstance(node, Activation) and not is_identity(node))
        for node in live_graph(graph)[0].nodes
    )


def is_identity(node: Activation) -> bool:
    """The identity, or leaky ReLU with slope 1. Exact."""
    resolved = activation(node.name).resolve(node.parameters)
    return node.name == "identity" or (node.name == "leaky_relu" and resolved[0] == 1.0)


def exact_linear_map(graph: Graph) -> ExactMatrix | None:
    """The matrix A of an affine graph; None where it has too many weights. Exact."""
    live, _ = live_graph(graph)
    if _entries(live) > MOST_ENTRIES:
        return None
    found: list[ExactMatrix] = []
    for node in live.nodes:
        match node:
            case Input():
                found.append(exact(np.eye(node.width)))
            case Affine():
                found.append(exact(dense(node.weight)) @ found[node.source])
            case Sum():
                terms = [found[k].times(c) for k, c in zip(node.sources, node.coefficients, strict=True)]
                found.append(sum(terms[1:], terms[0]))
            case Activation():
                found.append(found[node.source])
            case Product():
                raise AssertionError("an affine graph has no products")
    return found[-1]


def _entries(graph: Graph) -> int:
    return sum(node.weight.shape[0] * node.weight.shape[1] for node in graph.nodes if isinstance(node, Affine))


def singular_value_ends(graph: Graph) -> tuple[tuple[float, float], tuple[float, float], int]:
    """Enclosures of sigma_min(A) and ||A|| of an affine graph, and an upper bound of the rank, rounded outward."""
    matrix = exact_linear_map(graph)
    if matrix is None:
        enclosed = _enclosed_map(graph)
        least = sigma_min_lower(enclosed), sigma_min_upper(enclosed)
        return least, (spectral_norm_lower(enclosed), spectral_norm_upper(enclosed)), min(enclosed.shape)
    # The rank first: it is cheap, and at a singular matrix balls would try every precision in vain.
    balls, rank = matrix.balls, matrix.rank()
    smallest = (0.0, 0.0) if rank < graph.latent_dim else sigma_min_bounds(balls)
    return smallest, spectral_norm_bounds(balls), rank


def _propose(problem: Problem) -> Iterator[Proposal]:
    graph = problem.generator.graph
    if not is_affine(graph):
        return
    curvatures: tuple[ConstantName, ...] = ("M2", "M3")
    for constant in curvatures:
        yield Proposal(constant, "lower", 0.0, NAME, reason=AFFINE)
        yield Proposal(constant, "upper", 0.0, NAME, reason=AFFINE)
    problem.work.charge(EXACT_UNITS * graph.latent_dim * min(MOST_ENTRIES, _entries(graph)))
    (smallest, least), (largest, most), rank = singular_value_ends(graph)
    first, last = _singular_vectors(problem)
    yield Proposal("M", "upper", most, NAME, reason=AFFINE)
    yield from _other_end(problem, Proposal("M", "lower", largest, NAME, reason=AFFINE), first)
    reason = AFFINE if least > 0.0 else _kernel(rank, graph.latent_dim)
    yield Proposal("m", "lower", smallest, NAME, reason=reason)
    yield from _other_end(problem, Proposal("m", "upper", least, NAME, reason=reason), last)


def _kernel(rank: int, latent_dim: int) -> Reason:
    text = f"G is affine of rank {rank}, so it is constant along a direction of its {latent_dim} latents"
    return Reason(text, f"use at most {rank} latents, or weights of full column rank" if rank else "G is constant")


def _singular_vectors(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Right singular vectors of the largest and of the smallest singular value. Estimate."""
    middle = _enclosed_map(problem.generator.graph).midpoint
    tall = middle.shape[0] >= middle.shape[1]
    try:
        scaled = middle / max(float(np.abs(middle).max()), np.finfo(np.float64).tiny)
        right = np.linalg.svd(scaled, full_matrices=not tall)[2]
    except np.linalg.LinAlgError:
        right = np.eye(problem.generator.latent_dim)
    return right[0], right[-1]


def _enclosed_map(graph: Graph) -> MatrixBall:
    """The float enclosure of A; an identity is a sum of one term."""
    nodes = tuple(
        Sum((node.source,), (1.0,), node.width) if isinstance(node, Activation) else node
        for node in live_graph(graph)[0].nodes
    )
    matrix = linear_parts(Graph(nodes)).matrices[-1]
    assert matrix is not None, "an affine graph is linear from its input on"
    return matrix


def _other_end(problem: Problem, enclosed: Proposal, vector: FloatArray) -> Iterator[Proposal]:
    """The end that a singular vector witnesses where it is as good, the enclosure's own otherwise."""
    d, region = problem.generator.latent_dim, problem.region
    point = (0.0,) * d if region.centre is None else region.centre
    direction = tuple(float(entry) for entry in vector)
    size = derivative_size(problem.generator.graph, point, direction, 1)
    end = lower(size) if enclosed.end == "lower" else upper(size)
    known = enclosed.value
    if known is not None and math.isfinite(end) and abs(end - known) <= AGREEMENT * abs(known):
        yield Proposal(enclosed.constant, enclosed.end, None, NAME, Witness((point,), (direction,)), enclosed.reason)
    else:
        yield enclosed


METHOD = BoundMethod(
    NAME, "the singular values of the composed matrix, for graphs without a bend", 0.0, _propose, reads_graph=True
)
