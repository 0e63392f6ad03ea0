"""Regions cut into cells: they cover, their ranges hold, what they prove is true, and what is forged is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from benchmarks.forged_certificates import refusal
from certify.arithmetic.intervals import FloatArray
from certify.certificates.discovery import document_of
from certify.envelopes import cell_envelope, cell_search, quadratic_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.box_search import log_ratio
from certify.envelopes.lifted_form import LiftedNetwork, lifted_network
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.neuron_barrier import BarrierPath, BarrierPoint
from certify.envelopes.quadratic_envelope import Preparation, form_of, prepare
from certify.envelopes.quadratic_search import lower_objective
from certify.envelopes.records import rejection_proof
from certify.envelopes.region_bound import MixtureBound
from certify.envelopes.regions import (
    LEAF,
    Box,
    Ellipsoid,
    box_around,
    box_ranges,
    boxes_of,
    input_ranges,
    sides_form,
)
from certify.generators.activations import activation
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from tests.generators import one_hidden_layer
from tests.property.test_envelopes_regions import network as residual

BETA, EPSILON = 0.4, Fraction(1, 10)


def shape(d: int, seed: int) -> tuple[Ellipsoid, FloatArray]:
    """An ellipsoid and axes that have nothing to do with it."""
    random = np.random.default_rng([seed, d])
    root = np.tril(random.standard_normal((d, d)), -1) + np.diag(random.uniform(0.5, 2.0, d))
    return Ellipsoid(random.standard_normal(d), root, 1.7), random.standard_normal((d, d)) + 2 * np.eye(d)


def inside(ellipsoid: Ellipsoid, box: Box, count: int = 20000) -> FloatArray:
    """Points of both."""
    random, d = np.random.default_rng(3), ellipsoid.centre.size
    directions = random.standard_normal((count, d))
    directions *= (random.uniform(0, 1, count) ** (1 / d) / np.linalg.norm(directions, axis=1))[:, None]
    points = ellipsoid.centre + ellipsoid.radius * np.linalg.solve(ellipsoid.root.T, directions.T).T
    return points[_contains(box, points)]


def _contains(box: Box, points: FloatArray) -> FloatArray:
    places = (points - box.centre) @ box.axes.T
    return np.asarray(((places >= box.low) & (places <= box.high)).all(axis=1))


TREE = [(0, 0.1), (1, -0.4), LEAF, LEAF, (2, 0.3), LEAF, (0, 0.8), LEAF, LEAF]


def test_leaves_of_a_tree_cover_and_other_lists_are_none() -> None:
    ellipsoid, axes = shape(3, 0)
    whole = box_around(ellipsoid, axes)
    boxes = boxes_of(whole, TREE)
    assert boxes is not None and len(boxes) == 5
    points = inside(ellipsoid, whole)
    assert len(points) == 20000, "the box is around the ellipsoid"
    assert np.stack([_contains(box, points) for box in boxes]).any(axis=0).all()
    # A cut outside the box leaves one half empty, and still covers.
    outside = boxes_of(whole, [(0, 1e6), LEAF, LEAF])
    assert outside is not None and _contains(outside[0], points).all()
    for wrong in ([], TREE[:-1], [*TREE, LEAF], [(3, 0.0), LEAF, LEAF], [(0, np.nan), LEAF, LEAF]):
        assert boxes_of(whole, wrong) is None


@pytest.mark.parametrize("seed", range(8))
def test_leaves_have_nothing_in_common_wherever_the_cuts_are(seed: int) -> None:
    """A second cut of an axis beyond the first: what it leaves must not reach over that one."""
    random, d = np.random.default_rng(seed), 2
    whole = Box(np.zeros(d), np.eye(d), np.full(d, -1.0), np.full(d, 1.0))

    def tree(depth: int) -> list[tuple[int, float]]:
        if depth == 0:
            return [LEAF]
        return [(int(random.integers(d)), float(random.uniform(-1.5, 1.5))), *tree(depth - 1), *tree(depth - 1)]

    boxes = boxes_of(whole, tree(4))
    assert boxes is not None and len(boxes) == 16 and any((box.low > box.high).any() for box in boxes)
    points, beyond = random.uniform(-1.0, 1.0, (4000, d)), random.uniform(1.0, 2.0, (100, d))
    assert (sum(_contains(box, points).astype(int) for box in boxes) == 1).all()
    assert not any(_contains(box, beyond).any() for box in boxes)


def test_sides_are_a_form_that_is_never_positive_inside() -> None:
    ellipsoid, axes = shape(3, 1)
    boxes = boxes_of(box_around(ellipsoid, axes), TREE)
    assert boxes is not None
    weights = np.array([0.5, 2.0, 0.0])
    for box in boxes:
        points = inside(ellipsoid, box)
        x = np.concatenate([np.ones((len(points), 1)), points], axis=1)
        values = np.einsum("bi,ij,bj->b", x, sides_form(box, weights).midpoint, x)
        places = (points - box.centre) @ axes.T
        assert values == pytest.approx(((places - box.low) * (places - box.high)) @ weights, abs=1e-9)
        assert len(points) > 10 and values.max() <= 1e-9


def lifted(generator: Generator) -> LiftedNetwork:
    found = lifted_network(generator.graph)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_input_of_a_cell_is_out_of_its_range(seed: int) -> None:
    d = 3
    generator = residual(seed, ("tanh", "relu", "softplus"), d, 2)
    network = lifted(generator)
    ellipsoid, skew = shape(d, seed)
    axes = (np.linalg.qr(skew)[0] if seed else skew) @ ellipsoid.root.T
    (whole,) = input_ranges(network, [ellipsoid])
    boxes = boxes_of(box_around(ellipsoid, axes), TREE)
    assert boxes is not None
    narrower = []
    for box in boxes:
        low, high = box_ranges(network, ellipsoid, box, whole)
        points = inside(ellipsoid, box)
        x = np.concatenate([np.ones((len(points), 1)), points, np.zeros((len(points), network.neurons))], axis=1)
        for layer in network.layers:
            name, parameters = network.sigmas[layer.start]
            values = x @ network.inputs.midpoint[layer].T
            (x[:, 1 + d + layer.start : 1 + d + layer.stop],) = activation(name).numeric(values, parameters, 0)
            assert (values >= low[layer] - 1e-12).all() and (values <= high[layer] + 1e-12).all()
        assert (low >= whole[0]).all() and (high <= whole[1]).all()
        narrower.append(((high - low) / (whole[1] - whole[0])).mean())
    assert np.mean(narrower) < (0.95 if seed else 1.0)


@pytest.mark.parametrize(("root", "axes"), [(1e50, 1e155), (1e-50, 1e-155), (1e-300, 1e-300)])
def test_extreme_axes_make_no_range_narrower_than_it_is(root: float, axes: float) -> None:
    network, radius = lifted(one_hidden_layer("tanh", 2, 4, 1)), 2.0 if root > 1e-300 else 2e-20
    ellipsoid = Ellipsoid(np.zeros(2), root * np.eye(2), radius * root)
    # Squares of the box's ends are no floats; in the last case its ends are below the normal range.
    with np.errstate(all="ignore"):
        (whole,) = input_ranges(network, [ellipsoid])
        box = box_around(ellipsoid, axes * np.eye(2)).halves(0, 0.5 * radius * axes)[1]
        low, high = box_ranges(network, ellipsoid, box, whole)
    turns = np.linspace(0.0, 2.0 * np.pi, 400)
    points = radius * (1.0 - 1e-12) * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    points = np.concatenate([points[points[:, 0] >= 0.5 * radius], [[0.5 * radius, 0.0]]])
    values = np.concatenate([np.ones((len(points), 1)), points], axis=1) @ network.inputs.midpoint[:, :3].T
    assert (values >= low).all() and (values <= high).all()


def test_what_floats_do_not_invert_bounds_nothing() -> None:
    """The residual of the inverse is above 1: divided by 1 less that, a reach would be negative."""
    network = lifted(one_hidden_layer("tanh", 2, 4, 1))
    steep = np.array([[1.48e-4, 0.0], [1.43e14, 1.34e-4]])
    bad, good = (Ellipsoid(np.zeros(2), root, 1.0) for root in (steep, np.eye(2)))
    with np.errstate(all="ignore"):
        (whole,), (known,) = (input_ranges(network, [item]) for item in (bad, good))
        assert np.isinf(whole).all() and np.isinf(box_around(bad, np.eye(2)).high).all()
        for item, axes in ((bad, np.eye(2)), (good, steep)):
            box = replace(box_around(good, axes), centre=item.centre, low=np.zeros(2), high=np.full(2, 1e-9))
            assert box_ranges(network, item, box, known) is known


def scene() -> tuple[Generator, FloatArray, GaussianLikelihood, Preparation]:
    """A decoder with four latents and an observation of it."""
    generator = one_hidden_layer("tanh", 4, 6, 1)
    random = np.random.default_rng(1)
    row = generator.value(random.standard_normal(4)) + BETA * random.standard_normal(generator.observed_dim)
    likelihood = GaussianLikelihood(row, BETA)
    prepared = prepare(generator.graph, likelihood)
    assert prepared is not None
    return generator, row, likelihood, prepared


Setting = tuple[Generator, FloatArray, Envelope, Envelope]


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    """What is proved by cells, whatever they are worth, and what is without."""
    generator, row, likelihood, prepared = scene()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("WEAK", -np.inf), ("ENOUGH", -np.inf), ("HOPELESS", np.inf)):
            patch.setattr(quadratic_envelope, name, value)
        patch.setattr(cell_envelope, "WORK", 20 * 6**2)
        shells = quadratic_envelope.verified_mixture

        uncut: list[MixtureBound] = []

        def weaker(*arguments: Any) -> MixtureBound | None:
            found = shells(*arguments)
            assert found is not None
            uncut.append(found)
            return replace(found, log_constant=1e3)

        patch.setattr(quadratic_envelope, "verified_mixture", weaker)
        patch.setattr(quadratic_envelope, "_single_bound", lambda *_: None)
        envelope = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)
    assert envelope is not None and len(uncut) == 1
    proof = uncut[0]
    all_of_them = replace(envelope, cells=None, evaluated=1.0, tries=1)
    plain = replace(all_of_them, proposal=proof.proposal, log_constant=proof.log_constant, proof=proof)
    yield generator, row, envelope, plain


def document(generator: Generator, row: FloatArray, envelope: Envelope) -> dict[str, Any]:
    record = rejection_proof(generator, row, BETA, EPSILON, envelope)
    found: dict[str, Any] = json.loads(json.dumps(document_of(record), allow_nan=False))
    return found


def test_what_cells_prove_is_true_on_them_and_everywhere(setting: Setting) -> None:
    generator, row, envelope, _ = setting
    proof = envelope.proof
    assert isinstance(proof, MixtureBound) and proof.cuts
    likelihood, random = GaussianLikelihood(row, BETA), np.random.default_rng(5)
    cells = [part for part in proof.regions if part.region.box is not None]
    assert len(cells) > 5 and len(cells) + 1 == len(proof.regions)
    met = 0
    for part in cells:
        region = part.region
        assert region.inside is not None and region.box is not None
        points = inside(region.inside, region.box, 4000)
        if region.outside is not None:
            lengths = np.linalg.norm((points - region.outside.centre) @ region.outside.root, axis=1)
            points = points[lengths >= region.outside.radius]
        if len(points):
            met += 1
            found = log_ratio(generator.graph, likelihood, proof.proposal, points).max()
            assert found <= part.log_constant + 1e-9 <= proof.log_constant + 1e-9
    assert met > 5
    for width in (1.0, 3.0, 10.0, 100.0):
        points = width * random.standard_normal((5000, 4))
        assert log_ratio(generator.graph, likelihood, proof.proposal, points).max() <= proof.log_constant


def test_a_record_of_cells_is_confirmed(setting: Setting) -> None:
    found = document(*setting[:3])
    assert refusal(found, setting[0]) == ""
    assert len(found["regions"]["cuts"]) == len(found["regions"]["radii"]) < len(found["regions"]["regions"])


def forged(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Records of other cells than those that were proved."""
    proof = found["regions"]
    shell = next(index for index, tree in enumerate(proof["cuts"]) if len(tree) > 1)
    first = sum((len(tree) + 1) // 2 for tree in proof["cuts"][:shell])

    def with_(**changes: Any) -> dict[str, Any]:
        return {**found, "regions": {**proof, **changes}}

    def cuts(tree: list[Any]) -> dict[str, Any]:
        trees = copy.deepcopy(proof["cuts"])
        trees[shell] = tree
        return with_(cuts=trees)

    def cell(**changes: Any) -> dict[str, Any]:
        parts = copy.deepcopy(proof["regions"])
        parts[first] |= changes
        return with_(regions=parts)

    tree = proof["cuts"][shell]
    axis, place = tree[0]
    for name, moved in (("cut moved out", 50.0), ("cut moved far out", 1e6), ("cut moved the other way", -50.0)):
        yield name, cuts([[axis, (float.fromhex(place) + moved).hex()], *tree[1:]])
    yield "another axis", cuts([[(axis + 1) % 4, place], *tree[1:]])
    yield "an axis that is none", cuts([[7, place], *tree[1:]])
    yield "a leaf too many", cuts([*tree, [-1, (0.0).hex()]])
    yield "a leaf left out", cuts(tree[:-1])
    yield "uncut", cuts([[-1, (0.0).hex()]])
    yield "trees left out", with_(cuts=[])
    yield "a tree left out", with_(cuts=proof["cuts"][1:])
    yield "axes left out", with_(axes=[])
    yield "axes of another scale", with_(axes=[[(0.1 * float.fromhex(x)).hex() for x in row] for row in proof["axes"]])
    yield "axes singular", with_(axes=[proof["axes"][0]] * 4)
    yield "axes extreme", with_(axes=[[(1e155 * float.fromhex(x)).hex() for x in row] for row in proof["axes"]])
    yield "a place extreme", cuts([[axis, (1e155).hex()], *tree[1:]])
    yield "more cuts than regions", cuts([[axis, place]] * 5000 + [[-1, (0.0).hex()]] * 5001)
    yield "axes are no numbers", with_(axes=[[float("nan").hex()] * 4] * 4)
    yield "region left out", with_(regions=proof["regions"][:first] + proof["regions"][first + 1 :])
    sides = [float.fromhex(side) for side in proof["regions"][first]["sides"]]
    yield "sides left out", cell(sides=[])
    yield "a side left out", cell(sides=proof["regions"][first]["sides"][:-1])
    yield "sides negative", cell(sides=[(-side - 1e-3).hex() for side in sides])
    yield "sides larger", cell(sides=[(1e3 + 10 * side).hex() for side in sides])
    height = float.fromhex(proof["regions"][first]["offset"])
    yield "offset", cell(offset=(height - 0.5 * (1 + abs(height))).hex())


def test_forged_cells_are_refused(setting: Setting) -> None:
    names = []
    for name, record in forged(document(*setting[:3])):
        reason = refusal(record, setting[0])
        assert reason != "" and (name != "axes singular" or "the axes of its cells" in reason), name
        names.append(name)
    assert len(names) > 15


def test_a_record_from_before_there_were_cuts_is_confirmed(setting: Setting) -> None:
    found = document(*setting[:2], setting[3])
    assert found["regions"]["cuts"] == found["regions"]["axes"] == []
    for part in ("cuts", "axes"):
        del found["regions"][part]
    for region in found["regions"]["regions"]:
        del region["sides"]
    assert refusal(found, setting[0]) == ""


def test_a_cell_without_points_and_a_search_that_fails_leave_what_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = one_hidden_layer("tanh", 4, 3, 1)
    likelihood = GaussianLikelihood(generator.value(np.full(4, 0.3)), BETA)
    prepared = prepare(generator.graph, likelihood)
    assert prepared is not None
    plain = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)
    monkeypatch.setattr(quadratic_envelope, "WEAK", -np.inf)
    monkeypatch.setattr(cell_envelope, "WORK", 0.0)
    share = cell_search._log_share

    def none_inside(radii: tuple[float, float], box: Box, mean: FloatArray, *rest: Any) -> tuple[float, FloatArray]:
        found = share(radii, box, mean, *rest)
        return found if radii[0] else (-np.inf, np.clip(mean, box.low, box.high)[None])

    monkeypatch.setattr(cell_search, "_log_share", none_inside)
    found = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)

    def fails(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(quadratic_envelope, "cell_bound", fails)
    again = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)
    assert plain is not None and found is not None and again is not None
    assert again.log_constant == plain.log_constant and again.cells is None
    assert found.cells is None or found.acceptance > plain.acceptance


@pytest.mark.parametrize("bent", [0, 2, 3])
def test_a_cell_is_cut_across_the_latent_that_neurons_bend_in(bent: int) -> None:
    """G(z) = (z, tanh(c z_bent) ..): the cell's Gaussian is wider along the other axes, where nothing is lost."""
    d, random = 4, np.random.default_rng(bent)
    slopes = np.zeros((3, d))
    slopes[:, bent] = 1.0, 1.5, -2.0
    hidden = Affine(0, slopes, np.array([0.0, 0.5, -0.3]))
    ends = Affine(2, random.uniform(1.0, 2.0, (3, 3)), np.zeros(3))
    graph = Graph(
        (
            Input(d), hidden, Activation(1, "tanh", 3, ()), ends,
            Affine(3, np.eye(7, 3, k=0), np.zeros(7)), Affine(0, np.eye(7, d, k=-3), np.zeros(7)),
            Sum((4, 5), (1.0, 1.0), 7),
        )
    )  # fmt: skip
    likelihood = GaussianLikelihood(np.zeros(7), 1.0)
    prepared = prepare(graph, likelihood)
    assert prepared is not None
    network = prepared.network
    objective = lower_objective(network, form_of(network, likelihood).midpoint)
    ellipsoid = Ellipsoid(np.zeros(d), np.eye(d), 3.0)
    shells = cell_search.Shells(
        network, objective, prepared.constraints.scales, np.eye(d), np.eye(d), [ellipsoid],
        input_ranges(network, [ellipsoid]),
    )  # fmt: skip
    box = box_around(ellipsoid, np.eye(d))
    cell = cell_search.searched_cell(shells, 0, box, prepared.start, [], random)
    assert ((cell.drawn >= box.low) & (cell.drawn <= box.high)).all() and len(cell.drawn) == cell_search.LOOKED_AT
    leaf = cell_search.Tree(cell)
    cell_search.divide(shells, leaf, random)
    axis, place = leaf.cut
    assert axis == bent and place == pytest.approx(np.median(cell.drawn[:, bent]), abs=1e-12)
    # Both parts have less of exp(-q) than the cell had. Without draws the cell is cut where its Gaussian is.
    first, second = (part.cell.evaluated for part in leaf.parts)
    assert np.logaddexp(first, second) < cell.evaluated - 0.01
    none = cell_search._cut_of(shells, replace(cell, drawn=np.clip(cell.mean, box.low, box.high)[None]))
    assert none[0] == bent and box.low[bent] < none[1] < box.high[bent]


def test_a_cell_in_which_a_neuron_hardly_matters_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two neurons with the same way out: by their own forms alone is the whole form definite, by some 1e-14."""
    graph = Graph(
        (
            Input(2),
            Affine(0, np.array([[1.0, 0.3], [0.2, -0.8]]), np.array([0.1, 0.4])),
            Activation(1, "softplus", 2, ()),
            Affine(2, np.array([[1.0, 1.0], [0.5, 0.5], [-1.0, -1.0]]), np.zeros(3)),
        )
    )
    likelihood = GaussianLikelihood(np.array([0.5, 0.2, -0.4]), 1.0)
    prepared = prepare(graph, likelihood)
    assert prepared is not None
    network = prepared.network
    form = form_of(network, likelihood)
    ellipsoid = Ellipsoid(np.zeros(2), np.eye(2), 3.0)
    shells = cell_search.Shells(
        network, lower_objective(network, form.midpoint), prepared.constraints.scales, np.eye(2), np.eye(2),
        [ellipsoid], input_ranges(network, [ellipsoid]),
    )  # fmt: skip
    box = box_around(ellipsoid, np.eye(2))
    flat = BarrierPoint(np.tile([0.0, 0.0, 0.0, 0.0, 4e-15], (2, 1)), np.zeros(2))
    monkeypatch.setattr(cell_search, "minimise", lambda *_: BarrierPath(flat, prepared.start, 0, True))
    cell = cell_search.searched_cell(shells, 0, box, prepared.start, [], np.random.default_rng(0))
    found = cell_envelope._proved(network, form, shells, cell)
    assert found is not None
    # Without what is added to the form it is not.
    monkeypatch.setattr(cell_envelope, "GIVEN_UP", tuple((share, 0.0) for share, _ in cell_envelope.GIVEN_UP))
    assert cell_envelope._proved(network, form, shells, cell) is None
    # And what is added is small beside the proof: f is above the Gaussian that is proved.
    points = np.random.default_rng(1).standard_normal((4000, 2)) * 1.5
    points = points[np.linalg.norm(points, axis=1) <= 3.0]
    proof, mixture = found
    heights = potential(graph, likelihood, points) + mixture.log_density(points) + proof.log_constant
    gaps = (points**2).sum(axis=1) - 9.0
    sides = ((points - box.low) * (points - box.high)) @ proof.sides
    assert (heights >= -0.5 * (proof.inside * gaps + sides) - 1e-9).all()
