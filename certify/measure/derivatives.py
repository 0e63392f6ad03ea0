"""S1's formulae for grad f and Hess f against two other engines: Taylor jets in balls, and exact algebra.

Numerically: <grad f, u> and u^T Hess f u from the float formulae against the jets' enclosures at sampled
points and directions. Exactly: for random polynomial maps with rational coefficients the formula minus
sympy's derivative of f must expand to the zero polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

from certify.arithmetic.balls import midpoint
from certify.errors import InputError
from certify.generators.derivatives import jacobian
from certify.generators.graph import FloatArray
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


def _identity_differences(dimension: int, degree: int, generator: np.random.Generator) -> list[sympy.Expr]:
    """Formula minus derivative, expanded, for the gradient and the Hessian of one random polynomial posterior."""
    z = sympy.symbols(f"z1:{dimension + 1}")
    precision = sympy.Symbol("w")
    targets = [_rational(generator) for _ in range(dimension)]
    maps = [_random_polynomial(z, degree, generator) for _ in range(dimension)]
    residuals = [image - target for image, target in zip(maps, targets, strict=True)]
    half = sympy.Rational(1, 2)
    potential = sympy.expand(
        half * sum(entry**2 for entry in z) + half * precision * sum(entry**2 for entry in residuals)
    )
    table = [[sympy.diff(image, entry) for entry in z] for image in maps]
    differences = []
    for row in range(dimension):
        slope = z[row] + precision * sum(table[k][row] * residuals[k] for k in range(dimension))
        differences.append(sympy.expand(slope - sympy.diff(potential, z[row])))
        for column in range(row, dimension):
            curvature = precision * sum(
                table[k][row] * table[k][column] + residuals[k] * sympy.diff(maps[k], z[row], z[column])
                for k in range(dimension)
            ) + (1 if row == column else 0)
            differences.append(sympy.expand(curvature - sympy.diff(potential, z[row], z[column])))
    return differences


def _random_polynomial(z: tuple[sympy.Symbol, ...], degree: int, generator: np.random.Generator) -> sympy.Expr:
    monomials = sympy.itermonomials(z, degree)
    return sum(_rational(generator) * monomial for monomial in sorted(monomials, key=sympy.default_sort_key))


def _rational(generator: np.random.Generator) -> sympy.Rational:
    value = Fraction(int(generator.integers(-9, 10)), int(generator.integers(1, 8)))
    return sympy.Rational(value.numerator, value.denominator)
