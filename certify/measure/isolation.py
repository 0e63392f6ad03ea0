"""Verified critical points: Krawczyk's test that a small box holds exactly one zero of grad f.

With X = c + [-r, r]^d, Y any matrix and H(X) an enclosure of Hess f over X, the operator
K(X) = c - Y grad f(c) + (I - Y H(X))(X - c) maps into the interior of X only if f has exactly one critical
point in X (Krawczyk 1969; Rump 2010, Theorem 13.3).
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, precision, upper
from certify.generators.jets import jacobian_ball, second_derivative_ball, value_ball
from certify.posteriors.posterior import Posterior, line_derivatives_ball

GROWTH = 8.0
"""The box is this much larger than the Newton step at its centre."""


def isolating_radius(posterior: Posterior, point: FloatArray) -> float | None:
    """Half width r of a box around `point` (d,) with exactly one critical point of f; None if not verified.

    Rigorous: every step is evaluated in balls.
    """
    inverse = _approximate_inverse(posterior, point)
    if inverse is None:
        return None
    with precision():
        axes = np.eye(point.size)
        slopes = [line_derivatives_ball(posterior, point, axis).slope for axis in axes]
        step = arb_mat(inverse.tolist()) * arb_mat([[slope] for slope in slopes])
        newton = max(upper(abs(step[i, 0])) for i in range(point.size))
        radius = GROWTH * newton + 1e-15 * (1.0 + float(np.max(np.abs(point))))
        curvature = hessian_over_box(posterior, point, radius)
        size = point.size
        identity = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        contraction = identity - arb_mat(inverse.tolist()) * curvature
        offsets = arb_mat([[arb(0, radius)] for _ in range(size)])
        image = contraction * offsets - step
        inside = all(abs(image[i, 0]) < ball(radius) for i in range(size))
    return radius if inside else None


def hessian_over_box(posterior: Posterior, point: FloatArray, radius: float) -> arb_mat:
    """Enclosure of Hess f at every z with |z_i - point_i| <= radius (S1 in ball arithmetic)."""
    graph, size = posterior.generator.graph, point.size
    box = [arb(float(entry), radius) for entry in point]
    residual = [
        image - ball(float(target)) for image, target in zip(value_ball(graph, box), posterior.observation, strict=True)
    ]
    slopes = arb_mat(jacobian_ball(graph, box))
    gram = slopes.transpose() * slopes
    axes = [[int(i == j) for j in range(size)] for i in range(size)]
    weight = 1 / ball(posterior.beta) ** 2
    entries = [[arb(0)] * size for _ in range(size)]
    for row in range(size):
        for column in range(row, size):
            bend = second_derivative_ball(graph, box, axes[row], axes[column])
            contraction = sum((a * b for a, b in zip(residual, bend, strict=True)), arb(0))
            value = int(row == column) + (gram[row, column] + contraction) * weight
            entries[row][column] = entries[column][row] = value
    return arb_mat(entries)


def _approximate_inverse(posterior: Posterior, point: FloatArray) -> FloatArray | None:
    try:
        return np.asarray(np.linalg.inv(posterior.hessian(point)))
    except np.linalg.LinAlgError:
        return None
