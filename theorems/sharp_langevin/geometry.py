"""Lemma A and the geometry of Theorem 1*: sandwich, mode, curvature over growing balls, envelopes of the potential."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, euclidean_norm, midpoint, precision
from certify.bounds.bracket import Witness
from certify.measure.whitened import WhitenedExtreme, WhitenedPosterior, extreme_eigenvalues
from certify.posteriors.mode import minimise_potential
from certify.posteriors.posterior import Posterior
from certify.proof.checks.mode import critical_point_error, gradient_ball
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from theorems.sharp_langevin.places import centres, own_numbers, potential_ball, whitened

PAIRS, STARTS = 4000, 32
FRACTIONS = (0.1, 0.4, 1.0)
LENGTHS = (1e-3, 1e-2, 0.1, 1.0)
SAME_POINT = 1e-6


def sandwich(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "lower" and "upper" of Lemma A, bound variable r0 = |r(z)|, at the tightest pairs found."""
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        posterior, centre = instance.posterior(index), centres(instance)[index]
        random = instance.random(f"sandwich-{index}")
        count, d = instance.dense_count(PAIRS, least=200), posterior.latent_dim
        scale = np.where(np.arange(count) % 2 == 0, 1.0, instance.beta)[:, None]
        points = centre.point + scale * random.standard_normal((count, d))
        steps = random.standard_normal((count, d)) * random.choice(LENGTHS, count)[:, None]
        others = points + steps
        exact = others - points
        linear = np.sum(posterior.gradient(points) * exact, axis=1)
        rise = posterior.potential(others) - posterior.potential(points) - linear
        quotient = 2 * rise / np.sum(exact * exact, axis=1)
        residual = np.linalg.norm(posterior.residual(points), axis=1)
        m, M, M2, beta = (instance.number(name) for name in ("m", "M", "M2", "beta"))
        margins = {
            "lower": quotient - 1 - (m**2 - M2 * residual) / beta**2,
            "upper": 1 + (M**2 + M2 * residual) / beta**2 - quotient,
        }
        for name, margin in margins.items():
            worst = int(np.argmin(margin))
            findings.append(_sandwiched(name, posterior, points[worst], others[worst], quotient[worst], count))
    return tuple(findings)


def _sandwiched(
    name: str, posterior: Posterior, point: FloatArray, other: FloatArray, value: float, cases: int
) -> Finding:
    def recheck() -> arb:
        with precision(256):
            gap = [ball(float(b)) - ball(float(a)) for a, b in zip(point, other, strict=True)]
            slope = sum((g * h for g, h in zip(gradient_ball(posterior, point), gap, strict=True)), arb(0))
            rise = potential_ball(posterior, other) - potential_ball(posterior, point) - slope
            return 2 * rise / euclidean_norm(gap) ** 2

    residual = float(np.linalg.norm(posterior.residual(point[None])[0]))
    witness = Witness((tuple(point.tolist()), tuple(other.tolist())))
    return Finding(name, float(value), cases, at={"r0": _residual_ball(residual)}, witness=witness, recheck=recheck)


def _residual_ball(residual: float) -> arb:
    """The residual's norm with room for the rounding of its float evaluation."""
    return ball(residual) + arb(0, 1e-12 * (1 + residual))


def modes(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "distance" (A2), "gap" (A4) at points near the mode, and "unimodal" (A5) where it applies."""
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        posterior, centre = instance.posterior(index), centres(instance)[index]
        mode = centre.point
        random = instance.random(f"modes-{index}")
        lengths = instance.beta * np.geomspace(1e-3, 3.0, 200)[:, None]
        points = mode + lengths * random.standard_normal((200, posterior.latent_dim)) / math.sqrt(mode.size)
        residual = np.linalg.norm(posterior.residual(points), axis=1)
        slope = np.linalg.norm(posterior.gradient(points), axis=1)
        m, M2, beta = (instance.number(name) for name in ("m", "M2", "beta"))
        mu = 1 + (m**2 - M2 * residual) / beta**2
        usable = np.flatnonzero(mu > 0)
        if usable.size == 0:
            continue
        distance = np.linalg.norm(points - mode, axis=1)
        gap = posterior.potential(points) - posterior.potential(mode[None])[0]
        for name, value, bound in (("distance", distance, 2 * slope / mu), ("gap", gap, slope**2 / (2 * mu))):
            worst = int(usable[np.argmax((value / np.maximum(bound, 1e-300))[usable])])
            # Near the mode the float gradient has few digits: the claim is evaluated at its enclosure.
            with precision():
                at = {
                    "r0": _residual_ball(float(residual[worst])),
                    "s0": euclidean_norm(gradient_ball(posterior, points[worst])),
                }
            recheck = partial(_distance_ball if name == "distance" else _gap_ball, posterior, points[worst], mode)
            witness = Witness((tuple(points[worst].tolist()),))
            findings.append(Finding(name, float(value[worst]), usable.size, at=at, witness=witness, recheck=recheck))
        findings += _unimodal(instance, index)
    return tuple(findings) or (Finding("distance", math.nan, 0, reason="mu(z) > 0 at no point tried"),)


def _distance_ball(posterior: Posterior, point: FloatArray, mode: FloatArray) -> arb:
    """Enclosure of |point - z*| for the critical point z* next to `mode`; NaN if none is verified there."""
    with precision():
        error = critical_point_error(posterior, mode)
        if math.isnan(error):
            return arb("nan")
        gaps = [ball(float(a)) - ball(float(b)) for a, b in zip(point, mode, strict=True)]
        return euclidean_norm(gaps) + arb(0, ball(error).upper())


def _gap_ball(posterior: Posterior, point: FloatArray, mode: FloatArray) -> arb:
    """Enclosure of f(point) - f(mode), a lower bound of f(point) - min f: what can refute an upper bound."""
    with precision():
        return potential_ball(posterior, point) - potential_ball(posterior, mode)


def _unimodal(instance: Instance, index: int) -> list[Finding]:
    if instance.generator.latent_dim != instance.generator.observed_dim or "rho" not in instance.values:
        return []
    values = instance.values
    with precision():
        m, beta = values["m"], values["beta"]
        applies = bool(beta < m) and bool(beta**2 * values["rho"] * m * values["M2"] < m**4 - beta**4)
    if not applies:
        return []
    posterior = instance.posterior(index)
    count = instance.dense_count(STARTS, least=8)
    starts = 2 * instance.random(f"unimodal-{index}").standard_normal((count, posterior.latent_dim))
    found = minimise_potential(posterior, starts)
    done = found.points[found.gradient_norms < 1e-6 * (1 + found.gradient_norms.min() / 1e-9)]
    distinct = [done[0]] if len(done) else []
    for point in done:
        if all(np.linalg.norm(point - other) > SAME_POINT * (1 + np.linalg.norm(other)) for other in distinct):
            distinct.append(point)
    return [Finding("unimodal", float(max(1, len(distinct))), count)]


def curvature_of_whitened(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "lower" and "distance from identity", bound variable r, at the worst points found."""
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        posterior = whitened(instance, index)
        radii = [fraction * instance.number("R") for fraction in FRACTIONS]
        pairs = extreme_eigenvalues(
            posterior, radii, instance.dense_count(300, least=40), instance.dense_count(3), instance.seed + index
        )
        for smallest, farthest in pairs:
            findings += [
                _eigenvalue("lower", instance, index, posterior, smallest, smallest.value),
                _eigenvalue("distance from identity", instance, index, posterior, farthest, abs(farthest.value - 1)),
            ]
    return tuple(findings)


def _eigenvalue(
    name: str, instance: Instance, index: int, posterior: WhitenedPosterior, found: WhitenedExtreme, measured: float
) -> Finding:
    with precision():
        radius = posterior.radius_ball(found.point)

    def recheck() -> arb:
        with precision():
            quotient = posterior.rayleigh_ball(found.point, found.direction)
            return quotient if name == "lower" else abs(quotient - 1)

    witness = Witness((tuple(found.point.tolist()),), (tuple(found.direction.tolist()),))
    at = {"r": radius, **own_numbers(instance, index)}
    return Finding(name, measured, found.cases, at=at, witness=witness, recheck=recheck)


def envelopes(instance: Instance) -> tuple[Finding, ...]:
    """Findings on phi0(|y|) <= F(y) <= U(|y|), bound variable r, on rays from the centre."""
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        posterior, numbers = whitened(instance, index), own_numbers(instance, index)
        random = instance.random(f"envelopes-{index}")
        directions = random.standard_normal((instance.dense_count(200, least=20), posterior.point.size))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        for fraction in FRACTIONS:
            points = posterior.latent(fraction * instance.number("R") * directions)
            values = posterior.potential(posterior.coordinates(points))
            for name, pick in (("lower", int(np.argmin(values))), ("upper", int(np.argmax(values)))):
                findings.append(
                    _enveloped(name, posterior, points[pick], float(values[pick]), len(points), dict(numbers))
                )
    return tuple(findings)


def _enveloped(
    name: str, posterior: WhitenedPosterior, point: FloatArray, value: float, cases: int, numbers: dict[str, object]
) -> Finding:
    with precision():
        radius = posterior.radius_ball(point)
        rise = potential_ball(posterior.posterior, point) - potential_ball(posterior.posterior, posterior.point)
    return Finding(
        name, midpoint(rise), cases, at={"r": radius, **numbers}, witness=Witness((tuple(point.tolist()),)),
        recheck=lambda: rise,
    )  # fmt: skip
