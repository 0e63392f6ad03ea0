"""The law of the preconditioned, projected exponential integrator at its last layer, on a grid for d = 1, 2.

In y = B^{-1}(z - c) one layer moves the mass at y to P_D y - s grad F(P_D y) and blurs it with variance 2 s - s^2. The
move spreads each node's mass over its neighbours with cubic Lagrange weights (moments up to 3 are kept), the blur is a
product in Fourier space, exact for the periodic continuation. Two resolutions give the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.measure.whitened import WhitenedPosterior
from certify.posteriors.estimates import DistanceEstimate

NODES = {1: (4096, 3072), 2: (320, 240)}
MARGIN = 7.0
"""Room beyond the projection radius, in standard deviations of the blur and of the Gaussian."""


@dataclass(frozen=True, eq=False)
class _Grid:
    """Periodic nodes of [-half, half)^d, the layer's move before scaling by s, and the posterior's masses there."""

    axis: FloatArray
    clipped: FloatArray
    gradient: FloatArray
    target: FloatArray
    spacing: float


def exponential_chain_distance(
    whitened: WhitenedPosterior, radius: float, times: Sequence[float], gaussian_start: bool = True
) -> DistanceEstimate:
    """TV(law of X_K, pi_x) of the chain with layer times eta_k = `times` projected to |y| <= `radius`.

    Estimate: the half width of the interval is the difference between two resolutions.

    Raises:
        InputError: if d > 2.
    """
    fine, coarse = (_distance(_layers(grid, times, gaussian_start), grid) for grid in _grids(whitened, radius))
    error = abs(fine - coarse) + 1e-9
    return DistanceEstimate(fine, max(0.0, fine - error), min(1.0, fine + error), "law on a grid, two resolutions")


def start_distance(
    whitened: WhitenedPosterior, radius: float, layers: Sequence[float], points: tuple[FloatArray, FloatArray]
) -> DistanceEstimate:
    """TV between the chain's laws from two points (d,) after `layers`: what its smoothing is held against."""
    values = []
    for grid in _grids(whitened, radius):
        laws = [_layers(grid, layers, None, point) for point in points]
        values.append(0.5 * float(np.sum(np.abs(laws[0] - laws[1]))))
    error = abs(values[0] - values[1]) + 1e-9
    return DistanceEstimate(
        values[0], max(0.0, values[0] - error), min(1.0, values[0] + error), "laws on a grid, two resolutions"
    )


def _grids(whitened: WhitenedPosterior, radius: float) -> list[_Grid]:
    dimension = whitened.point.size
    if dimension not in NODES:
        raise InputError(f"the law on a grid is resolved for d = 1 and 2; got d = {dimension}")
    half = radius + MARGIN
    found = []
    for count in NODES[dimension]:
        axis = -half + 2 * half * np.arange(count) / count
        nodes = np.stack([item.ravel() for item in np.meshgrid(*[axis] * dimension, indexing="ij")], axis=1)
        length = np.linalg.norm(nodes, axis=1, keepdims=True)
        clipped = nodes * np.minimum(1.0, radius / np.maximum(length, 1e-300))
        potential = whitened.potential(nodes)
        mass = np.exp(-(potential - potential.min()))
        found.append(_Grid(axis, clipped, whitened.gradient(clipped), mass / mass.sum(), float(axis[1] - axis[0])))
    return found


def _layers(
    grid: _Grid, times: Sequence[float], gaussian_start: bool | None, point: FloatArray | None = None
) -> FloatArray:
    """Masses on the nodes after all layers, from N(0, I), from 0, or from `point`."""
    dimension = grid.clipped.shape[1]
    remaining = list(times)
    if gaussian_start:
        nodes = np.stack([item.ravel() for item in np.meshgrid(*[grid.axis] * dimension, indexing="ij")], axis=1)
        mass = np.exp(-0.5 * np.sum(nodes * nodes, axis=1))
        mass /= mass.sum()
    else:
        # A point is spread over its neighbours at once: the first layer's blur hides the grid.
        start = np.zeros((1, dimension)) if point is None else point[None]
        mass = _spread(grid, start, np.ones(1))
    for eta in remaining:
        s = -np.expm1(-eta)
        moved = _spread(grid, grid.clipped - s * grid.gradient, mass)
        mass = _blur(grid, moved, 2 * s - s * s)
    return np.asarray(mass)


def _spread(grid: _Grid, points: FloatArray, mass: FloatArray) -> FloatArray:
    """Deposit masses at points onto the periodic nodes, cubic Lagrange weights in every coordinate."""
    count, dimension = grid.axis.size, points.shape[1]
    place = (points - grid.axis[0]) / grid.spacing
    base = np.floor(place).astype(np.int64)
    t = place - base
    weights = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    total = np.zeros(count**dimension)
    for shifts in product(range(4), repeat=dimension):
        index = np.zeros(len(points), dtype=np.int64)
        share = mass.copy()
        for axis, shift in enumerate(shifts):
            index = index * count + (base[:, axis] + shift - 1) % count
            share = share * weights[shift][:, axis]
        total += np.bincount(index, weights=share, minlength=total.size)
    return total


def _blur(grid: _Grid, mass: FloatArray, variance: float) -> FloatArray:
    count, dimension = grid.axis.size, grid.clipped.shape[1]
    frequency = 2 * np.pi * np.fft.fftfreq(count, d=grid.spacing)
    damping = np.exp(-0.5 * variance * frequency**2)
    shaped = np.fft.fftn(mass.reshape((count,) * dimension))
    for axis in range(dimension):
        shaped = shaped * damping.reshape([-1 if k == axis else 1 for k in range(dimension)])
    return np.asarray(np.fft.ifftn(shaped).real.ravel())


def _distance(mass: FloatArray, grid: _Grid) -> float:
    return 0.5 * float(np.sum(np.abs(mass - grid.target)))
