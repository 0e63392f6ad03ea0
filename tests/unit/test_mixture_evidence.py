"""log int exp(-f) by mixtures of narrow Gaussians: entropies, the whole bound and its designs against quadrature."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import certify.envelopes.mixture_evidence as mixture_evidence_module
from benchmarks.forged_rejection import forgeries, refusal
from certify.arithmetic.intervals import FloatArray, MatrixBall, exact_matrix
from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.rejection import verify
from certify.envelopes.best import best_envelope
from certify.envelopes.gaussian_evidence import dominates, log_evidence_lower
from certify.envelopes.gaussian_layers import neurons_by_layer
from certify.envelopes.gaussian_moments import EVEN, GRADED, hermite_coefficients, slope_moments
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network, potential_form
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.mixture_entropy import TiltedMixture, entropy_lower, factors_of, fitted_tilts
from certify.envelopes.mixture_evidence import best_integral, best_mixture, mixture_evidence_again
from certify.envelopes.mixture_search import (
    GROWTH,
    NARROW,
    Curvatures,
    Placed,
    curvatures_of,
    placed,
    potential_slopes,
)
from certify.envelopes.posterior_moments import Moments, posterior_moments
from certify.envelopes.records import RejectionProof, rejection_proof
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from tests.generators import one_hidden_layer

BETA = 0.1
GAUSSIANS = {
    "share doubled", "share negative", "mean moved", "tilt moved", "spread doubled", "spread negative",
    "row too short", "shear moved", "shears too short", "factor singular", "weight halved", "Gaussian left out",
}  # fmt: skip
"""Forgeries of `benchmarks.forged_rejection` that damage the mixture."""


def drawn(count: int, d: int, seed: int, spread: float) -> TiltedMixture:
    """A mixture with the tilts that are searched for."""
    random = np.random.default_rng([count, d, seed])
    factor = np.tril(random.standard_normal((d, d))) + np.diag(np.sign(random.standard_normal(d)))
    points = spread * random.standard_normal((count, d))
    shares = random.uniform(0.1, 1.0, count)
    gaps = points[None] - points[:, None]
    start = np.zeros((count, d)), np.repeat(np.eye(d)[None], count, axis=0)
    _, linear, inverse = fitted_tilts(shares / shares.sum(), gaps, *start)
    means = points @ factor.T + random.standard_normal(d)
    return TiltedMixture(shares, means, factor, linear, *factors_of(inverse))


def unsheared(mixture: TiltedMixture) -> TiltedMixture:
    """The same with T = I."""
    return replace(mixture, shears=np.zeros((len(mixture.shares), 0)))


def entropy(mixture: TiltedMixture) -> float:
    """By the trapezoidal rule in y = B^-1 (z - m_0), for d = 1 and 2: it converges geometrically."""
    d = mixture.factor.shape[0]
    points = np.linalg.solve(mixture.factor, (mixture.means - mixture.means[0]).T).T
    ends = points.min(axis=0) - 9.0, points.max(axis=0) + 9.0
    axes = [np.linspace(low, high, 4001 if d == 1 else 401) for low, high in zip(*ends, strict=True)]
    grid = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    shares = mixture.shares / mixture.shares.sum()
    squares = sum((grid[:, None, axis] - points[:, axis]) ** 2 for axis in range(d))
    density = np.exp(-0.5 * squares) @ shares / (2 * math.pi) ** (d / 2)
    volume = math.prod(axis[1] - axis[0] for axis in axes)
    logs = density * np.log(np.maximum(density, 1e-300))
    return -float(logs.sum()) * volume + float(np.log(np.abs(np.diag(mixture.factor))).sum())


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("spread", [0.3, 1.5, 6.0])
def test_no_entropy_is_below_its_bound_and_little_is_lost(d: int, spread: float) -> None:
    for count, seed in ((1, 0), (2, 1), (5, 2)):
        mixture = drawn(count, d, seed, spread)
        assert entropy_lower(unsheared(mixture)) <= entropy(mixture) + 1e-9
        truth, bound = entropy(mixture), entropy_lower(mixture)
        assert bound <= truth + 1e-9
        assert truth - bound <= (1e-9 if count == 1 else 0.06 * d)


def test_the_axes_of_the_tilts_are_those_of_the_factor() -> None:
    mixture = drawn(3, 2, 1, 2.0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    mixture = unsheared(mixture)
    turned = replace(mixture, factor=mixture.factor @ turn)
    # The same law but for rounding, with tilts along other axes.
    assert entropy_lower(turned) <= entropy(mixture) + 1e-9
    assert entropy_lower(replace(turned, linear=mixture.linear @ turn)) <= entropy(mixture) + 1e-9
    single = drawn(1, 2, 0, 1.0)
    both = entropy_lower(single), entropy_lower(replace(single, factor=single.factor @ turn))
    assert both[0] == pytest.approx(both[1], abs=1e-12)


def test_any_tilts_serve_and_the_searched_ones_are_better_than_overlaps() -> None:
    random = np.random.default_rng(3)
    for seed in range(4):
        mixture = drawn(4, 2, seed, 2.0)
        truth, best = entropy(mixture), entropy_lower(mixture)
        for scale in (0.1, 1.0):
            other = replace(
                mixture,
                linear=scale * random.standard_normal((4, 2)),
                spreads=np.exp(scale * random.standard_normal((4, 2))),
            )
            assert entropy_lower(other) <= truth + 1e-9
        plain = replace(unsheared(mixture), linear=np.zeros((4, 2)), spreads=np.full((4, 2), 0.5))
        assert entropy_lower(plain) < best <= truth + 1e-9


def test_any_shears_serve_and_the_searched_ones_are_better() -> None:
    random = np.random.default_rng(4)
    for seed in range(6):
        mixture = drawn(5, 2, seed, 1.5)
        truth, best = entropy(mixture), entropy_lower(mixture)
        for scale in (0.1, 1.0, 3.0):
            moved = mixture.shears + scale * random.standard_normal((5, 1))
            assert entropy_lower(replace(mixture, shears=moved)) <= truth + 1e-9
            assert entropy_lower(replace(mixture, shears=moved)) < best


def test_a_turned_tilt_is_the_plain_one_in_turned_axes() -> None:
    plain = unsheared(drawn(4, 2, 1, 1.5))
    angle = np.array([[0.6, -0.8], [0.8, 0.6]])
    # S = R diag(s) R' along the axes of B R^-1 is diag(s) along those of B.
    squares = angle @ (plain.spreads[:, :, None] * np.eye(2)) @ angle.T
    roots = np.linalg.cholesky(squares)
    diagonal = np.diagonal(roots, axis1=1, axis2=2)
    turned = replace(
        plain, factor=plain.factor @ angle.T, linear=plain.linear @ angle.T, spreads=diagonal**2,
        shears=roots[:, 1:, 0] / diagonal[:, :1],
    )  # fmt: skip
    assert entropy_lower(turned) == pytest.approx(entropy_lower(plain), abs=1e-11)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 4])
def test_the_bound_of_the_entropy_is_its_formula(d: int, count: int) -> None:
    """The module's inequality with T diag(s) T' multiplied out, by any tilts: log det S is that of s alone."""
    random = np.random.default_rng([d, count])
    mixture = TiltedMixture(
        random.uniform(0.1, 1.0, count), random.standard_normal((count, d)), random.standard_normal((d, d)),
        random.standard_normal((count, d)), np.exp(random.standard_normal((count, d))),
        random.standard_normal((count, d * (d - 1) // 2)),
    )  # fmt: skip
    shares = mixture.shares / mixture.shares.sum()
    total = np.linalg.slogdet(mixture.factor)[1] + 0.5 * d * math.log(2 * math.pi)
    for k, share in enumerate(shares):
        turn = np.eye(d)
        turn[np.tril_indices(d, -1)] = mixture.shears[k]
        square = turn @ np.diag(mixture.spreads[k]) @ turn.T
        gaps = np.linalg.solve(mixture.factor, (mixture.means - mixture.means[k]).T).T
        moved = gaps - mixture.linear[k]
        exponents = 0.5 * (np.einsum("ja,ab,jb->j", moved, square, moved) - np.square(gaps).sum(axis=1))
        tilted = math.log(shares @ np.exp(exponents)) + 0.5 * np.linalg.slogdet(square)[1]
        total -= share * (tilted - 0.5 * np.trace(2 * np.eye(d) - np.linalg.inv(square)))
    assert entropy_lower(mixture) == pytest.approx(total, abs=1e-9 * (1 + abs(total)))


def test_shares_are_divided_by_their_sum_and_an_improper_mixture_proves_nothing() -> None:
    mixture = drawn(3, 2, 0, 1.0)
    assert entropy_lower(replace(mixture, shares=8.0 * mixture.shares)) == pytest.approx(
        entropy_lower(mixture), abs=1e-12
    )
    flat = mixture.factor.copy()
    flat[1, 1] = 0.0
    for changed in (
        {"shares": np.array([1.0, -0.5, 1.0])}, {"shares": np.array([1.0, 0.0, 1.0])}, {"shares": mixture.shares[1:]},
        {"factor": flat}, {"factor": np.ones((2, 2))}, {"factor": mixture.factor[1:]},
        {"means": mixture.means[1:]}, {"means": mixture.means[:, 0]},
        {"means": np.where(np.eye(3, 2) > 0, np.nan, mixture.means)},
        {"spreads": -mixture.spreads}, {"linear": mixture.linear[:, 1:]}, {"shears": np.zeros((3, 2))},
        {"shears": np.full((3, 1), math.inf)},
    ):  # fmt: skip
        assert entropy_lower(replace(mixture, **changed)) == -math.inf


@pytest.mark.parametrize("name", ["tanh", "softplus", "sin"])
def test_moments_of_slopes_are_bounded_and_nearly_attained(name: str) -> None:
    random = np.random.default_rng(5)
    middles, widths, slopes = random.normal(0, 2, 12), np.exp(random.uniform(-4, 0.5, 12)), random.uniform(0, 1, 12)
    found = slope_moments(((name, ()),) * 12, exact_matrix(middles[:, None]), exact_matrix(widths[:, None]), slopes)
    xi = np.linspace(-11.0, 11.0, 4001)
    mass = np.exp(-0.5 * xi**2) / np.exp(-0.5 * xi**2).sum()
    first = activation(name).numeric(middles[:, None] + widths[:, None] * xi, (), 1)[1]
    squares = (first - slopes[:, None]) ** 2
    exact = np.stack([squares @ (mass * (xi**2 - 1) ** 2), squares @ (mass * xi**2), squares @ mass], axis=1)
    assert (exact <= found * (1 + 1e-12)).all() and (found <= exact * 1.01 + 3e-3 * widths[:, None] ** 2).all()


def test_a_kink_has_no_moments_of_slopes() -> None:
    found = slope_moments((("relu", ()),), exact_matrix([[0.1]]), exact_matrix([[1.0]]), np.array([0.5]))
    assert (found == math.inf).all()


def test_a_lattice_with_wider_cells_far_out_encloses_the_same() -> None:
    middles, widths = exact_matrix([[0.3], [-2.0]]), exact_matrix([[0.7], [0.2]])
    found = [hermite_coefficients(("tanh", ()), middles, widths, lattice) for lattice in (EVEN, GRADED)]
    for even, graded in zip(*found, strict=True):
        assert (np.abs(even.midpoint - graded.midpoint) <= even.radius + graded.radius).all()
        assert graded.radius.max() < 1e-4


def bent(d: int, seed: int, width: int = 4) -> Generator:
    """Two layers of tanh whose posteriors are no Gaussians."""
    random = np.random.default_rng([d, seed])
    layers = [1.5 * random.standard_normal((width, size)) / math.sqrt(size) for size in (d, width)]
    nodes = (
        Input(d), Affine(0, layers[0], random.standard_normal(width)), Activation(1, "tanh", width),
        Affine(2, layers[1], 0.3 * random.standard_normal(width)), Activation(3, "tanh", width),
        Affine(4, random.standard_normal((d, width)), np.zeros(d)),
    )  # fmt: skip
    return Generator("bent", Graph(nodes), 0)


def setting(generator: Generator, point: FloatArray) -> tuple[LiftedNetwork, MatrixBall, Moments]:
    """The network, the potential's form and the posterior's moments at what is observed of a point."""
    network, row = lifted_network(generator.graph), generator.value(point)
    assert network is not None
    moments = posterior_moments(generator.graph, GaussianLikelihood(row, BETA))
    return network, potential_form(network, row, BETA), moments


def log_integral(generator: Generator, likelihood: GaussianLikelihood, moments: Moments) -> float:
    """By the trapezoidal rule around the posterior; what lies outside only adds to it."""
    d = generator.latent_dim
    axes = [np.linspace(-9.0, 9.0, 6001 if d == 1 else 501)] * d
    grid = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = -potential(generator.graph, likelihood, moments.mean + grid @ moments.factor.T)
    step = math.log(axes[0][1] - axes[0][0]) * d + float(np.log(np.diag(moments.factor)).sum())
    return float(values.max() + math.log(np.exp(values - values.max()).sum())) + step


@pytest.mark.parametrize(("d", "seed"), [(1, 0), (2, 0), (2, 2)])
def test_the_bound_is_below_the_integral_and_better_than_one_gaussian(
    d: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixture_evidence_module, "ENOUGH", 0.0)
    monkeypatch.setattr(mixture_evidence_module, "MOST_GAUSSIANS", 4)
    generator = bent(d, seed)
    network = lifted_network(generator.graph)
    assert network is not None
    row = generator.value(np.random.default_rng(seed).standard_normal(d))
    likelihood, form = GaussianLikelihood(row, BETA), potential_form(network, row, BETA)
    moments = posterior_moments(generator.graph, likelihood)
    found = best_mixture(network, form, moments)
    assert found is not None
    truth = log_integral(generator, likelihood, moments)
    single = log_evidence_lower(network, form, moments.mean, 0.6 * moments.factor)
    assert single is not None and single.lower < found.lower <= truth + 1e-9
    again = best_mixture(network, form, moments)
    assert again is not None and again.lower == found.lower
    assert all(
        getattr(again.mixture, name).tobytes() == getattr(found.mixture, name).tobytes()
        for name in ("shares", "means", "linear", "spreads", "shears")
    )
    assert mixture_evidence_again(network, form, found.mixture, found.weights) == found.lower
    # Shares are divided by their sum.
    for factor in (0.25, 3.0):
        scaled = replace(found.mixture, shares=factor * found.mixture.shares)
        assert mixture_evidence_again(network, form, scaled, found.weights) == pytest.approx(found.lower, abs=1e-9)
    for weights in (found.weights[1:], 0.5 * found.weights):
        assert mixture_evidence_again(network, form, found.mixture, weights) == -math.inf
    moved = replace(found.mixture, means=found.mixture.means + 0.5 * moments.factor.sum(axis=1))
    assert mixture_evidence_again(network, form, moved, found.weights) < found.lower


def test_weights_dominate_a_form_from_zero_on() -> None:
    assert dominates(np.array([0.5, 1.0]), exact_matrix(np.diag([0.4, -1.0])))
    # E rho^2 is known from above: below 0 a weight would need it from below.
    for weights in ([0.5, -0.5], [0.3, 1.0], [math.nan, 1.0], [math.inf, 1.0]):
        assert not dominates(np.array(weights), exact_matrix(np.diag([0.4, -1.0])))


def test_mixtures_are_for_what_one_gaussian_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = bent(2, 0)
    network, form, moments = setting(generator, np.array([0.3, -0.2]))
    single = log_evidence_lower(network, form, moments.mean, 0.5 * moments.factor)
    assert single is not None
    tried: list[bool] = []
    monkeypatch.setattr(mixture_evidence_module, "best_evidence_lower", lambda *_: single)
    monkeypatch.setattr(mixture_evidence_module, "best_mixture", lambda *_: tried.append(True))
    for lost in (0.05, 0.3):
        assert best_integral(network, form, replace(moments, log_integral=single.lower + lost)) is single
        assert tried == [True] * (lost > 0.1)


def test_the_search_follows_gradients_and_pays_for_width() -> None:
    generator = bent(2, 1)
    network = lifted_network(generator.graph)
    assert network is not None
    row = generator.value(np.array([0.4, -0.3]))
    likelihood, form = GaussianLikelihood(row, BETA), potential_form(network, row, BETA)
    moments = posterior_moments(generator.graph, likelihood)
    slopes = potential_slopes(network, form)
    points = moments.mean + np.random.default_rng(0).standard_normal((5, 2)) @ moments.factor.T
    values, gradients = slopes(points)
    assert values == pytest.approx(potential(generator.graph, likelihood, points), rel=1e-9)
    for axis, step in enumerate(1e-6 * np.eye(2)):
        numeric = (slopes(points + step)[0] - slopes(points - step)[0]) / 2e-6
        assert gradients[:, axis] == pytest.approx(numeric, rel=1e-4, abs=1e-4)
    curvatures = curvatures_of(network, moments)
    factor = np.array([[0.8, 0.0], [0.2, 0.6]])
    steps = [(row_, column, 1e-6) for row_ in range(2) for column in range(2)]
    for row_, column, step in steps:
        moved = [factor.copy(), factor.copy()]
        moved[0][row_, column] += step
        moved[1][row_, column] -= step
        numeric_one = (curvatures.size(moved[0]) ** GROWTH - curvatures.size(moved[1]) ** GROWTH) / (2 * step)
        assert curvatures.slopes(factor)[row_, column] == pytest.approx(numeric_one, rel=1e-5)
    assert curvatures.charge(factor, 3.0) * curvatures.size(factor) ** GROWTH == pytest.approx(3.0)
    assert Curvatures(np.zeros((4, 2, 2))).charge(factor, 3.0) == 0.0
    free, dear = (placed(6, moments, slopes, curvatures, charge) for charge in (0.0, 1e3 / curvatures.size(factor)))
    assert abs(np.linalg.det(dear.factor)) < 0.9 * abs(np.linalg.det(free.factor))
    own = np.linalg.solve(dear.factor, dear.means.T).T
    own = own - dear.shares @ own
    assert 1 < len(dear.shares) <= 6 and dear.shares.sum() == pytest.approx(1.0)
    # Along the factor's axes the means are uncorrelated.
    assert abs((own * dear.shares[:, None]).T @ own)[0, 1] < 1e-9


def test_a_search_that_leaves_the_floats_takes_nothing_from_what_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = bent(2, 0)
    network, form, moments = setting(generator, np.array([0.3, -0.2]))
    curvatures, slopes = curvatures_of(network, moments), potential_slopes(network, form)
    with pytest.raises(np.linalg.LinAlgError):
        placed(2, moments, slopes, curvatures, math.inf)
    monkeypatch.setattr(mixture_evidence_module, "ENOUGH", -math.inf)
    monkeypatch.setattr(mixture_evidence_module, "placed", lambda *given: placed(*given[:4], math.inf))
    found = best_mixture(network, form, moments)
    assert found is not None and len(found.mixture.shares) == 1 and math.isfinite(found.lower)


def test_a_posterior_without_width_takes_nothing_from_what_one_gaussian_proves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = bent(2, 0)
    network, form, moments = setting(generator, np.array([0.3, -0.2]))
    single = log_evidence_lower(network, form, moments.mean, 0.5 * moments.factor)
    flat = replace(moments, factor=moments.factor * [[1.0], [0.0]], log_integral=math.inf)
    with pytest.raises(np.linalg.LinAlgError):
        best_mixture(network, form, flat)
    assert best_integral(network, form, flat) is None
    monkeypatch.setattr(mixture_evidence_module, "best_evidence_lower", lambda *_: single)
    assert best_integral(network, form, flat) is single


def proof_at(generator: Generator, row: FloatArray) -> RejectionProof:
    envelope = best_envelope(generator, GaussianLikelihood(row, BETA))
    assert not isinstance(envelope, str)
    return rejection_proof(generator, row, BETA, Fraction(1, 10), envelope)


def test_a_record_with_gaussians_is_confirmed_and_what_is_better_or_damaged_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("WORTH", 0.0), ("ENOUGH", 0.0), ("MUCH", -1.0), ("MOST_GAUSSIANS", 6)):
        monkeypatch.setattr(mixture_evidence_module, name, value)
    generator = bent(4, 1)
    row = generator.value(np.random.default_rng(1).standard_normal(4))
    proof = proof_at(generator, row)
    assert proof.gaussians is not None and 1 < len(proof.gaussians.shares) <= 6
    document: dict[str, Any] = json.loads(json.dumps(document_of(proof), allow_nan=False))
    assert record_of(document, "it") == proof and verify(proof, generator).holds
    # A record made before there were shears is read.
    older = json.loads(json.dumps(document))
    assert older["gaussians"].pop("shears") and record_of(older, "it").gaussians == replace(proof.gaussians, shears=())
    # What concerns regions and the proposal is forged in test_rejection_records.py.
    drawn_forgeries = forgeries(document, np.random.default_rng(0))
    ours = {name: forged for name, forged in drawn_forgeries if "integral" in name or name in GAUSSIANS}
    assert len(ours) == 3 + len(GAUSSIANS)
    for name, forged in ours.items():
        assert refusal(forged, generator), f"{name} was believed"
    other = {**document, "mean": {name: document["gaussians"][name] for name in ("factor", "weights")}}
    other["mean"]["mean"] = document["gaussians"]["means"][0]
    assert "by a mean, by cells, by Gaussians or by shells" in refusal(other, generator)


@pytest.mark.parametrize(("share", "tried"), [(0.5, [1]), (5.2, [1, 5]), (40.0, [1, 8, 40]), (1e9, [1, 8, 128])])
def test_fewer_gaussians_are_tried_where_a_mean_takes_more(
    monkeypatch: pytest.MonkeyPatch, share: float, tried: list[int]
) -> None:
    generator = bent(4, 1)
    row = generator.value(np.random.default_rng(1).standard_normal(4))
    network, moments = (
        lifted_network(generator.graph),
        posterior_moments(generator.graph, GaussianLikelihood(row, BETA)),
    )
    assert network is not None
    form = potential_form(network, row, BETA)
    second = len(neurons_by_layer(network)[1])
    asked = []
    monkeypatch.setattr(mixture_evidence_module, "WORK", int(share * second * 4**4))
    monkeypatch.setattr(mixture_evidence_module, "ENOUGH", -np.inf)
    monkeypatch.setattr(mixture_evidence_module, "MUCH", np.inf)

    def one(count: int, given: Moments, *_: Any) -> Placed:
        asked.append(count)
        return Placed(given.mean[None], NARROW * given.factor, np.ones(1))

    monkeypatch.setattr(mixture_evidence_module, "placed", one)
    assert best_mixture(network, form, moments) is not None and asked == tried


def test_a_record_made_before_there_were_gaussians_is_read() -> None:
    generator = one_hidden_layer("tanh", 4, 6, 1)
    row = generator.value(np.random.default_rng(1).standard_normal(4))
    proof = proof_at(generator, row)
    assert proof.gaussians is None
    document = document_of(proof)
    assert document.pop("gaussians") is None and record_of(document, "it") == proof
