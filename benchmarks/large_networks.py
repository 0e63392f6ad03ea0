"""Decoders of the sizes people train: multilayer perceptrons and transposed convolutions with random weights.

Built here as the reader of ONNX files builds them: dense weights for linear layers, sparse ones for convolutions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.generators.families.conv import build as residual_images
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node

KERNEL, STRIDE, PADDING = 4, 2, 1
"""Of every transposed convolution: it doubles the side of an image."""


@dataclass(frozen=True)
class ConvolutionalDecoder:
    """Linear layer to `channels[0]` images of side x side pixels, then one transposed convolution per further entry."""

    latents: int
    side: int
    channels: tuple[int, ...]
    activation: str

    def generator(self, seed: int = 0) -> Generator:
        """The network with weights of He's scale; no activation after the last layer."""
        random = np.random.default_rng(seed)
        side, width = self.side, self.channels[0] * self.side**2
        weight = random.standard_normal((width, self.latents)) / np.sqrt(self.latents)
        nodes: list[Node] = [Input(self.latents), Affine(0, weight, 0.1 * random.standard_normal(width))]
        parameters = weight.size + width
        for before, after in zip(self.channels, self.channels[1:], strict=False):
            nodes.append(Activation(len(nodes) - 1, self.activation, before * side**2))
            scale = np.sqrt(STRIDE**2 / (before * KERNEL**2))
            kernel = scale * random.standard_normal((before, after, KERNEL, KERNEL))
            bias = 0.1 * random.standard_normal(after)
            matrix, side = transposed_convolution(kernel, side), STRIDE * side
            nodes.append(Affine(len(nodes) - 1, matrix, np.repeat(bias, side**2)))
            parameters += kernel.size + after
        name = f"conv:{self.latents}-{self.channels[-1]}x{side}x{side},{self.activation}"
        return Generator(name, Graph(tuple(nodes)), parameters)


def perceptron(widths: tuple[int, ...], activation: str, seed: int = 0) -> Generator:
    """A multilayer perceptron with weights of He's scale; no activation after the last layer."""
    random = np.random.default_rng(seed)
    nodes: list[Node] = [Input(widths[0])]
    parameters = 0
    for layer, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        if layer:
            nodes.append(Activation(len(nodes) - 1, activation, before))
        weight = random.standard_normal((after, before)) / np.sqrt(before)
        nodes.append(Affine(len(nodes) - 1, weight, 0.1 * random.standard_normal(after)))
        parameters += weight.size + after
    return Generator(f"mlp:{'-'.join(map(str, widths))},{activation}", Graph(tuple(nodes)), parameters)


def residual_decoder(side: int, channels: int, depth: int, lipschitz: float, seed: int = 0) -> Generator:
    """The invertible family `conv` on images of side x side pixels, d = n = side^2."""
    values = {"side": side, "channels": channels, "depth": depth, "lipschitz": lipschitz, "seed": seed}
    graph, parameters = residual_images({**values, "activation": "tanh"})
    return Generator(f"conv:side={side},channels={channels},depth={depth}", graph, parameters)


def transposed_convolution(kernel: FloatArray, side: int) -> sp.csr_array:
    """The matrix of a transposed convolution with `kernel` (in, out, k, k) that doubles the side of its images.

    Images are vectors in the order (channel, row, column); shape (out (2 side)^2, in side^2).
    """
    wide = STRIDE * side
    total = sp.csr_array((kernel.shape[1] * wide**2, kernel.shape[0] * side**2))
    for row in range(KERNEL):
        for column in range(KERNEL):
            shift = sp.kron(_spread(side, row), _spread(side, column), format="csr")
            total = total + sp.kron(sp.csr_array(kernel[:, :, row, column].T), shift, format="csr")
    matrix = sp.csr_array(total)
    matrix.sum_duplicates()
    return matrix


def _spread(side: int, tap: int) -> sp.csr_array:
    """Pixel i of a line of `side` goes to pixel 2 i + tap - padding of one twice as long."""
    targets = STRIDE * np.arange(side) + tap - PADDING
    kept = (targets >= 0) & (targets < STRIDE * side)
    stored = (np.ones(int(kept.sum())), (targets[kept], np.flatnonzero(kept)))
    return sp.csr_array(sp.coo_array(stored, shape=(STRIDE * side, side)))


def small_images(activation: str = "softplus") -> Generator:
    """16 latents to 1 x 28 x 28 pixels, N = 15,513."""
    return ConvolutionalDecoder(16, 7, (16, 8, 1), activation).generator()


def colour_images(activation: str = "softplus") -> Generator:
    """32 latents to 3 x 32 x 32 pixels."""
    return ConvolutionalDecoder(32, 4, (64, 32, 16, 3), activation).generator()


def million(activation: str = "softplus") -> Generator:
    """128 latents to 3 x 32 x 32 pixels, N about a million."""
    return ConvolutionalDecoder(128, 4, (256, 96, 48, 3), activation).generator()
