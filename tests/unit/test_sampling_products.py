"""Products of weights and blocks: every tile, edge and mode against exact sums of the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.arithmetic.arrays import FloatArray
from certify.sampling.numba_options import elementary
from certify.sampling.products import multiply
from certify.sampling.tiles import tile_shape


@elementary
def _shape() -> Any:
    return tile_shape()


def product(weight: FloatArray, source: FloatArray, target: FloatArray, transposed: bool, adds: bool) -> FloatArray:
    """W source (transposed: of the matrix stored by columns), set or added to a copy of target."""
    rows, columns = weight.shape
    stored = np.ascontiguousarray(weight.T if transposed else weight).ravel()
    row_stride, column_stride = (1, rows) if transposed else (columns, 1)
    result, lanes = target.copy().ravel(), source.shape[1]
    scratch = np.full(rows * lanes, np.nan)
    multiply(stored, rows, columns, row_stride, column_stride, source.ravel(), result, scratch, lanes, adds)
    return result.reshape(target.shape)


def integers(generator: np.random.Generator, *shape: int) -> FloatArray:
    return generator.integers(-9, 10, size=shape).astype(np.float64)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("lanes", [1, 2, 7, 8, 13, 16, 23, 24, 33, 64])
def test_every_shape_is_exact_on_integers(lanes: int, transposed: bool) -> None:
    generator = np.random.default_rng(lanes)
    for rows in (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 21):
        for columns in (1, 2, 17):
            weight, source = integers(generator, rows, columns), integers(generator, columns, lanes)
            target = integers(generator, rows, lanes)
            assert np.array_equal(product(weight, source, target, transposed, True), target + weight @ source)
            assert np.array_equal(product(weight, source, target * np.nan, transposed, False), weight @ source)


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (4, 8), (9, 11), (8, 16), (30, 13)])
def test_a_chain_has_the_same_bits_wherever_it_stands(rows: int, columns: int) -> None:
    generator = np.random.default_rng(rows)
    weight, chain = generator.normal(size=(rows, columns)), generator.normal(size=(columns, 1))
    start = generator.normal(size=(rows, 1))
    for transposed in (False, True):
        for lanes in (8, 13, 16, 27, 64):
            source, target = np.repeat(chain, lanes, axis=1), np.repeat(start, lanes, axis=1)
            result = product(weight, source, target, transposed, True)
            assert np.array_equal(result, np.repeat(result[:, :1], lanes, axis=1))
            assert np.array_equal(result[:, :1], product(weight, source[:, :8], target[:, :8], transposed, True)[:, :1])


@pytest.mark.parametrize("lanes", [2, 8, 64])
def test_the_order_of_a_sum_is_the_stated_one(lanes: int) -> None:
    # (1e16 + 1) + 1 is 1e16, but 1e16 + (1 + 1) is not.
    for rows in (1, 40):
        result = product(np.ones((rows, 2)), np.ones((2, lanes)), np.full((rows, lanes), 1e16), False, True)
        continues = rows * 2 < 64 or lanes < 8
        assert np.all(result == (1e16 if continues else 1e16 + 2.0))


def test_nothing_that_is_not_finite_is_lost() -> None:
    weight, source = np.zeros((9, 9)), np.zeros((9, 24))
    source[4, 17] = np.inf
    result = product(weight, source, np.zeros((9, 24)), False, False)
    assert np.all(np.isnan(result[:, 17])) and np.all(result[:, :17] == 0.0) and np.all(result[:, 18:] == 0.0)


def test_blas_takes_over_with_the_same_values() -> None:
    tall, vectors, entries = _shape()
    assert (tall, vectors) in ((8, 2), (4, 1)) and entries in (2**13, 2**19)
    generator = np.random.default_rng(0)
    rows = entries // 64 + 3
    weight, source, target = (integers(generator, *shape) for shape in ((rows, 64), (64, 8), (rows, 8)))
    for transposed in (False, True):
        assert np.array_equal(product(weight, source, target, transposed, True), target + weight @ source)
        assert np.array_equal(product(weight, source, target, transposed, False), weight @ source)
