"""Matrices as rows of exact numbers: how records hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.codec import Exact
from certify.profiles.records import exact

Rows: TypeAlias = tuple[tuple[Exact, ...], ...]


def triangle(root: FloatArray) -> Rows:
    """The rows of a lower triangular matrix (d, d), each up to its diagonal. Exact."""
    return tuple(exact(row[: index + 1]) for index, row in enumerate(root))


def matrix(rows: Rows) -> FloatArray:
    """The matrix whose rows `triangle` gives. Exact."""
    found = np.zeros((len(rows), len(rows)))
    for index, row in enumerate(rows):
        found[index, : index + 1] = row
    return found


def symmetric(rows: Rows) -> FloatArray:
    """The symmetric matrix whose rows up to the diagonal `triangle` gives. Exact."""
    found = matrix(rows)
    return found + np.tril(found, -1).T


def table(values: FloatArray) -> Rows:
    """The rows of any matrix. Exact."""
    return tuple(exact(row) for row in values)


def same_rows(rows: Sequence[Sequence[float]], count: int, width: int | None = None) -> bool:
    """Whether there are `count` rows, `width` long each, or up to their diagonal. Exact."""
    return len(rows) == count and all(len(row) == (width or index + 1) for index, row in enumerate(rows))
