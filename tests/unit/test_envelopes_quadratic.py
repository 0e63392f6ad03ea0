"""Quadratic forms in the neurons' outputs: suprema over all inputs, envelopes, means under Gaussians, refusals."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

import certify.envelopes.mean_expansion as mean_expansion_module
from certify.arithmetic.intervals import FloatArray, MatrixBall, exact_matrix
from certify.envelopes.best import best_envelope
from certify.envelopes.gaussian_evidence import evidence_again, log_evidence_lower, search_weights
from certify.envelopes.gaussian_layers import two_layers
from certify.envelopes.gaussian_moments import ORDER, hermite_coefficients
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network, neuron_form, potential_form
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, potential
from certify.envelopes.mean_expansion import MeanExpansion, mean_expansion
from certify.envelopes.neuron_forms import graph_points, suprema_upper
from certify.envelopes.quadratic_envelope import QuadraticBound, prepare, quadratic_bound, quadratic_envelope
from certify.envelopes.quadratic_envelope import _is_below as is_below
from certify.envelopes.rejection import measured_acceptance
from certify.generators.activations import ACTIVATIONS, activation
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product, Sum
from theorems.rejection_encoder.observations import certify_row

BETA = 0.4
LIPSCHITZ = ("sin", "tanh", "sigmoid", "softplus", "silu", "gelu", "atan", "elu", "relu", "leaky_relu")
FAR = np.array([*np.linspace(-60, 60, 4_001), *(sign * 10.0**power for power in range(2, 9) for sign in (-1, 1))])


@cache
def network(name: str, d: int, n: int, seed: int, layers: int = 2, width: int = 7) -> Generator:
    """Residual layers of one activation, then an affine map."""
    random = np.random.default_rng(seed)
    nodes: list[Node] = [Input(d)]
    for _ in range(layers):
        source = len(nodes) - 1
        nodes.append(Affine(source, random.standard_normal((width, d)), 0.3 * random.standard_normal(width)))
        nodes.append(Activation(source + 1, name, width, activation(name).resolve(())))
        nodes.append(Affine(source + 2, 0.2 * random.standard_normal((d, width)), np.zeros(d)))
        nodes.append(Sum((source, source + 3), (1.0, 1.0), d))
    nodes.append(Affine(len(nodes) - 1, random.standard_normal((n, d)), 0.1 * random.standard_normal(n)))
    return Generator(f"{name}-{seed}", Graph(tuple(nodes)), 0)


def observation(generator: Generator, seed: int) -> FloatArray:
    random = np.random.default_rng([seed, 1])
    image = generator.value(random.standard_normal(generator.latent_dim))
    return np.asarray(image + BETA * random.standard_normal(generator.observed_dim))


def bound_of(generator: Generator, row: FloatArray) -> QuadraticBound:
    prepared = prepare(generator.graph, GaussianLikelihood(generator.value(np.zeros(generator.latent_dim)), BETA))
    assert prepared is not None
    found = quadratic_bound(prepared, row, BETA)
    assert found is not None
    return found


def lowest_gap(generator: Generator, row: FloatArray, bound: QuadraticBound, seed: int) -> float:
    """The least f - |L'(z - mu)|^2/2 + offset found from many starts, near and far."""
    likelihood, random = GaussianLikelihood(row, BETA), np.random.default_rng(seed)

    def gap(points: FloatArray) -> FloatArray:
        shifted = (points - bound.mean) @ bound.root
        return potential(generator.graph, likelihood, points) - 0.5 * (shifted * shifted).sum(axis=1) + bound.offset

    starts = bound.mean + random.standard_normal((400, generator.latent_dim)) * random.choice([0.2, 1, 4], (400, 1))
    best = starts[np.argsort(gap(starts))[:2]]
    found = [minimize(lambda z: float(gap(z[None])[0]), start, method="Nelder-Mead").fun for start in best]
    return float(min([*found, gap(starts).min()]))


def lifted(generator: Generator) -> LiftedNetwork:
    found = lifted_network(generator.graph)
    assert found is not None
    return found


def coordinates(network: LiftedNetwork, points: FloatArray) -> FloatArray:
    """x = (1, z, s) of points (b, d)."""
    x = np.zeros((len(points), network.size))
    x[:, 0], x[:, 1 : 1 + network.latent_dim] = 1.0, points
    for layer in network.layers:
        inputs = x @ network.inputs.midpoint[layer].T
        name, parameters = network.sigmas[layer.start]
        (outputs,) = activation(name).numeric(inputs, parameters, 0)
        x[:, 1 + network.latent_dim + layer.start : 1 + network.latent_dim + layer.stop] = outputs
    return x


@pytest.mark.parametrize("name", ["tanh", "relu", "softplus"])
def test_the_potential_is_the_form_exactly(name: str) -> None:
    generator = network(name, 3, 5, 0)
    row, points = observation(generator, 0), np.random.default_rng(1).standard_normal((50, 3)) * 3
    form, x = potential_form(lifted(generator), row, BETA), coordinates(lifted(generator), points)
    exact = potential(generator.graph, GaussianLikelihood(row, BETA), points)
    np.testing.assert_allclose(0.5 * np.einsum("bi,ij,bj->b", x, form.midpoint, x), exact, rtol=1e-12)
    assert form.radius.max() < 1e-12 * np.abs(form.midpoint).max()
    coefficients = np.random.default_rng(2).standard_normal((lifted(generator).neurons, 5))
    psi = 0.5 * np.einsum("bi,ij,bj->b", x, neuron_form(lifted(generator), coefficients).midpoint, x)
    inputs = x @ lifted(generator).inputs.midpoint.T
    features = graph_points((name, activation(name).resolve(())), inputs)
    np.testing.assert_allclose(psi, (features * coefficients).sum(axis=(1, 2)), rtol=1e-10)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"log", "sqrt", "rsqrt", "power", "reciprocal"}))
def test_no_input_exceeds_a_supremum_however_far(name: str) -> None:
    random = np.random.default_rng([len(name), *name.encode()])
    sigma = (name, activation(name).resolve(()))
    coefficients = random.standard_normal((100, 5)) * 10.0 ** random.uniform(-3, 2, (100, 5))
    coefficients[:, 2] = -np.abs(coefficients[:, 2])
    found = suprema_upper((sigma,) * 100, coefficients)
    with np.errstate(over="ignore", invalid="ignore"):
        points = graph_points(sigma, FAR)
        points = points[np.isfinite(points).all(axis=1)]
        values = points @ coefficients.T
        rounding = 1e-14 * (np.abs(points) @ np.abs(coefficients).T)
    assert (values - rounding <= found).all()
    if name in ("tanh", "sigmoid", "relu", "leaky_relu", "softplus"):
        finite = np.isfinite(found)
        # Not merely above: where the grid shows the supremum the bound is near it.
        near = finite & (points[:, 0][values.argmax(axis=0)] ** 2 < 50**2)
        assert near.sum() > 10
        scale = 1 + np.abs(coefficients[near]).max(axis=1)
        assert ((found - values.max(axis=0))[near] <= 2e-2 * scale).all()


def test_a_supremum_beyond_every_grid_is_seen() -> None:
    tanh, relu = ("tanh", ()), ("relu", ())
    # v - 1e-6 v^2 is largest at v = 5e5.
    assert suprema_upper((tanh,), np.array([[1.0, 0.0, -1e-6, 0.0, 0.0]]))[0] >= 2.5e5
    # Unbounded at +infinity only because the slope there is 1, or because nothing bends down.
    assert suprema_upper((relu,), np.array([[0.0, 0.0, -1.0, 0.0, 1.0 + 1e-9]]))[0] == np.inf
    assert suprema_upper((tanh,), np.array([[1e-9, 0.0, 0.0, 0.0, 0.0]]))[0] == np.inf
    # s (v - s) = 0 along the graph of relu, the identity that makes it exact.
    assert suprema_upper((relu,), np.array([[0.0, 0.0, -1e-9, 1.0, -1.0]]))[0] < 1e-12


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_a_quadratic_bound_is_below_the_potential_everywhere(name: str) -> None:
    for seed, d in enumerate((1, 3)):
        generator = network(name, d, d + 2, seed, layers=1 + seed)
        row = observation(generator, seed)
        assert lowest_gap(generator, row, bound_of(generator, row), seed) >= -1e-8


def test_dropped_payments_are_seen() -> None:
    generator = network("tanh", 3, 5, 7)
    row = observation(generator, 7)
    bound = bound_of(generator, row)
    # Half a unit of log C, a tenth of what the neurons are paid here.
    assert lowest_gap(generator, row, replace(bound, offset=bound.offset - 0.5), 0) < 0


def test_a_precision_that_is_too_large_is_refused() -> None:
    total = exact_matrix(np.diag([2.0, 4.0, 3.0]))
    root, mean = np.array([[2.0]]), np.zeros(1)
    assert is_below(total, mean, 0.999 * root, 0.0)
    assert not is_below(total, mean, 1.001 * root, 0.0)
    assert not is_below(total, mean, 0.999 * root, -1.001)
    assert not is_below(total, mean + 30.0, 0.999 * root, 0.0)


def test_an_affine_decoder_is_accepted_always() -> None:
    random = np.random.default_rng(0)
    generator = Generator("affine", Graph((Input(5), Affine(0, random.standard_normal((9, 5)), np.zeros(9)))), 0)
    row = observation(generator, 0)
    prepared = prepare(generator.graph, GaussianLikelihood(np.zeros(9), BETA))
    assert prepared is not None
    envelope = quadratic_envelope(prepared, generator, GaussianLikelihood(row, BETA))
    assert envelope is not None and envelope.acceptance > 0.97
    assert measured_acceptance(generator, GaussianLikelihood(row, BETA), envelope, 20_000, 0).estimate == 1.0


def test_extreme_scales_are_certified_or_refused_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    for name, layers, scale, beta, far in [
        ("atan", 2, 1.0, 5e-3, 0.4),
        ("tanh", 2, 30.0, 1e-3, 1e3),
        ("relu", 1, 1e-3, 30.0, 1.0),
        ("sin", 0, 1.0, 0.1, 1.0),
    ]:
        generator = network(name, 2, 3, 4, layers)
        nodes = tuple(
            replace(node, weight=scale * node.weight) if isinstance(node, Affine) else node
            for node in generator.graph.nodes
        )
        generator = Generator("scaled", Graph(nodes), 0)
        prepared = prepare(generator.graph, GaussianLikelihood(generator.value(np.zeros(2)), beta))
        row = generator.value(np.ones(2)) + far * beta
        found = None if prepared is None else quadratic_bound(prepared, row, beta)
        points = np.random.default_rng(0).standard_normal((2000, 2)) * 3
        values = potential(generator.graph, GaussianLikelihood(row, beta), points)
        if found is not None:
            shifted = (points - found.mean) @ found.root
            assert (values - 0.5 * (shifted**2).sum(axis=1) + found.offset >= -1e-9 * (1 + np.abs(values))).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus"])
def test_certified_acceptance_is_below_the_measured(name: str) -> None:
    generator = network(name, 4, 6, 3, width=3)
    row = observation(generator, 3)
    envelope = best_envelope(generator, GaussianLikelihood(row, BETA))
    assert not isinstance(envelope, str) and envelope.method == "quadratic form"
    measured = measured_acceptance(generator, GaussianLikelihood(row, BETA), envelope, 5_000, 0)
    assert 0.0 < envelope.acceptance <= measured.upper


@pytest.mark.parametrize("name", ["tanh", "relu", "softplus", "elu"])
def test_hermite_coefficients_contain_the_exact_ones(name: str) -> None:
    sigma = (name, activation(name).resolve(()))
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    for mean, deviation in ((0.3, 0.2), (-1.5, 1.0), (0.7, 0.0)):
        found = hermite_coefficients(sigma, exact_matrix([[mean]]), exact_matrix([[deviation]]))
        (values,) = activation(name).numeric(mean + deviation * nodes, sigma[1], 0)
        basis = np.polynomial.hermite_e.hermevander(nodes, ORDER)
        basis /= np.sqrt(np.cumprod([1.0, *range(1, ORDER + 1)]))
        # Quadrature is exact enough for smooth functions only.
        allowance = 1e-12 if name in ("tanh", "softplus") and deviation < 0.5 else 2e-2
        for enclosure, function in zip(found, (values, values**2), strict=True):
            exact = (weights * function) @ basis
            assert (np.abs(enclosure.midpoint[0] - exact) <= enclosure.radius[0] + allowance).all()
            assert enclosure.radius.max() < 1e-2


@pytest.mark.parametrize(("name", "slack"), [("tanh", 1e-3), ("softplus", 1e-3), ("relu", 0.05)])
def test_means_over_two_layers_are_bounded_and_nearly_attained(name: str, slack: float) -> None:
    generator = network(name, 1, 3, 5, width=4)
    lift, mean = lifted(generator), np.array([0.4])
    form = potential_form(lift, observation(generator, 2), BETA)
    nodes = np.linspace(-9.0, 9.0, 20_001)
    weights = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()
    for spread in (0.3, 0.1):
        factor = np.array([[spread]])
        layers = two_layers(lift, mean, factor)
        assert layers is not None and layers.own is not None and list(layers.second) == [4, 5, 6, 7]
        found = mean_expansion(lift, form, layers)
        assert found is not None
        x = coordinates(lift, mean + spread * nodes[:, None])
        inputs = x @ lift.inputs.midpoint.T
        gaussian = layers.own.means.midpoint[:, 0] + nodes[:, None] * (
            layers.own.units.midpoint[:, 0] * layers.own.deviations.midpoint[:, 0]
        )
        sigma = activation(name).numeric
        gaps = sigma(inputs[:, 4:], (), 0)[0] - sigma(gaussian, (), 0)[0]
        exact = weights @ gaps**2
        assert (exact <= found.squares * (1 + 1e-9)).all() and found.squares.sum() < 5 * exact.sum()
        truth = float(weights @ (0.5 * np.einsum("bi,ij,bj->b", x, form.midpoint, x)))
        bound = found.known + 0.5 * float(search_weights(found.form.midpoint, found.squares) @ found.squares)
        assert truth <= bound + 1e-9 and bound <= truth + slack * (1 + abs(truth)) * (spread / 0.1) ** 4


def test_what_the_rest_costs_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without it the mean of some network is above what is said of it.
    nodes = np.linspace(-9.0, 9.0, 20_001)
    weights = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()

    def excesses() -> list[float]:
        found = []
        for seed in range(10):
            generator = network("tanh", 1, 3, seed, width=4)
            lift, mean, factor = lifted(generator), np.array([0.4]), np.array([[0.8]])
            form = potential_form(lift, observation(generator, seed), BETA)
            layers = two_layers(lift, mean, factor)
            assert layers is not None
            bound = mean_expansion(lift, form, layers)
            assert bound is not None
            x = coordinates(lift, mean + factor[0, 0] * nodes[:, None])
            truth = float(weights @ (0.5 * np.einsum("bi,ij,bj->b", x, form.midpoint, x)))
            mu = search_weights(bound.form.midpoint, bound.squares)
            found.append((truth - bound.known - 0.5 * float(mu @ bound.squares)) / abs(truth))
        return found

    assert max(excesses()) <= 1e-9
    gradient = mean_expansion_module.gradient_of
    monkeypatch.setattr(mean_expansion_module, "_second_order", lambda *_: np.zeros(4))
    monkeypatch.setattr(mean_expansion_module, "gradient_of", lambda *a: replace(gradient(*a), beyond=np.zeros(4)))
    monkeypatch.setattr(mean_expansion_module, "MeanExpansion", _without_squares)
    assert max(excesses()) > 1e-3


def _without_squares(known: float, squares: FloatArray, form: MatrixBall, paid: float) -> MeanExpansion:
    return MeanExpansion(known, np.zeros_like(squares), form, paid)


def test_a_negative_weight_proves_nothing() -> None:
    """z^2/2 - 2 sin(10 cos z)^2 as a form, M = -4: mu = -3.5 is definite, but rho^2 is known from above only."""
    graph = Graph(
        (Input(1), Activation(0, "cos", 1), Affine(1, np.array([[10.0]]), np.zeros(1)), Activation(2, "sin", 1))
    )
    lift = lifted_network(graph)
    assert lift is not None
    form = exact_matrix(np.diag([0.0, 1.0, 0.0, -4.0]))
    given = np.zeros(1), np.eye(1)
    assert evidence_again(lift, form, *given, np.array([-3.5])) == -np.inf
    # log int exp(-f) is 1.953: the least weight of the right sign is far below, a negative one was far above.
    assert -np.inf < evidence_again(lift, form, *given, np.zeros(1)) < 1.953


def test_a_sum_before_an_activation_depends_on_no_more_than_its_terms() -> None:
    random = np.random.default_rng(4)
    a, c, w = random.standard_normal((3, 2)), 0.2 * random.standard_normal((2, 2)), 0.2 * random.standard_normal((2, 3))
    inner = (Input(2), Affine(0, a, np.zeros(3)), Activation(1, "tanh", 3), Affine(2, w, np.zeros(2)))
    both = (*inner, Affine(0, c, np.zeros(2)), Sum((3, 4), (1.0, 1.0), 2))
    graph = Graph((*both, Activation(5, "tanh", 2)))
    between = Graph((*both, Affine(5, np.eye(2), np.zeros(2)), Activation(6, "tanh", 2)))
    found = []
    for item in (graph, between):
        lift = lifted_network(item)
        assert lift is not None and not lift.inputs.radius[:, 6:].any()
        bound = log_evidence_lower(lift, potential_form(lift, np.zeros(2), BETA), np.zeros(2), 0.3 * np.eye(2))
        assert bound is not None
        found.append(bound.lower)
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_weights_that_are_too_small_prove_nothing() -> None:
    generator = network("tanh", 2, 3, 7, width=4)
    lift = lifted(generator)
    form = potential_form(lift, observation(generator, 1), BETA)
    mean, factor = np.array([0.2, -0.1]), 0.2 * np.eye(2)
    found = log_evidence_lower(lift, form, mean, factor)
    assert found is not None and evidence_again(lift, form, mean, factor, found.weights) == found.lower
    for weights in (0.9 * found.weights, found.weights[1:], np.full(4, np.nan), np.full(4, np.inf)):
        assert evidence_again(lift, form, mean, factor, weights) == -np.inf
    # Larger ones prove less.
    assert evidence_again(lift, form, mean, factor, 2 * found.weights) < found.lower


@pytest.mark.parametrize(("name", "layers"), [("tanh", 2), ("softplus", 2), ("relu", 1), ("sigmoid", 1)])
def test_the_integral_from_below_is_below_and_near(name: str, layers: int) -> None:
    generator = network(name, 1, 3, 2, layers=layers)
    row = observation(generator, 2)
    grid = np.linspace(-9, 9, 40_001)
    heights = np.exp(-potential(generator.graph, GaussianLikelihood(row, BETA), grid[:, None]))
    mass = heights.sum() * (grid[1] - grid[0])
    mean = (grid * heights).sum() / heights.sum()
    spread = np.sqrt(((grid - mean) ** 2 * heights).sum() / heights.sum())
    lift = lifted(generator)
    found = log_evidence_lower(lift, potential_form(lift, row, BETA), np.array([mean]), np.array([[spread]]))
    assert found is not None and np.log(mass) - 0.5 < found.lower <= np.log(mass) + 1e-9


def test_what_forms_do_not_cover_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Graph((Input(4), Affine(0, np.eye(4), np.zeros(4)), Product((0, 1), 4)))
    assert prepare(wide, GaussianLikelihood(np.zeros(4), BETA)) is None
    found = certify_row(Generator("product", wide, 0), BETA, Fraction(1, 10), np.ones(4))
    assert found.proposals is None and found.reason.startswith("this decoder has a product without a bounded factor: ")
    steep = Graph((Input(4), Activation(0, "exp", 4)))
    found = certify_row(Generator("exp", steep, 0), BETA, Fraction(1, 10), np.ones(4))
    assert found.proposals is None and "activations (exp) is not bounded: " in found.reason
    # torch's newer exporter writes softplus with its threshold, a jump: the reason says what to do about it.
    jump = Graph((Input(4), Activation(0, "sign", 4), Activation(0, "softplus", 4), Product((1, 2), 4)))
    note = "a softplus that jumps: export it by `dynamo=False`"
    found = certify_row(Generator("jump", jump, 0, {"read_as": note}), BETA, Fraction(1, 10), np.ones(4))
    assert found.proposals is None and found.reason.startswith(f"the file has {note}: quadratic forms")
    monkeypatch.setattr("certify.envelopes.shell_evidence.MOST_NEURONS", 5)
    deep = network("tanh", 4, 6, 1, layers=3, width=2)
    found = certify_row(deep, BETA, Fraction(1, 10), observation(deep, 1))
    assert found.proposals is None and "three hidden layers at most" in found.reason
    assert found.numbers is not None and found.numbers.layers_measured is not None


def test_a_network_too_wide_for_forms_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.envelopes.quadratic_envelope.MOST_SEARCHED", 10)
    monkeypatch.setattr("certify.envelopes.best.MOST_SEARCHED", 10)
    narrow, wide = network("tanh", 5, 5, 1, layers=1, width=10), network("tanh", 5, 5, 1, layers=1, width=11)
    likelihood = GaussianLikelihood(np.zeros(5), BETA)
    assert prepare(narrow.graph, likelihood) is not None and prepare(wide.graph, likelihood) is None
    found = certify_row(wide, BETA, Fraction(1, 10), observation(wide, 1))
    assert found.proposals is None and found.reason.startswith("this decoder has 11 neurons: ")
    assert "at most 10 neurons" in found.reason
    envelope = best_envelope(narrow, BernoulliLikelihood(np.ones(5)))
    assert isinstance(envelope, str) and envelope.startswith("this decoder has 15 neurons, its logits counted: ")
    monkeypatch.setattr("certify.envelopes.lifted_form.MOST_NEURONS", 10)
    assert lifted_network(narrow.graph) is not None and lifted_network(wide.graph) is None
    assert best_envelope(wide, GaussianLikelihood(np.ones(5), BETA)) == found.reason


def test_an_observation_with_four_latents_is_certified() -> None:
    generator = network("tanh", 4, 6, 3, width=4)
    row = observation(generator, 3)
    found = certify_row(generator, BETA, Fraction(1, 10), row)
    assert found.proposals is not None and found.tv_bound is not None and found.tv_bound <= 0.1
    assert found.numbers is not None and found.numbers.envelope == "quadratic form"
    # The same in another order: what observations share does not depend on them.
    certify_row(generator, BETA, Fraction(1, 10), value(generator.graph, np.zeros((1, 4)))[0])
    assert certify_row(generator, BETA, Fraction(1, 10), row) == found
