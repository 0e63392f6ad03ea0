"""Spectral gaps with closed forms: Gaussian, uniform on an interval and a disk; Bakry-Emery on truncated laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import jnp_zeros

from certify.bounds.constants import constants
from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import FloatArray
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.posteriors.spectral_gap import Box, Disk, log_sobolev_upper, spectral_gap


def quadratic(precision: FloatArray) -> object:
    return lambda points: 0.5 * np.einsum("bi,ij,bj->b", points, precision, points)


def flat(points: FloatArray) -> FloatArray:
    return np.zeros(points.shape[0])


def interval(half_width: float, centre: float = 0.0) -> Box:
    return Box(np.array([centre]), np.eye(1), np.array([half_width]))


@pytest.mark.parametrize("precision", [0.3, 1.0, 400.0])
def test_the_gap_of_a_gaussian_on_the_line_is_its_precision(precision: float) -> None:
    found = spectral_gap(quadratic(np.array([[precision]])), interval(8 / math.sqrt(precision)))
    assert found.estimate == pytest.approx(precision, rel=1e-4)
    assert found.lower <= precision <= found.upper


def test_the_gap_of_a_gaussian_in_the_plane_is_its_least_eigenvalue() -> None:
    angle = 0.4
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    precision = axes @ np.diag([2.0, 9.0]) @ axes.T
    box = Box(np.zeros(2), axes, 7 / np.sqrt([2.0, 9.0]))
    found = spectral_gap(quadratic(precision), box)
    assert found.lower <= 2.0 <= found.upper
    assert found.estimate == pytest.approx(2.0, rel=1e-3)


def test_the_gap_without_potential_is_neumanns_eigenvalue() -> None:
    assert spectral_gap(flat, interval(1.5)).estimate == pytest.approx((math.pi / 3) ** 2, rel=1e-6)
    disk = spectral_gap(flat, Disk(np.array([3.0, -1.0]), 2.0))
    assert disk.estimate == pytest.approx((jnp_zeros(1, 1)[0] / 2) ** 2, rel=1e-4)


@pytest.mark.parametrize(("half_width", "centre"), [(0.3, 0.0), (1.0, 0.7), (2.5, -1.0)])
def test_bakry_emery_on_truncated_gaussians(half_width: float, centre: float) -> None:
    mu = 2.0
    potential = quadratic(np.array([[mu]]))
    gap = spectral_gap(potential, interval(half_width, centre))
    quotient = log_sobolev_upper(potential, interval(half_width, centre))
    assert gap.lower > mu
    # Log-Sobolev implies Poincare: c_LS <= gap, and every quotient is at least mu.
    assert mu < quotient.estimate
    # Truncation to a short interval: the Neumann eigenvalue of the interval takes over.
    assert gap.estimate == pytest.approx(max(mu, (math.pi / (2 * half_width)) ** 2), rel=0.8)


def test_log_sobolev_is_attained_by_exponentials_on_a_gaussian() -> None:
    found = log_sobolev_upper(quadratic(np.array([[3.0]])), interval(9 / math.sqrt(3.0)))
    assert found.estimate == pytest.approx(3.0, rel=1e-3)


def test_a_second_basin_has_a_small_gap() -> None:
    """Not log-concave: a claimed gap of 1 is false here, and the estimate says so."""
    found = spectral_gap(lambda points: 6 * (points[:, 0] ** 2 - 1) ** 2, interval(2.5), cells=200)
    assert found.upper < 0.3


def test_bakry_emery_on_the_ball_of_s2() -> None:
    generator = load_generator("residual:d=2,width=6,depth=1,lipschitz=0.4,seed=3")
    brackets = constants(generator, effort=4000.0)
    m, big, second = brackets.m.lower, brackets.M.upper, brackets.M2.upper
    assert m is not None and big is not None and second is not None
    centre, beta = np.array([0.4, -0.3]), 0.1
    posterior = Posterior(generator, value(generator.graph, centre), beta)
    for theta in (0.2, 0.5):
        radius = theta * m**2 / (big * second)
        mu = 1 + (m**2 - big * second * radius) / beta**2
        found = spectral_gap(posterior.potential, Disk(centre, radius), cells=64)
        assert found.lower > mu > 1


def test_the_same_gap_in_every_run() -> None:
    potential = quadratic(np.diag([1.0, 4.0]))
    disk = Disk(np.zeros(2), 1.5)
    assert spectral_gap(potential, disk, cells=32) == spectral_gap(potential, disk, cells=32)


def test_bad_domains_are_refused() -> None:
    with pytest.raises(InputError, match="d = 1 and 2"):
        Box(np.zeros(3), np.eye(3), np.ones(3))
    with pytest.raises(InputError, match="half_widths"):
        interval(0.0)
    with pytest.raises(InputError, match="orthonormal"):
        Box(np.zeros(2), np.array([[1.0, 1.0], [0.0, 1.0]]), np.ones(2))
    with pytest.raises(InputError, match="radius"):
        Disk(np.zeros(2), math.inf)
    with pytest.raises(InputError, match="at least 16"):
        spectral_gap(flat, interval(1.0), cells=4)
    with pytest.raises(InputError, match="finite"):
        spectral_gap(lambda points: np.full(points.shape[0], np.nan), interval(1.0))
