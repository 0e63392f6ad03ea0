"""Size of the encoder that unrolls descent and Langevin layers of a generator (S9), counted without building it.

One layer evaluates G forward, one vector-Jacobian product backward (each weight of G once more, no bias), and
adds scaled identities: descent z - h J^T r needs z, J^T r and -x; Langevin needs z, J^T r, -x and the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy.sparse as sp

from certify.generators.graph import Affine, Generator


@dataclass(frozen=True)
class LayerCount:
    """Parameters of one layer: of the forward pass, of the backward pass and of the scaled identities."""

    forward: int
    backward: int
    descent_extra: int
    langevin_extra: int

    @property
    def gradient(self) -> int:
        """Parameters of the G-and-vector-Jacobian graph; at most 2N."""
        return self.forward + self.backward


def layer_count(generator: Generator) -> LayerCount:
    """Count of one layer built from `generator`, weights that G shares counted once.

    Biases are additive and have no part in the backward pass; where weights are shared (a sparse matrix
    lowered from a convolution) they cannot be told apart by counting, and the backward pass is given all N.
    """
    latent, observed = generator.latent_dim, generator.observed_dim
    affine = [node for node in generator.graph.nodes if isinstance(node, Affine)]
    shared = any(sp.issparse(node.weight) for node in affine)
    biases = 0 if shared else sum(node.width for node in affine if node.bias.any())
    backward = max(generator.parameters - biases, 0)
    descent = 2 * latent + observed
    return LayerCount(generator.parameters, backward, descent, descent + latent)


def unrolled_size(generator: Generator, descent_layers: int, langevin_layers: int) -> int:
    """Parameters of the encoder with the weights repeated in every layer (the paper's count)."""
    count = layer_count(generator)
    layers = descent_layers + langevin_layers
    return layers * count.gradient + descent_layers * count.descent_extra + langevin_layers * count.langevin_extra


def shared_size(generator: Generator) -> int:
    """Distinct parameters: those of G, the step sizes of the two kinds of layer, 1/beta^2 and the noise scale."""
    return generator.parameters + 4
