"""M2 by cases on the neurons: parts cover the region, each bound holds on its part, the whole is sharper."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.networks import network
from certify.bounds import neuron_splits
from certify.bounds.bracket import Region
from certify.bounds.effort import Work
from certify.bounds.lifted import Lifted, seconds
from certify.bounds.method import Problem
from certify.bounds.neuron_splits import METHOD, Part, bounds, halves
from certify.bounds.search import extreme_curvature
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input

CONV = "conv:side=2,channels=2,depth=1,activation=tanh"
NETWORKS = (CONV, "plain:d=3,width=4,depth=3,activation=tanh", "residual:d=2,width=5,depth=2,activation=softplus")


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    with threadpool_limits(1), np.errstate(all="ignore"):
        yield


def root(generator: Generator, region: Region, work: Work) -> Part:
    problem = Problem(generator, region, work)
    passage = problem.reach.passage
    assert passage is not None
    lifted = Lifted(generator.graph, problem.ranges, passage)
    return Part(lifted, list(seconds(lifted, None, work))[-1])


def sizes(generator: Generator, points: np.ndarray, seed: int) -> np.ndarray:
    """|D^2G(z)[u, u]| at every point along one direction each."""
    ways = np.random.default_rng(seed).normal(size=points.shape)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    return np.linalg.norm(derivatives.second_derivative(generator.graph, points, ways, ways), axis=1)


@pytest.mark.parametrize("specification", NETWORKS)
def test_every_bound_holds_on_its_part_and_the_parts_cover(specification: str) -> None:
    generator, work = network(specification).generator, Work(1e6)
    parts = [root(generator, Region(), work)]
    for _ in range(3):
        parts = [half for part in parts for half in halves(part, work) if half is not None]
    assert len(parts) == 8
    points = (
        np.random.default_rng(0).normal(size=(400, generator.latent_dim)) * np.resize([1.0, 5.0, 20.0], 400)[:, None]
    )
    values, norms = derivatives.node_values(generator.graph, points), sizes(generator, points, 1)
    covered = np.zeros(len(points), dtype=bool)
    for part in parts:
        inside = np.ones(len(points), dtype=bool)
        for node, (low, high) in zip(values, part.lifted.ranges.values, strict=True):
            inside &= ((node >= low - 1e-9) & (node <= high + 1e-9)).all(axis=1)
        assert (norms[inside] <= part.found.value).all()
        covered |= inside
    assert covered.all()


@pytest.mark.parametrize("region", [Region(), Region(0.5, None)])
@pytest.mark.parametrize("specification", NETWORKS)
def test_no_search_exceeds_the_bounds(specification: str, region: Region) -> None:
    generator = network(specification).generator
    problem = Problem(generator, region, Work(1200.0))
    found = [proposal.value for proposal in METHOD.propose(problem) if proposal.value is not None]
    seen = extreme_curvature(generator.graph, region, 2, np.inf, np.random.default_rng(1), 2).objective
    assert found and all(seen <= value for value in found)


def test_cases_are_sharper_than_the_inequality_alone() -> None:
    work = Work(1e6)
    whole = root(network(CONV).generator, Region(), work)
    found = []
    for value in bounds(whole, work):
        found.append(value)
        if len(found) == 12:
            break
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.97 * whole.found.value


def test_a_bound_that_forgets_the_worse_side_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one latent the bound comes close to what is attained: without the worse sides it falls below."""
    nodes = (
        Input(1),
        Affine(0, np.full((1, 1), 1.5), np.full(1, 0.2)),
        Activation(1, "tanh", 1),
        Affine(2, np.full((1, 1), 2.0), np.zeros(1)),
        Activation(3, "tanh", 1),
    )
    generator, region, work = Generator("chain", Graph(nodes), 1), Region(1.0), Work(1e4)
    seen = extreme_curvature(generator.graph, region, 2, np.inf, np.random.default_rng(1), 4).objective
    whole, honest = root(generator, region, work), halves
    assert seen <= min(islice(bounds(whole, work), 20)) <= 1.5 * seen

    def forgetful(part: Part, work: Work) -> Iterator[Part | None]:
        better = min(honest(part, work), key=lambda half: np.inf if half is None else half.found.value)
        yield from (better, better)

    monkeypatch.setattr(neuron_splits, "halves", forgetful)
    assert min(islice(bounds(whole, work), 20)) < seen


def test_one_layer_and_many_neurons_are_left_alone() -> None:
    for specification in ("plain:d=2,width=4,depth=1,activation=tanh", "plain:d=4,width=16,depth=2,activation=tanh"):
        problem = Problem(network(specification).generator, Region(), Work(1e6))
        assert list(METHOD.propose(problem)) == []
