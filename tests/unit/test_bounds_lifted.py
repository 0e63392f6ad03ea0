"""The lifted inequality: the driven network is the second derivative, roots are verified, bounds hold and are sharp."""

from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from benchmarks.known_networks import known_network
from benchmarks.networks import network
from certify.arithmetic.balls import precision
from certify.arithmetic.intervals import MatrixBall, exact_matrix
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.driven import Drive, driven_form
from certify.bounds.effort import Work
from certify.bounds.lifted import METHOD, Lifted, root
from certify.bounds.lifted_search import _log_bound, demand
from certify.bounds.method import Problem
from certify.bounds.ranges import box_ranges
from certify.bounds.search import extreme_curvature
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input

NETWORKS = (
    "residual:d=3,width=5,depth=2,activation=softplus",
    "plain:d=3,width=4,depth=3,activation=tanh",
    "coupling:d=4,width=5,depth=2,activation=gelu",
)


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def ends(generator: Generator, region: Region, effort: float = 1e6) -> dict[str, float]:
    problem = Problem(generator, region, Work(effort))
    return {proposal.constant: proposal.value for proposal in METHOD.propose(problem)}  # type: ignore[misc]


@pytest.mark.parametrize("specification", NETWORKS)
def test_at_a_point_the_driven_network_is_the_second_derivative(specification: str) -> None:
    graph = network(specification).generator.graph
    rng = np.random.default_rng(0)
    z, u = rng.normal(size=(2, graph.latent_dim))
    ranges = box_ranges(graph, z[None], z[None])
    nodes = [index for index, node in enumerate(graph.nodes) if isinstance(node, Activation)]
    moved = [
        (derivatives.node_values(graph, np.stack([z + 1e-6 * u, z - 1e-6 * u]))[graph.nodes[k].sources[0]])
        for k in nodes
    ]
    slopes = np.concatenate([(pair[0] - pair[1]) / 2e-6 for pair in moved])
    low, high = (np.concatenate([ranges.slopes(k, 2)[end][0] for k in nodes]) for end in (0, 1))
    form = driven_form(graph, ranges, nodes, [Drive(np.eye(slopes.size), low, high)])
    image = form.output.midpoint[:, : slopes.size] @ slopes**2
    truth = derivatives.second_derivative(graph, z[None], u[None], u[None])[0]
    assert np.abs(image - truth).max() < 1e-7 * (1 + np.abs(truth).max())


@pytest.mark.parametrize("region", [Region(), Region(0.3, None)])
@pytest.mark.parametrize("specification", NETWORKS)
def test_no_search_exceeds_the_bounds(specification: str, region: Region) -> None:
    generator = network(specification).generator
    found = ends(generator, region)
    for name, order in (("M2", 2), ("M3", 3)):
        seen = extreme_curvature(generator.graph, region, order, np.inf, np.random.default_rng(1), 1).objective
        assert seen <= found[name] < 20.0 * seen


def test_one_neuron_is_bounded_exactly() -> None:
    """sup |softplus''| = 1/4 and sup |softplus'''| = 1/(6 sqrt 3)."""
    inner = np.array([[3.0, 4.0]])
    nodes = (
        Input(2),
        Affine(0, inner, np.zeros(1)),
        Activation(1, "softplus", 1),
        Affine(2, np.full((1, 1), 2.0), np.zeros(1)),
    )
    found = ends(Generator("one", Graph(nodes), 1), Region())
    assert 12.5 <= found["M2"] < 12.5 * (1 + 1e-4)
    assert 250 / (6 * np.sqrt(3)) <= found["M3"] < 250 / (6 * np.sqrt(3)) * (1 + 1e-4)


def test_a_root_majorises_its_matrix_and_an_unknown_one_has_none() -> None:
    factor = np.random.default_rng(2).normal(size=(5, 3))
    gram = factor @ factor.T
    found = root(exact_matrix(gram))
    assert found is not None
    assert np.linalg.eigvalsh(found @ found.T - gram)[0] > 0
    assert np.abs(found @ found.T - gram).max() < 1e-6 * np.abs(gram).max()
    assert root(MatrixBall(gram, np.full_like(gram, np.inf))) is None
    assert root(MatrixBall(gram, np.full_like(gram, 0.1))) is None


def test_gradient_of_the_search_is_that_of_its_objective() -> None:
    rng = np.random.default_rng(3)
    lifted = problem_of(NETWORKS[0])
    form = lifted.passage.form
    rows = np.concatenate([part.midpoint for part in form.inputs])
    reach = np.concatenate(form.spans)[:, None] * rows
    flat = np.append(np.log(np.concatenate(lifted.passage.weights)), 0.3)
    wanted = rng.normal(size=(len(rows), len(rows)))
    _, gradient = _log_bound(flat, rows, reach, wanted)
    direction = rng.normal(size=flat.size)
    ahead, behind = (_log_bound(flat + step * direction, rows, reach, wanted)[0] for step in (1e-6, -1e-6))
    # The weights of the smoothed eigenvalues are taken as they are.
    assert float(gradient @ direction) == pytest.approx((ahead - behind) / 2e-6, rel=2e-2, abs=1e-3)


def test_ends_come_one_after_the_other_the_closed_forms_first() -> None:
    problem = Problem(network(NETWORKS[0]).generator, Region(), Work(1e6))
    found = [(proposal.constant, proposal.value) for proposal in METHOD.propose(problem)]
    assert [name for name, _ in found[:3]] == ["M2", "M3", "M2"]
    for name in ("M2", "M3"):
        values = [value for constant, value in found if constant == name and value is not None]
        assert min(values) < 0.99 * values[0]
        assert values[-1] == min(values)


def test_without_effort_nothing_is_searched() -> None:
    assert ends(network(NETWORKS[0]).generator, Region(), 1e-3) == {}


def test_a_singular_demand_is_none_or_finite() -> None:
    lifted = problem_of(NETWORKS[0])
    low, high = lifted.bends(2)
    form = lifted.driven([Drive(np.eye(low.size), low, high)])
    found = demand(form, np.zeros(form.size - form.latent_dim))
    assert found is None or np.isfinite(found).all()


def problem_of(specification: str) -> Lifted:
    generator = network(specification).generator
    problem = Problem(generator, Region())
    passage = problem.reach.passage
    assert passage is not None
    return Lifted(generator.graph, problem.ranges, passage)


def test_values_that_are_hardly_floats_bound_nothing_and_are_no_error() -> None:
    """Their weighted sum was divided by, and underflowed: network 157 of the soundness campaign with seed 77."""
    with precision(512):
        case = known_network(157, 77)
    with np.errstate(all="ignore"):
        used = ["composition", "neuron by neuron", "lifted semidefinite"]
        found = constants(Generator(case.kind, case.graph, 1), case.region, None, 157, None, used)
    with precision(512):
        assert case.truths["M2"].lower <= found.M2.upper
