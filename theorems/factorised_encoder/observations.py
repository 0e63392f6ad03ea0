"""What independent coordinates cost at single observations: certified by G1*, or measured by exact draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.balls import Real, ball, lower, precision
from certify.bounds.bracket import ConstantBrackets
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.sample import posterior_sample
from certify.errors import InputError
from certify.execution.work import Codec
from certify.generators.graph import FloatArray, Generator
from certify.profiles.gaussian import nearby_gaussian
from certify.profiles.records import GlobalConstants
from certify.proof.observations import certify_each, row_key
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.provenance import code_digest
from certify.verdict import Verdict
from theorems.factorised_encoder.price import price_of
from theorems.factorised_encoder.splits import (
    correlation_ball,
    costliest_pair,
    costliest_split,
    divergence_price,
    sampled_price,
)
from theorems.sharp_langevin.observations import global_constants

DRAWS = 200_000
"""Exact draws of a posterior where G1* leaves nothing."""
LOOKED_AT = 4
SHOWN = ("tv_lower", "tv_lower_sampled", "correlation", "gaussian_distance", "divergence_price")


@dataclass(frozen=True)
class RowPrice:
    """What was found at one observation.

    correlation         between the two groups of the costliest split under N(c, B B^T), rounded down
    pair_correlation    of the costliest pair of single latents
    gaussian_distance   TV(pi_x, N(c, B B^T)), rounded up
    tv_lower            certified: every encoder with independent coordinates is at least so far from pi_x
    tv_lower_sampled    the same from exact draws (`sampled_price`); None where none was made
    divergence_price    KL of the best Gaussian with independent coordinates, relative to N(c, B B^T)
    groups              the two groups of the costliest split
    """

    correlation: float
    pair_correlation: float
    gaussian_distance: float
    tv_lower: float
    tv_lower_sampled: float | None
    divergence_price: float
    groups: tuple[tuple[int, ...], tuple[int, ...]]
    reason: str = field(default="")


def row_price(
    generator: Generator, constants: GlobalConstants, beta: float, row: FloatArray, draws: int = DRAWS
) -> RowPrice:
    """The price at the observation `row` (n,); exact draws are made where nothing is certified and `draws` > 0."""
    if generator.latent_dim < 2:
        raise InputError(f"`{generator.name}` has one latent: nothing is lost by independent coordinates")
    with threadpool_limits(1), precision():
        near = nearby_gaussian(generator, constants, row, beta)
        covariance = near.centre.factor @ near.centre.factor.T
        split, pair = costliest_split(covariance), costliest_pair(covariance)
        correlation, pair_correlation = (lower(correlation_ball(near.centre.factor, item)) for item in (split, pair))
        certified = max(0.0, lower(price_of(ball(correlation)) - ball(near.distance)))
        sampled, reason = None, ""
        if certified == 0.0:
            reason = "the Gaussian's certified distance is not below its price"
            if draws:
                try:
                    likelihood = GaussianLikelihood(row, beta)
                    sampled = sampled_price(posterior_sample(generator, likelihood, draws, 0).points, split)
                except InputError as error:
                    reason = f"{reason}; {error}"
        return RowPrice(
            correlation, pair_correlation, near.distance, certified, sampled, divergence_price(near.centre.factor),
            split.groups, reason,
        )  # fmt: skip


def certify_rows(asked: ObservationsAsked) -> tuple[ObservationRecord, ...]:
    """One record per row (k, n): proved where the certified bound is positive, supported where that of draws is."""
    constants = global_constants(asked.brackets)
    generator, beta = asked.generator, asked.beta
    question = {
        "theorem": asked.theorem.id, "code": code_digest(), "generator": generator.sha256,
        "constants": [constants.m, constants.M, constants.M2], "beta": beta,
    }  # fmt: skip
    found = certify_each(
        f"observations at {generator.name}",
        question,
        row_key,
        list(asked.rows),
        partial(row_price, generator, constants, beta),
        Codec(asdict, _decode, _doubt, is_trusted=True),
        asked.progress,
        asked.execution,
    )
    return tuple(_record(index, item, beta) for index, item in enumerate(found))


def costliest_row(
    generator: Generator, brackets: ConstantBrackets, rows: FloatArray, beta: float, labels: FloatArray | None = None
) -> Mapping[str, Real]:
    """`corr` and `t_g` of that one among a few of the rows at which the certified bound is largest."""
    constants = global_constants(brackets)
    places = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).round().astype(int))
    found = [row_price(generator, constants, beta, rows[index], 0) for index in places]
    best = max(found, key=lambda item: (item.tv_lower, item.correlation))
    return {"corr": best.correlation, "t_g": best.gaussian_distance}


def _record(index: int, found: RowPrice, beta: float) -> ObservationRecord:
    seen = bool(found.tv_lower_sampled)
    verdict = Verdict.PROVED if found.tv_lower > 0 else Verdict.SUPPORTED if seen else Verdict.INCONCLUSIVE
    numbers = {name: value for name, value in asdict(found).items() if isinstance(value, float)}
    by = "price less G1*" if found.tv_lower > 0 else "exact draws" if seen else ""
    groups = " | ".join(",".join(map(str, group)) for group in found.groups)
    reason = f"latents {groups}" if by else found.reason
    return ObservationRecord(index, verdict, by, None, None, reason, {"beta": beta, **numbers}, shown=SHOWN)


def _doubt(row: FloatArray, found: RowPrice) -> str:
    """Why stored numbers are not believed; the Gaussian's distance is as trusted as the run that wrote it."""
    with precision():
        largest = max(0.0, lower(price_of(ball(found.correlation)) - ball(found.gaussian_distance)))
    if not 0 <= found.correlation <= 1 or found.tv_lower != largest:
        return f"tv_lower {found.tv_lower:.6g} does not follow from its correlation and distance"
    return ""


def _decode(entry: Any) -> RowPrice:
    numbers = {name: None if entry[name] is None else float(entry[name]) for name in _NUMBERS}
    groups = tuple(tuple(int(i) for i in group) for group in entry["groups"])
    return RowPrice(**numbers, groups=groups, reason=str(entry["reason"]))  # type: ignore[arg-type]


_NUMBERS = (
    "correlation", "pair_correlation", "gaussian_distance", "tv_lower", "tv_lower_sampled", "divergence_price",
)  # fmt: skip
