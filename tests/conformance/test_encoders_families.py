"""Every encoder kind against plain loops over the float derivatives, for every family and activation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flint import arb

from certify.encoders.centre_plan import CentrePlan
from certify.encoders.kinds.gaussian import gaussian_encoder, products_only
from certify.encoders.kinds.langevin import langevin_encoder
from certify.encoders.kinds.sharp import sharp_encoder
from certify.generators.family_activations import SMOOTH_ACTIVATIONS
from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from tests.encoder_models import descent, langevin, relative, written

FAMILIES = ("linear:d=3", "residual:d=3,width=5", "coupling:d=4,width=4", "wide:d=3,width=6", "conv:side=4")
SPECIFICATIONS = (*FAMILIES, *(f"residual:d=2,width=4,depth=1,activation={name}" for name in SMOOTH_ACTIVATIONS))
BETA, STEP, ETA = 0.07, 0.15, 1.3e-3
AGREEMENT = 1e-9


def instance(specification: str, rows: int) -> tuple[Generator, FloatArray, FloatArray]:
    generator = load_generator(specification)
    random = np.random.default_rng(7)
    return (
        generator,
        0.5 * random.standard_normal((2, generator.observed_dim)),
        random.standard_normal((2, rows, generator.latent_dim)),
    )


@pytest.mark.parametrize("specification", SPECIFICATIONS)
@pytest.mark.parametrize("unrolled", [False, True])
def test_langevin_encoder(specification: str, unrolled: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(specification, 5)
    for radius in (None, 0.02):
        encoder = written(langevin_encoder(generator, BETA, STEP, 4, ETA, 5, radius), tmp_path, unrolled=unrolled)
        assert encoder.noise_shape == (5, generator.latent_dim)
        found = encoder.push(observations, noise)
        for x, xi, z in zip(observations, noise, found, strict=True):
            start = descent(generator, x, STEP, 4)
            expected = langevin(Posterior(generator, x, BETA), start, ETA, xi, np.inf if radius is None else radius)
            assert relative(z, expected) < AGREEMENT


@pytest.mark.parametrize("specification", SPECIFICATIONS)
@pytest.mark.parametrize("unrolled", [False, True])
def test_gaussian_encoder(specification: str, unrolled: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(specification, 1)
    for products in (None, products_only(arb(1), arb(3000))):
        program = gaussian_encoder(generator, BETA, STEP, 20, 2, products)
        found = written(program, tmp_path, unrolled=unrolled).push(observations, noise)
        for x, xi, z in zip(observations, noise, found, strict=True):
            posterior, point = Posterior(generator, x, BETA), descent(generator, x, STEP, 20)
            for _ in range(2):
                point = point - np.linalg.solve(posterior.hessian(point), posterior.gradient(point))
            hessian = posterior.hessian(point)
            if products is None:
                expected = point + np.linalg.solve(np.linalg.cholesky(hessian).T, xi[0])
            else:
                values, vectors = np.linalg.eigh(hessian)
                expected = point + vectors @ ((vectors.T @ xi[0]) / np.sqrt(values))
            assert relative(z, expected) < AGREEMENT


def test_the_jacobians_covariance(tmp_path: Path) -> None:
    generator, observations, noise = instance("residual:d=3,width=5", 1)
    program = gaussian_encoder(generator, BETA, STEP, 20, 1, covariance="jacobian")
    found = written(program, tmp_path).push(observations, noise)
    for x, xi, z in zip(observations, noise, found, strict=True):
        posterior, point = Posterior(generator, x, BETA), descent(generator, x, STEP, 20)
        point = point - np.linalg.solve(posterior.hessian(point), posterior.gradient(point))
        scaled = generator.jacobian(point) / BETA
        lower = np.linalg.cholesky(np.eye(3) + scaled.T @ scaled)
        assert relative(z, point + np.linalg.solve(lower.T, xi[0])) < AGREEMENT
        hessian = np.linalg.cholesky(posterior.hessian(point))
        assert relative(z, point + np.linalg.solve(hessian.T, xi[0])) > AGREEMENT


def test_weights_that_are_stored_by_their_entries(tmp_path: Path) -> None:
    """A convolution beyond the size up to which the file holds whole matrices."""
    generator, observations, noise = instance("conv:side=14,channels=3", 3)
    program = langevin_encoder(generator, BETA, STEP, 2, ETA, 3)
    encoder = written(program, tmp_path)
    assert len(encoder.content) < 600_000
    found = encoder.push(observations, noise)
    for x, xi, z in zip(observations, noise, found, strict=True):
        start = descent(generator, x, STEP, 2)
        assert relative(z, langevin(Posterior(generator, x, BETA), start, ETA, xi)) < AGREEMENT


@pytest.mark.parametrize("specification", SPECIFICATIONS)
@pytest.mark.parametrize("gaussian", [False, True])
def test_sharp_encoder(specification: str, gaussian: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(specification, 3 + gaussian)
    times, radius = np.array([0.4, 0.3, 0.2]), 1.5
    plan = CentrePlan(STEP, 20, 3, 0.0, 0.0)
    found = written(sharp_encoder(generator, BETA, plan, times, radius, gaussian), tmp_path).push(observations, noise)
    for x, xi, z in zip(observations, noise, found, strict=True):
        assert relative(z, _sharp(generator, x, times, radius, xi, gaussian)) < AGREEMENT


def _sharp(
    generator: Generator, x: FloatArray, times: FloatArray, radius: float, noise: FloatArray, gaussian: bool
) -> FloatArray:
    posterior, centre = Posterior(generator, x, BETA), descent(generator, x, STEP, 20)

    def precision_at(point: FloatArray) -> FloatArray:
        scaled = generator.jacobian(point) / BETA
        return np.eye(point.size) + scaled.T @ scaled

    first = precision_at(centre)
    for _ in range(3):
        centre = centre - np.linalg.solve(first, posterior.gradient(centre))
    factor = np.linalg.inv(np.linalg.cholesky(precision_at(centre))).T
    y, rest = (noise[0], noise[1:]) if gaussian else (np.zeros(generator.latent_dim), noise)
    for eta, xi in zip(times, rest, strict=True):
        y = y * min(1.0, radius / max(float(np.linalg.norm(y)), 1e-300))
        s = -np.expm1(-eta)
        y = y - s * factor.T @ posterior.gradient(centre + factor @ y) + np.sqrt(2 * s - s * s) * xi
    return centre + factor @ y


def test_a_wrong_reference_is_seen(tmp_path: Path) -> None:
    generator, observations, noise = instance("residual:d=3,width=5", 5)
    encoder = written(langevin_encoder(generator, BETA, STEP, 4, ETA, 5), tmp_path)
    z, x = encoder.push(observations, noise)[0], observations[0]
    start = descent(generator, x, STEP, 4)
    assert relative(z, langevin(Posterior(generator, x, BETA), start, ETA * (1 + 1e-6), noise[0])) > AGREEMENT
    assert relative(z, langevin(Posterior(generator, x, BETA * (1 + 1e-6)), start, ETA, noise[0])) > AGREEMENT
    assert relative(z, langevin(Posterior(generator, x, BETA), start, ETA, noise[0][::-1])) > AGREEMENT
