"""The least value of a quadratic between two ellipsoids with centres and axes of their own, against dense grids."""

from __future__ import annotations

import numpy as np
import pytest

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.region_fit import least_on_region
from certify.envelopes.regions import Ellipsoid, Region

AXIS = np.linspace(-12.0, 12.0, 501)
GRID = np.stack(np.meshgrid(AXIS, AXIS), axis=-1).reshape(-1, 2)


def ellipsoid(radius: float, random: np.random.Generator) -> Ellipsoid:
    root = np.tril(random.standard_normal((2, 2)), -1) + np.diag(random.uniform(0.6, 1.5, 2))
    return Ellipsoid(0.3 * random.standard_normal(2), root, radius)


def is_inside(region: Region, points: FloatArray) -> FloatArray:
    outer, inner = region.inside, region.outside
    assert outer is not None and inner is not None
    near = np.linalg.norm((points - outer.centre) @ outer.root, axis=1) <= outer.radius
    return np.asarray(near & (np.linalg.norm((points - inner.centre) @ inner.root, axis=1) >= inner.radius))


@pytest.mark.parametrize("kind", ["indefinite", "convex inside the hole", "concave"])
@pytest.mark.parametrize("seed", range(4))
def test_the_dual_value_is_below_the_least_one_and_near_it(kind: str, seed: int) -> None:
    random = np.random.default_rng([seed, len(kind)])
    region = Region(ellipsoid(3.0, random), ellipsoid(1.0, random))
    curvature = random.standard_normal((2, 2))
    curvature = curvature @ curvature.T + 0.5 * np.eye(2)
    slope = 0.1 * random.standard_normal(2)
    if kind == "concave":
        curvature = -curvature
    if kind == "indefinite":
        curvature, slope = curvature - 1.5 * np.eye(2), 10 * slope
    assert region.outside is not None
    origin = region.outside.centre
    points = GRID[is_inside(region, GRID)]
    gaps = points - origin
    values = 0.5 * np.einsum("bi,ij,bj->b", gaps, curvature, gaps) + gaps @ slope
    value, place, inside, outside = least_on_region(curvature, slope, origin, region)
    # A grid sees no less than the least value; two conditions may leave a gap below it, but no large one here.
    assert value <= values.min() + 1e-9 * (1 + abs(value))
    assert value >= values.min() - 0.05 * (1 + float(np.abs(values).max()))
    assert inside >= 0.0 and outside >= 0.0 and np.isfinite(place).all()
    assert (outside > 0.0) == (kind == "convex inside the hole") or kind == "indefinite"
    assert (inside > 0.0) == (kind == "concave") or kind == "indefinite"
