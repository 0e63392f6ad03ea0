"""Midpoint-radius tensors in floats, batched over boxes: what enclosures of derivatives are made of.

Inclusion property. A `TensorBall` (C, R) stands for every real tensor A with |A - C| <= R entrywise. Each
function returns a `TensorBall` that contains the exact result for every choice of tensors in its arguments, under
the assumptions of `certify.arithmetic.intervals`. Axes: (boxes, width, ...); a batch of one stands for a tensor
that is the same in every box. Entries that overflow or are undefined get the radius infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, MatrixBall, exact_matrix, round_down, round_up
from certify.arithmetic.large_matrices import Matrix, image_of_balls, operand


@dataclass(frozen=True, eq=False)
class TensorBall:
    """All tensors A with |A - midpoint| <= radius entrywise; both arrays have the same shape."""

    midpoint: FloatArray
    radius: FloatArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensors, boxes first. Exact."""
        return self.midpoint.shape

    def view(self, *index: Any) -> TensorBall:
        """The tensors indexed (or given new axes by None) as a numpy array would be. Exact."""
        return TensorBall(self.midpoint[index], self.radius[index])

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Entrywise lower and upper ends. Enclosure, rounded outward."""
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = self.midpoint - self.radius, self.midpoint + self.radius
        is_point = self.radius == 0
        return np.where(is_point, low, round_down(low)), np.where(is_point, high, round_up(high))


def tensor_from_bounds(lower: FloatArray, upper: FloatArray) -> TensorBall:
    """Ball around {A : lower <= A <= upper entrywise}; unbounded entries get the radius infinity.

    Enclosure, rounded outward.

    >>> ball = tensor_from_bounds(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    >>> ball.midpoint.tolist(), bool(ball.radius[0] >= 1.0), float(ball.radius[1])
    ([2.0, 2.0], True, 0.0)
    """
    with np.errstate(invalid="ignore", over="ignore"):
        midpoint = np.where(lower == upper, lower, 0.5 * lower + 0.5 * upper)
        radius = np.where(lower == upper, 0.0, round_up(np.maximum(upper - midpoint, midpoint - lower)))
    return _guarded(midpoint, radius)


def tensor_times(left: TensorBall, right: TensorBall) -> TensorBall:
    """Entrywise product with broadcasting; an exact zero makes the product exactly zero. Enclosure, rounded outward.

    >>> zero, anything = exact_tensor(np.zeros(1)), TensorBall(np.zeros(1), np.full(1, np.inf))
    >>> float(tensor_times(zero, anything).radius[0])
    0.0
    """
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        midpoint = left.midpoint * right.midpoint
        spread = np.abs(left.midpoint) * right.radius + left.radius * (np.abs(right.midpoint) + right.radius)
        radius = (spread + np.abs(midpoint) * EPSILON + 4 * SMALLEST_NORMAL) * (1.0 + 16 * EPSILON)
    is_zero = _is_zero(left) | _is_zero(right)
    return _guarded(np.where(is_zero, 0.0, midpoint), np.where(is_zero, 0.0, radius))


def tensor_plus(left: TensorBall, right: TensorBall) -> TensorBall:
    """Entrywise sum with broadcasting. Enclosure, rounded outward.

    >>> total = tensor_plus(exact_tensor(np.array([1.0])), exact_tensor(np.array([2.0**-60])))
    >>> bool(total.radius[0] >= 2.0**-60)
    True
    """
    with np.errstate(invalid="ignore", over="ignore"):
        midpoint = left.midpoint + right.midpoint
        radius = (left.radius + right.radius) * (1.0 + 4 * EPSILON) + np.abs(midpoint) * EPSILON
    return _guarded(midpoint, radius)


def tensor_apply(matrix: MatrixBall, tensor: TensorBall) -> TensorBall:
    """Product of a matrix (p, k) with the width axis of tensors (boxes, k, ...).

    The error of the inner products is that of `certify.arithmetic.intervals.multiply`; entries that are sums of
    exact zeros stay exactly zero, which unbounded directions need. Enclosure, rounded outward.
    """
    boxes, inner = tensor.shape[:2]
    flat = (boxes, inner, -1) if tensor.midpoint.size else (boxes, inner, int(np.prod(tensor.shape[2:])))
    middle, radius = tensor.midpoint.reshape(flat), tensor.radius.reshape(flat)
    growth = (inner + 8) * EPSILON
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        image = matrix.midpoint @ middle
        # Below the normal range growth * |C| is rounded: what an underflow can cost is added.
        magnitude = growth * np.abs(middle) + SMALLEST_NORMAL * (middle != 0)
        spread = np.abs(matrix.midpoint) @ (radius + magnitude)
        if matrix.radius.any():
            spread = spread + matrix.radius @ (np.abs(middle) + radius)
        spread = (spread + 4 * (inner + 1) * SMALLEST_NORMAL) * (1.0 + 4 * growth)
    left = ((matrix.midpoint != 0) | (matrix.radius != 0)).astype(np.float64)
    right = ((middle != 0) | (radius != 0)).astype(np.float64)
    meets = left @ right > 0
    result = _guarded(np.where(meets, image, 0.0), np.where(meets, spread, 0.0))
    shape = (boxes, matrix.shape[0], *tensor.shape[2:])
    return TensorBall(result.midpoint.reshape(shape), result.radius.reshape(shape))


def weight_apply(weight: Matrix, tensor: TensorBall) -> TensorBall:
    """Product of an exact matrix (p, k), dense or sparse, with the width axis of tensors (boxes, k, ...).

    A sparse matrix stays so where it is large (`certify.arithmetic.large_matrices.image_of_balls`).
    Enclosure, rounded outward.

    >>> image = weight_apply(np.array([[0.0, 3.0]]), exact_tensor(np.array([[1.0, 2.0]])))
    >>> float(image.midpoint[0, 0]), bool(image.radius[0, 0] < 1e-13)
    (6.0, True)
    """
    weight = operand(weight)
    if isinstance(weight, np.ndarray):
        return tensor_apply(exact_matrix(weight), tensor)
    boxes, inner, rest = tensor.shape[0], tensor.shape[1], tensor.shape[2:]
    columns = [np.moveaxis(part, 1, 0).reshape(inner, -1) for part in (tensor.midpoint, tensor.radius)]
    image = image_of_balls(sp.csr_array(weight), *columns)
    return TensorBall(*(np.moveaxis(part.reshape(-1, boxes, *rest), 0, 1) for part in image))


def exact_tensor(values: FloatArray) -> TensorBall:
    """The single tensor of the given finite floats (radius zero). Exact."""
    return _guarded(values, np.zeros_like(values))


def _is_zero(tensor: TensorBall) -> npt.NDArray[np.bool_]:
    return np.asarray((tensor.midpoint == 0) & (tensor.radius == 0))


def _guarded(midpoint: FloatArray, radius: FloatArray) -> TensorBall:
    bad = ~np.isfinite(midpoint) | np.isnan(radius)
    if bad.any():
        return TensorBall(np.where(bad, 0.0, midpoint), np.where(bad, np.inf, radius))
    return TensorBall(midpoint, radius)
