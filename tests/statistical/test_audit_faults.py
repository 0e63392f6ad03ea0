"""An audit finds planted faults and does not accuse an exact encoder.

Every interval of an audit fails with probability at most 1e-6 for all its observations together, and so do all its rank
tests: no test here raises a false alarm with probability above 1e-5. Seeds are fixed.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from certify.arithmetic.arrays import FloatArray
from certify.audits.audit import AuditPlan, audit_encoder, judge, model_observations
from certify.audits.brackets import gaussian_bracket
from certify.audits.encoder_law import encoder_law
from certify.audits.records import AuditResult
from certify.audits.reference import posterior_draws
from certify.audits.source import EncoderSource
from certify.generators.graph import Generator
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.gaussian_distance import total_variation_interval
from certify.posteriors.posterior import Posterior
from certify.verdict import Verdict
from tests.audit_encoders import affine_source, exact_parts, hidden, laplace_source
from tests.generators import loaded

pytestmark = pytest.mark.statistical

LINEAR = "linear:d=4,kappa=2,seed=0"
CURVED = "residual:d=4,width=8,depth=1,lipschitz=0.5,activation=tanh,seed=1"
PLANE = "residual:d=2,width=8,depth=2,lipschitz=0.5,activation=tanh,seed=0"
BETA = 0.3


def faulty(generator: Generator, fault: str) -> EncoderSource:
    slope, offset, factor = exact_parts(generator, BETA)
    deviations = np.linalg.norm(factor, axis=1)
    match fault:
        case "scale":
            return affine_source(slope, offset, 1.2 * factor)
        case "mean":
            return affine_source(slope, offset + 0.5 * deviations, factor)
        case "generator":
            return affine_source(*exact_parts(loaded("linear:d=4,kappa=2,seed=1"), BETA))
        case "prior":
            return affine_source(0 * slope, 0 * offset, np.eye(4))
        case "constant":
            return affine_source(0 * slope, offset, factor)
    raise AssertionError(fault)


FAULTS = ("scale", "mean", "generator", "prior", "constant")


def run(source: EncoderSource, spec: str, beta: float = BETA, count: int = 1, **plan: object) -> AuditResult:
    settings = AuditPlan(**{"epsilon": 0.1, "count": count, "pairs": 0, "draws": 20_000, **plan})  # type: ignore[arg-type]
    return audit_encoder(source, loaded(spec), beta, None, settings)


def test_the_exact_encoder_is_supported_and_calibrated() -> None:
    generator = loaded(LINEAR)
    result = run(affine_source(*exact_parts(generator, BETA)), LINEAR, count=2, epsilon=0.001, pairs=2000)
    assert result.verdict is Verdict.SUPPORTED
    assert all(item.distance.lower.value == 0.0 for item in result.observations)
    assert result.calibration is not None and not result.calibration.rejected
    assert result.calibration.average.lower.value == 0.0
    for test in result.calibration.tests:
        assert np.all((test.counts >= test.band[0]) & (test.counts <= test.band[1])), test.name


def test_the_exact_encoder_known_through_draws_alone_is_not_refuted() -> None:
    result = run(hidden(affine_source(*exact_parts(loaded(LINEAR), BETA))), LINEAR, count=2, epsilon=0.001)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert all(item.distance.upper.value == 1.0 for item in result.observations)
    assert result.calibration is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_refuted_and_its_distance_bracketed(fault: str) -> None:
    generator = loaded(LINEAR)
    result = run(faulty(generator, fault), LINEAR, pairs=2000)
    assert result.verdict is Verdict.REFUTED
    assert "error" in result.reason
    assert result.calibration is not None and result.calibration.rejected
    if fault in {"scale", "mean"}:
        # The distance is the same at every x: that of two Gaussians, known by densities to 0.003.
        _, offset, factor = exact_parts(generator, BETA)
        wrong = faulty(generator, fault)
        observation = np.zeros(4)
        mean = wrong.push_one(observation, np.zeros((1, 4)))[0]
        spread = 1.2 * factor if fault == "scale" else factor
        truth = total_variation_interval(
            GaussianLaw(mean, spread @ spread.T), GaussianLaw(offset, factor @ factor.T), seed=99
        )
        for item in result.observations:
            assert item.distance.lower.value <= truth.upper and truth.lower <= item.distance.upper.value
            assert item.distance.upper.value - item.distance.lower.value < 0.02


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_refuted_from_draws_alone(fault: str) -> None:
    result = run(hidden(faulty(loaded(LINEAR), fault)), LINEAR)
    assert result.verdict is Verdict.REFUTED
    assert all("held-out event" in item.distance.lower.method for item in result.observations)


def test_the_calibration_averages_the_distance_from_below() -> None:
    result = run(faulty(loaded(LINEAR), "mean"), LINEAR, pairs=2000)
    assert result.calibration is not None
    average = result.calibration.average
    # Shift of half a deviation in four correlated coordinates: the distance is the same at every x.
    assert 0.15 < average.lower.value <= result.observations[0].distance.upper.value
    assert average.upper.value == 1.0


def test_the_prior_passes_the_ranks_of_coordinates_but_not_that_of_f() -> None:
    result = run(faulty(loaded(LINEAR), "prior"), LINEAR, pairs=1000)
    assert result.calibration is not None
    *coordinates, last = result.calibration.tests
    assert last.name == "f" and last.p_value < 1e-100
    assert all(test.p_value > result.calibration.threshold for test in coordinates)


@pytest.mark.parametrize(
    ("spec", "method", "faults"),
    [
        (PLANE, "certified envelope (boxes)", ({"scale": 1.4}, {"shift": 0.5})),
        (CURVED, "certified envelope (quadratic form)", ({"shift": 0.5},)),
    ],
)
def test_a_curved_posterior_has_two_ends_by_the_best_method(
    spec: str, method: str, faults: tuple[dict[str, float], ...]
) -> None:
    generator = loaded(spec)
    good = run(laplace_source(generator, 0.1), spec, 0.1)
    assert good.verdict is Verdict.SUPPORTED
    assert all(method in item.distance.lower.method for item in good.observations)
    assert all(item.distance.upper.value < 0.06 for item in good.observations)
    for fault in faults:
        # Distances of 0.24, 0.26 and 0.36, by densities: the lower ends of 10,000 draws lie 0.007 below.
        assert run(laplace_source(generator, 0.1, **fault), spec, 0.1, draws=10_000).verdict is Verdict.REFUTED


def test_two_methods_agree_on_one_distance() -> None:
    # In the plane both quadrature and rejection know pi_x: the Gaussian encoder's interval and the held-out lower end.
    generator = loaded(PLANE)
    wrong = laplace_source(generator, 0.2, scale=1.5)
    by_density = run(wrong, PLANE, 0.2).observations
    by_event = run(hidden(wrong), PLANE, 0.2).observations
    for density, event in zip(by_density, by_event, strict=True):
        assert event.distance.lower.value <= density.distance.upper.value
        assert event.distance.lower.value > 0.6 * density.distance.estimate


def test_an_encoder_that_is_not_gaussian_is_refuted_from_its_draws() -> None:
    generator = loaded(PLANE)
    inner = laplace_source(generator, 0.2)

    def heavy(observations: FloatArray, noise: FloatArray) -> FloatArray:
        return inner.push(observations, np.sinh(1.2 * noise))

    source = EncoderSource("heavy", 2, 2, 2, pairs=heavy)
    result = run(source, PLANE, 0.2)
    assert result.verdict is Verdict.REFUTED
    assert all("not affine" in item.law for item in result.observations)


def test_without_a_certified_m_mala_measures_and_refutes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Draws of MALA have blind spots that no simulation sees: their lower end never refutes. They are what is left where
    # no envelope is certified, which this decoder would have.
    monkeypatch.setattr("certify.audits.reference.best_envelope", lambda generator, likelihood: "none")
    generator = loaded(CURVED)
    posterior = Posterior(generator, model_observations(generator, BETA, 1, 5)[0], BETA)
    source = laplace_source(generator, BETA, scale=1.6)
    law = encoder_law(lambda noise: source.push_one(posterior.observation, noise), 4, 20_000, "float64", 0, 1e-7)
    brackets = []
    for m_lower in (None, 0.4):
        reference = posterior_draws(
            posterior,
            20_000,
            partial(float, m_lower) if m_lower else lambda: None,
            lambda count, seed: source.draw(posterior.observation, count, seed),
            3,
            1e-7,
        )
        assert reference.exact == (m_lower is not None)
        assert 0.0 < reference.bias_upper < 0.05 or reference.exact
        brackets.append(gaussian_bracket(law, posterior, None, reference, 20_000, 4, 1e-7))
    by_mala, by_rejection = brackets
    assert by_mala.lower.value <= by_rejection.upper.value and by_rejection.lower.value <= by_mala.upper.value
    assert by_mala.lower.value > 0.1
    assert judge(by_rejection, 0.1)[0] is Verdict.REFUTED
    verdict, reason = judge(by_mala, 0.1)
    assert verdict is Verdict.INCONCLUSIVE and "assuming" in reason
