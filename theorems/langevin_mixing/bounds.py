"""Bounds on the mixing of plain Langevin from the mode, held against Gaussian closed forms over steps and step counts.

For an affine generator every iterate is Gaussian (`posteriors.gaussian`): relative entropy and Wasserstein distance are
closed forms, total variation an interval (closed form on the line). Truncated laws are products in the eigenbasis of
the Hessian, so their spectral gap is the least of one-dimensional ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
from flint import acb_mat, arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.bracket import ConstantBrackets, Witness
from certify.errors import CertifyError
from certify.generators.graph import Generator
from certify.posteriors.estimates import ERROR_PROBABILITY, DistanceEstimate, IntervalEstimate
from certify.posteriors.gaussian import GaussianLaw, langevin_law, posterior_law
from certify.posteriors.gaussian_distance import (
    kl_divergence,
    total_variation_interval,
    total_variation_line,
    wasserstein_distance,
)
from certify.posteriors.posterior import line_derivatives_ball
from certify.posteriors.spectral_gap import Box, Disk, log_sobolev_upper, spectral_gap
from certify.proof.instance import Instance
from certify.proof.records import AssumptionRecord, MeasuredDistance
from certify.proof.theorem import Assumption, Claim, Finding
from certify.symbolic.declaration import declare
from certify.verdict import Evidence, Verdict

FRACTIONS = (1.0, 0.25, 1 / 16)
"""Of the largest step that a bound admits."""
RELAXATION_TIMES = (0.5, 2.0, 6.0, 20.0)
DRAWS = 60_000
TRUNCATIONS = ((8.0, 0.0), (0.5, 0.0), (1.0, 0.8), (2.0, -1.0))
"""Half width and offset of truncated intervals, in standard deviations; the first stands for R^d."""
GAP_CELLS = 64

mu = declare("mu", "(1, inf)", r"\mu", "curvature of f from below on R^d")
L = declare("L", "[mu, inf)", "L", "curvature of f from above on R^d", mu)
LARGEST_STEP = {
    "D17": 1 / (2 * L),
    "DK19": 2 / (mu + L),
    "DM19": 1 / (mu + L),
    "VW19": mu / (4 * L**2),
    "VW19 TV": mu / (4 * L**2),
    "S7": 1 / L,
}
COMPARED = ("D17", "VW19 TV", "S7")
"""Bounds of the same distance, of which a report says how often each is the smallest."""


class SpectrumError(CertifyError):
    """The eigenvalues of the constant Hessian could not be enclosed."""


@dataclass(frozen=True)
class Run:
    """A step size and a number of steps."""

    step_size: float
    steps: int


def affine_generator(assumption: Assumption, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
    """M2 = 0: proved by a certified upper end 0, refuted by a witness with M2 > 0."""
    bracket = brackets.M2
    verdict, witness = Verdict.INCONCLUSIVE, None
    reason = "M2 = 0 is neither certified nor refuted"
    if bracket.upper == 0.0:
        verdict, reason = Verdict.PROVED, "M2 = 0 certified: Hess f is constant"
    elif bracket.lower is not None and bracket.lower > 0.0:
        verdict = Verdict.REFUTED
        reason = f"M2 >= {bracket.lower:.3g}: no curvature bound of f on all of R^d follows from m, M and M2"
        witness = bracket.lower_evidence.witness if bracket.lower_evidence else None
    return AssumptionRecord(
        assumption.label,
        assumption.statement,
        verdict,
        Evidence.RIGOROUS,
        assumption.constant,
        bracket,
        reason,
        witness,
    )


def curvature_everywhere(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "lower" and "upper": every eigenvalue of the constant Hessian, enclosed."""
    origin = np.zeros(instance.generator.latent_dim)
    _, vectors = np.linalg.eigh(instance.posterior().hessian(origin))
    with precision():
        spectrum = spectrum_balls(instance)
        # Outward: the number shown is an end of the enclosure, so that holding there is holding everywhere.
        ends = {
            "lower": (reduce(arb.min, spectrum), min(lower(value) for value in spectrum), vectors[:, 0]),
            "upper": (reduce(arb.max, spectrum), max(upper(value) for value in spectrum), vectors[:, -1]),
        }
    return tuple(
        Finding(
            claim,
            number,
            len(spectrum),
            Evidence.RIGOROUS,
            exhaustive=True,
            witness=Witness((tuple(origin.tolist()),), (tuple(direction.tolist()),)),
            recheck=partial(_same, enclosed),
        )
        for claim, (enclosed, number, direction) in ends.items()
    )


def spectrum_balls(instance: Instance) -> list[arb]:
    """Enclosures of all eigenvalues of the constant Hessian, in no order.

    The entries come from exact second-order jets along e_i and e_i + e_j (polarisation). Rigorous: FLINT's verified
    eigenvalues of a matrix of balls. Raises `SpectrumError` where they cannot be separated from one another's balls.
    """

    def compute() -> list[arb]:
        size = instance.generator.latent_dim
        basis, origin = np.eye(size), np.zeros(size)

        def curvature(direction: FloatArray) -> arb:
            return line_derivatives_ball(instance.posterior(), origin, direction).curvature

        matrix = acb_mat(size, size)
        diagonal = [curvature(axis) for axis in basis]
        for row in range(size):
            matrix[row, row] = diagonal[row]
            for column in range(row):
                mixed = (curvature(basis[row] + basis[column]) - diagonal[row] - diagonal[column]) / 2
                matrix[row, column] = matrix[column, row] = mixed
        try:
            return [value.real for value in matrix.eig(multiple=True)]
        except ValueError as error:
            raise SpectrumError(f"the eigenvalues of Hess f could not be enclosed: {error}") from error

    with precision():
        return instance.once("mixing-spectrum", compute)


def _same(value: arb) -> arb:
    return value


def isoperimetry(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "gap" and "log-Sobolev" on R^d and on truncations to boxes, and to a disk for d = 2."""
    spectrum = np.linalg.eigvalsh(instance.posterior().hessian(_target(instance).mean))
    findings: list[Finding] = []
    for width, offset in TRUNCATIONS:
        for claim, measure in (("gap", spectral_gap), ("log-Sobolev", log_sobolev_upper)):
            # The law is a product in the eigenbasis: its constant is the least of the factors', each a scaled copy.
            standard = Box(np.array([offset]), np.eye(1), np.array([width]))
            found = measure(_standard_normal, standard, 2 * GAP_CELLS)
            where = "R^d" if width == TRUNCATIONS[0][0] else f"a box of half width {width:g} standard deviations"
            findings.append(_truncated(claim, found, float(spectrum[0]), where))
    if instance.generator.latent_dim == 2:
        posterior = instance.posterior()
        disk = Disk(_target(instance).mean, 1.5 / math.sqrt(float(spectrum[0])))
        for claim, measure in (("gap", spectral_gap), ("log-Sobolev", log_sobolev_upper)):
            findings.append(_truncated(claim, measure(posterior.potential, disk, GAP_CELLS), 1.0, "a disk"))
    return tuple(findings)


def _standard_normal(points: FloatArray) -> FloatArray:
    return np.asarray(0.5 * np.sum(points * points, axis=1))


def _truncated(claim: str, found: IntervalEstimate, scale: float, where: str) -> Finding:
    # The half width is an error estimate of two meshes; only an interval wholly below the claim may refute.
    return Finding(
        claim,
        found.estimate * scale,
        1,
        interval=(found.lower * scale, found.upper * scale),
        one_sided=True,
        reason=f"on {where}, {found.method}",
    )


def total_variation_bounds(instance: Instance, name: str) -> tuple[Finding, ...]:
    """Findings on a claim about TV(law X_k, pi) at several h and k, with how often it says anything at all."""
    reason = _comparison(instance, name)
    found = [(run, _total_variation(instance, run)) for run in runs(instance, name)]
    return tuple(
        Finding(
            name,
            distance.estimate,
            1,
            at={"h": run.step_size, "k": run.steps},
            interval=(distance.lower, distance.upper),
            confidence=1.0 - ERROR_PROBABILITY,
            reason=f"tightest at h = {run.step_size:.3g}, k = {run.steps}; {reason}",
        )
        for run, distance in found
    )


def transport_bounds(instance: Instance, name: str) -> tuple[Finding, ...]:
    """Findings on a claim about W2(law X_k, pi) at several h and k."""
    return _closed_form(instance, name, wasserstein_distance, _transport_ball)


def divergence_bound(instance: Instance, name: str) -> tuple[Finding, ...]:
    """Findings on a claim about KL(law X_k | pi) at several h and k."""
    return _closed_form(instance, name, kl_divergence, _divergence_ball)


def _closed_form(
    instance: Instance,
    name: str,
    distance: Callable[[GaussianLaw, GaussianLaw], float],
    enclosed: Callable[[Instance, Run], arb],
) -> tuple[Finding, ...]:
    target = _target(instance)
    return tuple(
        Finding(
            name,
            distance(_law(instance, run), target),
            1,
            at={"h": run.step_size, "k": run.steps},
            recheck=partial(enclosed, instance, run),
            reason=f"tightest at h = {run.step_size:.3g}, k = {run.steps}; Gaussian closed form",
        )
        for run in runs(instance, name)
    )


def _variance_ratios(instance: Instance, run: Run) -> list[tuple[arb, arb]]:
    """(lambda, s) per eigenvector: X_k has variance s/lambda, s = (1 - (1 - h lambda)^{2k})/(1 - h lambda/2)."""
    step = ball(run.step_size)
    return [
        (value, (1 - (1 - step * value) ** (2 * run.steps)) / (1 - step * value / 2))
        for value in spectrum_balls(instance)
    ]


def _transport_ball(instance: Instance, run: Run) -> arb:
    with precision():
        squares = [(ratio.sqrt() - 1) ** 2 / value for value, ratio in _variance_ratios(instance, run)]
        return sum(squares, arb(0)).sqrt()


def _divergence_ball(instance: Instance, run: Run) -> arb:
    with precision():
        return sum((ratio - 1 - ratio.log() for _, ratio in _variance_ratios(instance, run)), arb(0)) / 2


def runs(instance: Instance, name: str) -> tuple[Run, ...]:
    """Step sizes up to the largest that the bound admits, and step counts from half a relaxation time to twenty."""
    largest = lower(instance.enclosure(LARGEST_STEP[name]))
    rate = instance.number("mu")
    return tuple(
        Run(step, max(2, math.ceil(time / (step * rate))))
        for step in (fraction * largest for fraction in FRACTIONS)
        for time in RELAXATION_TIMES
    )


def mixing_distance(instance: Instance) -> MeasuredDistance:
    """TV(law X_K, pi) at the conclusion's step size and step count."""
    found = _total_variation(instance, Run(instance.number("eta"), int(instance.number("K"))))
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)


def _comparison(instance: Instance, name: str) -> str:
    """How often the bound is below 1, and how often it is the smallest of those that admit the step."""
    own = runs(instance, name)
    informative = smallest = 0
    for run in own:
        bounds = {other: _bound(instance, other, run) for other in COMPARED if _admits(instance, other, run)}
        informative += bounds[name] < 1.0
        smallest += bounds[name] < 1.0 and bounds[name] == min(bounds.values())
    return (
        f"below 1 (not vacuous) in {informative} of {len(own)} cases, the smallest of {', '.join(COMPARED)} "
        f"in {smallest}"
    )


def _admits(instance: Instance, name: str, run: Run) -> bool:
    return run.step_size <= lower(instance.enclosure(LARGEST_STEP[name]))


def _bound(instance: Instance, name: str, run: Run) -> float:
    return upper(instance.enclosure(_claim(instance, name).bound, {"h": run.step_size, "k": run.steps}))


def _claim(instance: Instance, name: str) -> Claim:
    return next(claim for step in instance.theorem.steps for claim in step.claims if claim.name == name)


def _total_variation(instance: Instance, run: Run) -> DistanceEstimate:
    """TV between the Gaussian law of X_k from the mode and the posterior, measured once per run."""

    def compute() -> DistanceEstimate:
        law, target = _law(instance, run), _target(instance)
        if target.mean.size > 1:
            return total_variation_interval(law, target, instance.count(DRAWS, least=20_000), instance.seed)
        distance = total_variation_line(law, target)
        return DistanceEstimate(distance, max(0.0, distance - 1e-11), distance + 1e-11, "normal distribution function")

    return instance.once(f"mixing-{run}", compute)


def _law(instance: Instance, run: Run) -> GaussianLaw:
    return langevin_law(instance.posterior(), _target(instance).mean, run.step_size, run.steps)


def _target(instance: Instance) -> GaussianLaw:
    return instance.once("mixing-target", lambda: posterior_law(instance.posterior()))
