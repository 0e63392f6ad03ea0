"""Preconditioned chains: formulas step by step, change of coordinates, ellipsoids, records and refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Graph, Input, Product, Sum
from certify.sampling import (
    ExponentialIntegrator,
    Langevin,
    Mala,
    Preconditioned,
    Preconditioner,
    ProjectedLangevin,
    Recording,
    RunOptions,
    Target,
    compile_program,
    gaussian_start,
    potential_and_gradient,
    precondition,
    run,
)
from certify.sampling.randomness import noise_batch, standard_normals
from tests.conftest import ROOT


def curved(dimension: int) -> Graph:
    """Residual tanh, a product and an input that several nodes read: every reverse write mode occurs."""
    generator = np.random.default_rng(dimension)
    nodes = (
        Input(dimension),
        Affine(0, generator.normal(size=(4, dimension)), generator.normal(size=4)),
        Activation(1, "tanh", 4),
        Affine(2, 0.3 * generator.normal(size=(dimension, 4)), np.zeros(dimension)),
        Product((0, 3), dimension),
        Sum((0, 3, 4), (1.5, 1.0, 0.1), dimension),
    )
    return Graph(nodes)


def target_of(graph: Graph, beta: float = 0.5) -> Target:
    width = graph.nodes[-1].width
    return Target.create(compile_program(graph), np.linspace(-1.0, 1.0, width), beta)


def oblique(dimension: int) -> Preconditioner:
    generator = np.random.default_rng(dimension + 100)
    factor = 0.3 * np.eye(dimension) + 0.1 * generator.normal(size=(dimension, dimension))
    return Preconditioner.create(np.linspace(0.2, -0.2, dimension), factor)


def drawn_normals(seed: int, chains: int, steps: int, dimension: int) -> FloatArray:
    """Normals (steps, chains, d) of one batch as the kernels read them: halves of the coordinates by turns."""
    half = (dimension + 1) // 2
    drawn = standard_normals(seed, chains, 2 * half * steps).reshape(chains, 2, steps, half)
    return np.concatenate([drawn[:, 0], drawn[:, 1]], axis=2)[:, :, :dimension].transpose(1, 0, 2)


GRAPHS = {
    "curved": curved(3),
    "identity": Graph((Input(2),)),
    "affine": Graph((Input(2), Affine(0, np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]]), np.ones(3)))),
    "activation": Graph((Input(3), Activation(0, "tanh", 3))),
    "square": Graph((Input(3), Product((0, 0), 3))),
    "large": curved(12),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("count", [1, 50])
def test_the_new_potential_is_the_old_one_at_the_new_point(name: str, count: int) -> None:
    target = target_of(GRAPHS[name])
    dimension = target.program.latent_dim
    map_ = oblique(dimension)
    y = np.random.default_rng(1).normal(size=(count, dimension))
    value, gradient = potential_and_gradient(target, map_.latent(y))
    moved_value, moved_gradient = potential_and_gradient(precondition(target, map_), y)
    np.testing.assert_allclose(moved_value, value, rtol=1e-12)
    np.testing.assert_allclose(moved_gradient, gradient @ map_.factor, rtol=1e-10, atol=1e-10)


def test_per_chain_observations_and_a_missing_prior_are_kept() -> None:
    program, map_ = compile_program(curved(3)), oblique(3)
    observations = np.random.default_rng(2).normal(size=(5, 3))
    points = np.random.default_rng(3).normal(size=(5, 3))
    for target in (Target.create(program, observations, 0.7), Target(program, observations, 0.0, 1.0)):
        expected = potential_and_gradient(target, map_.latent(points))[0]
        np.testing.assert_allclose(potential_and_gradient(precondition(target, map_), points)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("exponential", [False, True])
def test_a_step_is_the_preconditioned_formula(dimension: int, exponential: bool) -> None:
    target, map_ = target_of(curved(dimension)), oblique(dimension)
    times = np.linspace(0.05, 0.2, noise_batch(dimension))
    kernel: Any = Preconditioned(map_, ExponentialIntegrator() if exponential else Langevin())
    options = RunOptions(9, 3, recording=Recording(every=1))
    found = run(kernel, target, np.full(dimension, 0.1), times, times.size, options)
    before = found.trajectory[:-1]
    gradient = potential_and_gradient(target, before.reshape(-1, dimension))[1].reshape(before.shape)
    drift = 1.0 - np.exp(-times) if exponential else times
    spread = np.sqrt(2.0 * drift - drift**2 if exponential else 2.0 * drift)
    noise = drawn_normals(9, 3, times.size, dimension) @ map_.factor.T
    expected = before - drift[:, None, None] * (gradient @ map_.factor @ map_.factor.T) + spread[:, None, None] * noise
    np.testing.assert_allclose(found.trajectory[1:], expected, atol=1e-9)


@pytest.mark.parametrize("exponential", [False, True])
def test_projection_clips_in_the_preconditioned_coordinates(exponential: bool) -> None:
    target, map_, radius, time = target_of(curved(2)), oblique(2), 0.8, 0.3
    ball = (np.zeros(2), radius)
    kernel: Any = Preconditioned(map_, ExponentialIntegrator(ball) if exponential else ProjectedLangevin(ball))
    found = run(kernel, target, map_.centre, time, 30, RunOptions(1, 12, recording=Recording(every=1)))
    y = map_.coordinates(found.trajectory)
    distance = np.linalg.norm(y, axis=2)
    first = np.where((distance > radius).any(axis=0), (distance > radius).argmax(axis=0), -1)
    np.testing.assert_array_equal(found.exits, first)
    assert (first > 0).any()
    clipped = map_.latent(y[:-1] * np.minimum(1.0, radius / np.maximum(distance[:-1], 1e-300))[..., None])
    gradient = potential_and_gradient(target, clipped.reshape(-1, 2))[1].reshape(clipped.shape)
    drift = -np.expm1(-time) if exponential else time
    spread = np.sqrt(2.0 * drift - drift**2 if exponential else 2.0 * drift)
    noise = drawn_normals(1, 12, noise_batch(2), 2)[:30] @ map_.factor.T
    expected = clipped - drift * gradient @ map_.factor @ map_.factor.T + spread * noise
    np.testing.assert_allclose(found.trajectory[1:], expected, atol=1e-9)


def test_the_identity_preconditioner_is_the_plain_sampler() -> None:
    target, plain = target_of(curved(3)), Preconditioner.create(np.zeros(3), np.eye(3))
    options = RunOptions(4, 20, recording=Recording(moments_every=2))
    kernels: tuple[Any, ...] = (Langevin(), Mala())
    for kernel in kernels:
        left = run(Preconditioned(plain, kernel), target, np.ones(3), 0.05, 40, options)
        right = run(kernel, target, np.ones(3), 0.05, 40, options)
        np.testing.assert_allclose(left.positions, right.positions, atol=1e-9)
        np.testing.assert_allclose(left.moments.covariance, right.moments.covariance, atol=1e-9)


@pytest.mark.parametrize("kernel", [Langevin(), ExponentialIntegrator(), Mala()])
def test_bits_do_not_depend_on_threads_and_records_are_in_the_latent_space(kernel: Any) -> None:
    target, map_ = target_of(curved(12)), oblique(12)
    recording = Recording(every=5, moments_every=5, burn_in=10)
    runs = [
        run(
            Preconditioned(map_, kernel), target, map_.centre, 0.1, 45, RunOptions(5, 300, threads, recording=recording)
        )
        for threads in (1, 2)
    ]
    np.testing.assert_array_equal(runs[0].positions, runs[1].positions)
    np.testing.assert_array_equal(runs[0].trajectory, runs[1].trajectory)
    states = runs[0].trajectory[3:].reshape(-1, 12)
    np.testing.assert_array_equal(runs[0].trajectory[-1], runs[0].positions)
    np.testing.assert_allclose(runs[0].moments.mean, states.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(runs[0].moments.covariance, np.cov(states.T, bias=True), atol=1e-12)


def test_mala_reports_the_density_of_z_and_stays_in_its_ellipsoid() -> None:
    target, map_ = target_of(curved(3)), oblique(3)
    found = run(
        Preconditioned(map_, Mala((np.zeros(3), 1.5))),
        target,
        map_.centre,
        0.3,
        100,
        RunOptions(seed=3, chains=20, recording=Recording(every=1)),
    )
    assert found.trajectory is not None
    assert np.linalg.norm(map_.coordinates(found.trajectory), axis=2).max() <= 1.5 + 1e-9
    np.testing.assert_allclose(-found.log_densities, potential_and_gradient(target, found.positions)[0], rtol=1e-12)
    assert 0.05 < found.acceptance_rate < 1.0


def test_gaussian_starts_have_streams_of_their_own() -> None:
    map_ = oblique(2)
    starts = map_.coordinates(gaussian_start(map_, 1000, 7))
    assert not np.isin(np.round(starts, 9), np.round(standard_normals(7, 1000, 50), 9)).any()
    np.testing.assert_allclose(gaussian_start(map_, 5, 7), gaussian_start(map_, 1000, 7)[:5], rtol=1e-12)
    found = run(
        Preconditioned(map_, ExponentialIntegrator()),
        target_of(curved(2)),
        None,
        0.1,
        0,
        RunOptions(seed=7, chains=1000),
    )
    np.testing.assert_allclose(map_.coordinates(found.positions), starts, atol=1e-12)


def test_a_precision_gives_its_inverse_as_covariance() -> None:
    precision = np.array([[4.0, 1.0], [1.0, 2.0]])
    factor = Preconditioner.from_precision(np.zeros(2), precision).factor
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), rtol=1e-14)


@pytest.mark.parametrize(
    ("centre", "factor", "message"),
    [
        (np.zeros(2), np.eye(3), "`factor` \\(d, d\\); got \\(2,\\) and \\(3, 3\\)"),
        (np.zeros(2), np.array([[1.0, np.inf], [0.0, 1.0]]), "must be finite"),
        (np.zeros(2), np.ones((2, 2)), "must be invertible"),
        (np.zeros(2), np.zeros((2, 2)), "must be invertible"),
        (np.array([0.0, np.nan]), np.eye(2), "must be finite"),
    ],
)
def test_factors_that_are_no_change_of_coordinates_are_refused(centre: Any, factor: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Preconditioner.create(centre, factor)


@pytest.mark.parametrize(
    ("precision", "message"),
    [
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (np.full((2, 2), np.nan), "finite"),
        (np.ones(2), "shape"),
    ],
)
def test_matrices_that_are_no_precision_are_refused(precision: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Preconditioner.from_precision(np.zeros(2), precision)


def test_arguments_that_do_not_fit_are_named() -> None:
    target, map_ = target_of(curved(3)), oblique(3)
    with pytest.raises(InputError, match="preconditioner has d = 2"):
        precondition(target, oblique(2))
    with pytest.raises(InputError, match="`beta` must be at most 1e150"):
        precondition(Target(target.program, target.observations, 1.0, 0.0), map_)
    with pytest.raises(InputError, match="must have 3 columns"):
        run(Preconditioned(map_, Langevin()), target, np.zeros(2), 0.1, 1, RunOptions(seed=0))
    with pytest.raises(InputError, match="`step_size` must be in"):
        run(Preconditioned(map_, ExponentialIntegrator()), target, None, [0.1, -0.1], 2, RunOptions(seed=0))
    with pytest.raises(InputError, match="`damping` must be in"):
        run(Langevin(damping=2.1), target, np.zeros(3), 1.0, 1, RunOptions(seed=0))
    with pytest.raises(InputError, match="every start must lie in the ball"):
        run(Preconditioned(map_, Mala((np.zeros(3), 1.0))), target, np.full(3, 9.0), 0.1, 1, RunOptions(seed=0))
    with pytest.raises(InputError, match="`chains` must be at least 1"):
        gaussian_start(map_, 0, 0)


def test_the_example_of_the_page_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "samplers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(python|text)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (_, code), (_, output) = blocks
    exec(compile(code, "docs/samplers.md", "exec"), {})
    assert capsys.readouterr().out == output
