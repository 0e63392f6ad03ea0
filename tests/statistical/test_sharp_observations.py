"""The measurement of certified encoders: exact draws against quadrature, brackets, and chains that it must refute."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.sharp_observations import Refutation, certified_chain, exact_draws, measure, resolution
from certify.bounds.constants import constants
from certify.generators.graph import FloatArray
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.rejection import EnvelopeError
from certify.profiles.certificate import (
    CHAIN,
    ONE_LAYER,
    GlobalConstants,
    ObservationCertificate,
    certify_observation,
    residual_bend,
)
from certify.sharp.centre import Centre, find_centre
from theorems.sharp_langevin.observations import global_constants

ERROR, DRAWS = 1e-8, 20_000
EPSILON = Fraction(1, 10)


class Setting:
    """A curved surface of R^6 with 2 latents, an observation off it, its centre and exact draws of its posterior."""

    def __init__(self, beta: float) -> None:
        generator = load_generator("manifold:d=2,outputs=6,width=6,bend=0.5")
        random = np.random.default_rng(0)
        row = generator.value(random.standard_normal((1, 2)))[0] + beta * random.standard_normal(6)
        self.bounds: GlobalConstants = global_constants(constants(generator))
        self.posterior = Posterior(generator, row, beta)
        self.centre: Centre = find_centre(self.posterior)
        self.bend = residual_bend(self.posterior, self.centre, self.bounds)
        self.certificate: ObservationCertificate = certify_observation(generator, self.bounds, row, beta, EPSILON)
        self.draws: FloatArray = self.exact(self.bounds.m)[0]

    def exact(self, m_lower: float) -> tuple[FloatArray, float]:
        return exact_draws(self.posterior, self.centre, m_lower, self.bend, DRAWS, 1)


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting(0.6)


@pytest.mark.statistical
def test_exact_draws_have_the_moments_of_the_quadrature(setting: Setting) -> None:
    truth = build_quadrature(setting.posterior)
    deviation = np.sqrt(np.diag(truth.covariance()) / DRAWS)
    assert np.all(np.abs(setting.draws.mean(axis=0) - truth.mean()) < 5 * deviation)
    energy = setting.posterior.potential(setting.draws)
    expected = truth.expectation(setting.posterior.potential).estimate
    assert abs(energy.mean() - expected) < 5 * energy.std() / np.sqrt(DRAWS)


def test_a_lower_constant_that_is_too_large_is_seen_by_the_envelope(setting: Setting) -> None:
    with pytest.raises(EnvelopeError, match="below its envelope"):
        setting.exact(1.5 * setting.bounds.M)
    with pytest.raises(EnvelopeError, match="not positive"):
        exact_draws(setting.posterior, setting.centre, 0.0, 1e6, DRAWS, 1)


def bracket(setting: Setting, certificate: ObservationCertificate) -> tuple[float, float]:
    found = measure(setting.posterior, setting.centre, certificate, setting.draws, 0, 3, ERROR)
    return found.lower, found.upper


@pytest.mark.statistical
def test_certified_encoders_lie_within_their_bounds(setting: Setting) -> None:
    assert setting.certificate.theorem == CHAIN
    assert certified_chain(setting.certificate).times.size == setting.certificate.layers
    low, high = bracket(setting, setting.certificate)
    assert 0 <= low <= high < 0.1
    proof = setting.certificate.proof
    assert proof.layer is not None
    gaussian = replace(proof, epsilon=Fraction(proof.layer.tv_bound))
    assert gaussian.theorem == ONE_LAYER
    low, high = bracket(setting, replace(setting.certificate, proof=gaussian))
    assert 0 <= low <= high < 1


@pytest.mark.statistical
@pytest.mark.parametrize("is_short", [True, False])
def test_a_chain_that_is_not_the_certified_one_is_refuted(setting: Setting, is_short: bool) -> None:
    proof = setting.certificate.proof
    chain = proof.chain
    assert chain is not None
    if is_short:
        schedule = replace(chain.schedule, burn_in=0, step=Fraction(1, 20), layers=2)
        chain = replace(chain, start="point", schedule=schedule)
    else:
        chain = replace(chain, radius=Fraction(1, 2))
    with pytest.raises(Refutation, match="REFUTED: observation 0"):
        bracket(setting, replace(setting.certificate, proof=replace(proof, chain=chain)))


@pytest.mark.statistical
def test_a_bound_below_the_distance_of_one_gaussian_is_refuted(setting: Setting) -> None:
    wide = replace(setting.centre, factor=1.5 * setting.centre.factor)
    proof = setting.certificate.proof
    assert proof.layer is not None
    forged = replace(setting.certificate, proof=replace(proof, layer=replace(proof.layer, tv_bound=0.1)))
    with pytest.raises(Refutation, match=r"G1\*"):
        measure(setting.posterior, wide, forged, setting.draws, 0, 3, ERROR)


def test_resolution_falls_like_the_root_of_the_draws() -> None:
    assert resolution(80_000, ERROR) == pytest.approx(resolution(20_000, ERROR) / 2, rel=0.01)
