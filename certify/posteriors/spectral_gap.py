"""Spectral gap and log-Sobolev constant of the Langevin diffusion on a box or a disk, for d = 1 and 2.

The diffusion dz = -grad f dt + sqrt(2) dW, reflected at the boundary of a convex domain D, has the Dirichlet form
int_D |grad g|^2 dpi, pi ~ exp(-f) on D. Its gap is the largest c with c Var(g) <= int |grad g|^2 dpi, its log-Sobolev
constant the largest c with c Ent(g^2) <= 2 int |grad g|^2 dpi. Finite volumes keep the chain reversible: neighbouring
cells i, j exchange mass at rate area/distance exp(-(f_i + f_j)/2), so the symmetrised matrix has the off-diagonal
entries -area/(distance sqrt(v_i v_j)), free of f, and on the diagonal only differences of f: nothing underflows.
The error is quadratic in the spacing and is estimated from two meshes.

Source: Bakry, Gentil, Ledoux, "Analysis and geometry of Markov diffusion operators" (2014), chapters 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import eigsh

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.posteriors.estimates import IntervalEstimate

IntArray = npt.NDArray[np.int64]
Potential = Callable[[FloatArray], FloatArray]
CELLS = 96
FEWEST_CELLS = 16
TILTS = (1e-3, 0.1, 0.3, 1.0, 2.0)
"""Exponents t of the test functions exp(t <u, z - mean> / (2 sd)): small ones see the gap, large ones the tails."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Cells with `centres` (n, d) and `volumes` (n,); face e joins cells `first[e]` and `second[e]`.

    `conductances` (faces,) are area over distance of centres. A face on the boundary is absent: no flux (Neumann).
    """

    centres: FloatArray
    volumes: FloatArray
    first: IntArray
    second: IntArray
    conductances: FloatArray


class Domain(Protocol):
    """A convex domain that can be meshed with `cells` cells along each coordinate."""

    @property
    def diameter(self) -> float: ...

    def mesh(self, cells: int) -> Mesh: ...


@dataclass(frozen=True, eq=False)
class Box:
    """{centre + axes y : |y_i| <= half_widths_i}, `axes` (d, d) orthonormal, d = 1 or 2.

    Raises:
        InputError: if d > 2, a half width is not in (0, inf), or the axes are not orthonormal.
    """

    centre: FloatArray
    axes: FloatArray
    half_widths: FloatArray

    def __post_init__(self) -> None:
        size = self.centre.size
        if size not in {1, 2} or self.axes.shape != (size, size) or self.half_widths.shape != (size,):
            raise InputError(f"a box is meshed for d = 1 and 2; got centre of size {size}, axes {self.axes.shape}")
        if not np.all((self.half_widths > 0) & np.isfinite(self.half_widths)):
            raise InputError(f"`half_widths` must be in (0, inf); got {self.half_widths}")
        if not np.allclose(self.axes.T @ self.axes, np.eye(size), atol=1e-9):
            raise InputError("`axes` must be orthonormal; take the eigenvectors of a symmetric matrix")

    @property
    def diameter(self) -> float:
        """Length of the diagonal."""
        return 2 * float(np.linalg.norm(self.half_widths))

    def mesh(self, cells: int) -> Mesh:
        """Equal cells, `cells` along each axis."""
        spacing = 2 * self.half_widths / cells
        places = np.arange(cells) + 0.5
        lines = [step * places - width for width, step in zip(self.half_widths, spacing, strict=True)]
        inner = np.stack([grid.ravel() for grid in np.meshgrid(*lines, indexing="ij")], axis=1)
        volume = float(np.prod(spacing))
        number = np.arange(cells**spacing.size).reshape((cells,) * spacing.size)
        pairs = [_neighbours(number, axis) for axis in range(spacing.size)]
        return Mesh(
            self.centre + inner @ self.axes.T,
            np.full(inner.shape[0], volume),
            np.concatenate([first for first, _ in pairs]),
            np.concatenate([second for _, second in pairs]),
            np.concatenate(
                [np.full(first.size, volume / step**2) for (first, _), step in zip(pairs, spacing, strict=True)]
            ),
        )


@dataclass(frozen=True, eq=False)
class Disk:
    """{z in R^2 : |z - centre| <= radius}, meshed in polar coordinates: its boundary is a coordinate line.

    Raises:
        InputError: if the centre is not in R^2 or the radius is not in (0, inf).
    """

    centre: FloatArray
    radius: float

    def __post_init__(self) -> None:
        if self.centre.shape != (2,) or not 0 < self.radius < np.inf:
            raise InputError(f"a disk has a centre in R^2 and a radius in (0, inf); got {self.centre}, {self.radius:g}")

    @property
    def diameter(self) -> float:
        """Twice the radius."""
        return 2 * self.radius

    def mesh(self, cells: int) -> Mesh:
        """`cells` rings of `cells` sectors; the innermost face has area 0."""
        ring, turn = self.radius / cells, 2 * np.pi / cells
        radii, angles = ring * (np.arange(cells) + 0.5), turn * np.arange(cells)
        distance, angle = (grid.ravel() for grid in np.meshgrid(radii, angles, indexing="ij"))
        number = np.arange(cells * cells).reshape(cells, cells)
        inner, outer = _neighbours(number, 0)
        around = np.roll(number, -1, axis=1).ravel()
        return Mesh(
            self.centre + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1),
            distance * ring * turn,
            np.concatenate([inner, number.ravel()]),
            np.concatenate([outer, around]),
            np.concatenate([(distance[inner] + ring / 2) * turn / ring, ring / (distance * turn)]),
        )


def spectral_gap(potential: Potential, domain: Domain, cells: int = CELLS) -> IntervalEstimate:
    """Gap of the reflected Langevin diffusion of exp(-potential) on `domain`.

    Args:
        potential: f on points (batch, d), shape (batch,).
        domain: a `Box` or a `Disk`; a box many standard deviations wide stands for R^d.
        cells: cells along each coordinate of the finer mesh, at least 16.

    Returns:
        Richardson's extrapolation from two meshes; the half width is the difference of the two, an error estimate
        and not a bound. Estimate.

    Raises:
        InputError: if `cells` is below 16 or f is not finite on the domain.
    """
    return _two_meshes(lambda mesh: _gap(potential, mesh, domain.diameter), domain, cells)


def log_sobolev_upper(potential: Potential, domain: Domain, cells: int = CELLS) -> IntervalEstimate:
    """The smallest quotient 2 int |grad g|^2 dpi / Ent(g^2) over exponentials g along 2 d directions.

    The log-Sobolev constant is at most every such quotient, so this estimates an upper bound of it; on a Gaussian
    the exponentials are optimal. Arguments, interval and errors as for `spectral_gap`. Estimate.
    """
    return _two_meshes(lambda mesh: _smallest_quotient(potential, mesh), domain, cells)


def _two_meshes(measure: Callable[[Mesh], float], domain: Domain, cells: int) -> IntervalEstimate:
    if cells < FEWEST_CELLS:
        raise InputError(f"`cells` must be at least {FEWEST_CELLS}; got {cells}")
    fine, coarse = measure(domain.mesh(cells)), measure(domain.mesh(cells // 2))
    estimate = fine + (fine - coarse) / 3
    error = abs(fine - coarse) + 1e-9 * abs(fine)
    return IntervalEstimate(
        estimate, max(0.0, estimate - error), estimate + error, 0.0, cells, "finite volumes, difference of two meshes"
    )


def _gap(potential: Potential, mesh: Mesh, diameter: float) -> float:
    heights = _heights(potential, mesh)
    rate = mesh.conductances
    rise = 0.5 * (heights[mesh.second] - heights[mesh.first])
    count = heights.size
    diagonal = np.bincount(mesh.first, rate * np.exp(-rise), count)
    diagonal += np.bincount(mesh.second, rate * np.exp(rise), count)
    across = -rate / np.sqrt(mesh.volumes[mesh.first] * mesh.volumes[mesh.second])
    matrix = sparse.coo_matrix((across, (mesh.first, mesh.second)), shape=(count, count))
    symmetric = (matrix + matrix.T + sparse.diags(diagonal / mesh.volumes)).tocsc()
    # A shift below the spectrum keeps the factorised matrix positive definite; the start makes the run repeatable.
    start = np.random.default_rng(0).standard_normal(count)
    found = eigsh(symmetric, k=2, sigma=-1.0 / diameter**2, which="LM", v0=start, return_eigenvectors=False)
    return float(np.max(found))


def _smallest_quotient(potential: Potential, mesh: Mesh) -> float:
    heights = _heights(potential, mesh)
    weights = mesh.volumes * np.exp(-heights)
    total = float(np.sum(weights))
    masses = weights / total
    flows = mesh.conductances * np.exp(-0.5 * (heights[mesh.first] + heights[mesh.second])) / total
    offsets = mesh.centres - masses @ mesh.centres
    spectrum, directions = np.linalg.eigh((offsets.T * masses) @ offsets)
    coordinates = offsets @ (directions / np.sqrt(spectrum))
    quotients = [
        _quotient(np.exp(sign * tilt * column / 2), masses, flows, mesh)
        for column in coordinates.T
        for tilt in TILTS
        for sign in (-1.0, 1.0)
    ]
    return min(quotients)


def _quotient(test: FloatArray, masses: FloatArray, flows: FloatArray, mesh: Mesh) -> float:
    energy = float(np.sum(flows * (test[mesh.first] - test[mesh.second]) ** 2))
    squares = test * test
    mean = float(masses @ squares)
    ratio = squares / mean
    # Ent(g^2) = mean E[r log r - r + 1] with r = g^2/mean: a sum of nonnegative terms, so nothing cancels.
    entropy = mean * float(masses @ (ratio * np.log(ratio) - (ratio - 1)))
    return 2 * energy / entropy


def _heights(potential: Potential, mesh: Mesh) -> FloatArray:
    heights = np.asarray(potential(mesh.centres), dtype=np.float64)
    if heights.shape != mesh.volumes.shape or not np.all(np.isfinite(heights)):
        raise InputError(f"`potential` must be finite with shape (batch,) on the domain; got shape {heights.shape}")
    return heights - float(np.min(heights))


def _neighbours(number: IntArray, axis: int) -> tuple[IntArray, IntArray]:
    count = number.shape[axis]
    lower, upper = (np.take(number, range(begin, begin + count - 1), axis=axis) for begin in (0, 1))
    return lower.ravel(), upper.ravel()
