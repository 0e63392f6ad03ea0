"""Float twin of the ball engine on one grid of radii: what the search for choices looks at. Estimates throughout.

Cumulative Gauss-Legendre sums on the cells of the grid give every radial functional at every grid radius at once, so a
search over R, R2 and w is a search over indices. Logarithms are shifted by the largest exponent: no overflow in any d.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import midpoint
from certify.sharp import terms
from certify.sharp.far import FarField
from certify.sharp.problem import SharpProblem

GRID_POINTS, NODES, BEYOND = 640, 6, 12.0
ALPHAS, FAR_NODES, FAR_RADII = 41, 96, 96
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)
_FAR_NODES, _FAR_WEIGHTS = np.polynomial.legendre.leggauss(FAR_NODES)


@dataclass(frozen=True, eq=False)
class RadialEstimates:
    """All arrays have the shape (k,) of `radii`, which starts at 0; index j stands for the radius radii[j].

    mass           cumulative int_0^r of r^{d-1} exp(-phi0), up to one common factor
    inner          cumulative int_0^r of r^{d-1} exp(-U), up to the same factor
    lower          phi0(r)
    force          Q(r) = (d E_{p0^r} q^2)^{1/2}
    spread         (E_{p0^r} |y|^2)^{1/2}, the distance of a start at the centre
    shift          (E[(g + int q)^2 | chi <= r])^{1/2}
    gaussian_tail  P(chi_d > r)
    far            far numerator over the inner mass for R2 = r
    log_factor     logarithm of the factor by which mass and inner are too small
    """

    dimension: int
    radii: FloatArray
    mu: FloatArray
    q: FloatArray
    mass: FloatArray
    inner: FloatArray
    lower: FloatArray
    force: FloatArray
    spread: FloatArray
    shift: FloatArray
    gaussian_tail: FloatArray
    far: FloatArray
    log_factor: float

    @cached_property
    def tail(self) -> FloatArray:
        """t(R) at the best R2 of the grid, for every R. Estimate."""
        return np.asarray(self._tails[0])

    @cached_property
    def outer(self) -> npt.NDArray[np.int64]:
        """Index of the R2 that gives it. Estimate."""
        return np.asarray(self._tails[1])

    @cached_property
    def _tails(self) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        with np.errstate(all="ignore"):
            table = 1.0 - self.mass[:, None] / self.mass[None, :] + self.far[None, :]
        table[~(self.radii[None, :] >= self.radii[:, None])] = np.inf
        table[np.isnan(table)] = np.inf
        best = np.argmin(table, axis=1)
        return np.minimum(table[np.arange(len(best)), best], 1.0), best


def radial_estimates(problem: SharpProblem, points: int = GRID_POINTS) -> RadialEstimates:
    """The arrays of one problem up to its reach, sqrt(d) + 12 where that is infinite. Estimate."""
    dimension = problem.dimension
    radii = _grid(problem, points)
    middle, half = (radii[1:] + radii[:-1]) / 2, np.diff(radii) / 2
    nodes = middle[:, None] + half[:, None] * _NODES
    pieces = _float_pieces(problem)
    mu, q, shift, lower, upper = (_evaluate(pieces, name, nodes) for name in ("mu", "q", "shift", "lower", "upper"))
    with np.errstate(all="ignore"):
        base = (dimension - 1) * np.log(nodes)
        log_scale = float(np.max(base - lower))
        weights = half[:, None] * _WEIGHTS

        def cumulative(integrand: FloatArray) -> FloatArray:
            return np.concatenate([[0.0], np.cumsum(np.sum(weights * integrand, axis=1))])

        density = np.exp(base - lower - log_scale)
        mass = cumulative(density)
        gaussian = np.exp(base - nodes**2 / 2 - log_scale)
        moments = [cumulative(density * values) / mass for values in (q * q, nodes * nodes)]
        drift = cumulative(gaussian * shift * shift) / cumulative(gaussian)
        inner = cumulative(np.exp(base - upper - log_scale))
        far = _far(problem.far, radii, log_scale) / inner
    return RadialEstimates(
        dimension=dimension,
        radii=radii,
        mu=_evaluate(pieces, "mu", radii),
        q=_evaluate(pieces, "q", radii),
        mass=mass,
        inner=inner,
        lower=_evaluate(pieces, "lower", radii),
        force=np.asarray(terms.force(dimension, moments[0])),
        spread=np.sqrt(moments[1]),
        shift=np.sqrt(drift),
        gaussian_tail=np.asarray(gammaincc(dimension / 2, radii**2 / 2)),
        far=far,
        log_factor=log_scale,
    )


def _grid(problem: SharpProblem, points: int) -> FloatArray:
    """Equally spaced radii, with every break of the curvature bounds among them."""
    largest = np.sqrt(problem.dimension) + BEYOND
    reach = problem.curvature.reach
    # A profile that was taken further was needed further: R2 may lie anywhere up to its end.
    end = float(reach.lower()) if reach.is_finite() else largest
    breaks = [midpoint(piece.start) for piece in problem.curvature.pieces]
    inside = [radius for radius in breaks if radius < end]
    return np.unique(np.concatenate([np.linspace(0.0, end, points), inside, [end]]))


def _float_pieces(problem: SharpProblem) -> dict[str, list[tuple[float, FloatArray]]]:
    """Coefficients, highest first, of every polynomial of every piece."""
    found: dict[str, list[tuple[float, FloatArray]]] = {name: [] for name in ("mu", "q", "shift", "lower", "upper")}
    shift = problem.law.shifts
    for piece, envelope, drift in zip(problem.curvature.pieces, problem.law.envelopes, shift, strict=True):
        start = midpoint(piece.start)
        polynomials = {
            "mu": piece.mu, "q": piece.q, "shift": drift, "lower": envelope.lower, "upper": envelope.upper,
        }  # fmt: skip
        for name, polynomial in polynomials.items():
            found[name].append((start, np.array([midpoint(entry) for entry in polynomial.coeffs()][::-1] or [0.0])))
    return found


def _evaluate(pieces: dict[str, list[tuple[float, FloatArray]]], name: str, radii: FloatArray) -> FloatArray:
    """Values at radii; at a break the left piece's, as the bound holds on the closed ball."""
    starts = np.array([start for start, _ in pieces[name]])
    index = np.maximum(np.searchsorted(starts, radii, side="left") - 1, 0)
    values = np.empty_like(radii)
    for number, (_, coefficients) in enumerate(pieces[name]):
        here = index == number
        values[here] = np.polyval(coefficients, radii[here])
    return values


def _far(field: FarField, radii: FloatArray, log_scale: float) -> FloatArray:
    """The far numerator at every radius, by a grid of alpha and one rule in r; interpolated in the logarithm."""
    if not field.finite:
        return np.full(radii.shape, np.inf)
    # Of numpy's kind: a square beyond the floats is infinite there, where Python's own raises.
    m, second, beta, residual, gradient, b = (
        np.float64(midpoint(item)) for item in (field.m, field.M2, field.beta, field.residual, field.gradient, field.b)
    )
    a = (m / beta) ** 2
    o = np.linspace(1 / (1 + b), 1 / (1 + a), ALPHAS)[:, None, None]
    squares = 1.0 - o
    starts = np.linspace(radii[1], radii[-1], FAR_RADII)
    span = 40.0 / np.maximum(starts * (1 - min(second * residual / (m**2 + beta**2), 0.99)), 4.0)
    nodes = starts[:, None] + span[:, None] * (_FAR_NODES + 1) / 2
    near = np.sqrt(squares) * nodes - second / (2 * beta) * o * nodes**2
    push = np.maximum(near, m * nodes * np.sqrt(o) / beta)
    exponent = -gradient * nodes + o * (1 - second * residual / beta**2) * nodes**2 / 2 + push**2 / 2
    log_integrand = (field.dimension - 1) * np.log(nodes) - exponent - log_scale
    values = np.sum(np.exp(np.clip(log_integrand, -700, 700)) * _FAR_WEIGHTS, axis=2) * span / 2
    log_values = np.log(np.max(values, axis=0))
    return np.asarray(np.exp(np.interp(radii, starts, log_values)))
