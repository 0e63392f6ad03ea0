"""How large |G^{-1}(x)| is for x from the model: what S5's rho(t) is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Generator
from certify.measure.inverse import InversionError, invert
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval


@dataclass(frozen=True)
class ExceedanceFrequency:
    """Measured P(|zh| > radius), and the largest |zh| seen."""

    radius: float
    frequency: IntervalEstimate
    largest_norm: float


def exceedance_frequencies(
    generator: Generator,
    beta: float,
    radii: Sequence[float],
    samples: int = 20_000,
    seed: int = 0,
    error_probability: float = ERROR_PROBABILITY,
) -> tuple[ExceedanceFrequency, ...]:
    """Draw z ~ N(0, I), x = G(z) + beta xi, invert x, and count |zh| > radius for each of `radii`.

    Each Clopper-Pearson interval has error `error_probability`; the x are independent.

    Raises:
        InputError: if n != d or beta is not positive.
        InversionError: if some x could not be inverted (the frequency would be biased).
    """
    if not beta > 0:
        raise InputError(f"`beta` must be in (0, inf); got {beta:g}")
    random = np.random.default_rng(seed)
    latent = random.standard_normal((samples, generator.latent_dim))
    images = value(generator.graph, latent)
    observations = images + beta * random.standard_normal(images.shape)
    # z itself is a start within noise of zh, so Newton needs a few steps only.
    inversion = invert(generator, observations, latent)
    failed = inversion.residual_norms > 1e-8 * (1 + np.linalg.norm(observations, axis=1))
    if np.any(failed):
        raise InversionError(f"{int(np.sum(failed))} of {samples} observations could not be inverted")
    norms = np.linalg.norm(inversion.points, axis=1)
    return tuple(
        ExceedanceFrequency(
            float(radius),
            frequency_interval(int(np.sum(norms > radius)), samples, error_probability, "independent observations"),
            float(np.max(norms)),
        )
        for radius in radii
    )
