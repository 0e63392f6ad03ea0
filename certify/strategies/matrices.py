"""Matrices: with a prescribed singular spectrum, orthogonal, and short (few digits), all shrinking to simple ones.

A weight drawn from a seed cannot be shrunk, so every matrix here is drawn entry by entry from small integers: a failing
case ends as identities and zeros wherever these fail as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from certify.arithmetic.arrays import FloatArray

LARGEST_EXPONENT = 20
"""Extreme scales go up to 2^20 and down to 2^-20, about a factor of a million."""


@st.composite
def short_matrices(draw: st.DrawFn, rows: int, columns: int, bound: int = 4, denominator: int = 4) -> FloatArray:
    """Matrices (rows, columns) with entries k/denominator, |k| <= bound: exact in binary for a power of two."""
    entries = draw(st.lists(st.integers(-bound, bound), min_size=rows * columns, max_size=rows * columns))
    return np.array(entries, dtype=np.float64).reshape(rows, columns) / denominator


@st.composite
def spectra(draw: st.DrawFn, size: int, largest_condition: float = 16.0) -> tuple[float, ...]:
    """Singular values s_1 >= ... >= s_size > 0, powers of two times 1, 5/4 or 3/2, with s_1/s_size <= the bound.

    Repeated values are as likely as distinct ones: isotropic maps are where most bounds are attained.
    """
    octaves = max(0, int(np.log2(largest_condition)))
    steps = draw(st.lists(st.integers(0, octaves), min_size=size, max_size=size))
    fractions = draw(st.lists(st.sampled_from((1.0, 1.25, 1.5)), min_size=size, max_size=size))
    values = sorted((2.0**-step * part for step, part in zip(steps, fractions, strict=True)), reverse=True)
    return tuple(max(value, values[0] / largest_condition) for value in values)


@st.composite
def orthogonal_matrices(draw: st.DrawFn, size: int, exact: bool = False) -> FloatArray:
    """Orthogonal matrices (size, size): signed permutations, exactly; or their products with a reflection.

    The reflection I - 2 v v^T/|v|^2 has a small integer vector v; its entries are rounded once, so such a matrix is
    orthogonal up to about 1e-16. Shrinks to the identity.
    """
    order = draw(st.permutations(range(size)))
    signs = draw(st.lists(st.sampled_from((1.0, -1.0)), min_size=size, max_size=size))
    base = np.eye(size)[order] * np.array(signs)
    vector = np.array(draw(st.lists(st.integers(-2, 2), min_size=size, max_size=size)), dtype=np.float64)
    if exact or not vector.any():
        return np.asarray(base)
    return np.asarray((np.eye(size) - 2.0 * np.outer(vector, vector) / (vector @ vector)) @ base)


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int, spectrum: Sequence[float]) -> FloatArray:
    """Matrices U diag(s) V^T (rows, columns) with the singular values s = `spectrum`, up to rounding.

    `spectrum` has min(rows, columns) entries; U and V are drawn from `orthogonal_matrices`.
    """
    rank = min(rows, columns)
    if len(spectrum) != rank:
        raise ValueError(f"`spectrum` must have min(rows, columns) = {rank} entries, got {len(spectrum)}")
    left, right = draw(orthogonal_matrices(rows)), draw(orthogonal_matrices(columns))
    return np.asarray((left[:, :rank] * np.asarray(spectrum)) @ right[:rank])


def scales() -> st.SearchStrategy[float]:
    """Powers of two, mostly 1: the overall size of a map, extreme in one case of eight."""
    extreme = st.integers(-LARGEST_EXPONENT, LARGEST_EXPONENT)
    mild = st.sampled_from((0, 0, 0, 0, 1, -1, 3))
    return st.one_of(mild, mild, mild, extreme).map(lambda exponent: 2.0**exponent)
