"""The least value of a quadratic over boxes, from below: proposed face by face in floats, proved by multipliers.

For v in [-1, 1]^d, lambda >= 0 and H = Q + diag(lambda) positive semidefinite, with any point p and r = H p + b:

    v'Q v/2 + b.v >= v'H v/2 + b.v - sum(lambda)/2 >= -p'H p/2 - sum |r| - sum(lambda)/2,

since v_j^2 <= 1, v'Hv/2 + b.v = (v-p)'H(v-p)/2 + r.v - p'H p/2 and r.v >= -sum |r|. The best p is the minimiser
over the box and lambda its multipliers; where Q is not convex enough the multipliers are raised until H is.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray

LARGEST_ENTRY = 1e100
"""Entries above this could overflow on the way: such boxes are bisected, not bounded."""


def box_minimum_lower(curvature: FloatArray, linear: FloatArray) -> FloatArray:
    """Lower bounds (b,) of v'Qv/2 + b.v over [-1,1]^d for `curvature` Q (b, d, d), symmetric, and `linear` (b, d).

    Rounded outward, for the floats of Q and b taken as exact; -inf where an entry is beyond `LARGEST_ENTRY` or NaN.
    """
    known = (np.abs(curvature) <= LARGEST_ENTRY).all(axis=(1, 2)) & (np.abs(linear) <= LARGEST_ENTRY).all(axis=1)
    finite = np.asarray(known)
    Q, b = np.where(finite[:, None, None], curvature, 0.0), np.where(finite[:, None], linear, 0.0)
    point = box_minimiser(Q, b)
    gradient = np.einsum("bij,bj->bi", Q, point) + b
    at_end = np.abs(point) == 1.0
    multipliers = np.where(at_end, np.maximum(-gradient * point, 0.0), 0.0)
    d = Q.shape[1]
    H = Q + multipliers[:, :, None] * np.eye(d)
    size = np.abs(H).sum(axis=(1, 2)) + SMALLEST_NORMAL
    # Raised until the least eigenvalue is certainly not negative: eigvalsh is within a small multiple of eps |H|.
    deficit = np.maximum(0.0, -np.linalg.eigvalsh(H)[:, 0]) + 64 * d * EPSILON * size
    multipliers = np.asarray(multipliers + deficit[:, None])
    H = Q + multipliers[:, :, None] * np.eye(d)
    multipliers[~_is_positive(H)] = np.inf
    residual = np.einsum("bij,bj->bi", H, point) + b
    energy = np.einsum("bi,bij,bj->b", point, H, point)
    scale = size * d + np.abs(b).sum(axis=1) + multipliers.sum(axis=1)
    value = -0.5 * energy - np.abs(residual).sum(axis=1) - 0.5 * multipliers.sum(axis=1)
    value = value - (64 * d * EPSILON * scale + SMALLEST_NORMAL)
    return np.where(finite & np.isfinite(value), value, -np.inf)


def box_minimiser(curvature: FloatArray, linear: FloatArray) -> FloatArray:
    """The point of [-1,1]^d with the least value among the stationary points of all faces. Estimate, (b, d)."""
    count, d = linear.shape
    best, found = np.full(count, np.inf), np.zeros((count, d))
    for face in product((-1.0, 0.0, 1.0), repeat=d):
        free = [axis for axis in range(d) if face[axis] == 0.0]
        point = np.broadcast_to(np.array(face), (count, d)).copy()
        if free:
            block = curvature[:, free][:, :, free]
            pull = linear[:, free] + np.einsum("bij,bj->bi", curvature[:, free], point)
            with np.errstate(all="ignore"):
                determinant = np.linalg.det(block)
            usable = np.isfinite(determinant) & (np.abs(determinant) > 0)
            safe = np.where(usable[:, None, None], block, np.eye(len(free)))
            solved = np.linalg.solve(safe, -pull[..., None])[..., 0]
            inside = usable & (np.abs(solved) <= 1.0).all(axis=1)
            point[:, free] = np.where(inside[:, None], solved, 0.0)
        value = 0.5 * np.einsum("bi,bij,bj->b", point, curvature, point) + np.einsum("bi,bi->b", linear, point)
        better = value < best
        best = np.where(better, value, best)
        found = np.where(better[:, None], point, found)
    return found


def _is_positive(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether symmetric (b, d, d) are certainly positive semidefinite: elimination succeeds on a matrix below.

    The elimination of a positive matrix has a backward error below (d + 2) eps times its trace (Rump 2006); the shift
    is several times that.
    """
    d = matrix.shape[1]
    size = np.abs(matrix).sum(axis=(1, 2))
    work = matrix - (16 * d * EPSILON * size)[:, None, None] * np.eye(d)
    good: npt.NDArray[np.bool_] = np.isfinite(size)
    with np.errstate(all="ignore"):
        for k in range(d):
            pivot = work[:, k, k]
            good = good & (pivot > 0)
            work = work - (work[:, :, k] / pivot[:, None])[:, :, None] * work[:, k, :][:, None, :]
    return good
