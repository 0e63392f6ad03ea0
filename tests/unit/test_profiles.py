"""Profiles, affine forms and relaxations piece by piece, and the certificate of one observation."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Literal

import numpy as np
import pytest

from certify.bounds.constants import constants
from certify.bounds.structure import increment_form
from certify.errors import InputError
from certify.generators.activations import ACTIVATIONS, derivatives
from certify.generators.graph import Activation, FloatArray, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.posteriors.profile import Profile
from certify.profiles import forms
from certify.profiles.certificate import GlobalConstants, certify_observation, residual_bend
from certify.profiles.curvature import curvature_coefficients
from certify.profiles.hessian_profile import LARGEST_WIDTH, hessian_profile
from certify.profiles.inequality import eigenvalue_bound, hessian_form
from certify.profiles.propagation import propagate
from certify.profiles.relaxation import relax
from certify.profiles.residual_curvature import residual_curvature_upper
from certify.sharp.centre import find_centre

EPSILON = Fraction(1, 10)
SIDES: tuple[Literal["lower", "upper"], ...] = ("lower", "upper")
MANIFOLD = "manifold:d=2,outputs=6,width=6,bend=0.1"
BENT = "residual:d=2,width=8,depth=2,lipschitz=0.6,seed=0"


@cache
def known_of(specification: str) -> tuple[Generator, GlobalConstants]:
    """A generator and its constants, found once for all tests."""
    generator = load_generator(specification)
    found = constants(generator, effort=300.0)
    assert found.m.lower is not None and found.M.upper is not None and found.M2.upper is not None
    return generator, GlobalConstants(found.m.lower, found.M.upper, found.M2.upper)


def observation(generator: Generator, beta: float, seed: int = 0) -> FloatArray:
    random = np.random.default_rng(seed)
    noise = beta * random.standard_normal(generator.observed_dim)
    return np.asarray(generator.value(random.standard_normal(generator.latent_dim)) + noise)


@pytest.mark.parametrize(
    ("radii", "q", "mu"),
    [
        ([1.0, 1.0], [0.1, 0.2], [0.9, 0.8]),
        ([0.0, 1.0], [0.1, 0.2], [0.9, 0.8]),
        ([1.0, 2.0], [0.2, 0.1], [0.9, 0.8]),
        ([1.0, 2.0], [0.1, 0.2], [0.8, 0.9]),
        ([1.0, 2.0], [-0.1, 0.2], [0.9, 0.8]),
        ([1.0, 2.0], [0.1, float("nan")], [0.9, 0.8]),
        ([1.0, 2.0], [0.1], [0.9, 0.8]),
        ([], [], []),
    ],
)
def test_a_profile_refuses_what_cannot_be_one(radii: list[float], q: list[float], mu: list[float]) -> None:
    with pytest.raises(InputError):
        Profile(np.array(radii), np.array(q), np.array(mu))


def test_a_profile_reads_rings_and_keeps_the_better_bound() -> None:
    profile = Profile(np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.4, 0.9]), np.array([0.8, 0.7, -0.2]))
    assert profile.reach == 4.0
    assert (profile.q(1.0), profile.q(1.5), profile.q(4.0), profile.q(4.1)) == (0.3, 0.4, 0.9, np.inf)
    assert (profile.mu(0.5), profile.mu(2.0), profile.mu(3.0), profile.mu(5.0)) == (0.8, 0.7, -0.2, -np.inf)
    better = profile.tightened(np.array([0.5, 0.2, 1.0]), np.array([0.1, 0.75, -1.0]))
    # A bound over the larger ball holds on the smaller one.
    assert better.q_upper.tolist() == [0.2, 0.2, 0.9] and better.mu_lower.tolist() == [0.8, 0.75, -0.2]


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("order", [0, 1])
def test_a_relaxation_contains_the_function(name: str, order: int) -> None:
    random = np.random.default_rng(3)
    lower = random.uniform(-4, 3, 60)
    upper = lower + random.exponential(1.5, 60)
    found = relax(name, (), order, lower, upper)
    points = lower[:, None] + (upper - lower)[:, None] * np.linspace(0, 1, 301)
    rest = derivatives(name, points, (), order)[order] - found.slope[:, None] * points - found.offset[:, None]
    known = np.isfinite(found.gap)
    rough = {"reciprocal", "relu", "leaky_relu", "elu", "exp", "sign", "log", "power", "hard_swish"}
    assert known.all() or name in rough or order > 0
    assert (np.abs(rest[known]) <= found.gap[known, None] * (1 + 1e-12) + 1e-14).all()
    if name in {"tanh", "softplus", "gelu"}:
        assert (found.gap <= 1.2 * np.abs(rest).max(axis=1) + 1e-6).all()


def test_forms_contain_sums_products_and_unknown_factors() -> None:
    random = np.random.default_rng(0)
    radii, d = np.array([0.5, 2.0]), 3
    start = forms.coordinates(radii, random.standard_normal(d), random.standard_normal((d, d)), 4)
    weights = [random.standard_normal((4, d)) for _ in range(2)]
    left, right = (forms.affine(weight, random.standard_normal(4), start) for weight in weights)
    low, high = random.uniform(0, 0.4, (2, 4)), random.uniform(0.5, 1, (2, 4))
    turned = forms.turned_by(left, low, high)
    last = forms.combine([turned, forms.times(left, right)], (2.0, -0.5))
    back = forms.affine(random.standard_normal((2, 4)), None, last)
    bounds = [form.bounds() for form in (turned, last, back)]
    for _ in range(200):
        y = random.standard_normal(d)
        for ball, radius in enumerate(radii):
            z = start.centre[ball] + start.linear[ball] @ (radius * y / np.linalg.norm(y))
            f = weights[0] @ z + (left.centre[0] - weights[0] @ start.centre[0])
            g = weights[1] @ z + (right.centre[0] - weights[1] @ start.centre[0])
            values = [random.choice([low[ball], high[ball]], axis=0) * f]
            values.append(2 * values[0] - 0.5 * f * g)
            for (bottom, top), value in zip(bounds, values, strict=False):
                assert (value >= bottom[ball] - 1e-12).all() and (value <= top[ball] + 1e-12).all()


def test_symbols_of_two_computations_are_not_mixed() -> None:
    start = forms.coordinates(np.array([1.0]), np.zeros(2), np.eye(2), 0)
    ones = np.ones((1, 2))
    first, second = (forms.turned_by(start, 0.5 * ones, ones) for _ in range(2))
    with pytest.raises(AssertionError):
        forms.combine([first, second], (1.0, 1.0))


def test_a_linear_generator_has_the_identity_as_its_hessian() -> None:
    generator = load_generator("linear:d=4,kappa=3,seed=1")
    centre = find_centre(Posterior(generator, np.ones(4), 0.3))
    profile = hessian_profile(Posterior(generator, np.ones(4), 0.3), centre.point, centre.factor)
    assert profile is not None
    assert profile.q_upper.max() < 1e-2 and profile.mu_lower.min() > 1 - 1e-2


@pytest.mark.parametrize(
    ("centre", "factor", "radii"),
    [
        (np.zeros(3), np.eye(2), None),
        (np.zeros(2), np.eye(3), None),
        (np.zeros(2), np.eye(2), np.array([1.0, 0.5])),
        (np.zeros(2), np.eye(2), np.array([])),
    ],
)
def test_profiles_refuse_what_does_not_fit(centre: FloatArray, factor: FloatArray, radii: FloatArray | None) -> None:
    with pytest.raises(InputError):
        hessian_profile(Posterior(load_generator(MANIFOLD), np.zeros(6), 0.5), centre, factor, radii)


def test_a_network_too_wide_for_a_profile_is_certified_by_the_closed_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = load_generator(f"manifold:d=2,outputs=4,width={LARGEST_WIDTH + 1}")
    assert hessian_profile(Posterior(wide, np.zeros(4), 0.5), np.zeros(2), np.eye(2), np.array([1.0])) is None
    generator, known = known_of(MANIFOLD)
    row = observation(generator, 0.02)
    bent, bends = known_of(BENT)
    with_profile = certify_observation(generator, known, row, 0.02, EPSILON)
    monkeypatch.setattr("certify.profiles.hessian_profile.LARGEST_WIDTH", 1)
    alone = certify_observation(generator, known, row, 0.02, EPSILON)
    assert with_profile.certified and alone.certified
    assert alone.tv_bound is not None and measured_distance(generator, row, 0.02) < alone.tv_bound
    # Where they do not suffice the reason is one of theirs.
    failing = certify_observation(bent, bends, observation(bent, 0.8), 0.8, EPSILON)
    assert not failing.certified and failing.reason


def test_a_relu_decoder_has_no_profile() -> None:
    nodes = (Input(2), Activation(0, "relu", 2), Sum((0, 1), (1.0, 1.0), 2))
    posterior = Posterior(Generator("kinked", Graph(nodes), 1), np.zeros(2), 0.5)
    assert hessian_profile(posterior, np.full(2, 0.3), 0.1 * np.eye(2), np.array([5.0])) is None


def test_an_undefined_slope_proves_nothing() -> None:
    """A neuron whose slope is not a number is not one that cannot move."""
    generator = load_generator(MANIFOLD)
    row = observation(generator, 0.1)
    centre = find_centre(Posterior(generator, row, 0.1))
    found = propagate(generator.graph, row, 0.1, centre.point, centre.factor, np.array([0.5]))
    increments = increment_form(generator.graph, found.ranges(0), centred=True)
    coefficients = curvature_coefficients(found)
    slopes = increments.slope_upper[0].copy()
    slopes[0] = np.nan
    broken = replace(increments, slope_upper=(slopes, *increments.slope_upper[1:]))
    for side in SIDES:
        for item, is_proved in ((increments, True), (broken, False)):
            form = hessian_form(generator.graph, item, coefficients, 0, centre.factor, 0.1)
            assert math.isfinite(eigenvalue_bound(form, side).value) is is_proved


@pytest.mark.parametrize("specification", [MANIFOLD, "residual:d=3,width=8,lipschitz=0.5,seed=2"])
def test_the_residual_has_a_curvature_of_its_own(specification: str) -> None:
    """Above every sampled Hessian of <r, G>, below the bound for the worst residual of its length."""
    generator = load_generator(specification)
    residual = np.random.default_rng(1).standard_normal(generator.observed_dim)
    bound = residual_curvature_upper(generator.graph, residual - 1e-9, residual + 1e-9)
    points = 3 * np.random.default_rng(2).standard_normal((2000, generator.latent_dim))
    sampled = np.linalg.norm(generator.hessian_contraction(points, residual), ord=2, axis=(1, 2)).max()
    assert sampled <= bound <= 6 * sampled


def test_a_small_residual_is_bounded_by_its_length() -> None:
    generator, known = known_of(MANIFOLD)
    posterior = Posterior(generator, generator.value(np.zeros(2)), 0.2)
    centre = find_centre(posterior)
    assert residual_bend(posterior, centre, known) <= known.M2 * centre.residual_upper * (1 + 2e-7)


def measured_distance(generator: Generator, row: FloatArray, beta: float) -> float:
    """TV(pi_x, N(c, B B^T)) in two dimensions, by a sum on a fine grid in y."""
    posterior = Posterior(generator, row, beta)
    centre = find_centre(posterior)
    axis = np.linspace(-8, 8, 401)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    log_density = posterior.log_density(centre.point + grid @ centre.factor.T)
    truth = np.exp(log_density - log_density.max())
    gaussian = np.exp(-0.5 * (grid**2).sum(axis=1))
    return float(0.5 * np.abs(truth / truth.sum() - gaussian / gaussian.sum()).sum())


def test_one_layer_is_certified_above_its_measured_distance() -> None:
    generator, known = known_of("manifold:d=2,outputs=6,width=6,bend=0.2")
    row = observation(generator, 0.1)
    found = certify_observation(generator, known, row, 0.1, EPSILON)
    assert found.certified and found.theorem == "G1*" and found.layers == 1 and found.tv_bound is not None
    measured = measured_distance(generator, row, 0.1)
    assert measured < found.tv_bound <= 0.1
    assert found.values["mu_bulk"] > 0.5 and found.reason == ""


def test_more_noise_needs_more_layers_and_then_fails_with_a_reason() -> None:
    generator, known = known_of(BENT)
    low, middle, high = (
        certify_observation(generator, known, observation(generator, beta), beta, EPSILON) for beta in (0.2, 0.4, 0.8)
    )
    assert low.theorem == "G1*" and middle.theorem == "Theorem 1*"
    assert middle.layers is not None and middle.layers > 1 and middle.tv_bound is not None and middle.tv_bound <= 0.1
    assert not high.certified and high.layers is None and "times epsilon" in high.reason
    assert high.tv_bound is not None and high.tv_bound > 0.1
    far = certify_observation(generator, known, observation(generator, 0.4) + 30.0, 0.4, EPSILON)
    assert not far.certified and far.tv_bound is None and "m^2 + beta^2" in far.reason
    assert far.values["residual_curvature"] > far.values["curvature_allowed"]
