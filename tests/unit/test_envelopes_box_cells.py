"""Posterior masses of cells, certified over boxes: exact Gaussian masses, kinks, and sums that must not be believed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flint import arb
from scipy.stats import multivariate_normal, norm

from certify.arithmetic.balls import lower, precision, upper
from certify.envelopes.best import certified_envelope
from certify.envelopes.box_cells import Cut, cell_masses_lower, log_mass_upper, mass_outside
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.mixture import Mixture
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from certify.generators.specification import load_generator


def cells_of(generator: Generator, row: np.ndarray, beta: float, cuts: tuple[Cut, ...], boxes: int) -> np.ndarray:
    likelihood = GaussianLikelihood(row, beta)
    envelope = certified_envelope(generator, likelihood)
    assert isinstance(envelope, Envelope)
    box = np.full(generator.latent_dim, -6.0), np.full(generator.latent_dim, 6.0)
    return cell_masses_lower(generator.graph, likelihood, envelope, box, cuts, 0.002, boxes).masses


@pytest.mark.parametrize("seed", range(4))
def test_masses_of_an_affine_decoder_are_below_the_exact_ones_and_close(seed: int) -> None:
    random = np.random.default_rng(seed)
    generator = load_generator(f"linear:d=2,kappa=4,m=1,seed={seed}")
    row, beta = random.normal(0, 1, 2), float(random.uniform(0.4, 1.5))
    weight, offset = generator.jacobian(np.zeros(2)), generator.value(np.zeros(2))
    covariance = np.linalg.inv(np.eye(2) + weight.T @ weight / beta**2)
    mean = covariance @ weight.T @ (row - offset) / beta**2
    places = mean + np.sqrt(np.diag(covariance)) * random.uniform(-0.5, 0.5, 2)
    masses = cells_of(generator, row, beta, (Cut(0, float(places[0])), Cut(1, float(places[1]))), 6000)
    both = multivariate_normal(mean, covariance).cdf(places)
    first, second = norm.cdf((places - mean) / np.sqrt(np.diag(covariance)))
    exact = np.array([[both, first - both], [second - both, 1 - first - second + both]])
    assert (masses <= exact + 1e-7).all()
    assert (masses >= exact - 0.02).all()


def test_kinks_against_a_fine_grid() -> None:
    random = np.random.default_rng(3)
    nodes = (Input(2), Affine(0, random.standard_normal((8, 2)), random.standard_normal(8)), Activation(1, "relu", 8),
             Affine(2, 0.5 * random.standard_normal((3, 8)), np.zeros(3)))  # fmt: skip
    generator = Generator("kinks", Graph(nodes), 48)
    row, beta = generator.value(np.array([0.4, -0.3])), 0.7
    masses = cells_of(generator, row, beta, (Cut(0, 0.2), Cut(1, -0.1)), 8000)
    axis = np.linspace(-6, 6, 601)
    middles = 0.5 * (axis[1:] + axis[:-1])
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.exp(-potential(generator.graph, GaussianLikelihood(row, beta), points))
    above = points[:, 0] > 0.2, points[:, 1] > -0.1
    for i in (0, 1):
        for j in (0, 1):
            exact = weights[(above[0] == bool(i)) & (above[1] == bool(j))].sum() / weights.sum()
            assert exact - 0.02 <= masses[i, j] <= exact + 1e-4


@pytest.mark.parametrize("scale", [0.01, 0.3, 2.0])
def test_integrals_over_boxes_are_below_their_bound(scale: float) -> None:
    """Against Gauss-Legendre over 60 random boxes: never above, and the bound falls to it as boxes shrink."""
    random = np.random.default_rng(1)
    generator = load_generator("residual:d=2,width=6,seed=1")
    likelihood = GaussianLikelihood(np.array([0.5, -1.0]), 0.4)
    lows = random.normal(0, 1.5, (60, 2))
    highs = lows + scale * random.uniform(0.5, 1.0, (60, 2))
    found = log_mass_upper(generator.graph, likelihood, lows, highs)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    exact = []
    for low, high in zip(lows, highs, strict=True):
        values = np.exp(-potential(generator.graph, likelihood, low + (grid + 1) / 2 * (high - low)))
        exact.append(math.log(np.outer(weights, weights).reshape(-1) @ values / 4 * np.prod(high - low)))
    assert (found >= np.array(exact) - 1e-9).all()
    if scale == 0.01:
        assert np.max(found - np.array(exact)) < 1e-2


def test_what_lies_outside_counts() -> None:
    """A box that leaves half of the posterior out: what is certified is less than half of the exact masses."""
    mixture = Mixture(np.array([0.5, 1.5]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([np.eye(2), 2 * np.eye(2)]))
    with precision():
        found = mass_outside(mixture, np.array([-8.0, -8.0]), np.array([1.0, 8.0]))
        assert isinstance(found, arb)
        exact = 0.25 * norm.sf(1.0) + 0.75 * 0.5
        assert upper(found) >= exact and lower(found) <= exact + 1e-12
    generator = load_generator("linear:d=2,kappa=1,m=1")
    likelihood = GaussianLikelihood(np.zeros(2), 1.0)
    envelope = certified_envelope(generator, likelihood)
    assert isinstance(envelope, Envelope)
    box = np.array([-6.0, -6.0]), np.array([0.0, 6.0])
    masses = cell_masses_lower(generator.graph, likelihood, envelope, box, (Cut(1, 0.0),), 0.01, 4000).masses
    assert masses.shape == (2,) and masses.max() < 0.26


def test_few_boxes_say_less_and_never_more() -> None:
    generator = load_generator("residual:d=3,width=5,seed=2")
    row = generator.value(np.array([0.1, 0.2, -0.4]))
    cuts = Cut(0, 0.1), Cut(2, -0.4)
    coarse, fine = (cells_of(generator, row, 0.8, cuts, boxes) for boxes in (1, 3000))
    assert (coarse <= fine + 1e-9).all() and coarse.sum() < fine.sum() <= 1.0
