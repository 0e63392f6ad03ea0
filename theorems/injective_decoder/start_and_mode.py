"""Decoders with n > d: reconstruction zh by descent, the residual at the mode, and the curvature that noise picks up.

zh minimises Phi(z) = |G(z) - x|^2/2. Nothing is inverted: x lies off the image of G, at a distance of about
beta sqrt(n - d).
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.generators.derivatives import hessian_contraction, jacobian, value, vector_jacobian_product
from certify.generators.graph import FloatArray, Generator
from certify.posteriors.estimates import frequency_interval
from certify.posteriors.mode import minimise_potential
from certify.posteriors.posterior import Posterior
from certify.proof.checks.intervals import from_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from theorems.sharp_langevin.places import centres

DEVIATIONS = (0.0, 0.5, 1.0, 2.0)
GAUSS_NEWTON_STEPS, DAMPING = 60, 1e-3
DESCENT_STEPS, STARTS, MODES, NOISES = 40, 24, 60, 10_000
RESOLUTION = 1e-11
"""Relative rounding of Phi: what two values of it differ by below this says nothing."""


def reconstruct(generator: Generator, observation: FloatArray, start: FloatArray) -> FloatArray:
    """A minimiser of Phi near `start` (d,), by damped Gauss-Newton steps. Estimate."""
    point = np.array(start, dtype=np.float64)
    misfit = _phi(generator, point[None], observation)[0]
    for _ in range(GAUSS_NEWTON_STEPS):
        residual = value(generator.graph, point) - observation
        slopes = jacobian(generator.graph, point)
        gradient = slopes.T @ residual
        curvature = slopes.T @ slopes + hessian_contraction(generator.graph, point, residual)
        if np.linalg.eigvalsh(curvature)[0] <= 0:
            curvature = slopes.T @ slopes + DAMPING * np.eye(point.size)
        step = np.linalg.solve(curvature, gradient)
        lengths = 0.5 ** np.arange(12)
        trials = point - lengths[:, None] * step
        values = _phi(generator, trials, observation)
        if not values.min() < misfit:
            break
        point, misfit = trials[int(np.argmin(values))], float(values.min())
    return point


def start_by_descent(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "descent", "distance" and "unique"; bound variables r0, r1, F0, F1 and k.

    From points around zh whose residual r0 is below m^2/M2, gradient descent with step 1/(M^2 + M2 r0).
    """
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        findings += _descents(instance, index)
    if findings:
        return tuple(findings)
    reason = "|G(z) - x| < m^2/M2 at no point tried: the noise is too large for a start that is provably good"
    return tuple(Finding(name, math.nan, 0, reason=reason) for name in ("descent", "distance", "unique"))


def _descents(instance: Instance, index: int) -> list[Finding]:
    generator, observation = instance.generator, instance.observations[index]
    m, M, M2 = (instance.number(name) for name in ("m", "M", "M2"))
    target = reconstruct(generator, observation, centres(instance)[index].point)
    floor = float(_phi(generator, target[None], observation)[0])
    least = math.sqrt(2 * floor)
    if M2 * least >= m**2:
        return []
    random = instance.random(f"descents-{index}")
    directions = random.standard_normal((instance.dense_count(STARTS, least=6), target.size))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = target + np.geomspace(0.02, 2.0, len(directions))[:, None] * instance.beta * directions * 4
    starts = np.sqrt(2 * _phi(generator, points, observation))
    usable = M2 * starts < m**2 * (1 - 1e-9)
    points, starts = points[usable], starts[usable]
    if starts.size == 0:
        return []
    noise = RESOLUTION * (1 + floor)
    initial = _phi(generator, points, observation) - floor
    rate = 1 - (m**2 - M2 * starts) / (M**2 + M2 * starts)
    findings, worst = [], (-math.inf, 0, 0)
    gaps = np.empty((DESCENT_STEPS + 1, starts.size))
    moving = points.copy()
    for k in range(DESCENT_STEPS + 1):
        gaps[k] = _phi(generator, moving, observation) - floor
        distances = np.sum((moving - target) ** 2, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(gaps[k] > 100 * noise, gaps[k] / (rate**k * initial), 0.0)
        place = int(np.argmax(ratio))
        if k > 0 and ratio[place] > worst[0]:
            worst = float(ratio[place]), k, place
        clear = gaps[k] > 1e4 * noise
        if clear.any():
            findings.append(_distance(distances, gaps[k], clear, least, noise))
        residual = value(generator.graph, moving) - observation
        pulled = vector_jacobian_product(generator.graph, moving, residual)
        moving = moving - pulled / (M**2 + M2 * starts)[:, None]
    _, step, place = worst
    at = {"k": step, "r0": _above(float(starts[place])), "F0": _around(float(initial[place]), noise)}
    descended = float(gaps[step, place])
    findings.append(
        Finding("descent", descended, gaps.size, at=at, recheck=lambda: arb(descended, noise).nonnegative_part())
    )
    return [*findings, _unique(instance, index, target)]


def _distance(
    distances: FloatArray, gaps: FloatArray, clear: np.ndarray[tuple[int], np.dtype[np.bool_]], least: float,
    noise: float,
) -> Finding:  # fmt: skip
    ratio = np.where(clear, distances / np.maximum(gaps, 1e-300), 0.0)
    place = int(np.argmax(ratio))
    at = {"F1": _around(float(gaps[place]), noise), "r1": _above(least)}
    squared = float(distances[place])
    blur = 1e-9 * (squared + math.sqrt(squared))
    return Finding("distance", squared, int(clear.sum()), at=at, recheck=lambda: arb(squared, blur))


def _unique(instance: Instance, index: int, target: FloatArray) -> Finding:
    """Different critical points of Phi with a residual below m^2/M2, among those that many starts lead to."""
    generator, observation = instance.generator, instance.observations[index]
    m, M2 = instance.number("m"), instance.number("M2")
    random = instance.random(f"unique-{index}")
    found = [target]
    count = instance.dense_count(8, least=3)
    for start in random.standard_normal((count, target.size)):
        point = reconstruct(generator, observation, start)
        residual = value(generator.graph, point) - observation
        slope = float(np.linalg.norm(vector_jacobian_product(generator.graph, point, residual)))
        is_critical = slope < 1e-7 and M2 * float(np.linalg.norm(residual)) < m**2
        if is_critical and all(np.linalg.norm(point - other) > 1e-5 for other in found):
            found.append(point)
    return Finding("unique", float(len(found)), count + 1)


def residual_at_the_mode(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "residual", bound variable t0: the frequency of |r(z*)| above beta (sqrt(n+d) + t0) over x."""
    generator, beta = instance.generator, instance.beta
    random = instance.random("mode-residuals")
    count = instance.count(MODES, least=30)
    latent = random.standard_normal((count, generator.latent_dim))
    images = value(generator.graph, latent)
    rows = images + beta * random.standard_normal(images.shape)
    norms = np.empty(count)
    for index, (row, start) in enumerate(zip(rows, latent, strict=True)):
        posterior = Posterior(generator, row, beta)
        # From the latent that made x: whatever the descent reaches has no larger f, all that the step uses.
        best = minimise_potential(posterior, start[None]).best
        norms[index] = np.linalg.norm(posterior.residual(best[None])[0])
    root = math.sqrt(generator.latent_dim + generator.observed_dim)
    return tuple(
        from_interval(
            "residual", frequency_interval(int(np.sum(norms > beta * (root + deviation))), count), {"t0": deviation}
        )
        for deviation in DEVIATIONS
    )


def noise_curvature(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "noise", bound variable t0: how often ||sum_i xi_i Hess G_i(z)|| exceeds M2 (2 sqrt(d) + t0)."""
    generator = instance.generator
    random = instance.random("noise-curvature")
    count = min(instance.gradient_count(NOISES), 20_000_000 // (generator.latent_dim**2 * 8))
    noise = random.standard_normal((count, generator.observed_dim))
    points = random.standard_normal((count, generator.latent_dim))
    norms = np.linalg.norm(hessian_contraction(generator.graph, points, noise), ord=2, axis=(1, 2))
    bound = instance.number("M2") * (2 * math.sqrt(generator.latent_dim) + np.array(DEVIATIONS))
    return tuple(
        from_interval("noise", frequency_interval(int(np.sum(norms > limit)), count), {"t0": deviation})
        for deviation, limit in zip(DEVIATIONS, bound.tolist(), strict=True)
    )


def _phi(generator: Generator, points: FloatArray, observation: FloatArray) -> FloatArray:
    residual = value(generator.graph, points) - observation
    return np.asarray(0.5 * np.sum(residual * residual, axis=1))


def _above(number: float) -> arb:
    with precision():
        return ball(number) * (1 + arb(0, 1e-12))


def _around(number: float, noise: float) -> arb:
    return arb(number, noise)
