"""What an audit finds out about an encoder's law, and the inequalities that its interval rests on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from certify.audits.encoder_law import BASIS_MAXIMAL, covariance_slack, encoder_law
from certify.audits.score import score_distance
from certify.audits.source import EncoderSource
from certify.errors import InputError
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.gaussian_distance import kl_divergence, total_variation_line

MEAN = np.array([1.0, -2.0])
ROOT = np.array([[0.5, 0.0], [0.3, 0.2]])


def test_an_affine_encoder_is_known_exactly() -> None:
    law = encoder_law(lambda noise: MEAN + noise @ ROOT.T, 2, 2000, "float64", 0, 1e-6)
    assert law.gaussian is not None and not law.assumption
    np.testing.assert_allclose(law.gaussian.mean, MEAN, atol=1e-14)
    np.testing.assert_allclose(law.gaussian.covariance, ROOT @ ROOT.T, atol=1e-14)
    # (1 - p)^2000 <= 1e-6 for every p above the slack.
    assert (1 - law.slack) ** 2000 <= 1e-6 * (1 + 1e-9)


def test_more_noise_than_latents_is_still_gaussian() -> None:
    rows = np.random.default_rng(1).standard_normal((7, 2))
    law = encoder_law(lambda noise: MEAN + noise @ rows, 7, 2000, "float64", 0, 1e-6)
    assert law.gaussian is not None
    np.testing.assert_allclose(law.gaussian.covariance, rows.T @ rows, atol=1e-12)


def test_single_precision_is_taken_for_rounding_in_single_precision_only() -> None:
    def push(noise: np.ndarray) -> np.ndarray:
        return np.asarray((MEAN + noise @ ROOT.T).astype(np.float32), dtype=np.float64)

    assert encoder_law(push, 2, 2000, "float32", 0, 1e-6).gaussian is not None
    assert encoder_law(push, 2, 2000, "float64", 0, 1e-6).gaussian is None


@pytest.mark.parametrize("bend", [1e-3, 0.3])
def test_an_encoder_that_bends_is_not_called_gaussian(bend: float) -> None:
    law = encoder_law(lambda noise: noise + bend * np.tanh(noise[:, ::-1]), 2, 2000, "float64", 0, 1e-6)
    assert law.gaussian is None and law.slack == 1.0 and law.draws.shape == (2000, 2)


def test_a_rare_bend_is_found_or_covered_by_the_slack() -> None:
    # T bends on a set of probability p only: unseen at N noises, its effect on the law is at most the slack.
    edge = float(stats.norm.isf(1e-5))
    law = encoder_law(lambda noise: noise + 5.0 * (noise > edge), 1, 20_000, "float64", 3, 1e-6)
    assert law.gaussian is None or law.slack >= 1e-5


def test_a_rounding_sized_bend_beside_a_tiny_spread_is_not_rounding() -> None:
    def push(noise: np.ndarray) -> np.ndarray:
        return 1e6 + 1e-5 * noise + 1e-6 * np.sin(3 * noise)

    assert encoder_law(push, 1, 2000, "float64", 0, 1e-6).gaussian is None


def test_a_deterministic_encoder_has_no_density() -> None:
    law = encoder_law(lambda noise: np.ones((noise.shape[0], 2)) * noise[:, :1], 2, 1000, "float64", 0, 1e-6)
    assert law.gaussian is None and "singular" in law.description


def test_long_noise_is_gaussian_by_additivity_and_says_what_it_assumes() -> None:
    size = BASIS_MAXIMAL + 4
    rows = np.random.default_rng(2).standard_normal((size, 2)) / np.sqrt(size)
    law = encoder_law(lambda noise: MEAN + noise @ rows, size, 1000, "float64", 0, 1e-6)
    assert law.gaussian is not None and law.assumption == "the encoder is affine in its noise"
    np.testing.assert_allclose(law.gaussian.mean, MEAN, atol=1e-12)
    truth = GaussianLaw(MEAN, rows.T @ rows)
    assert np.sqrt(kl_divergence(law.gaussian, truth) / 2) <= law.slack
    bent = encoder_law(lambda noise: np.sinh(noise @ rows), size, 1000, "float64", 0, 1e-6)
    assert bent.gaussian is None


@pytest.mark.statistical
@pytest.mark.parametrize(("count", "dimension"), [(60, 1), (60, 4), (2000, 3)])
def test_the_covariance_slack_covers_the_divergence_as_often_as_it_says(count: int, dimension: int) -> None:
    # 2,000 repetitions at error 0.05: more than 155 failures has probability below 1e-7 if the bound is right.
    random = np.random.default_rng(5)
    identity = GaussianLaw(np.zeros(dimension), np.eye(dimension))
    bound, failures = covariance_slack(count, dimension, 0.05), 0
    for _ in range(2000):
        points = random.standard_normal((count, dimension))
        divergence = kl_divergence(GaussianLaw(np.zeros(dimension), points.T @ points / count), identity)
        failures += bool(np.sqrt(divergence / 2) > bound)
    assert failures <= 155
    # And it is not so wide that it covers anything: the divergence is about d(d + 1)/(4 count).
    assert bound < 12 * np.sqrt(dimension * (dimension + 1) / count)
    assert covariance_slack(dimension, dimension, 0.05) == 1.0


@pytest.mark.statistical
def test_the_score_interval_contains_the_distance_of_two_normals() -> None:
    # Error 1e-6 per end: a false alarm has probability below 1e-5 over the seeds together.
    narrow, wide = GaussianLaw(np.zeros(1), np.eye(1)), GaussianLaw(np.array([0.2]), np.array([[1.5]]))
    truth = total_variation_line(narrow, wide)
    for seed in range(4):
        random = np.random.default_rng(seed)
        samples = [law.sample(20_000, random) for law in (narrow, wide)]
        scores = [narrow.log_density(points) - wide.log_density(points) + 123.0 for points in samples]
        found = score_distance(scores[0], scores[1], 1e-6)
        assert found.lower <= truth <= found.upper
        assert found.upper - found.lower < 0.09
    # The wrong score is a bound from below only, and the reversed one finds no advantage at all.
    assert score_distance(-scores[0], -scores[1], 1e-6).lower == 0.0


def test_score_distance_at_its_ends() -> None:
    apart = score_distance(np.ones(5000), np.zeros(5000), 1e-6)
    assert apart.estimate == 1.0 and apart.upper == 1.0 and apart.lower > 0.9
    same = score_distance(np.zeros(5000), np.zeros(5000), 1e-6)
    assert same.estimate == same.lower == 0.0 and 0.0 < same.upper < 0.1
    with pytest.raises(InputError, match="NaN"):
        score_distance(np.array([np.nan]), np.zeros(3), 1e-6)
    with pytest.raises(InputError, match="error probability"):
        score_distance(np.zeros(3), np.zeros(3), 0.9)


def test_a_source_refuses_what_is_no_latent() -> None:
    def source(result: np.ndarray) -> EncoderSource:
        return EncoderSource("e", 2, 3, 3, pairs=lambda x, noise: result)

    with pytest.raises(InputError, match=r"shape \(4, 2\)"):
        source(np.zeros((4, 2))).draw(np.zeros(2), 4, 0)
    with pytest.raises(InputError, match="not finite"):
        source(np.full((4, 3), np.inf)).draw(np.zeros(2), 4, 0)


def test_a_source_draws_the_same_in_pieces_and_from_a_sampler_of_its_own() -> None:
    source = EncoderSource("e", 1, 1, 1, pairs=lambda x, noise: x + noise)
    first = source.draw(np.array([2.0]), 70_000, 7)
    assert first.shape == (70_000, 1) and abs(first.mean() - 2.0) < 0.03
    np.testing.assert_array_equal(first, source.draw(np.array([2.0]), 70_000, 7))
    own = EncoderSource("e", 1, 1, None, sampler=lambda x, count, random: x + random.standard_normal((count, 1)))
    assert own.draw(np.array([2.0]), 5, 7).shape == (5, 1)
