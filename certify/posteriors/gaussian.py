"""Exact truth for an affine generator: the posterior and every iterate of plain Langevin are Gaussian.

For G(z) = A z + b the posterior is N(mean, P^{-1}), P = I + A^T A / beta^2. One plain Langevin step is
affine, U' = mean + (I - h P)(U - mean) + sqrt(2 h) xi, so iterate k has in the eigenbasis of P, with
r_i = 1 - h lambda_i: mean deviation r_i^k times that of the start, covariance r_i^k r_j^k times that of the
start plus 2 h (1 - r_i^{2k})/(1 - r_i^2) on the diagonal. The stationary variance is 1/(lambda (1 - h lambda/2)).
All functions are estimates in float64 of closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import GAUSSIAN
from certify.generators.nodes import Activation, Affine, Graph, Input, Sum
from certify.posteriors.posterior import Posterior


@dataclass(frozen=True, eq=False)
class GaussianLaw:
    """N(mean, covariance): mean (d,), covariance (d, d), positive semidefinite."""

    mean: FloatArray
    covariance: FloatArray

    def sample(self, count: int, generator: np.random.Generator) -> FloatArray:
        """`count` independent draws, shape (count, d)."""
        eigenvalues, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
        return np.asarray(self.mean + generator.standard_normal((count, self.mean.size)) @ root.T)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Logarithm of the density at `points` (batch, d), shape (batch,); the covariance must be positive definite."""
        factor = np.linalg.cholesky(self.covariance)
        whitened = np.linalg.inv(factor) @ (points - self.mean).T
        log_normaliser = np.sum(np.log(np.diag(factor))) + 0.5 * self.mean.size * np.log(2 * np.pi)
        return np.asarray(-0.5 * np.sum(whitened * whitened, axis=0) - log_normaliser)


@dataclass(frozen=True, eq=False)
class AffineMap:
    """z -> matrix z + offset, matrix (n, d), offset (n,)."""

    matrix: FloatArray
    offset: FloatArray


def affine_form(graph: Graph) -> AffineMap | None:
    """The matrix and offset of G when every node is affine (input, affine, sum, identity activation); None otherwise.

    A composition is multiplied out in float64: an estimate of the exact product to rounding.
    """
    forms: list[AffineMap] = []
    for node in graph.nodes:
        match node:
            case Input():
                forms.append(AffineMap(np.eye(node.width), np.zeros(node.width)))
            case Affine():
                weight = node.weight if isinstance(node.weight, np.ndarray) else node.weight.toarray()
                inner = forms[node.source]
                forms.append(AffineMap(weight @ inner.matrix, weight @ inner.offset + node.bias))
            case Sum():
                terms = [(rate, forms[source]) for rate, source in zip(node.coefficients, node.sources, strict=True)]
                matrix = np.sum([rate * form.matrix for rate, form in terms], axis=0)
                offset = np.sum([rate * form.offset for rate, form in terms], axis=0)
                forms.append(AffineMap(matrix, offset))
            case Activation(name="identity"):
                forms.append(forms[node.source])
            case _:
                return None
    return forms[-1]


def is_affine(posterior: Posterior) -> bool:
    """Whether the posterior's generator is affine by structure, so that the closed forms here apply."""
    is_gaussian = posterior.generator.likelihood == GAUSSIAN
    return is_gaussian and affine_form(posterior.generator.graph) is not None


def posterior_law(posterior: Posterior) -> GaussianLaw:
    """pi_x = N(P^{-1} A^T (x - b)/beta^2, P^{-1}) for an affine generator.

    Raises:
        InputError: if the generator is not affine.
    """
    form = _require_affine(posterior)
    scaled = form.matrix / posterior.beta
    # Through the SVD of A/beta, so that neither A^T A nor a small beta squares the condition number.
    _, singular, right = np.linalg.svd(scaled, full_matrices=True)
    precision = np.ones(posterior.latent_dim)
    precision[: singular.size] += singular**2
    target = scaled.T @ ((posterior.observation - form.offset) / posterior.beta)
    mean = right.T @ ((right @ target) / precision)
    return GaussianLaw(mean, (right.T / precision) @ right)


def langevin_law(posterior: Posterior, start: FloatArray | GaussianLaw, step_size: float, steps: int) -> GaussianLaw:
    """Law of iterate `steps` of plain Langevin U' = U - h grad f(U) + sqrt(2 h) xi for an affine generator.

    Args:
        posterior: posterior of an affine generator.
        start: a point (d,) or a Gaussian law of U_0.
        step_size: h > 0.
        steps: number of steps, >= 0.

    Raises:
        InputError: if the generator is not affine, h <= 0 or steps < 0.
    """
    if not step_size > 0 or steps < 0:
        raise InputError(f"`step_size` must be > 0 and `steps` >= 0; got {step_size:g} and {steps}")
    target = posterior_law(posterior)
    eigenvalues, vectors = _precision_spectrum(posterior)
    initial = start if isinstance(start, GaussianLaw) else _point_law(start)
    decay = 1 - step_size * eigenvalues
    power = decay**steps
    mean = target.mean + vectors @ (power * (vectors.T @ (initial.mean - target.mean)))
    carried = np.outer(power, power) * (vectors.T @ initial.covariance @ vectors)
    with np.errstate(divide="ignore"):
        log_power = 2 * steps * np.log(np.abs(decay)) if steps else np.zeros_like(decay)
    # 1 - r^{2k} by expm1: for few small steps the difference of nearly equal numbers would lose digits.
    added = -np.expm1(log_power) / (eigenvalues * (1 - step_size * eigenvalues / 2))
    return GaussianLaw(mean, vectors @ (carried + np.diag(added)) @ vectors.T)


def langevin_stationary_law(posterior: Posterior, step_size: float) -> GaussianLaw:
    """Invariant law of plain Langevin on an affine generator: variance 1/(lambda (1 - h lambda/2)) per eigenvector.

    Raises:
        InputError: if the generator is not affine or h is not in (0, 2/lambda_max).
    """
    eigenvalues, vectors = _precision_spectrum(posterior)
    limit = 2 / float(np.max(eigenvalues))
    if not 0 < step_size < limit:
        raise InputError(f"`step_size` must be in (0, 2/L) = (0, {limit:g}); got {step_size:g}")
    variance = 1 / (eigenvalues * (1 - step_size * eigenvalues / 2))
    return GaussianLaw(posterior_law(posterior).mean, (vectors * variance) @ vectors.T)


def _point_law(point: FloatArray) -> GaussianLaw:
    return GaussianLaw(np.asarray(point, dtype=np.float64), np.zeros((point.size, point.size)))


def _precision_spectrum(posterior: Posterior) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (d,) and orthonormal eigenvectors (columns) of P = I + A^T A/beta^2."""
    form = _require_affine(posterior)
    _, singular, right = np.linalg.svd(form.matrix / posterior.beta, full_matrices=True)
    eigenvalues = np.ones(posterior.latent_dim)
    eigenvalues[: singular.size] += singular**2
    return eigenvalues, np.asarray(right.T)


def _require_affine(posterior: Posterior) -> AffineMap:
    form = affine_form(posterior.generator.graph)
    if form is None:
        raise InputError(f"the closed form needs an affine generator; `{posterior.generator.name}` is not affine")
    return form
