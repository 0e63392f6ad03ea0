"""Spectral bounds of matrices of floats in Arb: the second engine, sharp at every condition number.

Inclusion property. Every intermediate is an `arb_mat` that contains the exact result, so the returned
floats lie on the stated side of the truth for the exact matrix of the given floats. Slower than
`certify.arithmetic.matrices` (milliseconds per product at 100 columns) and independent of BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.clock import ask

MatrixSource: TypeAlias = FloatArray | Callable[[], arb_mat]
"""A float array, or what makes the balls of an exact matrix at the working precision (called again when it grows)."""


def spectral_norm_bounds(matrix: MatrixSource, bits: int = 128) -> tuple[float, float]:
    """(lower, upper) of ||A||: Gershgorin on V^T A^T A V, Rayleigh quotient below. Enclosure, rounded outward.

    >>> low, high = spectral_norm_bounds(np.array([[3.0, 0.0], [4.0, 0.0]]))
    >>> low <= 5.0 <= high and high - low < 1e-14
    True
    """
    if isinstance(matrix, np.ndarray) and not np.isfinite(matrix).all():
        return (0.0, math.inf)
    with precision(bits):
        entries = _balls(matrix)
        if entries.nrows() < entries.ncols():
            entries = entries.transpose()
        # Only an exact zero is the zero map: a ball around zero holds others.
        if all(bool(entry == 0) for entry in entries.entries()):
            return (0.0, 0.0)
        ask(_product_units(entries, bits))
        low, high = _largest_eigenvalue(entries.transpose() * entries, bits)
        return (max(0.0, lower(low.sqrt())), upper(high.sqrt()))


def sigma_min_bounds(matrix: MatrixSource, bits: int = 256) -> tuple[float, float]:
    """(lower, upper) of sigma_min(A), rounded outward, through sigma_min^-2 = ||(A^T A)^-1|| in balls.

    The precision is doubled, up to 2048 bits, until the inverse is enclosed; (0, inf) if it never is.
    An exactly singular matrix therefore keeps the lower bound 0. Enclosure, rounded outward.

    >>> low, high = sigma_min_bounds(np.diag([1.0, 1e-12]))
    >>> low <= 1e-12 <= high and high / low - 1 < 1e-14
    True
    """
    if isinstance(matrix, np.ndarray) and not np.isfinite(matrix).all():
        return (0.0, math.inf)
    while bits <= 2048:
        with precision(bits):
            entries = _balls(matrix)
            if entries.ncols() == 0:
                return (math.inf, math.inf)
            if entries.nrows() < entries.ncols():
                return (0.0, 0.0)
            ask(4.0 * _product_units(entries, bits))
            try:
                inverse = (entries.transpose() * entries).inv()
            except ZeroDivisionError:
                bits *= 2
                continue
            low, high = _largest_eigenvalue(inverse, bits)
            bounds = (1 / high.sqrt(), 1 / low.sqrt())
            if lower(bounds[0]) > 0:
                return (lower(bounds[0]), upper(bounds[1]))
        bits *= 2
    return (0.0, math.inf)


def ball_matrix(matrix: FloatArray) -> arb_mat:
    """The `arb_mat` of a float array (rows, columns). Exact."""
    rows, columns = matrix.shape
    return arb_mat(rows, columns, [arb(float(value)) for value in matrix.ravel()])


def _balls(matrix: MatrixSource) -> arb_mat:
    return ball_matrix(matrix) if isinstance(matrix, np.ndarray) else matrix()


def _product_units(matrix: arb_mat, bits: int) -> float:
    """Units (`certify.clock`) of a product of a ball matrix with one of its columns' number. Estimate."""
    return 2e-3 * bits / 128 * matrix.nrows() * matrix.ncols() ** 2


def _largest_eigenvalue(gram: arb_mat, bits: int) -> tuple[arb, arb]:
    """Balls below and above lambda_max of a positive semidefinite ball matrix.

    Below: x^T S x/|x|^2 at an approximate eigenvector. Above: Gershgorin's discs of V^T S V divided by
    1 - ||V^T V - I||_inf, for V close to orthogonal.
    """
    size = gram.nrows()
    ask(3.0 * _product_units(gram, bits))
    exponents = [_exponent(gram[row, row]) for row in range(size)]
    shift = -max(exponents)
    scaled = np.array([[float((gram[i, j] * arb(2) ** shift).mid()) for j in range(size)] for i in range(size)])
    try:
        vectors = np.linalg.eigh((scaled + scaled.T) / 2)[1]
    except np.linalg.LinAlgError:
        vectors = np.eye(size)
    basis = ball_matrix(vectors)
    congruent = basis.transpose() * gram * basis
    overlap = basis.transpose() * basis
    last = size - 1
    below = congruent[last, last] / overlap[last, last]
    disc = _maximum_row_sum(congruent)
    defect = _maximum_row_sum(overlap - ball_matrix(np.eye(size)))
    if not defect < 1:
        return (below, arb("inf"))
    return (below, disc / (ball(1) - defect))


def _maximum_row_sum(matrix: arb_mat) -> arb:
    """Ball above every absolute row sum of the matrix (the infinity norm)."""
    largest = arb(0)
    for row in range(matrix.nrows()):
        total = sum((abs(matrix[row, column]) for column in range(matrix.ncols())), arb(0))
        largest = largest.max(total.upper())
    return largest


def _exponent(value: arb) -> int:
    """Binary exponent of a positive ball's midpoint (0 for a zero midpoint)."""
    mantissa, exponent = value.mid().man_exp()
    return int(exponent) + int(mantissa).bit_length() if mantissa != 0 else 0
