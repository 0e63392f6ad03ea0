"""Convolutional generators on small images: convolution, average pooling and upsampling on a residual path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.family import Family, FamilyParameter, require_size
from certify.generators.family_activations import SMOOTH_ACTIVATIONS, slope_bound
from certify.generators.nodes import Activation, Affine, Graph, Input, Node, Sum
from certify.generators.random_matrices import norm_above

KERNEL = 3
DENSE_BELOW = 64
"""Below this size a singular value is found from the dense matrix."""


def build(parameters: Mapping[str, Any]) -> tuple[Graph, int]:
    """`depth` blocks x + C3 up(sigma(C2 pool(sigma(C1 x + b1)) + b2)) on one-channel images of side x side pixels.

    C1, C2, C3 are zero-padded 3 x 3 convolutions, pool averages 2 x 2 pixels (norm 1/2), up repeats them
    (norm 2). Invertible: ||C1|| ||C2|| ||C3|| sup|sigma'|^2 <= lipschitz < 1 makes each block I + contraction,
    although pooling forgets three of four dimensions. N counts a shared kernel once.
    """
    side, channels, depth = parameters["side"], parameters["channels"], parameters["depth"]
    if side % 2:
        raise InputError(f"family `conv`: `side` must be even, got `{side}`")
    half = side // 2
    require_size("conv", depth * KERNEL**2 * (2 * channels * side**2 + channels**2 * half**2))
    norm = (parameters["lipschitz"] / slope_bound(parameters["activation"]) ** 2) ** (1.0 / 3.0)
    random = np.random.default_rng(parameters["seed"])
    pool = pooling(side, channels)
    nodes: list[Node] = [Input(side**2)]
    for _ in range(depth):
        block = len(nodes) - 1
        expand = _scaled(convolution(random.standard_normal((channels, 1, KERNEL, KERNEL)), side), norm)
        mix = _scaled(convolution(random.standard_normal((channels, channels, KERNEL, KERNEL)), half), norm)
        contract = _scaled(convolution(random.standard_normal((1, channels, KERNEL, KERNEL)), side), norm)
        fine, coarse = 0.5 * random.standard_normal((2, channels))
        nodes.append(Affine(block, expand, np.repeat(fine, side**2)))
        nodes.append(Activation(block + 1, parameters["activation"], channels * side**2))
        nodes.append(Affine(block + 2, pool, np.zeros(channels * half**2)))
        nodes.append(Affine(block + 3, mix, np.repeat(coarse, half**2)))
        nodes.append(Activation(block + 4, parameters["activation"], channels * half**2))
        nodes.append(Affine(block + 5, sp.csr_array(4.0 * pool.T), np.zeros(channels * side**2)))
        nodes.append(Affine(block + 6, contract, np.zeros(side**2)))
        nodes.append(Sum((block, block + 7), (1.0, 1.0), side**2))
    return Graph(tuple(nodes)), depth * (KERNEL**2 * (2 * channels + channels**2) + 2 * channels)


def convolution(kernel: FloatArray, side: int) -> sp.csr_array:
    """The matrix of a zero-padded convolution with `kernel` (out, in, 3, 3) on images of side x side pixels.

    Images are vectors in the order (channel, row, column); shape (out side^2, in side^2).
    """
    reach = KERNEL // 2
    # Over target pixel (y, x) and place (v, h) in the kernel, where the source pixel is inside the image.
    y, x, v, h = np.indices((side, side, KERNEL, KERNEL), dtype=np.int32).reshape(4, -1)
    inside = (y + v >= reach) & (y + v < side + reach) & (x + h >= reach) & (x + h < side + reach)
    y, x, v, h = y[inside], x[inside], v[inside], h[inside]
    targets, sources = y * side + x, (y + v - reach) * side + x + h - reach
    outputs, inputs = (np.arange(count, dtype=np.int32)[:, None] * side**2 for count in kernel.shape[:2])
    shape = (*kernel.shape[:2], len(y))
    rows, columns = np.broadcast_to((outputs + targets)[:, None], shape), np.broadcast_to(inputs + sources, shape)
    entries = kernel[:, :, v, h].ravel(), (rows.ravel(), columns.ravel())
    matrix = sp.csr_array(entries, (kernel.shape[0] * side**2, kernel.shape[1] * side**2))
    matrix.eliminate_zeros()
    return matrix


def pooling(side: int, channels: int) -> sp.csr_array:
    """The matrix that averages 2 x 2 pixels, (channels (side/2)^2, channels side^2); 4 times its transpose repeats."""
    halve = sp.kron(sp.eye_array(side // 2), np.full((1, 2), 0.5), format="csr")
    return sp.csr_array(sp.kron(sp.eye_array(channels), sp.kron(halve, halve), format="csr"))


def _scaled(matrix: sp.csr_array, norm: float) -> sp.csr_array:
    """The matrix with spectral norm `norm` less one part in 1e6 (room for the iteration's error)."""
    # Needed by this family alone; discovery imports every family's file.
    from scipy.sparse.linalg import svds

    if min(matrix.shape) <= DENSE_BELOW:
        largest = float(np.linalg.norm(matrix.toarray(), 2))
    else:
        start = np.random.default_rng(0).standard_normal(min(matrix.shape))
        largest = float(svds(matrix, k=1, v0=start, return_singular_vectors=False)[0])
    return sp.csr_array(matrix * (norm * (1.0 - 1e-6) / norm_above(largest)))


FAMILY = Family(
    name="conv",
    summary="convolution, pooling and upsampling on a residual path; invertible as a whole, d = side^2",
    parameters=(
        FamilyParameter("side", 4, "an even integer in [2, 64]", 2, 64),
        FamilyParameter("channels", 4, "an integer in [1, 64]", 1, 64),
        FamilyParameter("depth", 1, "an integer in [1, 64]", 1, 64),
        FamilyParameter("lipschitz", 0.5, "a number in (0, 1)", 0.0, 1.0, excludes=(0.0, 1.0)),
        FamilyParameter("activation", "tanh", "a smooth activation", choices=SMOOTH_ACTIVATIONS),
        FamilyParameter("seed", 0, "an integer in [0, 2^63)", 0, 2.0**63 - 1025),
    ),
    build=build,
)
