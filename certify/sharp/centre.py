"""The computed point c of one observation, and the numbers that the sharp bounds want there, certified.

c <- c - A^{-1} grad f(c) from the mode that Newton's descent finds, A = I + J(c)^T J(c)/beta^2, B a float factor with
B B^T close to A^{-1}. Then in balls at that very c and B: g >= |B^T grad f(c)|, |r(c)|, om >= ||B^T A B - I||, and the
extreme singular values of J(c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb_mat

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import Real, ball, euclidean_norm, midpoint, precision, upper
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.arithmetic.matrices import sigma_min_lower, spectral_norm_upper
from certify.generators.derivatives import jacobian
from certify.generators.jets import jacobian_ball, value_ball
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.sharp.problem import SharpProblem, closed_form_problem

CORRECTIONS = 4


@dataclass(frozen=True, eq=False)
class Centre:
    """A point c (d,), the factor B (d, d) of z = c + B y, and certified numbers at them.

    gradient_upper     g >= |B^T grad f(c)|
    residual_upper     >= |G(c) - x|
    defect_upper       om >= ||B^T A B - I||
    sigma_min_lower    <= sigma_min(J(c))
    jacobian_upper     >= ||J(c)||
    """

    point: FloatArray
    factor: FloatArray
    gradient_upper: float
    residual_upper: float
    defect_upper: float
    sigma_min_lower: float
    jacobian_upper: float


def find_centre(posterior: Posterior, start: FloatArray | None = None) -> Centre:
    """A point close to the mode with its certified numbers; `start` (d,) is where to look first.

    Guarantee: upper and lower bounds rounded outward, for the floats c, B, x and beta taken as the exact numbers
    they are. That c is near a mode is not needed and not claimed: a poor one shows in a large g.
    Bounds, rounded outward.
    """
    point = find_mode(posterior, start)
    for _ in range(CORRECTIONS):
        scaled = jacobian(posterior.generator.graph, point[None])[0] / posterior.beta
        normal = np.eye(point.size) + scaled.T @ scaled
        point = point - np.linalg.solve(normal, posterior.gradient(point))
    return certify_centre(posterior, point)


def certify_centre(posterior: Posterior, point: FloatArray) -> Centre:
    """The certified numbers at a given point (d,), with B = L^{-T} for A = L L^T in floats. Bounds, rounded outward."""
    scaled = jacobian(posterior.generator.graph, point[None])[0] / posterior.beta
    lower = np.linalg.cholesky(np.eye(point.size) + scaled.T @ scaled)
    return enclose_centre(posterior, point, np.ascontiguousarray(np.linalg.inv(lower).T))


def enclose_centre(posterior: Posterior, point: FloatArray, factor: FloatArray) -> Centre:
    """The certified numbers at a given point (d,) and factor (d, d), whatever they are. Bounds, rounded outward."""
    with precision():
        entries = [ball(float(entry)) for entry in point]
        matrix = arb_mat(jacobian_ball(posterior.generator.graph, entries))
        values = value_ball(posterior.generator.graph, entries)
        residual = arb_mat([[value - ball(float(x))] for value, x in zip(values, posterior.observation, strict=True)])
        noise = 1 / ball(posterior.beta) ** 2
        basis = ball_matrix(factor)
        gradient = arb_mat([[entry] for entry in entries]) + matrix.transpose() * residual * noise
        pulled = basis.transpose() * gradient
        stretched = matrix * basis
        defect = basis.transpose() * basis + stretched.transpose() * stretched * noise - ball_matrix(np.eye(point.size))
        jacobian_balls = _float_ball(matrix)
        return Centre(
            point, factor, upper(euclidean_norm(pulled.entries())),
            upper(euclidean_norm(residual.entries())), spectral_norm_upper(_float_ball(defect)),
            sigma_min_lower(jacobian_balls), spectral_norm_upper(jacobian_balls),
        )  # fmt: skip


def _float_ball(matrix: arb_mat) -> MatrixBall:
    """The float ball around a matrix of balls, rounded outward."""
    shape = (matrix.nrows(), matrix.ncols())
    middle, radius = np.empty(shape), np.empty(shape)
    for i, row in enumerate(matrix.tolist()):
        for j, entry in enumerate(row):
            middle[i, j] = midpoint(entry)
            radius[i, j] = upper(abs(entry - ball(middle[i, j])))
    return MatrixBall(middle, radius)


def measured_problem(centre: Centre, m: Real, M: Real, M2: Real, beta: Real) -> SharpProblem:
    """The closed forms at a centre: global m, M, M2 with everything measured there in place of what it bounds.

    Bounds, rounded outward.
    """
    return closed_form_problem(
        centre.point.size, m, M, M2, beta, centre.gradient_upper, centre.residual_upper, centre.defect_upper,
        sigma_min=centre.sigma_min_lower, jacobian_norm=centre.jacobian_upper,
    )  # fmt: skip
