"""The model of x and z as a generator means it: draws of x, f and the posterior, under Gaussian noise or for logits.

Bernoulli logits l = G(z): f(z) = |z|^2/2 + sum_i log(1 + e^{l_i}) - x_i l_i, outside A0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb_series

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.logits import NO_NOISE, check_bits, gaussian_wanted
from certify.posteriors.posterior import Posterior


@dataclass(frozen=True, eq=False)
class BernoulliPosterior(Posterior):
    """Law of z given bits x = `observation` (n,), entries in [0, 1], when x_i | z has the logit G_i(z).

    Only f is there: what needs its derivatives is about Gaussian noise and refuses.

    Raises:
        InputError: for another shape, or an entry outside [0, 1].
    """

    beta: float = NO_NOISE

    def __post_init__(self) -> None:
        observation = np.array(self.observation, dtype=np.float64)
        if observation.shape != (self.generator.observed_dim,):
            raise InputError(f"`observation` must have shape ({self.generator.observed_dim},); got {observation.shape}")
        check_bits(self.generator, observation[None], "`observation`")
        observation.setflags(write=False)
        object.__setattr__(self, "observation", observation)

    def potential(self, points: FloatArray) -> FloatArray:
        """f(z), shape (batch,) or (). Estimate (float64)."""
        return potentials(self.generator, points, self.generator.value(points), self.observation, self.beta)

    def gradient(self, points: FloatArray) -> FloatArray:
        """Not there: raises InputError."""
        raise gaussian_wanted(self.generator, "the gradient of f")

    def hessian(self, points: FloatArray) -> FloatArray:
        """Not there: raises InputError."""
        raise gaussian_wanted(self.generator, "the Hessian of f")

    def line_potential_ball(self, point: FloatArray, direction: FloatArray, order: int) -> arb_series:
        """Not there: raises InputError."""
        raise gaussian_wanted(self.generator, "the enclosure of f")


def posterior_of(generator: Generator, observation: FloatArray, beta: float) -> Posterior:
    """The posterior at `observation` (n,) under what the generator's outputs mean; logits have no noise `beta`."""
    if generator.likelihood == GAUSSIAN:
        return Posterior(generator, observation, beta)
    return BernoulliPosterior(generator, observation)


def draw_observations(generator: Generator, images: FloatArray, beta: float, random: np.random.Generator) -> FloatArray:
    """Draws of x given G(z) = `images` (k, n), independent."""
    if generator.likelihood == GAUSSIAN:
        return np.asarray(images + beta * random.standard_normal(images.shape))
    with np.errstate(over="ignore"):
        return np.asarray((random.random(images.shape) * (1.0 + np.exp(-images)) < 1.0).astype(np.float64))


def potentials(
    generator: Generator, points: FloatArray, images: FloatArray, observations: FloatArray, beta: float
) -> FloatArray:
    """f at points z (..., d) with G(z) = `images` (..., n) and x = `observations` given. Estimate (float64)."""
    prior = 0.5 * np.sum(points * points, axis=-1)
    if generator.likelihood != GAUSSIAN:
        return np.asarray(prior + np.sum(np.logaddexp(0.0, images) - observations * images, axis=-1))
    misfits = (images - observations) / beta
    return np.asarray(prior + 0.5 * np.sum(misfits * misfits, axis=-1))
