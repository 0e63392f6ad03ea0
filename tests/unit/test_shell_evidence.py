"""log int exp(-f) over shells, at networks of any depth, against quadrature and closed forms."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

import certify.envelopes.shell_evidence as shell_evidence_module
from benchmarks.forged_rejection import forgeries, refusal
from certify.arithmetic.balls import midpoint, precision
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.rejection import MOST_SHELLS, verify
from certify.envelopes.best import best_envelope
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, potential
from certify.envelopes.mixture_evidence import best_integral
from certify.envelopes.posterior_moments import Moments, posterior_moments
from certify.envelopes.product_forms import payments_upper
from certify.envelopes.quadratic_envelope import form_of, network_of
from certify.envelopes.records import rejection_proof
from certify.envelopes.regions import ball_ranges
from certify.envelopes.shell_evidence import ShellEvidence, ShellForm, best_shells, shell_evidence_again
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node, Product
from tests.generators import one_hidden_layer

BETA = 0.4
Problem = tuple[Graph, GaussianLikelihood | BernoulliLikelihood, LiftedNetwork, MatrixBall, Moments]


def deep(d: int, widths: tuple[int, ...], activation: str, n: int, seed: int, gates: bool = False) -> Generator:
    """A random network with a layer for every width, each with a gate if asked for."""
    random = np.random.default_rng([seed, d, n])
    nodes: list[Node] = [Input(d)]

    def affine(source: int, rows: int, columns: int) -> int:
        weight = 1.2 * random.standard_normal((rows, columns)) / math.sqrt(columns)
        nodes.append(Affine(source, weight, 0.3 * random.standard_normal(rows)))
        return len(nodes) - 1

    def activated(source: int, name: str, width: int) -> int:
        nodes.append(Activation(source, name, width))
        return len(nodes) - 1

    place, width = 0, d
    for wider in widths:
        inner = activated(affine(place, wider, width), activation, wider)
        if gates:
            gate = activated(affine(place, wider, width), "sigmoid", wider)
            nodes.append(Product((inner, gate), wider))
            inner = len(nodes) - 1
        place, width = inner, wider
    affine(place, n, width)
    count = sum(node.weight.size + node.bias.size for node in nodes if isinstance(node, Affine))
    return Generator(f"deep-{seed}", Graph(tuple(nodes)), count, {"trained_beta": str(BETA)})


def problem(generator: Generator, seed: int, beta: float = BETA, bits: bool = False) -> Problem:
    random = np.random.default_rng([seed, 7])
    row = generator.value(random.standard_normal(generator.latent_dim))
    row = row + beta * random.standard_normal(row.shape)
    likelihood = BernoulliLikelihood((row > 0).astype(float)) if bits else GaussianLikelihood(row, beta)
    network = network_of(generator.graph, likelihood)
    assert network is not None
    return (
        generator.graph, likelihood, network, form_of(network, likelihood),
        posterior_moments(generator.graph, likelihood),
    )  # fmt: skip


def truth(graph: Graph, likelihood: GaussianLikelihood | BernoulliLikelihood) -> float:
    """log int exp(-f) by the trapezoidal rule, one or two latents."""
    axis = np.linspace(-9.0, 9.0, 60001 if graph.latent_dim == 1 else 801)
    grid = np.stack([part.ravel() for part in np.meshgrid(*[axis] * graph.latent_dim, indexing="ij")], axis=1)
    values = -potential(graph, likelihood, grid)
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).sum()) * (axis[1] - axis[0]) ** graph.latent_dim)


@pytest.mark.parametrize(
    ("generator", "bits", "loss"),
    [
        (deep(1, (4, 4, 4), "tanh", 3, 0), False, 0.4),
        (deep(1, (4, 4, 4), "relu", 3, 1), False, 1.0),
        (deep(2, (5, 5, 5, 5), "tanh", 4, 2), False, 1.5),
        (deep(2, (5, 5, 5), "gelu", 4, 3), False, 3.0),
        (deep(2, (4, 4), "tanh", 3, 4, gates=True), False, 1.5),
        (deep(1, (4, 4, 4), "softplus", 4, 5), True, 0.3),
        (deep(2, (3, 3, 3), "tanh", 3, 6), True, 0.3),
    ],
)
def test_the_bound_is_below_the_integral_and_near_it(generator: Generator, bits: bool, loss: float) -> None:
    graph, likelihood, network, form, moments = problem(generator, 0, bits=bits)
    found = best_shells(network, form, moments)
    assert found is not None
    exact = truth(graph, likelihood)
    assert exact - loss <= found.lower <= exact
    assert shell_evidence_again(network, form, found.mean, found.factor, found.shells) == found.lower


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(["tanh", "relu", "silu", "elu", "leaky_relu"]),
    st.floats(0.05, 3.0), st.booleans(),
)  # fmt: skip
def test_no_bound_is_above_the_integral(seed: int, depth: int, activation: str, beta: float, bits: bool) -> None:
    generator = deep(1, (3,) * depth, activation, 2, seed)
    graph, likelihood, network, form, moments = problem(generator, seed, beta, bits)
    found = best_shells(network, form, moments)
    if found is not None:
        assert found.lower <= truth(graph, likelihood) + 1e-9


def test_where_the_decoder_hardly_matters_only_what_is_beyond_the_last_shell_is_lost() -> None:
    generator = deep(3, (4, 4, 4), "tanh", 3, 0)
    _, _, network, form, moments = problem(generator, 1, beta=300.0)
    found = best_shells(network, form, moments)
    assert found is not None
    inside = math.log(chi2.cdf(found.shells[-1].radius ** 2, 3))
    # Moments and integral are estimated from draws.
    assert abs(found.lower - moments.log_integral - inside) < 0.02


def test_an_affine_decoder_has_no_neurons_and_no_shells() -> None:
    generator = Generator("affine", Graph((Input(2), Affine(0, np.eye(2), np.zeros(2)))), 6)
    _, _, network, form, moments = problem(generator, 1)
    assert best_shells(network, form, moments) is None


@pytest.mark.parametrize(("d", "inner", "outer"), [(1, 0.0, 0.3), (4, 1.0, 2.5), (20, 0.5, 9.0)])
def test_moments_of_shells_are_those_of_chi_squares(d: int, inner: float, outer: float) -> None:
    with precision():
        share, second = shell_evidence_module._shell_moments(d, inner, outer)
        expected = chi2.cdf(outer**2, d) - chi2.cdf(inner**2, d)
        above = chi2.cdf(outer**2, d + 2) - chi2.cdf(inner**2, d + 2)
        assert midpoint(share) == pytest.approx(expected, rel=1e-9)
        assert midpoint(second) == pytest.approx(above / expected, rel=1e-9)


def bound_by_mpmath(found: ShellEvidence, shell: ShellForm, inner: float, payments: FloatArray) -> mpmath.mpf:
    """What the formula says of one shell, to forty digits."""
    d = len(found.mean)
    with mpmath.workdps(40):
        ends = [mpmath.mpf(radius) ** 2 / 2 for radius in (inner, shell.radius)]
        share, more = (mpmath.gammainc(mpmath.mpf(k) / 2, *ends, regularized=True) for k in (d, d + 2))
        factor, above = mpmath.matrix(found.factor.tolist()), mpmath.matrix(shell.above.tolist())
        second = mpmath.zeros(1 + d)
        second[0, 0] = 1
        for i in range(d):
            second[0, 1 + i] = second[1 + i, 0] = mpmath.mpf(found.mean[i])
            for j in range(d):
                spread = mpmath.fsum(factor[i, k] * factor[j, k] for k in range(d))
                second[1 + i, 1 + j] = mpmath.mpf(found.mean[i]) * found.mean[j] + more / share * spread
        mean = mpmath.fsum(above[i, j] * second[i, j] for i in range(1 + d) for j in range(1 + d)) / 2
        entropy = mpmath.log(share) + mpmath.mpf(d) / 2 * (mpmath.log(2 * mpmath.pi) + more / share)
        return entropy + mpmath.log(abs(mpmath.det(factor))) - mean - mpmath.fsum(map(mpmath.mpf, payments))


@pytest.mark.parametrize("gates", [False, True])
def test_every_shell_is_worth_what_the_formula_says_rounded_down(gates: bool) -> None:
    _, _, network, form, moments = problem(deep(3, (4, 4), "tanh", 3, 2, gates), 0)
    found = best_shells(network, form, moments)
    assert found is not None and len(found.shells) > 4
    # An axis turned round: the determinant is meant without its sign.
    found = replace(found, factor=found.factor * [1.0, -1.0, 1.0])
    inner, total = 0.0, mpmath.mpf(0)
    for count, shell in enumerate(found.shells, start=1):
        (ranges,) = ball_ranges(network, found.mean, found.factor, np.array([shell.radius]))
        payments = payments_upper(network, shell.coefficients, ranges)
        mass = shell_evidence_module._log_mass(network, form, found.mean, found.factor, inner, shell, payments)
        exact, inner = bound_by_mpmath(found, shell, inner, payments), shell.radius
        assert exact - 1e-12 < mass <= exact
        with mpmath.workdps(40):
            total += mpmath.exp(exact)
            together = mpmath.log(total)
        lower = shell_evidence_again(network, form, found.mean, found.factor, found.shells[:count])
        # Ranges of several balls at once differ in their last digits.
        assert lower <= mass if count == 1 else lower == pytest.approx(float(together), abs=1e-9)


@pytest.mark.parametrize("radius", [1.0, math.inf])
def test_a_form_that_is_hardly_known_proves_nothing(radius: float) -> None:
    _, _, network, form, moments = problem(deep(1, (4, 4, 4), "tanh", 3, 0), 0)
    found = best_shells(network, form, moments)
    assert found is not None
    vague = MatrixBall(form.midpoint, np.full(form.shape, radius))
    assert shell_evidence_again(network, vague, found.mean, found.factor, found.shells) == -math.inf


def lowered(shell: ShellForm) -> ShellForm:
    return replace(shell, above=shell.above - 0.2 * np.eye(len(shell.above)))


def changed(shell: ShellForm) -> ShellForm:
    return replace(shell, coefficients=0.9 * shell.coefficients)


def lopsided(shell: ShellForm) -> ShellForm:
    above = shell.above.copy()
    above[0, 1] -= 1.0
    return replace(shell, above=above)


def unknown(shell: ShellForm) -> ShellForm:
    return replace(shell, coefficients=np.full_like(shell.coefficients, np.nan))


@pytest.mark.parametrize("damage", [lowered, changed, lopsided, unknown])
def test_forms_that_are_not_above_f_prove_nothing(damage: Callable[[ShellForm], ShellForm]) -> None:
    _, _, network, form, moments = problem(deep(1, (4, 4, 4), "tanh", 3, 0), 0)
    found = best_shells(network, form, moments)
    assert found is not None
    shells = [damage(shell) for shell in found.shells]
    assert shell_evidence_again(network, form, found.mean, found.factor, shells) == -math.inf


def test_a_wider_shell_pays_for_its_ranges_and_one_that_fails_adds_nothing() -> None:
    graph, likelihood, network, form, moments = problem(deep(1, (4, 4, 4), "relu", 3, 1), 0)
    found = best_shells(network, form, moments)
    assert found is not None and len(found.shells) > 2
    first = found.shells[0]

    def bound(*shells: ShellForm) -> float:
        return shell_evidence_again(network, form, found.mean, found.factor, shells)

    # A form of a narrow shell holds on a wide one too, at what it costs there: never above the truth.
    exact = truth(graph, likelihood)
    assert all(bound(replace(first, radius=first.radius * factor)) <= exact for factor in (1.0, 3.0, 10.0, 100.0))
    assert bound(first, lowered(found.shells[1])) == pytest.approx(bound(first), abs=1e-12)
    assert bound(first) < bound(*found.shells[:2]) < found.lower
    for radius in (0.0, -1.0, math.inf, math.nan, first.radius):
        assert bound(first, replace(found.shells[1], radius=radius)) == -math.inf
    assert bound() == -math.inf


@pytest.mark.parametrize("gates", [False, True])
def test_extreme_evidence_proves_nothing_false_and_nothing_overflows_aloud(gates: bool) -> None:
    graph, likelihood, network, form, moments = problem(deep(2, (3, 3), "tanh", 3, 4, gates), 0)
    found = best_shells(network, form, moments)
    assert found is not None
    exact, first = truth(graph, likelihood), found.shells[0]
    for size in (5e-324, 1e-300, 1e-160, 1e100, 1e154, 1e200, 1e300, sys.float_info.max):
        whole, corner, column = np.full((3, 3), size), first.above.copy(), found.factor.copy()
        corner[0, 0], column[:, 0] = size, size
        tries = [
            *((found.mean, found.factor, replace(first, above=above)) for above in (whole, -whole, corner)),
            *(
                (found.mean, found.factor, replace(first, coefficients=np.full_like(first.coefficients, entry)))
                for entry in (size, -size)
            ),
            (found.mean, found.factor, replace(first, radius=size)),
            (found.mean, column, first),
            (found.mean, np.diag([size, -size]), first),
            (np.full(2, size), found.factor, first),
        ]
        for mean, factor, shell in tries:
            assert shell_evidence_again(network, form, mean, factor, [shell]) <= exact


@pytest.mark.parametrize(
    ("mean", "factor"),
    [([0.0, 0.0], [[1.0]]), ([0.0], [[0.0]]), ([math.nan], [[1.0]]), ([0.0], [[1.0, 0.0], [0.0, 1.0]])],
)
def test_a_place_that_is_none_proves_nothing(mean: list[float], factor: list[list[float]]) -> None:
    _, _, network, form, moments = problem(deep(1, (4, 4, 4), "tanh", 3, 0), 0)
    found = best_shells(network, form, moments)
    assert found is not None
    assert shell_evidence_again(network, form, np.array(mean), np.array(factor), found.shells) == -math.inf


def test_a_factor_that_is_not_triangular_and_tables_of_another_shape_prove_nothing() -> None:
    _, _, network, form, moments = problem(deep(2, (4, 4), "tanh", 3, 4), 0)
    found = best_shells(network, form, moments)
    assert found is not None
    # Of determinant 0, which its diagonal does not say.
    singular = np.full((2, 2), 0.3)
    assert shell_evidence_again(network, form, found.mean, singular, found.shells) == -math.inf
    assert shell_evidence_again(network, form, found.mean, np.tril(singular), found.shells[:1]) > -math.inf
    first = found.shells[0]
    wrong = [
        *(replace(first, above=above) for above in (first.above[:2, :2], first.above[:1], np.eye(4))),
        *(replace(first, coefficients=table) for table in (first.coefficients[:1], np.pad(first.coefficients, 1))),
    ]
    assert all(shell_evidence_again(network, form, found.mean, found.factor, [shell]) == -math.inf for shell in wrong)


@pytest.mark.parametrize("size", [1e12, 1e40, 1e140, 1e200, 1e300])
@pytest.mark.parametrize("place", [3, 5])
def test_weights_of_any_size_end_as_a_bound_or_none(size: float, place: int) -> None:
    generator = deep(1, (3, 3), "tanh", 2, 5)
    _, _, network, form, moments = problem(generator, 1)
    nodes = list(generator.graph.nodes)
    node = nodes[place]
    assert isinstance(node, Affine)
    nodes[place] = replace(node, weight=size * np.asarray(node.weight))
    likelihood = GaussianLikelihood(np.zeros(2), BETA)
    network = network_of(Graph(tuple(nodes)), likelihood)
    assert network is not None
    found = best_shells(network, form_of(network, likelihood), moments)
    # f is at least |z|^2/2.
    assert found is None or found.lower < 0.5 * math.log(2 * math.pi)


def test_shells_are_for_what_means_cannot_bound() -> None:
    _, _, network, form, moments = problem(deep(2, (4, 4, 4), "tanh", 3, 2), 0)
    assert isinstance(best_integral(network, form, moments), ShellEvidence)
    _, _, network, form, moments = problem(one_hidden_layer("tanh", 2, 3, 1), 0)
    assert not isinstance(best_integral(network, form, moments), ShellEvidence)


def record_at(generator: Generator, row: FloatArray) -> Any:
    envelope = best_envelope(generator, GaussianLikelihood(row, BETA))
    assert not isinstance(envelope, str)
    return rejection_proof(generator, row, BETA, Fraction(1, 10), envelope)


def test_four_latents_behind_three_layers_are_certified_and_forgeries_refused() -> None:
    generator = deep(4, (6, 6, 6), "tanh", 6, 1)
    row = generator.value(np.random.default_rng(1).standard_normal(4))
    proof = record_at(generator, row)
    assert proof.shells is not None and proof.acceptance > 1e-3 and proof.proposals is not None
    document: dict[str, Any] = json.loads(json.dumps(document_of(proof), allow_nan=False))
    assert record_of(document, "it") == proof and verify(proof, generator).holds
    names = {
        "mean moved", "factor singular", "radius negative", "radius infinite", "form above lowered",
        "form above too short", "neuron left out", "shell left out", "integral left out",
    }  # fmt: skip
    drawn = [(name, forged) for name, forged in forgeries(document, np.random.default_rng(0)) if name in names]
    # A neuron is left out of the regions' forms too.
    assert {name for name, _ in drawn} == names and len(drawn) == 1 + len(names)
    for name, forged in drawn:
        assert refusal(forged, generator), f"{name} was believed"
    assert refusal({**document, "log_integral": document["log_integral"] + 1e-6}, generator)
    last, radius = document["shells"]["shells"][-1], proof.shells.shells[-1].radius
    shells = [{**last, "radius": (radius * (1 + 1e-9 * index)).hex()} for index in range(1, MOST_SHELLS)]
    many = {**document, "shells": {**document["shells"], "shells": [*document["shells"]["shells"], *shells]}}
    # What they add is little, and at least 0: only their number is refused.
    assert "-inf" in refusal(many, generator)
    other = {**document, "mean": {**{name: document["shells"][name] for name in ("mean", "factor")}, "weights": []}}
    assert "by a mean, by cells, by Gaussians or by shells" in refusal(other, generator)


def test_a_record_made_before_there_were_shells_is_read() -> None:
    generator = one_hidden_layer("tanh", 4, 6, 1)
    proof = record_at(generator, generator.value(np.random.default_rng(1).standard_normal(4)))
    document = document_of(proof)
    assert document.pop("shells") is None and record_of(document, "it") == proof
