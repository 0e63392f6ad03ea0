"""Midpoint-radius tensors against rational tensors at all corners."""

from __future__ import annotations

import math
from itertools import product
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from flint import fmpq

from certify.arithmetic import interval_tensors as tensors
from certify.arithmetic import large_matrices
from certify.arithmetic.interval_tensors import TensorBall
from tests.inclusion.draw import Data, array, checks, interval, matrix_ball, tensor_ball
from tests.inclusion.exact import at_least, at_most, between, inside, members, rational

NAME = "certify.arithmetic.interval_tensors."


def entries(ball: TensorBall) -> list[list[fmpq]]:
    """The members that matter of each entry, in the order of ravel."""
    return [members(float(c), float(r)) for c, r in zip(ball.midpoint.ravel(), ball.radius.ravel(), strict=True)]


@checks(NAME + "tensor_times", NAME + "tensor_plus")
def entrywise(data: Data) -> None:
    left, right = tensor_ball(data, 1, 2, 2), tensor_ball(data, 1, 2, 2)
    times, plus = tensors.tensor_times(left, right), tensors.tensor_plus(left, right)
    for k, (ours, theirs) in enumerate(zip(entries(left), entries(right), strict=True)):
        for a, b in product(ours, theirs):
            assert inside(a * b, times.midpoint.ravel()[k], times.radius.ravel()[k])
            assert inside(a + b, plus.midpoint.ravel()[k], plus.radius.ravel()[k])
    # Broadcasting: one tensor for every box.
    wide = tensors.tensor_times(tensor_ball(data, 3, 2), left.view(slice(None), slice(None), 0))
    assert wide.shape == (3, 2)


@checks(NAME + "tensor_apply")
def matrix_times_tensor(data: Data) -> None:
    matrix, tensor = matrix_ball(data, 2, 2), tensor_ball(data, 1, 2, 2)
    found = tensors.tensor_apply(matrix, tensor)
    for i, j in product(range(2), range(2)):
        row = [members(float(matrix.midpoint[i, k]), float(matrix.radius[i, k])) for k in range(2)]
        column = [members(float(tensor.midpoint[0, k, j]), float(tensor.radius[0, k, j])) for k in range(2)]
        for a, b, c, d in product(row[0], column[0], row[1], column[1]):
            assert inside(a * b + c * d, found.midpoint[0, i, j], found.radius[0, i, j])


@checks(NAME + "weight_apply")
def weight_times_tensor(data: Data) -> None:
    weight, tensor = array(data, 2, 2), tensor_ball(data, 2, 2, 2)
    stored = sp.csr_array(weight)
    with patch.object(large_matrices, "DIRECT_ENTRIES", 0):
        forms = (tensors.weight_apply(weight, tensor), tensors.weight_apply(stored, tensor))
    for box, i, j in product(range(2), range(2), range(2)):
        column = [members(float(tensor.midpoint[box, k, j]), float(tensor.radius[box, k, j])) for k in range(2)]
        for a, b in product(*column):
            exact = rational(float(weight[i, 0])) * a + rational(float(weight[i, 1])) * b
            assert all(inside(exact, found.midpoint[box, i, j], found.radius[box, i, j]) for found in forms)


@checks(
    NAME + "tensor_from_bounds",
    NAME + "TensorBall.bounds",
    NAME + "TensorBall.view",
    NAME + "TensorBall.shape",
    NAME + "exact_tensor",
)
def ends(data: Data) -> None:
    low, high = interval(data, 2, 2)
    found = tensors.tensor_from_bounds(low, high)
    assert found.shape == (2, 2) and found.view(slice(None), None).shape == (2, 1, 2)
    for index in np.ndindex(2, 2):
        assert all(inside(a, found.midpoint[index], found.radius[index]) for a in between(low[index], high[index]))
    ball = tensor_ball(data, 2, 2)
    below, above = ball.bounds()
    for k, values in enumerate(entries(ball)):
        assert all(at_least(a, below.ravel()[k]) and at_most(a, above.ravel()[k]) for a in values)
    values = array(data, 2, 2)
    values[0, 0] = math.nan if values[0, 0] > 0 else values[0, 0]
    point = tensors.exact_tensor(values)
    assert np.array_equal(point.midpoint[point.radius == 0], values[np.isfinite(values)])
    assert np.array_equal(point.radius == np.inf, np.isnan(values))
