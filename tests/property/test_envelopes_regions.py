"""Quadratic forms on regions: suprema over ranges, mixtures proved region by region, whatever is proposed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_search import log_ratio
from certify.envelopes.lifted_form import lifted_network, potential_form
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_forms import graph_points, suprema_upper
from certify.envelopes.quadratic_envelope import prepare, quadratic_envelope
from certify.envelopes.quadratic_search import lower_objective
from certify.envelopes.region_bound import RegionBound, region_bound, whole_shares
from certify.envelopes.region_fit import best_multipliers
from certify.envelopes.region_search import minorant
from certify.envelopes.regions import Ellipsoid, Region, box_around, input_ranges, regions_between
from certify.generators.activations import ACTIVATIONS, activation
from certify.generators.activations.function import Domain
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Sum
from certify.generators.specification import load_generator

REALS = sorted(name for name, item in ACTIVATIONS.items() if item.domain is Domain.REALS)
LIPSCHITZ = tuple(name for name in REALS if name not in {"exp", "square", "sign"})


def network(seed: int, names: tuple[str, ...], d: int, layers: int) -> Generator:
    """Residual layers of random activations, then an affine map."""
    random = np.random.default_rng([seed, 5])
    nodes: list[Node] = [Input(d)]
    for _ in range(layers):
        source, width, name = len(nodes) - 1, int(random.integers(2, 6)), str(random.choice(names))
        nodes.append(Affine(source, random.standard_normal((width, d)), 0.5 * random.standard_normal(width)))
        nodes.append(Activation(source + 1, name, width, activation(name).resolve(())))
        nodes.append(Affine(source + 2, 0.5 * random.standard_normal((d, width)), np.zeros(d)))
        nodes.append(Sum((source, source + 3), (1.0, 1.0), d))
    n = int(random.integers(d, d + 3))
    nodes.append(Affine(len(nodes) - 1, random.standard_normal((n, d)), np.zeros(n)))
    return Generator(f"regions-{seed}", Graph(tuple(nodes)), 0)


@pytest.mark.parametrize("name", REALS)
def test_no_input_of_a_range_exceeds_its_supremum(name: str) -> None:
    random = np.random.default_rng(len(name))
    sigma, count = (name, activation(name).resolve(())), 150
    coefficients = random.standard_normal((count, 5)) * 10.0 ** random.uniform(-3, 2, (count, 5))
    low = random.uniform(-60, 50, count) * 10.0 ** random.uniform(-3, 0, count)
    high = low + 10.0 ** random.uniform(-3, 2, count)
    found = suprema_upper((sigma,) * count, coefficients, (low, high))
    steps = np.linspace(0.0, 1.0, 400)
    inputs = np.clip(low[:, None] + (high - low)[:, None] * steps, low[:, None], high[:, None])
    features = graph_points(sigma, inputs)
    values = np.einsum("kji,ki->kj", features, coefficients)
    rounding = 1e-14 * np.einsum("kji,ki->kj", np.abs(features), np.abs(coefficients)).max(axis=1)
    assert (values.max(axis=1) - rounding <= found).all()
    assert (found <= suprema_upper((sigma,) * count, coefficients) + rounding).all()
    # Not merely above: near what the grid shows, where no cell reaches far beyond the range.
    inside = np.isfinite(found) & (np.abs(low) < 7) & (np.abs(high) < 7) & (high - low > 0.1)
    scale = (np.abs(coefficients[:, None]) * np.abs(features)).sum(axis=2).max(axis=1)
    if name not in {"sign", "exp"}:
        assert (found - values.max(axis=1) <= 0.35 * scale + 1e-9)[inside].all() and inside.sum() > 10


def test_a_range_that_is_cut_makes_a_supremum_too_small() -> None:
    sigma, one = ("tanh", ()), np.array([[0.0, 1.0, 0.0, 0.0, 0.0]])
    assert suprema_upper((sigma,), one, (np.array([-1.0]), np.array([1.0])))[0] < np.tanh(1.2)


def attacked(seed: int, names: tuple[str, ...]) -> list[tuple[RegionBound, Generator, FloatArray, float, Mixture]]:
    """Bounds with forms, mixtures and shares that nobody searched for."""
    random = np.random.default_rng([seed, 6])
    d = int(random.choice([1, 2]))
    generator, beta = network(seed, names, d, int(random.integers(0, 3))), float(10.0 ** random.uniform(-0.5, 1))
    row = generator.value(random.standard_normal(d)) + beta * random.standard_normal(generator.observed_dim)
    lifted = lifted_network(generator.graph)
    assert lifted is not None
    form = potential_form(lifted, row, beta)
    objective = lower_objective(lifted, form.midpoint)
    root = np.linalg.cholesky(np.cov(random.standard_normal((d + 3, d)).T).reshape(d, d) + 0.1 * np.eye(d))
    centre = random.standard_normal(d)
    ellipsoids = [Ellipsoid(centre, root, radius) for radius in (0.3, 1.0, 3.0)]
    means, widths = centre + random.standard_normal((3, d)), np.array([0.4, 1.0, 1.5])
    mixture = Mixture(random.uniform(0.1, 1, 3), means, widths[:, None, None] * root)
    found = []
    for region, ranges in zip(regions_between(ellipsoids)[:-1], input_ranges(lifted, ellipsoids), strict=True):
        for _ in range(4):
            coefficients = 0.2 * random.standard_normal((lifted.neurons, 5))
            coefficients[:, 4] = 10.0 ** random.uniform(-1, 2, lifted.neurons)
            item = minorant(lifted, objective, region, ranges, coefficients)
            if item is None:
                continue
            chosen = best_multipliers(item, mixture)
            proposed = (chosen.shares, chosen.inside, chosen.outside, chosen.offset)
            bound = region_bound(lifted, form, mixture, region, ranges, coefficients, *proposed)
            if bound is not None:
                found.append((bound, generator, row, beta, mixture))
    return found


def points_of(region: Region, d: int, count: int = 4000) -> FloatArray:
    random = np.random.default_rng(d)
    assert region.inside is not None
    low = 0.0 if region.outside is None else region.outside.radius
    directions = random.standard_normal((count, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    high = region.inside.radius
    lengths = np.concatenate([random.uniform(low, high, count - 200), np.full(100, low), np.full(100, high)])
    steps = np.linalg.solve(region.inside.root.T, (lengths[:, None] * directions).T).T
    return np.asarray(region.inside.centre + steps)


def test_regions_prove_nothing_false_whatever_is_proposed() -> None:
    gaps = []
    for seed in range(8):
        for bound, generator, row, beta, mixture in attacked(seed, tuple(REALS)):
            points = points_of(bound.region, generator.latent_dim)
            ratios = log_ratio(generator.graph, GaussianLikelihood(row, beta), mixture, points)
            gaps.append(bound.log_constant - ratios.max())
            assert gaps[-1] >= -1e-9 * (1 + abs(bound.log_constant)), seed
    assert len(gaps) > 25 and np.median(gaps) < 30.0


def test_what_is_not_a_proof_is_refused() -> None:
    tries = (attacked(seed, ("tanh",)) for seed in range(9))
    bound, generator, row, beta, mixture = next(found[0] for found in tries if found)
    lifted = lifted_network(generator.graph)
    assert lifted is not None
    form = potential_form(lifted, row, beta)
    region = bound.region
    ellipsoid = region.inside
    assert ellipsoid is not None
    ranges = input_ranges(lifted, [ellipsoid])[0]

    def again(**changed: object) -> RegionBound | None:
        item = replace(bound, **changed)  # type: ignore[arg-type]
        proposed = (item.shares, item.inside, item.outside, item.offset)
        return region_bound(lifted, form, mixture, item.region, ranges, item.coefficients, *proposed)

    assert again() is not None
    assert again(offset=bound.offset - 0.5 * (1 + abs(bound.offset))) is None
    assert again(shares=np.array([0.3, 0.3, 0.3])) is None and again(shares=np.array([2.0, -1.0, 0.0])) is None
    # Whole steps, but not all of log rho, or more than that.
    assert all(again(shares=np.array(shares)) is None for shares in ((0.25, 0.25, 0.25), (0.5, 0.5, 0.25)))
    assert again(inside=-1.0) is None and again(outside=-1.0) is None and again(outside=1.0) is None
    assert again(coefficients=np.full_like(bound.coefficients, np.nan)) is None
    assert again(region=Region(None, None), inside=1.0) is None
    assert whole_shares(np.array([1.0, 2.0, 1e-9])).sum() == 1.0


def test_a_multiplier_below_zero_is_refused_where_the_matrix_would_be_definite() -> None:
    """f = |z|^2/2 + |z - x|^2/2 exactly, rho wider: nothing but the signs can be in the way."""
    generator = Generator("plain", Graph((Input(2), Affine(0, np.eye(2), np.zeros(2)))), 0)
    lifted = lifted_network(generator.graph)
    assert lifted is not None
    form, wide = potential_form(lifted, np.ones(2), 1.0), Mixture(np.ones(1), np.zeros((1, 2)), 0.5 * np.eye(2)[None])
    inner, outer = (Ellipsoid(np.zeros(2), np.eye(2), radius) for radius in (1.0, 2.0))
    region = Region(outer, inner, box_around(outer, np.eye(2)).halves(0, 0.5)[0])

    def bound(inside: float, outside: float, side: float, proposal: Mixture = wide) -> RegionBound | None:
        return region_bound(
            lifted, form, proposal, region, None, np.zeros((0, 5)), np.ones(1), inside, outside, 5.0,
            sides=np.array([0.0, side]),
        )  # fmt: skip

    assert bound(0.1, 0.1, 0.1) is not None and bound(0.0, 0.0, 0.0) is not None
    for signs in ((-0.1, 0.0, 0.0), (0.0, -0.1, 0.0), (0.0, 0.0, -0.1)):
        assert bound(*signs) is None
    # A root that is no triangle: its determinant is not on the diagonal.
    turned = replace(wide, roots=np.array([[[0.5, 0.3], [0.3, 0.5]]]))
    assert bound(0.0, 0.0, 0.0, turned) is None


@pytest.mark.parametrize("d", [1, 2])
def test_an_envelope_by_regions_is_above_the_posterior_everywhere(d: int) -> None:
    axis = np.concatenate([np.linspace(-9, 9, 2001 if d == 1 else 121), [-1e3, 1e3, -40.0, 40.0]])
    grid = axis[:, None] if d == 1 else np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    certified = mixtures = 0
    for seed in range(2):
        generator, random = network(100 + seed, LIPSCHITZ, d, 1 + seed % 2), np.random.default_rng([seed, 7])
        beta = float(10.0 ** random.uniform(-1, 0.5))
        row = generator.value(random.standard_normal(d)) + beta * random.standard_normal(generator.observed_dim)
        prepared = prepare(generator.graph, GaussianLikelihood(generator.value(np.zeros(d)), beta))
        envelope = None if prepared is None else quadratic_envelope(prepared, generator, GaussianLikelihood(row, beta))
        if envelope is None:
            continue
        certified, mixtures = certified + 1, mixtures + (envelope.proposal.size > 1)
        ratios = log_ratio(generator.graph, GaussianLikelihood(row, beta), envelope.proposal, grid)
        assert ratios[np.isfinite(ratios)].max() <= envelope.log_constant + 1e-9, seed
    assert certified >= 2 and mixtures >= 1


def test_no_climb_over_a_trained_decoder_gets_above_its_envelope() -> None:
    generator = load_generator("examples/digits/pixels64_conditioned.onnx")
    row, beta = np.load("examples/digits/observations_pixels64.npy")[150], float(generator.metadata["trained_beta"])
    prepared = prepare(generator.graph, GaussianLikelihood(generator.value(np.zeros(8)), beta))
    assert prepared is not None
    envelope = quadratic_envelope(prepared, generator, GaussianLikelihood(row, beta))
    assert envelope is not None and envelope.proof is not None and len(envelope.proof.regions) > 10
    assert envelope.acceptance > 0.2
    random, likelihood = np.random.default_rng(0), GaussianLikelihood(row, beta)
    points = envelope.proposal.draw(4000, random)
    middle, spread = points.mean(axis=0), points.std(axis=0)
    points = np.concatenate([points, middle + (points - middle) * random.uniform(0, 30, (4000, 1))])
    highest = -np.inf
    for step in range(25):
        ratios = log_ratio(generator.graph, likelihood, envelope.proposal, points)
        highest, best = max(highest, float(ratios.max())), points[np.argsort(-ratios)[:30]]
        moves = 0.5 * 0.85**step * spread * random.standard_normal((30, 20, 8))
        points = np.concatenate([best, (best[:, None] + moves).reshape(-1, 8)])
    # Never above, and the envelope nearly touches: a constant smaller by a sixth would be false.
    assert envelope.log_constant - 0.16 <= highest <= envelope.log_constant
