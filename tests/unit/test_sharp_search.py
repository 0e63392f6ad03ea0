"""The float twin of the sharp bounds against its balls, and the search on top of it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from certify.arithmetic.balls import ball, midpoint, precision
from certify.generators.derivatives import jacobian, value
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.sharp.centre import certify_centre, find_centre, measured_problem
from certify.sharp.certificates import enclose_chain, fewest_layers, gaussian_layer, smallest_chain_distance
from certify.sharp.chain import run_layers
from certify.sharp.curvature import closed_form_curvature
from certify.sharp.estimates import RadialEstimates, radial_estimates
from certify.sharp.functions import EnvelopeRatio, ForceMoment, GaussianShift, SecondMoment
from certify.sharp.laws import RadialLaw
from certify.sharp.problem import SharpProblem, closed_form_problem, profile_problem
from certify.sharp.schedule import first_step, longest_step
from certify.sharp.search import best_layer, closest_chain, reaches, shortest_chain, smoothing_bound

WORKED = (2, 1, "1.5", "0.25", "0.1", "0.00623188723", "0.00865542625")
"""d, m, M, M2, beta, g, |r_c| of the worked example of docs/sharp.md."""
HOPELESS = (2, 1, "1.5", 10, 1, 1, 1)


@pytest.fixture(scope="module")
def problem() -> SharpProblem:
    return closed_form_problem(*WORKED)


@pytest.fixture(scope="module")
def estimates(problem: SharpProblem) -> RadialEstimates:
    with precision():
        return radial_estimates(problem)


def test_the_estimates_are_the_midpoints_of_the_balls(problem: SharpProblem, estimates: RadialEstimates) -> None:
    law, curvature = problem.law, problem.curvature
    assert estimates.dimension == 2 and estimates.radii[0] == 0.0
    assert estimates.radii[-1] == pytest.approx(math.sqrt(2) + 12)
    with precision():
        for j in np.searchsorted(estimates.radii, [1.5, 4.0]):
            R, R2 = ball(float(estimates.radii[j])), ball(float(estimates.radii[j + 40]))
            pairs = [
                (estimates.mu[j], curvature.mu(R)),
                (estimates.q[j], curvature.q(R)),
                (1 - estimates.mass[j] / estimates.mass[j + 40], law.outside(R, R2)),
                (
                    estimates.inner[j] / estimates.inner[j + 40],
                    law.upper_envelope_mass(R) / law.upper_envelope_mass(R2),
                ),
                (estimates.inner[j] / estimates.mass[j], law.upper_envelope_mass(R) / law.mass(ball(0), R)),
                (estimates.force[j] ** 2, 2 * law.force_moment(R)),
                (estimates.spread[j] ** 2, law.second_moment(R)),
                (estimates.shift[j] ** 2, law.gaussian_shift(R)),
                (estimates.gaussian_tail[j], law.gaussian_outside(R)),
            ]
            for found, enclosed in pairs:
                assert found == pytest.approx(midpoint(enclosed), rel=1e-6)
        far = int(np.searchsorted(estimates.radii, 5.0))
        truth = midpoint(problem.far_mass(ball(float(estimates.radii[far]))))
        assert estimates.far[far] == pytest.approx(truth, rel=0.02)
        outer = ball(float(estimates.radii[estimates.outer[j]]))
        assert estimates.tail[j] == pytest.approx(midpoint(problem.tail(R, outer)), rel=0.02)
        assert estimates.tail[j] <= estimates.tail[j - 1] <= 1.0


def test_at_a_break_the_left_piece_speaks() -> None:
    profile = Profile(np.array([1.0, 2.5, 6.0]), np.array([0.1, 0.3, 0.6]), np.array([0.9, 0.8, 0.5]))
    stepped = profile_problem(profile, closed_form_problem(*WORKED))
    with precision():
        found = radial_estimates(stepped)
    assert found.radii[-1] == 6.0 and {1.0, 2.5} <= set(found.radii.tolist())
    for radius, mu in ((0.5, 0.9), (1.0, 0.9), (1.001, 0.8), (2.5, 0.8), (2.6, 0.5), (6.0, 0.5)):
        assert found.mu[np.searchsorted(found.radii, radius)] == pytest.approx(mu, rel=1e-12)


@pytest.mark.parametrize("epsilon", ["0.02", "0.05"])
def test_the_fewest_layers_are_certified_and_their_estimate_is_near(problem: SharpProblem, epsilon: str) -> None:
    found = fewest_layers(problem, epsilon)
    assert found is not None
    with precision():
        assert found.bound.total <= ball(epsilon)
        assert found.choice.distance_estimate == pytest.approx(midpoint(found.bound.total), rel=1e-3)
        assert midpoint(found.bound.total) > 0.9 * float(Fraction(epsilon))
    assert 0 < found.choice.width < found.choice.radius <= found.choice.outer
    assert found.choice.start == "gaussian"
    assert found.choice.schedule.layers == {"0.02": 155, "0.05": 14}[epsilon]


def test_more_accuracy_costs_more_layers_and_a_limit_is_kept(estimates: RadialEstimates) -> None:
    layers = [shortest_chain(estimates, epsilon).schedule.layers for epsilon in (0.3, 0.05, 0.02)]  # type: ignore[union-attr]
    assert layers == sorted(layers) and layers[0] < layers[-1]
    assert shortest_chain(estimates, 0.05, layers[1]) is not None
    assert shortest_chain(estimates, 0.05, layers[1] // 2) is None
    assert shortest_chain(estimates, 1e-6, 1000) is None


def test_no_chain_reaches_below_the_closest(problem: SharpProblem, estimates: RadialEstimates) -> None:
    for limit in (100, 2000):
        closest = closest_chain(estimates, limit)
        assert closest is not None and closest.schedule.layers <= limit
        assert reaches(estimates, 1.05 * closest.distance_estimate, limit)
        assert not reaches(estimates, 0.95 * closest.distance_estimate, limit)
        certified = enclose_chain(problem, closest)
        assert certified is not None
        with precision():
            assert closest.distance_estimate == pytest.approx(midpoint(certified.bound.total), rel=1e-3)
    best = smallest_chain_distance(problem, 2000)
    assert best is not None and best.choice == closest


def test_one_layer_beats_every_other_radius_of_the_grid(problem: SharpProblem, estimates: RadialEstimates) -> None:
    choice, certified = best_layer(estimates), gaussian_layer(problem)
    assert choice is not None and certified is not None and certified.choice == choice
    with precision():
        total = midpoint(certified.bound.total)
    assert choice.distance_estimate == pytest.approx(total, rel=1e-3) and 0.04 < total < 0.0689
    assert choice.radius <= choice.outer


def test_without_curvature_there_is_nothing_to_choose() -> None:
    hopeless = closed_form_problem(*HOPELESS)
    with precision():
        found = radial_estimates(hopeless)
    assert closest_chain(found) is None and shortest_chain(found, 0.5) is None
    assert not reaches(found, 0.99)
    assert smallest_chain_distance(hopeless) is None and fewest_layers(hopeless, "0.5") is None


def test_steps_solve_their_equations() -> None:
    mu, q = np.array([0.5, 0.9, 0.01]), np.array([3.0, 0.5, 0.0])
    eta = longest_step(mu, q)
    sizes = -np.expm1(-eta) * (1 + q + mu)
    assert np.all(sizes <= 2) and sizes[0] == pytest.approx(2 * (1 - 1e-9), rel=1e-12)
    assert np.all(eta <= 8 + 1e-9) and eta[2] == pytest.approx(8.0)
    force, distance, longest = np.array([0.3, 2.0]), np.array([1.5, 0.2]), np.array([8.0, 1e-4])
    first = first_step(np.array([0.5, 0.9]), force, distance, longest)
    assert 0.5 * math.exp(-first[0]) * 1.5 == pytest.approx(math.sqrt(2) * 0.3 * math.sqrt(first[0]), rel=1e-9)
    assert first[1] == pytest.approx(1e-4)


def test_the_smoothing_bound_is_the_sum_of_the_balls() -> None:
    with precision():
        exact = run_layers([], [(ball("0.1"), 18)], ball("0.7"), ball("0.3"), ball("0.25"), ball("0.4"))
        truth = midpoint(exact.discretisation + exact.smoothing)
    arguments = (np.array([value]) for value in (0.7, 0.25, 0.4, 18.0, 0.1))
    assert smoothing_bound(*arguments)[0] == pytest.approx(truth, rel=1e-12)


def test_a_centre_carries_bounds_of_what_it_is_measured_at() -> None:
    generator = load_generator("residual:d=2,width=8")
    posterior = Posterior(generator, np.array([0.5, -0.25]), 0.5)
    centre = find_centre(posterior)
    gradient = np.linalg.norm(centre.factor.T @ posterior.gradient(centre.point))
    # The gradient in floats is off by some 1e-16 of its terms, which are below 10: on some processors by more than all.
    assert gradient - 1e-14 <= centre.gradient_upper < 1e-12 and centre.defect_upper < 1e-13
    away = certify_centre(posterior, centre.point + 0.25)
    truth = np.linalg.norm(away.factor.T @ posterior.gradient(away.point))
    assert away.gradient_upper == pytest.approx(truth, rel=1e-10)
    J = jacobian(generator.graph, away.point[None])[0]
    residual = np.linalg.norm(value(generator.graph, away.point[None])[0] - posterior.observation)
    singular = np.linalg.svd(J, compute_uv=False)
    assert away.residual_upper == pytest.approx(residual, rel=1e-10)
    assert away.jacobian_upper == pytest.approx(singular[0], rel=1e-9) and away.jacobian_upper >= singular[0] * (
        1 - 1e-15
    )
    assert away.sigma_min_lower == pytest.approx(singular[-1], rel=1e-9)
    assert away.factor @ away.factor.T @ (np.eye(2) + J.T @ J / 0.25) == pytest.approx(np.eye(2), abs=1e-12)
    measured = measured_problem(away, "0.1", 5, "0.5", "0.5")
    direct = closed_form_problem(
        2, "0.1", 5, "0.5", "0.5", away.gradient_upper, away.residual_upper, away.defect_upper,
        sigma_min=away.sigma_min_lower, jacobian_norm=away.jacobian_upper,
    )  # fmt: skip
    with precision():
        assert measured.dimension == 2 and midpoint(measured.gradient) == away.gradient_upper
        for radius in (ball("0.5"), ball(2)):
            assert midpoint(measured.curvature.mu(radius)) == midpoint(direct.curvature.mu(radius))
        # What was measured is sharper than the global constants.
        loose = closed_form_problem(2, "0.1", 5, "0.5", "0.5", away.gradient_upper, away.residual_upper)
        assert measured.curvature.q(ball(1)) < loose.curvature.q(ball(1))
        assert midpoint(measured.far.b) == pytest.approx((away.jacobian_upper / 0.5) ** 2, rel=1e-12)


def test_the_symbolic_functions_are_the_laws_own() -> None:
    e, p, phi, om, R = (ball(value) for value in ("0.1", "0.05", "0.6", "0.01", 3))
    law = RadialLaw(2, closed_form_curvature(e, p, phi, om), ball("0.02"))
    shape = (ball(2), ball("0.02"), e, p, phi, om)
    with precision():
        for function, truth in (
            (GaussianShift, law.gaussian_shift(R)),
            (SecondMoment, law.second_moment(R)),
            (ForceMoment, law.force_moment(R)),
            (EnvelopeRatio, law.envelope_ratio(R)),
        ):
            assert midpoint(function.enclose(*shape, R)) == pytest.approx(midpoint(truth), rel=1e-12)
        estimate = GaussianShift.estimate(*map(midpoint, shape), np.array([1.0, 3.0, np.inf]))
        assert estimate[1] == pytest.approx(midpoint(law.gaussian_shift(R)), rel=1e-9) and np.isnan(estimate[2])
