"""What independent coordinates cost at every observation, as records; and what a rotation of the latents would save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from certify.arithmetic.balls import Real
from certify.bounds.bracket import ConstantBrackets
from certify.codec import encode
from certify.errors import InputError
from certify.execution.each import certify_each, row_key
from certify.execution.work import Codec
from certify.generators.graph import FloatArray, Generator
from certify.profiles.records import GlobalConstants
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.verdict import Verdict
from theorems.factorised_encoder.kept import decode_price, doubt, is_drawn
from theorems.factorised_encoder.rotation import cheapest_rotation, rotated_price
from theorems.factorised_encoder.row import NUMBERS, RowPrice, row_price
from theorems.sharp_langevin.observations import global_constants

LOOKED_AT = 4
SHOWN = (
    "tv_lower", "tv_lower_sampled", "correlation", "gaussian_distance", "divergence_price", "divergence_price_rotated",
)  # fmt: skip


def constants_if_any(brackets: ConstantBrackets) -> GlobalConstants | None:
    """The constants that G1* needs, or None where one of them is not certified on all of R^d."""
    try:
        return global_constants(brackets)
    except InputError:
        return None


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): proved where the certified bound is positive, supported where that of draws is."""
    constants = constants_if_any(asked.brackets)
    generator, beta = asked.generator, asked.beta
    question = {
        "theorem": asked.theorem.id, "code": code_digest(), "generator": generator.sha256,
        "constants": None if constants is None else [constants.m, constants.M, constants.M2], "beta": beta,
    }  # fmt: skip
    found = certify_each(
        f"observations at {generator.name}",
        question,
        row_key,
        list(asked.rows),
        partial(row_price, generator, constants, beta),
        Codec(encode, decode_price, partial(doubt, generator, constants, beta), is_drawn),
        asked.progress,
        asked.execution,
    )
    rotated = rotated_prices(found)
    return tuple(_record(index, item, beta, rotated.get(index)) for index, item in enumerate(found))


def rotated_prices(found: Sequence[RowPrice]) -> dict[int, float]:
    """By its place, the KL price of every observation with a covariance, in the rotation that costs least."""
    covariances = {index: np.array(item.covariance) for index, item in enumerate(found) if item.covariance}
    if not covariances:
        return {}
    rotation = cheapest_rotation(list(covariances.values()))
    return {index: rotated_price(covariance, rotation) for index, covariance in covariances.items()}


def costliest_row(
    generator: Generator, brackets: ConstantBrackets, rows: FloatArray, beta: float, labels: FloatArray | None = None
) -> Mapping[str, Real]:
    """`corr` and `t_g` of that one among a few of the rows at which price(corr) - t_g is largest."""
    constants = global_constants(brackets)
    places = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).round().astype(int))
    found = [row_price(generator, constants, beta, rows[index], 0, with_cells=False) for index in places]
    best = max(found, key=lambda item: (item.tv_lower, item.correlation or 0.0))
    return {"corr": best.correlation or 0.0, "t_g": 1.0 if best.gaussian_distance is None else best.gaussian_distance}


def _record(index: int, found: RowPrice, beta: float, rotated: float | None) -> ObservationRecord:
    seen = bool(found.tv_lower_sampled)
    verdict = Verdict.PROVED if found.method else Verdict.SUPPORTED if seen else Verdict.INCONCLUSIVE
    names = ("tv_lower", "tv_lower_sampled", *NUMBERS)
    numbers = {name: value for name in names if (value := getattr(found, name)) is not None}
    if rotated is not None:
        covariance = np.array(found.covariance)
        numbers["divergence_price_rotated"] = rotated
        # Where there is no certified Gaussian: that of the draws' covariance, an estimate as well.
        numbers.setdefault("divergence_price", rotated_price(covariance, np.eye(len(covariance))))
    by = found.method or ("exact draws" if seen else "")
    parts = (found.reason if not by else f"latents {_named(found)}", found.ended)
    reason = "; ".join(filter(None, parts))
    return ObservationRecord(index, verdict, by, None, None, reason, {"beta": beta, **numbers}, shown=SHOWN)


def _named(found: RowPrice) -> str:
    groups = found.groups if found.groups[0] and found.method != "cells" else [(index,) for index in found.pair]
    return " | ".join(",".join(map(str, group)) for group in groups)
