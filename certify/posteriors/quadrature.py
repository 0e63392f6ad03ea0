"""Truth about pi_x in dimension 1, 2 and 3: normaliser, moments, tail masses, conditional laws, by quadrature.

Whole space: polar coordinates around the mode after whitening with H^{-1/2}, H = Hess f(z*), out to where f
has risen by `REACH_POTENTIAL` in every direction. Balls: polar coordinates around the ball's centre, so that
the indicator's jump lies on a panel boundary. Radial Gauss-Legendre panels times an angular rule (trapezoid
in the plane, Gauss-Legendre times trapezoid in space). Every number comes with the difference to a coarser
rule as its error estimate. Mass far from the mode is looked for from a coarse global grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from certify.arithmetic.arrays import FloatArray
from certify.errors import CertifyError, InputError
from certify.posteriors.estimates import IntervalEstimate
from certify.posteriors.mode import find_mode, minimise_potential
from certify.posteriors.posterior import Posterior

REACH_POTENTIAL = 45.0
"""Rise of f at which the integration stops: the density has fallen by exp(-45) = 3e-20."""
MAXIMAL_DIMENSION = 3
MAXIMAL_REACH = 200.0
ORDERS = (12, 8)
ANGLES = {1: (2, 2), 2: (144, 96), 3: (32, 20)}


class MassElsewhereError(CertifyError):
    """The posterior has a second basin outside the region that the quadrature covers."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Quadrature nodes (N, d) with Lebesgue weights (N,)."""

    nodes: FloatArray
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class PosteriorQuadrature:
    """pi_x resolved by two rules, fine and coarse, each with its log normaliser (of exp(-f))."""

    posterior: Posterior
    mode: FloatArray
    root: FloatArray
    """Symmetric S = H^{-1/2}: whitened coordinates y with z = mode + S y."""
    reach: float
    rules: tuple[Rule, Rule]
    log_normalisers: tuple[float, float]

    @property
    def log_normaliser(self) -> IntervalEstimate:
        """Logarithm of the integral of exp(-f)."""
        return _estimate(self.log_normalisers)

    def density(self, points: FloatArray) -> FloatArray:
        """Normalised density of pi_x at `points` (batch, d)."""
        return np.exp(-self.posterior.potential(points) - self.log_normalisers[0])

    def probabilities(self) -> FloatArray:
        """Weights (N,) of the fine rule's nodes under pi_x; they sum to 1."""
        return self._weights(0)

    def expectation(self, function: Callable[[FloatArray], FloatArray]) -> IntervalEstimate:
        """E_pi[function(Z)], `function` from (batch, d) to (batch,). Estimate with refinement error."""
        values = [float(self._weights(level) @ function(self.rules[level].nodes)) for level in (0, 1)]
        return _estimate((values[0], values[1]))

    def mean(self) -> FloatArray:
        """E_pi[Z], shape (d,). Estimate."""
        return np.asarray(self._weights(0) @ self.rules[0].nodes)

    def covariance(self) -> FloatArray:
        """Cov_pi(Z), shape (d, d). Estimate."""
        centred = self.rules[0].nodes - self.mean()
        return np.asarray((centred * self._weights(0)[:, None]).T @ centred)

    def tail_mass(self, centre: FloatArray, radius: float) -> IntervalEstimate:
        """pi_x(|z - centre| > radius), accurate relative to itself however small. Estimate with refinement error."""
        outer = self._outer(centre)
        if radius >= outer:
            return IntervalEstimate(0.0, 0.0, math.exp(-REACH_POTENTIAL / 2), 0.0, 0, "beyond the quadrature's reach")
        masses = [math.exp(self._log_mass(self._ball_rule(centre, radius, outer, level), level)) for level in (0, 1)]
        return _estimate((min(1.0, masses[0]), min(1.0, masses[1])))

    def conditional_rule(self, centre: FloatArray, radius: float, level: int = 0) -> Rule:
        """Nodes in the ball and their probabilities under pi_x conditioned on it (weights sum to 1)."""
        rule = self._ball_rule(centre, 0.0, min(radius, self._outer(centre)), level)
        exponent = -self.posterior.potential(rule.nodes)
        mass = rule.weights * np.exp(exponent - np.max(exponent))
        return Rule(rule.nodes, mass / np.sum(mass))

    def conditional_expectation(
        self, centre: FloatArray, radius: float, function: Callable[[FloatArray], FloatArray]
    ) -> IntervalEstimate:
        """E[function(Z) | |Z - centre| <= radius]. Estimate with refinement error."""
        rules = [self.conditional_rule(centre, radius, level) for level in (0, 1)]
        values = [float(rule.weights @ function(rule.nodes)) for rule in rules]
        return _estimate((values[0], values[1]))

    def _weights(self, level: int) -> FloatArray:
        rule = self.rules[level]
        return np.asarray(rule.weights * np.exp(-self.posterior.potential(rule.nodes) - self.log_normalisers[level]))

    def _log_mass(self, rule: Rule, level: int) -> float:
        return _log_integral(self.posterior, rule) - self.log_normalisers[level]

    def _outer(self, centre: FloatArray) -> float:
        """Radius around `centre` that contains everything the whole-space rule covers."""
        return float(np.linalg.norm(centre - self.mode)) + self.reach * float(np.linalg.norm(self.root, 2))

    def _ball_rule(self, centre: FloatArray, inner: float, outer: float, level: int) -> Rule:
        spread = np.linalg.svd(self.root, compute_uv=False)
        panels = min(600, max(1, math.ceil((outer - inner) / (1.25 * float(spread[-1])))))
        # Far from the mode, or for an elongated posterior, the same arc spans more standard deviations.
        ratio = (float(spread[0]) + float(np.linalg.norm(centre - self.mode))) / float(spread[-1])
        angles = min(2048, math.ceil(ANGLES[self.mode.size][level] * max(1.0, ratio / 2)))
        if self.mode.size == 3:
            angles = min(96, angles)
        unit = polar_rule(self.mode.size, inner, outer, panels, ORDERS[level], angles)
        return Rule(centre + unit.nodes, unit.weights)


def build_quadrature(posterior: Posterior, start: FloatArray | None = None) -> PosteriorQuadrature:
    """Resolve pi_x for d <= 3.

    Args:
        posterior: posterior of a generator with latent dimension 1, 2 or 3.
        start: where to begin looking for the mode (d,), for instance G^{-1}(x).

    Raises:
        InputError: if d > 3, or f does not rise by `REACH_POTENTIAL` within `MAXIMAL_REACH` standard deviations.
        MassElsewhereError: if a basin that carries mass lies outside the covered region.
    """
    dimension = posterior.latent_dim
    if dimension > MAXIMAL_DIMENSION:
        raise InputError(f"quadrature resolves latent dimensions 1 to {MAXIMAL_DIMENSION}; got {dimension}")
    mode = find_mode(posterior, start)
    eigenvalues, vectors = np.linalg.eigh(posterior.hessian(mode))
    root = (vectors / np.sqrt(np.maximum(eigenvalues, 1.0))) @ vectors.T
    reach = _reach(posterior, mode, root)
    _check_elsewhere(posterior, mode, root, reach)
    scale = float(np.linalg.det(root))
    rules = []
    for level in (0, 1):
        panels = math.ceil(reach / 1.25)
        unit = polar_rule(dimension, 0.0, reach, panels, ORDERS[level], ANGLES[dimension][level])
        rules.append(Rule(mode + unit.nodes @ root, unit.weights * scale))
    normalisers = (_log_integral(posterior, rules[0]), _log_integral(posterior, rules[1]))
    return PosteriorQuadrature(posterior, mode, root, reach, (rules[0], rules[1]), normalisers)


def polar_rule(dimension: int, inner: float, outer: float, panels: int, order: int, angles: int) -> Rule:
    """Rule on the shell inner <= |z| <= outer around 0: `panels` radial Gauss-Legendre panels of `order` nodes.

    d = 1: both half lines; d = 2: `angles` equidistant directions; d = 3: `angles` Gauss-Legendre heights
    times 2 `angles` longitudes. The Jacobian r^{d-1} is in the weights.
    """
    points, weights = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(inner, outer, panels + 1)
    half = np.diff(edges) / 2
    radii = (edges[:-1, None] + half[:, None] * (points + 1)).ravel()
    radial = (half[:, None] * weights).ravel() * radii ** (dimension - 1)
    directions, angular = _directions(dimension, angles)
    nodes = (directions[:, None, :] * radii[None, :, None]).reshape(-1, dimension)
    return Rule(nodes, np.outer(angular, radial).ravel())


def _directions(dimension: int, angles: int) -> tuple[FloatArray, FloatArray]:
    """Unit vectors and weights that integrate over the unit sphere of R^dimension."""
    if dimension == 1:
        return np.array([[1.0], [-1.0]]), np.ones(2)
    if dimension == 2:
        phase = 2 * np.pi * (np.arange(angles) + 0.5) / angles
        return np.stack((np.cos(phase), np.sin(phase)), axis=1), np.full(angles, 2 * np.pi / angles)
    heights, weights = np.polynomial.legendre.leggauss(angles)
    phase = np.pi * np.arange(2 * angles) / angles
    ring = np.sqrt(1 - heights**2)
    directions = np.stack(
        (np.outer(ring, np.cos(phase)), np.outer(ring, np.sin(phase)), np.repeat(heights[:, None], phase.size, axis=1)),
        axis=2,
    )
    return directions.reshape(-1, 3), np.repeat(weights * np.pi / angles, phase.size)


def _reach(posterior: Posterior, mode: FloatArray, root: FloatArray) -> float:
    """Whitened radius beyond which f exceeds f(mode) + REACH_POTENTIAL in every sampled direction."""
    directions, _ = _directions(mode.size, 48 if mode.size == 2 else 12)
    floor = float(posterior.potential(mode)) + REACH_POTENTIAL
    reach = 9.5
    while reach < MAXIMAL_REACH:
        shell = mode + reach * np.array([1.0, 1.1, 1.25])[:, None, None] * (directions @ root)[None]
        if np.min(posterior.potential(shell.reshape(-1, mode.size))) >= floor:
            return reach
        reach *= 1.15
    raise InputError("the posterior is far wider than the curvature at its mode says; quadrature cannot resolve it")


def _check_elsewhere(posterior: Posterior, mode: FloatArray, root: FloatArray, reach: float) -> None:
    """Descend from a coarse grid over all points where f can be low (|z|^2/2 <= f) and look for other basins."""
    dimension, least = mode.size, float(posterior.potential(mode))
    side = math.sqrt(2 * (least + REACH_POTENTIAL))
    count = {1: 201, 2: 15, 3: 6}[dimension]
    axes = np.meshgrid(*[np.linspace(-side, side, count)] * dimension, indexing="ij")
    found = minimise_potential(posterior, np.stack([axis.ravel() for axis in axes], axis=1), iterations=40)
    whitened = np.linalg.solve(root, (found.points - mode).T)
    outside = np.linalg.norm(whitened, axis=0) > reach
    heavy = outside & (found.potentials < least + REACH_POTENTIAL - 15)
    if np.any(heavy):
        index = int(np.argmin(np.where(heavy, found.potentials, np.inf)))
        raise MassElsewhereError(
            f"f has another basin at {np.array2string(found.points[index], precision=4)}, only "
            f"{found.potentials[index] - least:.3g} above the mode; the quadrature covers one basin"
        )


def _log_integral(posterior: Posterior, rule: Rule) -> float:
    return float(logsumexp(-posterior.potential(rule.nodes), b=rule.weights))


def _estimate(values: tuple[float, float]) -> IntervalEstimate:
    """The fine value, with the difference to the coarse one (and a rounding floor) as half width."""
    error = abs(values[0] - values[1]) + 1e-13 * abs(values[0])
    return IntervalEstimate(values[0], values[0] - error, values[0] + error, 0.0, 0, "quadrature, two resolutions")
