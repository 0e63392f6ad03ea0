"""Multipliers that make a form's Gaussian as small as what holds on a cell allows. Estimate: proves nothing.

    minimise  log int exp(-x'(M + sum_i u_i G_i)x/2) dy,  x = (1, y),  over u >= 0,  where G_i <= 0 on the cell:

convex in u, with gradient -E[x'G_i x]/2 and Hessian the covariances of x'G_i x/2, under that Gaussian. Newton's method
with a log barrier.
"""

from __future__ import annotations

import math

import numpy as np

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.mixture import LOG_TWO_PI

WEIGHTS = (0.3, 0.1, 0.03, 0.01, 2e-3)
"""Of the barrier, one after the other."""

STEPS, HALVINGS = 30, 40
CLOSE = 1e-4
"""Squared length of a Newton step that ends a weight."""


def log_mass(form: FloatArray) -> float:
    """log int exp(-x'Mx/2) dy, x = (1, y), M = `form` (1 + d, 1 + d); infinite where M is not definite in y."""
    try:
        root = np.linalg.cholesky(form[1:, 1:])
    except np.linalg.LinAlgError:
        return math.inf
    moved = np.linalg.solve(root, form[1:, 0])
    logs = float(np.log(np.diag(root)).sum())
    return 0.5 * float(moved @ moved - form[0, 0]) + 0.5 * len(moved) * LOG_TWO_PI - logs


def least_mass(form: FloatArray, constraints: FloatArray, start: FloatArray) -> FloatArray:
    """U (m,), not negative, for `constraints` G (m, 1 + d, 1 + d), from a `start` at which the mass is finite."""

    def value(u: FloatArray) -> float:
        return log_mass(form + np.tensordot(u, constraints, axes=1))

    u = np.maximum(start, 1e-3 * max(float(start.max()), 1e-6))
    for weight in WEIGHTS:
        for _ in range(STEPS):
            total = form + np.tensordot(u, constraints, axes=1)
            covariance = np.linalg.inv(total[1:, 1:])
            x = np.concatenate([[1.0], -covariance @ total[1:, 0]])
            pulls, turned = (constraints @ x)[:, 1:], constraints[:, 1:, 1:] @ covariance
            means = constraints @ x @ x + np.einsum("mii->m", turned)
            gradient = -0.5 * means - weight / u
            bend = pulls @ covariance @ pulls.T + 0.5 * np.einsum("mij,nji->mn", turned, turned)
            bend += np.diag(weight / u**2)
            scale = 1.0 / np.sqrt(np.diag(bend))
            step = -scale * np.linalg.solve(scale[:, None] * bend * scale + 1e-12 * np.eye(len(u)), scale * gradient)
            fall = -float(gradient @ step)
            height = value(u) - weight * float(np.log(u).sum())
            length = min(1.0, 0.95 / max(float((-step / u).max()), 1e-12))
            for _ in range(HALVINGS):
                moved = u + length * step
                if value(moved) - weight * float(np.log(moved).sum()) < height - 0.1 * length * fall:
                    u = moved
                    break
                length *= 0.5
            else:
                break
            if fall < CLOSE:
                break
    return u if value(u) < value(start) else start
