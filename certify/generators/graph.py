"""The generator: a graph with a name, a number of parameters and a digest, and its derivatives in floats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray as FloatArray
from certify.generators import derivatives
from certify.generators.activations import activation
from certify.generators.comparison_record import RuntimeComparison
from certify.generators.nodes import Activation as Activation
from certify.generators.nodes import Affine as Affine
from certify.generators.nodes import Graph as Graph
from certify.generators.nodes import Input as Input
from certify.generators.nodes import Matrix as Matrix
from certify.generators.nodes import Node as Node
from certify.generators.nodes import Product as Product
from certify.generators.nodes import Sum as Sum

GAUSSIAN, BERNOULLI = "gaussian", "bernoulli"
"""Laws of x given z: N(G(z), beta^2 I), or independent bits with logits G(z) (outside A0)."""

READING = ("output", "measurement", "noise", "rounded_constants", "read_as")
"""Metadata that says how a file was read."""

ROW_BLOCK_ENTRIES = 2**20
"""Entries of a sparse matrix that are made dense at a time for the digest."""
LARGEST_DENSE = 2**30
"""Entries of all matrices, zeros included, beyond which the digest is over those that are not zero: seconds of work."""


@dataclass(frozen=True, eq=False)
class Generator:
    """A named generator G with the number N of parameters its author would count (shared weights once).

    `comparison` is what a second engine said of the file it came from; None where it came from no file. `noise` are
    the standard deviations s that G has been divided by, None where it has not. `likelihood` is what G's outputs mean:
    means under Gaussian noise, or logits of Bernoulli variables.
    """

    name: str
    graph: Graph
    parameters: int
    metadata: dict[str, str] = field(default_factory=dict)
    comparison: RuntimeComparison | None = None
    noise: tuple[float, ...] | None = None
    likelihood: str = GAUSSIAN

    @property
    def latent_dim(self) -> int:
        """The latent dimension d."""
        return self.graph.latent_dim

    @property
    def observed_dim(self) -> int:
        """The observed dimension n."""
        return self.graph.observed_dim

    def whitened(self, observations: FloatArray) -> FloatArray:
        """Observations x of shape (..., n) as this generator has them: divided by the noise, where it has been."""
        if self.noise is None:
            return observations
        with np.errstate(over="ignore"):
            return np.asarray(observations / np.asarray(self.noise))

    def raw(self, observations: FloatArray) -> FloatArray:
        """What `whitened` was given, up to rounding: the observations that an encoder of the user's takes."""
        return observations if self.noise is None else np.asarray(observations * np.asarray(self.noise))

    def description(self) -> dict[str, Any]:
        """What a report says of it: name, sizes and digest."""
        return {
            "name": self.name,
            "latent_dim": self.latent_dim,
            "observed_dim": self.observed_dim,
            "parameters": self.parameters,
            "likelihood": self.likelihood,
            "sha256": self.sha256,
        }

    def origin(self) -> dict[str, Any]:
        """The generator's part of a provenance: name, digest, how its file was read and what a second engine said."""
        read = {key: self.metadata[key] for key in READING if key in self.metadata}
        comparison = None if self.comparison is None else self.comparison.to_dict()
        return {"name": self.name, "sha256": self.sha256, **read, "comparison": comparison}

    def value(self, z: npt.ArrayLike) -> FloatArray:
        """G(z) for z of shape (batch, d) or (d,); shape (batch, n) or (n,). Estimate."""
        return derivatives.value(self.graph, z)

    def jacobian(self, z: npt.ArrayLike) -> FloatArray:
        """J(z), shape (batch, n, d) or (n, d). Estimate."""
        return derivatives.jacobian(self.graph, z)

    def vector_jacobian_product(self, z: npt.ArrayLike, r: npt.ArrayLike) -> FloatArray:
        """J(z)^T r for r of shape (batch, n) or (n,). Estimate."""
        return derivatives.vector_jacobian_product(self.graph, z, r)

    def hessian_contraction(self, z: npt.ArrayLike, r: npt.ArrayLike) -> FloatArray:
        """sum_i r_i Hess G_i(z), shape (batch, d, d) or (d, d). Estimate."""
        return derivatives.hessian_contraction(self.graph, z, r)

    def second_derivative(self, z: npt.ArrayLike, u: npt.ArrayLike, v: npt.ArrayLike) -> FloatArray:
        """D^2G(z)[u, v], shape (batch, n) or (n,). Estimate."""
        return derivatives.second_derivative(self.graph, z, u, v)

    def third_derivative(self, z: npt.ArrayLike, u: npt.ArrayLike, v: npt.ArrayLike, w: npt.ArrayLike) -> FloatArray:
        """D^3G(z)[u, v, w], shape (batch, n) or (n,). Estimate."""
        return derivatives.third_derivative(self.graph, z, u, v, w)

    @cached_property
    def sha256(self) -> str:
        """Digest of the graph (structure, weights, activations), independent of the file it came from."""
        affine = [node.weight.shape for node in self.graph.nodes if isinstance(node, Affine)]
        large = sum(rows * columns for rows, columns in affine) > LARGEST_DENSE
        digest = hashlib.sha256(b"entries" if large else b"")
        for node in self.graph.nodes:
            digest.update(f"{type(node).__name__}:{node.width}:{node.sources}".encode())
            match node:
                case Affine():
                    for part in _entries(node.weight) if large else _dense_rows(node.weight):
                        digest.update(part.tobytes())
                    digest.update(np.ascontiguousarray(node.bias + 0.0, dtype="<f8").tobytes())
                case Sum():
                    digest.update(repr(node.coefficients).encode())
                case Activation():
                    # A default that is left out and one that is spelt are the same map.
                    digest.update(f"{node.name}:{activation(node.name).resolve(node.parameters)}".encode())
        return digest.hexdigest()


def _dense_rows(weight: Matrix) -> Iterator[npt.NDArray[Any]]:
    """Row blocks, which hash to the same digest as the whole dense matrix, without ever holding it."""
    step = max(1, ROW_BLOCK_ENTRIES // max(1, weight.shape[1]))
    for start in range(0, weight.shape[0], step):
        rows = weight[start : start + step]
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        # Adding zero turns -0.0 into 0.0, which is the same map.
        yield np.ascontiguousarray(dense + 0.0, dtype="<f8")


def _entries(weight: Matrix) -> Iterator[npt.NDArray[Any]]:
    """How many entries are not zero, their rows, columns and values, row by row: the same for dense and sparse."""
    if isinstance(weight, np.ndarray):
        rows, columns = np.nonzero(weight)
        values = weight[rows, columns]
    else:
        kept = weight.data != 0
        rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))[kept]
        columns, values = weight.indices[kept], weight.data[kept]
    yield np.array([len(rows)], dtype="<i8")
    yield rows.astype("<i8")
    yield columns.astype("<i8")
    yield values.astype("<f8")
