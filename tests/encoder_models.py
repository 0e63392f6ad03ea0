"""ONNX encoders read back for the tests: run, and counted operator by operator, independently of the program."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.program import EncoderProgram
from certify.encoders.runtime import RuntimeEncoder, load_encoder
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.posterior import Posterior


def written(program: EncoderProgram, folder: Path, **options: bool) -> RuntimeEncoder:
    """The program exported to a file and loaded from it."""
    path = folder / "encoder.onnx"
    path.write_bytes(onnx_encoder(program, ExportOptions(**options)).SerializeToString())
    return load_encoder(path, threads=1)


def descent(generator: Generator, observation: FloatArray, step: float, layers: int) -> FloatArray:
    """S6 by a plain loop over the float derivatives."""
    point = np.zeros(generator.latent_dim)
    for _ in range(layers):
        point = point - step * generator.vector_jacobian_product(point, generator.value(point) - observation)
    return point


def langevin(
    posterior: Posterior, start: FloatArray, eta: float, noise: FloatArray, radius: float = math.inf
) -> FloatArray:
    """The chain of S7 from `start` with the normals `noise` (K, d), by a plain loop."""
    point = start
    for xi in noise:
        offset = point - start
        length = float(np.linalg.norm(offset))
        if length > radius:
            point = start + radius / length * offset
        point = point - eta * posterior.gradient(point) + math.sqrt(2 * eta) * xi
    return point


def gaussian(
    posterior: Posterior, start: FloatArray, corrections: int, noise: FloatArray, symmetric: bool = False
) -> FloatArray:
    """Newton steps from `start`, then one draw with the inverse of the Hessian, by Cholesky or its symmetric root."""
    point = start
    for _ in range(corrections):
        point = point - np.linalg.solve(posterior.hessian(point), posterior.gradient(point))
    hessian = posterior.hessian(point)
    if not symmetric:
        return point + np.linalg.solve(np.linalg.cholesky(hessian).T, noise[0])
    values, vectors = np.linalg.eigh(hessian)
    return np.asarray(point + vectors @ ((vectors.T @ noise[0]) / np.sqrt(values)))


def sharp(
    posterior: Posterior, start: FloatArray, times: FloatArray, radius: float, noise: FloatArray, gaussian_start: bool
) -> FloatArray:
    """Three preconditioned steps from `start` to the centre, then the projected exponential layers around it."""
    centre, width = start, start.size

    def precision_at(point: FloatArray) -> FloatArray:
        scaled = posterior.generator.jacobian(point) / posterior.beta
        return np.eye(width) + scaled.T @ scaled

    first = precision_at(centre)
    for _ in range(3):
        centre = centre - np.linalg.solve(first, posterior.gradient(centre))
    factor = np.linalg.inv(np.linalg.cholesky(precision_at(centre))).T
    y, rest = (noise[0], noise[1:]) if gaussian_start else (np.zeros(width), noise)
    for eta, xi in zip(times, rest, strict=True):
        y = y * min(1.0, radius / max(float(np.linalg.norm(y)), 1e-300))
        s = -np.expm1(-eta)
        y = y - s * factor.T @ posterior.gradient(centre + factor @ y) + np.sqrt(2 * s - s * s) * xi
    return centre + factor @ y


def relative(found: FloatArray, expected: FloatArray) -> float:
    """Largest difference over the largest entry."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


@dataclass
class OperatorCount:
    """What one walk over a file's operators finds, bodies of loops as often as they run."""

    weights: int = 0
    operators: Counter[str] = field(default_factory=Counter)


def count_operators(model: onnx.ModelProto) -> OperatorCount:
    """Weights read by Gemm and MatMul, and operators by kind."""
    sizes = {item.name: math.prod(item.dims) for item in model.graph.initializer}
    values = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
    found = OperatorCount()

    def walk(graph: onnx.GraphProto, times: int) -> None:
        for node in graph.node:
            found.operators[node.op_type] += times
            if node.op_type == "Loop":
                walk(node.attribute[0].g, times * int(values[node.input[0]]))
            elif node.op_type == "Gemm":
                found.weights += times * sum(sizes[name] for name in node.input if name in sizes)

    walk(model.graph, 1)
    return found
