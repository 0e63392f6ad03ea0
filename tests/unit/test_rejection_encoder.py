"""Theorem R: its yardstick, its steps on generators, mutants that must be refuted, single observations by boxes."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import certify
from certify.bounds.bracket import unknown_brackets
from certify.checking.check import check
from certify.checking.running import run_step
from certify.discovery.registry import load_theorem
from certify.envelopes.box_certificate import Envelope, box_envelope, tail_constant
from certify.envelopes.box_rows import work_of_box
from certify.envelopes.box_search import BoxLimits, log_integral_lower, log_ratio, supremum_of_ratio
from certify.envelopes.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood, potential
from certify.envelopes.mixture import Mixture
from certify.envelopes.rejection import exact_draws, measured_acceptance, proposals_needed
from certify.errors import CertifyError, InputError, InternalError
from certify.execution.door import Execution
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node
from certify.progress import SilentProgress
from certify.proof.conclusion import settle
from certify.proof.instance import Instance
from certify.proof.optimiser import largest_beta, shortest
from certify.proof.theorem import ObservationsAsked
from certify.report.first_screen import in_words
from certify.report.observations import observation_table, observation_tables
from certify.report.terminal import draw, render_text
from certify.verdict import Verdict
from tests.generators import one_hidden_layer
from theorems.rejection_encoder import observations
from theorems.rejection_encoder.found import Rejection
from theorems.rejection_encoder.observations import REACH, Reach, _record, certify_row, certify_rows

THEOREM = load_theorem("rejection-encoder")
CONSTANTS = dict(d=8, n=8, m=1, M="1.5", M2="0.15", t_x=2, N=1000)
LIMITS = BoxLimits(0.1, 20_000)


def asked(generator: Generator, rows: np.ndarray, epsilon: Fraction, resume: Path | None) -> ObservationsAsked:
    return ObservationsAsked(
        THEOREM, generator, unknown_brackets(), rows, 0.4, epsilon, SilentProgress(), Execution(resume=resume)
    )


def observation(generator: Generator, beta: float, seed: int) -> np.ndarray:
    random = np.random.default_rng([seed, 1])
    image = value(generator.graph, random.standard_normal((1, generator.latent_dim)))[0]
    return image + beta * random.standard_normal(generator.observed_dim)


@pytest.mark.parametrize(
    ("beta", "epsilon", "proposals"),
    [("0.0927", "0.1", 3), ("0.1855", "0.1", 6), ("0.0927", "0.001", 9), ("0.1855", "0.001", 18)],
)
def test_yardstick_of_the_constants(beta: str, epsilon: str, proposals: int) -> None:
    found = shortest(THEOREM, {**CONSTANTS, "beta": beta, "epsilon": epsilon})
    assert found is not None and found.distance_upper <= float(epsilon)
    assert int(found.choices["K"]) <= proposals


def test_the_largest_noise_is_beyond_the_langevin_encoders() -> None:
    largest = largest_beta(THEOREM, {**CONSTANTS, "epsilon": "0.1"})
    assert largest is not None and largest[0] >= 0.55


@pytest.fixture(scope="module")
def instance() -> Instance:
    generator = certify.load_generator("residual:d=2,width=8,depth=1,lipschitz=0.4,activation=tanh,seed=3")
    brackets = certify.constants(generator, effort=2000.0)
    setting = settle(THEOREM, generator, brackets, Fraction(1, 5), Fraction(1, 1000), None, 0)
    assert setting.certificate is not None
    return Instance(THEOREM, setting.certificate, generator, brackets, setting.observations, setting.beta, 0)


@pytest.mark.parametrize("label", [step.label for step in THEOREM.steps])
def test_every_step_holds_on_a_generator(instance: Instance, label: str) -> None:
    record = run_step(THEOREM.step(label), instance)
    assert record.verdict is Verdict.SUPPORTED, record


@pytest.mark.parametrize("factor", [sp.Rational(8, 5), sp.Integer(3)])
def test_a_larger_acceptance_is_refuted(instance: Instance, factor: sp.Expr) -> None:
    step = THEOREM.step("p")
    wrong = replace(step, claims=(replace(step.claims[0], bound=factor * step.claims[0].bound),))
    assert run_step(wrong, instance).verdict is Verdict.REFUTED


def test_a_law_that_forgets_the_failures_is_refuted(instance: Instance) -> None:
    step = THEOREM.step("R2")
    wrong = replace(step, claims=(replace(step.claims[0], bound=step.claims[0].bound / 40),))
    assert run_step(wrong, instance).verdict is Verdict.REFUTED


@pytest.mark.parametrize("name", ["relu", "tanh", "sin", "leaky_relu"])
@pytest.mark.parametrize("d", [1, 2])
def test_an_envelope_is_above_the_posterior_everywhere(name: str, d: int) -> None:
    generator = one_hidden_layer(name, d, 6, 11)
    likelihood = GaussianLikelihood(observation(generator, 0.4, 5), 0.4)
    envelope = box_envelope(generator.graph, likelihood, components=6, limits=LIMITS)
    assert envelope is not None and envelope.acceptance > 0.2
    axis = np.linspace(-9, 9, 4001 if d == 1 else 181)
    grid = axis[:, None] if d == 1 else np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert log_ratio(generator.graph, likelihood, envelope.proposal, grid).max() <= envelope.log_constant
    # The integral from below, against the midpoint rule.
    cell = (axis[1] - axis[0]) ** d
    integral = np.exp(-potential(generator.graph, likelihood, grid)).sum() * cell
    assert envelope.log_integral <= np.log(integral) + 1e-3
    assert envelope.log_integral >= np.log(integral) - 0.2


def test_the_accepted_draws_have_the_posterior_law() -> None:
    # A two-sample comparison with the exact law on a grid: false alarms below 1e-6 (Dvoretzky-Kiefer-Wolfowitz).
    generator = one_hidden_layer("relu", 1, 4, 2)
    likelihood = GaussianLikelihood(observation(generator, 0.4, 8), 0.4)
    envelope = box_envelope(generator.graph, likelihood, components=6, limits=LIMITS)
    assert envelope is not None
    draws = np.sort(exact_draws(generator, likelihood, envelope, 20_000, 4)[:, 0])
    axis = np.linspace(-8, 8, 40_001)
    density = np.exp(-potential(generator.graph, likelihood, axis[:, None]))
    law = np.interp(draws, axis, np.cumsum(density) / density.sum())
    distance = np.abs(law - (np.arange(len(draws)) + 0.5) / len(draws)).max()
    assert distance <= np.sqrt(np.log(2 / 1e-6) / (2 * len(draws))) + 1e-3
    # Draws of another law are seen: the same ones, a tenth wider.
    law = np.interp(1.1 * draws, axis, np.cumsum(density) / density.sum())
    assert np.abs(law - (np.arange(len(draws)) + 0.5) / len(draws)).max() > 0.03


def test_a_bernoulli_likelihood_is_enveloped() -> None:
    generator = one_hidden_layer("tanh", 2, 6, 4)
    likelihood: Likelihood = BernoulliLikelihood((np.random.default_rng(2).random(6) < 0.5).astype(float))
    envelope = box_envelope(generator.graph, likelihood, components=6, limits=LIMITS)
    assert envelope is not None and envelope.acceptance > 0.4
    found = measured_acceptance(generator, likelihood, envelope, 20_000, 0)
    assert found.upper >= envelope.acceptance
    with pytest.raises(InputError, match="in \\[0, 1\\]"):
        BernoulliLikelihood(np.array([0.0, 1.5]))


def test_a_search_that_is_cut_off_still_bounds() -> None:
    generator = one_hidden_layer("sin", 2, 6, 9)
    likelihood = GaussianLikelihood(observation(generator, 0.4, 3), 0.4)
    proposal = Mixture(np.array([1.0]), np.zeros((1, 2)), np.eye(2)[None] / 1.3)
    corner, seen = np.full(2, 6.0), np.zeros((1, 2))
    full = supremum_of_ratio(generator.graph, likelihood, proposal, -corner, corner, seen, LIMITS)
    cut = supremum_of_ratio(generator.graph, likelihood, proposal, -corner, corner, seen, BoxLimits(0.1, 40))
    assert full.finished and not cut.finished
    assert cut.upper >= full.upper >= full.lower
    few = log_integral_lower(generator.graph, likelihood, -corner, corner, 0.9, BoxLimits(0.1, 300))
    many = log_integral_lower(generator.graph, likelihood, -corner, corner, 0.999, BoxLimits(0.1, 8000))
    assert few.lower <= many.lower


def test_the_tail_needs_a_component_wider_than_the_prior() -> None:
    narrow = Mixture(np.array([1.0]), np.zeros((1, 2)), 2.0 * np.eye(2)[None])
    assert tail_constant(narrow, 100.0, 0.0) == np.inf
    wide = Mixture(np.array([1.0]), np.zeros((1, 2)), np.eye(2)[None] / 1.3)
    # exp(-|z|^2/2)/rho falls with |z|; at |z| = reach it is what the closed form says.
    at = 3.0
    exact = -(at**2) / 2 - wide.log_density(np.array([[at, 0.0]]))[0]
    assert tail_constant(wide, at, 0.0) == pytest.approx(exact, abs=1e-9)
    assert tail_constant(wide, at, 0.0) >= exact - 1e-12


@pytest.mark.parametrize(("p", "count"), [(0.5, 4), (1.0, 1), (0.91, 1), (0.89, 2)])
def test_proposals_needed(p: float, count: int) -> None:
    epsilon = "0.1"
    found = proposals_needed(p, Fraction(epsilon))
    assert found is not None and found.proposals == count
    assert Fraction(found.tv_bound) <= Fraction(epsilon)


def test_no_number_of_proposals_without_acceptance_or_room() -> None:
    assert proposals_needed(0.0, Fraction(1, 10)) is None
    assert proposals_needed(0.5, Fraction(1, 10), tail=0.2) is None
    assert proposals_needed(1e-15, Fraction(1, 10)) is None


def test_a_relu_decoder_is_certified_observation_by_observation(tmp_path: Path) -> None:
    generator = one_hidden_layer("relu", 2, 6, 21)
    rows = np.stack([observation(generator, 0.4, seed) for seed in range(2)])
    resume = tmp_path / "rows.json"
    result = check(["rejection-encoder"], [generator], observations=rows, execution=Execution(resume=resume))
    record = result.theorems[0]
    assert record.verdict is Verdict.SUPPORTED and result.exit_code == 0
    assert [item.label for item in record.assumptions] == ["A0"]
    for item in record.to_dict()["observations"]:
        assert item["verdict"] == "proved" and item["theorem"] == "Theorem R" and item["layers"] <= 20
        assert item["p_measured"]["upper"] >= item["p_certified"] and item["envelope"] == "boxes"
    again = check(["rejection-encoder"], [generator], observations=rows, execution=Execution(resume=resume))
    assert again.theorems[0].observations == record.observations


@pytest.mark.parametrize(("name", "parameters"), [("log", ()), ("power", (0.5,)), ("reciprocal", ())])
def test_nothing_is_certified_where_the_decoder_may_be_undefined(name: str, parameters: tuple[float, ...]) -> None:
    # Six deviations from the origin the argument is 0: no float of a lattice near the posterior notices.
    nodes = (Input(1), Affine(0, np.ones((2, 1)), np.full(2, 6.1)), Activation(1, name, 2, parameters))
    generator = Generator("undefined", Graph(nodes), 4, {})
    found = certify_row(generator, 0.3, Fraction(1, 10), np.array([1.8, 1.8]))
    assert found.proposals is None and "undefined" in found.reason
    with pytest.raises(CertifyError, match="undefined"):
        box_envelope(generator.graph, GaussianLikelihood(np.ones(2), 0.3))


def test_floats_that_overflow_have_no_mass() -> None:
    # Exp of exp is infinite beyond z = 6.6, and inf - inf is no number.
    nodes = (Input(1), Affine(0, np.ones((2, 1)), np.zeros(2)), Activation(1, "exp", 2), Activation(2, "exp", 2),
             Affine(3, np.array([[1.0, -1.0]]), np.zeros(1)))  # fmt: skip
    graph = Graph(nodes)
    assert potential(graph, GaussianLikelihood(np.zeros(1), 1.0), np.array([[8.0]]))[0] == np.inf
    envelope = box_envelope(graph, GaussianLikelihood(np.zeros(1), 1.0), components=4, limits=BoxLimits(0.1, 600))
    assert envelope is None or 0.0 <= envelope.acceptance <= 1.0


@pytest.mark.parametrize("beta", [0.0, -0.4, np.nan, np.inf, 1e-200])
def test_a_noise_level_outside_the_range_of_floats_is_refused(beta: float) -> None:
    with pytest.raises(InputError, match="beta"):
        GaussianLikelihood(np.zeros(2), beta)
    with pytest.raises(InputError, match="finite"):
        GaussianLikelihood(np.array([np.nan]), 1.0)


def test_more_latents_than_boxes_can_cover_take_quadratic_forms() -> None:
    generator = one_hidden_layer("relu", 5, 4, 1)
    found = certify_row(generator, 0.4, Fraction(1, 10), observation(generator, 0.4, 1))
    assert found.numbers is not None and found.numbers.envelope == "quadratic form"
    assert found.numbers.p_measured[1] >= found.numbers.p_certified > 0


def test_envelopes_compare_by_acceptance() -> None:
    proposal = Mixture(np.array([1.0]), np.zeros((1, 1)), np.ones((1, 1, 1)))
    assert Envelope(proposal, 1.0, 0.0, 1).acceptance == pytest.approx(np.exp(-1.0))
    assert Envelope(proposal, 1.0, -np.inf, 1).acceptance == 0.0
    with pytest.raises(InternalError, match="a bound is wrong"):
        _ = Envelope(proposal, 0.0, 0.1, 1).acceptance


def test_observations_without_a_noise_level_are_told_to_give_one() -> None:
    generator = replace(one_hidden_layer("relu", 2, 6, 21), metadata={})
    result = check(["rejection-encoder"], [generator], observations=observation(generator, 0.4, 0)[None])
    assert "--beta" in result.theorems[0].reason and result.theorems[0].observations == ()
    assert "give `--beta`" in in_words(result.theorems[0])


def test_the_table_of_observations_shows_the_acceptance() -> None:
    generator = one_hidden_layer("relu", 1, 4, 2)
    rows = observation(generator, 0.4, 8)[None]
    records = certify_rows(asked(generator, rows, Fraction(1, 10), None))
    table = observation_table(records)
    headings = [column.heading for column in table.columns]
    assert headings[5:] == ["p", "p measured", "reason"]
    found = records[0].rejection
    assert found is not None
    low, high = map(float, table.rows[0][6].text.split(" to "))
    assert low <= found.p_measured[0] < found.p_measured[1] <= high <= low + 0.1


@cache
def right_row() -> Rejection:
    """What `certify_row` returns of one decoder."""
    generator = one_hidden_layer("relu", 1, 4, 2)
    return certify_row(generator, 0.4, Fraction(1, 10), observation(generator, 0.4, 8))


def found_with(p: float, low: float, high: float, log_integral: float = -5.0, noise: float = 0.05) -> Rejection:
    """What `certify_row` returns, with other numbers."""
    right = right_row()
    assert right.proof is not None
    needed = proposals_needed(p, Fraction(1, 10))
    count, bound = (None, None) if needed is None else (needed.proposals, needed.tv_bound)
    proof = replace(
        right.proof, acceptance=p, log_constant=0.0, log_integral=log_integral, proposals=count, tv_bound=bound
    )
    return Rejection(proof, "", (low, high), noise)


@pytest.mark.parametrize(
    ("numbers", "verdict", "said"),
    [
        ((1e-130, 0.2, 0.3, -300.0), Verdict.SUPPORTED, "log int exp(-f) is 298 too low"),
        ((0.0, 0.2, 0.3, -math.inf), Verdict.SUPPORTED, "no lower bound of the integral"),
        ((0.0, 0.0, 7e-4), Verdict.INCONCLUSIVE, "log C is too large: none of the proposals was accepted"),
        ((1e-12, 0.0, 7e-4, -27.7), Verdict.INCONCLUSIVE, "needs more than 1e+09 proposals: log C is 27.6"),
        # What was measured contradicts what was certified: it supports nothing, and there is no certificate.
        ((0.5, 0.2, 0.3), Verdict.INCONCLUSIVE, "but measured below 0.3"),
    ],
)
def test_a_measured_acceptance_supports_and_a_reason_names_the_quantity(
    numbers: tuple[float, ...], verdict: Verdict, said: str
) -> None:
    generator = one_hidden_layer("relu", 1, 4, 2)
    record = _record(generator, 0, found_with(*numbers), 0.4)
    assert record.verdict is verdict and said in record.reason and not record.certified
    assert record.layers is None and record.tv_bound is None
    assert "certified at noise 0.05" in record.reason
    assert ("supported, not proved: K = " in record.reason) is (verdict is Verdict.SUPPORTED)
    assert (record.certificate is None) is ("measured below" in said)
    other = _record(generator, 0, replace(found_with(*numbers), largest_noise=0.0), 0.4, REACH.otherwise)
    assert "not certified at noise 0.8, 0.2, 0.1, 0.05 either" in other.reason


def test_work_that_is_counted_leaves_the_other_noise_out_and_says_how_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = one_hidden_layer("relu", 1, 4, 2)
    rows = observation(generator, 0.4, 8)[None].repeat(4, axis=0)
    question = asked(generator, rows, Fraction(1, 10), None)
    looked = certify_rows(question)
    assert [item.values.get("largest_noise") for item in looked] == [0.8] * 3 + [None]
    assert all(item.reason == "" for item in looked)
    numbers = looked[0].rejection
    assert numbers is not None
    work = numbers.boxes * work_of_box(generator.graph)
    monkeypatch.setattr(observations, "LARGEST_WORK", work)
    assert certify_rows(question)[0].reason == "", "as much as that is looked at"
    monkeypatch.setattr(observations, "LARGEST_WORK", 0.99 * work)
    found = certify_rows(question)
    assert [item.layers for item in found] == [item.layers for item in looked]
    assert all("largest_noise" not in item.values for item in found)
    assert all("noise 0.8 was left out" in item.reason and "--beta 0.8" in item.reason for item in found[:3])
    result = check(["rejection-encoder"], [generator], beta=Fraction(2, 5), observations=rows)
    assert "--beta 0.8 asks for it" in in_words(result.theorems[0])
    assert found[3].reason == "" and all(item.reason == "" for item in certify_rows(question, Reach(above=())))


def three_layers() -> Generator:
    random = np.random.default_rng(3)
    nodes: list[Node] = [Input(4)]
    for width, fan in ((3, 4), (3, 3), (3, 3)):
        nodes.append(Affine(len(nodes) - 1, random.standard_normal((width, fan)) / fan, np.zeros(width)))
        nodes.append(Activation(len(nodes) - 1, "tanh", width))
    nodes.append(Affine(len(nodes) - 1, random.standard_normal((6, 3)) / 3, np.zeros(6)))
    return Generator("deep", Graph(tuple(nodes)), 100, {})


def test_a_decoder_with_three_hidden_layers_is_certified() -> None:
    result = check(["rejection-encoder"], [three_layers()], beta=Fraction(1), observations=np.zeros((1, 6)))
    (record,) = result.theorems[0].observations
    assert record.verdict is Verdict.PROVED and record.rejection is not None and record.layers == 1
    low, high = record.rejection.p_measured
    assert 0.8 * low < record.rejection.p_certified <= high


def test_where_the_integral_has_no_lower_bound_a_decoder_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certify.envelopes.shell_evidence.MOST_NEURONS", 8)
    result = check(["rejection-encoder"], [three_layers()], beta=Fraction(1), observations=np.zeros((1, 6)))
    (record,) = result.theorems[0].observations
    assert record.verdict is Verdict.SUPPORTED and record.rejection is not None
    assert record.rejection.layers_measured is not None and record.rejection.p_certified == 0.0
    assert result.verdict is Verdict.SUPPORTED and result.exit_code == 0
    text = "\n".join(render_text(draw(table)) for table in observation_tables(result.theorems[0]))
    assert "measured, not proved" in text and "0 of 1" in text


def test_what_was_not_looked_for_is_no_reason_beside_a_refuted_assumption() -> None:
    generator = one_hidden_layer("relu", 1, 2, 0, width=3)
    result = certify.check("rejection-encoder", generator, observations=np.zeros((1, 2)), beta="1")
    conclusion = result["rejection-encoder"].conclusion
    assert conclusion is not None
    (why,) = (note for note in conclusion.notes if note.startswith("no choice for all observations"))
    assert "M2 is infinite" in why and "could be certified" not in why
