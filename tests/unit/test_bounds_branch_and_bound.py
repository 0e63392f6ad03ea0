"""Branch and bound: enclosures contain samples, charts cover R^d, brackets hold the dense truth, mistakes are seen."""

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from certify.arithmetic.form_norms import best_shift, contraction_gram, form_norm_upper, sigma_min_affine_lower
from certify.bounds import branch_and_bound, charts
from certify.bounds.bracket import Region
from certify.bounds.branch_and_bound import form_scores, maximise, stretch_scores
from certify.bounds.charts import Pieces, cover, join, split
from certify.bounds.effort import Work
from certify.bounds.enclosure import derivative_tensors, linear_parts, piece_ranges
from certify.bounds.method import Problem
from certify.bounds.ranges import box_ranges
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Product, Sum


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As `constants` does: a second thread on matrices of this size costs ten times what it brings."""
    with threadpool_limits(1):
        yield


def network(d: int, seed: int, activation: str = "tanh", with_product: bool = False, depth: int = 2) -> Graph:
    rng = np.random.default_rng(seed)
    nodes: list[object] = [Input(d)]
    for _ in range(depth):
        last = len(nodes) - 1
        nodes.append(Affine(last, rng.normal(size=(4, d)), rng.normal(size=4)))
        nodes.append(Activation(last + 1, activation, 4))
        if with_product:
            nodes.append(Product((last + 1, last + 2), 4))
        nodes.append(Affine(len(nodes) - 1, 0.2 * rng.normal(size=(d, 4)), np.zeros(d)))
        nodes.append(Sum((last, len(nodes) - 1), (1.0, 0.5), d))
    return Graph(tuple(nodes))  # type: ignore[arg-type]


def line(slope: float = 1.0, gain: float = 0.5, rate: float = 1.0) -> Graph:
    """z -> slope z + gain sin(rate z): J in [slope - gain rate, slope + gain rate]."""
    return Graph(
        (
            Input(1),
            Affine(0, np.array([[rate]]), np.zeros(1)),
            Activation(1, "sin", 1),
            Affine(2, np.array([[gain]]), np.zeros(1)),
            Sum((0, 3), (slope, 1.0), 1),
        )
    )


def ends(graph: Graph, region: Region | None = None, seconds: float = 60.0) -> dict[str, float]:
    problem = Problem(Generator("test", graph, 1), region or Region(), Work(deadline=time.monotonic() + seconds))
    return {proposal.constant: proposal.value for proposal in branch_and_bound.METHOD.propose(problem)}


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("with_product", [False, True])
def test_enclosures_contain_sampled_derivatives(d: int, with_product: bool) -> None:
    rng = np.random.default_rng(d)
    graph = network(d, d, "softplus", with_product)
    lower = rng.normal(size=(5, d))
    upper = lower + rng.random((5, d))
    pieces = Pieces(np.tile(np.eye(d), (5, 1, 1)), lower, upper)
    tensors = derivative_tensors(graph, piece_ranges(linear_parts(graph), pieces), 3)
    plain = derivative_tensors(graph, box_ranges(graph, lower, upper), 3)
    u, v, w = rng.normal(size=(3, 30, d))
    for box in range(5):
        z = lower[box] + rng.random((30, d)) * (upper[box] - lower[box])
        for found in (tensors, plain):
            sizes = [
                derivatives.directional_derivative(graph, z, u),
                derivatives.second_derivative(graph, z, u, v),
                derivatives.third_derivative(graph, z, u, v, w),
            ]
            for tensor, value, directions in zip(found, sizes, ((u,), (u, v), (u, v, w)), strict=True):
                middle, spread = tensor.midpoint[box][None], tensor.radius[box][None]
                for direction in directions:
                    shape = (30, 1, d) + (1,) * (middle.ndim - 3)
                    middle = (middle * direction.reshape(shape)).sum(axis=2)
                    spread = (spread * np.abs(direction.reshape(shape))).sum(axis=2)
                assert np.all(np.abs(value - middle) <= spread * (1 + 1e-9) + 1e-12)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "relu"])
def test_values_far_out_lie_in_the_mean_value_form(activation: str) -> None:
    rng = np.random.default_rng(1)
    graph = network(2, 3, activation, False)
    pieces = cover(np.full(2, 0.25))
    for depth in range(5):
        pieces = split(pieces, rng.random((pieces.count, 2)), np.full(pieces.count, depth))
    ranges = piece_ranges(linear_parts(graph), pieces)
    open_ends = np.where(np.isfinite(pieces.upper), pieces.upper - pieces.lower, 10.0 ** rng.uniform(-1, 4, (40, 1, 1)))
    chart = pieces.lower + rng.random((40, pieces.count, 2)) * open_ends
    points = np.einsum("bij,kbj->kbi", pieces.basis, chart)
    for values, (low, high) in zip(derivatives.node_values(graph, points.reshape(-1, 2)), ranges.values, strict=True):
        seen = values.reshape(40, pieces.count, -1)
        slack = 1e-9 * (1 + np.abs(seen))
        assert np.all((seen >= low - slack) & (seen <= high + slack))


def test_a_residual_network_goes_to_infinity_with_its_input() -> None:
    """Intervals lose the skip at the first activation that is unbounded; the second layer then saturates nowhere."""
    graph = network(2, 0, "softplus")
    pieces = cover(np.full(2, 8.0))
    for depth in (0, 1, 3, 4, 6, 7):
        pieces = split(pieces, np.ones((pieces.count, 2)), np.full(pieces.count, depth))
    ranges, last = piece_ranges(linear_parts(graph), pieces), len(graph.nodes) - 1
    is_open = ~pieces.is_bounded
    bounded_on_one_side = np.isfinite(ranges.values[last][0][is_open]) | np.isfinite(ranges.values[last][1][is_open])
    assert bounded_on_one_side.mean() > 0.5


def members(pieces: Pieces, points: np.ndarray) -> np.ndarray:
    chart = np.linalg.solve(pieces.basis[:, None], np.broadcast_to(points, (pieces.count, *points.shape))[..., None])
    inside = (chart[..., 0] >= pieces.lower[:, None] - 1e-9) & (chart[..., 0] <= pieces.upper[:, None] + 1e-9)
    return inside.all(axis=2)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_every_split_still_covers_the_space(d: int) -> None:
    rng = np.random.default_rng(d)
    points = rng.normal(size=(400, d)) * 10.0 ** rng.uniform(-2, 4, size=(400, 1))
    pieces = cover(np.ones(d))
    assert members(pieces, points).any(axis=0).all()
    for depth in range(8):
        chosen = rng.permutation(pieces.count)[:60]
        rest = np.setdiff1d(np.arange(pieces.count), chosen)
        halves = split(pieces.take(chosen), rng.random((chosen.size, d)), np.full(chosen.size, depth))
        pieces = join([pieces.take(rest), halves])
        assert members(pieces, points).any(axis=0).all()
    assert not members(pieces.take(pieces.is_bounded), points).any(axis=0).all()


def test_norms_of_quadratic_forms_are_exact_in_two_dimensions() -> None:
    forms = np.random.default_rng(0).normal(size=(20, 3, 2, 2))
    forms = (forms + forms.swapaxes(2, 3)) / 2
    angle = np.linspace(0, np.pi, 4001)
    u = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    truth = np.linalg.norm(np.einsum("bnij,ui,uj->bun", forms, u, u), axis=2).max(axis=1)
    flat, contraction = forms.reshape(20, 3, 4), contraction_gram(2, 2)
    bound = form_norm_upper(flat, contraction, best_shift(flat, contraction))
    assert np.all(bound >= truth) and np.all(bound <= truth * 1.01)
    assert np.all(form_norm_upper(flat, contraction, np.zeros(20)) >= bound * 0.99)


def test_smallest_stretch_over_an_affine_family_stays_below_samples() -> None:
    rng = np.random.default_rng(1)
    centre, moves = np.eye(3) + 0.1 * rng.normal(size=(10, 3, 3)), 0.1 * rng.normal(size=(10, 2, 3, 3))
    bound = sigma_min_affine_lower(centre, moves)
    h = rng.uniform(-1, 1, size=(200, 2))
    sampled = np.linalg.svd(centre[:, None] + np.einsum("sk,bkij->bsij", h, moves), compute_uv=False)[..., -1]
    assert np.all(bound <= sampled.min(axis=1)) and np.all(bound > 0.5 * sampled.min(axis=1))
    assert sigma_min_affine_lower(np.zeros((1, 2, 2)), np.zeros((1, 1, 2, 2)))[0] == 0.0


def test_one_dimensional_truth_is_bracketed_closely() -> None:
    found = ends(line(1.0, 0.25, 2.0), Region(3.0))
    assert "m" not in found
    assert 1.5 <= found["M"] <= 1.51 and 1.0 <= found["M2"] <= 1.03 and 2.0 <= found["M3"] <= 2.3
    graph = network(1, 3)
    z = np.linspace(-60, 60, 40001)[:, None]
    slopes = np.abs(derivatives.jacobian(graph, z)[:, 0, 0])
    bends = np.abs(derivatives.second_derivative(graph, z, np.ones_like(z), np.ones_like(z)))
    found = ends(graph)
    assert 0.99 * slopes.min() <= found["m"] <= slopes.min() * (1 + 1e-12)
    assert slopes.max() * (1 - 1e-12) <= found["M"] <= 1.01 * slopes.max()
    assert bends.max() * (1 - 1e-12) <= found["M2"] <= 1.05 * bends.max()


@pytest.mark.parametrize("d", [2, 3])
def test_samples_stay_inside(d: int) -> None:
    graph = network(d, 5, depth=4 - d)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, d)) * 10.0 ** rng.uniform(-1, 4, size=(1000, 1))
    values = np.linalg.svd(derivatives.jacobian(graph, z), compute_uv=False)
    u = rng.normal(size=z.shape)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    found = ends(graph, seconds=0.5)
    assert found["m"] <= values.min() and values.max() <= found["M"]
    assert np.linalg.norm(derivatives.second_derivative(graph, z, u, u), axis=1).max() <= found["M2"]
    assert np.linalg.norm(derivatives.third_derivative(graph, z, u, u, u), axis=1).max() <= found["M3"]


def solve(graph: Graph, start: Pieces, order: int = 1) -> float:
    parts = linear_parts(graph)
    objective = partial(form_scores, parts, Region(), order) if order else partial(stretch_scores, parts)
    weight = np.ones((1, graph.latent_dim))
    return maximise(objective, start, weight, 1e-3, np.inf, 3000, 64, Work())


def test_a_missing_unbounded_rest_is_noticed() -> None:
    """softplus is steepest at infinity: without the half-lines the bound would be false, and these samples say so."""
    graph = Graph(
        (
            Input(1),
            Affine(0, np.array([[0.05]]), np.zeros(1)),
            Activation(1, "softplus", 1),
            Affine(2, np.array([[20.0]]), np.zeros(1)),
        )
    )
    pieces = cover(linear_parts(graph).scales(1.0))
    truth = float(derivatives.jacobian(graph, np.array([[1000.0]]))[0, 0, 0])
    assert solve(graph, pieces) >= truth
    assert solve(graph, pieces.take(pieces.is_bounded)) < truth
    assert -solve(graph, pieces, 0) <= 1e-6 < -solve(graph, pieces.take(pieces.is_bounded), 0)


def test_inward_rounding_of_the_enclosure_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """z + sin z / 2 attains its largest slope 1.5: bounds shrunk by one part in a million exclude it."""
    pieces = charts.box(np.array([-1.0]), np.array([1.0]))
    assert solve(line(), pieces) >= 1.5
    exact = branch_and_bound.form_norm_upper
    monkeypatch.setattr(branch_and_bound, "form_norm_upper", lambda *args: exact(*args) * (1 - 1e-3 - 1e-6))
    assert solve(line(), pieces) < 1.5


def test_too_many_directions_and_kinks_are_left_alone() -> None:
    assert ends(network(4, 0)) == {}
    kinked = Graph((Input(1), Activation(0, "leaky_relu", 1)))
    assert set(ends(kinked)) == {"M"} and ends(kinked)["M"] == pytest.approx(1.0)
    idle = Graph(
        (
            Input(6),
            Affine(0, np.eye(6)[:1], np.zeros(1)),
            Activation(1, "tanh", 1),
            Affine(2, 0.5 * np.eye(6)[:, :1], np.zeros(6)),
            Sum((0, 3), (1.0, 1.0), 6),
        )
    )
    found = ends(idle)
    assert 1.5 <= found["M"] <= 1.51 and 0.99 <= found["m"] <= 1.0


def test_eigenproblems_of_many_latents_are_charged_and_not_begun_without_the_effort() -> None:
    """One of 24 latents is seen: forms of the second derivative have 576 coordinates, of the third 13,824."""
    row = np.eye(1, 24)
    nodes = (
        Input(24),
        Affine(0, row, np.zeros(1)),
        Activation(1, "tanh", 1),
        Affine(2, np.ones((24, 1)), np.zeros(24)),
    )
    work = Work(1000.0)
    problem = Problem(Generator("wide", Graph(nodes), 1), Region(), work)
    found = {proposal.constant: proposal.value for proposal in branch_and_bound.METHOD.propose(problem)}
    assert found.get("M2") == found.get("M3") == np.inf
    assert work.spent <= 1000.0


def test_pieces_split_together_are_split_as_each_alone() -> None:
    """Bounded and unbounded ones, and one at the end of the floats."""
    rng = np.random.default_rng(4)
    pieces = cover(np.array([1.0, 2.0]))
    huge = Pieces(np.eye(2)[None], np.array([[1.5e308, 0.0]]), np.array([[1.7e308, 1.0]]))
    pieces = join([pieces, split(pieces, rng.random((9, 2)), np.arange(9)), huge])
    weights, depth = rng.random((pieces.count, 2)), rng.integers(0, 6, pieces.count)
    together = split(pieces, weights, depth)
    for row in range(pieces.count):
        alone = charts._halves(pieces.take(np.array([row])), weights[row], int(depth[row]))
        for place, half in zip((row, pieces.count + row), alone, strict=True):
            for part in ("basis", "lower", "upper"):
                assert (getattr(together, part)[place] == getattr(half, part)[0]).all()
