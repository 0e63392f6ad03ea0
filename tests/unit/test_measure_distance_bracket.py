"""The bracket of MALA's distance to the posterior against the chain's transition matrix on a fine grid (d = 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.measure import distance_bracket
from certify.measure.distance_bracket import mala_distance_brackets, suggested_step_size
from certify.measure.total_variation import chain_distance
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from tests.generators import wave

START = np.array([2.5])
STEPS = (1, 4, 12, 60)


def affine_posterior() -> Posterior:
    graph = Graph((Input(1), Affine(0, np.array([[1.0]]), np.zeros(1))))
    return Posterior(Generator("identity", graph, 1), np.array([0.5]), 1.0)


def wave_posterior() -> Posterior:
    return Posterior(wave(1), np.array([0.5]), 1.0)


def exact_distances(posterior: Posterior, step: float, steps: Sequence[int]) -> list[float]:
    """TV of MALA from START to the posterior by its transition matrix on cells of [-6, 6]."""
    nodes = np.linspace(-6, 6, 601)
    width = nodes[1] - nodes[0]
    start = int(np.argmin(np.abs(nodes - START[0])))
    heights = posterior.potential(nodes[:, None])
    means = nodes - step * posterior.gradient(nodes[:, None])[:, 0]
    log_proposal = -((nodes[None, :] - means[:, None]) ** 2) / (4 * step)
    ratio = heights[:, None] - heights[None, :] + log_proposal.T - log_proposal
    move = np.exp(log_proposal + np.minimum(ratio, 0)) * width / math.sqrt(4 * math.pi * step)
    np.fill_diagonal(move, 0.0)
    np.fill_diagonal(move, 1 - move.sum(axis=1))
    target = np.exp(heights.min() - heights)
    target /= target.sum()
    law, found = np.eye(nodes.size)[start], []
    for count in range(1, max(steps) + 1):
        law = law @ move
        if count in steps:
            found.append(0.5 * float(np.sum(np.abs(law - target))))
    return found


@pytest.mark.parametrize("posterior", [affine_posterior(), wave_posterior()], ids=["exact draws", "own draws"])
def test_the_bracket_contains_the_exact_distance(posterior: Posterior) -> None:
    """False-alarm probability of the seeded ends: 8e-3 over the four times."""
    truth = exact_distances(posterior, 0.1, STEPS)
    found = mala_distance_brackets(posterior, START, 0.1, STEPS, replicates=500, draws=3000, error_probability=1e-3)
    assert truth[0] > 0.8 > 0.05 > truth[-1]
    for bracket, distance in zip(found, truth, strict=True):
        assert bracket.contains(distance), (bracket, distance)
        assert bracket.error_probability == pytest.approx(2e-3)
        assert bracket.remainder_steps > bracket.steps
    # It is worth something: both ends move with the distance and lie near it.
    assert found[0].lower > 0.5
    assert found[-1].upper < 0.1
    assert max(bracket.upper - bracket.lower for bracket in found[1:]) < 0.35


def test_a_wrong_distance_lies_outside() -> None:
    (bracket,) = mala_distance_brackets(affine_posterior(), START, 0.1, (12,), replicates=500, draws=6000)
    truth = exact_distances(affine_posterior(), 0.1, (12,))[0]
    assert not bracket.contains(truth + 0.25)
    assert not bracket.contains(truth - 0.25)


def test_own_reference_draws_take_their_bias_off_the_lower_end(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior = affine_posterior()
    exact = mala_distance_brackets(posterior, START, 0.1, (4,), replicates=500, draws=3000)[0]
    monkeypatch.setattr(distance_bracket, "is_affine", lambda posterior: False)
    own = mala_distance_brackets(posterior, START, 0.1, (4,), replicates=500, draws=3000)[0]
    assert 0 < own.lower < exact.lower
    assert own.upper == exact.upper
    assert "less" in own.lower_method and "less" not in exact.lower_method


def test_a_bracket_in_eight_dimensions() -> None:
    generator = load_generator("linear:d=8,kappa=1.5,seed=0")
    posterior = Posterior(generator, np.full(8, 0.3), 0.5)
    mode = find_mode(posterior, np.zeros(8))
    step = suggested_step_size(posterior, mode)
    early, late = mala_distance_brackets(posterior, np.ones(8), step, (2, 60), replicates=300, draws=3000)
    assert 0.2 < early.lower < early.upper <= 1.0
    assert late.lower < 0.05
    # ULA with the same step stands at its own law: its distance to the posterior is known and is not zero.
    biased = chain_distance(posterior, mode, np.ones(8), step, 60)
    assert biased.lower > late.lower


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InputError, match="steps"):
        mala_distance_brackets(affine_posterior(), START, 0.1, ())
    with pytest.raises(InputError, match="steps"):
        mala_distance_brackets(affine_posterior(), START, 0.1, (0,))


def test_pairs_that_never_meet_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_bracket, "LONGEST_PILOT", 3)
    with pytest.raises(InputError, match="had not met after 3 steps"):
        mala_distance_brackets(affine_posterior(), START, 0.001, (4,))
