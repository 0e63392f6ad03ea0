"""G3, the total and the size: Newton's steps to the mode, stopping early, and the encoder against the posterior."""

from __future__ import annotations

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.bounds.bracket import Witness
from certify.encoders.count import encoder_count
from certify.encoders.kind import EncoderOptions, Numbers
from certify.generators.graph import FloatArray, Generator
from certify.measure.burn_in import gaussian_distance
from certify.measure.gaussian_fit import FEWEST_DRAWS
from certify.posteriors.estimates import DistanceEstimate, nonnegative_mean_interval
from certify.posteriors.gaussian import GaussianLaw, is_affine
from certify.posteriors.gaussian_distance import kl_divergence
from certify.posteriors.posterior import Posterior
from certify.proof.checks.intervals import from_distance, from_interval
from certify.proof.checks.locations import own_rho, preimages
from certify.proof.checks.mode import gradient_ball
from certify.proof.instance import Instance
from certify.proof.optimiser import Certificate
from certify.proof.records import EncoderSize, MeasuredDistance
from certify.proof.theorem import Finding
from certify.verdict import Evidence
from theorems.gaussian_encoder.at_the_mode import DRAWS, affine, coincide, measured_fit
from theorems.gaussian_encoder.laws import encoder_law, gaussian_at, jacobian_law, laplace_law, newton_iterates
from theorems.gaussian_encoder.network import build
from theorems.strong_invertibility.size import counted_size

STOPPED = (0.02, 0.1, 0.3, 0.6)
"""Values of q at which early stopping is tried."""


def newton_convergence(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claim "Newton" with the bound variable k: |grad f(z_k)|, re-checked in balls."""
    posterior = instance.posterior()
    findings = []
    for index, point in enumerate(newton_iterates(instance)):
        findings.append(_gradient_norm(posterior, point, {"k": index, **own_rho(instance, 0)}))
    return tuple(findings)


def _gradient_norm(posterior: Posterior, point: FloatArray, at: dict[str, object]) -> Finding:
    # The iterate is a float point near the exact one: what rounding leaves of the gradient is no violation.
    curvature = float(np.linalg.norm(posterior.hessian(point), 2))
    rounding = _gradient_rounding(curvature, point)
    measured = float(np.linalg.norm(posterior.gradient(point)))

    def recheck() -> arb:
        with precision():
            norm = sum((entry * entry for entry in gradient_ball(posterior, point)), arb(0)).sqrt()
            return (norm + arb(0, rounding)).nonnegative_part()

    witness = Witness((tuple(point.tolist()),))
    return Finding("Newton", max(0.0, measured - rounding), 1, at=at, witness=witness, recheck=recheck)


def _gradient_rounding(curvature: float, point: FloatArray) -> float:
    return 1e-13 * curvature * (1.0 + float(np.linalg.norm(point)))


def early_stopping(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "stopping divergence" and "stopping": points z' at given q, with e0 and h0 measured there.

    e0 >= |grad f(z')| and h0 >= ||Hess f(z')||, z' in B(zh, R), q < 1.
    """
    mode = laplace_law(instance)
    findings = []
    for number, point in enumerate(_stopped_points(instance, mode)):
        posterior = instance.posterior()
        law = gaussian_at(posterior, point)
        curvature = float(np.linalg.norm(posterior.hessian(point), 2))
        # The claim is for e0 and h0 at least as large as the true ones: what rounding took is given back.
        at: dict[str, object] = {
            "e0": float(np.linalg.norm(posterior.gradient(point))) + _gradient_rounding(curvature, point),
            "h0": curvature * (1.0 + 1e-12),
        }
        divergence = kl_divergence(mode, law)
        witness = Witness((tuple(point.tolist()),))
        findings.append(_divergence(divergence, mode, law, at, witness))
        distance = gaussian_distance(mode, law, seed=instance.seed + number)
        findings.append(from_distance("stopping", distance, at, resolution=instance.resolution))
    return tuple(findings)


def _divergence(
    measured: float, mode: GaussianLaw, law: GaussianLaw, at: dict[str, object], witness: Witness
) -> Finding:
    # KL is a difference of numbers of order one: below this it is rounding.
    noise = 1e-13 * mode.mean.size * float(np.linalg.cond(mode.covariance))
    return Finding(
        "stopping divergence",
        measured,
        1,
        at=at,
        witness=witness,
        recheck=lambda: arb(measured, noise),
        reason="closed form of two Gaussians",
    )


def _stopped_points(instance: Instance, mode: GaussianLaw) -> list[FloatArray]:
    """Points around z* whose gradient is about q mu^2/T3, in random directions and in that of the stiffest axis."""
    mu, third, radius = (instance.number(name) for name in ("mu", "T3", "R"))
    random = instance.random("G3")
    precision_matrix = np.linalg.inv(mode.covariance)
    _, vectors = np.linalg.eigh(precision_matrix)
    points = []
    for share in STOPPED:
        for direction in (vectors[:, -1], vectors[:, 0], random.standard_normal(mode.mean.size)):
            gradient = direction / np.linalg.norm(direction)
            # Without a third derivative q is 0 at every point: any e will do.
            size = share * (mu**2 / third if third > 0 else mu)
            point = mode.mean + mode.covariance @ (size * gradient)
            if np.linalg.norm(point - preimages(instance)[0].point) < radius and _admitted(instance, point):
                points.append(point)
    return points or [mode.mean]


def _admitted(instance: Instance, point: FloatArray) -> bool:
    with precision():
        values = instance.values
        gradient = ball(float(np.linalg.norm(instance.posterior().gradient(point))))
        return bool(values["T3"] * gradient < values["mu"] ** 2)


def gaussian_of_jacobian(instance: Instance) -> tuple[Finding, ...]:
    """Findings on "drift" and "Jacobian Gaussian": the law N(z', A^{-1}) against the posterior (G1*)."""
    posterior, law = instance.posterior(), jacobian_law(instance)
    if affine(instance) and instance.number("K_newton") >= 1:
        return coincide("drift"), coincide("Jacobian Gaussian")
    factor = np.linalg.cholesky(law.covariance)
    whitened = instance.random("G1*").standard_normal((instance.count(DRAWS, least=4000), law.mean.size))
    whitened = whitened[np.linalg.norm(whitened, axis=1) <= instance.number("R_star")]
    found = measured_fit(instance, law).distance
    distance = from_distance("Jacobian Gaussian", found, resolution=instance.resolution)
    if whitened.shape[0] < FEWEST_DRAWS:
        # Where G1* says nothing its ball is tiny.
        return (distance,)
    # The norm is the same for every factor of A^{-1}: A^{-1/2} is Cholesky's times a rotation.
    drift = posterior.gradient(law.mean + whitened @ factor.T) @ factor - whitened
    # Of the drift only what is beyond the floats' own is measured.
    sizes = np.maximum(np.linalg.norm(drift, axis=1) - 4 * instance.resolution, 0.0)
    return from_interval("drift", nonnegative_mean_interval(sizes**2)), distance


def encoder_to_posterior(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "total": TV(encoder's Gaussian, pi_x)."""
    if affine(instance) and instance.number("K_newton") >= 1:
        # f is quadratic: one Newton step ends at the mode, and the Hessian is the same everywhere.
        return (coincide("total"),)
    return (from_distance("total", measured_encoder_distance(instance), resolution=instance.resolution),)


def measured_encoder_distance(instance: Instance) -> DistanceEstimate:
    """TV(encoder's Gaussian, pi_x), measured once: an interval in any dimension."""

    def compute() -> DistanceEstimate:
        if is_affine(instance.posterior()):
            return gaussian_distance(encoder_law(instance), laplace_law(instance), seed=instance.seed)
        return measured_fit(instance, encoder_law(instance)).distance

    return instance.once("encoder-distance", compute)


def published_gaussian_distance(instance: Instance) -> MeasuredDistance:
    """The measured distance of the encoder's Gaussian from the posterior, for the conclusion."""
    found = measured_encoder_distance(instance)
    return MeasuredDistance(found.estimate, found.lower, found.upper, found.method)


def gaussian_encoder_size(certificate: Certificate, generator: Generator | None) -> EncoderSize | None:
    """The size of the encoder of `certificate`, as `counted_size`."""

    def count(decoder: Generator) -> tuple[int, int]:
        found = encoder_count(build(decoder, Numbers(certificate.values), EncoderOptions()))
        return found.parameters_unrolled, found.parameters_shared

    return counted_size(certificate, generator, count)


def counted_parameters(instance: Instance) -> tuple[Finding, ...]:
    """Finding on the claim "parameters": the exact count of the unrolled encoder."""
    size = gaussian_encoder_size(instance.certificate, instance.generator)
    assert size is not None, "a generator has a number of parameters"
    count = size.encoder_unrolled
    return (
        Finding("parameters", float(count), 1, Evidence.RIGOROUS, exhaustive=True, recheck=lambda: arb(count),
                reason="counted"),
    )  # fmt: skip
