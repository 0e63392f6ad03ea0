"""The steps of "amortisation" held against symmetric laws and against the encoder of the posteriors' Gaussians."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb
from scipy.special import ndtr

from certify.arithmetic.balls import ball, euclidean_norm, midpoint, precision
from certify.posteriors.estimates import IntervalEstimate
from certify.profiles.gaussian import nearby_gaussian
from certify.proof.checks.intervals import from_interval
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.symbolic.normal import NormalMass
from theorems.amortisation.pairs import steepest
from theorems.sharp_langevin.observations import global_constants

SHIFTS, WIDTHS = (0.05, 0.3, 1.0, 2.0), (0.3, 0.8, 1.0, 1.5)
ACCURACIES = (0.0, 0.05, 0.2, 0.4)
PARTS = (0.0, 0.2, 0.6)
NODES, REACH = 40_001, 12.0


def medians(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the shift of a symmetric law from N(0, 1), bound variable tau: Gaussians, and the closest law."""
    found = []
    for shift in SHIFTS:
        for width in (*WIDTHS, None):
            distance = law_distance(shift, width)
            claim = "closest" if width is None else "shift"
            estimate = IntervalEstimate(shift, shift - 1e-6, shift + 1e-6, 0.0, NODES, "quadrature")
            found.append(replace(from_interval(claim, estimate, {"tau": distance}), one_sided=True))
    return tuple(found)


def law_distance(shift: float, width: float | None) -> float:
    """TV between N(0, 1) and N(shift, width^2), or (None) the mean of N(0, 1) and its mirror image at `shift`."""
    if width is None:
        return float(ndtr(shift) - 0.5)
    points = np.linspace(-REACH, REACH, NODES)
    own = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
    other = np.exp(-(((points - shift) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
    return float(0.5 * np.abs(own - other).sum() * (points[1] - points[0]))


def slopes(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the mean map of the posteriors' own Gaussians, within t_g of them, and on the least steep encoder."""
    numbers = steepest(instance.generator, instance.brackets, instance.observations, instance.beta)
    constants = global_constants(instance.brackets)
    rows = [instance.observations[i] for i in numbers.pair]
    centres = [nearby_gaussian(instance.generator, constants, row, instance.beta).centre.point for row in rows]
    at = {"D": numbers.along, "W": numbers.width, "X": numbers.apart, "T": numbers.t_g}

    def quotient() -> arb:
        with precision():
            lengths = [
                euclidean_norm([ball(float(a)) - ball(float(b)) for a, b in zip(*pair, strict=True)])
                for pair in (centres, rows)
            ]
            return lengths[0] / lengths[1]

    slope = float(np.linalg.norm(centres[0] - centres[1]) / np.linalg.norm(rows[0] - rows[1]))
    found = [
        Finding("slope", slope, 1, at={**at, "e0": max(accuracy, numbers.t_g)}, recheck=quotient)
        for accuracy in ACCURACIES
    ]
    for part in PARTS:
        # Means moved towards each other by `shift` standard deviations each; the mirrored laws are e0 away.
        shift = part * numbers.along / numbers.width
        with precision():
            moved = (ball(numbers.along) - ball(shift) * ball(numbers.width)) / ball(numbers.apart)
            away = NormalMass.enclose(ball(shift)) - ball(1) / 2
        closest = {"D": numbers.along, "W": numbers.width, "X": numbers.apart, "e0": away}
        found.append(
            Finding("closest slope", midpoint(moved), 1, at=closest, recheck=lambda moved=moved: moved)  # type: ignore[misc]
        )
        # The same laws are within away + t_g of the posteriors, and |mu - mu'| >= v.(mu - mu').
        with precision():
            reached = away + ball(numbers.t_g)
        found.append(
            Finding("slope", midpoint(moved), 1, at={**at, "e0": reached}, recheck=lambda moved=moved: moved)  # type: ignore[misc]
        )
    return tuple(found)
