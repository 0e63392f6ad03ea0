"""Bits by quadratic forms, the integral by narrower Gaussians: exact forms, dense grids, searched maxima, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import certify
from certify.arithmetic.intervals import FloatArray
from certify.envelopes.best import best_envelope
from certify.envelopes.box_search import log_ratio
from certify.envelopes.gaussian_evidence import NARROWER, best_evidence_lower, log_evidence_lower
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network, logits_form, potential_form, with_softplus
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, potential
from certify.envelopes.posterior_moments import Moments, posterior_moments
from certify.envelopes.quadratic_envelope import prepare, quadratic_envelope
from certify.envelopes.region_bound import MixtureBound, region_bound
from certify.envelopes.regions import input_ranges
from certify.envelopes.rejection import exact_draws, measured_acceptance
from certify.generators.activations import activation
from certify.generators.graph import BERNOULLI, Activation, Affine, Generator, Graph, Input, Node

DIGITS = "examples/digits"


def decoder(
    name: str, d: int, n: int, seed: int, layers: int = 1, width: int = 6, likelihood: str = BERNOULLI
) -> Generator:
    """Dense layers of one activation, then an affine map."""
    random = np.random.default_rng([seed, d, n])
    nodes: list[Node] = [Input(d)]
    for _ in range(layers):
        wide = nodes[-1].width
        nodes.append(Affine(len(nodes) - 1, random.standard_normal((width, wide)), 0.3 * random.standard_normal(width)))
        nodes.append(Activation(len(nodes) - 1, name, width, activation(name).resolve(())))
    weights = 1.5 * random.standard_normal((n, width)) / np.sqrt(width)
    nodes.append(Affine(len(nodes) - 1, weights, 0.2 * random.standard_normal(n)))
    return Generator(f"{name}-{seed}", Graph(tuple(nodes)), 0, likelihood=likelihood)


def lifted(generator: Generator, bits: bool = True) -> LiftedNetwork:
    found = lifted_network(with_softplus(generator.graph) if bits else generator.graph)
    assert found is not None
    return found


def bits_of(generator: Generator, seed: int) -> FloatArray:
    random = np.random.default_rng([seed, 7])
    logits = generator.value(random.standard_normal(generator.latent_dim))
    return np.asarray((random.uniform(size=logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float64))


def highest_excess(generator: Generator, likelihood: Likelihood, envelope: object, seed: int) -> float:
    """The largest -f - log rho - log C found from many starts, near and far."""
    random = np.random.default_rng(seed)
    proposal, log_constant = envelope.proposal, envelope.log_constant  # type: ignore[attr-defined]

    def excess(points: FloatArray) -> FloatArray:
        return log_ratio(generator.graph, likelihood, proposal, points) - log_constant

    draws = proposal.draw(1200, random)
    middle = proposal.means.mean(axis=0)
    starts = np.concatenate([draws, middle + random.choice([2.0, 6.0], (1200, 1)) * (draws - middle)])
    best = starts[np.argsort(-excess(starts))[:3]]
    found = [-minimize(lambda z: -float(excess(z[None])[0]), start, method="Nelder-Mead").fun for start in best]
    return float(max([*found, excess(starts).max()]))


@pytest.mark.parametrize("name", ["tanh", "relu", "leaky_relu", "silu", "softplus"])
def test_the_form_is_the_potential_of_bits(name: str) -> None:
    held_to_the_potential(decoder(name, 3, 5, 0, layers=2), np.array([0.0, 1.0, 0.25, 1.0, 0.0]))


def test_the_form_is_the_potential_of_trained_bits() -> None:
    generator = certify.load_generator(f"{DIGITS}/bits64_tanh.onnx", likelihood="bernoulli")
    assert generator.likelihood == BERNOULLI and (generator.latent_dim, generator.observed_dim) == (8, 64)
    held_to_the_potential(generator, np.load(f"{DIGITS}/observations_bits64.npy")[0])


def held_to_the_potential(generator: Generator, row: FloatArray) -> None:
    """The quadratic form is f at points of the graph, and is not with other bits."""
    network, d = lifted(generator), generator.latent_dim
    form = logits_form(network, row)
    points = 3 * np.random.default_rng(1).standard_normal((200, d))
    x = np.concatenate([np.ones((200, 1)), points, np.zeros((200, network.neurons))], axis=1)
    for layer in network.layers:
        (part,) = {network.sigmas[k] for k in range(layer.start, layer.stop)}
        graph = Graph((Input(layer.stop - layer.start), Activation(0, part[0], layer.stop - layer.start, part[1])))
        inner = Generator("", graph, 0)
        inputs = x @ network.inputs.midpoint[layer].T
        x[:, 1 + d + layer.start : 1 + d + layer.stop] = [inner.value(v) for v in inputs]
    found = 0.5 * np.einsum("bi,ij,bj->b", x, form.midpoint, x)
    truth = potential(generator.graph, BernoulliLikelihood(row), points)
    assert np.abs(found - truth).max() <= 1e-10 * np.abs(truth).max()
    other = logits_form(network, 1.0 - row).midpoint
    assert np.abs(0.5 * np.einsum("bi,ij,bj->b", x, other, x) - truth).max() > 0.1


@pytest.mark.parametrize(("name", "d"), [("tanh", 1), ("relu", 1), ("tanh", 2), ("leaky_relu", 2)])
def test_bits_on_a_dense_grid(name: str, d: int) -> None:
    generator = decoder(name, d, 6, 1)
    likelihood = BernoulliLikelihood(bits_of(generator, 1))
    prepared = prepare(generator.graph, BernoulliLikelihood(np.full(6, 0.5)))
    assert prepared is not None
    envelope = quadratic_envelope(prepared, generator, likelihood)
    assert envelope is not None
    axis = np.linspace(-9, 9, 8_001 if d == 1 else 181)
    grid = np.stack(np.meshgrid(*[axis] * d), axis=-1).reshape(-1, d)
    values = -potential(generator.graph, likelihood, grid)
    truth = np.log(np.exp(values).sum()) + d * np.log(axis[1] - axis[0])
    assert envelope.log_integral <= truth + 1e-6
    assert envelope.log_constant >= truth - 1e-6
    assert -2.0 < (values - envelope.proposal.log_density(grid) - envelope.log_constant).max() <= 1e-9
    if d == 1:
        draws = np.sort(exact_draws(generator, likelihood, envelope, 8_000, 5)[:, 0])
        exact = np.interp(
            draws, grid[:, 0], np.cumsum(np.exp(values - values.max())) / np.exp(values - values.max()).sum()
        )
        # Dvoretzky, Kiefer and Wolfowitz at error 1e-9.
        assert np.abs(exact - np.arange(1, 8_001) / 8_000).max() < np.sqrt(np.log(2e9) / 16_000)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_bits_with_five_latents(name: str) -> None:
    generator = decoder(name, 5, 6, 2, width=4)
    likelihood = BernoulliLikelihood(bits_of(generator, 2))
    envelope = best_envelope(generator, likelihood)
    assert not isinstance(envelope, str)
    assert -3.0 < highest_excess(generator, likelihood, envelope, 3) <= 1e-9
    measured = measured_acceptance(generator, likelihood, envelope, 2_000, 4)
    assert 0.01 < envelope.acceptance <= measured.upper
    assert isinstance(envelope.proof, MixtureBound)
    network = lifted(generator)
    form = logits_form(network, likelihood.observation)
    for part in envelope.proof.regions:
        ellipsoid = part.region.inside
        ranges = None if ellipsoid is None else input_ranges(network, [ellipsoid])[0]
        given = (part.region, ranges, part.coefficients, part.shares, part.inside, part.outside)
        again = region_bound(network, form, envelope.proposal, *given, part.offset)
        assert again is not None and again.log_constant <= envelope.log_constant + 1e-6
        assert region_bound(network, form, envelope.proposal, *given, part.offset - 5.0) is None


def test_narrower_gaussians_bound_the_integral() -> None:
    generator = decoder("tanh", 2, 5, 3, layers=2, width=8, likelihood="gaussian")
    network, beta = lifted(generator, bits=False), 0.4
    row = generator.value(np.array([0.5, -0.3])) + 0.2
    likelihood = GaussianLikelihood(row, beta)
    form = potential_form(network, row, beta)
    moments = posterior_moments(generator.graph, likelihood)
    axis = np.linspace(-7, 7, 281)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    truth = np.log(np.exp(-potential(generator.graph, likelihood, grid)).sum()) + 2 * np.log(axis[1] - axis[0])
    tried = [log_evidence_lower(network, form, moments.mean, width * moments.factor) for width in NARROWER]
    every = [bound.lower for bound in tried if bound is not None]
    best = best_evidence_lower(network, form, moments)
    assert best is not None and tried[0] is not None
    assert max(every) <= truth and every[0] <= best.lower <= max(every)
    # Whatever is said of the moments, the bound holds.
    wrong = Moments(moments.mean + 0.4, 1.7 * moments.factor, 50.0)
    loose, first = (best_evidence_lower(network, form, given) for given in (wrong, replace(moments, log_integral=-1e9)))
    assert loose is None or loose.lower <= truth
    assert first is not None and first.lower == every[0]


def test_a_wide_network_gains_by_narrower_gaussians() -> None:
    generator = decoder("tanh", 3, 4, 5, layers=2, width=16, likelihood="gaussian")
    network, beta = lifted(generator, bits=False), 0.3
    row = generator.value(np.zeros(3))
    form = potential_form(network, row, beta)
    moments = posterior_moments(generator.graph, GaussianLikelihood(row, beta))
    wide = log_evidence_lower(network, form, moments.mean, moments.factor)
    best = best_evidence_lower(network, form, moments)
    assert wide is not None and best is not None and best.lower > wide.lower + 1.0
