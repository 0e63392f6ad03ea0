"""Search for the ellipsoid of increments that the lifted inequality needs (`certify.bounds.lifted`).

The inequality that its multipliers prove bounds the output's square by a quadratic form Z in what drives the neurons,
so the bound is the root of the largest eigenvalue of Z^(1/2) R Z^(1/2) times what theta costs, and R = (K K^T)^{o 2} -
theta h h^T is a function of theta and of the multipliers T of F = E_0 - sum_i T_i (r_i^2 p_i^T p_i - e_i e_i^T) alone:
K K^T = P F^-1 P^T, h_i = |(F^-1 p_i)_u|^2, c = |(F^-1)_uu|^2. A quasi-Newton descent over log T and theta, the leading
eigenvalues smoothed. Estimates.
"""

from __future__ import annotations

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.bounds.effort import Work, cubic_units
from certify.bounds.structure import IncrementForm
from certify.clock import ask

STEPS = 40
"""Steps of the descent."""

SHARPNESS = 80.0
"""How closely the smoothed largest eigenvalue follows the largest."""

OUTSIDE = 1e3
"""Objective where the ellipsoid does not exist."""


def demand(form: IncrementForm, multipliers: FloatArray) -> FloatArray | None:
    """A root of Z, (k, k): |output|^2 <= |Z^(1/2) q|^2 for the drives q of `form`, whose latent coordinates they are.

    None where the inequality is singular. Estimate.
    """
    k, output = form.latent_dim, form.output.midpoint
    ask(1e-5 * form.size**3)
    total = output.T @ output - np.diag(np.concatenate([np.zeros(k), multipliers]))
    place = 0
    for rows, span in zip(form.inputs, form.spans, strict=True):
        weight = multipliers[place : place + span.size] * span**2
        total += (rows.midpoint.T * weight) @ rows.midpoint
        place += span.size
    try:
        found = total[:k, :k] - total[:k, k:] @ np.linalg.solve(total[k:, k:], total[k:, :k])
        values, vectors = np.linalg.eigh(0.5 * (found + found.T))
    except np.linalg.LinAlgError:
        return None
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0.0))
    return root if np.isfinite(root).all() else None


def better_ellipsoid(
    form: IncrementForm, multipliers: FloatArray, share: float, wanted: FloatArray, work: Work
) -> tuple[FloatArray, float]:
    """Multipliers T (k,) and theta c for the root `wanted` of Z, from those at hand. Estimate."""
    # Imported here: scipy.optimize takes longer to load than most networks take to bound without it.
    from scipy.optimize import minimize

    rows = np.concatenate([part.midpoint for part in form.inputs])
    reach = np.concatenate(form.spans)[:, None] * rows
    units = 4.0 * cubic_units(form.size, form.size, form.size)

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        work.charge(units)
        ask(units)
        return _log_bound(flat, rows, reach, wanted)

    start = np.append(np.log(multipliers), np.log(share / (1.0 - share)))
    with np.errstate(all="ignore"):
        try:
            found = np.asarray(
                minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x, dtype=np.float64
            )
        except np.linalg.LinAlgError:
            found = start
    if not np.isfinite(found).all():
        found = start
    # theta c = 1 is the edge of what is proved.
    return np.exp(found[:-1]), float(1.0 / (1.0 + np.exp(-np.clip(found[-1], -12.0, 4.0))))


def _log_bound(flat: FloatArray, rows: FloatArray, reach: FloatArray, wanted: FloatArray) -> tuple[float, FloatArray]:
    """Logarithm of the bound's square and its gradient in (log T, logit of theta c)."""
    d = rows.shape[1] - len(rows)
    multipliers, share = np.exp(flat[:-1]), 1.0 / (1.0 + np.exp(-flat[-1]))
    matrix = np.diag(np.concatenate([np.ones(d), multipliers])) - (reach.T * multipliers) @ reach
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return OUTSIDE, np.zeros_like(flat)
    inverse = np.linalg.inv(matrix)
    images = inverse @ rows.T
    gram, lengths = rows @ images, (images[:d] ** 2).sum(axis=0)
    contraction = float((inverse[:d, :d] ** 2).sum())
    theta = share / contraction
    values, vectors = np.linalg.eigh(wanted.T @ (gram * gram - theta * np.outer(lengths, lengths)) @ wanted)
    if not values[-1] > 0:
        return OUTSIDE, np.zeros_like(flat)
    chosen = np.exp(SHARPNESS * (values / values[-1] - 1.0))
    chosen /= chosen.sum()
    top, growth = float(chosen @ values), 1.0 + theta / (1.0 - share)
    # Values that are hardly floats may add up to none.
    if not top > 0.0:
        return OUTSIDE, np.zeros_like(flat)
    leading = wanted @ vectors
    weight = (leading * chosen) @ leading.T
    # What the gram, the lengths and the contraction lose per unit of the matrix, each as a form in its change.
    lost = float(lengths @ weight @ lengths) / top
    by_gram = 2.0 * images @ (weight * gram) @ images.T
    pulled = (inverse[:, :d] @ (images[:d] * (weight @ lengths))) @ images.T
    by_contraction = 2.0 * theta / contraction * (inverse[:, :d] @ inverse[:d, :d] @ inverse[:d])
    slope = 1.0 / ((1.0 - share) * growth) - lost
    form = (theta * (pulled + pulled.T) * 2.0 - by_gram) / top + slope * by_contraction
    by_multiplier = np.diag(form)[d:] - np.einsum("ij,jk,ik->i", reach, form, reach, optimize=True)
    by_theta = 1.0 / ((1.0 - share) ** 2 * growth) - lost
    gradient = np.append(by_multiplier * multipliers, by_theta * share * (1.0 - share) / contraction)
    return float(np.log(top) + np.log(growth)), gradient
