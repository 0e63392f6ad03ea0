"""Every encoder kind against plain loops over the float derivatives, for every family and activation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flint import arb

from certify.discovery.registry import encoder_kinds
from certify.encoders.centre_plan import CentrePlan
from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from tests.encoder_models import descent, gaussian, langevin, relative, sharp, written
from tests.exported import grows, smooth_activations, smooth_families
from theorems.gaussian_encoder.network import gaussian_encoder, products_only
from theorems.sharp_langevin.network import sharp_encoder
from theorems.strong_invertibility.network import langevin_encoder

FAMILIES = smooth_families()
NETWORKS = (*FAMILIES, *smooth_activations())
BETA, STEP, ETA = 0.07, 0.15, 1.3e-3
AGREEMENT = 1e-9


def instance(network: Generator | str, rows: int) -> tuple[Generator, FloatArray, FloatArray]:
    """The generator, observations of lengths 0.1 and 100 (1 where an activation grows faster than lines) and noise."""
    generator = load_generator(network) if isinstance(network, str) else network
    random = np.random.default_rng(7)
    lengths = np.array([0.1, 1.0] if grows(generator) else [0.1, 100.0])
    observations = random.standard_normal((len(lengths), generator.observed_dim))
    observations *= (lengths / np.linalg.norm(observations, axis=1))[:, None]
    return generator, observations, random.standard_normal((len(lengths), rows, generator.latent_dim))


def cases() -> list[object]:
    """Every network as a loop, families unrolled as well."""
    return [pytest.param(network, unrolled, id=f"{label(network)}-{'unrolled' if unrolled else 'loop'}")
            for unrolled in (False, True) for network in (FAMILIES if unrolled else NETWORKS)]  # fmt: skip


def label(network: Generator | str) -> str:
    return network if isinstance(network, str) else network.name


def test_every_kind_is_compared() -> None:
    """The projected kind is the Langevin one with a radius; `test_encoders_rejection` compares the rejection kind."""
    expected = {"gaussian", "langevin", "projected", "rejection", "sharp"}
    assert {kind.name for kind in encoder_kinds().values()} == expected


@pytest.mark.parametrize(("network", "unrolled"), cases())
def test_langevin_encoder(network: Generator | str, unrolled: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(network, 5)
    for radius in (None, 0.02):
        encoder = written(langevin_encoder(generator, BETA, STEP, 4, ETA, 5, radius), tmp_path, unrolled=unrolled)
        assert encoder.noise_shape == (5, generator.latent_dim)
        found = encoder.push(observations, noise)
        for x, xi, z in zip(observations, noise, found, strict=True):
            start = descent(generator, x, STEP, 4)
            expected = langevin(Posterior(generator, x, BETA), start, ETA, xi, np.inf if radius is None else radius)
            assert relative(z, expected) < AGREEMENT


@pytest.mark.parametrize(("network", "unrolled"), cases())
def test_gaussian_encoder(network: Generator | str, unrolled: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(network, 1)
    layers = 5 if unrolled else 20
    starts = [descent(generator, x, STEP, layers) for x in observations]
    for products in (None, products_only(arb(1), arb(3000))):
        program = gaussian_encoder(generator, BETA, STEP, layers, 2, products)
        found = written(program, tmp_path, unrolled=unrolled).push(observations, noise)
        for x, start, xi, z in zip(observations, starts, noise, found, strict=True):
            assert relative(z, gaussian(Posterior(generator, x, BETA), start, 2, xi, products is not None)) < AGREEMENT


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


@pytest.mark.parametrize("network", NETWORKS, ids=label)
@pytest.mark.parametrize("start", [False, True])
def test_sharp_encoder(network: Generator | str, start: bool, tmp_path: Path) -> None:
    generator, observations, noise = instance(network, 3 + start)
    times, radius = np.array([0.4, 0.3, 0.2]), 1.5
    plan = CentrePlan(STEP, 20, 3, 0.0, 0.0)
    found = written(sharp_encoder(generator, BETA, plan, times, radius, start), tmp_path).push(observations, noise)
    for x, xi, z in zip(observations, noise, found, strict=True):
        expected = sharp(Posterior(generator, x, BETA), descent(generator, x, STEP, 20), times, radius, xi, start)
        assert relative(z, expected) < AGREEMENT


def test_a_wrong_reference_is_seen(tmp_path: Path) -> None:
    generator, observations, noise = instance("residual:d=3,width=5", 5)
    encoder = written(langevin_encoder(generator, BETA, STEP, 4, ETA, 5), tmp_path)
    z, x = encoder.push(observations, noise)[0], observations[0]
    start = descent(generator, x, STEP, 4)
    assert relative(z, langevin(Posterior(generator, x, BETA), start, ETA * (1 + 1e-6), noise[0])) > AGREEMENT
    assert relative(z, langevin(Posterior(generator, x, BETA * (1 + 1e-6)), start, ETA, noise[0])) > AGREEMENT
    assert relative(z, langevin(Posterior(generator, x, BETA), start, ETA, noise[0][::-1])) > AGREEMENT
