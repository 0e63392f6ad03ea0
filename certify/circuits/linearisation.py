"""Linearisation over GF(2): every product of two variables becomes a variable, and elimination does the rest.

The open products p = a b of a system, multiplied out, are quadratic polynomials over GF(2) in the variables that are
left. Elimination of the quadratic monomials leaves every linear equation that a sum of them implies: extended
linearisation at degree 2 (N. Courtois, A. Klimov, J. Patarin, A. Shamir, EUROCRYPT 2000), repeated after each
substitution (ElimLin; N. Courtois, G. Bard 2007). At degree 1, where no product is open, it is plain elimination.
Rows are bits of machine words. Exact; the cost counts the words that were added, on any machine the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.circuits.guessing import System, determined
from certify.circuits.parities import bits_of

Words: TypeAlias = npt.NDArray[np.uint64]
WORD = 64
MEMORY = 1 << 28
"""Bytes that one matrix may take."""
WIDEST = 1 << 31
"""A pair of variables i < j is the number j WIDEST + i; a variable is itself, the constant 0."""


class MatrixTooLargeError(Exception):
    """The monomials of a system take more than MEMORY."""


def linearised(system: System, equations: Sequence[int]) -> tuple[System | None, float]:
    """The system with the equations and all that linearisation then implies, None if they contradict; and the cost.

    It has the solutions of the system that satisfy the equations, no more and no fewer.

    Raises:
        MatrixTooLargeError: where a matrix would take more than MEMORY.
    """
    added, cost = linear_consequences((), equations)
    while True:
        settled = determined(system, added)
        if settled is None or not settled.products:
            return settled, max(cost, 1.0)
        added, words = linear_consequences(settled.products)
        cost += words
        if not added:
            return settled, max(cost, 1.0)
        system = settled


def linear_consequences(
    products: Sequence[tuple[int, int, int]], equations: Sequence[int] = ()
) -> tuple[list[int], float]:
    """Linear forms that vanish where every p = a b and every equation holds, all that sums imply; the words added.

    Raises MatrixTooLargeError as `linearised`.
    """
    rows = [_quadratic(*product) for product in products] + [bits_of(form) for form in equations]
    if not rows:
        return [], 0.0
    monomials = np.unique(np.concatenate(rows))
    # Descending: the pairs come first, then the variables and the constant.
    quadratic, width = int(np.count_nonzero(monomials >= WIDEST)), -(-len(monomials) // WORD)
    if 8 * width * len(rows) > MEMORY:
        raise MatrixTooLargeError
    matrix = np.zeros((len(rows), width), dtype=np.uint64)
    for index, row in enumerate(rows):
        columns = len(monomials) - 1 - np.searchsorted(monomials, row)
        np.bitwise_or.at(matrix[index], columns // WORD, np.uint64(1) << (columns % WORD).astype(np.uint64))
    words = eliminate(matrix, quadratic if products else len(monomials))
    found = []
    for packed in matrix:
        filled = np.flatnonzero(np.unpackbits(packed.view(np.uint8), bitorder="little"))
        if len(filled) and filled[0] >= quadratic:
            found.append(sum(1 << int(variable) for variable in monomials[len(monomials) - 1 - filled]))
    return found, words


def eliminate(matrix: Words, columns: int) -> float:
    """Echelon form, in place, of a matrix over GF(2) in the first `columns` columns (64 to a word); the words added.

    Rows that are zero there span all sums of rows that are; the others are independent there.
    """
    words = 0.0
    front = -(-columns // WORD)
    last = np.uint64((1 << (columns - 1) % WORD + 1) - 1)
    for index in range(len(matrix)):
        head = matrix[index, :front].copy()
        if front:
            head[-1] &= last
        filled = np.flatnonzero(head)
        if not len(filled):
            continue
        place = int(filled[0])
        bit = head[place] & (~head[place] + np.uint64(1))
        below = index + 1 + np.flatnonzero(matrix[index + 1 :, place] & bit)
        matrix[below] ^= matrix[index]
        words += float(len(below) * matrix.shape[1])
    return words


def _quadratic(p: int, a: int, b: int) -> npt.NDArray[np.int64]:
    """The monomials of p + a b, ascending."""
    left, right = bits_of(a), bits_of(b)
    one, other = (ends.ravel() for ends in np.meshgrid(left, right))
    low, high = np.minimum(one, other), np.maximum(one, other)
    # x^2 = x and 1 x = x are linear.
    pairs = np.where((low == high) | (low == 0), high, high * WIDEST + low)
    monomials, counts = np.unique(np.concatenate([pairs, bits_of(p)]), return_counts=True)
    return np.asarray(monomials[counts % 2 == 1])
