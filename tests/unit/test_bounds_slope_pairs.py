"""Pairs of slopes: their forms are never negative on increments, their ends hold, and forged ones prove none."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.networks import network
from certify.bounds.barrier import LinearMatrixInequality
from certify.bounds.bracket import Multipliers, Region
from certify.bounds.constants import constants
from certify.bounds.effort import Work
from certify.bounds.evaluation import evaluated_constants
from certify.bounds.method import Problem
from certify.bounds.ranges import node_ranges
from certify.bounds.semidefinite import Proved, paired_end, proved_end, recalled, reduced_form
from certify.bounds.slope_pairs import FIELDS, PairedInequality, are_pairs, products, violated
from certify.bounds.structure import IncrementForm
from certify.generators import derivatives
from certify.generators.graph import Generator
from tests.generators import gated, one_hidden_layer

SQUARE = network("residual:d=2,width=8,depth=2,activation=softplus").generator
SIGNS = {"M": 1.0, "m": -1.0}


def form_of(generator: Generator, region: Region | None = None) -> IncrementForm:
    form = reduced_form(generator.graph, node_ranges(generator.graph, region or Region()))
    assert form is not None
    return form


@cache
def ends_of_square(name: str) -> tuple[IncrementForm, Proved, Proved]:
    """The form of `SQUARE` and an end of it without and with pairs."""
    form = form_of(SQUARE)
    plain = proved_end(form, form.output, SIGNS[name], Work())
    assert plain.multipliers is not None
    return form, plain, paired_end(form, form.output, SIGNS[name], plain.multipliers, Work())


def increments(generator: Generator, form: IncrementForm, count: int, size: float) -> np.ndarray:
    """x = (delta, eta) of pairs of points, (count, size), from the values of the nodes."""
    random = np.random.default_rng(5)
    points = size * random.standard_normal((2, count, generator.latent_dim))
    first, second = (derivatives.node_values(generator.graph, side) for side in points)
    moves = [a - b for a, b in zip(first, second, strict=True)]
    states = np.zeros((count, form.size))
    states[:, : form.latent_dim] = moves[0]
    for block, node in enumerate(form.nodes):
        own = form.columns(block)
        inputs = states @ form.inputs[block].midpoint.T
        np.testing.assert_allclose(inputs, moves[form.sources[block]], atol=1e-9)
        slope = moves[node] / inputs
        middle = np.array([float(derivative) for derivative in middles(generator, form, block)])
        states[:, own] = (slope - middle) * inputs
    np.testing.assert_allclose(states @ form.output.midpoint.T, moves[-1], atol=1e-8)
    return states


def middles(generator: Generator, form: IncrementForm, block: int) -> np.ndarray:
    low, high = node_ranges(generator.graph, Region()).slopes(form.nodes[block])
    return 0.5 * low[0] + 0.5 * high[0]


def random_pairs(gains: int, count: int) -> np.ndarray:
    random = np.random.default_rng(7)
    places = np.array([random.choice(gains, 2, replace=False) for _ in range(count)])
    signs = random.choice([-1.0, 1.0], (count, 2))
    ratios = random.choice([-1.0, 1.0], count) * np.exp(random.normal(size=count))
    return np.column_stack([places, signs, ratios, random.random(count)])


def forms(form: IncrementForm, rows: np.ndarray, states: np.ndarray) -> np.ndarray:
    return np.array([np.einsum("bi,ij,bj->b", states, products(form, row[None]).midpoint, states) for row in rows])


def test_no_increment_makes_a_pair_negative_and_a_smaller_last_term_does() -> None:
    form = form_of(SQUARE)
    states = np.concatenate([increments(SQUARE, form, 400, size) for size in (0.5, 3.0, 30.0)])
    rows = random_pairs(form.size - 2, 200)
    values = forms(form, rows, states)
    scale = (states**2).sum(axis=1)
    assert (values >= -1e-9 * scale).all()
    assert (values < 0.05 * scale).any()
    # Half of the square is not enough: eta may be anything up to its span.
    free = np.random.default_rng(1).choice([-1.0, 1.0], (2000, 16))
    states = np.concatenate([np.random.default_rng(2).standard_normal((2000, 2)), np.zeros((2000, 16))], axis=1)
    for block, span in enumerate(form.spans):
        own = form.columns(block)
        states[:, own] = free[:, own.start - 2 : own.stop - 2] * span * (states @ form.inputs[block].midpoint.T)
    assert (forms(form, rows, states) >= -1e-9 * (states**2).sum(axis=1)).all()
    reach = np.concatenate([span[:, None] * rows.midpoint for span, rows in zip(form.spans, form.inputs, strict=True)])
    i, j, ratio = rows[:, 0].astype(int), rows[:, 1].astype(int), rows[:, 4]
    gaps = (states @ (reach[j] - ratio[:, None] * reach[i]).T) ** 2 * rows[:, 5] / np.abs(ratio)
    assert (forms(form, rows, states) - 0.5 * gaps.T < -1e-3).any()


def test_the_newton_system_is_that_of_the_barrier() -> None:
    random = np.random.default_rng(3)
    reach = 0.3 * random.standard_normal((4, 6)) * np.tri(4, 6, 1)
    plain = LinearMatrixInequality(0.1 * np.eye(6), reach, 2, 1.0)
    problem = PairedInequality.over(plain, random_pairs(4, 3)[:, :5])
    place = np.array([3.0, 1.0, 1.1, 0.9, 1.2, 0.05, 0.04, 0.06])

    def barrier(at: np.ndarray) -> float:
        return 2.0 * float(at[0]) - float(np.linalg.slogdet(problem.matrix(at[0], at[1:]))[1] + np.log(at[1:]).sum())

    gradient, hessian = problem.newton_system(np.linalg.inv(problem.matrix(place[0], place[1:])), place[1:], 2.0)
    steps = 1e-5 * np.eye(place.size)
    slopes = [(barrier(place + step) - barrier(place - step)) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-5)
    bends = [
        np.subtract(
            *(problem.newton_system(np.linalg.inv(problem.matrix(at[0], at[1:])), at[1:], 2.0)[0] for at in ends)
        )
        / 2e-5
        for ends in zip(place + steps, place - steps, strict=True)
    ]
    np.testing.assert_allclose(hessian, np.array(bends), rtol=1e-4, atol=1e-4)
    solution = problem.solution(place[0], place[1:])
    found = violated(plain, solution, 5, np.zeros((0, 5)))
    assert len(violated(plain, solution, 5, found)) <= 24 - len(found)


@pytest.mark.parametrize("name", ["M", "m"])
def test_an_end_by_pairs_is_sharper_and_its_numbers_prove_it_again(name: str) -> None:
    form, plain, found = ends_of_square(name)
    sign = SIGNS[name]
    assert found.multipliers is not None
    assert sign * found.value < sign * plain.value * (1 - sign * 1e-3)
    again = {"M" if sign > 0 else "m": found.multipliers}
    (proposal,) = recalled(Problem(SQUARE, Region(), starts=dict(again)))  # type: ignore[arg-type]
    assert proposal.value == found.value
    stored = evaluated_constants(SQUARE, again)  # type: ignore[arg-type]
    assert (stored.M.upper if sign > 0 else stored.m.lower) == found.value
    assert paired_end(form, form.output, sign, found.multipliers, Work()).multipliers is None


FORGERIES = {
    "half of a pair": lambda rows: rows.ravel()[:-3],
    "a negative weight": lambda rows: np.where(np.arange(FIELDS) == 5, -rows, rows).ravel(),
    "a neuron that is not there": lambda rows: (rows + 1e3 * (np.arange(FIELDS) == 0)).ravel(),
    "a sign of two": lambda rows: np.where(np.arange(FIELDS) == 2, 2.0, rows).ravel(),
    "a ratio of 0": lambda rows: np.where(np.arange(FIELDS) == 4, 0.0, rows).ravel(),
    "no number": lambda rows: np.where(np.arange(FIELDS) == 5, np.nan, rows).ravel(),
    "other neurons": lambda rows: np.where(
        np.arange(FIELDS) < 2, rows[:, [1, 0, 2, 3, 4, 5]] * 0 + [0, 1, 0, 0, 0, 0], rows
    ).ravel(),
    "larger weights": lambda rows: np.where(np.arange(FIELDS) == 5, 30.0 * rows, rows).ravel(),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("name", ["M", "m"])
def test_forged_pairs_prove_nothing(forgery: str, name: str) -> None:
    form, _, proved = ends_of_square(name)
    found = proved.multipliers
    assert found is not None
    count = form.size - form.latent_dim
    own, rows = np.split(np.array(found.values), [count])
    forged = (*own.tolist(), *FORGERIES[forgery](rows.reshape(-1, FIELDS)).tolist())
    starts = {name: Multipliers(found.objective, forged, is_optimal=True)}
    values = [item.multipliers for item in recalled(Problem(SQUARE, Region(), starts=starts))]  # type: ignore[arg-type]
    assert values in ([], [None])


def test_a_smaller_objective_is_not_proved() -> None:
    found = ends_of_square("M")[2]
    assert found.multipliers is not None
    bold = replace(found.multipliers, objective=0.98 * found.multipliers.objective)
    (proposal,) = recalled(Problem(SQUARE, Region(), starts={"M": bold}))
    assert proposal.multipliers is None


@pytest.mark.parametrize("seed", range(6))
def test_no_dense_search_gets_beyond_an_end_by_pairs(seed: int) -> None:
    name = ("tanh", "softplus", "gelu", "sigmoid", "leaky_softplus", "sin")[seed]
    generators = [one_hidden_layer(name, 2, 2, seed, 4), gated(2, 3, seed, 3)]
    for generator, region in zip(generators, (Region(), Region(1.5)), strict=True):
        form = form_of(generator, region)
        points = (
            np.random.default_rng(seed).standard_normal((4000, 2)) * np.resize([0.3, 1.0, 3.0, 10.0], 4000)[:, None]
        )
        if region.radius is not None:
            points *= (
                region.radius * np.random.default_rng(1).random((4000, 1)) / np.linalg.norm(points, axis=1)[:, None]
            )
        values = np.linalg.svd(derivatives.jacobian(generator.graph, points), compute_uv=False)
        for sign, extreme in ((1.0, values[:, 0].max()), (-1.0, values[:, -1].min())):
            plain = proved_end(form, form.output, sign, Work())
            if plain.multipliers is not None:
                found = paired_end(form, form.output, sign, plain.multipliers, Work())
                assert sign * found.value >= sign * extreme * (1 - sign * 1e-12)


def test_the_bracket_of_a_network_is_tighter_by_a_third() -> None:
    generator = network("residual:d=8,width=16,depth=1,activation=tanh").generator
    found = constants(generator, methods=["semidefinite", "pairs of slopes", "witness"]).m
    assert found.lower is not None
    assert found.upper is not None
    assert 0.8205 < found.lower < 0.8207 < 0.8283 < found.upper < 0.8316


def test_what_is_no_pair() -> None:
    row = np.array([[0.0, 1.0, 1.0, -1.0, 0.5, 2.0]])
    assert are_pairs(row, 2)
    assert are_pairs(row[:0], 2)
    assert not are_pairs(row, 1)
    assert not are_pairs(row + [0.5, 0, 0, 0, 0, 0], 2)
