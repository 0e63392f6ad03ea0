"""Enclosures over boxes: every bound against values sampled inside, for all activations and both likelihoods."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_minimum import box_minimum_lower
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, potential
from certify.envelopes.mixture import Mixture
from certify.envelopes.weighted import weighted_lower
from certify.generators.activations import ACTIVATIONS
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

ENTIRE = sorted(set(ACTIVATIONS) - {"reciprocal", "log", "sqrt", "power", "rsqrt", "sign"})
SLACK = 1e-9


def network(name: str, d: int, n: int, random: np.random.Generator) -> Graph:
    """Two hidden layers, a product and a skip: every node kind."""
    width = 6
    nodes: list[Node] = [Input(d)]
    nodes.append(Affine(0, random.standard_normal((width, d)), 0.3 * random.standard_normal(width)))
    nodes.append(Activation(1, name, width))
    nodes.append(Affine(2, random.standard_normal((width, width)) / 2, 0.1 * random.standard_normal(width)))
    nodes.append(Activation(3, "tanh", width))
    nodes.append(Product((2, 4), width))
    nodes.append(Sum((4, 5, 2), (1.0, 0.25, -0.5), width))
    nodes.append(Affine(6, random.standard_normal((n, width)) / 2, 0.1 * random.standard_normal(n)))
    return Graph(tuple(nodes))


def mixture(d: int, random: np.random.Generator) -> Mixture:
    roots = np.stack([0.3 * np.tril(random.standard_normal((d, d))) + np.eye(d) for _ in range(3)])
    return Mixture(random.random(3) + 0.1, random.standard_normal((3, d)), roots)


def inside(centres: FloatArray, halves: FloatArray, random: np.random.Generator) -> FloatArray:
    shares = random.uniform(-1, 1, (60, *centres.shape))
    shares[:20] = np.sign(shares[:20])
    return np.asarray(centres + shares * halves)


@pytest.mark.parametrize("name", ENTIRE)
@pytest.mark.parametrize("kind", ["gaussian", "bernoulli"])
def test_no_sampled_value_is_below_the_bound(name: str, kind: str) -> None:
    random = np.random.default_rng([len(name), *name.encode(), len(kind)])
    for d in (1, 3):
        graph, n = network(name, d, 5, random), 5
        target = value(graph, random.standard_normal((1, d)))[0]
        likelihood: Likelihood = (
            GaussianLikelihood(target, 0.3) if kind == "gaussian" else BernoulliLikelihood(random.random(n))
        )
        proposal = mixture(d, random)
        centres = 1.5 * random.standard_normal((40, d))
        halves = np.exp(random.uniform(np.log(1e-4), np.log(2.0), (40, d)))
        points = inside(centres, halves, random)
        flat = points.reshape(-1, d)
        potentials = potential(graph, likelihood, flat).reshape(points.shape[:2])
        seen = potentials + proposal.log_density(flat).reshape(points.shape[:2])
        found = potential_plus_log_density(graph, likelihood, proposal, centres, halves)
        scale = 1 + np.abs(seen).max(axis=0)
        assert (seen.min(axis=0) - found.lower >= -SLACK * scale).all()
        # Not vacuous: in the smallest boxes the bound is close.
        small = halves.max(axis=1) < 3e-3
        assert (seen.min(axis=0) - found.lower)[small].max(initial=0.0) < 0.5
        largest = mean_potential_upper(graph, likelihood, centres, halves).upper
        assert (potentials[20:].min(axis=0) <= largest + SLACK * scale).all()


@pytest.mark.parametrize("name", ENTIRE)
def test_forms_and_weighted_planes_contain_the_values(name: str) -> None:
    random = np.random.default_rng([7, *name.encode()])
    graph = network(name, 2, 4, random)
    centres = 2 * random.standard_normal((30, 2))
    halves = np.exp(random.uniform(-9, 1.5, (30, 2)))
    points = inside(centres, halves, random)
    forms = box_forms(graph, centres, halves)
    final = forms.nodes[-1]
    outputs = value(graph, points.reshape(-1, 2)).reshape(*points.shape[:2], 4)
    steps = points - centres
    planes = final.value + np.einsum("bkd,sbd->sbk", final.slope, steps) + final.shift
    assert (np.abs(outputs - planes) <= final.radius + 1e-12 * (1 + np.abs(outputs))).all()
    assert ((outputs >= final.low - 1e-12) & (outputs <= final.high + 1e-12)).all()
    weights = random.standard_normal((30, 4))
    slope, rest = weighted_lower(forms, weights)
    exact = np.einsum("bk,sbk->sb", weights, outputs - final.value)
    bound = np.einsum("bd,sbd->sb", slope, steps) + rest
    assert (exact - bound >= -1e-10 * (1 + np.abs(exact))).all()


@settings(max_examples=60)
@given(st.integers(1, 3), st.integers(0, 10**6), st.floats(-30, 30))
def test_the_least_value_over_a_box_is_below_every_value(d: int, seed: int, exponent: float) -> None:
    random = np.random.default_rng(seed)
    scale = 2.0**exponent
    matrices = random.standard_normal((20, d, d)) * scale
    matrices = (matrices + np.swapaxes(matrices, 1, 2)) / 2
    matrices[:5] = 0.0
    linear = random.standard_normal((20, d)) * scale
    lower = box_minimum_lower(matrices, linear)
    points = random.uniform(-1, 1, (400, 1, d))
    points[:100] = np.sign(points[:100])
    seen = 0.5 * np.einsum("sbi,cij,sbj->sc", points, matrices, points) + np.einsum("sbi,ci->sc", points, linear)
    assert (lower <= seen.min(axis=0) + 1e-12 * scale).all()
    # Convex forms are solved exactly: by their vertex or an end in one dimension.
    convex = np.einsum("bij,bkj->bik", matrices, matrices) / scale
    tight = box_minimum_lower(convex, linear)
    seen = 0.5 * np.einsum("sbi,cij,sbj->sc", points, convex, points) + np.einsum("sbi,ci->sc", points, linear)
    assert (tight <= seen.min(axis=0) + 1e-12 * scale).all()
    if d == 1:
        assert (seen.min(axis=0) - tight <= 0.05 * scale).all()


@pytest.mark.parametrize("exponent", [-1070, -1000, -300, 300, 1000, 1023])
def test_the_least_value_over_a_box_is_bounded_at_every_scale(exponent: int) -> None:
    random, scale = np.random.default_rng(abs(exponent)), Fraction(2) ** exponent
    for d in (1, 2, 3):
        matrices = np.ldexp(random.uniform(-0.9, 0.9, (10, d, d)), exponent)
        matrices = np.tril(matrices) + np.swapaxes(np.tril(matrices, -1), 1, 2)
        linear = np.ldexp(random.uniform(-0.9, 0.9, (10, d)), exponent)
        lower = box_minimum_lower(matrices, linear)
        for Q, b, bound in zip(matrices, linear, lower, strict=True):
            # Exact rational values at points that floats hold exactly.
            for v in [*random.choice([-1.0, 0.0, 0.5, 1.0], (12, d)), -np.sign(b)]:
                exact = [Fraction(float(item)) for item in v]
                value = sum(Fraction(float(b[i])) * exact[i] for i in range(d))
                value += sum(Fraction(float(Q[i, j])) * exact[i] * exact[j] for i in range(d) for j in range(d)) / 2
                assert bound == -np.inf or Fraction(float(bound)) <= value
        assert exponent > 300 or (lower > -16 * d * float(scale) - 1e-300).all()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_ranges_hold_the_value_at_the_centre_and_remainders_hold_zero(name: str) -> None:
    # What the tangent's remainder rests on; boxes of one point and of a rounding's width among them.
    random = np.random.default_rng([3, *name.encode()])
    graph = network(name, 2, 4, random)
    centres = np.round(2 * random.standard_normal((60, 2)), 1)
    halves = np.exp(random.uniform(-40, 1.5, (60, 2)))
    halves[:10] = 0.0
    forms = box_forms(graph, centres, halves)
    for node in forms.nodes:
        assert (np.isnan(node.value) | ((node.low <= node.value) & (node.value <= node.high))).all()
    for lines in forms.lines.values():
        assert (np.isnan(lines.rest_low) | (lines.rest_low <= 0)).all()
        assert (np.isnan(lines.rest_high) | (lines.rest_high >= 0)).all()


def test_a_plane_without_its_remainder_is_seen() -> None:
    random = np.random.default_rng(3)
    weight, bias = random.standard_normal((6, 2)), random.standard_normal(6)
    graph = Graph((Input(2), Affine(0, weight, bias), Activation(1, "sin", 6)))
    centres, halves = random.standard_normal((30, 2)), np.full((30, 2), 0.3)
    final = box_forms(graph, centres, halves).nodes[-1]
    points = inside(centres, halves, random)
    outputs = value(graph, points.reshape(-1, 2)).reshape(*points.shape[:2], 6)
    planes = final.value + np.einsum("bkd,sbd->sbk", final.slope, points - centres) + final.shift
    assert (np.abs(outputs - planes) > 0.5 * final.radius).any()


@pytest.mark.parametrize("slope", [-0.7, 0.0, 0.01, 1.0, 1.8, 5.0])
def test_no_left_slope_of_a_kink_makes_a_bound_false(slope: float) -> None:
    # Beyond 1 the kink is concave: below it lies neither branch, and the chord lies below it.
    random = np.random.default_rng(4)
    for size in 10.0 ** random.uniform(-2, 1, 20):
        first = Affine(0, random.standard_normal((4, 2)), 0.3 * random.standard_normal(4))
        nodes = (Input(2), first, Activation(1, "leaky_relu", 4, (slope,)), Affine(2, np.eye(3, 4), np.zeros(3)))
        centres, halves = random.standard_normal((5, 2)), size * random.random((5, 2))
        forms, weights = box_forms(Graph(nodes), centres, halves), random.standard_normal((5, 3))
        slopes, rests = weighted_lower(forms, weights)
        final, points = forms.nodes[-1], inside(centres, halves, random)
        outputs = np.stack([value(Graph(nodes), batch) for batch in points])
        assert ((outputs >= final.low - SLACK) & (outputs <= final.high + SLACK)).all()
        gains = ((outputs - final.value) * weights).sum(axis=2)
        assert (gains >= ((points - centres) * slopes).sum(axis=2) + rests - SLACK).all()
