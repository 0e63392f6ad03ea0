"""S3: the mode and all critical points found from many starts against their distance from zh, and their number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, euclidean_norm, precision
from certify.bounds.bracket import Witness
from certify.measure.critical_points import CriticalPoint, CriticalPoints, critical_points
from certify.measure.isolation import isolating_radius
from certify.posteriors.posterior import Posterior, line_derivatives_ball
from certify.proof.checks.locations import distance_ball, own_rho, preimages
from certify.proof.instance import Instance
from certify.proof.theorem import Finding


def found_critical_points(instance: Instance, index: int) -> CriticalPoints:
    """Critical points of f for one observation, searched once per instance."""
    return instance.once(
        f"critical-points-{index}",
        lambda: critical_points(
            instance.posterior(index),
            preimages(instance)[index].point,
            starts=instance.dense_count(96, least=8),
            seed=instance.seed + index,
        ),
    )


def mode_and_critical_points(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "mode norm", "mode distance", and where they apply "critical points" and "unimodal"."""
    findings: list[Finding] = []
    for index in range(instance.observations.shape[0]):
        found = found_critical_points(instance, index)
        if not found.points:
            findings.append(Finding("mode distance", float("nan"), found.cases, reason="no critical point was found"))
            continue
        rho = own_rho(instance, index)
        mode, farthest = found.mode, found.farthest
        findings += [
            _located("mode norm", instance, index, mode, mode.norm, found.cases, to_origin=True),
            _located("mode distance", instance, index, mode, mode.distance, found.cases),
        ]
        if instance.values["beta"] < instance.values["m"]:
            findings.append(_located("critical points", instance, index, farthest, farthest.distance, found.cases))
            if _unimodality_applies(instance, rho):
                findings.append(_number_of_critical_points(instance.posterior(index), found))
    return tuple(findings)


def _number_of_critical_points(posterior: Posterior, found: CriticalPoints) -> Finding:
    count = len(found.points)

    def recheck() -> arb:
        # f has a minimiser, so one critical point is certain; several count once each is verified in its own box.
        if count == 1:
            return arb(1)
        boxes = [(item.point, isolating_radius(posterior, item.point)) for item in found.points]
        verified = [(point, radius) for point, radius in boxes if radius is not None]
        apart = all(
            float(np.max(np.abs(one - other))) > 2 * (r + s)
            for index, (one, r) in enumerate(verified)
            for other, s in verified[:index]
        )
        return arb(len(verified)) if verified and apart else arb("nan")

    return Finding("unimodal", float(count), found.cases, witness=_witness(found.points), recheck=recheck)


def _located(
    name: str,
    instance: Instance,
    index: int,
    point: CriticalPoint,
    measured: float,
    cases: int,
    to_origin: bool = False,
) -> Finding:
    location, posterior = preimages(instance)[index], instance.posterior(index)

    def recheck() -> arb:
        with precision():
            error = critical_point_error(posterior, point.point)
            if math.isnan(error):
                return arb("nan")
            if not to_origin:
                return distance_ball(point.point, location, error)
            length = euclidean_norm([ball(float(entry)) for entry in point.point])
            return length + arb(0, ball(error).upper())

    return Finding(name, measured, cases, at=own_rho(instance, index), witness=_witness((point,)), recheck=recheck)


def critical_point_error(posterior: Posterior, point: FloatArray) -> float:
    """Bound on the distance from `point` to the critical point it approximates; NaN if none is verified there."""
    radius = isolating_radius(posterior, point)
    return math.nan if radius is None else math.nextafter(radius * math.sqrt(point.size) * (1 + 1e-12), math.inf)


def gradient_ball(posterior: Posterior, point: FloatArray) -> list[arb]:
    """Enclosure of grad f(point), coordinate by coordinate."""
    return [line_derivatives_ball(posterior, point, axis).slope for axis in np.eye(posterior.latent_dim)]


def _unimodality_applies(instance: Instance, rho: Mapping[str, Real]) -> bool:
    with precision():
        values = instance.values
        reach = values["beta"] ** 2 * ball(rho["rho"]) / (values["m"] ** 2 - values["beta"] ** 2)
        return bool(reach <= values["R"]) and bool(values["R"] * values["M"] * values["M2"] < values["m"] ** 2)


def _witness(points: tuple[CriticalPoint, ...]) -> Witness:
    return Witness(tuple(tuple(item.point.tolist()) for item in points[:4]))
