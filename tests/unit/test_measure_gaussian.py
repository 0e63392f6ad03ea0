"""A posterior against one Gaussian: two engines agree, wrong Gaussians are seen; the search for third derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb
from scipy.integrate import quad

from certify.arithmetic.balls import midpoint, precision
from certify.generators.specification import load_generator
from certify.measure.gaussian_fit import EmptyRegionError, quadrature_fit, sampled_fit
from certify.measure.gaussian_third import line_third_derivative, third_derivative_extremes
from certify.measure.inverse import preimage
from certify.measure.reference import UNBOUNDED_BIAS, ReferenceDraws, reference_draws
from certify.posteriors.gaussian import GaussianLaw, posterior_law
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import Projection
from certify.symbolic.smaller_bound import SmallerBound
from tests.generators import wave
from theorems.gaussian_encoder.laws import gaussian_at

NOWHERE = math.inf


@pytest.fixture(scope="module")
def plane() -> Posterior:
    return Posterior(wave(2), np.array([1.9, 1.5]), 0.3)


@pytest.fixture(scope="module")
def drawn(plane: Posterior) -> ReferenceDraws:
    return reference_draws(plane, preimage(plane.generator, plane.observation), 20_000, 1, 1.0)


def test_on_the_line_it_is_the_integral_of_the_densities() -> None:
    posterior = Posterior(wave(), np.array([1.9]), 0.3)
    law = gaussian_at(posterior, find_mode(posterior))
    truth = build_quadrature(posterior)
    fit = quadrature_fit(truth, law, Projection(law.mean, NOWHERE))

    def gap(z: float) -> float:
        point = np.array([[z]])
        return abs(float(truth.density(point)[0]) - math.exp(float(law.log_density(point)[0]))) / 2

    expected = quad(gap, law.mean[0] - 2.5, law.mean[0] + 2.5, limit=400, epsabs=1e-12)[0]
    assert fit.distance.estimate == pytest.approx(expected, rel=1e-3)
    assert fit.divergence is not None
    assert 2 * fit.distance.estimate**2 <= fit.divergence.upper


@pytest.mark.parametrize("radius", [NOWHERE, 0.4])
def test_draws_and_quadrature_agree(plane: Posterior, drawn: ReferenceDraws, radius: float) -> None:
    law = gaussian_at(plane, find_mode(plane))
    region = Projection(law.mean, radius)
    exact = quadrature_fit(build_quadrature(plane), law, region)
    sampled = sampled_fit(plane, law, region, drawn, 40_000, 3)
    assert drawn.exact
    assert sampled.distance.lower <= exact.distance.estimate <= sampled.distance.upper < 0.1
    assert sampled.distance.estimate == pytest.approx(exact.distance.estimate, abs=4e-3)
    assert sampled.information.lower <= exact.information.estimate
    assert sampled.information.estimate == pytest.approx(exact.information.estimate, rel=0.1)


@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.0), (0.0, 1.5), (0.0, 0.6)])
def test_a_wrong_gaussian_is_seen(plane: Posterior, drawn: ReferenceDraws, shift: float, scale: float) -> None:
    law = gaussian_at(plane, find_mode(plane))
    deviation = np.sqrt(np.diag(law.covariance))
    wrong = GaussianLaw(law.mean + shift * deviation, law.covariance * scale**2)
    exact = quadrature_fit(build_quadrature(plane), wrong, Projection(wrong.mean, NOWHERE)).distance
    sampled = sampled_fit(plane, wrong, Projection(wrong.mean, NOWHERE), drawn, 40_000, 3).distance
    assert 0.1 < sampled.lower <= exact.estimate <= sampled.upper
    assert exact.estimate == pytest.approx(sampled.estimate, abs=0.01)


def test_draws_that_are_not_exact_leave_the_upper_end_open(plane: Posterior, drawn: ReferenceDraws) -> None:
    law = gaussian_at(plane, find_mode(plane))
    approximate = ReferenceDraws(drawn.points, "end points of independent MALA chains", UNBOUNDED_BIAS)
    found = sampled_fit(plane, law, Projection(law.mean, NOWHERE), approximate, 5000, 0).distance
    assert found.upper == 1.0 and "known from below only" in found.method
    with pytest.raises(EmptyRegionError, match="fall into the ball"):
        sampled_fit(plane, law, Projection(law.mean, 1e-6), drawn, 5000, 0)


def test_the_posterior_of_an_affine_generator_is_its_gaussian() -> None:
    posterior = Posterior(load_generator("linear:d=3,kappa=2,seed=0"), np.array([0.3, -1.0, 0.5]), 0.4)
    law = posterior_law(posterior)
    draws = reference_draws(posterior, law.mean, 20_000, 0)
    found = sampled_fit(posterior, law, Projection(law.mean, NOWHERE), draws, 20_000, 0)
    assert found.distance.estimate < 1e-9 and found.distance.upper < 0.02
    assert found.information.estimate < 1e-16


def test_third_derivatives_are_those_of_the_taylor_jet() -> None:
    generator = load_generator("residual:d=3,width=6,depth=2,seed=1")
    posterior = Posterior(generator, np.array([0.4, -0.2, 1.0]), 0.2)
    random = np.random.default_rng(0)
    points, directions = random.standard_normal((5, 3)), random.standard_normal((5, 3))
    floats = line_third_derivative(posterior, points, directions)
    for point, direction, number in zip(points, directions, floats, strict=True):
        with precision():
            jet = posterior.line_potential_ball(point, direction, 3)
            assert number == pytest.approx(midpoint(6 * jet[3]), rel=1e-9)


def test_the_search_finds_the_largest_third_derivative_on_the_line() -> None:
    posterior, centre = Posterior(wave(), np.array([1.9]), 0.3), np.array([1.5])
    for found in third_derivative_extremes(posterior, centre, [0.05, 0.5, 2.0], seed=3):
        grid = centre + np.linspace(-found.radius, found.radius, 4001)[:, None]
        best = np.max(np.abs(line_third_derivative(posterior, grid, np.ones_like(grid))))
        assert found.value == pytest.approx(best, rel=1e-3)
        assert abs(found.point[0] - centre[0]) <= found.radius * (1 + 1e-12)


def test_the_smaller_bound_ignores_a_bound_that_is_unknown() -> None:
    nan = arb("nan")
    assert midpoint(SmallerBound.enclose(arb(2), arb(3))) == 2.0
    assert midpoint(SmallerBound.enclose(nan, arb(3))) == midpoint(SmallerBound.enclose(arb(3), nan)) == 3.0
    assert SmallerBound.enclose(nan, nan).is_nan()
    wide = SmallerBound.enclose(arb(2, 1), arb("2.5"))
    assert wide.contains(arb(1)) and wide.contains(arb("2.5"))
    np.testing.assert_array_equal(SmallerBound.estimate([1.0, np.nan, 4.0], [2.0, 3.0, np.nan]), [1.0, 3.0, 4.0])
