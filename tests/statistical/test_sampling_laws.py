"""Laws of the chains against closed forms, and planted faults that the same test must catch.

For an affine generator f is quadratic with precision P and centre m: every Langevin iterate is Gaussian with
    mean_{k+1} = m + (1 - eta P)(mean_k - m),   covariance_{k+1} = (1 - eta P)^2 covariance_k + 2 eta,
and in the limit the covariance is (P (1 - eta P/2))^{-1}. MALA's invariant law is N(m, P^{-1}) itself.
Each alarm is at level 1e-6; the seeds are fixed, so a run cannot flicker.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from certify.arithmetic.arrays import FloatArray
from certify.generators.graph import Activation, Affine, Graph, Input, Sum
from certify.sampling import Langevin, Mala, RunOptions, Target, compile_program, run
from tests.kolmogorov import kolmogorov_p_value

pytestmark = pytest.mark.statistical

LEVEL = 1e-6

WEIGHT = np.array([[1.2, 0.4], [0.0, 0.8], [0.3, -0.5]])
BIAS = np.array([0.1, -0.2, 0.3])
OBSERVATION = np.array([1.0, 0.5, -0.5])
BETA = 0.6
PRECISION = np.eye(2) + WEIGHT.T @ WEIGHT / BETA**2
CENTRE = np.linalg.solve(PRECISION, WEIGHT.T @ (OBSERVATION - BIAS)) / BETA**2
START = np.array([1.0, -1.0])


def affine_target() -> Target:
    return Target.create(compile_program(Graph((Input(2), Affine(0, WEIGHT, BIAS)))), OBSERVATION, BETA)


def gaussian_p_value(sample: FloatArray, mean: FloatArray, covariance: FloatArray) -> float:
    """Smallest p-value, times their number, of tests that independent rows have law N(mean, covariance).

    After whitening: each coordinate's mean (exact z), variance (exact chi-square) and distribution
    (Kolmogorov-Smirnov), and the products of different coordinates (asymptotic z).
    """
    white = np.linalg.solve(np.linalg.cholesky(covariance), (sample - mean).T)
    count = white.shape[1]
    values = [2.0 * stats.norm.sf(abs(row.mean()) * math.sqrt(count)) for row in white]
    for row in white:
        lower = stats.chi2.cdf(np.sum(row**2), count)
        values += [2.0 * min(lower, 1.0 - lower), kolmogorov_p_value(row, "norm")]
    for i in range(len(white)):
        for j in range(i):
            values.append(2.0 * stats.norm.sf(abs(np.mean(white[i] * white[j])) * math.sqrt(count)))
    return float(min(1.0, len(values) * min(values)))


def langevin_law(eta: float, steps: int) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of U_steps from the point START, by the recursion."""
    shrink = np.eye(2) - eta * PRECISION
    mean, covariance = START.copy(), np.zeros((2, 2))
    for _ in range(steps):
        mean = CENTRE + shrink @ (mean - CENTRE)
        covariance = shrink @ covariance @ shrink + 2.0 * eta * np.eye(2)
    return mean, covariance


@pytest.mark.parametrize("steps", [1, 2, 7, 60])
def test_every_iterate_has_its_closed_form_law(steps: int) -> None:
    found = run(Langevin(), affine_target(), START, 0.1, steps, RunOptions(seed=steps, chains=100_000))
    assert gaussian_p_value(found.positions, *langevin_law(0.1, steps)) > LEVEL


@pytest.mark.parametrize("fault", [0.98, 1.02])
def test_a_noise_scale_two_per_cent_off_is_caught(fault: float) -> None:
    found = run(Langevin(noise_scale=fault), affine_target(), START, 0.1, 60, RunOptions(seed=1, chains=100_000))
    assert gaussian_p_value(found.positions, *langevin_law(0.1, 60)) < LEVEL


def test_a_step_size_two_per_cent_off_is_caught() -> None:
    found = run(Langevin(), affine_target(), START, 0.102, 3, RunOptions(seed=1, chains=100_000))
    assert gaussian_p_value(found.positions, *langevin_law(0.1, 3)) < LEVEL


def test_stationary_variance_is_the_reference_of_the_theory() -> None:
    # Precision p = 2.5 and step h = 0.1: variance 1/(p (1 - hp/2)), not 1/p.
    slope = math.sqrt(1.5)
    graph = Graph((Input(1), Affine(0, np.array([[slope]]), np.zeros(1))))
    target = Target.create(compile_program(graph), np.zeros(1), 1.0)
    found = run(Langevin(), target, np.zeros(1), 0.1, 150, RunOptions(seed=2, chains=100_000))
    variance = 1.0 / (2.5 * (1.0 - 0.125))
    assert gaussian_p_value(found.positions, np.zeros(1), np.array([[variance]])) > LEVEL
    assert gaussian_p_value(found.positions, np.zeros(1), np.array([[0.4]])) < LEVEL


def mala_draws(eta: float, steps: int, chains: int) -> FloatArray:
    return run(Mala(), affine_target(), CENTRE, eta, steps, RunOptions(seed=3, chains=chains)).positions


def test_mala_draws_from_the_posterior_although_its_step_is_large() -> None:
    draws = mala_draws(0.15, 120, 50_000)
    assert gaussian_p_value(draws, CENTRE, np.linalg.inv(PRECISION)) > LEVEL


def test_a_wrong_acceptance_ratio_is_caught() -> None:
    # The same chain with the proposal densities left out of the ratio (numpy), and with the right ratio.
    faulty, right = (numpy_mala(0.15, 120, 20_000, correction) for correction in (0.0, 1.0))
    assert gaussian_p_value(faulty, CENTRE, np.linalg.inv(PRECISION)) < LEVEL
    assert gaussian_p_value(right, CENTRE, np.linalg.inv(PRECISION)) > LEVEL
    unadjusted = run(Langevin(), affine_target(), CENTRE, 0.15, 120, RunOptions(seed=3, chains=20_000)).positions
    assert gaussian_p_value(unadjusted, CENTRE, np.linalg.inv(PRECISION)) < LEVEL


def numpy_mala(eta: float, steps: int, chains: int, correction: float) -> FloatArray:
    """MALA in numpy; `correction` multiplies log q(y, x) - log q(x, y) in the acceptance ratio."""
    generator = np.random.default_rng(0)
    state = np.tile(CENTRE, (chains, 1))

    def potential(z: FloatArray) -> FloatArray:
        return np.asarray(0.5 * np.einsum("ci,ij,cj->c", z - CENTRE, PRECISION, z - CENTRE))

    for _ in range(steps):
        slope = (state - CENTRE) @ PRECISION
        move = -eta * slope + math.sqrt(2.0 * eta) * generator.standard_normal(state.shape)
        proposal = state + move
        back = -move + eta * (proposal - CENTRE) @ PRECISION
        density = np.sum((move + eta * slope) ** 2 - back**2, axis=1) / (4.0 * eta)
        ratio = potential(state) - potential(proposal) + correction * density
        accepted = np.log(generator.random(chains)) <= ratio
        state = np.where(accepted[:, None], proposal, state)
    return state


def test_mala_and_quadrature_agree_on_a_curved_posterior() -> None:
    # G(z) = z + tanh(2z) in one dimension; probabilities of twenty bins by quadrature on a fine grid.
    graph = Graph(
        (Input(1), Affine(0, np.array([[2.0]]), np.zeros(1)), Activation(1, "tanh", 1), Sum((0, 2), (1.0, 1.0), 1))
    )
    target = Target.create(compile_program(graph), np.array([0.4]), 0.5)
    draws = run(Mala(), target, np.zeros(1), 0.08, 400, RunOptions(seed=4, chains=40_000)).positions[:, 0]
    grid = np.linspace(-4.0, 4.0, 80_001)
    weights = np.exp(-0.5 * grid**2 - 0.5 * (grid + np.tanh(2.0 * grid) - 0.4) ** 2 / 0.25)
    distribution = np.cumsum(weights) / weights.sum()
    edges = np.interp(np.linspace(0.0, 1.0, 21)[1:-1], distribution, grid)
    observed = np.bincount(np.searchsorted(edges, draws), minlength=20)
    assert stats.chisquare(observed).pvalue > LEVEL
    assert stats.chisquare(np.bincount(np.searchsorted(edges, draws + 0.02), minlength=20)).pvalue < LEVEL
