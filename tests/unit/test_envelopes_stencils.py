"""Weights of convolutions as dense blocks on lattices: the pieces are found, and multiply like the weight itself."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from certify.envelopes import block_weights
from certify.envelopes.stencil_weights import DenseWeight, Places, StencilWeight, stencil_weight


def transposed_convolution(
    side: int, inner: int, outer: int, stride: int, random: np.random.Generator, channels_last: bool = True
) -> sp.csr_array:
    """Kernel 3 x 3 on a square: pixel (stride y + i, stride x + j) reads (y, x), but for what lies outside."""
    kernel = random.standard_normal((3, 3, outer, inner))
    large = stride * side
    dense = np.zeros((large, large, outer, side, side, inner))
    for y, x, i, j in np.ndindex(side, side, 3, 3):
        row, column = stride * y + i - (stride == 1), stride * x + j - (stride == 1)
        if 0 <= row < large and 0 <= column < large:
            dense[row, column, :, y, x, :] += kernel[i, j]
    if not channels_last:
        dense = dense.transpose(2, 0, 1, 5, 3, 4)
    return sp.csr_array(dense.reshape(large * large * outer, side * side * inner))


@pytest.fixture(autouse=True)
def small_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of a few thousand entries are looked at too."""
    monkeypatch.setattr(block_weights, "LEAST_ENTRIES", 100)


def agree(found: StencilWeight | DenseWeight, matrix: sp.csr_array, random: np.random.Generator) -> None:
    vectors = random.standard_normal((5, matrix.shape[1]))
    exact, size = (matrix @ vectors.T).T, (abs(matrix) @ np.abs(vectors).T).T
    assert (np.abs(found.times(vectors) - exact) <= found.terms * 2.0**-52 * size).all()
    single, out = vectors.astype(np.float32), np.full(exact.shape, np.nan, dtype=np.float32)
    found.times_single(single, out)
    assert (np.abs(out - exact) <= (found.terms + 4) * 2.0**-23 * size).all() and np.abs(out - exact).max() > 0
    found.spread_single(np.abs(single), out)
    assert (np.abs(out - size) <= (found.terms + 4) * 2.0**-23 * size).all()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("outer", [1, 4, 16])
def test_a_convolution_multiplies_as_it_does_in_a_few_pieces(stride: int, outer: int) -> None:
    random = np.random.default_rng(stride + outer)
    matrix = transposed_convolution(8, 12, outer, stride, random)
    for weight in (matrix, sp.csr_array(matrix.T)):
        found = stencil_weight(weight)
        assert found is not None and found.entries == weight.nnz
        assert found.terms == np.diff(weight.indptr).max()
        agree(found, weight, random)
        # Interior places share a piece: far fewer pieces than pixels times taps.
        assert len(found.pieces) < 70


def test_no_vector_has_no_product() -> None:
    weight = transposed_convolution(6, 8, 8, 1, np.random.default_rng(3))
    found = stencil_weight(weight)
    assert found is not None and found.times(np.zeros((0, weight.shape[1]))).shape == (0, weight.shape[0])


def test_rows_that_nothing_writes_to_are_zero() -> None:
    random = np.random.default_rng(3)
    matrix = transposed_convolution(8, 12, 8, 2, random)
    empty = sp.csr_array((5, matrix.shape[1]))
    weight = sp.csr_array(sp.vstack([empty, matrix, empty], format="csr"))
    found = stencil_weight(weight)
    assert found is not None and not found.is_covered
    agree(found, weight, random)


def test_what_is_no_lattice_of_blocks_is_left() -> None:
    random = np.random.default_rng(4)
    scattered = sp.random_array((400, 400), density=0.05, rng=random, format="csr")
    assert stencil_weight(scattered) is None
    other = transposed_convolution(12, 12, 12, 2, random, channels_last=False)
    assert stencil_weight(other) is None, "pixel by pixel there are too many pieces"


def test_a_dense_weight_has_the_same_products() -> None:
    random = np.random.default_rng(5)
    matrix = random.standard_normal((30, 20))
    found = DenseWeight(matrix)
    assert (found.shape, found.terms, found.entries) == ((30, 20), 20, 600)
    agree(found, sp.csr_array(matrix), random)


def test_places_outside_the_matrix_are_refused() -> None:
    matrix = np.arange(24.0).reshape(2, 12)
    inside = Places(1, (4, 2), (2, 2))
    assert inside.starts.tolist() == [1, 3, 5, 7]
    assert inside.view(matrix, 3)[1, 1].tolist() == [[7.0, 8.0, 9.0], [19.0, 20.0, 21.0]]
    with pytest.raises((TypeError, ValueError)):
        Places(1, (4, 8), (2, 2)).view(matrix, 3)
