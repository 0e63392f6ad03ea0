"""Measurements by sampling against closed forms and quadrature, and false claims that their intervals must exclude.

False-alarm rate: every interval used here has error probability 1e-6 and a fixed seed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.graph import Activation, Affine, FloatArray, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.measure.burn_in import burn_in_distances, informative_steps
from certify.measure.exits import exit_frequency
from certify.measure.inverse import preimage
from certify.measure.moments import RegionError, region_moments
from certify.measure.path_divergence import path_divergence
from certify.measure.reference import ReferenceDraws, mala_draws, reference_draws
from certify.measure.tail import informative_radii, tail_masses
from certify.measure.total_variation import chain_distance
from certify.measure.two_sample import total_variation_lower
from certify.measure.typical import exceedance_frequencies
from certify.posteriors.gaussian import posterior_law
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.rejection import EnvelopeError, rejection_draws
from certify.posteriors.transition import Projection

EVERYWHERE = math.inf


def sine_posterior(beta: float = 0.05) -> Posterior:
    """G(z) = 1.25 z + 0.25 sin z: m = 1, M = 1.5, M2 = 0.25."""
    nodes = (Input(1), Activation(0, "sin", 1), Sum((0, 1), (1.25, 0.25), 1))
    return Posterior(Generator("sine", Graph(nodes), 2), np.array([0.8]), beta)


def affine_posterior(dimension: int = 4, beta: float = 0.1) -> Posterior:
    matrix = np.diag(np.linspace(1.0, 1.5, dimension))
    generator = Generator("affine", Graph((Input(dimension), Affine(0, matrix, np.zeros(dimension)))), dimension**2)
    return Posterior(generator, np.linspace(0.2, 0.9, dimension), beta)


@pytest.fixture(scope="module")
def curved() -> tuple[Posterior, FloatArray]:
    """A residual posterior in d = 3 (no transition operator, but quadrature knows the truth) and its preimage."""
    generator = load_generator("residual:d=3,width=6,depth=1,lipschitz=0.2,seed=2")
    posterior = Posterior(generator, value(generator.graph, np.array([0.5, -1.0, 0.3])) + 0.02, 0.1)
    return posterior, preimage(generator, posterior.observation)


def exact_draws(posterior: Posterior, centre: FloatArray, count: int = 4000) -> ReferenceDraws:
    """Exact draws: 0.75 is below m of the residual generator in `curved` (1 - 0.2)."""
    return reference_draws(posterior, centre, count, 0, m_lower=0.75)


def test_rejection_draws_have_the_posteriors_law() -> None:
    posterior = sine_posterior(0.5)
    truth = build_quadrature(posterior)
    centre = preimage(posterior.generator, posterior.observation)
    drawn = rejection_draws(posterior, centre, 1.0, 40_000, 0)
    assert drawn.points.shape == (40_000, 1)
    deviation = float(np.sqrt(truth.covariance()[0, 0]))
    assert drawn.points.mean() == pytest.approx(float(truth.mean()[0]), abs=5 * deviation / 200)
    assert drawn.points.std() == pytest.approx(deviation, rel=0.025)
    tail = truth.tail_mass(centre, 0.5).estimate
    frequency = float(np.mean(np.abs(drawn.points - centre) > 0.5))
    assert frequency == pytest.approx(tail, abs=5 * np.sqrt(tail / 40_000))
    with pytest.raises(EnvelopeError, match="m = 1.6"):
        rejection_draws(posterior, centre, 1.6, 1000, 0)


def test_mala_and_rejection_agree(curved: tuple[Posterior, FloatArray]) -> None:
    posterior, centre = curved
    exact = reference_draws(posterior, centre, 4000, 0, m_lower=0.75)
    approximate = mala_draws(posterior, centre, 4000, 1)
    assert exact.exact and "A1's envelope" in exact.method
    assert not approximate.exact and "not bounded" in approximate.assumption
    assert total_variation_lower(exact.points, approximate.points).lower == 0.0
    truth = build_quadrature(posterior, centre)
    for draws in (exact.points, approximate.points):
        deviation = np.sqrt(np.diag(truth.covariance()) / len(draws))
        assert np.all(np.abs(draws.mean(axis=0) - truth.mean()) < 5.5 * deviation)


def test_tails_against_quadrature(curved: tuple[Posterior, FloatArray]) -> None:
    posterior, centre = curved
    radii = informative_radii(posterior, centre)
    truth = build_quadrature(posterior, centre)
    for reference in (exact_draws(posterior, centre), mala_draws(posterior, centre, 4000, 3)):
        for radius, tail in zip(radii, tail_masses(posterior, centre, radii, reference), strict=True):
            assert tail.mass.assumption == reference.assumption
            expected = truth.tail_mass(centre, radius).estimate
            assert tail.mass.lower <= expected <= tail.mass.upper
            assert not tail.mass.lower <= expected + 0.1 <= tail.mass.upper
    line = sine_posterior()
    exact = tail_masses(line, preimage(line.generator, line.observation), (0.05,))[0]
    assert exact.mass.assumption == ""
    assert exact.mass.upper - exact.mass.lower < 1e-9


def test_typical_norms_of_an_affine_map_are_chi() -> None:
    # zh = z + A^{-1} beta xi: independent normals of variance 1 + beta^2/a^2.
    generator = affine_posterior(1).generator
    results = exceedance_frequencies(generator, 0.3, (0.5, 1.5, 9.0), samples=4000)
    for result in results:
        expected = math.erfc(result.radius / math.sqrt(2 * 1.09))
        assert result.frequency.lower <= expected <= result.frequency.upper
        assert result.largest_norm > 3
    assert results[2].frequency.estimate == 0.0
    assert not results[0].frequency.lower <= math.erfc(0.5 / math.sqrt(2)) - 0.1 <= results[0].frequency.upper


def test_moments_against_closed_forms_and_quadrature(curved: tuple[Posterior, FloatArray]) -> None:
    affine = affine_posterior()
    law = posterior_law(affine)
    everything = Projection(law.mean, EVERYWHERE)
    exact = region_moments(affine, law.mean, law.mean, everything)
    assert exact.distance.estimate == pytest.approx(np.trace(law.covariance), rel=1e-12)
    assert exact.gradient.estimate == pytest.approx(np.trace(np.linalg.inv(law.covariance)), rel=1e-12)
    posterior, centre = curved
    truth = build_quadrature(posterior, centre)
    region = Projection(centre, 0.4)
    drawn = exact_draws(posterior, centre, 20_000)
    sampled = region_moments(posterior, centre, truth.mode, region, drawn)
    for interval, function in (
        (sampled.distance, lambda z: np.sum((z - truth.mode) ** 2, axis=1)),
        (sampled.gradient, lambda z: np.sum(posterior.gradient(z) ** 2, axis=1)),
    ):
        expected = truth.conditional_expectation(centre, 0.4, function).estimate
        assert interval.lower <= expected <= interval.upper
        assert not interval.lower <= 1.3 * expected <= interval.upper
        assert not interval.lower <= 0.7 * expected
    with pytest.raises(RegionError, match="fall into D"):
        region_moments(posterior, centre, truth.mode, Projection(centre + 5, 0.1), drawn)


def test_exits_are_counted(curved: tuple[Posterior, FloatArray]) -> None:
    posterior, centre = curved
    spread = float(np.sqrt(np.max(build_quadrature(posterior, centre).covariance())))
    drawn = exact_draws(posterior, centre)
    wide = exit_frequency(posterior, centre, Projection(centre, 12 * spread), 2e-4, 400, drawn)
    assert wide.frequency.estimate == 0.0
    assert 0 < wide.frequency.upper < 0.05
    tight = exit_frequency(posterior, centre, Projection(centre, 2 * spread), 2e-4, 400, drawn)
    assert tight.frequency.lower > 0.5
    short = exit_frequency(posterior, centre, Projection(centre, 2 * spread), 2e-4, 400, drawn, gradient_budget=6400)
    assert short.horizon == 100
    assert exit_frequency(posterior, centre, Projection(centre, EVERYWHERE), 2e-4, 400).frequency.upper == 0.0
    with pytest.raises(InputError, match="no reference draw"):
        exit_frequency(posterior, centre, Projection(centre + 5, 0.1), 2e-4, 400, drawn)


def test_path_divergence_against_the_closed_form() -> None:
    affine = affine_posterior()
    law = posterior_law(affine)
    step_size, steps = 5e-4, 1000
    exact = path_divergence(affine, law.mean, Projection(law.mean, EVERYWHERE), step_size, steps)
    rates = step_size * np.linalg.eigvalsh(affine.hessian(law.mean))
    assert exact.estimate == pytest.approx(0.5 * steps * np.sum(np.exp(-rates) - 1 + rates), rel=1e-9)
    # A ball of 40 deviations forces the simulation; the law is the same.
    simulated = path_divergence(affine, law.mean, Projection(law.mean, 4.0), step_size, steps)
    assert simulated.lower < exact.estimate < simulated.upper * 1.02
    assert simulated.estimate == pytest.approx(exact.estimate, rel=0.05)
    assert simulated.lower > 0.8 * exact.estimate
    with pytest.raises(InputError, match="step_size"):
        path_divergence(affine, law.mean, Projection(law.mean, 4.0), 0.0, 3)


def test_burn_in_decays_in_every_engine(curved: tuple[Posterior, FloatArray]) -> None:
    for posterior, radius in ((affine_posterior(), EVERYWHERE), (sine_posterior(), 0.4), (curved[0], 0.6)):
        centre = preimage(posterior.generator, posterior.observation)
        largest = float(np.linalg.eigvalsh(posterior.hessian(centre))[-1])
        step_size = 0.05 / largest
        steps = informative_steps(posterior, centre, step_size)
        results = burn_in_distances(
            posterior, centre, centre, Projection(centre, radius), step_size, steps, chains=2000
        )
        distances = [item.distance for item in results]
        assert [item.steps for item in results] == list(steps)
        assert distances[0].lower > 0.1
        assert distances[-1].estimate < 0.1
        assert all(item.lower <= item.estimate <= item.upper for item in distances)


def test_chain_distance_sees_a_bias(curved: tuple[Posterior, FloatArray]) -> None:
    posterior, centre = curved
    largest = float(np.linalg.eigvalsh(posterior.hessian(centre))[-1])
    drawn = exact_draws(posterior, centre)
    biased = chain_distance(posterior, centre, centre, 1.2 / largest, 200, None, drawn, gradient_budget=1_000_000)
    assert biased.lower > 0.05
    assert biased.upper == 1.0
    fine = chain_distance(posterior, centre, centre, 0.02 / largest, 1000, None, drawn, gradient_budget=1_000_000)
    assert fine.lower < 0.05


def test_chain_distance_uses_the_truth_where_there_is_one() -> None:
    line = sine_posterior()
    centre = np.array([0.5375870263])
    start = preimage(line.generator, line.observation)
    measured = chain_distance(line, start, centre, 4e-6, 3000, Projection(centre, 0.499))
    assert measured.estimate == pytest.approx(0.00041631, abs=5e-9)
    affine = affine_posterior()
    law = posterior_law(affine)
    distance = chain_distance(affine, law.mean, law.mean, 1e-4, 5000)
    assert 0 < distance.lower < distance.estimate < distance.upper < 0.05


def test_two_sample_bound_is_below_the_truth_and_not_vacuous() -> None:
    random = np.random.default_rng(0)
    first = random.standard_normal((20_000, 5))
    shifted = random.standard_normal((20_000, 5)) + np.array([1.0, 0, 0, 0, 0])
    truth = math.erf(0.5 / math.sqrt(2))
    bound = total_variation_lower(first, shifted)
    assert 0.85 * truth < bound.lower < truth
    wider = 1.3 * random.standard_normal((20_000, 5))
    assert total_variation_lower(first, wider).lower > 0.1
    assert total_variation_lower(first, random.standard_normal((20_000, 5))).lower == 0.0
    same = [total_variation_lower(*random.standard_normal((2, 200, 5))) for _ in range(20)]
    assert max(bound.estimate for bound in same) > 0
    assert all(bound.lower == 0.0 for bound in same)
    with pytest.raises(InputError, match="30 points"):
        total_variation_lower(first[:5], shifted)
