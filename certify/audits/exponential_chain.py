"""Theorem 1*'s encoder as a chain: preconditioned layers of the exponential integrator around the mode.

Around the mode c, with A = I + J(c)^T J(c)/beta^2, B B^T = A^{-1} and F(y) = f(c + B y): y_0 = xi_0 or 0,
    y <- P y - s_k grad F(P y) + sqrt(2 s_k - s_k^2) xi_k,   s_k = 1 - exp(-eta_k),
and the draw is z = c + B y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.coupled_chain import CoupledEnd, LayerSteps, clipped, stationary_coupling
from certify.audits.score import score_distance
from certify.errors import InputError
from certify.generators.derivatives import jacobian
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.progress import Progress
from certify.sampling.couplings import PosteriorDensity
from certify.sampling.langevin import ExponentialIntegrator
from certify.sampling.options import RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.preconditioning import Preconditioner, precondition
from certify.sampling.runs import run
from certify.sharp.schedule import Schedule
from certify.wording import counted

SIMULATED, CHAINS = 20_000_000, (256, 20_000)
COUPLED, PAIRS = 15_000_000, (400, 10_000)
"""Gradient evaluations spent, and the fewest and most chains or pairs."""
SHORT = 3.0
"""Total time below which a chain has not forgotten its start."""


@dataclass(frozen=True, eq=False)
class ExponentialChain:
    """Times eta_k > 0 (K,) of the layers, the radius of the projection, and whether y_0 is a draw of N(0, I) or 0."""

    times: FloatArray
    radius: float
    gaussian_start: bool

    @classmethod
    def declared(cls, metadata: Mapping[str, str]) -> ExponentialChain | None:
        """The chain that a file's metadata declares, or None."""
        if metadata.get("certify.encoder") != "sharp":
            return None
        try:
            first, offset, step = (Fraction(float(metadata[f"certify.{name}"])) for name in ("eta_b", "h", "eta"))
            schedule = Schedule(first, offset, int(metadata["certify.K0"]), step, int(metadata["certify.K"]))
            times = np.array([float(time) for time in schedule.times()])
            return cls(times, float(metadata["certify.R"]), float(metadata["certify.start"]) > 0)
        except (KeyError, ValueError, OverflowError, InputError):
            return None

    def at(self, posterior: Posterior) -> PlacedExponential:
        """The chain around the posterior's mode."""
        mode = find_mode(posterior)
        scaled = jacobian(posterior.generator.graph, mode[None])[0] / posterior.beta
        precision = np.eye(mode.size) + scaled.T @ scaled
        return PlacedExponential(self, posterior, Preconditioner.from_precision(mode, precision))


@dataclass(frozen=True, eq=False)
class PlacedExponential:
    """The chain at one posterior, in the coordinates z = c + B y."""

    chain: ExponentialChain
    posterior: Posterior
    coordinates: Preconditioner

    @property
    def description(self) -> str:
        """What an audit calls it."""
        start = "a Gaussian start" if self.chain.gaussian_start else "a start at the mode"
        return f"the preconditioned chain of its generator, {counted(self.chain.times.size, 'layer')} after {start}"

    @property
    def noise_size(self) -> int:
        """One standard normal vector a layer, and one for a Gaussian start."""
        return (self.chain.times.size + int(self.chain.gaussian_start)) * self.posterior.latent_dim

    def run(self, noise: FloatArray) -> FloatArray:
        """Draws z (rows, d) at given noises (rows, noise_size)."""
        rows = noise.reshape(noise.shape[0], -1, self.posterior.latent_dim)
        offset = int(self.chain.gaussian_start)
        states = rows[:, 0] if offset else np.zeros((noise.shape[0], self.posterior.latent_dim))
        shrinks = -np.expm1(-self.chain.times)
        for layer, shrink in enumerate(shrinks):
            inside = clipped(states, self.chain.radius)
            gradient = self.posterior.gradient(self.coordinates.latent(inside)) @ self.coordinates.factor
            states = inside - shrink * gradient + np.sqrt(2 * shrink - shrink**2) * rows[:, layer + offset]
        return self.coordinates.latent(states)

    def simulate(self, count: int, seed: int) -> FloatArray:
        """Independent draws by the compiled integrator, as many as the budget allows."""
        times, centre = self.chain.times, self.coordinates.centre
        layer = ExponentialIntegrator((np.zeros(centre.size), self.chain.radius))
        chains = min(count, int(np.clip(SIMULATED // times.size, *CHAINS)))
        ends = run(
            Preconditioned(self.coordinates, layer), self.posterior, None if self.chain.gaussian_start else centre,
            times, times.size, RunOptions(seed, chains),
        )  # fmt: skip
        return np.asarray(ends.positions)

    def known_distance(self, seed: int, error_probability: float) -> DistanceEstimate | None:
        """None: no closed form is used for this chain."""
        return None

    def coupled(self, stationary: FloatArray, seed: int, error_probability: float, progress: Progress) -> CoupledEnd:
        """All layers coupled with the Metropolis chain of the same proposals, in the coordinates y.

        A short chain does not forget a start apart; after a Gaussian start the pairs then begin at one draw of pi_x,
        and the start's own distance, known by its density ratio, is added: TV(p P, pi) <= TV(p, pi) + TV(pi P, pi).
        """
        if self.chain.gaussian_start and float(np.sum(self.chain.times)) < SHORT:
            apart = self._start_distance(stationary, seed + 3, error_probability / 2)
            found = self._pairs(stationary, None, seed, error_probability / 2, progress)
            return replace(found, upper=min(1.0, found.upper + apart))
        return self._pairs(stationary, seed + 1, seed, error_probability, progress)

    def _start_distance(self, stationary: FloatArray, seed: int, error_probability: float) -> float:
        """Upper end of TV(N(c, B B^T), pi_x)."""
        others = self.coordinates.coordinates(stationary)
        points = np.random.default_rng(seed).standard_normal(others.shape)
        scores = [
            self.posterior.potential(self.coordinates.latent(sample)) - 0.5 * np.sum(sample * sample, axis=1)
            for sample in (points, others)
        ]
        return score_distance(scores[0], scores[1], error_probability).upper

    def _pairs(
        self, stationary: FloatArray, start_seed: int | None, seed: int, error_probability: float, progress: Progress
    ) -> CoupledEnd:
        """Pairs from independent starts, or from one start where `start_seed` is None."""
        pairs = min(stationary.shape[0], int(np.clip(COUPLED // self.chain.times.size, *PAIRS)))
        shrinks = -np.expm1(-self.chain.times)
        steps = LayerSteps(shrinks, 2 * shrinks - shrinks**2, self.chain.radius)
        density = PosteriorDensity(precondition(self.posterior, self.coordinates))
        others = np.ascontiguousarray(self.coordinates.coordinates(stationary[:pairs]))
        if start_seed is None:
            starts = others.copy()
        elif self.chain.gaussian_start:
            starts = np.random.default_rng(start_seed).standard_normal(others.shape)
        else:
            starts = np.zeros(others.shape)
        return stationary_coupling(density, starts, others, steps, seed, error_probability, progress)
