"""Theorem 1*'s probabilistic steps: tails, shells, exit, discretisation, start, contraction, smoothing, the total."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from flint import arb, arb_mat

from certify.arithmetic.ball_matrices import ball_matrix
from certify.arithmetic.balls import ball, euclidean_norm, precision, upper
from certify.bounds.bracket import Witness
from certify.generators.graph import FloatArray
from certify.measure.affine_chain import affine_chain_distance
from certify.measure.exponential_law import NODES, exponential_chain_distance
from certify.measure.path_divergence import DISCRETISED
from certify.measure.two_sample import total_variation_lower
from certify.measure.whitened import WhitenedPosterior
from certify.posteriors.estimates import (
    DistanceEstimate,
    IntervalEstimate,
    assumed,
    frequency_interval,
    mean_interval,
    nonnegative_mean_interval,
)
from certify.posteriors.gaussian import is_affine
from certify.proof.checks.intervals import follows, from_distance, from_lower_end
from certify.proof.checks.mode import gradient_ball
from certify.proof.instance import Instance
from certify.proof.records import MeasuredDistance
from certify.proof.theorem import Finding
from certify.sampling.langevin import ExponentialIntegrator, ProjectedLangevin
from certify.sampling.options import RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.runs import run
from certify.verdict import Evidence
from theorems.sharp_langevin.places import centres, draw_radii, draws, own_numbers, whitened
from theorems.sharp_langevin.strategy import schedule_of
from theorems.strong_invertibility.distance import TOO_LONG

QUANTILES = (0.5, 0.9, 0.99)
EXIT_TIME, SUBSTEPS, PATHS, CHAINS = 0.05, 64, 2500, 2048
LONGEST_LAW, LONGEST_SIMULATION = 60, 3000
"""Layers whose law is computed on a grid, and that are simulated at effort 1."""


def tail_by_sandwich(instance: Instance) -> tuple[Finding, ...]:
    """Finding on A3's tail around c in z, bound variables R0, r0 = |r(c)|, s0 = |grad f(c)|."""
    posterior, centre = instance.posterior(), centres(instance)[0]
    distances = np.linalg.norm(draws(instance).points - centre.point, axis=1)
    slope = float(np.linalg.norm(posterior.gradient(centre.point[None])[0]))
    at = {"r0": ball(centre.residual_upper), "s0": ball(slope * 2 + 1e-9)}
    return tuple(
        from_lower_end("tail", _beyond(instance, distances, radius), {**at, "R0": radius})
        for radius in (float(np.quantile(distances, level)) for level in QUANTILES)
    )


def tail_of_whitened(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "tail" (t(R0) with the certificate's R2) and "shell" (P(|y| > R0 | |y| <= R)), bound variable R0."""
    radii, numbers = draw_radii(instance), own_numbers(instance)
    radius, outer = instance.number("R"), instance.number("R2")
    inside = radii[radii <= radius]
    findings = []
    for level in QUANTILES:
        place = float(np.quantile(radii, level))
        if place < outer:
            findings.append(from_lower_end("tail", _beyond(instance, radii, place), {"R0": place, **numbers}))
        if place < radius:
            findings.append(from_lower_end("shell", _beyond(instance, inside, place), {"R0": place, **numbers}))
    return tuple(findings) or (Finding("tail", math.nan, 0, reason="the draws lie outside |y| = R2"),)


def exits_of_whitened(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "exit" on smaller balls, where the bound is visible; bound variables R0, w0, tau0.

    The diffusion is simulated by fine Langevin steps, which the finding names as its assumption: paths seen only at
    these steps leave less often.
    """
    posterior, numbers = whitened(instance), own_numbers(instance)
    points = draws(instance).points
    radii = draw_radii(instance)
    findings = []
    for level in (0.9, 0.99):
        radius = min(float(np.quantile(radii, level)), instance.number("R"))
        starts = points[radii <= radius][: instance.count(PATHS, least=500)]
        if len(starts) < 100:
            continue
        kernel = Preconditioned(posterior.preconditioner, ProjectedLangevin((np.zeros(starts.shape[1]), radius)))
        options = RunOptions(instance.seed)
        exits = run(kernel, instance.posterior(), starts, EXIT_TIME / SUBSTEPS, SUBSTEPS, options).exits
        left = int(np.sum(exits >= 0))
        at: dict[str, object] = {
            "R0": radius,
            "w0": min(math.sqrt(EXIT_TIME), radius / 2),
            "tau0": EXIT_TIME,
            **numbers,
        }
        frequency = frequency_interval(left, len(starts), assumption=assumed(DISCRETISED, draws(instance).assumption))
        findings.append(from_lower_end("exit", frequency, at))
    return tuple(findings) or (Finding("exit", math.nan, 0, reason="too few draws lie in the ball"),)


def drift_changes(instance: Instance) -> tuple[Finding, ...]:
    """Finding on "drift": E int_0^h0 |H(Y_t) - H(Y_0)|^2 dt, H(y) = grad F(y) - y, along paths in the ball."""
    posterior, radius = whitened(instance), instance.number("R")
    inside = draws(instance).points[draw_radii(instance) <= radius][: instance.count(PATHS, least=500)]
    if len(inside) < 100:
        return (Finding("drift", math.nan, 0, reason="too few draws lie in the ball"),)
    eta = instance.number("eta")
    coordinates = posterior.coordinates(inside)
    values = _squared_changes(posterior, coordinates, radius, eta, instance.random("drift"))
    # Where H hardly changes the floats of its two evaluations differ by rounding: that much is not measured.
    rounding = 1e-12 * (1 + radius) + _gradient_rounding(posterior, inside[:64])
    values = np.maximum(values - eta * rounding**2, 0.0)
    interval = nonnegative_mean_interval(
        values,
        method=f"simulated paths, starts: {draws(instance).method}",
        assumption=assumed(DISCRETISED, draws(instance).assumption),
    )
    return (from_lower_end("drift", replace(interval, upper=math.inf), {"h0": eta, **own_numbers(instance)}),)


def _gradient_rounding(posterior: WhitenedPosterior, points: FloatArray) -> float:
    """How far two evaluations of grad F may differ by rounding: G(z) - x loses digits where |G| + |x| is large."""
    exact = posterior.posterior
    images = np.abs(exact.generator.value(points)).max() + np.abs(exact.observation).max()
    slopes = np.linalg.norm(exact.generator.jacobian(points) @ posterior.factor, axis=(1, 2)).max() / exact.beta**2
    return float(2.0**-48 * images * slopes)


def _squared_changes(
    posterior: WhitenedPosterior, start: FloatArray, radius: float, time: float, random: np.random.Generator
) -> FloatArray:
    substep = time / SUBSTEPS
    points, total, previous = start.copy(), np.zeros(len(start)), np.zeros(len(start))
    gradient = posterior.gradient(points)
    first = gradient - points
    inside = np.ones(len(start))
    for _ in range(SUBSTEPS):
        points = points - substep * gradient + math.sqrt(2 * substep) * random.standard_normal(points.shape)
        # Both laws are stopped on leaving the ball, so a path contributes nothing from there on.
        inside *= np.linalg.norm(points, axis=1) <= radius
        gradient = posterior.gradient(points)
        current = np.sum((gradient - points - first) ** 2, axis=1)
        total += inside * 0.5 * substep * (previous + current)
        previous = current
    return total


def start_and_contraction(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "start" (a lower bound of the Wasserstein distance: the gap of the means) and "contraction".

    Both starts have the mean 0. A direction u is taken from one half of the draws: u.E y <= |E y| is measured on the
    other, where |u.y| <= R.
    """
    posterior, radius, drawn = whitened(instance), instance.number("R"), draws(instance)
    coordinates = posterior.coordinates(drawn.points)
    inside = coordinates[np.linalg.norm(coordinates, axis=1) <= radius]
    mean = inside[::2].mean(axis=0)
    along = np.clip(inside[1::2] @ (mean / max(float(np.linalg.norm(mean)), 1e-300)), -radius, radius)
    gap = mean_interval(along, -radius, radius, method=f"gap of the means, {drawn.method}", assumption=drawn.assumption)
    gap = replace(gap, lower=max(0.0, gap.lower), upper=math.inf)
    return from_lower_end("start", gap, own_numbers(instance)), _contraction(instance, posterior, radius)


def _contraction(instance: Instance, posterior: WhitenedPosterior, radius: float) -> Finding:
    """The pair of float points inside the ball that y -> y - s grad F(y) contracts least: clipping does not expand."""
    random, d = instance.random("contraction"), posterior.point.size
    count = instance.count(4000, least=400)
    first = radius * random.standard_normal((count, d)) / math.sqrt(d)
    second = first + random.choice([1e-3, 0.1, 1.0], count)[:, None] * random.standard_normal((count, d))
    pairs = []
    for points in (first, second):
        length = np.linalg.norm(points, axis=1, keepdims=True)
        pairs.append(posterior.latent(points * np.minimum(1.0, 0.999 * radius / length)))
    s = -math.expm1(-instance.number("eta"))
    inside = [posterior.coordinates(points) for points in pairs]
    images = [points - s * posterior.gradient(points) for points in inside]
    gaps = np.linalg.norm(inside[0] - inside[1], axis=1)
    quotient = np.linalg.norm(images[0] - images[1], axis=1) / np.maximum(gaps, 1e-300)
    worst = int(np.argmax(np.where(gaps > 0, quotient, 0.0)))
    pair = (pairs[0][worst], pairs[1][worst])
    return Finding(
        "contraction", float(quotient[worst]), count, at=own_numbers(instance),
        witness=Witness(tuple(tuple(point.tolist()) for point in pair)),
        recheck=lambda: _contraction_ball(instance, posterior, pair),
    )  # fmt: skip


def _contraction_ball(instance: Instance, posterior: WhitenedPosterior, pair: tuple[FloatArray, FloatArray]) -> arb:
    """Enclosure of the quotient of a pair of float points."""
    with precision():
        s, factor = instance.values["s"], ball_matrix(posterior.factor)
        slopes = [gradient_ball(posterior.posterior, point) for point in pair]
        gaps = [ball(float(a)) - ball(float(b)) for a, b in zip(*pair, strict=True)]
        inner = factor.solve(arb_mat([[gap] for gap in gaps]))
        drift = factor.transpose() * arb_mat([[a - b] for a, b in zip(*slopes, strict=True)])
        moved = [inner[i, 0] - s * drift[i, 0] for i in range(inner.nrows())]
        return euclidean_norm(moved) / euclidean_norm([inner[i, 0] for i in range(inner.nrows())])


def smoothing_distances(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "smoothing": chains of k equal layers from two points at distance v0; bound variables k, v0."""
    posterior, eta, mu = whitened(instance), instance.number("eta"), instance.number("mu")
    s = -math.expm1(-eta)
    direction = np.zeros(posterior.point.size)
    direction[0] = 1.0
    chains = instance.count(CHAINS, least=256)
    layer = ExponentialIntegrator((np.zeros(posterior.point.size), instance.number("R")))
    kernel = Preconditioned(posterior.preconditioner, layer)
    findings = []
    for steps in (1, 4):
        rho = 1 - s * mu
        spread = (2 * s - s * s) * (1 - rho ** (2 * steps)) / (1 - rho**2) if rho < 1 else (2 * s - s * s) * steps
        distance = min(0.8 * math.sqrt(2 * math.pi * spread) / rho**steps, instance.number("R") / 2)
        starts = [posterior.latent(sign * distance / 2 * direction[None])[0] for sign in (-1, 1)]
        ends = [
            run(
                kernel, instance.posterior(), point, eta, steps,
                RunOptions(instance.seed + 2 * steps + offset, chains),
            ).positions
            for offset, point in enumerate(starts)
        ]  # fmt: skip
        found = total_variation_lower(posterior.coordinates(ends[0]), posterior.coordinates(ends[1]))
        at: dict[str, object] = {"k": steps, "v0": distance, **own_numbers(instance)}
        findings.append(from_distance("smoothing", found, at, chains))
    return tuple(findings)


def measured_total(instance: Instance) -> DistanceEstimate:
    """TV(law X_K, pi_x) at the certificate's choices, measured once: on a grid for d <= 2, from samples otherwise.

    For an affine decoder closed forms cut the upper end, far below what a grid or a sample resolves.
    """

    def sharpened() -> DistanceEstimate:
        found = compute()
        if not is_affine(instance.posterior()) or instance.number("K") > LONGEST_LAW:
            return found
        bound = upper(affine_total(instance))
        # A closed form below what was measured would be a contradiction, which the measurement must show.
        if not found.lower <= bound < found.upper:
            return found
        method = f"{found.method}; closed forms above"
        return replace(found, estimate=min(found.estimate, bound), upper=bound, method=method)

    def compute() -> DistanceEstimate:
        posterior, schedule = whitened(instance), schedule_of(instance.certificate)
        times = np.array([float(item) for item in schedule.times()])
        gaussian, radius = instance.number("start") > 0.5, instance.number("R")
        if posterior.point.size in NODES and len(times) <= LONGEST_LAW:
            return exponential_chain_distance(posterior, radius, times.tolist(), gaussian)
        layer = ExponentialIntegrator((np.zeros(posterior.point.size), radius))
        ends = run(
            Preconditioned(posterior.preconditioner, layer), instance.posterior(),
            None if gaussian else posterior.point, times, len(times),
            RunOptions(instance.seed, instance.count(CHAINS, least=256), progress=instance.progress),
        )  # fmt: skip
        truth = draws(instance)
        return total_variation_lower(
            posterior.coordinates(ends.positions), posterior.coordinates(truth.points), note=f", {truth.method}",
            assumption=truth.assumption,
        )  # fmt: skip

    return instance.once("sharp-total", sharpened)


def affine_total(instance: Instance) -> arb:
    """The same distance at an affine decoder, enclosed from above by closed forms."""
    times = schedule_of(instance.certificate).times()
    gaussian = instance.number("start") > 0.5
    return instance.once(
        "sharp-affine-total",
        lambda: affine_chain_distance(whitened(instance), instance.values["R"], list(times), gaussian),
    )


def total_distance(instance: Instance) -> tuple[Finding, ...]:
    """Finding on "total": the measured distance of the chain's last layer; proved at an affine decoder."""
    if is_affine(instance.posterior()) and instance.number("K") <= LONGEST_LAW:
        bound = affine_total(instance)
        # The distance lies between 0 and the bound: a claim below the bound is not refuted by it.
        return (
            Finding("total", upper(bound), 1, Evidence.RIGOROUS, exhaustive=True,
                    recheck=lambda: arb(0).union(bound), reason="closed forms: every law is Gaussian"),
        )  # fmt: skip
    if instance.number("K") > LONGEST_SIMULATION * instance.effort:
        return follows("total", TOO_LONG)
    return (from_distance("total", measured_total(instance)),)


def published_total(instance: Instance) -> MeasuredDistance | None:
    """The measured distance for the conclusion, or None where only a lower bound from samples is known."""
    if instance.number("K") > LONGEST_LAW:
        return None
    if whitened(instance).point.size not in NODES and not is_affine(instance.posterior()):
        return None
    found = measured_total(instance)
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)


def _beyond(instance: Instance, values: FloatArray, threshold: float) -> IntervalEstimate:
    """How often a number of a draw of the posterior exceeds the threshold."""
    drawn = draws(instance)
    count = int(np.sum(values > threshold))
    return frequency_interval(count, values.size, method=drawn.method, assumption=drawn.assumption)
