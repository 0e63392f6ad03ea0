"""S6: the descent on |G(z)-x|^2/2 from 0, step by step, and its accuracy after K_gd steps."""

from __future__ import annotations

import numpy as np
from flint import arb

from certify.arithmetic.balls import midpoint, precision
from certify.proof.checks.locations import own_rho
from certify.proof.instance import Instance
from certify.proof.theorem import Claim, Finding
from theorems.descent import descent


def gradient_descent_inversion(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "descent" (bound variable k) and "accuracy" for every observation."""
    run = descent(instance)
    claim = _claim(instance, "descent")
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        distances, resolution = run.distances[:, index], float(run.resolution[index])
        rho = own_rho(instance, index)
        with precision():
            ends = [midpoint(instance.enclosure(claim.bound, {**rho, "k": step})) for step in (0, 1)]
        # The claim is geometric in k, so its first two values give all of them for the search.
        # rho = 0 (x = G(0)) claims that the descent never leaves zh: any distance is then infinitely far beyond.
        rate = ends[1] / ends[0] if ends[0] > 0.0 else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = distances / (ends[0] * rate ** np.arange(distances.size))
        ratios[distances <= resolution] = 0.0
        worst = int(np.argmax(ratios))
        findings += [
            _finding("descent", float(distances[worst]), resolution, {**rho, "k": worst}, distances.size),
            _finding("accuracy", float(distances[-1]), resolution, {}, 1),
        ]
    return tuple(findings)


def _finding(name: str, distance: float, resolution: float, at: dict[str, object], cases: int) -> Finding:
    return Finding(name, distance, cases, at=at, recheck=lambda: arb(distance, resolution).nonnegative_part())


def _claim(instance: Instance, name: str) -> Claim:
    return next(claim for step in instance.theorem.steps for claim in step.claims if claim.name == name)
