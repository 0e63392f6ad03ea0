"""Hermite polynomials with a variance parameter: the basis in which a Gaussian blur is closed form.

He_n(x; v) is defined by exp(t x - v t^2/2) = sum_n t^n He_n(x; v)/n!, so v = 1 gives the polynomials
orthogonal under N(0, 1), and E He_n(x + s xi; 1) = He_n(x; 1 - s^2) for xi ~ N(0, 1) and every s (v may be
negative). Here they are normalised by sqrt(n!), which makes them orthonormal at v = 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray

IntArray = npt.NDArray[np.int64]


def hermite_values(points: FloatArray, degree: int, variance: float = 1.0) -> FloatArray:
    """He_n(points; variance)/sqrt(n!) for n = 0..degree, shape (degree + 1, *points.shape).

    Recurrence: He_{n+1} = x He_n - n v He_{n-1}. Estimate (float64; stable for the degrees used, below 100).
    """
    values = np.empty((degree + 1, *points.shape))
    values[0] = 1.0
    if degree >= 1:
        values[1] = points
    for order in range(1, degree):
        following = points * values[order] - np.sqrt(order) * variance * values[order - 1]
        values[order + 1] = following / np.sqrt(order + 1)
    return values


def gauss_hermite_rule(count: int, dimension: int) -> tuple[FloatArray, FloatArray]:
    """Tensor nodes (count^dimension, dimension) and weights that integrate against N(0, I)."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    weights = weights / np.sum(weights)
    axes = np.meshgrid(*[points] * dimension, indexing="ij")
    factors = np.meshgrid(*[weights] * dimension, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1), np.prod([factor.ravel() for factor in factors], axis=0)


def total_degree_indices(dimension: int, degree: int) -> IntArray:
    """Multi-indices of total degree <= degree, shape (count, dimension), lowest total degree first."""
    axes = np.meshgrid(*[np.arange(degree + 1)] * dimension, indexing="ij")
    indices = np.stack([axis.ravel() for axis in axes], axis=1)
    indices = indices[indices.sum(axis=1) <= degree]
    return np.asarray(indices[np.argsort(indices.sum(axis=1), kind="stable")])


def basis_values(points: FloatArray, indices: IntArray, variances: FloatArray) -> FloatArray:
    """Products prod_i He_{k_i}(y_i; v_i)/sqrt(k_i!) for every multi-index k, shape (count, batch).

    Args:
        points: (batch, dimension).
        indices: (count, dimension).
        variances: (dimension,), the parameter v of each coordinate.
    """
    degree = int(indices.max(initial=0))
    product = np.ones((indices.shape[0], points.shape[0]))
    for axis in range(points.shape[1]):
        table = hermite_values(points[:, axis], degree, float(variances[axis]))
        product *= table[indices[:, axis]]
    return product
