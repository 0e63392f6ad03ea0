"""Simulation-based calibration of MALA on a curved posterior, and faults that the same tests must catch.

z from the prior and x from the model make z an exact draw from the posterior of its own x. A chain that leaves every
posterior invariant keeps the joint law, so that (x - G(z'))/beta is standard normal after any number of steps; and,
MALA being reversible, a chain run both ways from z that has z at a uniform place gives it a uniform rank among them.
Sources: Talts et al. 2018, arXiv 1804.06788; Gandy and Scott 2020, arXiv 2001.06465 (exact for dependent draws).
Every alarm is at level 1e-6 (the number of tests counted in), the seeds are fixed, and the honest chain keeps its own.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.sampling import Langevin, Mala, Recording, RunOptions, Target, compile_program, run
from tests.kolmogorov import kolmogorov_p_value

pytestmark = pytest.mark.statistical


LEVEL = 1e-6
BETA, STEP, CHAINS, DRAWS, THIN = 0.5, 0.12, 60_000, 9, 6

GRAPH = Graph(
    (
        Input(2),
        Affine(0, np.array([[1.5, -0.5], [0.5, 1.0], [0.7, 0.7]]), np.array([0.2, -0.3, 0.0])),
        Activation(1, "tanh", 3),
        Affine(2, np.array([[0.8, 0.0, -0.4], [0.3, 0.9, 0.0]]), np.zeros(2)),
        Sum((0, 3), (1.0, 1.0), 2),
    )
)


def joint_draws() -> tuple[FloatArray, Target]:
    """Exact draws z, and the posterior of each one's own observation."""
    random = np.random.default_rng(0)
    z = random.standard_normal((CHAINS, 2))
    observations = Generator("curved", GRAPH, 0, {}).value(z) + BETA * random.standard_normal((CHAINS, 2))
    return z, Target.create(compile_program(GRAPH), observations, BETA)


def residual_p_value(positions: FloatArray, target: Target) -> float:
    """Smallest p-value, times their number, of tests that prior and noise are standard normal."""
    noise = (target.observations - Generator("curved", GRAPH, 0, {}).value(positions)) / BETA
    values = [kolmogorov_p_value(column, "norm") for column in (*positions.T, *noise.T)]
    values += [stats.chi2.sf(np.sum(column**2), len(column)) for column in noise.T]
    values += [stats.chi2.cdf(np.sum(column**2), len(column)) for column in noise.T]
    return float(min(1.0, len(values) * min(values)))


def rank_p_value(z: FloatArray, forwards: FloatArray, backwards: FloatArray) -> float:
    """p-value of the uniform rank of z's first coordinate in a chain of DRAWS + 1 states through z.

    `forwards` and `backwards` (DRAWS, chains, d) are two independent runs from z; of the first as many states are taken
    as come before z's place, which is uniform.
    """
    places = np.random.default_rng(1).integers(0, DRAWS + 1, size=CHAINS)
    order = np.arange(DRAWS)[:, None]
    below = forwards[:, :, 0] < z[:, 0]
    ranks = np.sum(below & (order < places), axis=0)
    ranks += np.sum((backwards[:, :, 0] < z[:, 0]) & (order < DRAWS - places), axis=0)
    return float(stats.chisquare(np.bincount(ranks, minlength=DRAWS + 1)).pvalue)


def mala_runs(target: Target, z: FloatArray, step: float = STEP) -> list[FloatArray]:
    options = [RunOptions(seed, recording=Recording(every=THIN)) for seed in (2, 3)]
    runs = [run(Mala(), target, z, step, DRAWS * THIN, kept) for kept in options]
    return [trajectory_of(found.trajectory) for found in runs]


def trajectory_of(trajectory: FloatArray | None) -> FloatArray:
    """States after the start as (DRAWS, chains, d)."""
    assert trajectory is not None
    return np.moveaxis(trajectory, list(trajectory.shape).index(CHAINS), 1)[-DRAWS:]


def test_mala_keeps_the_joint_law_and_gives_uniform_ranks() -> None:
    z, target = joint_draws()
    forwards, backwards = mala_runs(target, z)
    assert forwards.shape == (DRAWS, CHAINS, 2)
    assert residual_p_value(forwards[-1], target) > LEVEL
    assert rank_p_value(z, forwards, backwards) > LEVEL


def test_a_chain_without_acceptance_is_caught() -> None:
    z, target = joint_draws()
    found = run(Langevin(), target, z, STEP, DRAWS * THIN, RunOptions(seed=2))
    assert residual_p_value(found.positions, target) < LEVEL


@pytest.mark.parametrize("fault", [0.98, 1.02])
def test_a_posterior_with_the_noise_two_per_cent_off_is_caught(fault: float) -> None:
    z, target = joint_draws()
    wrong = target._replace(misfit_scale=1.0 / (fault * BETA) ** 2)
    assert residual_p_value(mala_runs(wrong, z)[0][-1], target) < LEVEL


def test_ranks_catch_a_posterior_of_another_observation() -> None:
    z, target = joint_draws()
    shifted = target._replace(observations=target.observations + 0.05)
    assert rank_p_value(z, *mala_runs(shifted, z)) < LEVEL
