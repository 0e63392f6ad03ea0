"""The posterior pi_x of A0: its potential f, gradient and Hessian in floats, and f along a line in balls.

f(z) = |z|^2/2 + |G(z) - x|^2/(2 beta^2), pi_x(z) proportional to exp(-f(z))  (docs/theory, section 0 and S1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import WORKING_PRECISION, ball, precision
from certify.errors import InputError
from certify.generators.derivatives import (
    guarded_value,
    hessian_contraction,
    jacobian,
    value,
    vector_jacobian_product,
)
from certify.generators.graph import Generator
from certify.generators.jets import line_jet
from certify.generators.logits import require_gaussian

SMALLEST_BETA, LARGEST_BETA = 1e-150, 1e150


@dataclass(frozen=True, eq=False)
class Posterior:
    """Law of z given x = `observation` (n,) when z ~ N(0, I_d) and x | z ~ N(G(z), beta^2 I_n).

    Points are (batch, d) or (d,); a result has the leading shape of the points. The float methods are
    estimates; `line_potential_ball` is rigorous.

    Raises:
        InputError: for a generator of logits, or if `observation` has not the shape (n,), is not finite, or `beta` is
            not between `SMALLEST_BETA` and `LARGEST_BETA`.
    """

    generator: Generator
    observation: FloatArray
    beta: float

    def __post_init__(self) -> None:
        require_gaussian(self.generator, "this")
        observation = np.array(self.observation, dtype=np.float64)
        if observation.shape != (self.generator.observed_dim,):
            raise InputError(f"`observation` must have shape ({self.generator.observed_dim},); got {observation.shape}")
        if not np.all(np.isfinite(observation)):
            raise InputError("`observation` must be finite; it contains NaN or infinity")
        if not (math.isfinite(self.beta) and self.beta > 0):
            raise InputError(f"`beta` must be in (0, inf); got {self.beta:g}")
        if not SMALLEST_BETA <= self.beta <= LARGEST_BETA:
            raise InputError(
                f"`beta` must be between {SMALLEST_BETA:g} and {LARGEST_BETA:g}, whose squares floats hold; got "
                f"{self.beta:g}: scale the outputs and the noise"
            )
        observation.setflags(write=False)
        object.__setattr__(self, "observation", observation)

    @property
    def latent_dim(self) -> int:
        """Latent dimension d."""
        return self.generator.latent_dim

    def residual(self, points: FloatArray) -> FloatArray:
        """r(z) = G(z) - x, shape (batch, n) or (n,)."""
        return value(self.generator.graph, points) - self.observation

    def potential(self, points: FloatArray) -> FloatArray:
        """f(z) = |z|^2/2 + |r|^2/(2 beta^2), shape (batch,) or (). Estimate (float64)."""
        return self._potential(points, self.residual(points))

    def known_potential(self, points: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """`potential` at points (batch, d), and where floats know it (`guarded_value`). Estimate (float64)."""
        values, known = guarded_value(self.generator.graph, points)
        return self._potential(points, values - self.observation), known

    def _potential(self, points: FloatArray, residual: FloatArray) -> FloatArray:
        scaled = residual / self.beta
        return np.asarray(0.5 * (np.sum(points * points, axis=-1) + np.sum(scaled * scaled, axis=-1)))

    def log_density(self, points: FloatArray) -> FloatArray:
        """-f(z): the logarithm of pi_x up to its normaliser."""
        return -self.potential(points)

    def gradient(self, points: FloatArray) -> FloatArray:
        """Gradient grad f(z) = z + J^T r / beta^2 (S1), shape of `points`. Estimate (float64)."""
        batch = np.atleast_2d(points)
        pulled = vector_jacobian_product(self.generator.graph, batch, self.residual(batch) / self.beta**2)
        return (batch + pulled).reshape(points.shape)

    def hessian(self, points: FloatArray) -> FloatArray:
        """Hess f(z) = I + [J^T J + sum_i r_i Hess G_i]/beta^2 (S1), shape (batch, d, d) or (d, d). Estimate."""
        batch = np.atleast_2d(points)
        scaled_jacobian = jacobian(self.generator.graph, batch) / self.beta
        curvature = hessian_contraction(self.generator.graph, batch, self.residual(batch) / self.beta**2)
        gram = np.einsum("bni,bnj->bij", scaled_jacobian, scaled_jacobian)
        hessian = np.eye(self.latent_dim) + gram + 0.5 * (curvature + np.swapaxes(curvature, 1, 2))
        return np.asarray(hessian.reshape((*points.shape[:-1], self.latent_dim, self.latent_dim)))

    def line_potential_ball(self, point: FloatArray, direction: FloatArray, order: int) -> arb_series:
        """Taylor jet of t -> f(point + t direction) to degree `order`, every coefficient an enclosure.

        The floats of `point`, `direction`, `observation` and `beta` are taken as the exact numbers they are.
        Rigorous: each coefficient's ball contains the exact one, at the ambient working precision.

        Raises:
            InputError: if `order` is not in [0, flint.ctx.cap), where series arithmetic would cut the jet.
        """
        if not 0 <= order < ctx.cap:
            raise InputError(f"`order` must be in [0, {ctx.cap}); got {order}")
        start = [ball(float(entry)) for entry in point]
        slope = [ball(float(entry)) for entry in direction]
        jets = line_jet(self.generator.graph, start, slope, order)
        total = arb_series([0], order + 1)
        for base, rate in zip(start, slope, strict=True):
            line = arb_series([base, rate], order + 1)
            total = total + line * line
        noise = arb_series([1 / ball(self.beta) ** 2], order + 1)
        for jet, target in zip(jets, self.observation, strict=True):
            gap = jet - arb_series([ball(float(target))], order + 1)
            total = total + noise * gap * gap
        return total * arb_series([arb(1) / 2], order + 1)


@dataclass(frozen=True)
class LineDerivatives:
    """f(z), <grad f(z), u> and u^T Hess f(z) u, each an enclosure."""

    potential: arb
    slope: arb
    curvature: arb


def line_derivatives_ball(
    posterior: Posterior, point: FloatArray, direction: FloatArray, bits: int = WORKING_PRECISION
) -> LineDerivatives:
    """Enclose f, <grad f, u> and u^T Hess f u at `point` (d,) along `direction` (d,).

    This is the independent engine (Taylor jets) against which S1's formulae and any violation of S2 are
    re-checked. Rigorous, at `bits` of working precision.
    """
    with precision(bits):
        jet = posterior.line_potential_ball(point, direction, 2)
        return LineDerivatives(jet[0], jet[1], 2 * jet[2])
