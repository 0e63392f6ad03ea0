"""What does a diagonal encoder cost? The price at one observation, by draws where nothing is certified."""

from __future__ import annotations

from certify.arithmetic.rounding import Direction, decimal_text
from certify.diagnosis.question import Asked, Question
from certify.diagnosis.records import Answer
from certify.generators.graph import GAUSSIAN
from certify.verdict import Verdict
from theorems.factorised_encoder.observations import constants_if_any
from theorems.factorised_encoder.row import CELLS, RowPrice, row_price

DRAWS = 50_000
WORTH = 0.05
"""Total variation from which a full covariance is worth its parameters."""


def price(asked: Asked) -> Answer | None:
    """The distance of every encoder with independent coordinates from the posterior of the first observation."""
    generator = asked.generator
    if generator.likelihood != GAUSSIAN or generator.latent_dim < 2:
        return None
    found = row_price(generator, constants_if_any(asked.brackets), float(asked.beta), asked.rows[0], DRAWS)
    names = ("correlation", "gaussian_distance", "divergence_price", "cell_mass")
    numbers = {name: value for name in names if (value := getattr(found, name)) is not None}
    numbers["tv_lower"] = found.price
    if not found.price:
        return Answer("diagonal encoder", Verdict.INCONCLUSIVE, f"no distance is certified: {found.reason}", numbers)
    verdict = Verdict.PROVED if found.method else Verdict.SUPPORTED
    advice = "independent coordinates cost much: give the encoder a full covariance" if found.price > WORTH else ""
    return Answer("diagonal encoder", verdict, _sentence(found), numbers, advice)


def _sentence(found: RowPrice) -> str:
    certified = "certified over boxes" if found.method == CELLS else "certified by G1*"
    by = certified if found.method else "by exact draws, error 1e-6"
    return f"none is closer than {decimal_text(found.price, 3, Direction.DOWN)} in TV to the posterior of row 0 ({by})"


QUESTION = Question("diagonal encoder", 50, price)
