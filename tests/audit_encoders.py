"""Encoders for the audit's tests: the exact posterior of an affine generator, Laplace's law, and planted faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from certify.audits.source import EncoderSource
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.gaussian import posterior_law
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior


def exact_parts(generator: Generator, beta: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope (d, n), offset (d,) and Cholesky factor (d, d) of the posterior N(slope x + offset, factor factor^T)."""
    origin = posterior_law(Posterior(generator, np.zeros(generator.observed_dim), beta))
    columns = [
        posterior_law(Posterior(generator, axis, beta)).mean - origin.mean for axis in np.eye(generator.observed_dim)
    ]
    return np.column_stack(columns), origin.mean, np.linalg.cholesky(origin.covariance)


def affine_source(slope: FloatArray, offset: FloatArray, factor: FloatArray) -> EncoderSource:
    """The encoder slope x + offset + factor noise."""
    latent, observed = slope.shape
    return EncoderSource(
        "affine", observed, latent, latent, pairs=lambda x, noise: x @ slope.T + offset + noise @ factor.T
    )


def hidden(source: EncoderSource) -> EncoderSource:
    """The same law, known through draws alone."""
    size = source.noise_size
    assert size is not None
    return EncoderSource(
        f"{source.name} hidden", source.observed_dim, source.latent_dim, None,
        sampler=lambda x, count, random: source.push_one(x, random.standard_normal((count, size))),
    )  # fmt: skip


def laplace_source(generator: Generator, beta: float, scale: float = 1.0, shift: float = 0.0) -> EncoderSource:
    """N(mode + shift standard deviations, scale^2 Hess f(mode)^{-1}), a mode for each x."""
    known: dict[bytes, tuple[FloatArray, FloatArray]] = {}

    def law(observation: FloatArray) -> tuple[FloatArray, FloatArray]:
        key = observation.tobytes()
        if key not in known:
            posterior = Posterior(generator, observation, beta)
            mode = find_mode(posterior)
            covariance = np.linalg.inv(posterior.hessian(mode))
            moved = mode + shift * np.sqrt(np.diag(covariance))
            known[key] = moved, scale * np.linalg.cholesky(covariance).T
        return known[key]

    def pairs(observations: FloatArray, noise: FloatArray) -> FloatArray:
        # Batches of an audit hold one x, or blocks of rows with one x each.
        edges = np.flatnonzero(np.any(observations[1:] != observations[:-1], axis=1)) + 1
        blocks = zip(np.split(observations, edges), np.split(noise, edges), strict=True)
        laws = [(law(rows[0]), part) for rows, part in blocks]
        return np.concatenate([mean + part @ root for (mean, root), part in laws])

    return EncoderSource("laplace", generator.observed_dim, generator.latent_dim, generator.latent_dim, pairs=pairs)


def write_affine_onnx(path: Path, slope: FloatArray, offset: FloatArray, factor: FloatArray) -> Path:
    """The encoder slope x + offset + factor noise as an ONNX file with inputs x and noise, in float64."""
    tensors = {"slope": slope, "offset": offset, "factor": factor}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "slope", "offset"], ["mean"], transB=1),
            helper.make_node("Gemm", ["noise", "factor"], ["spread"], transB=1),
            helper.make_node("Add", ["mean", "spread"], ["z"]),
        ],
        "exact",
        [
            helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["batch", slope.shape[1]]),
            helper.make_tensor_value_info("noise", TensorProto.DOUBLE, ["batch", offset.size]),
        ],
        [helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["batch", offset.size])],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, str(path))
    return path
