"""The network of Theorem R: the same draws as the float sampler, in both layouts, counted, refused where it must be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from flint import arb
from onnx.reference import ReferenceEvaluator

from certify.arithmetic.balls import ball, lower, precision
from certify.bounds.bracket import unknown_brackets
from certify.encoders.convention import observation_digest, read_signature
from certify.encoders.count import encoder_count
from certify.encoders.kind import LAYOUTS, EncoderOptions
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.program import AffineMap, Constant, EncoderProgram
from certify.encoders.rejection_network import RejectionDesign, parameter_bound, rejection_network
from certify.encoders.runtime import RuntimeEncoder
from certify.envelopes.box_certificate import Envelope, box_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.envelopes.rejection import first_accepted, proposals_needed
from certify.envelopes.thresholds import ThresholdMixture, by_thresholds, realised_weights
from certify.errors import InputError
from certify.generators.graph import Generator
from tests.generators import one_hidden_layer
from theorems.rejection_encoder.network import at_observation, realised_envelope

BETA = 0.3


@cache
def certified(name: str, d: int, n: int) -> tuple[Generator, np.ndarray, Envelope]:
    """A decoder, one observation, and its envelope before the thresholds."""
    generator = one_hidden_layer(name, d, n, 3)
    random = np.random.default_rng(1)
    image = generator.value(random.standard_normal(d))
    observation = np.asarray(image + BETA * random.standard_normal(n))
    envelope = box_envelope(generator.graph, GaussianLikelihood(observation, BETA))
    assert envelope is not None
    return generator, observation, envelope


def designed(name: str, d: int, n: int, proposals: int) -> tuple[Generator, RejectionDesign]:
    generator, observation, envelope = certified(name, d, n)
    proposal, realised = realised_envelope(envelope)
    return generator, RejectionDesign(observation, BETA, proposal, realised.log_constant, proposals)


def run(program: EncoderProgram, options: ExportOptions | None = None) -> RuntimeEncoder:
    model = onnx_encoder(program, options)
    return RuntimeEncoder("rejection", read_signature(model, "rejection"), {}, model.SerializeToString(), 1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "d", "n", "proposals"), [("tanh", 1, 2, 1), ("relu", 2, 5, 2), ("softplus", 2, 3, 13)]
)
def test_the_file_draws_what_the_float_sampler_draws(name: str, d: int, n: int, proposals: int, layout: str) -> None:
    generator, design = designed(name, d, n, proposals)
    encoder = run(rejection_network(generator, design, layout))
    noise = np.random.default_rng(0).standard_normal((1000, proposals, d + 3))
    found = encoder.push(np.tile(design.observation, (len(noise), 1)), noise)
    likelihood = GaussianLikelihood(design.observation, BETA)
    expected = first_accepted(generator, likelihood, design.proposal, design.log_constant, noise)
    assert encoder.noise_shape == (proposals, d + 3)
    assert np.abs(found - expected).max() <= 1e-12
    if proposals > 1:
        # A constant that is off by 0.5 accepts other proposals.
        other = first_accepted(generator, likelihood, design.proposal, design.log_constant + 0.5, noise)
        assert np.abs(found - other).max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_reference_evaluator_computes_the_same(layout: str) -> None:
    generator, design = designed("tanh", 1, 2, 5)
    model = onnx_encoder(rejection_network(generator, design, layout))
    noise = np.random.default_rng(0).standard_normal((50, 5, 4))
    rows = np.tile(design.observation, (50, 1))
    (found,) = ReferenceEvaluator(model).run(None, {"x": rows, "noise": noise})
    expected = first_accepted(
        generator, GaussianLikelihood(design.observation, BETA), design.proposal, design.log_constant, noise
    )
    assert np.abs(found - expected).max() <= 1e-12


def test_unrolled_layers_are_the_loop() -> None:
    generator, design = designed("relu", 2, 5, 3)
    program = rejection_network(generator, design)
    noise = np.random.default_rng(0).standard_normal((500, 3, 5))
    rows = np.tile(design.observation, (500, 1))
    looped = run(program).push(rows, noise)
    assert np.array_equal(looped, run(program, ExportOptions(unrolled=True)).push(rows, noise))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_observation_gives_nothing(layout: str) -> None:
    generator, design = designed("relu", 2, 5, 2)
    encoder = run(rejection_network(generator, design, layout))
    noise = np.random.default_rng(0).standard_normal((3, 2, 5))
    for entry, change in ((0, (1 + 1e-13) * design.observation[0]), (4, np.nan), (2, np.inf)):
        other = design.observation.copy()
        other[entry] = change
        rows = np.stack([other, design.observation, other])
        found = encoder.push(rows, noise)
        assert np.isnan(found[[0, 2]]).all() and np.isfinite(found[1]).all()
    # An x that was divided by a noise and multiplied by it again is the same.
    rounded = np.stack([np.nextafter(design.observation, np.inf), np.nextafter(design.observation, -np.inf)])
    assert np.isfinite(encoder.push(rounded, noise[:2])).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_proposal_that_is_not_a_number_is_refused(layout: str) -> None:
    generator, design = designed("relu", 2, 5, 3)
    encoder = run(rejection_network(generator, design, layout))
    noise = np.random.default_rng(0).standard_normal((200, 3, 5))
    usual = encoder.push(np.tile(design.observation, (200, 1)), noise)
    for place, value in ((0, np.nan), (1, np.inf), (3, np.nan)):
        broken = noise.copy()
        broken[:, 0, place] = value
        found = encoder.push(np.tile(design.observation, (200, 1)), broken)
        # What is put out is what the two other proposals give.
        rest = GaussianLikelihood(design.observation, BETA)
        expected = first_accepted(generator, rest, design.proposal, design.log_constant, noise[:, 1:])
        assert np.abs(found - expected).max() <= 1e-12 and np.abs(found - usual).max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameters_are_those_of_the_program_and_below_the_bound(layout: str) -> None:
    for name, d, n, proposals in (("tanh", 1, 2, 4), ("relu", 2, 5, 7)):
        generator, design = designed(name, d, n, proposals)
        program = rejection_network(generator, design, layout)
        count, bound = encoder_count(program), parameter_bound(generator, design.proposal.size, proposals)
        # Counted again from the operations: everything but G's own N per proposal.
        own = 0
        for stage in program.stages:
            for item in stage.operations:
                rows = item.shape[0] if len(item.shape) == 2 else 1
                if isinstance(item, AffineMap) and not item.weight.startswith("G_"):
                    stored = [program.constants[item.weight], *([program.constants[item.bias]] if item.bias else [])]
                    own += stage.repeats * rows * sum(getattr(value, "nnz", value.size) for value in stored)
                if isinstance(item, Constant) and not item.constant.startswith("zero"):
                    own += stage.repeats * int(np.prod(item.shape))
        assert count.parameters_unrolled == proposals * generator.parameters + own
        assert 0.95 * bound <= count.parameters_unrolled <= bound
        assert count.noise_inputs == proposals * (d + 3)


def test_depth_grows_by_one_in_a_row_and_by_the_logarithm_side_by_side() -> None:
    depths = {}
    for layout in LAYOUTS:
        for proposals in (2, 32):
            generator, design = designed("relu", 2, 5, proposals)
            depths[layout, proposals] = encoder_count(rejection_network(generator, design, layout)).depth
    assert depths["sequence", 32] - depths["sequence", 2] == 30
    assert depths["parallel", 32] - depths["parallel", 2] == 4


def test_realised_weights_are_enclosed_and_paid_for() -> None:
    random = np.random.default_rng(5)
    weights = np.array([1e-9, 0.4, 1e-6, 0.6, 1e-12])
    mixture = Mixture(weights, random.standard_normal((5, 1)), np.ones((5, 1, 1)))
    found = by_thresholds(mixture)
    with precision():
        realised = realised_weights(found.thresholds)
        total = sum((ball(float(weight)) for weight in weights), arb(0))
        worst = max(lower((ball(float(w)) / total / kept).log()) for w, kept in zip(weights, realised, strict=True))
        assert bool((sum(realised, arb(0)) - 1).contains(0))
    assert worst <= found.log_loss <= 1e-10
    # A threshold that is moved changes a weight by much more than the loss of the true ones.
    moved = realised_weights(found.thresholds + np.array([0, 0, 1e-3, 0]))
    assert float((ball(float(weights[2])) / moved[2]).log().abs_lower()) > 1e-3
    lost = by_thresholds(Mixture(np.array([1.0, 1e-300, 1.0]), np.zeros((3, 1)), np.ones((3, 1, 1))))
    assert lost.log_loss == float("inf")
    _, envelope = realised_envelope(Envelope(Mixture(np.array([1.0, 1e-300, 1.0]), np.zeros((3, 1)),
                                                     np.ones((3, 1, 1))), 0.0, -0.1, 1))  # fmt: skip
    assert envelope.acceptance == 0.0


def test_thresholds_draw_the_components_with_their_weights() -> None:
    weights, means = np.array([0.2, 0.5, 0.3]), np.array([[-5.0], [0.0], [5.0]])
    found = by_thresholds(Mixture(weights, means, 1e3 * np.ones((3, 1, 1))))
    random = np.random.default_rng(2)
    points = found.draw(random.standard_normal((100_000, 1)), random.standard_normal(100_000))
    shares = [(np.abs(points - mean) < 1).mean() for mean in means.ravel()]
    assert np.abs(np.array(shares) - weights).max() < 5 * np.sqrt(0.25 / 100_000)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_with_noise_of_its_own_draws_anew_for_every_proposal(layout: str) -> None:
    generator, design = designed("relu", 2, 5, 4)
    encoder = run(rejection_network(generator, design, layout), ExportOptions(random_normal=True))
    assert encoder.noise_size is None
    draws = encoder.draw(design.observation, 2000, np.random.default_rng(0))
    noise = np.random.default_rng(1).standard_normal((2000, 4, 5))
    expected = first_accepted(
        generator, GaussianLikelihood(design.observation, BETA), design.proposal, design.log_constant, noise
    )
    assert len(np.unique(draws, axis=0)) == 2000
    assert np.abs(draws.mean(axis=0) - expected.mean(axis=0)).max() < 8 * expected.std() / np.sqrt(2000)


def test_the_certificate_of_one_observation() -> None:
    generator, observation, envelope = certified("relu", 2, 5)
    found = at_observation(
        generator, observation, Fraction(BETA), Fraction(1, 100), EncoderOptions(), unknown_brackets()
    )
    assert found.program is not None and found.certificate is not None
    _, realised = realised_envelope(envelope)
    needed = proposals_needed(realised.acceptance, Fraction(1, 100))
    assert needed is not None and found.certificate["K"] == needed.proposals
    assert found.program.distance == needed.tv_bound <= 0.01
    assert realised.log_constant >= envelope.log_constant and realised.acceptance <= envelope.acceptance


def test_bad_input_is_one_line() -> None:
    generator, design = designed("relu", 2, 5, 2)
    with pytest.raises(InputError, match=r"`layout` must be sequence or parallel; got 'tree'"):
        EncoderOptions(layout="tree")
    with pytest.raises(InputError, match=r"1000000000 proposals side by side hold .* use the layout `sequence`"):
        rejection_network(generator, replace(design, proposals=10**9), "parallel")
    assert encoder_count(rejection_network(generator, replace(design, proposals=10**9))).noise_inputs == 5 * 10**9


def test_a_single_component_needs_no_thresholds() -> None:
    generator, observation, _ = certified("relu", 2, 5)
    mixture = Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None] / 1.3)
    proposal = by_thresholds(mixture)
    assert isinstance(proposal, ThresholdMixture) and proposal.thresholds.size == 0 and proposal.log_loss <= 1e-30
    design = RejectionDesign(observation, BETA, proposal, 3.0, 4)
    noise = np.random.default_rng(0).standard_normal((1000, 4, 5))
    expected = first_accepted(generator, GaussianLikelihood(observation, BETA), proposal, 3.0, noise)
    for layout in LAYOUTS:
        found = run(rejection_network(generator, design, layout)).push(np.tile(observation, (1000, 1)), noise)
        assert np.abs(found - expected).max() <= 1e-12


def test_the_digest_tells_observations_apart() -> None:
    first = np.array([0.1, -0.2])
    assert observation_digest(first) == observation_digest(first.copy()) != observation_digest(first[::-1])
