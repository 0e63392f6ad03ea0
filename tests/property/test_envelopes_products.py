"""Products of two nodes in quadratic forms: suprema, forms, envelopes, means under Gaussians, records, refusals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

import certify.envelopes.mean_products as mean_products_module
from benchmarks.forged_rejection import forgeries, refusal
from certify.arithmetic.intervals import FloatArray, MatrixBall, scale
from certify.certificates.discovery import document_of
from certify.certificates.kinds.rejection import verify
from certify.codec import Exact
from certify.envelopes.box_search import log_ratio
from certify.envelopes.gaussian_evidence import evidence_again, log_evidence_lower
from certify.envelopes.lifted_form import PRODUCT, LiftedNetwork, lifted_network, neuron_form, potential_form
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.mixture import Mixture
from certify.envelopes.neuron_forms import graph_points
from certify.envelopes.product_forms import factor_ranges, payments_upper, product_points, product_suprema_upper
from certify.envelopes.quadratic_envelope import prepare, quadratic_bound, searched_bound, verified_bound
from certify.envelopes.quadratic_search import lower_objective
from certify.envelopes.region_bound import region_bound
from certify.envelopes.region_fit import best_multipliers
from certify.envelopes.region_search import minorant
from certify.envelopes.regions import Ellipsoid, input_ranges, regions_between
from certify.generators.activations import activation
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from tests.generators import gated
from theorems.rejection_encoder.observations import certify_row

BETA = 0.4
BOUNDED, GROWING = ("tanh", "sigmoid", "sin", "atan"), ("silu", "softplus", "relu", "leaky_relu", "identity")


def network(seed: int, d: int, layers: int) -> Generator:
    """Layers of random gates, factors in any order, read by the next layer, squares of neurons among them."""
    random = np.random.default_rng([seed, 9])
    nodes: list[Node] = [Input(d)]
    last, size = 0, d
    for _ in range(layers):
        width = int(random.integers(1, 4))
        factors = []
        for names in (BOUNDED, BOUNDED + GROWING):
            name = str(random.choice(names))
            nodes.append(Affine(last, random.standard_normal((width, size)), 0.5 * random.standard_normal(width)))
            factors.append(len(nodes) - 1)
            if name != "identity":
                nodes.append(Activation(len(nodes) - 1, name, width, activation(name).resolve(())))
                factors[-1] += 1
        if random.random() < 0.2:
            factors = [factors[0]] * 2
        first, second = (int(index) for index in random.permutation(factors))
        nodes.append(Product((first, second), width))
        last, size = len(nodes) - 1, width
        if random.random() < 0.5:
            nodes.append(Activation(last, "tanh", width, ()))
            last += 1
    n = int(random.integers(d, d + 3))
    ends = Affine(last, random.standard_normal((n, size)), np.zeros(n)), Affine(0, np.eye(n, d), np.zeros(n))
    nodes += [*ends, Sum((len(nodes), len(nodes) + 1), (1.0, 1.0), n)]
    return Generator(f"products-{seed}", Graph(tuple(nodes)), 0)


def lifted(generator: Generator) -> LiftedNetwork:
    found = lifted_network(generator.graph)
    assert found is not None and found.partners is not None
    return found


def coordinates(network: LiftedNetwork, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """x = (1, z, s) of points (b, d), and the nine numbers of every neuron, (b, k, 9)."""
    assert network.partners is not None
    start, x = 1 + network.latent_dim, np.zeros((len(points), network.size))
    numbers = np.zeros((len(points), network.neurons, 9))
    x[:, 0], x[:, 1:start] = 1.0, points
    for place, sigma in enumerate(network.sigmas):
        v, u = x @ network.inputs.midpoint[place], x @ network.partners.rows.midpoint[place]
        if sigma == PRODUCT:
            x[:, start + place], numbers[:, place] = u * v, product_points(u, v)
        else:
            (x[:, start + place],) = activation(sigma[0]).numeric(v, sigma[1], 0)
            numbers[:, place, :5] = graph_points(sigma, v)
    return x, numbers


def row_of(generator: Generator, seed: int) -> FloatArray:
    random = np.random.default_rng([seed, 1])
    image = generator.value(random.standard_normal(generator.latent_dim))
    return np.asarray(image + BETA * random.standard_normal(generator.observed_dim))


@pytest.mark.parametrize("seed", range(6))
def test_the_potential_and_the_forms_are_exact(seed: int) -> None:
    generator = network(seed, 2, 2)
    lift, row, random = lifted(generator), row_of(generator, seed), np.random.default_rng(seed)
    points = 2 * random.standard_normal((60, 2))
    x, numbers = coordinates(lift, points)
    form = potential_form(lift, row, BETA).midpoint
    exact = potential(generator.graph, GaussianLikelihood(row, BETA), points)
    np.testing.assert_allclose(0.5 * np.einsum("bi,ij,bj->b", x, form, x), exact, rtol=1e-10)
    coefficients = random.standard_normal((lift.neurons, 9))
    psi = 0.5 * np.einsum("bi,ij,bj->b", x, neuron_form(lift, coefficients).midpoint, x)
    terms = numbers * coefficients
    np.testing.assert_allclose(psi, terms.sum(axis=(1, 2)), atol=1e-12 * np.abs(terms).sum(axis=(1, 2)).max())
    objective = lower_objective(lift, form)
    np.testing.assert_allclose(
        objective.matrix(coefficients), form + neuron_form(lift, coefficients).midpoint, rtol=1e-9, atol=1e-9
    )
    # The search's derivatives against differences, with the last four coefficients where they have a meaning.
    coefficients[:] = 0.0
    coefficients[:, 4] = 50.0
    if np.isfinite(objective.value(coefficients, 0.3)):
        gradient, _ = objective.derivatives(coefficients, 0.3)
        for at in random.integers(0, coefficients.size, 8):
            step = np.zeros(coefficients.size)
            step[at] = 1e-5
            ends = [objective.value(coefficients + sign * step.reshape(-1, 9), 0.3) for sign in (1, -1)]
            assert abs((ends[0] - ends[1]) / 2e-5 - gradient[at]) < 1e-4 * (1 + abs(gradient[at]))


def drawn(count: int, seed: int) -> tuple[FloatArray, tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    random = np.random.default_rng(seed)
    coefficients = random.standard_normal((count, 9)) * 10.0 ** random.uniform(-3, 2, (count, 9))
    u, v = (random.uniform(-3, 3, count) * 10.0 ** random.uniform(-2, 2, count) for _ in range(2))
    return (
        coefficients,
        (u, u + 10.0 ** random.uniform(-4, 2, count)),
        (v, v + random.exponential(2, count)),
    )


def test_no_point_exceeds_a_supremum_which_is_near() -> None:
    coefficients, first, second = drawn(300, 0)
    found = product_suprema_upper(coefficients, first, second)
    steps = np.linspace(0.0, 1.0, 201)
    u, v = (low[:, None] + (high - low)[:, None] * steps for low, high in (first, second))
    u, v = np.minimum(u, first[1][:, None]), np.minimum(v, second[1][:, None])
    for place, row in enumerate(coefficients):
        points = product_points(u[place][:, None], v[place][None])
        scale = (np.abs(points) @ np.abs(row)).max()
        highest = (points @ row).max()
        assert highest - 1e-13 * scale <= found[place] <= highest + 3e-4 * scale


def test_an_unbounded_factor_is_followed_all_the_way() -> None:
    line, unit = (np.array([-np.inf]), np.array([np.inf])), (np.array([0.0]), np.array([1.0]))

    def supremum(*values: float, first: tuple[FloatArray, FloatArray] = line) -> float:
        return float(product_suprema_upper(np.array([values]), first, unit)[0])

    # Order: v, p, v^2, v p, p^2, u, u^2, u v, u p. The sector (p - u)(p - 0) = u^2 v (v - 1) costs nothing.
    sector = (0, 0, 0, 0, 1.0, 0, 0, 0, -1.0)
    assert supremum(*sector) == np.inf and supremum(*sector, first=(np.array([-9.0]), np.array([9.0]))) < 1e-9
    assert supremum(0, 0, 0, 0, 1.0, 0, -1e-9, 0, -1.0) < 1e-2
    # lambda (p - u v) for nothing, either sign; u - 1e-6 u^2 is largest at 500,000.
    assert supremum(0, 3.0, 0, 0, 0, 0, -1.0, -3.0, 0) < 1e-12 and supremum(0, -3.0, 0, 0, 0, 0, -1.0, 3.0, 0) < 1e-12
    assert 2.5e5 <= supremum(0, 0, 0, 0, 0, 1.0, -1e-6, 0, 0) < 2.5e5 * (1 + 1e-9)
    # v (1 - v) peaks between ends, however the cells fall; a longer half-line, and no bounded factor.
    assert 0.25 <= supremum(1.0, 0, -1.0, 0, 0, 0, -1.0, 0, 0) < 0.25 + 1e-5
    assert supremum(0, 0, 0, 0, 0, 1e-9, 0, 0, 0) == np.inf and 0 <= supremum(*np.zeros(9)) < 1e-300
    assert supremum(0, 0, 0, 0, 0, -1.0, 0, 0, 0, first=(np.array([2.0]), np.array([np.inf]))) < -1.99
    assert product_suprema_upper(np.zeros((1, 9)), unit, line)[0] == np.inf
    for seed in range(200):
        random = np.random.default_rng([seed, 3])
        row = random.standard_normal(9) * 10.0 ** random.uniform(-2, 2, 9)
        row[6] = -abs(row[6]) - abs(row[8]) - abs(row[4])
        u = np.array([sign * 10.0**power for power in np.linspace(-3, 7, 200) for sign in (-1, 1)])
        points = product_points(u[:, None], np.linspace(0, 1, 41)[None])
        rounding = 1e-14 * (np.abs(points) @ np.abs(row))
        assert (points @ row - rounding).max() <= supremum(*row)


def exact_psi(coefficients: FloatArray, u: float, v: float) -> Fraction:
    u_, v_ = Fraction(u), Fraction(v)
    parts = (v_, u_ * v_, v_**2, v_ * u_ * v_, (u_ * v_) ** 2, u_, u_**2, u_ * v_, u_ * u_ * v_)
    return sum((Fraction(float(a)) * part for a, part in zip(coefficients, parts, strict=True)), Fraction(0))


@pytest.mark.parametrize(
    ("terms", "u", "v"),
    [
        ({4: 1e-80}, (1e200, 1e200), (-1e-160, 1e-160)),  # p^2 with a v^2 that is no float: 1
        ({4: 1e-30}, (1e150, 1.001e150), (1e-150, 1e-150)),
        ({2: -1e300, 0: 1e140}, (0.0, 0.0), (-128e-160, 128e-160)),  # a peak between cuts whose width has no square
        ({4: -1e100, 1: 2e200 / 512 * 1e-160}, (1e100, 1e100), (-1e-160, 1e-160)),
        ({6: 1e-320}, (1e200, 1e200), (-1.0, 1.0)),
        ({8: 1e-160, 3: 1e-160}, (1e160, 1e160), (1e-160, 1e-160)),
    ],
)
def test_what_no_float_is_small_enough_for_is_paid(
    terms: dict[int, float], u: tuple[float, float], v: tuple[float, float]
) -> None:
    row = np.zeros(9)
    row[list(terms)] = list(terms.values())
    found = product_suprema_upper(row[None], *((np.array(ends[:1]), np.array(ends[1:])) for ends in (u, v)))[0]
    inner = np.clip(np.linspace(*v, 1025), *v)
    assert max(exact_psi(row, x, y) for x in u for y in inner) <= (Fraction(float(found)) if found < np.inf else found)


def test_a_constant_factor_of_any_size_proves_nothing_false() -> None:
    """G = z + 1e163 (1e-163 tanh z): a record may add any multiple of p^2, which is 1 where v^2 is no float."""
    one = np.ones((1, 1))
    nodes: tuple[Node, ...] = (
        Input(1), Activation(0, "tanh", 1), Affine(1, 1e-163 * one, np.zeros(1)), Affine(0, 0 * one, np.full(1, 1e163)),
        Product((3, 2), 1), Sum((0, 4), (1.0, 1.0), 1),
    )  # fmt: skip
    likelihood = GaussianLikelihood(np.array([0.7]), BETA)
    lift = lifted(Generator("huge", Graph(nodes), 0))
    points = np.linspace(-6, 6, 2001)[:, None]
    known = potential(lift.graph, likelihood, points)
    for weight in (1.0, 10.0, 100.0):
        coefficients = np.zeros((2, 9))
        coefficients[0, 2], coefficients[0, 4], coefficients[1, 4] = -0.5, 0.5, weight
        bound = verified_bound(lift, potential_form(lift, likelihood.observation, BETA), coefficients)
        if bound is not None:
            shifted = (points - bound.mean) @ bound.root
            assert (known + bound.offset >= 0.5 * (shifted * shifted).sum(axis=1)).all()


@pytest.mark.parametrize(("d", "seed"), [(1, 0), (1, 1), (2, 2), (4, 5)])
def test_the_form_is_below_the_potential_everywhere(d: int, seed: int) -> None:
    generator = gated(d, d + 2, seed, width=3)
    row, random = row_of(generator, seed), np.random.default_rng(seed)
    likelihood = GaussianLikelihood(row, BETA)
    prepared = prepare(generator.graph, likelihood)
    assert prepared is not None
    bound = quadratic_bound(prepared, row, BETA)
    assert bound is not None

    def gap(points: FloatArray) -> FloatArray:
        shifted = (points - bound.mean) @ bound.root
        return potential(generator.graph, likelihood, points) - 0.5 * (shifted * shifted).sum(axis=1) + bound.offset

    starts = bound.mean + random.standard_normal((100_000, d)) * random.choice([0.2, 1, 4, 30], (100_000, 1))
    if d == 1:
        starts[:20_000, 0] = np.linspace(-40, 40, 20_000)
    gaps = gap(starts)
    best = starts[np.argsort(gaps)[:4]]
    searched = [minimize(lambda z: float(gap(z[None])[0]), start, method="Nelder-Mead").fun for start in best]
    assert -1e-9 <= min([*searched, gaps.min()]) < 1.5


def attacked(seed: int) -> list[float]:
    """Log C less the largest log ratio seen, of bounds with forms, mixtures and shares that nobody searched for."""
    random = np.random.default_rng([seed, 6])
    d = int(random.choice([1, 2]))
    generator, beta = network(seed, d, int(random.integers(1, 3))), float(10.0 ** random.uniform(-0.5, 1))
    row = generator.value(random.standard_normal(d)) + beta * random.standard_normal(generator.observed_dim)
    lift, likelihood = lifted(generator), GaussianLikelihood(row, beta)
    form = potential_form(lift, row, beta)
    objective = lower_objective(lift, form.midpoint)
    centre, root = random.standard_normal(d), np.diag(random.uniform(0.5, 2, d))
    ellipsoids = [Ellipsoid(centre, root, radius) for radius in (0.3, 1.0)]
    mixture = Mixture(np.ones(2), random.standard_normal((2, d)), np.stack([np.eye(d), 0.7 * np.eye(d)]))
    found = []
    for region, ranges in zip(regions_between(ellipsoids), input_ranges(lift, ellipsoids), strict=False):
        for _ in range(4):
            coefficients = 0.2 * random.standard_normal((lift.neurons, 9))
            coefficients[:, 4] = 10.0 ** random.uniform(0, 2, lift.neurons)
            item = minorant(lift, objective, region, ranges, coefficients)
            if item is None:
                continue
            chosen = best_multipliers(item, mixture)
            bound = region_bound(
                lift, form, mixture, region, ranges, coefficients, chosen.shares, chosen.inside, chosen.outside,
                chosen.offset,
            )  # fmt: skip
            if bound is not None:
                assert region.inside is not None
                directions = random.standard_normal((2000, d))
                directions /= np.linalg.norm(directions, axis=1, keepdims=True)
                low = 0.0 if region.outside is None else region.outside.radius
                lengths = random.uniform(low, region.inside.radius, (2000, 1))
                ratios = log_ratio(generator.graph, likelihood, mixture, centre + lengths * directions / np.diag(root))
                found.append((bound.log_constant - ratios.max()) / (1 + abs(bound.log_constant)))
    return found


def test_regions_prove_nothing_false_whatever_is_proposed() -> None:
    gaps = [gap for seed in range(9) for gap in attacked(seed)]
    assert len(gaps) > 12 and min(gaps) >= -1e-9 and np.median(gaps) < 1.0


def test_ranges_hold_what_the_factors_take() -> None:
    for seed in range(8):
        generator = network(seed, 2, 2)
        lift, random = lifted(generator), np.random.default_rng(seed)
        assert lift.partners is not None
        ellipsoids = [Ellipsoid(np.zeros(2), np.eye(2), 1.5)]
        points = random.standard_normal((2000, 2))
        points *= 1.5 * random.random((2000, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
        x, _ = coordinates(lift, points)
        which = lift.products
        for ranges in (*input_ranges(lift, ellipsoids), None):
            ends = factor_ranges(lift, ranges)
            for rows, (low, high) in zip((lift.partners.rows, lift.inputs), ends, strict=True):
                taken = x @ rows.midpoint[which].T
                assert (taken >= low - 1e-9).all() and (taken <= high + 1e-9).all()


def test_what_pays_for_a_form_is_needed() -> None:
    """Changed multipliers prove something else or nothing; without the payments of products the bound is false."""
    generator = gated(2, 4, 3, width=2)
    row = row_of(generator, 3)
    prepared = prepare(generator.graph, GaussianLikelihood(row, BETA))
    assert prepared is not None
    found = searched_bound(prepared, row, BETA)
    assert found is not None
    bound, coefficients = found
    lift, form = prepared.network, potential_form(prepared.network, row, BETA)
    products = np.flatnonzero(lift.products)
    for column in (1, 4, 7, 8):
        changed = coefficients.copy()
        changed[products, column] += 0.7
        other = verified_bound(lift, form, changed)
        assert other is None or other.log_constant > bound.log_constant
    dropped = coefficients.copy()
    dropped[products] = 0.0
    other = verified_bound(lift, form, dropped)
    assert other is None or other.log_constant > bound.log_constant + 0.1
    payments = payments_upper(lift, coefficients)
    assert payments[products].min() > 1e-6
    # At some z the products' forms come near what is paid for all of them: less would be refuted there.
    _, numbers = coordinates(lift, 3 * np.random.default_rng(0).standard_normal((50_000, 2)))
    psi = np.einsum("bki,ki->bk", numbers, coefficients)
    near = psi.max(axis=0) > payments - 0.05 * (1 + np.abs(payments))
    assert (psi <= payments + 1e-9).all() and near[products].all()


def quadrature(lift: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray) -> float:
    """E f by Gauss and Hermite in two variables."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    y = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel() / (2 * np.pi)
    x, _ = coordinates(lift, mean + y @ factor.T)
    return float(mass @ (0.5 * np.einsum("bi,ij,bj->b", x, form.midpoint, x)))


def shallow(kind: str, seed: int) -> Generator:
    """One layer of products with two latents: of two neurons, of a neuron and its input, of 1 - s and another."""
    random = np.random.default_rng([seed, len(kind)])
    first, second, reads = (random.standard_normal((3, 2)) for _ in range(3))
    nodes: list[Node] = [Input(2), Affine(0, first, 0.3 * reads[:, 0]), Affine(0, second, 0.3 * reads[:, 1])]
    nodes += [Activation(1, "tanh", 3), Activation(2, "sigmoid", 3)]
    match kind:
        case "neurons":
            nodes.append(Product((3, 4), 3))
        case "input":
            nodes.append(Product((4, 2), 3))
        case "square":
            nodes.append(Product((3, 3), 3))
        case "highway":
            nodes += [Affine(4, -np.eye(3), np.ones(3)), Product((5, 3), 3)]
    last = len(nodes) - 1
    nodes += [Affine(source, random.standard_normal((4, 3)), np.zeros(4)) for source in (last, 3)]
    nodes.append(Sum((last + 1, last + 2), (1.0, 1.0), 4))
    return Generator(f"{kind}-{seed}", Graph(tuple(nodes)), 0)


@pytest.mark.parametrize("kind", ["neurons", "input", "square", "highway"])
def test_the_mean_of_the_potential_is_bounded_and_near(kind: str) -> None:
    for seed, width in ((0, 1.0), (2, 0.1)):
        generator, random = shallow(kind, seed), np.random.default_rng(seed)
        lift, row = lifted(generator), 0.5 * random.standard_normal(4)
        form = potential_form(lift, row, BETA)
        mean, factor = random.standard_normal(2), width * np.tril(np.array([[1.0, 0.0], [0.5, 0.8]]))
        found = log_evidence_lower(lift, form, mean, factor)
        assert found is not None
        entropy = np.log(np.diag(factor)).sum() + 1 + np.log(2 * np.pi)
        lost = entropy - quadrature(lift, form, mean, factor) - found.lower
        assert -1e-9 <= lost < 400 * width**4 + 1e-3, (seed, lost)
        assert evidence_again(lift, form, mean, factor, found.weights) == found.lower
        assert evidence_again(lift, form, mean, factor, 0.5 * found.weights) == -np.inf
        assert evidence_again(lift, form, mean, factor, found.weights[1:]) == -np.inf


def test_every_part_of_the_mean_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def excess() -> float:
        worst = -np.inf
        for seed in range(6):
            generator, random = shallow("neurons", seed), np.random.default_rng(seed)
            lift, row = lifted(generator), 3.0 * random.standard_normal(4)
            form, mean, factor = potential_form(lift, row, BETA), random.standard_normal(2), 0.8 * np.eye(2)
            found = log_evidence_lower(lift, form, mean, factor)
            assert found is not None
            entropy = 2 * np.log(0.8) + 1 + np.log(2 * np.pi)
            worst = max(worst, found.lower - entropy + quadrature(lift, form, mean, factor))
        return worst

    assert excess() <= 1e-9
    monkeypatch.setattr(mean_products_module, "_norms", lambda shifted, *_: np.zeros(shifted[0].shape[0]))
    assert excess() > 1e-3
    monkeypatch.undo()
    linear = mean_products_module._linear_part
    monkeypatch.setattr(mean_products_module, "_linear_part", lambda *parts: scale(linear(*parts), -1.0))
    assert excess() > 1e-3


def test_a_gated_decoder_is_certified_and_no_forged_record_of_it_is_believed() -> None:
    generator = gated(4, 6, 1, width=3)
    row = row_of(generator, 1)
    found = certify_row(generator, BETA, Fraction(1, 10), row)
    assert found.proposals is not None and found.proposals < 30 and found.proof is not None, found.reason
    assert found.proof.regions is not None and found.proof.mean is not None
    good = document_of(found.proof)
    for name, forged in forgeries(good, np.random.default_rng(0)):
        assert refusal(forged, generator), f"{name} was believed"
    assert refusal(good, generator) == ""
    regions = found.proof.regions
    for damage in (np.s_[-1, :5], np.s_[-1, 4], np.s_[-1, 1]):
        table = [np.array(form) for form in regions.forms]
        for form in table:
            form[damage] = 0.0
        forms = tuple(tuple(tuple(Exact(float(entry)) for entry in line) for line in form) for form in table)
        assert verify(replace(found.proof, regions=replace(regions, forms=forms)), generator).reason
    short = tuple(tuple(line[:5] for line in form) for form in regions.forms)
    assert verify(replace(found.proof, regions=replace(regions, forms=short)), generator).reason
    draws = np.random.default_rng(0)
    points = found.proof.mixture().draw(100_000, draws)
    ratios = log_ratio(generator.graph, GaussianLikelihood(row, BETA), found.proof.mixture(), points)
    assert ratios.max() <= found.proof.log_constant
    assert value(generator.graph, points[:2]).shape == (2, 6)


def test_gates_of_a_second_layer_are_certified_and_no_forged_record_of_them_is_believed() -> None:
    graph = gated(4, 4, 2, width=2).graph
    deep = Graph((*graph.nodes, Activation(8, "sigmoid", 4), Product((8, 9), 4), Affine(10, np.eye(4), np.zeros(4))))
    generator = Generator("deep gates", deep, 0)
    found = certify_row(generator, 1.0, Fraction(1, 10), row_of(generator, 0))
    assert found.proposals is not None and found.proposals < 20 and found.proof is not None, found.reason
    assert found.proof.shells is not None
    good = document_of(found.proof)
    for name, forged in forgeries(good, np.random.default_rng(0)):
        assert refusal(forged, generator), f"{name} was believed"
    assert refusal(good, generator) == ""
