"""The steps of "modes need slope" held against balls, half-spaces, every mass, and the model's own law."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from flint import arb
from scipy.special import gammaincc, gammaincinv, ndtr, ndtri

from certify.arithmetic.balls import ball, euclidean_norm, precision
from certify.generators.derivatives import value
from certify.generators.graph import FloatArray
from certify.generators.jets import value_ball
from certify.posteriors.estimates import ERROR_PROBABILITY, IntervalEstimate, frequency_interval
from certify.proof.checks.intervals import from_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.symbolic.functions import chi_tail_ball
from certify.symbolic.normal import NormalMass, NormalQuantile

PAIRS, DRAWS, MASSES = 4000, 100_000, 30
SHIFTS = (0.1, 0.5, 1.0, 2.0)
LEVELS = (0.05, 0.3, 0.5, 0.8)
DIMENSIONS = (1, 2, 5)
PLACES = ((0.5, 1.0, True), (0.2, 0.5, True), (0.5, 0.25, True), (0.8, 0.5, True), (0.2, 0.5, False))
"""Mass of the lower group, distance in units of L, whether the gap begins or ends at its quantile: both ends of F."""


def noisy_pairs(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the quotients |x - x'|/|w - w'|, near pairs and far ones, at their largest; recomputed in balls."""
    random, graph, beta = instance.random("noisy pairs"), instance.generator.graph, instance.beta
    d, n = instance.generator.latent_dim, instance.generator.observed_dim
    count = instance.count(PAIRS, least=200)
    first = 2 * random.standard_normal((count, d))
    step = random.standard_normal((count, d)) * 10.0 ** random.uniform(-3, 0.5, (count, 1))
    second = first + step
    moved = value(graph, second) - value(graph, first)
    # The noise that stretches most runs along the image of the step: |dxi|/|dz| = beta |dz|/|dG|.
    lengths = np.maximum(np.sum(moved**2, axis=1), 1e-300)
    noise = beta * (np.sum(step**2, axis=1) / lengths)[:, None] * moved
    total = np.linalg.norm(moved + beta * noise, axis=1) / np.hypot(
        np.linalg.norm(step, axis=1), np.linalg.norm(noise, axis=1)
    )
    index = int(np.argmax(total))

    def recheck() -> arb:
        with precision():
            ends = [[ball(float(entry)) for entry in point[index]] for point in (first, second)]
            images = [value_ball(graph, point) for point in ends]
            jitter = [ball(float(entry)) for entry in noise[index]]
            change = [b - a + ball(beta) * x for a, b, x in zip(*images, jitter, strict=True)]
            moves = [b - a for a, b in zip(*ends, strict=True)] + jitter
            return euclidean_norm(change) / euclidean_norm(moves)

    assert noise.shape == (count, n)
    return (Finding("slope", float(total[index]), count, recheck=recheck),)


def isoperimetry(instance: Instance) -> tuple[Finding, ...]:
    """Findings on balls around 0 in a few dimensions, and on half-spaces, bound variables p and s."""
    found = []
    for level in LEVELS:
        for shift in SHIFTS:
            quantile = float(ndtri(level))
            found.append(
                Finding(
                    "half-spaces", float(ndtr(-quantile - shift)), 1, at={"p": _mass(quantile), "s": shift},
                    recheck=lambda q=quantile, s=shift: _beyond(q, s),  # type: ignore[misc]
                )
            )  # fmt: skip
            for k in DIMENSIONS:
                radius = math.sqrt(2.0 * float(gammaincinv(k / 2.0, level)))
                with precision():
                    inside = 1 - chi_tail_ball(ball(k), ball(radius))
                    outside = chi_tail_ball(ball(k), ball(radius) + ball(shift))
                found.append(
                    Finding(
                        "balls", float(gammaincc(k / 2.0, (radius + shift) ** 2 / 2.0)), 1,
                        at={"p": inside, "s": shift},
                        recheck=lambda outside=outside: outside,  # type: ignore[misc]
                    )
                )  # fmt: skip
    return tuple(found)


def _mass(quantile: float) -> arb:
    with precision():
        return NormalMass.enclose(ball(quantile))


def _beyond(quantile: float, shift: float) -> arb:
    with precision():
        return NormalMass.enclose(-ball(quantile) - ball(shift))


def closed_form(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the least distance over all masses a, and on the two ends, bound variables q1, q2, s."""
    random, found = instance.random("masses"), []
    grid = np.linspace(1e-6, 1 - 1e-6, 4001)
    for _ in range(MASSES):
        first = float(random.uniform(0.02, 0.97))
        second = float(random.uniform(0.01, 0.99 - first)) if first < 0.97 else 0.01
        shift = float(10.0 ** random.uniform(-1, 0.6))
        ends = np.array([first, float(ndtr(-ndtri(second) - shift))])
        at = {"q1": first, "q2": second, "s": shift}
        distances = least_distance(first, second, shift, grid)
        place = float(grid[np.argmin(distances)])
        # At the better end, or at a mass between the ends where nothing is lost.
        between = ends[0] <= ndtr(-ndtri(second) - shift)
        best = float(ends[np.argmin(least_distance(first, second, shift, ends))]) if not between else first
        for claim, mass in (("every mass", place), ("attained", best)):
            found.append(
                Finding(
                    claim, float(least_distance(first, second, shift, np.array([mass]))[0]),
                    len(grid) if claim == "every mass" else 1, at=at,
                    recheck=lambda f=first, t=second, s=shift, a=mass, c=claim: _least_ball(f, t, s, a, c),  # type: ignore[misc]
                )
            )  # fmt: skip
    return tuple(found)


def least_distance(first: float, second: float, shift: float, masses: FloatArray) -> FloatArray:
    """max{0, p1 - a, p2 - I(a), p1 + p2 - a - I(a)} at the masses a. Estimate."""
    beyond = ndtr(-ndtri(masses) - shift)
    parts = (first - masses, second - beyond, first + second - masses - beyond)
    return np.asarray(np.maximum(0.0, np.max(parts, axis=0)))


def _least_ball(first: float, second: float, shift: float, mass: float, claim: str) -> arb:
    """The distance at a float mass; for "attained" at the end itself, where that end is I_s(p2)."""
    with precision():
        p, q, s = ball(first), ball(second), ball(shift)
        found = []
        ends = [ball(mass)] if claim == "every mass" else [p, NormalMass.enclose(-NormalQuantile.enclose(q) - s)]
        for a in ends:
            beyond = NormalMass.enclose(-NormalQuantile.enclose(a) - s)
            found.append((p - a).max(q - beyond).max(p + q - a - beyond).max(arb(0)))
        least = found[0]
        for item in found[1:]:
            least = least.min(item)
        return least


def masses_of_half_spaces(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the model's masses of two half-spaces at distance s L, along its widest direction and others."""
    random, generator = instance.random("half-spaces"), instance.generator
    count = instance.count(DRAWS, least=20_000)
    rows = value(generator.graph, random.standard_normal((count, generator.latent_dim)))
    rows += instance.beta * random.standard_normal(rows.shape)
    half, slope, found = count // 2, instance.number("L"), []
    widest = np.linalg.eigh(np.cov(rows[:half].T).reshape(rows.shape[1], -1))[1][:, -1]
    for direction in (widest, *np.eye(rows.shape[1])[:2]):
        line = rows @ direction
        for level, shift, is_foot in PLACES:
            cut = float(np.quantile(line[:half], level))
            low, high = (cut, cut + shift * slope) if is_foot else (cut - shift * slope, cut)
            inside = frequency_interval(int(np.sum(line[half:] <= low)), count - half, ERROR_PROBABILITY / 2)
            outside = frequency_interval(int(np.sum(line[half:] >= high)), count - half, ERROR_PROBABILITY / 2)
            q1, q2 = level, 1 - level
            middle, least, most = (
                max(q1 - a, q2 - b, q1 + q2 - a - b)
                for a, b in (
                    (inside.estimate, outside.estimate), (inside.upper, outside.upper), (inside.lower, outside.lower),
                )
            )  # fmt: skip
            how = "Clopper-Pearson, draws of the model"
            estimate = IntervalEstimate(middle, least, most, ERROR_PROBABILITY, count - half, how)
            # An isometry attains the bound: the end that could refute decides.
            finding = from_interval("excess", estimate, {"q1": q1, "q2": q2, "s": shift})
            found.append(replace(finding, one_sided=estimate.upper < 1.0))
    return tuple(found)
