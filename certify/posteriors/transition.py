"""The law of a Langevin chain at step K, deterministically, for d = 1 and 2.

In the eigenbasis of H = Hess f(z*), whitened, y = H^{1/2}(z - z*), one step is y' = T(y) + sqrt(2 eta H) xi.
Spectral engine (d = 1, 2): the coefficients a_k = E h_k(Y) of the law in orthonormal Hermite polynomials move
by a' = A a, A_{kj} = E_{y ~ N(0,I)}[h_j(y) E_xi h_k(T(y) + sqrt(2 eta H) xi)]; the blur is closed form, the outer
mean is a Gauss-Hermite sum, and A^K is taken by repeated squaring, so K = 1e6 costs 20 products.
Grid engine (d = 1): trapezoid nodes finer than the step's noise, exact up to quadrature, for any K; also
early, where the law is still a spike and the Hermite series does not converge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.posteriors.estimates import DistanceEstimate
from certify.posteriors.hermite import IntArray, basis_values, gauss_hermite_rule, hermite_values, total_degree_indices
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import PosteriorQuadrature, Rule

DEGREES = {1: (60, 45), 2: (30, 24)}
HALF_WIDTH = 9.5
"""Whitened half width of the grids on which densities are compared."""
TOTAL_VARIATION_NODES = {1: 8001, 2: 561}
GRID_NODES_MAXIMAL = 1600


@dataclass(frozen=True, eq=False)
class Projection:
    """The ball D = B(centre, radius) onto which the projected chain X' = T(P_D(X)) + noise projects."""

    centre: FloatArray
    radius: float

    def apply(self, points: FloatArray) -> FloatArray:
        """P_D of every row of `points` (batch, d)."""
        offset = points - self.centre
        distance = np.linalg.norm(offset, axis=1, keepdims=True)
        shrink = np.minimum(1.0, self.radius / np.maximum(distance, np.finfo(np.float64).tiny))
        return np.asarray(self.centre + offset * shrink)


@dataclass(frozen=True, eq=False)
class WhitenedChain:
    """One Langevin chain in the coordinates y, z = mode + root y, columns of `root` along the eigenvectors of H."""

    posterior: Posterior
    mode: FloatArray
    root: FloatArray
    eigenvalues: FloatArray
    step_size: float
    projection: Projection | None

    @property
    def noise_variances(self) -> FloatArray:
        """Variance 2 eta lambda_i of the whitened step noise in coordinate i, shape (d,)."""
        return 2 * self.step_size * self.eigenvalues

    def whiten(self, points: FloatArray) -> FloatArray:
        """Whitened coordinates y of points z (batch, d)."""
        return np.asarray(np.linalg.solve(self.root, (points - self.mode).T).T, dtype=np.float64)

    def drift(self, whitened: FloatArray) -> FloatArray:
        """Whitened T(P_D(z)) for whitened points (batch, d)."""
        points = self.mode + whitened @ self.root.T
        if self.projection is not None:
            points = self.projection.apply(points)
        return self.whiten(points - self.step_size * self.posterior.gradient(points))


def whitened_chain(truth: PosteriorQuadrature, step_size: float, projection: Projection | None = None) -> WhitenedChain:
    """The chain with step `step_size` > 0 in the coordinates of the posterior's mode.

    Raises:
        InputError: if d > 2 or `step_size` is not positive.
    """
    if truth.mode.size > 2:
        raise InputError(f"the transition operator is resolved for d = 1 and 2; got d = {truth.mode.size}")
    if not step_size > 0:
        raise InputError(f"`step_size` must be > 0; got {step_size:g}")
    eigenvalues, vectors = np.linalg.eigh(truth.posterior.hessian(truth.mode))
    return WhitenedChain(
        truth.posterior, truth.mode, vectors / np.sqrt(eigenvalues), eigenvalues, step_size, projection
    )


@dataclass(frozen=True, eq=False)
class SpectralOperator:
    """The transition matrix in the Hermite basis of total degree <= degree."""

    chain: WhitenedChain
    indices: IntArray
    matrix: FloatArray

    def coefficients(self, nodes: FloatArray, weights: FloatArray) -> FloatArray:
        """a_k = sum_i w_i h_k(y_i) of a discrete or quadrature law on points z (batch, d)."""
        return basis_values(self.chain.whiten(nodes), self.indices, np.ones(nodes.shape[1])) @ weights

    def after_step(self, nodes: FloatArray, weights: FloatArray) -> FloatArray:
        """Coefficients one step after the law with `nodes` and `weights`: exact for a point start."""
        moved = self.chain.drift(self.chain.whiten(nodes))
        return basis_values(moved, self.indices, 1 - self.chain.noise_variances) @ weights

    def density(self, coefficients: FloatArray, axes: FloatArray) -> FloatArray:
        """Whitened density on the tensor grid of the one-dimensional `axes`, shape (len(axes),) * d."""
        degree = int(self.indices.max(initial=0))
        table = hermite_values(axes, degree) * np.exp(-axes * axes / 2) / np.sqrt(2 * np.pi)
        if self.indices.shape[1] == 1:
            return np.asarray(coefficients @ table)
        square = np.zeros((degree + 1, degree + 1))
        square[self.indices[:, 0], self.indices[:, 1]] = coefficients
        return np.asarray(table.T @ square @ table)


def spectral_operator(chain: WhitenedChain, degree: int) -> SpectralOperator:
    """Assemble A by Gauss-Hermite quadrature, exact for affine T and of spectral accuracy otherwise."""
    dimension = chain.mode.size
    nodes, weights = gauss_hermite_rule(min(degree + 25, 120), dimension)
    indices = total_degree_indices(dimension, degree)
    moved = basis_values(chain.drift(nodes), indices, 1 - chain.noise_variances)
    return SpectralOperator(chain, indices, (moved * weights) @ basis_values(nodes, indices, np.ones(dimension)).T)


@dataclass(frozen=True, eq=False)
class GridOperator:
    """The transition matrix on equidistant whitened nodes (d = 1), acting on density values."""

    chain: WhitenedChain
    nodes: FloatArray
    matrix: FloatArray

    def after_step(self, nodes: FloatArray, weights: FloatArray) -> FloatArray:
        """Density values on the grid one step after a law on points z (batch, 1)."""
        moved = self.chain.drift(self.chain.whiten(nodes))[:, 0]
        return _normal_kernel(self.nodes[:, None] - moved[None, :], float(self.chain.noise_variances[0])) @ weights


def grid_operator(chain: WhitenedChain, refinement: float, half_width: float = HALF_WIDTH) -> GridOperator:
    """Trapezoid nodes `refinement` to each standard deviation of the noise: error about exp(-2 (pi refinement)^2).

    The nodes reach to +-`half_width`; mass beyond is lost, and the distances' intervals account for it.

    Raises:
        InputError: if d is not 1 or more than `GRID_NODES_MAXIMAL` nodes would be needed.
    """
    if chain.mode.size != 1:
        raise InputError(f"the grid engine is for d = 1; got d = {chain.mode.size}")
    deviation = float(np.sqrt(chain.noise_variances[0]))
    count = int(np.ceil(2 * half_width * max(refinement / deviation, 8.0))) + 1
    if count > GRID_NODES_MAXIMAL:
        raise InputError(f"the grid engine would need {count} nodes, more than {GRID_NODES_MAXIMAL}")
    nodes = np.linspace(-half_width, half_width, count)
    moved = chain.drift(nodes[:, None])[:, 0]
    kernel = _normal_kernel(nodes[:, None] - moved[None, :], deviation**2)
    return GridOperator(chain, nodes, kernel * (nodes[1] - nodes[0]))


def chain_total_variation(
    truth: PosteriorQuadrature,
    start: FloatArray,
    step_size: float,
    steps: Sequence[int],
    projection: Projection | None = None,
) -> tuple[DistanceEstimate, ...]:
    """TV(law of X_K from `start`, pi_x) for each K in `steps` (each >= 1), for d = 1 and 2.

    Estimate: the half width of [lower, upper] is the difference to a coarser resolution.
    """
    chain = whitened_chain(truth, step_size, projection)
    point = Rule(np.atleast_2d(start), np.ones(1))
    levels = []
    for level in (0, 1):
        axes = _axes(truth.mode.size, level)
        target = _whitened_posterior(truth, chain, axes)
        levels.append(
            [(_distance(law, target, axes), _lost(law, axes)) for law in _laws(chain, point, steps, axes, level)]
        )
    return tuple(_combine(*pair) for pair in zip(*levels, strict=True))


def burn_in_total_variation(
    truth: PosteriorQuadrature,
    start: FloatArray,
    step_size: float,
    steps: Sequence[int],
    projection: Projection,
) -> tuple[DistanceEstimate, ...]:
    """TV(law of X_K from `start`, law of X_K from pi_D) for each K in `steps` (S7f), for d = 1 and 2.

    pi_D is the posterior conditioned on the ball D of `projection`; both chains are projected onto D.
    Estimate: the half width of [lower, upper] is the difference to a coarser resolution.
    """
    chain = whitened_chain(truth, step_size, projection)
    point = Rule(np.atleast_2d(start), np.ones(1))
    levels = []
    for level in (0, 1):
        axes = _axes(truth.mode.size, level)
        stationary = truth.conditional_rule(projection.centre, projection.radius, level)
        pairs = zip(_laws(chain, point, steps, axes, level), _laws(chain, stationary, steps, axes, level), strict=True)
        levels.append(
            [(_distance(first, second, axes), _lost(first, axes) + _lost(second, axes)) for first, second in pairs]
        )
    return tuple(_combine(*pair) for pair in zip(*levels, strict=True))


def _axes(dimension: int, level: int) -> FloatArray:
    """Comparison grid, twice as coarse at level 1: the kinks of |p - q| cost an error of order spacing^2."""
    return np.linspace(-HALF_WIDTH, HALF_WIDTH, TOTAL_VARIATION_NODES[dimension])[:: level + 1]


def _laws(chain: WhitenedChain, start: Rule, steps: Sequence[int], axes: FloatArray, level: int) -> list[FloatArray]:
    """Whitened densities on the grid of `axes` after each number of steps, fine (level 0) or coarse (level 1)."""
    if any(count < 1 for count in steps):
        raise InputError(f"`steps` must all be >= 1; got {min(steps)}")
    deviation = float(np.sqrt(np.min(chain.noise_variances)))
    refinement = (1.6, 1.3)[level]
    half_width = HALF_WIDTH
    if start.nodes.shape[0] == 1:
        # A start far out: the grid must hold the way from there to the mode, or the chain would leave it at once.
        half_width = max(HALF_WIDTH, float(np.max(np.abs(chain.whiten(start.nodes)))) + 7.5)
    if chain.mode.size == 1 and 2 * half_width * max(1.6 / deviation, 8.0) < GRID_NODES_MAXIMAL - 2:
        grid = grid_operator(chain, refinement, half_width)
        columns = _advance(grid.matrix, grid.after_step(start.nodes, start.weights), steps)
        return [_interpolate(grid.nodes, column, axes) for column in columns]
    operator = spectral_operator(chain, DEGREES[chain.mode.size][level])
    columns = _advance(operator.matrix, operator.after_step(start.nodes, start.weights), steps)
    return [operator.density(column, axes) for column in columns]


def _advance(matrix: FloatArray, after_first: FloatArray, steps: Sequence[int]) -> list[FloatArray]:
    """matrix^(K-1) after_first for each K, sharing the repeated squares."""
    vectors = [after_first.copy() for _ in steps]
    remaining = [count - 1 for count in steps]
    power = matrix
    while any(remaining):
        for position, count in enumerate(remaining):
            if count & 1:
                vectors[position] = power @ vectors[position]
            remaining[position] = count >> 1
        if any(remaining):
            power = power @ power
    return vectors


def _whitened_posterior(truth: PosteriorQuadrature, chain: WhitenedChain, axes: FloatArray) -> FloatArray:
    grids = np.meshgrid(*[axes] * chain.mode.size, indexing="ij")
    whitened = np.stack([grid.ravel() for grid in grids], axis=1)
    density = truth.density(chain.mode + whitened @ chain.root.T) * abs(float(np.linalg.det(chain.root)))
    return np.asarray(density.reshape(grids[0].shape))


def _distance(first: FloatArray, second: FloatArray, axes: FloatArray) -> float:
    return float(0.5 * np.sum(np.abs(first - second)) * (axes[1] - axes[0]) ** first.ndim)


def _lost(density: FloatArray, axes: FloatArray) -> float:
    """Mass that a computed law lacks on the grid, and mass below zero: both are errors of its distance."""
    spacing = (axes[1] - axes[0]) ** density.ndim
    return float(abs(1.0 - np.sum(density) * spacing) - np.sum(np.minimum(density, 0.0)) * spacing)


def _combine(at_fine: tuple[float, float], at_coarse: tuple[float, float]) -> DistanceEstimate:
    (fine, lost), (coarse, _) = at_fine, at_coarse
    # Twice the difference: the kink error of |p - q| is not exactly quadratic in the spacing.
    error = 2 * abs(fine - coarse) + lost + 1e-9
    return DistanceEstimate(
        fine, max(0.0, fine - error), min(1.0, fine + error), "transition operator, difference of two resolutions"
    )


def _normal_kernel(offsets: FloatArray, variance: float) -> FloatArray:
    return np.asarray(np.exp(-offsets * offsets / (2 * variance)) / np.sqrt(2 * np.pi * variance))


def _interpolate(nodes: FloatArray, values: FloatArray, axes: FloatArray) -> FloatArray:
    """Band-limited (sinc) interpolation: the sampled density has no frequencies above the grid's to rounding."""
    spacing = nodes[1] - nodes[0]
    return np.asarray(np.sinc((axes[:, None] - nodes[None, :]) / spacing) @ values)
