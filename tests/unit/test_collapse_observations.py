"""The rate of single observations: exact truth of affine decoders and of curves, its mean, and what is refused."""

from __future__ import annotations

import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest

from certify.checking.check import check
from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.errors import InputError
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.proof.observation_means import observation_means
from certify.report.observations import mean_sentence, observation_summary
from certify.verdict import Verdict
from theorems.collapse.observations import RowRate, _doubt, row_rate
from theorems.collapse.rate import divergences_from_prior, prior_grid


def affine(matrix: np.ndarray) -> Generator:
    n, d = matrix.shape
    return Generator("affine", Graph((Input(d), Affine(0, matrix, np.zeros(n)))), matrix.size)


def exact(matrix: np.ndarray, noise: float, row: np.ndarray) -> float:
    """KL(N(c, S) || N(0, I)) of the posterior of an affine decoder."""
    covariance = np.linalg.inv(np.eye(matrix.shape[1]) + matrix.T @ matrix / noise**2)
    centre = covariance @ matrix.T @ row / noise**2
    return float(np.trace(covariance) + centre @ centre - len(centre) - np.linalg.slogdet(covariance)[1]) / 2


@pytest.mark.parametrize("seed", range(8))
def test_the_divergence_of_an_affine_posterior_lies_in_the_interval(seed: int) -> None:
    """Noise .03 to 3, up to two more outputs than latents, observations in the data and far from it."""
    random = np.random.default_rng(seed)
    d = int(random.integers(1, 4))
    matrix = random.standard_normal((d + int(random.integers(0, 3)), d))
    noise, row = float(10 ** random.uniform(-1.5, 0.5)), random.standard_normal(len(matrix)) * (4 if seed % 2 else 1)
    found, truth = row_rate(affine(matrix), noise, row), exact(matrix, noise, row)
    assert not found.reason and found.lower <= truth <= found.upper
    assert found.confidence >= 1 - 1e-6 and found.upper - found.lower < 0.1 + 0.25 * d
    assert not found.lower <= 1.5 * truth + 0.5 <= found.upper


def test_a_curve_agrees_with_quadrature() -> None:
    """Bent, one latent: the mean square and the evidence by a grid over z."""
    generator, noise = load_generator("residual:d=1,width=4"), 0.3
    grid = prior_grid(generator, noise, 3.0)
    assert grid is not None
    rows = np.array([[0.2], [-1.5]])
    for row, truth in zip(rows, divergences_from_prior(generator, noise, rows, grid), strict=True):
        found = row_rate(generator, noise, row)
        assert found.lower - 1e-3 <= truth <= found.upper + 1e-3


def test_the_check_has_the_mean_over_the_rows() -> None:
    """n > d; in the record, in the JSON, in the summary and on the first screen."""
    generator = load_generator("linear:d=2,n=4,kappa=2,m=1")
    matrix, rows = generator.jacobian(np.zeros(2)), np.random.default_rng(3).standard_normal((4, 4))
    (record,) = check(["collapse"], [generator], beta=Fraction(1, 2), observations=rows, effort=0.1).theorems
    (mean,) = record.means
    truths = [exact(matrix, 0.5, row - generator.value(np.zeros(2))) for row in rows]
    assert mean.lower <= np.mean(truths) <= mean.upper and mean.upper - mean.lower < 0.5
    assert (mean.quantity, mean.count, mean.given) == ("rate_nats", 4, 4)
    assert mean.confidence == pytest.approx(1 - 4e-6, abs=1e-9)
    assert record.to_dict()["means"] == [asdict(mean)]
    assert all(item.verdict is Verdict.SUPPORTED for item in record.observations)
    words = [row[1].text for row in observation_summary(record.observations).rows]
    assert any("over 4 observations" in word for word in words) and "mean rate nats in [" in mean_sentence(mean)


def test_a_decoder_without_a_certified_slope_is_answered_at_its_observations() -> None:
    """A jump has no M, and the rate of one observation needs none."""
    generator = load_generator("permutation:family=gf2exp,bits=3")
    rows = generator.value(np.array([[0.4, -0.3, 1.1]]))
    (record,) = check(["collapse"], [generator], beta=Fraction(1, 2), observations=rows, effort=0.1).theorems
    assert len(record.observations) == 1 and record.observations[0].values["beta"] == 0.5


def test_means_are_rounded_outward_and_count_what_is_missing() -> None:
    known = {"q_lower": 0.1, "q_upper": 0.3, "q_confidence": 0.9}
    (mean,) = observation_means([known, {"q_lower": 0.2, "q_upper": 0.2, "q_confidence": 1.0}, {"beta": 1.0}])
    assert Fraction(mean.lower) <= (Fraction(0.1) + Fraction(0.2)) / 2
    assert Fraction(mean.upper) >= (Fraction(0.3) + Fraction(0.2)) / 2
    assert (mean.count, mean.given) == (2, 3) and mean.confidence == pytest.approx(0.9)
    assert observation_means([{"beta": 1.0}]) == ()
    assert "2 of 3 observations" in mean_sentence(mean)


def test_stored_numbers_that_no_run_finds_are_not_believed() -> None:
    row = np.zeros(1)
    assert not _doubt(row, RowRate(0.5, 0.7, 0.999999))
    for wrong in (RowRate(0.7, 0.5, 0.9), RowRate(-0.1, 0.5, 0.9), RowRate(0.1, 0.5, 1.1), RowRate(0, math.inf, 1.0)):
        assert _doubt(row, wrong)


def test_an_observation_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        row_rate(affine(np.eye(1)), 1.0, np.array([math.nan]))


def test_an_envelope_is_searched_once_for_an_observation() -> None:
    """The same object for equal bytes and noise; another one for another graph, observation or noise."""
    generator, row = load_generator("linear:d=1,kappa=1,m=2"), np.array([0.3])
    first = best_envelope(generator, GaussianLikelihood(row, 0.5))
    assert best_envelope(generator, GaussianLikelihood(row.copy(), 0.5)) is first
    others = (
        best_envelope(generator, GaussianLikelihood(row, 0.4)),
        best_envelope(generator, GaussianLikelihood(row + 1, 0.5)),
        best_envelope(affine(np.array([[2.0]])), GaussianLikelihood(row, 0.5)),
    )
    assert all(item is not first for item in others)
