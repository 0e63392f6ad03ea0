"""Norms and images of large matrices: small ones are sent the way of large ones, against exact minors and sums."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from flint import fmpq
from hypothesis import strategies as st

from certify.arithmetic import large_matrices
from tests.inclusion.draw import Data, array, checks, radii
from tests.inclusion.exact import corners, gram, inside, rational
from tests.inclusion.spectra import SHAPES, norm_at_most, sigma_at_least

NAME = "certify.arithmetic.large_matrices."


@checks(NAME + "norm_upper", NAME + "smallest_stretch_lower", NAME + "schur_norm_upper", NAME + "operand")
def large_norms(data: Data) -> None:
    matrix = array(data, *data.draw(SHAPES))
    square = gram(next(corners(matrix, np.zeros_like(matrix))))
    form = sp.csr_array(matrix) if data.draw(st.booleans()) else matrix
    assert np.array_equal(large_matrices.operand(form), matrix)
    with patch.object(large_matrices, "DIRECT_ENTRIES", 0), np.errstate(all="ignore"):
        assert norm_at_most(square, large_matrices.norm_upper(form))
        assert norm_at_most(square, large_matrices.schur_norm_upper(form))
        least = large_matrices.smallest_stretch_lower(form)
    assert sigma_at_least(square, least) if matrix.shape[0] >= matrix.shape[1] else least == 0.0


@checks(NAME + "row_lengths_upper", NAME + "weighted_sums_upper")
def sparse_rows(data: Data) -> None:
    matrix, sizes = array(data, 2, 3), np.abs(array(data, 3))
    lengths = large_matrices.row_lengths_upper(sp.csr_array(matrix))
    sums = large_matrices.weighted_sums_upper(sp.csr_array(matrix), sizes)
    for row, length, total in zip(matrix, lengths, sums, strict=True):
        square = sum((rational(a) ** 2 for a in row), fmpq(0))
        weighted = sum((abs(rational(a)) * rational(b) for a, b in zip(row, sizes, strict=True)), fmpq(0))
        assert length == math.inf or square <= rational(length) ** 2
        assert total == math.inf or weighted <= rational(total)


@checks(NAME + "image_of_balls")
def sparse_images(data: Data) -> None:
    matrix, middle, radius = array(data, 2, 2), array(data, 2, 1), radii(data, 2, 1)
    found, spread = large_matrices.image_of_balls(sp.csr_array(matrix), middle, radius)
    for vector in corners(middle, radius):
        for row, centre, reach in zip(matrix, found[:, 0], spread[:, 0], strict=True):
            image = sum((rational(a) * b[0] for a, b in zip(row, vector, strict=True)), fmpq(0))
            assert inside(image, centre, reach)
