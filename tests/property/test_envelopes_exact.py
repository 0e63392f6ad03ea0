"""Forms, planes and minorants of piecewise linear networks against rational arithmetic: no tolerance at all."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb

from certify.arithmetic.balls import precision
from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_bounds import potential_minorant
from certify.envelopes.box_forms import box_forms
from certify.envelopes.box_parts import BoxForm
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood
from certify.envelopes.weighted import weighted_lower, weighted_quadratic_lower
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

Vector = list[Fraction]


def exact(values: FloatArray) -> Vector:
    return [Fraction(float(value)) for value in values]


def dot(first: Vector, second: Vector) -> Fraction:
    return sum((a * b for a, b in zip(first, second, strict=True)), Fraction(0))


def evaluate(graph: Graph, point: Vector) -> list[Vector]:
    """Every node's exact values."""
    values: list[Vector] = []
    for node in graph.nodes:
        match node:
            case Input():
                found = point
            case Affine():
                rows = zip(np.asarray(node.weight), exact(node.bias), strict=True)
                found = [dot(exact(row), values[node.source]) + bias for row, bias in rows]
            case Activation():
                slope = Fraction(node.parameters[0]) if node.parameters else Fraction(0)
                found = [v if v > 0 else slope * v for v in values[node.source]]
            case Product():
                first, second = (values[source] for source in node.sources)
                found = [a * b for a, b in zip(first, second, strict=True)]
            case Sum():
                factors = [Fraction(factor) for factor in node.coefficients]
                terms = zip(*(values[source] for source in node.sources), strict=True)
                found = [dot(factors, list(term)) for term in terms]
        values.append(found)
    return values


def network(seed: int, random: np.random.Generator) -> Graph:
    """Every node kind, weights over sixteen orders of magnitude, slopes below and above 0, biases of exactly 0."""
    d, width, scale = 1 + seed % 2, 4, 10.0 ** int(random.integers(-8, 9))
    slope = (-1.0, -0.5, 0.01, 0.3, 1.0)[seed % 5]
    name, parameters = ("relu", ()) if seed % 3 == 0 else ("leaky_relu", (slope,))
    bias = scale * random.standard_normal(width) * (seed % 2)
    nodes: list[Node] = [Input(d), Affine(0, scale * random.standard_normal((width, d)), bias)]
    nodes += [Activation(1, name, width, parameters)]
    nodes += [Affine(2, random.standard_normal((width, width)) / scale, random.standard_normal(width))]
    nodes += [Activation(3, name, width, parameters), Product((2, 4), width)]
    nodes += [Sum((4, 5, 2), (1.0, 0.25, -0.5), width)]
    nodes += [Affine(6, random.standard_normal((3, width)) / max(scale, 1.0), random.standard_normal(3))]
    return Graph(tuple(nodes))


def check_form(form: BoxForm, box: int, values: Vector, step: Vector) -> None:
    for k, v in enumerate(values):
        assert form.low[box, k] == -np.inf or Fraction(float(form.low[box, k])) <= v
        assert form.high[box, k] == np.inf or v <= Fraction(float(form.high[box, k]))
        if np.isfinite(form.radius[box, k]):
            middle = Fraction(float(form.value[box, k])) + Fraction(float(form.shift[box, k]))
            assert abs(v - middle - dot(exact(form.slope[box, k]), step)) <= Fraction(float(form.radius[box, k]))


@pytest.mark.parametrize("seed", range(30))
def test_nothing_exact_is_outside(seed: int) -> None:
    random = np.random.default_rng([seed, 0xE8])
    graph = network(seed, random)
    d = graph.latent_dim
    centres = np.round(random.standard_normal((6, d)), seed % 3)
    halves = 10.0 ** random.uniform(-18, 0.5, (6, d))
    halves[0] = 0.0
    forms = box_forms(graph, centres, halves)
    weights = random.standard_normal((6, 3))
    slopes, rests = weighted_lower(forms, weights)
    likelihood = GaussianLikelihood(forms.nodes[-1].value[0] + 0.3 * random.standard_normal(3), 0.3)
    minorant, _ = potential_minorant(forms, likelihood)
    for box in range(6):
        for shares in random.choice([-1.0, 1.0, 0.0, 0.5], (4, d)):
            step = [h * t for h, t in zip(exact(halves[box]), exact(shares), strict=True)]
            point = [c + u for c, u in zip(exact(centres[box]), step, strict=True)]
            values = evaluate(graph, point)
            for form, own in zip(forms.nodes, values, strict=True):
                check_form(form, box, own, step)
            if np.isfinite(rests[box]):
                moved = [v - f for v, f in zip(values[-1], exact(forms.nodes[-1].value[box]), strict=True)]
                bound = dot(exact(slopes[box]), step) + Fraction(float(rests[box]))
                assert dot(exact(weights[box]), moved) >= bound
            if np.isfinite(minorant.constant[box] - minorant.error[box]):
                residual = [v - x for v, x in zip(values[-1], exact(likelihood.observation), strict=True)]
                potential = (dot(point, point) + dot(residual, residual) / Fraction(0.3) ** 2) / 2
                bent = dot(step, [dot(exact(row), step) for row in minorant.curvature[box]]) / 2
                below = Fraction(float(minorant.constant[box])) - Fraction(float(minorant.error[box]))
                assert potential >= below + dot(exact(minorant.linear[box]), step) + bent


def test_wide_layers_keep_their_sums_inside() -> None:
    # 4,000 neurons whose contributions cancel: what is left is of the size of the rounding that was let in.
    random = np.random.default_rng(0)
    width = 4_000
    half = random.standard_normal(width // 2)
    out = random.standard_normal(width // 2)
    weight = np.concatenate([half, half])[:, None]
    graph = Graph((Input(1), Affine(0, weight, np.zeros(width)), Activation(1, "relu", width),
                   Affine(2, np.concatenate([out, -out])[random.permutation(width)][None], np.zeros(1))))  # fmt: skip
    centres, halves = np.array([[0.7], [0.7], [0.0]]), np.array([[1e-17], [1e-3], [1.0]])
    forms = box_forms(graph, centres, halves)
    for box in range(3):
        for share in (-1.0, 1.0):
            step = [Fraction(float(halves[box, 0])) * Fraction(share)]
            values = evaluate(graph, [Fraction(float(centres[box, 0])) + step[0]])
            check_form(forms.nodes[-1], box, values[-1], step)


def test_a_form_without_its_radius_is_refused() -> None:
    random = np.random.default_rng(5)
    graph = network(4, random)
    forms = box_forms(graph, np.array([[0.3]]), np.array([[0.5]]))
    step = [Fraction(1, 2)]
    values = evaluate(graph, [Fraction(0.3) + step[0]])
    bare = replace(forms.nodes[-1], radius=np.zeros_like(forms.nodes[-1].radius))
    with pytest.raises(AssertionError):
        check_form(bare, 0, values[-1], step)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 30.0, 1000.0, 1e15])
@pytest.mark.parametrize("kind", ["ends", "shares", "tiny"])
def test_likelihoods_are_enclosed_in_balls(scale: float, kind: str) -> None:
    random = np.random.default_rng(int(abs(np.log10(scale))))
    observed = {
        "ends": np.array([0.0, 1.0, 0.0, 1.0]),
        "shares": random.random(4),
        "tiny": np.array([1e-300, 1 - 2.0**-53, 5e-324, 2.0**-60]),
    }[kind]
    bernoulli = BernoulliLikelihood(observed)
    outputs = scale * np.array([[1.0, -1.0, -1.0, 1.0], [-1.0, 1.0, 0.5, -0.5], [0.0, 0.0, 1.0, -1.0]])
    low, high = bernoulli.enclosure(outputs)
    slope, off = bernoulli.slope(outputs)
    below = bernoulli.sum_lower(outputs - 0.1 * scale, outputs + 0.1 * scale)
    with precision(4000):
        for row in range(3):
            logits, targets = [arb(float(item)) for item in outputs[row]], [arb(float(item)) for item in observed]
            terms = [(1 + t.exp()).log() - x * t for t, x in zip(logits, targets, strict=True)]
            total = sum(terms, arb(0))
            assert arb(float(low[row])) <= total <= arb(float(high[row]))
            assert arb(float(below[row])) <= total and arb(bernoulli.infimum) <= total
            for k in range(4):
                derivative = 1 / (1 + (-logits[k]).exp()) - targets[k]
                assert abs(derivative - arb(float(slope[row, k]))) <= arb(float(off[row, k]))


@pytest.mark.parametrize("weight", [0.3, -0.3, 1e-10])
def test_rows_below_the_normal_range_are_paid_for(weight: float) -> None:
    # weight times 5e-324 is no float but 0 or 5e-324, and what it multiplies is 1e307.
    width = 60
    out = Affine(2, np.full((1, width), -5e-324), np.zeros(1))
    graph = Graph((Input(1), Affine(0, np.full((width, 1), 1e307), np.zeros(width)), Activation(1, "relu", width), out))
    centres, halves = np.array([[0.5], [0.1]]), np.array([[0.4], [0.9]])
    forms = box_forms(graph, centres, halves)
    slopes, rests = weighted_lower(forms, np.full((2, 1), weight))
    found = weighted_quadratic_lower(forms, np.full((2, 1), weight))
    assert np.isfinite(rests).all() and np.isfinite(found.rest).all()
    for box in range(2):
        for share in (-1, 0, 1):
            step = Fraction(float(halves[box, 0])) * share
            reached = evaluate(graph, [Fraction(float(centres[box, 0])) + step])[-1][0]
            gain = Fraction(weight) * (reached - Fraction(float(forms.nodes[-1].value[box, 0])))
            assert Fraction(float(slopes[box, 0])) * step + Fraction(float(rests[box])) <= gain
            bent = Fraction(float(found.curvature[box, 0, 0])) * step * step / 2
            assert Fraction(float(found.slope[box, 0])) * step + Fraction(float(found.rest[box])) + bent <= gain
