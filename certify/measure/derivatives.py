"""S1's formulae for grad f and Hess f against two other engines: Taylor jets in balls, and exact algebra.

Numerically: <grad f, u> and u^T Hess f u from the float formulae against the jets' enclosures at sampled
points and directions. Exactly: for random polynomial maps with rational coefficients the formula minus
the derivative of f (sympy's polynomial ring) must be the zero polynomial.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import QQ
from sympy.polys.rings import PolyElement, ring

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import midpoint
from certify.errors import InputError
from certify.generators.derivatives import jacobian
from certify.posteriors.posterior import Posterior, line_derivatives_ball


@dataclass(frozen=True, eq=False)
class FormulaDeviation:
    """Largest relative deviation of S1's formulae from the jets, where it was attained, and the number of cases."""

    gradient: float
    hessian: float
    point: FloatArray
    direction: FloatArray
    cases: int


@dataclass(frozen=True)
class PolynomialIdentity:
    """Outcome of the exact check: the number of identities tried and of those whose difference was not zero."""

    identities: int
    failures: int


def formula_deviation(
    posterior: Posterior, centre: FloatArray, radius: float, cases: int = 60, seed: int = 0
) -> FormulaDeviation:
    """Compare the float formulae of S1 with ball-arithmetic jets at points around `centre`.

    Points: `centre`, and points at distances from 1e-3 `radius` to `radius` in random directions. A deviation
    is relative to the size of the terms summed, |z| + |J|_F (|G(z)| + |x|)/beta^2 for the gradient and
    1 + |J|_F^2/beta^2 + |Hess f|_F for the Hessian, so that rounding alone gives about 1e-16.
    """
    generator = np.random.default_rng(seed)
    directions = generator.standard_normal((cases, 2, posterior.latent_dim))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    distances = radius * np.geomspace(1e-3, 1.0, cases)
    distances[0] = 0.0
    points = centre + distances[:, None] * directions[:, 0]
    gradients, hessians = posterior.gradient(points), posterior.hessian(points)
    slopes_scale, curvature_scale = _scales(posterior, points, hessians)
    deviations = np.empty((cases, 2))
    for index, (point, direction) in enumerate(zip(points, directions[:, 1], strict=True)):
        enclosure = line_derivatives_ball(posterior, point, direction)
        slope, curvature = gradients[index] @ direction, direction @ hessians[index] @ direction
        deviations[index, 0] = abs(midpoint(enclosure.slope - float(slope))) / slopes_scale[index]
        deviations[index, 1] = abs(midpoint(enclosure.curvature - float(curvature))) / curvature_scale[index]
    worst = int(np.argmax(np.max(deviations, axis=1)))
    return FormulaDeviation(
        float(np.max(deviations[:, 0])),
        float(np.max(deviations[:, 1])),
        points[worst].copy(),
        directions[worst, 1].copy(),
        cases,
    )


def polynomial_identity(
    dimensions: tuple[int, ...] = (1, 2, 3), degree: int = 3, maps: int = 2, seed: int = 0
) -> PolynomialIdentity:
    """Check S1 in exact rational arithmetic on random polynomial maps G of `degree` with rational coefficients.

    For every coordinate, z_i + (J^T r)_i/beta^2 - d f/d z_i and
    delta_ij + (J^T J + sum_k r_k Hess G_k)_ij/beta^2 - d^2 f/(d z_i d z_j) must be the zero polynomial in
    z and 1/beta^2. Exact: no rounding anywhere.

    Raises:
        InputError: if a dimension or the degree is not positive.
    """
    if min(dimensions) < 1 or degree < 1:
        raise InputError(f"`dimensions` and `degree` must be >= 1; got {dimensions} and {degree}")
    generator = np.random.default_rng(seed)
    differences = [
        difference
        for dimension in dimensions
        for _ in range(maps)
        for difference in _identity_differences(dimension, degree, generator)
    ]
    return PolynomialIdentity(len(differences), sum(1 for difference in differences if difference != 0))


def _scales(posterior: Posterior, points: FloatArray, hessians: FloatArray) -> tuple[FloatArray, FloatArray]:
    norms = np.linalg.norm(jacobian(posterior.generator.graph, points), axis=(1, 2))
    images = np.linalg.norm(posterior.residual(points) + posterior.observation, axis=1)
    images += np.linalg.norm(posterior.observation)
    slope = np.linalg.norm(points, axis=1) + norms * images / posterior.beta**2
    curvature = 1 + (norms / posterior.beta) ** 2 + np.linalg.norm(hessians, axis=(1, 2))
    return np.maximum(slope, np.finfo(np.float64).tiny), curvature


def _identity_differences(dimension: int, degree: int, generator: np.random.Generator) -> list[PolyElement]:
    """Formula minus derivative for the gradient and the Hessian of one random polynomial posterior."""
    names = [f"z{index + 1}" for index in range(dimension)]
    _, *variables = ring([*names, "w"], QQ)
    z, inverse_variance = variables[:-1], variables[-1]
    residuals = [_random_polynomial(z, degree, generator) - _rational(generator) for _ in range(dimension)]
    potential = (sum(entry**2 for entry in z) + inverse_variance * sum(entry**2 for entry in residuals)) / 2
    differences = []
    for row in range(dimension):
        pulled = sum(_partial(residual, z[row]) * residual for residual in residuals)
        differences.append(z[row] + inverse_variance * pulled - _partial(potential, z[row]))
        for column in range(row, dimension):
            gram = sum(_partial(residual, z[row]) * _partial(residual, z[column]) for residual in residuals)
            bent = sum(residual * _partial(residual, z[row], z[column]) for residual in residuals)
            formula = (1 if row == column else 0) + inverse_variance * (gram + bent)
            differences.append(formula - _partial(potential, z[row], z[column]))
    return differences


def _partial(polynomial: PolyElement, *variables: PolyElement) -> PolyElement:
    """Exact partial derivative with respect to each of `variables` in turn."""
    for variable in variables:
        polynomial = polynomial.diff(variable)
    return polynomial


def _random_polynomial(z: list[PolyElement], degree: int, generator: np.random.Generator) -> PolyElement:
    """Every monomial of total degree <= `degree` with a random rational coefficient."""
    total = z[0].ring.zero
    for exponents in itertools.product(range(degree + 1), repeat=len(z)):
        if sum(exponents) <= degree:
            factors = (variable**power for variable, power in zip(z, exponents, strict=True))
            monomial = math.prod(factors, start=z[0].ring.one)
            total += _rational(generator) * monomial
    return total


def _rational(generator: np.random.Generator) -> Any:
    return QQ(int(generator.integers(-9, 10)), int(generator.integers(1, 8)))
