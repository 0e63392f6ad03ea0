"""`certify.sample`: exact draws of one posterior, the same for any number of threads; bad input in one line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

import certify
from certify.errors import InputError
from certify.posteriors.gaussian import posterior_law
from certify.posteriors.posterior import Posterior

LINEAR = "linear:d=2,kappa=1.5,seed=1"
X = np.array([0.7, -0.4])


def test_draws_have_the_exact_law_and_the_certified_cost() -> None:
    found = certify.sample(LINEAR, X, 20_000, beta="0.3", seed=1)
    law = posterior_law(Posterior(certify.load_generator(LINEAR), X, 0.3))
    points = np.asarray(found)
    assert points.shape == (20_000, 2) and 0.3 < found.acceptance <= 1.0
    assert found.evaluations_per_draw == 1 / found.acceptance
    band = np.sqrt(np.log(2 / 1e-7) / (2 * len(points)))
    for axis in range(2):
        deviation = np.sqrt(law.covariance[axis, axis])
        gap = stats.ks_1samp(points[:, axis], stats.norm(law.mean[axis], deviation).cdf).statistic
        wrong = stats.ks_1samp(points[:, axis], stats.norm(law.mean[axis], 1.2 * deviation).cdf).statistic
        assert gap <= band < wrong


def test_threads_change_no_bit_and_seeds_do() -> None:
    with threadpool_limits(1):
        one = certify.sample(LINEAR, X, 500, beta="0.3", seed=3).points
    with threadpool_limits(2):
        two = certify.sample(LINEAR, X, 500, beta="0.3", seed=3).points
    assert np.array_equal(one, two)
    assert not np.array_equal(one, certify.sample(LINEAR, X, 500, beta="0.3", seed=4).points)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((LINEAR, X, 0), {"beta": 0.3}, "`count` must be a positive integer; got 0"),
        ((LINEAR, X, 5), {"beta": 0}, "beta"),
        ((LINEAR, X, 5), {}, "names no noise level of its own: give `beta`"),
        ((LINEAR, np.zeros(3), 5), {"beta": 0.3}, "expected 2 columns"),
        ((LINEAR, np.zeros((2, 2)), 5), {"beta": 0.3}, "must be one x of shape"),
        (
            ("permutation:bits=4", np.ones(4), 5),
            {"beta": 0.3},
            "has no exact sampler at this observation: the form of this",
        ),
    ],
)
def test_bad_input_is_one_line(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        certify.sample(*arguments, **options)
    assert "\n" not in str(caught.value)
