"""Laws of the preconditioned chains against closed forms, and planted faults that the same test must catch.

For an affine generator F(y) = f(c + B y) is quadratic with precision Q = B^T P B and centre e = B^{-1}(m - c). With
drift lengths s_k and noise variances v_k (2 s_k, or 2 s_k - s_k^2 of the exponential integrator) every iterate is
Gaussian,
    mean_{k+1} = e + (1 - s_k Q)(mean_k - e),   covariance_{k+1} = (1 - s_k Q)^2 covariance_k + v_k,
and for B B^T = P^{-1} (Q = 1) the exponential integrator keeps N(m, P^{-1}) exactly, whatever the steps.
Each alarm is at level 1e-6; the seeds are fixed, so a run cannot flicker.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from certify.arithmetic.arrays import FloatArray
from certify.sampling import (
    ExponentialIntegrator,
    Langevin,
    Mala,
    Preconditioned,
    Preconditioner,
    RunOptions,
    run,
)
from tests.statistical.test_sampling_laws import CENTRE, LEVEL, PRECISION, START, affine_target, gaussian_p_value

pytestmark = pytest.mark.statistical


CHAINS = 100_000
OBLIQUE = Preconditioner.create(np.array([0.3, -0.4]), np.array([[0.6, 0.1], [-0.2, 0.5]]))
EXACT = Preconditioner.from_precision(CENTRE, PRECISION)
COVARIANCE = np.linalg.inv(PRECISION)
TIMES = np.array([0.9, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


def iterate_law(map_: Preconditioner, drifts: FloatArray, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance in z of the last iterate from the point START."""
    curvature = map_.factor.T @ PRECISION @ map_.factor
    centre, mean = map_.coordinates(CENTRE), map_.coordinates(START)
    covariance = np.zeros((2, 2))
    for drift, variance in zip(drifts, variances, strict=True):
        shrink = np.eye(2) - drift * curvature
        mean = centre + shrink @ (mean - centre)
        covariance = shrink @ covariance @ shrink.T + variance * np.eye(2)
    return map_.latent(mean), map_.factor @ covariance @ map_.factor.T


@pytest.mark.parametrize("steps", [1, 3, 40])
def test_every_preconditioned_iterate_has_its_closed_form_law(steps: int) -> None:
    sizes = np.linspace(0.4, 0.2, steps)
    found = run(
        Preconditioned(OBLIQUE, Langevin()), affine_target(), START, sizes, steps, RunOptions(seed=steps, chains=CHAINS)
    )
    assert gaussian_p_value(found.positions, *iterate_law(OBLIQUE, sizes, 2.0 * sizes)) > LEVEL


@pytest.mark.parametrize("map_", [OBLIQUE, EXACT], ids=["oblique", "exact"])
def test_every_iterate_of_the_exponential_integrator_has_its_closed_form_law(map_: Preconditioner) -> None:
    drifts = 1.0 - np.exp(-TIMES)
    law = iterate_law(map_, drifts, 2.0 * drifts - drifts**2)
    found = run(
        Preconditioned(map_, ExponentialIntegrator()),
        affine_target(),
        START,
        TIMES,
        TIMES.size,
        RunOptions(seed=1, chains=CHAINS),
    )
    assert gaussian_p_value(found.positions, *law) > LEVEL


@pytest.mark.parametrize("times", [TIMES, 3.0, 0.01], ids=["decreasing", "long", "short"])
def test_the_exponential_integrator_keeps_a_gaussian_posterior_exactly(times: Any) -> None:
    found = run(
        Preconditioned(EXACT, ExponentialIntegrator()),
        affine_target(),
        None,
        times,
        TIMES.size,
        RunOptions(seed=2, chains=CHAINS),
    )
    assert gaussian_p_value(found.positions, CENTRE, COVARIANCE) > LEVEL


@pytest.mark.parametrize("fault", [0.98, 1.02])
def test_a_noise_scale_two_per_cent_off_is_caught(fault: float) -> None:
    target = affine_target()
    exponential = run(
        Preconditioned(EXACT, ExponentialIntegrator(noise_scale=fault)),
        target,
        START,
        0.5,
        30,
        RunOptions(seed=3, chains=CHAINS),
    )
    assert gaussian_p_value(exponential.positions, CENTRE, COVARIANCE) < LEVEL
    plain = run(
        Preconditioned(OBLIQUE, Langevin(noise_scale=fault)), target, START, 0.3, 30, RunOptions(seed=3, chains=CHAINS)
    )
    law = iterate_law(OBLIQUE, np.full(30, 0.3), np.full(30, 0.6))
    assert gaussian_p_value(plain.positions, *law) < LEVEL


def test_euler_noise_in_the_exponential_integrator_is_caught() -> None:
    # sqrt(2 s) in place of sqrt(2 s - s^2): the law that the plain Langevin step would have.
    found = run(
        Preconditioned(EXACT, Langevin()),
        affine_target(),
        START,
        1.0 - np.exp(-0.1),
        80,
        RunOptions(seed=4, chains=CHAINS),
    )
    assert gaussian_p_value(found.positions, CENTRE, COVARIANCE) < LEVEL


def test_a_preconditioner_that_is_not_the_covariance_is_caught() -> None:
    wrong = Preconditioner.create(CENTRE, EXACT.factor * 1.2)
    found = run(
        Preconditioned(wrong, ExponentialIntegrator()),
        affine_target(),
        START,
        0.5,
        60,
        RunOptions(seed=5, chains=CHAINS),
    )
    assert gaussian_p_value(found.positions, CENTRE, COVARIANCE) < LEVEL


def numpy_exponential(steps: int, time: float, delay: int) -> FloatArray:
    """The exponential integrator in numpy whose gradient is taken `delay` steps ago (0: right)."""
    generator = np.random.default_rng(0)
    drift = 1.0 - np.exp(-time)
    states = [np.zeros((CHAINS, 2))] * (delay + 1)
    for _ in range(steps):
        gradient = (EXACT.latent(states[-1 - delay]) - CENTRE) @ PRECISION @ EXACT.factor
        noise = np.sqrt(2.0 * drift - drift**2) * generator.standard_normal((CHAINS, 2))
        states.append(states[-1] - drift * gradient + noise)
    return EXACT.latent(states[-1])


def test_a_stale_gradient_is_caught() -> None:
    assert gaussian_p_value(numpy_exponential(40, 0.3, 0), CENTRE, COVARIANCE) > LEVEL
    assert gaussian_p_value(numpy_exponential(40, 0.3, 1), CENTRE, COVARIANCE) < LEVEL


def test_preconditioned_mala_draws_from_the_posterior_although_its_step_is_large() -> None:
    found = run(Preconditioned(OBLIQUE, Mala()), affine_target(), CENTRE, 0.6, 120, RunOptions(seed=6, chains=50_000))
    assert 0.3 < found.acceptance_rate < 0.95
    assert gaussian_p_value(found.positions, CENTRE, COVARIANCE) > LEVEL


def numpy_mala(metric: FloatArray, steps: int, eta: float) -> FloatArray:
    """Preconditioned MALA in numpy; proposal densities are taken with `metric` in place of (B B^T)^{-1}."""
    generator = np.random.default_rng(1)
    chains, spread = 20_000, OBLIQUE.factor @ OBLIQUE.factor.T
    state = np.tile(CENTRE, (chains, 1))

    def potential(z: FloatArray) -> FloatArray:
        return np.asarray(0.5 * np.einsum("ci,ij,cj->c", z - CENTRE, PRECISION, z - CENTRE))

    def drift(z: FloatArray) -> FloatArray:
        return np.asarray(-eta * (z - CENTRE) @ PRECISION @ spread)

    def squared(v: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("ci,ij,cj->c", v, metric, v) / (4.0 * eta))

    for _ in range(steps):
        noise = np.sqrt(2.0 * eta) * generator.standard_normal(state.shape) @ OBLIQUE.factor.T
        proposal = state + drift(state) + noise
        ratio = potential(state) - potential(proposal) + squared(noise)
        ratio -= squared(state - proposal - drift(proposal))
        state = np.where((np.log(generator.random(chains)) <= ratio)[:, None], proposal, state)
    return state


def test_a_wrong_acceptance_ratio_is_caught() -> None:
    right = np.linalg.inv(OBLIQUE.factor @ OBLIQUE.factor.T)
    assert gaussian_p_value(numpy_mala(right, 50, 0.6), CENTRE, COVARIANCE) > LEVEL
    # The proposal measured without the preconditioner, and not measured at all.
    for metric in (np.eye(2), np.zeros((2, 2))):
        assert gaussian_p_value(numpy_mala(metric, 50, 0.6), CENTRE, COVARIANCE) < LEVEL
