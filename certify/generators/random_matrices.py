"""Random matrices of the families: the same bits on every processor.

LAPACK's and BLAS's last bits depend on the kernels that they choose for a processor, so a network built with them would
have another digest, and a certificate about it would not be found to be about it, on another machine. Here sums are
numpy's own, in an order that no instruction set changes, or products of whole numbers below 2^53, exact in any order.
"""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.arrays import FloatArray

BLOCK = 128
"""Columns made orthonormal to one another one by one; to all before them by products."""

SLICES = 3
NORM_BITS = 32


def random_orthogonal(generator: np.random.Generator, rows: int, columns: int) -> FloatArray:
    """A matrix with orthonormal columns (rows >= columns), Haar distributed, orthonormal up to rounding.

    Gram-Schmidt of a Gaussian matrix, everything twice: the Q with positive diagonal of R.
    """
    vectors = np.ascontiguousarray(generator.standard_normal((rows, columns)).T)
    for start in range(0, columns, BLOCK):
        before, block = vectors[:start], vectors[start : start + BLOCK]
        for _ in range(2):
            if start:
                block -= matrix_product(matrix_product(block, before.T), before)
            for index, vector in enumerate(block):
                left = block[:index]
                vector -= ((left * vector).sum(axis=1)[:, None] * left).sum(axis=0)
                vector /= math.sqrt(float((vector * vector).sum()))
    return np.ascontiguousarray(vectors.T)


def scaled_to_norm(matrix: FloatArray, norm: float) -> FloatArray:
    """`matrix` scaled so that its spectral norm is `norm` less 1e-12 of it, for rounding, and less one part in 2^31."""
    return np.asarray(matrix * (norm * (1.0 - 1e-12) / norm_above(float(np.linalg.norm(matrix, 2)))))


def norm_above(norm: float) -> float:
    """`norm` rounded up to 32 bits, where two processors' values, which differ in the last of 53, agree."""
    mantissa, exponent = math.frexp(norm)
    return math.ldexp(float(math.ceil(math.ldexp(mantissa, NORM_BITS))), exponent - NORM_BITS)


def matrix_product(left: FloatArray, right: FloatArray) -> FloatArray:
    """left (a, k) times right (k, b), errors at most about k 2^-54 of the largest products.

    Both are cut into slices of so few bits that products of two slices are sums of whole numbers below 2^53.
    """
    bits = (53 - math.ceil(math.log2(left.shape[1] + 1))) // 2
    parts = _slices(left, bits), _slices(right, bits)
    total = np.zeros((left.shape[0], right.shape[1]))
    for order in reversed(range(SLICES)):
        for index in range(order + 1):
            total += parts[0][index] @ parts[1][order - index]
    return total


def _slices(matrix: FloatArray, bits: int) -> list[FloatArray]:
    """Matrices with a sum near `matrix`, the i-th of whole multiples below 2^bits of 2^(e - i bits)."""
    unit = math.ldexp(1.0, math.frexp(float(np.abs(matrix).max(initial=0.0)))[1])
    found = []
    for _ in range(SLICES):
        unit = math.ldexp(unit, -bits)
        found.append(np.rint(matrix / unit) * unit)
        matrix = matrix - found[-1]
    return found
