"""Layer by layer: an ellipsoid that holds all increments, carried through the network with multipliers in closed form.

In the centred increment form (`certify.bounds.structure`) |eta_i| <= r_i |p_i x|. With weights T > 0 of the gains met
so far, the matrix

    F = E_0 - sum_i T_i (r_i^2 p_i^T p_i - e_i e_i^T)

satisfies x^T F x <= |delta|^2 for all increments (and for the derivatives at every point). So if F is positive
definite, |c x| <= |c|_{F^-1} |delta| for every row c, and |C x| <= ||C F^{-1/2}|| |delta| for every matrix: a bound of
each neuron's gradient before the next layer's weights are chosen. On a ball of radius R a neuron whose gradient is at
most l stays within l R of its value at the centre: the slopes of its activation are enclosed on that range only, layer
after layer.

Adding a layer with rows P, spans r and U = 1/T changes F^-1 to

    G -> [ (F - (rP)^T T (rP))^-1, 0; 0, U ],      positive definite iff U - (rP) F^-1 (rP)^T > 0,

and U is chosen to make the trace of C F^-1 C^T small for the rows C of what comes next: a smooth convex problem of the
layer's width. (ECLipsE, arXiv 2404.04375, chooses such weights for plain chains; here residual paths, products and
both signs of a slope are the same case.) Whatever was chosen, X with X F X^T = I + E, ||E|| < 1, is found in floats and
E enclosed: F is then positive definite and |c|_{F^-1} <= |c X^T|/(1 - ||E||)^{1/2}. Bounds rounded outward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.arithmetic.intervals import (
    MatrixBall,
    exact_matrix,
    magnitude_upper,
    multiply,
    round_up,
    row_norms_upper,
    scale_columns,
    subtract,
)
from certify.arithmetic.matrices import nonnegative_norm_upper, spectral_norm_upper
from certify.bounds.structure import IncrementForm
from certify.clock import ask

NEWTON_STEPS = 25
STAGES = (1e-1, 1e-3)
"""Weights of the logarithmic barrier relative to the objective, per unit of width."""

_SMALL = 1e-9


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """X and `growth` with |c x| <= growth |c X^T| |delta| for every row c on the first coordinates of x."""

    factor: FloatArray
    growth: float

    @property
    def size(self) -> int:
        """Number of coordinates of x that it bounds. Exact."""
        return len(self.factor)

    def image(self, rows: MatrixBall) -> MatrixBall:
        """K = c X^T for the rows c of a matrix on at least these coordinates: c x = K y, |y| <= growth |delta|.

        Enclosure, rounded outward.
        """
        return multiply(columns(rows, self.size), exact_matrix(self.factor.T))

    def row_norms(self, image: MatrixBall) -> FloatArray:
        """Upper bounds of |c x|/|delta| for each row, from its image. Upper bound, rounded outward."""
        return round_up(row_norms_upper(magnitude_upper(image)) * self.growth)

    def norm(self, image: MatrixBall) -> float:
        """Upper bound of |C x|/|delta| from the image of C. Upper bound, rounded outward."""
        return math.nextafter(spectral_norm_upper(image) * self.growth, math.inf)


def columns(matrix: MatrixBall, count: int) -> MatrixBall:
    """The first `count` columns of a matrix (rows, size). Exact."""
    return MatrixBall(matrix.midpoint[:, :count], matrix.radius[:, :count])


def ellipsoid(form: IncrementForm, weights: list[FloatArray], metric: FloatArray | None = None) -> Ellipsoid | None:
    """The ellipsoid with these weights of the form's first gains; None where F is not verified positive definite.

    `metric` (d,) > 0 measures delta by sum_i metric_i delta_i^2 instead of |delta|^2. Verified.
    """
    d = form.latent_dim
    size = d + sum(part.size for part in weights)
    diagonal = np.concatenate([np.ones(d) if metric is None else metric, *weights])
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
        return None
    total = exact_matrix(np.diag(diagonal))
    for rows, span, part in zip(form.inputs, form.spans, weights, strict=False):
        reach = scale_columns(columns(rows, size).transpose, exact_matrix(span[None]))
        total = subtract(total, multiply(scale_columns(reach, exact_matrix(part[None])), reach.transpose))
    middle = 0.5 * (total.midpoint + total.midpoint.T)
    if not np.isfinite(middle).all():
        return None
    ask(2e-6 * size**3)
    factor, info = lapack.dpotrf(middle, lower=1)
    if info != 0:
        return None
    inverse = np.asarray(solve_triangular(np.tril(factor), np.eye(size), lower=True))
    if not np.isfinite(inverse).all():
        return None
    found = exact_matrix(inverse)
    defect = subtract(multiply(multiply(found, total), found.transpose), exact_matrix(np.eye(size)))
    error = nonnegative_norm_upper(magnitude_upper(defect))
    if not error < 1.0:
        return None
    with precision():
        gap = ball(1) - ball(error)
        growth = upper(1 / gap.sqrt()) if lower(gap) > 0 else math.inf
    return Ellipsoid(inverse, growth) if math.isfinite(growth) else None


def layer_weights(form: IncrementForm, block: int, before: Ellipsoid) -> FloatArray | None:
    """Weights T of gain `block` after those of `before`; None where no positive definite choice is seen. Estimate."""
    with np.errstate(all="ignore"):
        try:
            found = _layer_weights(form, block, before)
        except np.linalg.LinAlgError:
            return None
    return found if found is not None and np.isfinite(found).all() and (found > 0).all() else None


def _layer_weights(form: IncrementForm, block: int, before: Ellipsoid) -> FloatArray | None:
    span, own = form.spans[block], form.columns(block)
    image = (span[:, None] * form.inputs[block].midpoint[:, : before.size]) @ before.factor.T
    gram = image @ image.T
    sizes = np.sqrt(np.diag(gram))
    largest = float(sizes.max(initial=0.0))
    if not math.isfinite(largest):
        return None
    if largest == 0.0:
        # Nothing reaches this layer: eta = 0, and any weight is a proof of it.
        return np.full(span.size, 1.0)
    scales = np.maximum(sizes, _SMALL * largest)
    target = _target(form, block)
    early = target[:, : before.size] @ before.factor.T
    costs = (target[:, own] ** 2).sum(axis=0) * scales**2
    costs = np.maximum(costs, _SMALL * max(float(costs.max()), 1e-300))
    inverse = _smallest_diagonal(gram / np.outer(scales, scales), costs, (image @ early.T) / scales[:, None])
    return None if inverse is None else np.asarray(1.0 / (inverse * scales**2), dtype=np.float64)


def _target(form: IncrementForm, block: int) -> FloatArray:
    """What comes after gain `block`, as rows of comparable size on the coordinates up to its own. Estimate."""
    stop = form.columns(block).stop
    later = [
        (span[:, None] if np.isfinite(span).all() else 1.0) * rows.midpoint[:, :stop]
        for span, rows in zip(form.spans[block + 1 :], form.inputs[block + 1 :], strict=True)
    ]
    later.append(form.output.midpoint[:, :stop])
    sizes = [float(np.linalg.norm(rows)) for rows in later]
    found = [rows / size for rows, size in zip(later, sizes, strict=True) if 0 < size < math.inf]
    return np.concatenate(found) if found else np.zeros((1, stop))


def _smallest_diagonal(gram: FloatArray, costs: FloatArray, early: FloatArray) -> FloatArray | None:
    """U with U > gram that makes costs.U + tr(early^T (U - gram)^-1 early) small, by Newton's method with a barrier.

    Starts at the row sums (a diagonally dominant matrix is definite), which are a choice already. Estimate.
    """
    width = costs.size
    heights: FloatArray = 1.0 / np.sqrt(costs / costs.max())
    found: FloatArray = 1.2 * (np.abs(gram) @ (1.0 / heights)) * heights + 1e-6
    inverse = _inverse(found, gram)
    if inverse is None:
        return None
    for stage in STAGES:
        pulled = inverse @ early
        weight = stage * (float(costs @ found) + float((early * pulled).sum())) / width
        for _ in range(NEWTON_STEPS):
            ask(1e-5 * width**3)
            pulled = inverse @ early
            square = pulled @ pulled.T
            gradient = costs - np.diag(square) - weight * np.diag(inverse)
            hessian = 2.0 * inverse * square + weight * inverse**2
            system = hessian + 1e-12 * np.diag(np.diag(hessian))
            step = np.asarray(-np.linalg.solve(system, gradient), dtype=np.float64)
            decrement = -float(gradient @ step)
            moved = _moved(found, step, gram, costs, early, weight, inverse)
            if moved is None or not math.isfinite(decrement):
                break
            found, inverse = moved
            if decrement < 1e-3 * weight * width:
                break
    return found


def _moved(
    found: FloatArray,
    step: FloatArray,
    gram: FloatArray,
    costs: FloatArray,
    early: FloatArray,
    weight: float,
    inverse: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """The first half, quarter, ... of a Newton step that lowers the objective."""

    def value(place: FloatArray, known: FloatArray) -> float:
        return float(costs @ place + (early * (known @ early)).sum() + weight * np.linalg.slogdet(known)[1])

    before, length = value(found, inverse), 1.0
    for _ in range(30):
        trial = found + length * step
        known = _inverse(trial, gram)
        if known is not None and value(trial, known) < before:
            return trial, known
        length *= 0.5
    return None


def _inverse(diagonal: FloatArray, gram: FloatArray) -> FloatArray | None:
    factor, info = lapack.dpotrf(np.diag(diagonal) - gram, lower=1)
    if info != 0:
        return None
    inverse, info = lapack.dpotri(factor, lower=1)
    return None if info != 0 else np.asarray(np.tril(inverse) + np.tril(inverse, -1).T, dtype=np.float64)
