"""The theorem's encoder in an audit: a file is held to the chain it declares, and its distance is bracketed.

Every end fails with probability at most 1e-6: false alarms below 1e-5 for the whole file. Seeds are fixed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from certify.audits.audit import AuditPlan, audit_encoder, declared_chain
from certify.audits.chain import chain_bracket, follows
from certify.audits.exponential_chain import ExponentialChain
from certify.audits.langevin_chain import LangevinChain, PlacedLangevin
from certify.audits.reference import PosteriorDraws, posterior_draws
from certify.audits.source import EncoderSource, source_from_file
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.gaussian import langevin_law, posterior_law
from certify.posteriors.gaussian_distance import total_variation_interval
from certify.posteriors.posterior import Posterior
from certify.progress import SilentProgress
from certify.verdict import Verdict
from tests.generators import loaded
from theorems.strong_invertibility.network import langevin_encoder

pytestmark = pytest.mark.statistical

LINEAR = "linear:d=3,kappa=1.5,seed=1"
PLANE = "residual:d=2,width=8,depth=2,lipschitz=0.5,activation=tanh,seed=0"
CURVED = "residual:d=4,width=8,depth=1,lipschitz=0.4,activation=tanh,seed=1"
BETA = 0.2


def written(
    tmp_path: Path, spec: str, chain: LangevinChain, declared: LangevinChain | None = None, beta: float = BETA
) -> EncoderSource:
    """The chain as a file that declares `declared`, by default the truth."""
    said = declared or chain
    program = langevin_encoder(
        loaded(spec), beta, chain.descent_step, chain.descent_layers, chain.step_size, chain.layers
    )
    metadata = {
        "certify.encoder": "langevin",
        "certify.L_Phi": repr(1 / said.descent_step),
        "certify.K_gd": str(said.descent_layers),
        "certify.eta": repr(said.step_size),
        "certify.K": str(said.layers),
    }
    path = tmp_path / "chain.onnx"
    onnx.save(onnx_encoder(program, ExportOptions(metadata=metadata)), str(path))
    return source_from_file(path)


def posterior_at(spec: str, beta: float = BETA) -> Posterior:
    generator = loaded(spec)
    return Posterior(generator, 0.7 * np.ones(generator.observed_dim), beta)


@cache
def draws() -> PosteriorDraws:
    """Exact draws at `posterior_at(CURVED)`, which all chains are held against."""
    return posterior_draws(posterior_at(CURVED), 10_000, lambda: 0.5, lambda count, seed: np.zeros((count, 4)), 1, 1e-7)


def test_a_file_is_held_to_the_chain_it_declares(tmp_path: Path) -> None:
    chain, posterior = LangevinChain(0.2, 20, 2e-3, 40), posterior_at(CURVED)
    honest = written(tmp_path, CURVED, chain)
    found = declared_chain(honest.details)
    assert found == chain
    assert follows(chain.at(posterior), honest, posterior.observation, 0)
    for lie in (
        LangevinChain(0.2, 19, 2e-3, 40), LangevinChain(0.2, 20, 2.0001e-3, 40), LangevinChain(0.2, 20, 2e-3, 39),
        LangevinChain(0.2001, 20, 2e-3, 40),
    ):  # fmt: skip
        assert not follows(lie.at(posterior), written(tmp_path, CURVED, chain, lie), posterior.observation, 0)
    # At another noise level it is another chain.
    other = Posterior(posterior.generator, posterior.observation, 1.01 * BETA)
    assert not follows(chain.at(other), honest, other.observation, 0)


@pytest.mark.parametrize(
    "metadata",
    [{}, {"certify.encoder": "langevin"}, {"certify.encoder": "langevin", "certify.K": "many"},
     {"certify.encoder": "langevin", "certify.L_Phi": "10", "certify.K_gd": "1", "certify.eta": "0.1",
      "certify.K": "1", "certify.projected": "yes"}],
)  # fmt: skip
def test_what_declares_no_plain_chain_is_taken_as_any_encoder(metadata: dict[str, str]) -> None:
    assert declared_chain({"metadata": metadata}) is None


def test_an_affine_generator_needs_no_declaration(tmp_path: Path) -> None:
    chain = LangevinChain(0.2, 30, 2e-3, 60)
    result = audit_encoder(
        written(tmp_path, LINEAR, chain), loaded(LINEAR), BETA, None,
        AuditPlan(draws=5000, pairs=0, count=2, epsilon=0.1),
    )  # fmt: skip
    for item in result.observations:
        assert item.law.startswith("Gaussian: affine") and item.distance.assumption == ""
    posterior = posterior_at(LINEAR)
    truth = total_variation_interval(
        langevin_law(posterior, chain.at(posterior).centre, chain.step_size, chain.layers), posterior_law(posterior)
    )
    single = audit_encoder(
        written(tmp_path, LINEAR, chain), posterior.generator, BETA, posterior.observation[None],
        AuditPlan(draws=5000, pairs=0),
    ).observations[0]  # fmt: skip
    assert single.distance.lower.value <= truth.upper and truth.lower <= single.distance.upper.value
    assert single.distance.upper.value - single.distance.lower.value < 0.02


def test_in_the_plane_the_chain_is_known_by_its_transition_operator(tmp_path: Path) -> None:
    # eta lambda_max about 0.5: the bias is visible, and the draws alone must agree with the operator.
    chain = LangevinChain(0.2, 40, 1e-2, 200)
    source = written(tmp_path, PLANE, chain)
    plan = AuditPlan(draws=10_000, pairs=0, count=1)
    item = audit_encoder(source, loaded(PLANE), BETA, None, plan).observations[0]
    assert "transition operator" in item.distance.upper.method and "assuming" in item.reason
    stripped = EncoderSource("stripped", 2, 2, source.noise_size, source.pairs)
    event = audit_encoder(stripped, loaded(PLANE), BETA, None, plan).observations[0]
    assert 0.01 < event.distance.lower.value <= item.distance.upper.value


@pytest.mark.parametrize(("step", "layers"), [(0.02, 600), (0.2, 60), (0.02, 20)])
def test_the_coupling_bounds_the_closed_form(step: float, layers: int) -> None:
    # A fine chain, a coarse one (bias), and one that has not forgotten its start.
    posterior = posterior_at(LINEAR)
    law = posterior_law(posterior)
    eta = step * float(np.linalg.eigvalsh(law.covariance)[0])
    centre = law.mean + 0.5 * np.sqrt(np.diag(law.covariance))
    truth = total_variation_interval(langevin_law(posterior, centre, eta, layers), law)
    stationary = law.sample(4000, np.random.default_rng(3))
    placed = PlacedLangevin(LangevinChain(0.1, 0, eta, layers), posterior, centre)
    found = placed.coupled(stationary, 4, 1e-6, SilentProgress())
    assert found.upper >= truth.lower
    assert found.estimate <= max(6 * truth.upper, 0.02)


def test_a_curved_posterior_gets_both_ends_from_the_chain(tmp_path: Path) -> None:
    chain, posterior = LangevinChain(0.2, 40, 3e-4, 1000), posterior_at(CURVED)
    reference = draws()
    assert reference.exact
    good = chain_bracket(chain.at(posterior), posterior, lambda: reference, 2, 1e-6, SilentProgress())
    assert good.lower.value <= good.estimate <= good.upper.value < 0.06
    coarse = LangevinChain(0.2, 40, 1.5e-2, 60)
    bad = chain_bracket(coarse.at(posterior), posterior, lambda: reference, 2, 1e-6, SilentProgress())
    assert 0.05 < bad.lower.value <= bad.upper.value
    # Without draws of the posterior nothing is said.
    nothing = PosteriorDraws(np.zeros((100, 4)), "no draws of pi_x: a test", 1.0, 0.0, "nothing was measured")
    vacuous = chain_bracket(chain.at(posterior), posterior, lambda: nothing, 2, 1e-6, SilentProgress())
    assert (vacuous.lower.value, vacuous.upper.value) == (0.0, 1.0)


@pytest.mark.parametrize("gaussian_start", [True, False])
def test_the_preconditioned_chain_is_followed_and_bracketed(gaussian_start: bool) -> None:
    # Its own run at given noise is the encoder here: the coupling must stay above what the draws show.
    posterior = posterior_at(CURVED)
    reference = draws()
    fine = ExponentialChain(np.full(40, 0.1), 8.0, gaussian_start).at(posterior)
    source = EncoderSource("sharp", 4, 4, fine.noise_size, pairs=lambda x, noise: fine.run(noise))
    assert follows(fine, source, posterior.observation, 0)
    assert not follows(ExponentialChain(np.full(40, 0.1001), 8.0, gaussian_start).at(posterior), source,
                       posterior.observation, 0)  # fmt: skip
    good = chain_bracket(fine, posterior, lambda: reference, 2, 1e-6, SilentProgress())
    assert good.lower.value <= good.upper.value < 0.1
    # The compiled sampler and the run at given noise are one law.
    drawn = fine.run(np.random.default_rng(5).standard_normal((10_000, fine.noise_size)))
    simulated = fine.simulate(10_000, 6)
    assert total_variation_lower(drawn, simulated, 1e-6).lower == 0.0
    if gaussian_start:
        short = ExponentialChain(np.full(4, 0.1), 8.0, True).at(posterior)
        brief = chain_bracket(short, posterior, lambda: reference, 2, 1e-6, SilentProgress())
        assert brief.lower.value <= brief.upper.value < 0.2
    # Too few layers from the mode, or a projection that cuts mass off: far from the posterior, and seen from below.
    for chain in (ExponentialChain(np.full(2, 0.1), 8.0, False), ExponentialChain(np.full(30, 0.3), 0.7, False)):
        bad = chain_bracket(chain.at(posterior), posterior, lambda: reference, 2, 1e-6, SilentProgress())
        assert 0.05 < bad.lower.value <= bad.upper.value


def test_the_schedule_of_a_preconditioned_chain_is_read_from_its_file() -> None:
    said = {"certify.encoder": "sharp", "certify.eta_b": "0.1", "certify.h": "17.7", "certify.eta": "0.11",
            "certify.R": "6.5", "certify.start": "1", "certify.K0": "0", "certify.K": "10"}  # fmt: skip
    found = declared_chain({"metadata": said})
    assert isinstance(found, ExponentialChain) and found.gaussian_start and found.radius == 6.5
    np.testing.assert_array_equal(found.times, np.full(10, 0.11))
    for name in said:
        assert declared_chain({"metadata": {key: text for key, text in said.items() if key != name}}) is None
    assert declared_chain({"metadata": {**said, "certify.K": "0"}}) is None


def test_a_chain_is_never_refuted_on_its_word(tmp_path: Path) -> None:
    # The lower end of a declared chain rests on eight noises: above epsilon it is inconclusive, and says why.
    chain = LangevinChain(0.2, 40, 1e-2, 10)
    source = written(tmp_path, PLANE, chain)
    result = audit_encoder(source, loaded(PLANE), BETA, None, AuditPlan(pairs=0, count=1, epsilon=0.001))
    assert result.verdict is Verdict.INCONCLUSIVE and "sampled ones" in result.reason
