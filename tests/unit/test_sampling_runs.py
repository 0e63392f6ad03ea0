"""Runs of the samplers: reproducibility to the bit, records, balls, couplings and the errors a user can meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Graph, Input, Sum
from certify.sampling import (
    DivergenceError,
    Langevin,
    Mala,
    ProjectedLangevin,
    Recording,
    RunOptions,
    Target,
    compile_program,
    gradient_descent,
    potential_and_gradient,
    run,
    run_coupled_langevin,
)
from certify.sampling import target as target_module
from certify.sampling.randomness import noise_batch, standard_normals


def network(dimension: int, hidden: int = 6) -> Graph:
    """G(z) = 1.5 z + W2 tanh(W1 z), a small perturbation of a multiple of the identity."""
    generator = np.random.default_rng(dimension)
    return Graph(
        (
            Input(dimension),
            Affine(0, generator.normal(size=(hidden, dimension)), np.zeros(hidden)),
            Activation(1, "tanh", hidden),
            Affine(2, 0.1 * generator.normal(size=(dimension, hidden)), np.zeros(dimension)),
            Sum((0, 3), (1.5, 1.0), dimension),
        )
    )


def posterior(dimension: int = 3, hidden: int = 6, beta: float = 0.5) -> Target:
    return Target.create(compile_program(network(dimension, hidden)), np.linspace(-1.0, 1.0, dimension), beta)


class Counter:
    """A progress that adds up what it is told."""

    def __init__(self) -> None:
        self.total = 0.0
        self.advances: list[float] = []
        self.finished = False

    def start(self, description: str, total: float) -> None:
        self.total = total

    def advance(self, amount: float = 1.0) -> None:
        self.advances.append(amount)

    def finish(self) -> None:
        self.finished = True


@pytest.mark.parametrize("kernel", ["langevin", "mala"])
@pytest.mark.parametrize(("dimension", "hidden", "chains"), [(3, 6, 1), (3, 6, 70), (20, 60, 300)])
def test_one_thread_and_two_give_the_same_bits(kernel: str, dimension: int, hidden: int, chains: int) -> None:
    target, recording = posterior(dimension, hidden), Recording(every=7, moments_every=3, burn_in=10)
    runs = [
        run(kernel, target, np.zeros(dimension), 0.01, 45, RunOptions(5, chains, threads, recording=recording))
        for threads in (1, 2, 3)
    ]
    for found in runs[1:]:
        np.testing.assert_array_equal(found.positions, runs[0].positions)
        np.testing.assert_array_equal(found.trajectory, runs[0].trajectory)
        np.testing.assert_array_equal(found.moments.covariance, runs[0].moments.covariance)


@pytest.mark.parametrize("kernel", ["langevin", "mala"])
def test_division_into_calls_changes_no_bit(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, options = posterior(), RunOptions(5, 9, recording=Recording(every=10, moments_every=1))
    whole = run(kernel, target, np.zeros(3), 0.01, 200, options)
    monkeypatch.setattr(target_module, "_CALL_OPERATIONS", 1)
    counter = Counter()
    parts = run(kernel, target, np.zeros(3), 0.01, 200, replace(options, progress=counter))
    assert len(counter.advances) > 5 and sum(counter.advances) == counter.total == 200 and counter.finished
    np.testing.assert_array_equal(whole.positions, parts.positions)
    np.testing.assert_array_equal(whole.trajectory, parts.trajectory)
    np.testing.assert_array_equal(whole.moments.mean, parts.moments.mean)


def test_seeds_and_chains_have_their_own_streams() -> None:
    few, many = standard_normals(3, 4, 50), standard_normals(3, 500, 50)
    np.testing.assert_array_equal(few, many[:4])
    assert len(np.unique(many)) == many.size
    assert not np.isin(standard_normals(4, 4, 50), many).any()


def test_a_chains_noise_does_not_depend_on_the_number_of_chains() -> None:
    target = posterior()
    few = run(Langevin(), target, np.zeros(3), 0.01, 50, RunOptions(seed=2, chains=5))
    many = run(Langevin(), target, np.zeros(3), 0.01, 50, RunOptions(seed=2, chains=333))
    np.testing.assert_allclose(few.positions, many.positions[:5], rtol=0.0, atol=1e-12)


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    target = posterior(2)
    short = run(Langevin(), target, np.zeros(2), 0.01, 37, RunOptions(seed=2, recording=Recording(every=1)))
    long = run(Langevin(), target, np.zeros(2), 0.01, 99, RunOptions(seed=2, recording=Recording(every=1)))
    assert short.trajectory is not None and long.trajectory is not None
    np.testing.assert_array_equal(short.trajectory, long.trajectory[:38])
    np.testing.assert_array_equal(short.trajectory[-1], short.positions)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_a_step_is_the_formula_of_s7_with_the_streams_normals(dimension: int) -> None:
    target = posterior(dimension)
    steps = np.linspace(0.01, 0.02, noise_batch(dimension))
    found = run(
        Langevin(),
        target,
        np.ones(dimension),
        steps,
        steps.size,
        RunOptions(seed=9, chains=2, recording=Recording(every=1)),
    )
    assert found.trajectory is not None
    before = found.trajectory[:-1]
    gradient = potential_and_gradient(target, before.reshape(-1, dimension))[1].reshape(before.shape)
    drift = before - steps[:, None, None] * gradient
    noise = (found.trajectory[1:] - drift) / np.sqrt(2.0 * steps)[:, None, None]
    # A batch of steps reads the first ceil(d/2) coordinates of every step, then the others of every step.
    half = (dimension + 1) // 2
    drawn = standard_normals(9, 2, 2 * half * steps.size).reshape(2, 2, steps.size, half)
    expected = np.concatenate([drawn[:, 0], drawn[:, 1]], axis=2)[:, :, :dimension].transpose(1, 0, 2)
    np.testing.assert_allclose(noise, expected, atol=1e-9)


def test_projected_chain_projects_before_the_step_and_notes_exits() -> None:
    target, centre, radius, eta = posterior(2), np.array([0.2, -0.1]), 0.15, 0.05
    found = run(
        ProjectedLangevin((centre, radius)),
        target,
        centre,
        eta,
        60,
        RunOptions(seed=1, chains=12, recording=Recording(every=1)),
    )
    free = run(
        Langevin((centre, radius)), target, centre, eta, 60, RunOptions(seed=1, chains=12, recording=Recording(every=1))
    )
    assert found.trajectory is not None and free.trajectory is not None
    states = found.trajectory
    distance = np.linalg.norm(states - centre, axis=2)
    first = np.where((distance > radius).any(axis=0), (distance > radius).argmax(axis=0), -1)
    np.testing.assert_array_equal(found.exits, first)
    np.testing.assert_array_equal(free.exits, first)
    # The noise is the same, so the two chains differ by the drift at the projected point alone.
    projected = centre + (states[:-1] - centre) * np.minimum(1.0, radius / np.maximum(distance[:-1], 1e-300))[..., None]
    shape = states[:-1].shape
    drift = projected - eta * potential_and_gradient(target, projected.reshape(-1, 2))[1].reshape(shape)
    plain = free.trajectory[:-1]
    plain_drift = plain - eta * potential_and_gradient(target, plain.reshape(-1, 2))[1].reshape(shape)
    np.testing.assert_allclose(states[1:] - drift, free.trajectory[1:] - plain_drift, atol=1e-12)


def test_an_infinite_ball_projects_nothing() -> None:
    target = posterior()
    plain = run(Langevin(), target, np.zeros(3), 0.01, 40, RunOptions(seed=1, chains=10))
    ball = run(ProjectedLangevin((np.zeros(3), np.inf)), target, np.zeros(3), 0.01, 40, RunOptions(seed=1, chains=10))
    np.testing.assert_array_equal(plain.positions, ball.positions)
    assert (ball.exits == -1).all()


def test_streaming_moments_are_those_of_the_trajectory() -> None:
    options = RunOptions(1, 70, recording=Recording(every=5, moments_every=5, burn_in=20))
    found = run(Langevin(), posterior(), np.ones(3), 0.01, 90, options)
    assert found.trajectory is not None and found.moments is not None
    states = found.trajectory[5:].reshape(-1, 3)
    assert found.moments.count == len(states)
    np.testing.assert_allclose(found.moments.mean, states.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(found.moments.covariance, np.cov(states.T, bias=True), atol=1e-13)


def test_each_chain_may_have_its_own_observation() -> None:
    program = compile_program(network(3))
    observations = np.random.default_rng(0).normal(size=(6, 3))
    together = run(Langevin(), Target.create(program, observations, 0.5), np.zeros(3), 0.01, 30, RunOptions(seed=4))
    alone = run(Langevin(), Target.create(program, observations[0], 0.5), np.zeros(3), 0.01, 30, RunOptions(seed=4))
    np.testing.assert_allclose(together.positions[0], alone.positions[0], atol=1e-12)
    assert together.positions.shape == (6, 3)


def test_coupled_chains_contract_on_a_linear_map() -> None:
    # f has Hessian 1 + 4/beta^2 = 5 exactly: the distance shrinks by 1 - 5 eta in every step.
    doubling = Graph((Input(2), Affine(0, 2.0 * np.eye(2), np.zeros(2))))
    target = Target.create(compile_program(doubling), np.zeros(2), 1.0)
    found = run_coupled_langevin(target, np.zeros(2), np.array([3.0, 4.0]), 0.05, 20, seed=0, chains=4)
    np.testing.assert_allclose(found.distances, np.repeat(5.0 * 0.75 ** np.arange(21)[:, None], 4, axis=1), rtol=1e-9)
    assert np.ptp(found.first.positions[:, 0]) > 0.1


def test_descent_inverts_the_generator_and_obeys_its_recursion() -> None:
    graph = network(3)
    program = compile_program(graph)
    iterates = gradient_descent(program, np.array([0.5, -0.2, 0.1]), np.zeros(3), 0.3, 200)
    assert iterates.shape == (201, 3)
    misfit = Target(program, np.array([[0.5, -0.2, 0.1]]), 0.0, 1.0)
    _, gradient = potential_and_gradient(misfit, iterates[:-1])
    np.testing.assert_allclose(iterates[1:], iterates[:-1] - 0.3 * gradient, atol=1e-13)
    assert potential_and_gradient(misfit, iterates[-1])[0][0] < 1e-20


def test_mala_restricted_to_a_region_never_leaves_it() -> None:
    centre = np.array([0.1, 0.2, 0.3])
    found = run(
        Mala((centre, 0.4)), posterior(), centre, 0.05, 200, RunOptions(seed=3, chains=20, recording=Recording(every=1))
    )
    assert found.trajectory is not None
    assert np.linalg.norm(found.trajectory - centre, axis=2).max() <= 0.4 + 1e-12
    assert 0.05 < found.acceptance_rate < 0.95
    moved = (np.diff(found.trajectory, axis=0) != 0.0).any(axis=2)
    np.testing.assert_allclose(found.acceptance, moved.mean(axis=0))
    np.testing.assert_allclose(
        -found.log_densities, potential_and_gradient(posterior(), found.positions)[0], rtol=1e-12
    )


@pytest.mark.parametrize("chains", [1, 40])
def test_divergence_names_chain_and_step(chains: int) -> None:
    cubic = Graph((Input(1), Activation(0, "square", 1), Activation(1, "square", 1)))
    target = Target.create(compile_program(cubic), np.zeros(1), 0.1)
    with pytest.raises(DivergenceError, match=r"after step \d+ with `step_size` 0\.1; take a smaller") as caught:
        run(Langevin(), target, np.ones(1), 0.1, 1000, RunOptions(seed=0, chains=chains))
    assert 1 <= caught.value.step < 50 and 0 <= caught.value.chain < chains
    with pytest.raises(DivergenceError, match="MALA: chain 0"):
        run(Mala(), target, np.full(1, 1e200), 0.1, 10, RunOptions(seed=0, chains=chains))


def test_zero_steps_return_the_start() -> None:
    for kernel in ("langevin", "mala"):
        found = run(kernel, posterior(), np.ones(3), 0.1, 0, RunOptions(seed=0, chains=2))
        np.testing.assert_array_equal(found.positions, np.ones((2, 3)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"step_size": 0.0}, "`step_size` must be in"),
        ({"step_size": np.array([0.1, 0.1])}, "`step_size` must be a number or have shape"),
        ({"step_size": np.nan}, "`step_size` must be in"),
        ({"steps": -1}, "`steps` must be at least 0"),
        ({"start": np.zeros(2)}, "`start` must have shape"),
        ({"start": np.array([0.0, np.nan, 0.0])}, "`start` must be finite"),
        ({"start": np.zeros((4, 3)), "options": RunOptions(0, 5)}, "4 rows for 5 chains"),
        ({"steps": 10**9, "options": RunOptions(0, recording=Recording(every=1))}, "take a larger `record_every`"),
        ({"kernel": ProjectedLangevin((np.zeros(2), 1.0))}, "ball's centre must be finite with shape"),
        ({"kernel": ProjectedLangevin((np.zeros(3), -1.0))}, "ball's radius must be in"),
    ],
)
def test_bad_arguments_are_named(changed: dict[str, Any], message: str) -> None:
    given = {"kernel": Langevin(), "start": np.zeros(3), "step_size": 0.1, "steps": 3, "options": RunOptions(0)}
    with pytest.raises(InputError, match=message):
        run(target=posterior(), **(given | changed))


def test_mala_refuses_a_start_outside_its_region() -> None:
    with pytest.raises(InputError, match="every start must lie in the ball"):
        run(Mala((np.zeros(3), 1.0)), posterior(), np.ones(3), 0.1, 3, RunOptions(seed=0))
