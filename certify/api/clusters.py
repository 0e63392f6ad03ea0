"""Labels of observations by a clustering that has not seen the rows that are counted (scikit-learn, an extra)."""

from __future__ import annotations

import re

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError, MissingExtraError
from certify.threads import one_thread

PREFIX = "clusters:"


def clusters_asked(text: str) -> int | None:
    """K of `clusters:K`; None for anything that does not begin so. Raises InputError where K is no number."""
    if not text.startswith(PREFIX):
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text.removeprefix(PREFIX)):
        raise InputError(f"`labels` {text[:60]!r}: expected `clusters:K` with a number K >= 2, or a file")
    return int(text.removeprefix(PREFIX))


def clustered(rows: FloatArray, count: int, seed: int = 0) -> FloatArray:
    """Labels (k,) of `count` clusters by scikit-learn's KMeans, fitted to the even rows alone; odd rows are only told.

    A theorem that chooses groups of data on the even rows and counts on the odd ones may take them for labels: the rows
    that are counted have no part in what the groups are. Estimate.

    Raises:
        InputError: if scikit-learn is missing, or for fewer than two clusters or more than half of the rows.
    """
    if not 2 <= count <= len(rows) // 2:
        raise InputError(f"clusters must be from 2 to half of the {len(rows)} observations; got {count}")
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "clusters", "a clustering") from error
    with one_thread():
        found = KMeans(count, n_init=10, random_state=seed).fit(rows[::2])
        return np.asarray(found.predict(rows), dtype=np.float64)
