"""Decoders that overflow in floats where they are defined: draws do not take infinity for the potential there."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

import certify
from certify.arithmetic.balls import precision
from certify.audits.brackets import _against_draws, _against_normaliser
from certify.audits.reference import PosteriorDraws
from certify.envelopes import best
from certify.envelopes.box_certificate import Envelope, box_envelope
from certify.envelopes.box_search import BoxLimits
from certify.envelopes.likelihood import GaussianLikelihood, known_potential
from certify.envelopes.log_evidence import evidence_under, log_normaliser
from certify.envelopes.rejection import exact_draws, measured_acceptance
from certify.errors import InputError
from certify.generators.derivatives import guarded_value, value
from certify.generators.graph import Activation, Affine, FloatArray, Generator, Graph, Input, Node, Product, Sum
from certify.posteriors.estimates import IntervalEstimate
from certify.posteriors.gaussian import GaussianLaw
from certify.posteriors.posterior import Posterior
from theorems.collapse.row import rate_of_row
from theorems.factorised_encoder.row import few_draws

GAIN, BETA, ROW = 2000.0, 0.3, np.array([0.9])
QUICK = partial(box_envelope, components=4, limits=BoxLimits(0.1, 2000), rounds=1)
Map = Callable[[FloatArray], FloatArray]


def quotient() -> Generator:
    """exp(a)/(1 + exp(a)): not a number where exp(a) is infinite."""
    nodes: list[Node] = [Input(1), Affine(0, np.array([[GAIN]]), np.zeros(1)), Activation(1, "exp", 1)]
    nodes += [Affine(2, np.ones((1, 1)), np.ones(1)), Activation(3, "reciprocal", 1), Product((2, 4), 1)]
    return Generator("quotient", Graph(tuple(nodes)), 2)


def hidden() -> Generator:
    """sigmoid(log(2 + exp(a)) - a): in floats 1, which is finite, where exp(a) is infinite; 1/2 in truth."""
    nodes: list[Node] = [Input(1), Affine(0, np.array([[GAIN]]), np.zeros(1)), Activation(1, "exp", 1)]
    nodes += [Affine(2, np.ones((1, 1)), np.full(1, 2.0)), Activation(3, "log", 1)]
    nodes += [Sum((4, 1), (1.0, -1.0), 1), Activation(5, "sigmoid", 1)]
    return Generator("hidden", Graph(tuple(nodes)), 2)


MAPS: dict[str, tuple[Callable[[], Generator], Map]] = {
    "quotient": (quotient, lambda z: np.asarray(expit(GAIN * z))),
    "hidden": (hidden, lambda z: np.asarray(expit(np.logaddexp(math.log(2), GAIN * z) - GAIN * z))),
}


def exact(true: Map) -> tuple[FloatArray, FloatArray, float]:
    """Points, f there and log int exp(-f), the map written without an overflow."""
    points = np.linspace(-9, 9, 900_001)
    found = 0.5 * points**2 + 0.5 * ((true(points) - ROW[0]) / BETA) ** 2
    return points, found, math.log(float(np.exp(-found).sum()) * (points[1] - points[0]))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes cannot end where exp overflows: few are as good."""
    monkeypatch.setattr(best, "box_envelope", QUICK)


def enveloped(name: str) -> tuple[Generator, GaussianLikelihood, Envelope, float]:
    generator, likelihood = MAPS[name][0](), GaussianLikelihood(ROW, BETA)
    envelope = QUICK(generator.graph, likelihood)
    assert isinstance(envelope, Envelope)
    return generator, likelihood, envelope, exact(MAPS[name][1])[2]


@pytest.mark.parametrize("name", MAPS)
def test_floats_say_where_they_do_not_know_the_decoder(name: str) -> None:
    points = np.array([[-1.0], [0.0], [0.3], [0.5]])
    with np.errstate(all="ignore"):
        found, known = guarded_value(MAPS[name][0]().graph, points)
        plain = value(MAPS[name][0]().graph, points)
    assert known.tolist() == [True, True, True, False] and np.array_equal(found, plain, equal_nan=True)
    assert np.allclose(found[:3, 0], MAPS[name][1](points[:3, 0]))
    assert known_potential(MAPS[name][0]().graph, GaussianLikelihood(ROW, BETA), points)[1].tolist() == known.tolist()


@pytest.mark.parametrize("name", MAPS)
def test_the_sampled_evidence_holds_the_truth(name: str) -> None:
    generator, _, envelope, integral = enveloped(name)
    with precision():
        truth = integral + float(log_normaliser(generator, BETA))
    found = evidence_under(envelope, generator, ROW, BETA)
    assert found.rigorous is not None and found.sampled is not None
    for ends in (found.rigorous, found.sampled):
        assert ends.lower <= truth <= ends.upper
    # What is known is used all the same.
    assert math.isfinite(found.sampled.lower) and found.sampled.width < found.rigorous.width


@pytest.mark.parametrize("name", MAPS)
def test_the_measured_acceptance_holds_the_exact_one(name: str) -> None:
    generator, likelihood, envelope, integral = enveloped(name)
    found = measured_acceptance(generator, likelihood, envelope, 5000, 0)
    assert found.lower <= math.exp(integral - envelope.log_constant) <= found.upper


def test_no_draws_are_called_exact() -> None:
    generator, likelihood, envelope, _ = enveloped("quotient")
    with pytest.raises(InputError, match=r"`quotient` overflows in floats at \d+ of 8192 proposals.*Sigmoid"):
        exact_draws(generator, likelihood, envelope, 100, 0)
    with pytest.raises(InputError, match="overflows in floats"):
        certify.sample(generator, ROW, 100, beta=BETA)
    reason = few_draws(generator, likelihood, envelope, 2000)
    assert isinstance(reason, str) and "overflows" in reason


def test_the_rate_of_a_row_has_its_upper_end_alone() -> None:
    found = rate_of_row(quotient(), BETA, ROW).rate
    points, potential, integral = exact(MAPS["quotient"][1])
    density = np.exp(-potential - integral)
    misfit = potential - 0.5 * points**2
    rate = 0.5 * math.log(2 * math.pi) - integral - float((density * misfit).sum()) * (points[1] - points[0])
    assert "overflows" in found.reason and found.lower == 0.0 and rate <= found.upper


def test_a_gaussian_encoder_is_bracketed_with_what_is_not_known_at_both_ends() -> None:
    points, potential, integral = exact(MAPS["quotient"][1])
    law, posterior = GaussianLaw(np.array([0.7]), np.array([[0.36]])), Posterior(quotient(), ROW, BETA)
    density, weights = np.exp(-0.5 * ((points - 0.7) / 0.6) ** 2), np.exp(-potential)
    distance = 0.5 * float(np.abs(density / density.sum() - weights / weights.sum()).sum())
    truth = IntervalEstimate(integral, integral - 1e-6, integral + 1e-6, 0.0, 1, "quadrature")
    drawn = np.random.default_rng(1).choice(points, 20_000, p=weights / weights.sum())[:, None]
    with np.errstate(all="ignore"):
        by_integral = _against_normaliser(law, posterior, truth, 20_000, 0, 1e-6)
        by_draws = _against_draws(law, posterior, PosteriorDraws(drawn, "the grid"), 20_000, 0, 1e-6)
    for found in (by_integral, by_draws):
        assert found.lower <= distance <= found.upper
    assert by_draws.upper == 1.0
