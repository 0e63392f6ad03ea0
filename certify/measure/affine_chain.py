"""The exponential integrator at an affine decoder: every law is Gaussian, so its distance to the posterior is enclosed.

In y = B^{-1}(z - c) a layer is y' = y - s (H y + g) + (2 s - s^2)^{1/2} xi with the constant Hessian H of F and its
gradient g at 0, so without the projection all laws are Gaussian and Pinsker's bound holds between the last and the
posterior N(-H^{-1} g, H^{-1}); a projection changes a law by at most the mass that it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, arb_mat

from certify.arithmetic.ball_matrices import ball_matrix, spectral_norm_bounds
from certify.arithmetic.balls import Real, ball, euclidean_norm, precision
from certify.generators.jets import jacobian_ball, value_ball
from certify.measure.whitened import WhitenedPosterior
from certify.symbolic.functions import chi_tail_ball

BITS = 256
"""KL of two laws that agree to 1e-16 is a difference of numbers of order one: it needs twice the digits."""


def affine_chain_distance(
    whitened: WhitenedPosterior, radius: Real, times: Sequence[Real], gaussian_start: bool = True
) -> arb:
    """Upper bound of TV(law X_K, pi_x) for layer times eta_k = `times`, projected to |y| <= `radius`.

    Guarantee: for an affine generator the distance is at most every number of the ball; rounded outward.
    """
    with precision(BITS):
        hessian, gradient = _quadratic(whitened)
        d = hessian.nrows()
        identity = arb_mat(d, d, [int(i == j) for i in range(d) for j in range(d)])
        mean, covariance = arb_mat(d, 1), identity if gaussian_start else arb_mat(d, d)
        reach = ball(radius)
        moved = _outside(mean, covariance, reach)
        for time in times:
            s = -(-ball(time)).expm1()
            step = identity - s * hessian
            mean = step * mean - s * gradient
            covariance = step * covariance * step.transpose() + (2 * s - s**2) * identity
            moved += _outside(mean, covariance, reach)
        product = hessian * covariance
        shift = mean + hessian.solve(gradient)
        divergence = (product.trace() - d + (shift.transpose() * hessian * shift)[0, 0] - product.det().log()) / 2
        return ((divergence.nonnegative_part() / 2).sqrt() + moved).min(arb(1))


def _quadratic(whitened: WhitenedPosterior) -> tuple[arb_mat, arb_mat]:
    """H = B^T (I + J^T J/beta^2) B and g = B^T (c + J^T (G(c) - x)/beta^2) in balls."""
    posterior = whitened.posterior
    graph, point = posterior.generator.graph, [float(entry) for entry in whitened.point]
    jacobian = arb_mat(jacobian_ball(graph, point, BITS))
    noise = ball(posterior.beta) ** 2
    gaps = zip(value_ball(graph, point, BITS), posterior.observation, strict=True)
    residual = arb_mat([[image - ball(float(x))] for image, x in gaps])
    d = len(point)
    identity = arb_mat(d, d, [int(i == j) for i in range(d) for j in range(d)])
    factor, centre = ball_matrix(whitened.factor), arb_mat([[ball(entry)] for entry in point])
    hessian = factor.transpose() * (identity + jacobian.transpose() * jacobian / noise) * factor
    return hessian, factor.transpose() * (centre + jacobian.transpose() * residual / noise)


def _outside(mean: arb_mat, covariance: arb_mat, radius: arb) -> arb:
    """Bound of P(|y| > radius) for a Gaussian law, through the chi law of its largest standard deviation."""
    spread = ball(spectral_norm_bounds(lambda: covariance, BITS)[1]).sqrt()
    room = radius - euclidean_norm([mean[i, 0] for i in range(mean.nrows())])
    if not room > 0:
        return arb(1)
    return chi_tail_ball(arb(mean.nrows()), room / spread) if spread > 0 else arb(0)
