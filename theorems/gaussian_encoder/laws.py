"""The Gaussian laws of the theorem: the one at the mode, and those at the last Newton iterate."""

from __future__ import annotations

import numpy as np

from certify.encoders.kind import Numbers
from certify.generators.derivatives import jacobian
from certify.generators.graph import FloatArray
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.proof.checks.locations import preimages
from certify.proof.instance import Instance
from theorems.descent import centre
from theorems.gaussian_encoder.network import covariance_of


def laplace_law(instance: Instance) -> GaussianLaw:
    """N(z*, H^{-1}) of the first observation, H = Hess f(z*). Estimate near machine precision."""
    return instance.once(
        "laplace-law",
        lambda: gaussian_at(instance.posterior(), find_mode(instance.posterior(), preimages(instance)[0].point)),
    )


def encoder_law(instance: Instance) -> GaussianLaw:
    """The encoder's output for the first observation: at z', with the covariance whose bound is smaller."""
    if covariance_of(Numbers(instance.values)) == "jacobian":
        return jacobian_law(instance)
    return instance.once("encoder-law", lambda: gaussian_at(instance.posterior(), newton_iterates(instance)[-1]))


def jacobian_law(instance: Instance) -> GaussianLaw:
    """N(z', A^{-1}) of the first observation, A = I + J(z')^T J(z')/beta^2. Estimate near machine precision."""

    def compute() -> GaussianLaw:
        posterior, point = instance.posterior(), newton_iterates(instance)[-1]
        scaled = jacobian(posterior.generator.graph, point) / posterior.beta
        inverse = np.linalg.inv(np.eye(point.size) + scaled.T @ scaled)
        return GaussianLaw(point, (inverse + inverse.T) / 2)

    return instance.once("jacobian-law", compute)


def newton_iterates(instance: Instance) -> FloatArray:
    """C = z_0, z_1, ..., z_{K_newton} for the first observation, shape (K_newton + 1, d). Estimates."""

    def compute() -> FloatArray:
        posterior, points = instance.posterior(), [centre(instance)]
        for _ in range(int(instance.number("K_newton"))):
            step = np.linalg.solve(posterior.hessian(points[-1]), posterior.gradient(points[-1]))
            points.append(points[-1] - step)
        return np.array(points)

    return instance.once("newton-iterates", compute)


def gaussian_at(posterior: Posterior, point: FloatArray) -> GaussianLaw:
    """N(z, Hess f(z)^{-1}) at z = `point` (d,), where the Hessian is positive definite. Estimate."""
    inverse = np.linalg.inv(posterior.hessian(point))
    return GaussianLaw(np.asarray(point), (inverse + inverse.T) / 2)
