"""Noise that is not the same in every coordinate: x = G(z) + beta s * xi becomes x / s = (G / s)(z) + beta xi.

Dividing by s is one more diagonal factor of the last layer; a quotient that is no double is rounded to one, and the
metadata entry `rounded_constants` says so: certificates are about the generator with those doubles. beta then is the
multiple of s, and observations are divided by s where they are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.nodes import Activation, Affine, Graph, Input, Matrix, Node, Product, Sum

KINDS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "scale": lambda values: values,
    "log-scale": np.exp,
    "variance": np.sqrt,
    "log-variance": lambda values: np.asarray(np.exp(0.5 * values)),
}
"""What an output of an ONNX file may hold, and the standard deviations that it means."""

EXPECTED = "FILE.npy or FILE.csv, or KIND:NAME for an output of the ONNX file, KIND one of " + ", ".join(KINDS)


def noise_output(text: str) -> tuple[str, str] | None:
    """(kind, name) of `KIND:NAME`; None where the text is a file. Raises InputError for neither."""
    kind, colon, name = text.partition(":")
    if colon and kind in KINDS and name:
        return kind, name
    if Path(text).suffix not in {".npy", ".csv"}:
        raise InputError(f"`noise` must be {EXPECTED}; got `{text}`")
    return None


def whitened(generator: Generator, deviations: npt.ArrayLike, source: str) -> Generator:
    """The generator G / s for standard deviations s of shape (n,), each > 0; `source` says where they come from.

    Raises InputError, one line, for another shape, or an entry that is not a finite number > 0.
    """
    scale = np.asarray(deviations, dtype=np.float64).reshape(-1)
    n = generator.observed_dim
    if scale.shape != (n,):
        raise InputError(f"noise `{source}`: expected one standard deviation per output ({n}), got {scale.size}")
    if not np.all(np.isfinite(scale) & (scale > 0.0)):
        place = int(np.flatnonzero(~(np.isfinite(scale) & (scale > 0.0)))[0])
        raise InputError(f"noise `{source}`: entries must be finite and > 0; entry {place} is {scale[place]}")
    if generator.likelihood != GAUSSIAN:
        raise InputError(f"noise `{source}`: a {generator.likelihood} likelihood has no noise; leave it out")
    if generator.noise is not None:
        raise InputError(f"noise `{source}`: the generator has been divided by its noise already")
    with np.errstate(all="ignore"):
        graph, exact = _divided(generator.graph, scale)
    # The noise level of the training was not a multiple of s.
    metadata = {key: value for key, value in generator.metadata.items() if key != "trained_beta"}
    metadata["noise"] = f"{source}: {n} standard deviations from {scale.min():.6g} to {scale.max():.6g}"
    if not exact:
        before = metadata.get("rounded_constants")
        metadata["rounded_constants"] = f"{before}, noise" if before else "noise"
    return replace(generator, graph=graph, metadata=metadata, noise=tuple(float(entry) for entry in scale))


def of_quotients(network: Generator, deviations: tuple[float, ...]) -> Generator:
    """A network that takes observations as measured, as a function of their quotients by s: its input times s first."""
    scale = np.asarray(deviations)
    size = scale.size
    diagonal = Affine(
        0, sp.csr_array((scale, np.arange(size), np.arange(size + 1)), shape=(size, size)), np.zeros(size)
    )
    return replace(network, graph=Graph((Input(size), diagonal, *map(moved, network.graph.nodes[1:]))))


def moved(node: Node) -> Node:
    """The node one place later in the list."""
    match node:
        case Affine() | Activation():
            return replace(node, source=node.source + 1)
        case Sum():
            return replace(node, sources=tuple(source + 1 for source in node.sources))
        case Product():
            return replace(node, sources=(node.sources[0] + 1, node.sources[1] + 1))
        case Input():
            return node


def _divided(graph: Graph, scale: FloatArray) -> tuple[Graph, bool]:
    """G / s, and whether every quotient is known to be exact."""
    last = graph.nodes[-1]
    if isinstance(last, Affine):
        node, nodes = last, graph.nodes[:-1]
    else:
        width = graph.observed_dim
        identity = sp.csr_array((np.ones(width), np.arange(width), np.arange(width + 1)), shape=(width, width))
        node, nodes = Affine(len(graph.nodes) - 1, identity, np.zeros(width)), graph.nodes
    weight, entries, divisors = _rows_divided(node.weight, scale)
    bias = node.bias / scale
    if not (np.all(np.isfinite(entries)) and np.all(np.isfinite(bias))):
        raise InputError("the last layer divided by the noise overflows; give standard deviations of another unit")
    before = node.weight.reshape(-1) if isinstance(node.weight, np.ndarray) else node.weight.data
    exact = _are_exact(before, divisors, entries) and _are_exact(node.bias, scale, bias)
    return Graph((*nodes, Affine(node.source, weight, bias))), exact


def _rows_divided(weight: Matrix, scale: FloatArray) -> tuple[Matrix, FloatArray, FloatArray]:
    """The matrix with row i divided by s_i, its stored entries, and what each was divided by."""
    if isinstance(weight, np.ndarray):
        quotient = weight / scale[:, None]
        return quotient, quotient.reshape(-1), np.repeat(scale, weight.shape[1])
    divisors = np.repeat(scale, np.diff(weight.indptr))
    entries = weight.data / divisors
    return sp.csr_array((entries, weight.indices, weight.indptr), shape=weight.shape), entries, divisors


def _are_exact(before: FloatArray, divisors: FloatArray, after: FloatArray) -> bool:
    """Whether no quotient is rounded: every divisor is a power of two and nothing underflowed."""
    return bool(np.all(np.frexp(divisors)[0] == 0.5) and np.array_equal(after * divisors, before))
