"""The third derivative of f over balls around zh: what the bound T3 of |D^3 f| is held against.

D^3 f(z)[u,u,u] = (3 <D^2 G[u,u], J u> + <G(z)-x, D^3 G[u,u,u]>)/beta^2. The norm of a symmetric trilinear form is its
largest value at a single unit vector u (Banach), so one point and one direction make a witness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.generators.derivatives import directional_derivative, second_derivative, third_derivative
from certify.posteriors.posterior import Posterior

FIRST_STEP, LAST_STEP = 0.5, 1e-3


@dataclass(frozen=True, eq=False)
class ThirdDerivativeExtreme:
    """|D^3 f(point)[u,u,u]| = value for the unit vector u = `direction`, |point - zh| <= radius. A witness."""

    radius: float
    value: float
    point: FloatArray
    direction: FloatArray
    cases: int


def line_third_derivative(posterior: Posterior, points: FloatArray, directions: FloatArray) -> FloatArray:
    """D^3 f(z)[u,u,u] for the rows z of `points` and u of `directions`, both (batch, d); shape (batch,). Estimate."""
    graph = posterior.generator.graph
    slope = directional_derivative(graph, points, directions)
    bend = second_derivative(graph, points, directions, directions)
    twist = third_derivative(graph, points, directions, directions, directions)
    total = np.sum(3.0 * bend * slope + posterior.residual(points) * twist, axis=1)
    return np.asarray(total / posterior.beta**2)


def third_derivative_extremes(
    posterior: Posterior,
    centre: FloatArray,
    radii: Sequence[float],
    samples: int = 400,
    climbs: int = 16,
    iterations: int = 40,
    seed: int = 0,
) -> tuple[ThirdDerivativeExtreme, ...]:
    """Search B(centre, R) for the largest |D^3 f[u,u,u]|, |u| = 1, for each R of `radii`.

    Random points (three in four on the sphere) and directions, then the best ones are improved by random steps of
    shrinking size. A found value is below the supremum: it can refute a bound, never prove one.
    """
    generator = np.random.default_rng(seed)
    return tuple(_extreme(posterior, centre, radius, samples, climbs, iterations, generator) for radius in radii)


def _extreme(
    posterior: Posterior,
    centre: FloatArray,
    radius: float,
    samples: int,
    climbs: int,
    iterations: int,
    generator: np.random.Generator,
) -> ThirdDerivativeExtreme:
    dimension = centre.size
    depth = np.where(np.arange(samples) % 4 < 3, 1.0, generator.random(samples))
    offsets = radius * depth[:, None] * _unit(generator.standard_normal((samples, dimension)))
    directions = _unit(generator.standard_normal((samples, dimension)))
    values = np.abs(line_third_derivative(posterior, centre + offsets, directions))
    best = np.argsort(-values)[:climbs]
    offsets, directions, values = offsets[best], directions[best], values[best]
    for step in np.geomspace(FIRST_STEP, LAST_STEP, iterations):
        trial_offsets = offsets + step * radius * generator.standard_normal(offsets.shape)
        length = np.linalg.norm(trial_offsets, axis=1, keepdims=True)
        trial_offsets *= np.minimum(1.0, radius / np.maximum(length, 1e-300))
        trial_directions = _unit(directions + step * generator.standard_normal(directions.shape))
        trial = np.abs(line_third_derivative(posterior, centre + trial_offsets, trial_directions))
        better = trial > values
        offsets[better], directions[better], values[better] = (
            trial_offsets[better], trial_directions[better], trial[better],
        )  # fmt: skip
    top = int(np.argmax(values))
    cases = samples + iterations * best.size
    return ThirdDerivativeExtreme(radius, float(values[top]), centre + offsets[top], directions[top].copy(), cases)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300))
