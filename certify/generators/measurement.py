"""Observations that are linear in the data: x' = A x + beta xi with a known A (n', n): a mask, a blur, projections.

The posterior of z given x' is that of the decoder A G, a generator of its own: one more linear layer, folded into the
last one where that is linear. A product that is no double is rounded to one, and the metadata entry
`rounded_constants` says so: certificates are about the generator with those doubles. A mask is never rounded.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import BERNOULLI, Generator
from certify.generators.nodes import Affine, Graph, Matrix

SPARSE_BELOW = 0.25
"""Share of entries other than 0 up to which a matrix is kept sparse."""


def measured(generator: Generator, matrix: npt.ArrayLike, source: str) -> Generator:
    """The generator A G for a matrix A of shape (n', n); `source` says where it comes from.

    The noise of the training is kept where A takes coordinates, each once (`selects`): then A x has the noise of x.

    Raises InputError, one line, for another shape, an entry that is not finite, A = 0, an overflow, noise that the
    outputs have been divided by before, or bits of which A takes anything but some.
    """
    a = np.asarray(matrix, dtype=np.float64)
    n = generator.observed_dim
    if a.ndim != 2 or a.shape[1] != n or not len(a):
        raise InputError(f"measurement `{source}`: expected shape (n', {n}), a column per output; got {a.shape}")
    if not np.isfinite(a).all():
        row = int(np.flatnonzero(~np.isfinite(a).all(axis=1))[0])
        raise InputError(f"measurement `{source}`: entries must be finite; row {row} has a NaN or infinity")
    if not a.any():
        raise InputError(f"measurement `{source}`: every entry is 0, so nothing is measured")
    if generator.noise is not None:
        raise InputError(f"measurement `{source}`: the generator has been divided by its noise already; measure first")
    if generator.likelihood == BERNOULLI and not (selects(a) and (a >= 0).all()):
        raise InputError(f"measurement `{source}`: bits can only be taken or left: rows 0, .., 1, .., 0")
    with np.errstate(all="ignore"):
        graph, exact = _composed(generator.graph, a)
    metadata = dict(generator.metadata)
    if not selects(a):
        metadata.pop("trained_beta", None)
    metadata["measurement"] = f"{source}: {a.shape[0]} of {n} linear in the outputs"
    if not exact:
        before = metadata.get("rounded_constants")
        metadata["rounded_constants"] = f"{before}, measurement" if before else "measurement"
    return replace(generator, graph=graph, metadata=metadata)


def selects(matrix: FloatArray) -> bool:
    """Whether A takes some coordinates, each once and up to its sign: then A A^T = I, exactly. Exact."""
    places = matrix != 0
    ones = bool((np.abs(matrix[places]) == 1).all())
    return ones and bool((places.sum(axis=1) == 1).all() and (places.sum(axis=0) <= 1).all())


def _composed(graph: Graph, a: FloatArray) -> tuple[Graph, bool]:
    """A G, and whether every entry of the composed layer is known to be exact."""
    last = graph.nodes[-1]
    is_sparse = np.count_nonzero(a) <= SPARSE_BELOW * a.size
    if not isinstance(last, Affine):
        weight: Matrix = sp.csr_array(a) if is_sparse else a
        return Graph((*graph.nodes, Affine(len(graph.nodes) - 1, weight, np.zeros(len(a))))), True
    product = sp.csr_array(a) @ last.weight if is_sparse or sp.issparse(last.weight) else a @ last.weight
    if sp.issparse(product):
        product = sp.csr_array(product)
        product.sum_duplicates()
    bias = a @ last.bias
    entries = product.data if sp.issparse(product) else product
    if not (np.isfinite(entries).all() and np.isfinite(bias).all()):
        raise InputError("the last layer times the measurement overflows; give it in another unit")
    return Graph((*graph.nodes[:-1], Affine(last.source, product, bias))), _is_exact(a)


def _is_exact(a: FloatArray) -> bool:
    """Whether A only takes, drops and turns signs: no sum and no product is rounded."""
    places = a != 0
    return bool((np.abs(a[places]) == 1).all() and (places.sum(axis=1) <= 1).all())
