"""Encoders in the runtime against the project's compiled samplers, fed with the samplers' own normals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.encoders.centre_plan import CentrePlan
from certify.generators.graph import FloatArray
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.sampling.langevin import ExponentialIntegrator, Langevin, ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.preconditioning import Preconditioner
from certify.sampling.randomness import noise_batch, standard_normals
from certify.sampling.runs import run
from tests.encoder_models import descent, langevin, relative, written
from theorems.sharp_langevin.network import sharp_encoder
from theorems.strong_invertibility.network import langevin_encoder

BETA, STEP = 0.1, 0.15


def chain_noise(seed: int, chains: int, dimension: int, steps: int) -> FloatArray:
    """The normals that the samplers give to each chain, shape (chains, steps, d), steps <= noise_batch(d)."""
    batch, half = noise_batch(dimension), (dimension + 1) // 2
    assert steps <= batch
    drawn = standard_normals(seed, chains, 2 * half * batch).reshape(chains, 2, batch, half)
    return np.concatenate((drawn[:, 0], drawn[:, 1]), axis=2)[:, :steps, :dimension]


@pytest.mark.parametrize("specification", ["residual:d=3,width=6", "coupling:d=4,width=4", "linear:d=2"])
def test_langevin_layers_are_the_samplers_steps(specification: str, tmp_path: Path) -> None:
    generator = load_generator(specification)
    x = 0.4 * np.ones(generator.observed_dim)
    centre, posterior = descent(generator, x, STEP, 6), Posterior(generator, x, BETA)
    steps, chains = 12, 5
    for radius in (None, 0.05):
        kernel = Langevin() if radius is None else ProjectedLangevin((centre, radius))
        expected = run(kernel, posterior, centre, 2e-3, steps, RunOptions(seed=3, chains=chains, threads=1)).positions
        encoder = written(langevin_encoder(generator, BETA, STEP, 6, 2e-3, steps, radius), tmp_path)
        noise = chain_noise(3, chains, generator.latent_dim, steps)
        assert relative(encoder.push(np.tile(x, (chains, 1)), noise), expected) < 1e-9
        assert relative(encoder.push(np.tile(x, (chains, 1)), noise[::-1]), expected) > 1e-3


def test_preconditioned_layers_are_the_exponential_integrators_steps(tmp_path: Path) -> None:
    generator = load_generator("residual:d=4,width=6")
    x = 0.3 * np.ones(4)
    times = np.linspace(0.5, 0.1, 9)
    posterior, centre = Posterior(generator, x, BETA), descent(generator, x, STEP, 40)
    scaled = generator.jacobian(centre) / BETA
    first = np.eye(4) + scaled.T @ scaled
    for _ in range(4):
        centre = centre - np.linalg.solve(first, posterior.gradient(centre))
    scaled = generator.jacobian(centre) / BETA
    preconditioner = Preconditioner.create(centre, np.linalg.inv(np.linalg.cholesky(np.eye(4) + scaled.T @ scaled)).T)
    kernel = Preconditioned(preconditioner, ExponentialIntegrator((np.zeros(4), 2.0)))
    expected = run(kernel, posterior, centre, times, 9, RunOptions(seed=5, chains=3, threads=1)).positions
    program = sharp_encoder(generator, BETA, CentrePlan(STEP, 40, 4, 0.0, 0.0), times, 2.0, False)
    found = written(program, tmp_path).push(np.tile(x, (3, 1)), chain_noise(5, 3, 4, 9))
    assert relative(found, expected) < 1e-9


def test_ten_thousand_layers_in_a_loop_stay_a_small_file(tmp_path: Path) -> None:
    generator = load_generator("residual:d=2,width=4,depth=1")
    program = langevin_encoder(generator, BETA, STEP, 100, 1e-4, 10_000)
    encoder = written(program, tmp_path)
    assert len(encoder.content) < 20_000
    x, noise = np.array([[0.3, -0.2]]), np.random.default_rng(1).standard_normal((1, 10_000, 2))
    start = descent(generator, x[0], STEP, 100)
    expected = langevin(Posterior(generator, x[0], BETA), start, 1e-4, noise[0])
    assert relative(encoder.push(x, noise)[0], expected) < 1e-9


def test_one_latent_and_several_observations(tmp_path: Path) -> None:
    """The elimination of a 1 x 1 matrix, for more than one row at a time."""
    generator = load_generator("residual:d=1,width=3,depth=1")
    program = sharp_encoder(generator, BETA, CentrePlan(STEP, 20, 2, 0.0, 0.0), np.array([0.3, 0.2]), 2.0, True)
    encoder, x = written(program, tmp_path), np.array([[0.3], [-0.2], [0.9]])
    noise = np.random.default_rng(0).standard_normal((3, 3, 1))
    alone = np.concatenate([encoder.push(x[[k]], noise[[k]]) for k in range(3)])
    assert relative(encoder.push(x, noise), alone) < 1e-12
