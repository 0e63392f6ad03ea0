"""The benchmarks' own mathematics: the suite, exactly known constants, the peers' formulas and the judgement."""

import numpy as np
import pytest
from flint import arb

from benchmarks import constants_report, exact_constants, known_networks, networks, peers, soundness
from certify.arithmetic.balls import midpoint, precision
from certify.bounds.bracket import BoundEvidence, Bracket
from certify.generators import derivatives
from certify.generators.activations.table import derivatives as activation_derivatives
from certify.verdict import Evidence


def test_suite_has_what_it_promises() -> None:
    specifications = networks.SPECIFICATIONS
    assert len(set(specifications)) == len(specifications) >= 40
    assert {text.partition(":")[0] for text in specifications} == {"plain", "residual", "wide", "conv", "coupling"}
    for wanted in ("tanh", "=softplus", "leaky_softplus", "gelu", "d=2,", "d=8,", "d=32,", "d=64,", "d=128,"):
        assert any(wanted in text for text in specifications), wanted
    assert {text.partition("depth=")[2][0] for text in specifications} == {"1", "2", "3", "4"}
    assert set(networks.QUICK) < set(specifications)


@pytest.mark.parametrize("specification", networks.QUICK)
def test_networks_are_square_and_finite(specification: str) -> None:
    made = networks.network(specification)
    assert made.generator.latent_dim == made.generator.observed_dim and made.is_shallow and made.has_goal
    assert np.isfinite(made.generator.value(np.ones(made.generator.latent_dim))).all()


def test_published_networks_have_their_shapes() -> None:
    found = {item.generator.name: item for item in networks.lipsdp()}
    assert set(found) == set(networks.PUBLISHED)
    assert (found["mnist_weights"].generator.latent_dim, found["random_weights"].depth) == (784, 3)
    assert pytest.approx(31.5035, rel=1e-4) == peers.product_of_norms(found["mnist_weights"].generator).M
    assert pytest.approx(43.3056, rel=1e-4) == peers.product_of_norms(found["random_weights"].generator).M


@pytest.mark.parametrize("size", [1, 2, 4, 5, 9])
def test_orthogonal_factors_are_exact(size: int) -> None:
    for seed in range(5):
        factor = known_networks.exact_orthogonal(size, np.random.default_rng(seed))
        assert np.array_equal(factor @ factor.T, np.eye(size))


@pytest.mark.parametrize("name", known_networks.SMOOTH)
def test_closed_forms_of_activations_are_the_suprema(name: str) -> None:
    line = np.linspace(-12, 12, 48001)
    _, slope, bend, twist = activation_derivatives(name, line, exact_constants.PARAMETERS.get(name, ()), 3)
    facts = exact_constants.slope_facts(name)
    reached = (slope.min(), slope.max(), abs(bend).max(), abs(twist).max())
    slack = 0.01 if name == "atan" else 2e-5
    exacts = (facts.low, facts.high, facts.bend, facts.twist)
    for found, exact, side in zip(reached, exacts, (-1, 1, 1, 1), strict=True):
        assert side * (found - midpoint(exact)) <= 1e-9
        assert found == pytest.approx(midpoint(exact), abs=slack)


@pytest.mark.parametrize("index", range(18))
def test_known_constants_contain_every_sample(index: int) -> None:
    with precision(soundness.BITS):
        case = known_networks.known_network(index, seed=3)
    graph, rng = case.graph, np.random.default_rng(index)
    offsets = rng.normal(size=(200, graph.latent_dim))
    if case.region.radius is not None:
        offsets *= case.region.radius * rng.random((200, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
        offsets += np.array(case.region.centre)
    values = np.linalg.svd(derivatives.jacobian(graph, offsets), compute_uv=False)
    most, least = case.truths["M"], case.truths["m"]
    assert values.max() <= float(most.upper) * (1 + 1e-9)
    if graph.observed_dim >= graph.latent_dim:
        assert values.min() >= float(least.lower) * (1 - 1e-9) - 1e-13 * values.max()


def test_singular_truths_of_a_product_and_of_a_singular_matrix() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(4, 3)), rng.normal(size=(5, 4))]
    exact = np.linalg.svd(weights[1] @ weights[0], compute_uv=False)
    with precision(soundness.BITS):
        found = known_networks.singular_truths(weights)
        flat = known_networks.singular_truths([np.ones((3, 3))])
    assert float(found["M"].lower) == pytest.approx(exact[0], rel=1e-13)
    assert float(found["m"].upper) == pytest.approx(exact[-1], rel=1e-13)
    assert bool(flat["m"].lower == 0) and float(flat["m"].upper) < 1e-70 and float(flat["M"].upper) == pytest.approx(3)


def test_judgement_sees_a_false_end_on_either_side() -> None:
    evidence = BoundEvidence(Evidence.RIGOROUS, "forged")
    truth = exact_constants.Truth.exactly(arb(2))
    for low, high, wrong in ((1.0, 3.0, 0), (2.0, 2.0, 0), (1.0, 1.9, 1), (2.1, 3.0, 1), (2.0000000000000004, 3.0, 1)):
        assert len(soundness.excluded(Bracket(low, high, evidence, evidence), truth)) == wrong
    assert soundness.tightness("m", Bracket(1.0, 2.0, evidence, evidence), truth) == pytest.approx(2.0)
    assert soundness.tightness("M", Bracket(1.0, 3.0, evidence, evidence), truth) == pytest.approx(1.5)


def test_slopes_of_both_signs_mean_no_lower_constant() -> None:
    crossing = exact_constants.stretch_truths([(arb(-1), arb(2)), (arb(1), arb(3))])
    assert bool(crossing["m"].upper == 0) and bool(crossing["M"].lower == 3)
    falling = exact_constants.stretch_truths([(arb(-4), arb(-1))])
    assert bool(falling["m"].lower == 1) and bool(falling["M"].upper == 4)


@pytest.mark.parametrize("specification", ["residual:d=2,width=8,depth=2,activation=gelu", *networks.QUICK[:4]])
def test_sectors_of_the_peer_contain_true_increments(specification: str) -> None:
    generator = networks.network(specification).generator
    sectors = peers._sectors(generator.graph)
    assert sectors is not None
    rng = np.random.default_rng(0)
    first, second = 3 * rng.normal(size=(2, generator.latent_dim))
    from certify.generators.graph import Activation

    etas = []
    values = [
        derivatives.value(type(generator.graph)(generator.graph.nodes[: k + 1]), np.array([first, second]))
        for k in range(len(generator.graph.nodes))
    ]
    for node, value in zip(generator.graph.nodes, values, strict=True):
        if isinstance(node, Activation):
            etas.append(value[0] - value[1])
    x = np.concatenate([first - second, *etas])
    assert np.all((sectors.below @ x) * (sectors.above @ x) <= 1e-12)
    assert np.allclose(sectors.output @ x, values[-1][0] - values[-1][1])


def row(peer_m: float, peer_most: float, low: float = 0.5, high: float = 0.6) -> constants_report.Row:
    brackets = {
        "m": {"lower": low, "upper": high},
        "M": {"lower": 1.0, "upper": 1.2},
        "M2": {"lower": 0.1, "upper": 0.3},
        "M3": {"lower": 0.0, "upper": 0.0},
    }
    return {
        "network": "residual:x",
        "kind": "residual",
        "latent_dim": 8,
        "depth": 1,
        "has_goal": True,
        "budget": 1.0,
        "seconds": 2.0,
        "stretch_seconds": 1.0,
        "brackets": brackets,
        "peers": [
            {"peer": "LipSDP", "m": peer_m, "M": peer_most, "seconds": 0.5, "note": ""},
            {"peer": "product of norms", "m": 0.1, "M": 9.0, "seconds": 0.0, "note": ""},
        ],
    }


def test_report_names_missed_goals_and_false_peers() -> None:
    honest = constants_report.report([row(0.55, 1.1)])
    assert "FALSE" not in honest and "0 of 1" in honest
    false = constants_report.report([row(0.7, 0.9)])
    assert false.count("FALSE") == 2 and "LipSDP m = 0.7" in false
    assert constants_report.looser_than_peers(row(0.55, 1.1), "M") == pytest.approx(1.2 / 1.1 - 1)
    assert constants_report.looser_than_peers(row(0.7, 0.9), "M") == pytest.approx(1.2 / 9.0 - 1)
    stopped = row(0.55, 1.1)
    stopped["peers"][0]["note"] = "SCS, size 96, user_limit/optimal"
    assert constants_report.looser_than_peers(stopped, "M") is None
    assert constants_report.excess(row(0.5, 1.0, 0.0, 1e-9), "m") is None
    assert constants_report.excess(row(0.5, 1.0), "M2") == pytest.approx(2.0)
    kinked = row(0.5, 1.0)
    kinked["brackets"]["M2"] = {"lower": "inf", "upper": "inf"}
    assert constants_report.excess(kinked, "M2") is None
    assert "nan" not in constants_report.report([kinked])
