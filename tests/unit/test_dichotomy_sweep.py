"""The sweep between the two theorems: points with one image, and the posterior in closed form."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.dichotomy_sweep import BETA, TAU, blend, collision, is_collision, posterior
from certify.circuits.permutation import permutation
from certify.circuits.posterior import PermutationPosterior, PermutationTable
from certify.generators.derivatives import value

SWAP = np.array([0, 2, 1, 3])


def images(family: str, bits: int) -> np.ndarray:
    return permutation(family, bits).circuit.evaluate_integers(np.arange(1 << bits)).astype(np.int64)


@pytest.mark.parametrize("family", ["gf2exp", "linear", "feistel", "modexp"])
@pytest.mark.parametrize("weight", [Fraction(0), Fraction(1, 100), Fraction(1), 1 / TAU])
def test_no_path_up_to_the_ramp_makes_a_permutation_injective(family: str, weight: Fraction) -> None:
    found = collision(images(family, 6), weight)
    assert found is not None and is_collision(found, images(family, 6), weight)


def test_the_points_collide_in_the_network_too() -> None:
    found = collision(images("gf2exp", 6), Fraction(1))
    assert found is not None
    first, second = value(blend(0.5).graph, np.array(found, dtype=float))
    assert np.array_equal(first, second)


def test_where_no_sign_turns_against_its_bit_nothing_collides() -> None:
    assert collision(np.arange(64), Fraction(1, 10)) is None
    assert collision(images("gf2exp", 6), 2 / TAU) is None


def test_points_that_do_not_collide_are_refused() -> None:
    one, two = [Fraction(1), Fraction(1)], [Fraction(2), Fraction(1)]
    assert is_collision((one, two), SWAP, Fraction(0))
    assert not is_collision((one, two), SWAP, Fraction(1))
    assert not is_collision((one, one), SWAP, Fraction(0))
    assert not is_collision((one, [TAU / 2, Fraction(1)]), SWAP, Fraction(0))


def test_without_a_path_the_posterior_is_that_of_the_permutation() -> None:
    circuit = permutation("gf2exp", 4).circuit
    table = PermutationTable.of(circuit)
    x = np.array([0.003, -0.9, 0.001, 1.2])
    expected = PermutationPosterior(table, x, BETA).probabilities()
    assert posterior(x[None], table.values, 0.0)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.3, 0.8])
def test_with_a_path_the_posterior_is_that_of_a_sum_over_a_fine_grid(alpha: float) -> None:
    x, axis = np.array([[0.21, -0.04]]), (np.arange(-24_000, 24_000) + 0.5) / 4000
    signs = np.array([[1 if word >> i & 1 else -1 for i in range(2)] for word in range(4)])
    weights = np.ones(4)
    for word in range(4):
        for i in range(2):
            inside = axis[np.sign(axis) == signs[word, i]]
            misfit = (x[0, i] - alpha * inside - (1 - alpha) * signs[SWAP[word], i]) / BETA
            weights[word] *= np.exp(-0.5 * inside**2 - 0.5 * misfit**2).sum()
    assert posterior(x, SWAP, alpha)[0] == pytest.approx(weights / weights.sum(), abs=1e-6)
