"""T2 for drawn encoders: sum pi q >= sum pi^2 - TV(q, pi) at every x, with exact laws of the orthants."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from certify.arithmetic.balls import ball, precision
from certify.circuits.permutation import permutation
from certify.circuits.posterior import FloatArray, PermutationPosterior, PermutationTable, sample_posterior, to_words
from certify.circuits.reduction import invert, pointwise, successes
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.symbolic.bit_variance import bit_variance_estimate

BITS = 4
ORTHANTS = 1 << BITS


@cache
def table(family: str) -> PermutationTable:
    return PermutationTable.of(permutation(family, BITS).circuit)


@st.composite
def posteriors(draw: st.DrawFn) -> PermutationPosterior:
    family = draw(st.sampled_from(("gf2exp", "modexp", "linear", "feistel")))
    entries = draw(st.lists(st.floats(-4.0, 4.0), min_size=BITS, max_size=BITS))
    return PermutationPosterior(table(family), np.array(entries), draw(st.floats(0.1, 5.0)))


@st.composite
def laws(draw: st.DrawFn) -> list[Fraction]:
    """Any exact law of the orthants: point masses (look-up tables), partial tables, noisy and random ones."""
    weights = draw(st.lists(st.integers(0, 1000), min_size=ORTHANTS, max_size=ORTHANTS))
    if draw(st.booleans()) or not any(weights):
        weights = [0] * ORTHANTS
        weights[draw(st.integers(0, ORTHANTS - 1))] = 1
    noise = draw(st.fractions(0, 1))
    return [(1 - noise) * Fraction(weight, sum(weights)) + noise / ORTHANTS for weight in weights]


def holds(posterior: PermutationPosterior, law: list[Fraction] | list[arb]) -> bool:
    found = pointwise(posterior.orthant_law(), law)
    return not found.margin < 0


@given(posteriors(), laws())
def test_every_encoder_obeys_the_inequality(posterior: PermutationPosterior, law: list[Fraction]) -> None:
    assert holds(posterior, law)


@given(posteriors(), st.lists(st.floats(-3, 3), min_size=BITS, max_size=BITS), st.floats(0.05, 3))
def test_gaussian_encoders_obey_it(posterior: PermutationPosterior, mean: list[float], scale: float) -> None:
    """N(mean, scale^2 I): the law of the orthants is a product of normal probabilities, in balls."""
    with precision():
        law = [arb(1)]
        for entry in mean:
            up = (-ball(entry) / (ball(scale) * arb(2).sqrt())).erfc() / 2
            law = [weight * (1 - up) for weight in law] + [weight * up for weight in law]
    assert holds(posterior, law)


@given(posteriors())
def test_the_exact_posterior_attains_it(posterior: PermutationPosterior) -> None:
    law = posterior.orthant_law()
    found = pointwise(law, law)
    assert found.margin.contains(0) and found.distance.contains(0)
    # A bound of 1.1 times the agreement is wrong, at every x.
    with precision():
        assert found.success + found.distance < found.agreement * ball("1.1")


def test_langevin_encoders_obey_it() -> None:
    """Plain Langevin steps on the posterior of the clipped generator; the law is that of its stored ends, exactly."""
    random = np.random.default_rng(3)
    generator = load_generator(f"permutation:family=gf2exp,bits={BITS},form=clip,tau=0.5")
    for _ in range(3):
        x, beta, chains = random.standard_normal(BITS), 0.9, 400
        target = Posterior(generator, x, beta)
        z = random.standard_normal((chains, BITS))
        for _ in range(30):
            z = z - 0.02 * target.gradient(z) + np.sqrt(0.04) * random.standard_normal(z.shape)
        counts = np.bincount(to_words(z), minlength=ORTHANTS)
        law = [Fraction(int(count), chains) for count in counts]
        assert holds(PermutationPosterior(table("gf2exp"), x, beta), law)


@pytest.mark.parametrize("beta", [0.4, 1.0])
def test_the_inverter_succeeds_as_often_as_the_formula_says(beta: float) -> None:
    random, circuit, draws = np.random.default_rng(8), permutation("gf2exp", BITS).circuit, 40_000

    def encoder(x: FloatArray, own: np.random.Generator) -> FloatArray:
        return sample_posterior(table("gf2exp"), x, beta, own)

    share = successes(circuit, encoder, beta, draws, random) / draws
    expected = float((1 - 2 * bit_variance_estimate(beta)) ** BITS)
    assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / draws)


def test_what_is_no_encoder_is_refused() -> None:
    posterior = [arb(1) / ORTHANTS] * ORTHANTS
    for law in ([Fraction(1)], [Fraction(2), Fraction(-1), *[Fraction(0)] * (ORTHANTS - 2)], [Fraction(1)] * ORTHANTS):
        with pytest.raises(InputError, match="`encoder` must"):
            pointwise(posterior, law)
    with pytest.raises(InputError, match="draws of shape"):
        invert(lambda x, own: x[:, :1], np.arange(4), BITS, 1.0, np.random.default_rng(0))
