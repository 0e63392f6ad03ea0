"""Verified norms of many small symmetric forms and matrices at once, a-posteriori.

A k-linear symmetric map T into R^n attains sup |T[u, ..., u]| over |u| = 1 at equal directions (Banach); with
y = u^{(x)k}, |y| = 1 and |C y| = 1 for the contraction C of two indices (the trace for k = 2), so for every real nu

    sup |T[u, ..., u]|^2 <= lambda_max(T^T T - nu C^T C) + nu,          T flattened to shape (n, d^k).

nu = 0 is the plain flattening (exact for k = 1); for d = 2 and k = 2 the best nu gives the exact norm
(S-lemma: the y form a circle). LAPACK only proposes eigenvectors V; they are measured,
lambda_max(S) <= max_i sum_j |V^T S V|_ij / (1 - ||V^T V - I||), with every rounding error bounded through
Frobenius norms (Higham, section 3.1). Results are NaN-free: what cannot be bounded is inf (upper) or 0 (lower).
"""

from __future__ import annotations

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL
from certify.clock import ask

_SHIFT_STEPS = 8
"""Bisection steps for nu: it stops mattering well before."""

_LARGEST_SQUARABLE = 1e150
"""Entries up to here have squares, and sums of many squares, that are floats."""


def contraction_gram(latent_dim: int, order: int) -> FloatArray | None:
    """C^T C of the module's docstring, shape (d^k, d^k) for k = `order`; None for k = 1. Exact: zeros and ones.

    >>> contraction_gram(2, 2)
    array([[1., 0., 0., 1.],
           [0., 0., 0., 0.],
           [0., 0., 0., 0.],
           [1., 0., 0., 1.]])
    """
    if order == 1:
        return None
    rest = latent_dim ** (order - 2)
    contraction = np.kron(np.eye(latent_dim).reshape(1, -1), np.eye(rest))
    gram: FloatArray = contraction.T @ contraction
    return gram


def form_norm_upper(forms: FloatArray, contraction: FloatArray | None, shift: FloatArray) -> FloatArray:
    """Upper bounds of sup |T[u, ..., u]| for flattened forms of shape (..., n, m), rounded outward; shape (...).

    `shift` (nu, shape (...)) is a free choice (see `best_shift`), `contraction` the matrix C^T C; without one (k = 1)
    there is nothing to shift.

    >>> forms, contraction = np.array([[[0.0, 1.0, 1.0, 0.0]]]), contraction_gram(2, 2)
    >>> bound = form_norm_upper(forms, contraction, best_shift(forms, contraction))
    >>> bool(1.0 <= bound[0] < 1.01), bool(form_norm_upper(forms, None, np.zeros(1))[0] > 1.4)
    (True, True)
    """
    rows, size = forms.shape[-2:]
    if rows == 0 or size == 0:
        return np.zeros(forms.shape[:-2])
    good = np.asarray(np.isfinite(forms).all(axis=(-2, -1))) & np.isfinite(shift)
    safe, nu = np.where(good[..., None, None], forms, 0.0), np.where(good & (contraction is not None), shift, 0.0)
    with np.errstate(all="ignore"):
        gram = np.swapaxes(safe, -1, -2) @ safe
        total = _square_sum_upper(safe)
        error = size * (rows + 8) * (EPSILON * total + SMALLEST_NORMAL)
        if contraction is not None:
            gram = gram - nu[..., None, None] * contraction
            error = error + 4 * EPSILON * (total + np.abs(nu) * float(np.abs(contraction).sum()))
        ask(_eigenvalue_units(gram))
        high = _eigenvalue_max_upper(gram) + error
        high = np.maximum(high + nu + 4 * EPSILON * (np.abs(high) + np.abs(nu)), 0.0)
        result = np.where((safe == 0).all(axis=(-2, -1)), 0.0, np.sqrt(high * (1 + 16 * EPSILON)) * (1 + 4 * EPSILON))
    return np.where(good & np.isfinite(result), result, np.inf)


def best_shift(forms: FloatArray, contraction: FloatArray | None) -> FloatArray:
    """The nu that nearly minimises lambda_max(T^T T - nu C^T C) + nu, for `forms` of shape (..., n, m). Estimate."""
    if contraction is None or forms.shape[-1] == 1:
        return np.zeros(forms.shape[:-2])
    # LAPACK stops at an overflow: forms whose squares could are left without a shift.
    usable = np.asarray((np.abs(forms) <= _LARGEST_SQUARABLE).all(axis=(-2, -1)))
    safe = np.where(usable[..., None, None], forms, 0.0)
    with np.errstate(all="ignore"):
        gram = np.swapaxes(safe, -1, -2) @ safe
        high = np.asarray(np.trace(gram, axis1=-2, axis2=-1))
        low = -high
        for _ in range(_SHIFT_STEPS):
            ask(_eigenvalue_units(gram))
            nu = 0.5 * (low + high)
            top = _eigenvectors(gram - nu[..., None, None] * contraction)[..., -1]
            falls = np.einsum("...i,ij,...j->...", top, contraction, top) > 1.0
            low, high = np.where(falls, nu, low), np.where(falls, high, nu)
    result: FloatArray = 0.5 * (low + high)
    return result


def _eigenvalue_units(grams: FloatArray) -> float:
    """Units of work (`certify.clock`) of the eigenvectors of all these square matrices. Estimate."""
    return 10e-6 * float(grams.size) * float(grams.shape[-1])


def sigma_min_affine_lower(centres: FloatArray, moves: FloatArray) -> FloatArray:
    """Lower bounds of min over h in [-1, 1]^k of sigma_min(C + sum_j h_j P_j), rounded outward; shape (boxes,).

    (C + P[h])^T (C + P[h]) >= C^T C + C^T P[h] + P[h]^T C, affine in h, whose smallest eigenvalue is concave in h:
    its minimum over the box is at a vertex. Excess quadratic in P.

    Args:
        centres: C, shape (boxes, n, d), n >= d.
        moves: P, shape (boxes, k, n, d).

    """
    good = np.asarray(np.isfinite(centres).all(axis=(1, 2))) & np.isfinite(moves).all(axis=(1, 2, 3))
    centre = np.where(good[:, None, None], centres, 0.0)
    move = np.where(good[:, None, None, None], moves, 0.0)
    rows, size = centre.shape[1:]
    with np.errstate(all="ignore"):
        transposed = np.swapaxes(centre, 1, 2)
        cross = transposed[:, None] @ move
        cross = cross + np.swapaxes(cross, 2, 3)
        vertices = signs(move.shape[1])
        gram = (transposed @ centre)[:, None] + np.einsum("sk,bkij->bsij", vertices, cross)
        reach = np.sqrt(_square_sum_upper(centre)) + np.sqrt(_square_sum_upper(move)).sum(axis=1)
        steps = size * (rows + 4 * move.shape[1] + 12)
        error = steps * (EPSILON * reach**2 * (1 + 64 * EPSILON) + 4 * SMALLEST_NORMAL)
        least = -_eigenvalue_max_upper(-gram).max(axis=1) - error
        result = np.sqrt(np.maximum(least, 0.0)) * (1 - 8 * EPSILON)
    return np.where(good & np.isfinite(result), result, 0.0)


def frobenius_upper(tensors: FloatArray) -> FloatArray:
    """Upper bounds of the Frobenius norms over all axes but the first, shape (boxes,), rounded outward (inf for NaN).

    >>> bool(5.0 <= frobenius_upper(np.array([[3.0, 4.0]]))[0] < 5.0 + 1e-12)
    True
    """
    with np.errstate(all="ignore"):
        result = np.sqrt(_square_sum_upper(tensors.reshape(len(tensors), 1, -1))) * (1 + 4 * EPSILON)
    return np.where(np.isnan(result), np.inf, result)


def signs(count: int) -> FloatArray:
    """The 2^count vertices of [-1, 1]^count, shape (2^count, count). Exact.

    >>> signs(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    grid = np.indices((2,) * count).reshape(count, 2**count).T
    return np.asarray(2.0 * grid - 1.0)


def _eigenvectors(symmetric: FloatArray) -> FloatArray:
    """Eigenvectors of symmetric matrices (..., m, m), ascending. Estimate."""
    try:
        return np.asarray(np.linalg.eigh(symmetric)[1])
    except np.linalg.LinAlgError:
        return np.broadcast_to(np.eye(symmetric.shape[-1]), symmetric.shape)


def _square_sum_upper(forms: FloatArray) -> FloatArray:
    """Upper bounds of the sums of squares over the last two axes."""
    count = forms.shape[-1] * forms.shape[-2]
    result: FloatArray = (forms**2).sum(axis=(-2, -1)) * (1 + (count + 8) * EPSILON) + (count + 1) * SMALLEST_NORMAL
    return result


def _eigenvalue_max_upper(symmetric: FloatArray) -> FloatArray:
    """Upper bounds of lambda_max of symmetric float matrices (..., m, m); inf where nothing is proved.

    With D = V^T S V of the symmetric part, computed up to an error of norm <= 8 (m + 2)^3 eps ||S||_F (two products,
    |V|_F^2 <= m + 1), and g the largest Gershgorin end of D: x^T S x = y^T D y <= g |y|^2 for x = V y,
    |y|^2 in |x|^2/(1 -+ defect).
    """
    size = symmetric.shape[-1]
    finite = np.asarray(np.isfinite(symmetric).all(axis=(-2, -1)))
    safe = np.where(finite[..., None, None], symmetric, 0.0)
    safe = 0.5 * safe + 0.5 * np.swapaxes(safe, -1, -2)
    vectors = _eigenvectors(safe)
    transposed = np.swapaxes(vectors, -1, -2)
    congruent = transposed @ safe @ vectors
    defect = np.sqrt(_square_sum_upper(transposed @ vectors - np.eye(size))) + 8 * (size + 2) ** 2 * EPSILON
    diagonal = np.diagonal(congruent, axis1=-2, axis2=-1)
    # The disc of row i: its diagonal entry plus the absolute values of the others.
    ends = diagonal + (np.abs(congruent).sum(axis=-1) - np.abs(diagonal)) * (1 + 4 * size * EPSILON)
    error = 8 * (size + 2) ** 3 * EPSILON * np.sqrt(_square_sum_upper(safe))
    top = ends.max(axis=-1) + error
    bound = np.where(top >= 0, top / (1 - defect), top / (1 + defect))
    bound = bound + 4 * EPSILON * np.abs(bound) + SMALLEST_NORMAL
    return np.where(finite & (defect < 0.5) & ~np.isnan(bound), bound, np.inf)
