"""The posterior's mass away from zh, pi_x(|z - zh| > R0): what S4's tail(R0) is held against.

Quadrature for d <= 2, exact Gaussian draws for an affine generator, reference draws (exact rejection or MALA)
otherwise, with Clopper-Pearson intervals that hold for all radii together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.generators.graph import FloatArray
from certify.measure.reference import ReferenceDraws, laplace_draws, reference_draws
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature

QUADRATURE_DIMENSION = 2
DRAWS = 20_000
PROBABILITIES = (0.99, 0.5, 0.1, 0.01)


@dataclass(frozen=True)
class TailMass:
    """pi_x(|z - zh| > radius), measured."""

    radius: float
    mass: IntervalEstimate


def tail_masses(
    posterior: Posterior,
    preimage: FloatArray,
    radii: Sequence[float],
    reference: ReferenceDraws | None = None,
    seed: int = 0,
    error_probability: float = ERROR_PROBABILITY,
) -> tuple[TailMass, ...]:
    """Measure the tail mass beyond each of `radii` around zh = `preimage` (d,).

    Each interval has error `error_probability` (0 for quadrature, whose half width is a refinement error).
    `reference` are draws made beforehand (they may be exact); None draws `DRAWS` here.

    Raises:
        MassElsewhereError: if d <= 2 and the posterior has a second basin.
    """
    if posterior.latent_dim <= QUADRATURE_DIMENSION:
        truth = build_quadrature(posterior, preimage)
        return tuple(TailMass(float(radius), truth.tail_mass(preimage, radius)) for radius in radii)
    drawn = reference or reference_draws(posterior, preimage, DRAWS, seed)
    distances = np.linalg.norm(drawn.points - preimage, axis=1)
    return tuple(
        TailMass(
            float(radius),
            frequency_interval(
                int(np.sum(distances > radius)), distances.size, error_probability, drawn.method, drawn.assumption
            ),
        )
        for radius in radii
    )


def informative_radii(
    posterior: Posterior, preimage: FloatArray, probabilities: Sequence[float] = PROBABILITIES, seed: int = 0
) -> tuple[float, ...]:
    """Radii at which the tail mass is roughly each of `probabilities`, from the Laplace approximation. Estimate."""
    distances = np.linalg.norm(laplace_draws(posterior, preimage, 20_000, seed) - preimage, axis=1)
    return tuple(float(np.quantile(distances, 1 - probability)) for probability in probabilities)
