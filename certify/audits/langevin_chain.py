"""Theorem 1's encoder as a chain: descent to c, then plain Langevin layers.

    c = descent of |G(z) - x|^2/2 from 0,   U_0 = c,   U <- U - eta grad f(U) + sqrt(2 eta) xi,   K layers.

Its law is Gaussian in closed form for an affine generator and known by a transition operator for d <= 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.audits.coupled_chain import CoupledEnd, LayerSteps, stationary_coupling
from certify.errors import CertifyError
from certify.measure.burn_in import gaussian_distance
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.gaussian import is_affine, langevin_law, posterior_law
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import chain_total_variation
from certify.progress import Progress
from certify.sampling.couplings import PosteriorDensity
from certify.sampling.descent import gradient_descent
from certify.sampling.langevin import Langevin
from certify.sampling.options import RunOptions
from certify.sampling.program import compile_program
from certify.sampling.runs import run
from certify.sampling.target import as_target
from certify.wording import counted

TRANSITION_DIMENSION = 2
SIMULATED, CHAINS = 20_000_000, (256, 20_000)
COUPLED, PAIRS = 15_000_000, (400, 4000)
"""Gradient evaluations spent, and the fewest and most chains or pairs."""
RELAXATIONS = 4.0
"""Coupled layers, in relaxation times 1/(eta lambda_min) of the curvature at the chain's start; any number is valid."""


@dataclass(frozen=True)
class LangevinChain:
    """K_gd descent layers of step `descent_step` from 0, then `layers` plain Langevin layers of step `step_size`."""

    descent_step: float
    descent_layers: int
    step_size: float
    layers: int

    @classmethod
    def declared(cls, metadata: Mapping[str, str]) -> LangevinChain | None:
        """The chain that a file's metadata declares, or None."""
        if metadata.get("certify.encoder") != "langevin" or metadata.get("certify.projected", "no") != "no":
            return None
        try:
            return cls(
                1.0 / float(metadata["certify.L_Phi"]),
                int(metadata["certify.K_gd"]),
                float(metadata["certify.eta"]),
                int(metadata["certify.K"]),
            )
        except (KeyError, ValueError, ZeroDivisionError):
            return None

    def at(self, posterior: Posterior) -> PlacedLangevin:
        """The chain from the end of its descent."""
        program, origin = compile_program(posterior.generator.graph), np.zeros(posterior.latent_dim)
        if self.descent_layers == 0:
            return PlacedLangevin(self, posterior, origin)
        path = gradient_descent(program, posterior.observation, origin, self.descent_step, self.descent_layers)
        return PlacedLangevin(self, posterior, np.asarray(path[-1]))


@dataclass(frozen=True, eq=False)
class PlacedLangevin:
    """The chain at one posterior, from `centre` (d,)."""

    chain: LangevinChain
    posterior: Posterior
    centre: FloatArray

    @property
    def description(self) -> str:
        """What an audit calls it."""
        layers = counted(self.chain.layers, "layer")
        return f"the Langevin chain of its generator, {layers} of step {self.chain.step_size:.4g}"

    @property
    def noise_size(self) -> int:
        """One standard normal vector a layer."""
        return self.chain.layers * self.posterior.latent_dim

    def run(self, noise: FloatArray) -> FloatArray:
        """U_K (rows, d) at given noises (rows, noise_size)."""
        steps = noise.reshape(noise.shape[0], self.chain.layers, -1)
        states = np.tile(self.centre, (noise.shape[0], 1))
        for layer in range(self.chain.layers):
            drift = self.chain.step_size * self.posterior.gradient(states)
            states = states - drift + math.sqrt(2 * self.chain.step_size) * steps[:, layer]
        return states

    def simulate(self, count: int, seed: int) -> FloatArray:
        """Independent U_K by the compiled sampler, as many as the budget allows."""
        chains = min(count, int(np.clip(SIMULATED // self.chain.layers, *CHAINS)))
        return self._after(self.chain.layers, chains, seed)

    def known_distance(self, seed: int, error_probability: float) -> DistanceEstimate | None:
        """Closed form for an affine generator, the transition operator for d <= 2."""
        step_size, layers = self.chain.step_size, self.chain.layers
        if is_affine(self.posterior):
            law = langevin_law(self.posterior, self.centre, step_size, layers)
            found = gaussian_distance(law, posterior_law(self.posterior), seed, error_probability)
            return DistanceEstimate(
                found.estimate, found.lower, found.upper, f"the chain's Gaussian law, {found.method}"
            )
        if self.posterior.latent_dim > TRANSITION_DIMENSION:
            return None
        try:
            return chain_total_variation(build_quadrature(self.posterior), self.centre, step_size, (layers,))[0]
        except CertifyError:
            return None

    def coupled(self, stationary: FloatArray, seed: int, error_probability: float, progress: Progress) -> CoupledEnd:
        """The last layers coupled with MALA; U alone runs before."""
        step_size, layers = self.chain.step_size, self.chain.layers
        slowest = max(1.0, float(np.linalg.eigvalsh(self.posterior.hessian(self.centre))[0]))
        last = min(layers, math.ceil(RELAXATIONS / (step_size * slowest)))
        pairs = min(stationary.shape[0], int(np.clip(COUPLED // last, *PAIRS)))
        steps = LayerSteps(np.full(last, step_size), np.full(last, 2 * step_size))
        density = PosteriorDensity(as_target(self.posterior))
        starts = self._after(layers - last, pairs, seed + 1)
        return stationary_coupling(density, starts, stationary[:pairs], steps, seed, error_probability, progress)

    def _after(self, layers: int, chains: int, seed: int) -> FloatArray:
        if layers == 0:
            return np.tile(self.centre, (chains, 1))
        options = RunOptions(seed, chains)
        return np.asarray(run(Langevin(), self.posterior, self.centre, self.chain.step_size, layers, options).positions)
