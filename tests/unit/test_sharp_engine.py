"""The ball engine of the sharp bounds against worked numbers, against its second integrator, and at its edges."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_poly
from scipy import integrate
from scipy.special import gammaincc

from certify.arithmetic.balls import ball, lower, midpoint, precision, upper
from certify.errors import InputError
from certify.posteriors.profile import Profile
from certify.sharp.chain import chain_bound
from certify.sharp.curvature import closed_form_curvature, profile_curvature
from certify.sharp.far import FarField
from certify.sharp.gaussian_layer import gaussian_layer_bound
from certify.sharp.laws import RadialLaw
from certify.sharp.problem import SharpProblem, closed_form_problem, profile_problem
from certify.sharp.quadrature import Segment, analytic_integral, taylor_integral
from certify.sharp.schedule import Schedule

WORKED = (2, 1, "1.5", "0.25", "0.1", "0.00623188723", "0.00865542625")
"""d, m, M, M2, beta, g, |r_c| of the worked example of docs/sharp.md."""
MOVING, SMOOTHING = [("0.3", 1), ("0.2", 1)], [("0.1", 18)]


def assert_digits(value: arb, digits: str, relative: float = 3e-8) -> None:
    """The ball meets the numbers that round to `digits` (one unit of the last one), and is narrower than `relative`."""
    exponent = Decimal(digits).as_tuple().exponent
    assert isinstance(exponent, int)
    rounded = arb(ball(digits).mid(), 10.0**exponent)
    assert value.overlaps(rounded), (value, digits)
    assert value.rad() <= abs(value) * relative, (value, digits)


def test_one_gaussian_layer_of_the_worked_example() -> None:
    problem = closed_form_problem(*WORKED)
    with precision():
        bound = gaussian_layer_bound(problem, 4, 5)
        assert bound.admissible
        assert_digits(problem.law.outside(ball(4), ball(5)), "8.40221887e-4")
        assert_digits(problem.law.upper_envelope_mass(ball(5)), "0.947200192")
        assert_digits(bound.mu, "0.705729345")
        assert_digits(problem.curvature.q(ball(4)), "0.31387658")
        assert_digits(bound.shift, "0.0129250490")
        assert_digits(bound.leading, "0.0676654564")
        assert_digits(bound.outside, "3.35462628e-4")
        assert_digits(bound.tail, "8.58831268e-4", 2e-5)
        assert_digits(bound.total, "0.0688597503", 1e-6)


def test_far_field_of_the_worked_example() -> None:
    far = closed_form_problem(*WORKED).far
    with precision():
        assert_digits(far.numerator(ball(5), 1e-5), "1.76268095e-5", 6e-6)
        assert_digits(far.numerator(ball("5.5"), 1e-5), "1.98250586e-6", 6e-6)
        wide = far.numerator(ball(5), 1e-1)
        assert wide.contains(ball("1.76268095e-5"))


def test_chain_of_the_worked_example() -> None:
    problem = closed_form_problem(*WORKED)
    with precision():
        bound = chain_bound(problem, 5, "5.5", "0.4", MOVING, SMOOTHING)
        assert bound.admissible
        for name, digits, width in (
            ("mu", "0.634229002", 1e-9), ("q", "0.396405250", 1e-9), ("force", "0.161166512", 1e-9),
            ("initial_distance", "0.180369550", 1e-9), ("start_outside", "3.72665317e-6", 1e-9),
            ("exit", "0.00335086523", 1e-9), ("discretisation", "0.0241749767", 1e-9),
            ("smoothing", "0.0186991921", 1e-9), ("tail", "2.08188641e-5", 1e-4), ("total", "0.0462495796", 1e-6),
        ):  # fmt: skip
            assert_digits(getattr(bound, name), digits, width)
        point = chain_bound(problem, 5, "5.5", "0.4", MOVING, SMOOTHING, "point")
        assert point.start_outside == 0
        assert point.initial_distance > 1


def test_a_run_of_equal_steps_is_the_steps_one_by_one() -> None:
    problem = closed_form_problem(*WORKED)
    singly = chain_bound(problem, 5, "5.5", "0.4", [("0.2", 1)] * 7, [("0.1", 1)] * 18)
    at_once = chain_bound(problem, 5, "5.5", "0.4", [("0.2", 7)], [("0.1", 18)])
    assert singly.total.overlaps(at_once.total)
    assert upper(abs(singly.smoothing - at_once.smoothing)) < 1e-15


@pytest.mark.parametrize("d", [1, 2, 8, 64])
@pytest.mark.parametrize("scale", ["0.001", "0.05"])
def test_the_two_integrators_overlap(d: int, scale: str) -> None:
    with precision():
        curvature = closed_form_curvature(ball(scale), ball("0.01"), ball("0.4"))
        radius = ball(d).sqrt() + 3
        laws = [RadialLaw(d, curvature, ball("0.02"), engine) for engine in (analytic_integral, taylor_integral)]
        for value in (
            lambda law: law.outside(radius - 1, radius),
            lambda law: law.force_moment(radius),
            lambda law: law.second_moment(radius),
            lambda law: law.gaussian_shift(radius),
            lambda law: law.upper_envelope_mass(radius),
        ):
            first, second = (value(law) for law in laws)
            assert first.overlaps(second)
            assert first.rad() < abs(first) * 1e-12
            assert second.rad() < abs(second) * 1e-6


def test_far_field_by_the_other_integrator_overlaps() -> None:
    with precision():
        far = closed_form_problem(*WORKED).far
        other = closed_form_problem(*WORKED, integrator=taylor_integral).far
        assert far.numerator(ball(5), 1e-2).overlaps(other.numerator(ball(5), 1e-2))


def test_integrals_contain_what_scipy_finds_and_the_incomplete_gamma_function() -> None:
    with precision():
        exponent = arb_poly([0, ball("0.3"), ball("0.4"), ball("0.01")])
        found = analytic_integral([Segment(arb(0), arb(4), exponent, arb_poly([1, 2]))], 3)
    truth = integrate.quad(lambda r: r**3 * (1 + 2 * r) * np.exp(-(0.3 * r + 0.4 * r**2 + 0.01 * r**3)), 0, 4)[0]
    assert midpoint(found) == pytest.approx(truth, rel=1e-10)
    with precision():
        # Without curvature error the dominating law is the Gaussian itself.
        law = RadialLaw(5, closed_form_curvature(ball(0), ball(0), ball(1)), ball(0))
        assert midpoint(law.outside(ball(2), ball(30))) == pytest.approx(gammaincc(2.5, 2.0), rel=1e-12)
        assert law.force_moment(ball(3)) == 0


def test_integrals_over_balls_contain_those_at_every_point() -> None:
    with precision():
        wide = RadialLaw(3, closed_form_curvature(arb("0.05 +/- 0.001"), arb("0.01"), arb("0.4")), arb("0.1 +/- 0.01"))
        radius = arb("3 +/- 0.001")
        for e, g, r in ((0.0491, 0.0901, 2.9991), (0.05, 0.1, 3.0), (0.0509, 0.1099, 3.0009)):
            law = RadialLaw(3, closed_form_curvature(arb(e), arb("0.01"), arb("0.4")), arb(g))
            assert wide.force_moment(radius).contains(law.force_moment(arb(r)))
            assert wide.outside(radius - 1, radius).contains(law.outside(arb(r) - 1, arb(r)))


def test_envelopes_continue_through_the_change_of_branch() -> None:
    with precision():
        e, p, floor, g = ball("0.1"), ball("0.02"), ball("0.5"), ball("0.3")
        law = RadialLaw(2, closed_form_curvature(e, p, floor), g)
        radius = 6.0

        def mu(r: float) -> float:
            return max(max(0.0, 1 - 0.1 * r) ** 2, 0.5) - (0.02 + 0.1 * r + 0.005 * r * r)

        truth = integrate.quad(lambda s: (radius - s) * mu(s), 0, radius, points=[(1 - 0.5**0.5) / 0.1])[0]
        assert midpoint(law.envelope(ball(radius), upper=False)) == pytest.approx(truth - 0.3 * radius, rel=1e-10)
        closed = g * radius + ball("1.02") * radius**2 / 2 + e * radius**3 / 2 + e**2 * radius**4 / 8
        assert law.envelope(ball(radius), upper=True).overlaps(closed)


def test_step_profiles_bound_what_they_step_over() -> None:
    """A staircase above q and below mu gives a larger bound than the closed forms, and close to it when fine."""
    problem = closed_form_problem(*WORKED)
    with precision():
        closed = gaussian_layer_bound(problem, 4, 5).total
        distances = []
        for rings in (20, 160):
            radii = np.linspace(5 / rings, 5, rings)
            q = np.array([upper(problem.curvature.q(ball(float(r)))) for r in radii])
            mu = np.array([lower(problem.curvature.mu(ball(float(r)))) for r in radii])
            stepped = gaussian_layer_bound(profile_problem(Profile(radii, q, mu), problem), 4, 5)
            assert stepped.admissible
            assert stepped.total > closed
            distances.append(midpoint(stepped.total - closed))
        assert distances[1] < distances[0] / 6
        beyond = gaussian_layer_bound(profile_problem(Profile(radii, q, mu), problem), 4, "5.01")
        assert not beyond.admissible


def test_value_of_a_step_function_at_its_break_is_the_inner_ring_s() -> None:
    curvature = profile_curvature(Profile(np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([0.9, 0.8])))
    assert curvature.q(arb(1)).overlaps(arb("0.1"))
    assert not curvature.q(arb(1)).overlaps(arb("0.2"))
    assert curvature.mu(arb(1.5)).overlaps(arb("0.8"))
    assert curvature.mu(arb(3)).is_nan()


def test_a_defect_of_the_factor_costs_and_vanishes_with_it() -> None:
    exact = chain_bound(closed_form_problem(*WORKED), 5, "5.5", "0.4", MOVING, SMOOTHING).total
    totals = [
        chain_bound(closed_form_problem(*WORKED, defect), 5, "5.5", "0.4", MOVING, SMOOTHING).total
        for defect in ("1e-9", "1e-3", "1e-2")
    ]
    assert upper(totals[0]) < upper(exact) * (1 + 1e-6)
    assert exact < totals[1] < totals[2]


def test_inadmissible_choices_are_said_to_be() -> None:
    problem = closed_form_problem(*WORKED)
    good = (5, "5.5", "0.4", MOVING, SMOOTHING)
    assert chain_bound(problem, *good).admissible
    assert not chain_bound(problem, 5, "4.9", "0.4", MOVING, SMOOTHING).admissible
    assert not chain_bound(problem, 5, "5.5", "5.1", MOVING, SMOOTHING).admissible
    assert not chain_bound(problem, 5, "5.5", "0.4", MOVING, [(0, 18)]).admissible
    stiff = closed_form_problem(2, 1, "1.5", "4", "0.1", "0.006", "0.0086")
    assert not chain_bound(stiff, 5, "5.5", "0.4", MOVING, SMOOTHING).admissible
    with pytest.raises(InputError, match="smoothing"):
        chain_bound(problem, 5, "5.5", "0.4", MOVING, [])


def test_where_the_far_integral_may_diverge_nothing_is_claimed() -> None:
    """p < 1 with sigma_min(J(c)) does not imply that the far integral is finite: that needs the global m."""
    problem = closed_form_problem(2, 1, "1.5", "0.25", "0.1", "0.006", "4.1", sigma_min="1.4")
    with precision():
        assert not problem.far.finite
        assert problem.tail(ball(4), ball(5)).contains(arb(1))
    assert not gaussian_layer_bound(problem, 4, 5).admissible


def test_bounds_grow_with_every_number_that_is_only_bounded() -> None:
    """Larger M, M2, g, |r_c| or smaller m can only weaken the bound: the measured ends are used that way."""
    base = list(WORKED)
    least = gaussian_layer_bound(closed_form_problem(*base), 4, 5).total
    for index, worse in ((1, "0.9"), (3, "0.27"), (5, "0.01"), (6, "0.02")):
        numbers = [*base[:index], worse, *base[index + 1 :]]
        assert gaussian_layer_bound(closed_form_problem(*numbers), 4, 5).total > least, index
    numbers = [*base[:2], "1.7", *base[3:]]
    assert not gaussian_layer_bound(closed_form_problem(*numbers), 4, 5).total < least


def test_supremum_over_alpha_is_above_every_alpha_tried() -> None:
    with precision():
        far = FarField(
            3, ball(1), ball("0.4"), ball("0.2"), ball("0.01"), ball("0.02"), ball("1.6") ** 2 / ball("0.04"), ball(0)
        )
        supremum = far.numerator(ball(4), 1e-3)
        a, b = 25.0, 64.0
        for square in np.linspace(a / (1 + a), b / (1 + b), 23):
            o = 1 - square

            def lowest(r: float, square: float = square, o: float = o) -> float:
                push = max(square**0.5 * r - 0.4 / 0.4 * o * r * r, r * o**0.5 / 0.2)
                return r**2 * float(np.exp(0.02 * r - o * (1 - 0.4 * 0.01 / 0.04) * r * r / 2 - push**2 / 2))

            assert integrate.quad(lowest, 4, 30, epsabs=0)[0] <= upper(supremum) * (1 + 1e-9)
        assert supremum.rad() < supremum * 1e-3


def test_schedule_adds_up_and_refuses_nonsense() -> None:
    schedule = Schedule(Fraction(1, 4), Fraction(20), 300, Fraction(1, 50), 420)
    times = list(schedule.times())
    assert len(times) == 420
    assert times[0] == Fraction(1, 4)
    assert times[-1] == Fraction(1, 50)
    assert all(first >= second for first, second in zip(times[:299], times[1:300], strict=True))
    # Runs of equal steps stay within the harmonic law by half their relative length.
    assert all(abs(float(t) * (20 + k) / 5 - 1) < 0.04 for k, t in enumerate(times[:300]))
    with pytest.raises(InputError, match="burn_in"):
        Schedule(Fraction(1), Fraction(1), 5, Fraction(1), 5)
    with pytest.raises(InputError, match="positive"):
        Schedule(Fraction(0), Fraction(1), 1, Fraction(1), 5)


def test_problem_is_plain_data() -> None:
    assert {item.name for item in fields(SharpProblem)} == {"curvature", "far", "integrator"}


@pytest.mark.parametrize("beta", ["1e-3", "1e-7", "1e-12"])
def test_a_tiny_noise_is_no_loss_of_digits(beta: str) -> None:
    problem = closed_form_problem(8, 1, "1.5", "0.15", beta, 0, ball(beta) ** 2 * 5)
    bound = gaussian_layer_bound(problem, 8, 9)
    assert bound.admissible
    assert upper(bound.total) < 2 * float(beta) + 1e-6


def test_integrals_beyond_floats_are_no_obstacle() -> None:
    """In d = 1000 the radial integrals are of the order of 1e1282."""
    problem = closed_form_problem(1000, 1, "1.5", "0.15", "5e-4", 0, ball("5e-4") ** 2 * 34)
    bound = gaussian_layer_bound(problem, 35, 39)
    assert bound.admissible
    assert upper(bound.total) < 0.06
