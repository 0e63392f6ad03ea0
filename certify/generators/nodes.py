"""The generator graph: an immutable description of a map G: R^d -> R^n that all engines read.

Five node kinds are enough for every network this project meets. Every linear layer (dense, convolution,
average pooling, normalisation at inference, reshape, transpose, concatenation, split, nearest upsampling)
is an `Affine` node with a dense or sparse matrix, a quotient is a product with the activation
`reciprocal`, so each derivative rule, enclosure and kernel is written five times and not fifty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError

Matrix: TypeAlias = FloatArray | sp.csr_array


@dataclass(frozen=True, eq=False)
class Input:
    """The latent vector z in R^width; always node 0."""

    width: int

    @property
    def sources(self) -> tuple[int, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Affine:
    """y = W v + b for the source v; `weight` has shape (width, width of source), dense or CSR."""

    source: int
    weight: Matrix
    bias: FloatArray

    def __post_init__(self) -> None:
        # Repeated entries would be summed in floats by one engine and exactly by another.
        if sp.issparse(self.weight) and not self.weight.has_canonical_format:  # type: ignore[union-attr]
            raise InputError("a sparse weight must have sorted columns without repetition (canonical CSR format)")

    @property
    def width(self) -> int:
        return int(self.weight.shape[0])

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


@dataclass(frozen=True, eq=False)
class Sum:
    """y = sum_i c_i v_i for sources v_i of equal width and exact float coefficients c_i."""

    sources: tuple[int, ...]
    coefficients: tuple[float, ...]
    width: int


@dataclass(frozen=True, eq=False)
class Product:
    """y = u * v entrywise, for two sources of equal width."""

    sources: tuple[int, int]
    width: int


@dataclass(frozen=True, eq=False)
class Activation:
    """y = sigma(v) entrywise; `name` is a key of `certify.generators.activations.ACTIVATIONS`.

    `parameters` are the activation's parameters in the order the table declares (empty for most).
    """

    source: int
    name: str
    width: int
    parameters: tuple[float, ...] = ()

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.source,)


Node: TypeAlias = Input | Affine | Sum | Product | Activation


@dataclass(frozen=True, eq=False)
class Graph:
    """A feed-forward computation: `nodes` in topological order, node 0 the input, the last node the output.

    Every `source` is an index smaller than the node's own. Weights are float64 and are taken as the exact
    numbers they are (float32 weights widen without error).
    """

    nodes: tuple[Node, ...]

    @property
    def latent_dim(self) -> int:
        """d, the width of the input."""
        return self.nodes[0].width

    @property
    def observed_dim(self) -> int:
        """n, the width of the output."""
        return self.nodes[-1].width

    @property
    def neurons(self) -> int:
        """How many outputs all activations have together."""
        return sum(node.width for node in self.nodes if isinstance(node, Activation))
