"""Exact matrices: floats as integers times one power of two, so that products, sums and ranks have no error at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, fmpz, fmpz_mat

from certify.arithmetic.arrays import FloatArray

MANTISSA_BITS = 53


@dataclass(frozen=True, eq=False)
class ExactMatrix:
    """The matrix `integers` times 2^`exponent`."""

    integers: fmpz_mat
    exponent: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns). Exact."""
        return int(self.integers.nrows()), int(self.integers.ncols())

    def __matmul__(self, other: ExactMatrix) -> ExactMatrix:
        return ExactMatrix(self.integers * other.integers, self.exponent + other.exponent)

    def __add__(self, other: ExactMatrix) -> ExactMatrix:
        least = min(self.exponent, other.exponent)
        mine, theirs = (item.integers * (fmpz(1) << (item.exponent - least)) for item in (self, other))
        return ExactMatrix(mine + theirs, least)

    def times(self, factor: float) -> ExactMatrix:
        """Product with one finite float. Exact."""
        scalar = exact(np.array([[factor]]))
        return ExactMatrix(self.integers * scalar.integers[0, 0], self.exponent + scalar.exponent)

    def rank(self) -> int:
        """The rank. Exact."""
        return int(self.integers.rank())

    def balls(self) -> arb_mat:
        """Balls around the entries, rounded to the working precision. Enclosure, rounded outward."""
        scale = arb(2) ** self.exponent
        rows, columns = self.shape
        return arb_mat(rows, columns, [arb(entry) * scale for entry in self.integers.entries()])


def exact(matrix: FloatArray) -> ExactMatrix:
    """The matrix of the given finite floats, shape (rows, columns). Exact.

    >>> huge = exact(np.array([[1e300, 1.0]]))
    >>> (huge @ exact(np.array([[0.0], [1.0]]))).balls()[0, 0] == 1
    True
    """
    mantissas, exponents = np.frexp(matrix)
    used = exponents[mantissas != 0]
    least = int(used.min()) if used.size else 0
    integers = np.ldexp(mantissas, MANTISSA_BITS).astype(np.int64).ravel().tolist()
    shifts = np.where(mantissas != 0, exponents - least, 0).ravel().tolist()
    entries = [integer << shift for integer, shift in zip(integers, shifts, strict=True)]
    rows, columns = matrix.shape
    return ExactMatrix(fmpz_mat(rows, columns, entries), least - MANTISSA_BITS)
