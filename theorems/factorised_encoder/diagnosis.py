"""What does a diagonal encoder cost? The certified price at one observation, by draws where nothing is certified."""

from __future__ import annotations

import numpy as np

from certify.arithmetic.rounding import Direction, decimal_text
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.sample import posterior_sample
from certify.generators.graph import GAUSSIAN
from certify.verdict import Verdict
from theorems.factorised_encoder.observations import row_price
from theorems.factorised_encoder.splits import costliest_split, sampled_price
from theorems.factorised_encoder.statement import THEOREM
from theorems.sharp_langevin.observations import global_constants

DRAWS = 50_000
WORTH = 0.05
"""Total variation from which a full covariance is worth its parameters."""


def price(asked: Asked) -> Answer | None:
    """The distance of every encoder with independent coordinates from the posterior of the first observation."""
    generator = asked.generator
    if generator.likelihood != GAUSSIAN or generator.latent_dim < 2:
        return None
    decided = [item.at(generator, asked.brackets) for item in THEOREM.assumptions]
    if any(item.verdict in {Verdict.REFUTED, Verdict.INCONCLUSIVE} for item in decided):
        return _drawn(asked)
    found = row_price(generator, global_constants(asked.brackets), float(asked.beta), asked.rows[0], DRAWS)
    bound = found.tv_lower or found.tv_lower_sampled or 0.0
    verdict = Verdict.PROVED if found.tv_lower else Verdict.SUPPORTED
    numbers = {"tv_lower": bound, "correlation": found.correlation, "gaussian_distance": found.gaussian_distance,
               "divergence_price": found.divergence_price}  # fmt: skip
    if not bound:
        text = f"no distance is certified (correlation {decimal_text(found.correlation, 3, Direction.DOWN)}): "
        return Answer("diagonal encoder", Verdict.INCONCLUSIVE, text + found.reason, numbers)
    text = _sentence(bound, bool(found.tv_lower))
    return Answer("diagonal encoder", verdict, text, numbers, _advice(bound))


def _drawn(asked: Asked) -> Answer:
    """Without constants: split, cuts and count from exact draws, the count from the half that chose nothing."""
    likelihood = GaussianLikelihood(asked.rows[0], float(asked.beta))
    points = posterior_sample(asked.generator, likelihood, DRAWS, asked.seed).points
    bound = sampled_price(points, costliest_split(np.cov(points[: len(points) // 2].T)))
    if not bound:
        return Answer("diagonal encoder", Verdict.INCONCLUSIVE, "no distance is seen by exact draws at row 0")
    return Answer("diagonal encoder", Verdict.SUPPORTED, _sentence(bound, False), {"tv_lower": bound}, _advice(bound))


def _sentence(bound: float, certified: bool) -> str:
    by = "certified" if certified else "by exact draws, error 1e-6"
    return f"none is closer than {decimal_text(bound, 3, Direction.DOWN)} in TV to the posterior of row 0 ({by})"


def _advice(bound: float) -> str:
    return "independent coordinates cost much: give the encoder a full covariance" if bound > WORTH else ""


QUESTION = Question("diagonal encoder", 50, price)
