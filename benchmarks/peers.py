"""What others compute for the same constants, in floats: products of norms and LipSDP's matrix inequality.

Written here from the papers and, apart from the cut into blocks, independent of `certify.bounds`, because a
comparison with one's own code says nothing. None of these values is a certificate, and the benchmark says where
one is false.
"""

from __future__ import annotations

import importlib
import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.structure import blocks
from certify.generators.activations.ranges import activation_constants
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Matrix, Product, Sum

LARGEST_INTERIOR_POINT = 100
"""Size of the inequality up to which CLARABEL is asked; SCS above."""

LARGEST = 330
"""Size beyond which the float programs are not attempted: SCS then takes minutes."""


@dataclass(frozen=True)
class PeerValue:
    """A peer's float values of m and M (None: it has none, see `note`) and the seconds for both."""

    peer: str
    m: float | None
    M: float | None
    seconds: float
    note: str = ""


def product_of_norms(generator: Generator) -> PeerValue:
    """Per block the Lipschitz rule |a| + ||W2|| ||W1|| sup|sigma'| and its counterpart for m; products over blocks."""
    started = time.perf_counter()
    least, most = 1.0, 1.0
    for block in blocks(generator.graph):
        low, high = _norm_rule(block.graph)
        least, most = least * low, most * high
    return PeerValue("product of norms", least, most, time.perf_counter() - started)


def _norm_rule(graph: Graph) -> tuple[float, float]:
    """(m, M) of every node relative to the input; at a sum the best summand's m less the others' M."""
    found: list[tuple[float, float]] = []
    for node in graph.nodes:
        match node:
            case Input():
                found.append((1.0, 1.0))
            case Affine():
                values = np.linalg.svd(_dense(node.weight), compute_uv=False)
                low = float(values[-1]) if node.weight.shape[0] >= node.weight.shape[1] else 0.0
                found.append((low * found[node.source][0], float(values[0]) * found[node.source][1]))
            case Activation():
                bottom, top = _slopes(node)
                least = max(bottom, -top, 0.0)
                steepest = max(abs(bottom), abs(top))
                found.append((least * found[node.source][0], steepest * found[node.source][1]))
            case Sum():
                parts = [
                    (abs(c) * found[s][0], abs(c) * found[s][1])
                    for s, c in zip(node.sources, node.coefficients, strict=True)
                ]
                total = sum(high for _, high in parts)
                found.append((max(0.0, max(low + high - total for low, high in parts)), total))
            case Product():
                found.append((0.0, math.inf))
    return found[-1]


def semidefinite(generator: Generator, time_limit: float) -> PeerValue:
    """LipSDP (neuron form) for M and the same inequality for m, by cvxpy with CLARABEL or SCS; values as returned.

    x = (delta, eta_1, ..., eta_k), eta_i the increment of the i-th activation with slopes in [a_i, b_i] of its
    pre-activation's increment p_i x: s E_0 - C^T C + sum T_i sym((e_i - a_i p_i)(e_i - b_i p_i)^T) >= 0.
    """
    started = time.perf_counter()
    sectors = _sectors(generator.graph)
    if sectors is None:
        return PeerValue("LipSDP", None, None, 0.0, "not stated for products")
    size = sectors.output.shape[1]
    if size > LARGEST:
        return PeerValue("LipSDP", None, None, 0.0, f"size {size}: not attempted")
    solver = "CLARABEL" if size <= LARGEST_INTERIOR_POINT else "SCS"
    most, status_most = _solve(sectors, 1.0, solver, time_limit)
    least, status_least = _solve(sectors, -1.0, solver, time_limit)
    note = f"{solver}, size {size}, {status_most}/{status_least}"
    return PeerValue("LipSDP", least, most, time.perf_counter() - started, note)


@dataclass(frozen=True, eq=False)
class _Sectors:
    """Output increment C x and per activation the rows e_i - a_i p_i and e_i - b_i p_i, shapes (n, N), (k, N)."""

    latent_dim: int
    output: FloatArray
    below: FloatArray
    above: FloatArray


def _sectors(graph: Graph) -> _Sectors | None:
    d = graph.latent_dim
    size = d + sum(node.width for node in graph.nodes if isinstance(node, Activation))
    maps: list[FloatArray] = []
    below, above = [np.zeros((0, size))], [np.zeros((0, size))]
    start = d
    for node in graph.nodes:
        match node:
            case Input():
                maps.append(np.eye(d, size))
            case Affine():
                maps.append(_dense(node.weight) @ maps[node.source])
            case Sum():
                terms = [c * maps[s] for s, c in zip(node.sources, node.coefficients, strict=True)]
                maps.append(np.sum(terms, axis=0))
            case Activation():
                own = np.eye(node.width, size, start)
                bottom, top = _slopes(node)
                below.append(own - bottom * maps[node.source])
                above.append(own - top * maps[node.source])
                maps.append(own)
                start += node.width
            case Product():
                return None
    return _Sectors(d, maps[-1], np.concatenate(below), np.concatenate(above))


def _solve(sectors: _Sectors, sign: float, solver: str, time_limit: float) -> tuple[float | None, str]:
    cp: Any = importlib.import_module("cvxpy")
    size, count = sectors.output.shape[1], sectors.below.shape[0]
    corner = np.zeros((size, size))
    corner[: sectors.latent_dim, : sectors.latent_dim] = np.eye(sectors.latent_dim)
    s, weights = cp.Variable(nonneg=True), cp.Variable(count, nonneg=True)
    cross = sectors.below.T @ cp.multiply(weights[:, None], sectors.above)
    inequality = sign * (s * corner - sectors.output.T @ sectors.output) + 0.5 * (cross + cross.T)
    goal = cp.Minimize(s) if sign > 0 else cp.Maximize(s)
    problem = cp.Problem(goal, [inequality >> 0])
    options = {"time_limit": time_limit} if solver == "CLARABEL" else {"time_limit_secs": time_limit}
    with warnings.catch_warnings():
        # Accuracy warnings are what this peer is: the status beside the value says the same.
        warnings.simplefilter("ignore")
        try:
            problem.solve(solver=solver, **options)
        except cp.SolverError:
            return None, "failed"
    if s.value is None or not math.isfinite(float(s.value)):
        return None, str(problem.status)
    return math.sqrt(max(0.0, float(s.value))), str(problem.status)


def _slopes(node: Activation) -> tuple[float, float]:
    constants = activation_constants(node.name, node.parameters)
    return float(constants.slope_infimum), float(constants.slope_supremum)


def _dense(weight: Matrix) -> FloatArray:
    matrix: FloatArray = weight if isinstance(weight, np.ndarray) else weight.toarray()
    return matrix
