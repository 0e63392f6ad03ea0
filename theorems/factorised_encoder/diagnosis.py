"""What does a diagonal encoder cost? The price at one observation, and in KL what a rotation of the latents saves."""

from __future__ import annotations

import numpy as np

from certify.arithmetic.rounding import Direction, decimal_text
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer
from certify.errors import CertifyError
from certify.generators.derivatives import jacobian
from certify.generators.graph import GAUSSIAN, FloatArray
from certify.posteriors.mode import find_mode
from certify.posteriors.posterior import Posterior
from certify.verdict import Verdict
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.rotation import cheapest_rotation, rotated_price
from theorems.factorised_encoder.row import CELLS, RowPrice, row_price

DRAWS = 50_000
ROTATED_ROWS = 5
"""Observations whose Gaussians the rotation is chosen for."""
WORTH, WORTH_SAVING = 0.05, 0.01
"""Total variation from which a full covariance is worth its parameters; nats from which a rotation is worth a line."""


def price(asked: Asked) -> Answer | None:
    """The distance of every encoder with independent coordinates from the posterior of the first observation."""
    generator = asked.generator
    if generator.likelihood != GAUSSIAN or generator.latent_dim < 2:
        return None
    known = constants_if_any(asked.brackets)
    found = row_price(generator, known, float(asked.beta), asked.rows[0], DRAWS, progress=asked.progress)
    names = ("correlation", "gaussian_distance", "divergence_price", "cell_mass")
    numbers = {name: value for name in names if (value := getattr(found, name)) is not None}
    numbers["tv_lower"] = found.price
    in_kl = prices_in_kl(asked)
    rotation = "" if in_kl is None else f"; in KL {in_kl[0]:.2g} nats, {in_kl[1]:.2g} in the cheapest rotation (about)"
    if in_kl is not None:
        numbers["divergence_price_mean"], numbers["divergence_price_rotated"] = in_kl
    if not found.price:
        text = f"no distance is certified: {'; '.join(filter(None, (found.reason, found.ended)))}{rotation}"
        return Answer("diagonal encoder", Verdict.INCONCLUSIVE, text, numbers)
    verdict = Verdict.PROVED if found.method else Verdict.SUPPORTED
    return Answer("diagonal encoder", verdict, _sentence(found) + rotation, numbers, _advice(found.price, in_kl))


def prices_in_kl(asked: Asked) -> tuple[float, float] | None:
    """Mean KL price over the first observations, in these latents and in the cheapest rotation. Estimates.

    Of the Gaussians N(mode, (I + J^T J/beta^2)^{-1}); None where a mode is not found.
    """
    try:
        covariances = [_covariance(asked, row) for row in asked.rows[:ROTATED_ROWS]]
        chosen = np.eye(asked.generator.latent_dim), cheapest_rotation(covariances)
    except (CertifyError, np.linalg.LinAlgError):
        return None
    own, turned = (float(np.mean([rotated_price(item, rotation) for item in covariances])) for rotation in chosen)
    return own, turned


def _covariance(asked: Asked, row: FloatArray) -> FloatArray:
    posterior = Posterior(asked.generator, row, float(asked.beta))
    slope = jacobian(asked.generator.graph, find_mode(posterior)[None])[0] / posterior.beta
    return np.asarray(np.linalg.inv(np.eye(slope.shape[1]) + slope.T @ slope))


def _advice(found: float, in_kl: tuple[float, float] | None) -> str:
    """What to change: a rotation is free, a full covariance has d(d + 1)/2 parameters."""
    saved = 0.0 if in_kl is None else in_kl[0] - in_kl[1]
    rotation = f"rotate the latents (saves about {saved:.2g} nats, the model stays the same)"
    if found > WORTH:
        other = f", or {rotation}" if saved > WORTH_SAVING else ""
        return f"independent coordinates cost much: give the encoder a full covariance{other}"
    return f"independent coordinates: {rotation}" if saved > WORTH_SAVING else ""


def _sentence(found: RowPrice) -> str:
    certified = "certified over boxes" if found.method == CELLS else "certified by G1*"
    by = certified if found.method else "by exact draws, error 1e-6"
    by = f"{by}; {found.ended}" if found.ended else by
    return f"none is closer than {decimal_text(found.price, 3, Direction.DOWN)} in TV to the posterior of row 0 ({by})"


QUESTION = Question("diagonal encoder", 50, price)
