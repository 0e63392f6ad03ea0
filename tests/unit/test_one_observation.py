"""Encoders of one observation: Theorem 1* and G1* around a computed point, logits, float32, and the smaller of two."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from certify import audit, encoder
from certify.audits.exponential_chain import ExponentialChain
from certify.encoders.runtime import load_encoder
from certify.encoders.single_precision import single_precision
from certify.envelopes.likelihood import BernoulliLikelihood, potential
from certify.envelopes.rejection import first_accepted
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.logits import with_likelihood
from certify.generators.nodes import Activation, Affine, Graph, Input
from certify.generators.specification import load_generator
from certify.posteriors.model import BernoulliPosterior, draw_observations
from certify.posteriors.posterior import Posterior
from certify.proof.records import ObservationRecord, RejectionNumbers
from certify.verdict import Verdict
from tests.conftest import ROOT
from theorems.injective_decoder.observations import better

DIGITS = ROOT / "examples" / "digits"
RESIDUAL = "residual:d=2,width=8,depth=1,seed=0"
X = np.array([0.4, -0.3])


def logits() -> Generator:
    random = np.random.default_rng(2)
    nodes = (
        Input(2),
        Affine(0, random.standard_normal((3, 2)), random.standard_normal(3)),
        Activation(1, "relu", 3),
        Affine(2, random.standard_normal((5, 3)), random.standard_normal(5)),
    )
    return with_likelihood(Generator("bits", Graph(nodes), 29), "bernoulli")


def test_one_gaussian_layer_around_the_computed_point(tmp_path: Path) -> None:
    path = tmp_path / "e.onnx"
    built = encoder("sharp-langevin", RESIDUAL, beta="0.02", observations=X, out=path).choice.chosen
    assert built.verdict is Verdict.PROVED and built.observed is not None and built.observed.certificate is not None
    assert built.observed.certificate["theorem"] == "G1*" and built.program is not None
    assert built.program.layers == (0, 1)
    loaded = load_encoder(path)
    draws = loaded.push(np.tile(X, (20_000, 1)), np.random.default_rng(0).standard_normal((20_000, 1, 2)))
    posterior = Posterior(load_generator(RESIDUAL), X, 0.02)
    assert np.linalg.norm(posterior.gradient(draws.mean(axis=0))) < 5.0
    assert np.cov(draws.T) == pytest.approx(np.linalg.inv(posterior.hessian(draws.mean(axis=0))), rel=0.1, abs=2e-5)
    other = loaded.push(np.tile(X + 1e-9, (2, 1)), np.zeros((2, 1, 2)))
    assert np.isnan(other).all()


def test_the_layers_of_theorem_1_are_followed_by_the_audit(tmp_path: Path) -> None:
    path = tmp_path / "e.onnx"
    made = encoder("sharp-langevin", RESIDUAL, beta="0.3", epsilon="0.03", observations=X, out=path)
    built = made.choice.chosen
    assert built.verdict is Verdict.PROVED and built.program is not None and built.program.layers[1] > 1
    loaded = load_encoder(path)
    chain = ExponentialChain.declared(loaded.metadata)
    assert chain is not None
    placed = chain.at(Posterior(load_generator(RESIDUAL), X, 0.3))
    noise = np.random.default_rng(1).standard_normal((50, placed.noise_size))
    found = loaded.push(np.tile(X, (50, 1)), noise.reshape(50, -1, 2))
    assert np.abs(found - placed.run(noise)).max() < 1e-9
    assert not np.allclose(found, placed.run(noise[:, ::-1].copy()), atol=1e-3)


def test_float32_is_held_to_float64(tmp_path: Path) -> None:
    path = tmp_path / "e.onnx"
    made = encoder("rejection-encoder", RESIDUAL, beta="0.3", observations=X, out=path, float32=True)
    assert made.file is not None and made.file.agreement is not None
    assert made.file.precision == "float32" and 0 < made.file.agreement.largest_gap < 1e-5
    assert made.file.agreement.other_draws.upper < 1e-2
    loaded = load_encoder(path)
    assert loaded.precision == "float32" and loaded.only is not None and np.array_equal(loaded.only, X)
    document = json.loads(path.with_suffix(".json").read_text())
    assert document["file"]["precision"] == "float32" and document["agreement"]["noises"] >= 100
    found = audit(path, RESIDUAL, beta="0.3", epsilon="0.1", draws=1000)
    assert found.verdict is Verdict.SUPPORTED and "as its file declares" in found.observations[0].law
    with pytest.raises(InputError, match="random_normal"):
        encoder("rejection-encoder", RESIDUAL, beta="0.3", observations=X, out=path, float32=True, random_normal=True)


def test_a_constant_beyond_float32_is_refused(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "e.onnx"
    encoder("rejection-encoder", RESIDUAL, beta="0.3", observations=X, out=path)
    model = onnx.load(path)
    tensor = next(item for item in model.graph.initializer if item.name == "proposal_mean")
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = 1e300
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    with pytest.raises(InputError, match="no float32"):
        single_precision(model)


@pytest.mark.parametrize("layout", ["sequence", "parallel"])
def test_the_encoder_of_logits_draws_what_the_sampler_draws(tmp_path: Path, layout: str) -> None:
    generator, bits, path = logits(), np.array([1.0, 0.0, 1.0, 1.0, 0.0]), tmp_path / "e.onnx"
    made = encoder("rejection-encoder", generator, observations=bits, epsilon="0.05", layout=layout, out=path)
    assert made.verdict is Verdict.PROVED and "outside A0" in str(made)
    loaded = load_encoder(path)
    assert loaded.metadata["certify.likelihood"] == "bernoulli" and "certify.beta" not in loaded.metadata
    from certify.audits.rejection_encoder import declared_sampler
    from certify.audits.source import source_from_runtime

    sampler = declared_sampler(source_from_runtime(loaded), BernoulliPosterior(generator, bits))
    assert sampler is not None
    noise = np.random.default_rng(0).standard_normal((500, sampler.proposals, 5))
    expected = first_accepted(generator, BernoulliLikelihood(bits), sampler.proposal, sampler.log_constant, noise)
    assert np.abs(loaded.push(np.tile(bits, (500, 1)), noise) - expected).max() < 1e-9
    # The same network with Gaussian noise is another model.
    gaussian = Generator("bits", generator.graph, 29)
    assert declared_sampler(source_from_runtime(loaded), Posterior(gaussian, bits, 1.0)) is None
    found = audit(path, generator, epsilon="0.1", draws=1000)
    assert found.verdict is Verdict.SUPPORTED and found.beta is None and "outside A0" in found.notes[0]


def test_what_rests_on_a0_refuses_logits() -> None:
    generator, bits = logits(), np.ones(5)
    assert generator.name == "bits [logits, outside A0]" and with_likelihood(generator, "bernoulli") is generator
    with pytest.raises(InputError, match="about Gaussian noise"):
        Posterior(generator, bits, 1.0)
    with pytest.raises(InputError, match="about Gaussian noise"):
        encoder("gaussian-encoder", generator, observations=bits)
    with pytest.raises(InputError, match="gradient of f"):
        BernoulliPosterior(generator, bits).gradient(np.zeros(2))
    with pytest.raises(InputError, match="entries in"):
        BernoulliPosterior(generator, 2 * bits)
    points = np.random.default_rng(0).standard_normal((4, 2))
    posterior = BernoulliPosterior(generator, bits)
    assert posterior.potential(points) == pytest.approx(potential(generator.graph, BernoulliLikelihood(bits), points))
    drawn = draw_observations(generator, np.full((20_000, 1), 0.7), 1.0, np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(1 / (1 + np.exp(-0.7)), abs=0.02)


def record(theorem: str, layers: int | None, **values: float) -> ObservationRecord:
    verdict = Verdict.INCONCLUSIVE if layers is None else Verdict.PROVED
    numbers = RejectionNumbers(0.5, (0.5, 0.6), 0.999999, 4, "boxes", 1.0, 0.3, 1, 1) if theorem == "R" else None
    return ObservationRecord(
        0, verdict, theorem if layers else "", layers, 0.05, "" if layers else theorem, values, numbers
    )


@pytest.mark.parametrize(
    ("layers", "proposals", "taken"), [(1, 2, "1*"), (2, 2, "R"), (9, 4, "R"), (None, 4, "R"), (9, None, "1*")]
)
def test_the_fewer_layers_are_taken(layers: int | None, proposals: int | None, taken: str) -> None:
    first = record("1*", layers, beta=0.3, largest_noise=0.5)
    second = record("R", proposals, beta=0.3, largest_noise=0.4)
    found = better(first, second)
    assert found.certified and found.theorem == taken and found.rejection is not None
    assert found.values["largest_noise"] == 0.5


def test_where_neither_is_certified_both_reasons_stand() -> None:
    found = better(record("1*", None), record("R", None))
    assert not found.certified and found.reason == "1*; Theorem R: R"


def test_an_audit_beyond_three_latents_has_two_ends(tmp_path: Path) -> None:
    import onnx

    spec, x, path = "residual:d=4,width=2,depth=1,seed=0", np.array([0.3, -0.2, 0.5, 0.1]), tmp_path / "e.onnx"
    built = encoder("rejection-encoder", spec, beta="0.3", observations=x, out=path).choice.chosen
    assert built.tv_bound is not None
    found = audit(path, spec, beta="0.3", epsilon="0.1", draws=1000).observations[0]
    assert found.verdict is Verdict.SUPPORTED and "as its file declares" in found.law
    assert 0 < found.distance.lower.value <= found.distance.upper.value < built.tv_bound
    # A proposal that the search does not find again has no certificate: the file is known through its draws alone.
    model = onnx.load(path)
    entry = next(item for item in model.metadata_props if item.key == "certify.proposal")
    stored = json.loads(entry.value)
    stored["means"][0][0] += 1e-9
    entry.value = json.dumps(stored)
    onnx.save(model, path)
    other = audit(path, spec, beta="0.3", epsilon="0.1", draws=1000).observations[0]
    assert other.verdict is Verdict.INCONCLUSIVE and other.distance.upper.value == 1.0
