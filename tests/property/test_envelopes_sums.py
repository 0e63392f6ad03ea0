"""Sums whose terms are related: choices between two branches, and chains of log-sum-exp, against sampled values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_forms import BoxForms, box_forms
from certify.envelopes.box_sums import choice_of
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.mixture import Mixture
from certify.envelopes.weighted import weighted_lower
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Graph, Input, Node, Product, Sum

WIDTH = 4
SLACK = 1e-9


def thresholded(threshold: float, d: int, random: np.random.Generator) -> Graph:
    """x where x > threshold, softplus(x) elsewhere, as an exporter writes it, and an affine map behind it."""
    weight, bias = 2 * random.standard_normal((WIDTH, d)), random.standard_normal(WIDTH)
    nodes: list[Node] = [
        Input(d),
        Affine(0, weight, bias),
        Activation(1, "softplus", WIDTH),
        Affine(0, weight, bias - threshold),
        Activation(3, "sign", WIDTH),
        Activation(4, "relu", WIDTH),
        Sum((5,), (-1.0,), WIDTH),
        Affine(6, np.eye(WIDTH), np.ones(WIDTH)),
        Product((5, 1), WIDTH),
        Product((2, 7), WIDTH),
        Sum((8, 9), (1.0, 1.0), WIDTH),
        Affine(10, random.standard_normal((3, WIDTH)), random.standard_normal(3)),
    ]
    return Graph(tuple(nodes))


def chain(links: int, d: int, random: np.random.Generator) -> Graph:
    """Log-sum-exp of tanh units with their own rotations, link by link."""
    nodes: list[Node] = [Input(d), Affine(0, random.standard_normal((WIDTH, d)), random.standard_normal(WIDTH))]
    nodes.append(Activation(1, "tanh", WIDTH))
    last = 2
    for link in range(links):
        nodes.append(Affine(last, np.roll(np.eye(WIDTH), 1 + link % 2, axis=0), np.zeros(WIDTH)))
        nodes.append(Sum((last + 1, last), (1.0, -1.0), WIDTH))
        nodes.append(Activation(last + 2, "softplus", WIDTH))
        nodes.append(Sum((last, last + 3), (1.0, 1.0), WIDTH))
        last += 4
    return Graph(tuple(nodes))


def boxes(d: int, random: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centres, half-widths from 1e-3 to 3, and points inside, corners among them, (60, 24, d)."""
    centres, halves = random.standard_normal((24, d)), 10.0 ** random.uniform(-3, 0.5, (24, d))
    shares = random.uniform(-1, 1, (60, 24, d))
    shares[:20] = np.sign(shares[:20])
    return centres, halves, np.asarray(centres + shares * halves)


GRAPHS = ["0", "2", "-1", "20", "chain", "long chain"]


def graph_of(name: str, d: int, random: np.random.Generator) -> Graph:
    if "chain" in name:
        return chain(6 if name == "long chain" else 2, d, random)
    return thresholded(float(name), d, random)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_nothing_sampled_is_outside(name: str, d: int) -> None:
    random = np.random.default_rng([*name.encode(), d])
    graph = graph_of(name, d, random)
    centres, halves, points = boxes(d, random)
    forms = box_forms(graph, centres, halves)
    final = forms.nodes[-1]
    weights = random.standard_normal(final.value.shape)
    slope, rest = weighted_lower(forms, weights)
    target = value(graph, random.standard_normal((1, d)))[0]
    likelihood = GaussianLikelihood(target, 0.5)
    proposal = Mixture(np.ones(1), np.zeros((1, d)), np.eye(d)[None])
    lower = potential_plus_log_density(graph, likelihood, proposal, centres, halves).lower
    for at in points:
        seen, u = value(graph, at), at - centres
        plane = final.value + np.einsum("bki,bi->bk", final.slope, u) + final.shift
        assert (np.abs(seen - plane) <= final.radius + SLACK).all()
        assert (seen >= final.low - SLACK).all() and (seen <= final.high + SLACK).all()
        below = (slope * u).sum(axis=1) + rest
        assert ((weights * (seen - final.value)).sum(axis=1) >= below - SLACK * (1 + np.abs(below))).all()
        f = potential(graph, likelihood, at)
        assert (f + proposal.log_density(at) >= lower - SLACK * (1 + np.abs(lower))).all()
    assert np.isfinite(lower).all()
    # The mean over a dense lattice of a small box is no more than the bound.
    small = np.minimum(halves, 0.1)
    shares = np.stack(np.meshgrid(*[np.linspace(-0.9, 0.9, 10)] * d), axis=-1).reshape(-1, d)
    lattice = (centres[:, None, :] + shares * small[:, None, :]).reshape(-1, d)
    mean = potential(graph, likelihood, lattice).reshape(24, -1).mean(axis=1)
    assert (mean_potential_upper(graph, likelihood, centres, small).upper >= mean - 1e-2 * (1 + np.abs(mean))).all()


def test_a_choice_between_branches_that_meet_costs_what_they_differ_by() -> None:
    random = np.random.default_rng(5)
    graph = thresholded(20.0, 1, random)
    # The first unit is at the threshold in the middle of the box.
    weight, bias = graph.nodes[1].weight[0, 0], graph.nodes[1].bias[0]  # type: ignore[union-attr]
    centre = np.array([[(20.0 - bias) / weight]])
    forms = box_forms(graph, centre, np.full((1, 1), 0.5))
    low, high = (part[0, 0] for part in (forms.choices[10].rest_low, forms.choices[10].rest_high))
    assert -1e-6 < low <= 0.0 <= high < 1e-6
    assert forms.nodes[10].high[0, 0] - forms.nodes[10].low[0, 0] < 1.1 * abs(weight)


def test_a_choice_without_the_other_branch_is_seen() -> None:
    random = np.random.default_rng(6)
    graph = thresholded(0.0, 1, random)
    forms = box_forms(graph, np.zeros((1, 1)), np.full((1, 1), 2.0))
    weights = random.standard_normal((1, 3))
    chosen = forms.choices[10]
    nothing = np.zeros_like(chosen.rest_low)
    broken = replace(forms, choices={10: replace(chosen, rest_low=nothing, rest_high=nothing)})
    points = np.linspace(-2, 2, 401)[:, None]
    seen = value(graph, points) - forms.nodes[-1].value

    def holds(some: BoxForms, row: FloatArray) -> bool:
        slope, rest = weighted_lower(some, row)
        return bool((seen @ row[0] >= points[:, 0] * slope[0, 0] + rest[0] - SLACK).all())

    assert holds(forms, weights) and holds(forms, -weights)
    assert not (holds(broken, weights) and holds(broken, -weights))


def test_what_is_no_choice_is_not_taken_for_one() -> None:
    random = np.random.default_rng(7)
    graph = thresholded(1.0, 2, random)
    assert choice_of(graph, graph.nodes[10]) is not None  # type: ignore[arg-type]
    nodes = list(graph.nodes)
    for index, node in (
        (7, Affine(6, np.eye(WIDTH), np.full(WIDTH, 1 + 2.0**-52))),
        (7, Affine(6, np.roll(np.eye(WIDTH), 1, axis=0), np.ones(WIDTH))),
        (6, Sum((5,), (1.0,), WIDTH)),
        (5, Activation(1, "relu", WIDTH)),
        (10, Sum((8, 9), (1.0, -1.0), WIDTH)),
    ):
        other = Graph(tuple(nodes[:index] + [node] + nodes[index + 1 :]))
        assert choice_of(other, other.nodes[10]) is None  # type: ignore[arg-type]


def test_a_chain_of_log_sum_exp_keeps_its_remainder() -> None:
    random = np.random.default_rng(8)
    graph = chain(8, 2, random)
    forms = box_forms(graph, 0.3 * random.standard_normal((16, 2)), np.full((16, 2), 0.05))
    first, last = forms.nodes[2].radius.max(), forms.nodes[-1].radius.max()
    assert last < 8 * first


def gated(end: str, random: np.random.Generator) -> tuple[Graph, int]:
    """Squares of neurons behind two layers, their log-sum-exp with other neurons and its place, one more activation."""
    nodes: list[Node] = [Input(1)]
    for name in random.choice(["tanh", "relu"], 2):
        weight = 2 * random.standard_normal((2, nodes[-1].width)) / nodes[-1].width ** 0.5
        nodes += [Affine(len(nodes) - 1, weight, random.standard_normal(2) * random.integers(2))]
        nodes += [Activation(len(nodes) - 1, str(name), 2)]
    nodes += [Product((4, 4), 2), Affine(4, random.standard_normal((2, 2)), random.standard_normal(2))]
    nodes += [Sum((6, 5), (1.0, -1.0), 2), Activation(7, "softplus", 2), Sum((5, 8), (1.0, 1.0), 2)]
    return Graph((*nodes, Activation(9, end, 2), Affine(10, random.standard_normal((1, 2)), np.zeros(1)))), 9


@pytest.mark.parametrize("end", ["exp", "sin", "square", "tanh"])
def test_a_log_sum_exp_keeps_its_terms_planes_where_the_inner_sum_has_one_of_its_own(end: str) -> None:
    # Behind two activations the difference b - a has the plane of its rows; a product's remainder has its middle in
    # that plane's shift and not in a's: what is shared must not be put around the sum of the two.
    shares = np.linspace(-1, 1, 101)[:, None, None]
    for seed in range(20):
        random = np.random.default_rng([seed, *end.encode()])
        graph, place = gated(end, random)
        centres, halves = random.standard_normal((40, 1)), np.exp(random.uniform(-3.5, 0.7, (40, 1)))
        points = centres + shares * halves
        form = box_forms(graph, centres, halves).nodes[place]
        seen = value(Graph(graph.nodes[: place + 1]), points.reshape(-1, 1)).reshape(101, 40, 2)
        plane = form.value + form.shift + np.einsum("bkd,sbd->sbk", form.slope, points - centres)
        assert (np.abs(seen - plane) <= form.radius + 1e-9).all()
        assert ((form.low - 1e-9 <= seen) & (seen <= form.high + 1e-9)).all()
        proposal = Mixture(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1)) / 1.3)
        likelihood = GaussianLikelihood(value(graph, centres[:1])[0] + 0.5, 0.3)
        found = potential_plus_log_density(graph, likelihood, proposal, centres, halves)
        flat = points.reshape(-1, 1)
        least = (potential(graph, likelihood, flat) + proposal.log_density(flat)).reshape(101, 40).min(axis=0)
        assert (found.lower <= least + 1e-9 * (1 + np.abs(least))).all()
