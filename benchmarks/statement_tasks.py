"""What the four statements say of one decoder at its held-out observations: one function each, JSON in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.statement_truths import TRUTHS, closed_forms, summary
from benchmarks.zoo_rejection import load, own_noise
from certify.api.clusters import clustered
from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import lower, upper
from certify.audits.audit import AuditPlan, audit_encoder
from certify.audits.score import score_distance
from certify.audits.source import source_from_file
from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.discovery.registry import load_theorem
from certify.envelopes.best import certified_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.errors import CertifyError, InputError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.posteriors.estimates import ERROR_PROBABILITY
from certify.posteriors.posterior import Posterior
from certify.proof.conclusion import settle
from certify.verdict import Verdict
from theorems.amortisation.pairs import sampled_slope
from theorems.amortisation.trained import mean_map
from theorems.collapse.rate import sampled_rate
from theorems.factorised_encoder.observations import constants_if_any, rotated_prices
from theorems.factorised_encoder.rotation import rotated_price
from theorems.factorised_encoder.row import RowPrice, few_draws, row_price
from theorems.modes.groups import FEWEST, two_groups

EXAMPLES = Path(__file__).parents[1] / "examples"
EFFORT, BUDGET = 0.1, 30.0
"""Of the default work for constants; seconds for them at most."""
EPSILON = Fraction(1, 20)
DRAWS, RATE_DRAWS, AUDITED, PAIRED = 50_000, 1000, 3, 3
HOLDING = (Verdict.PROVED, Verdict.CONDITIONAL, Verdict.SUPPORTED)
UPPER = ("rate_upper", "bits_upper", "beta_lost", "t_g")
"""Closed forms of which the upper end is the certified one."""
SLOW = 2_000
"""Parameters from which quadratic forms take a minute a row, and two rows are looked at."""
LARGE = 15_000
"""Parameters from which fewer observations are looked at, and none by quadratic forms."""
CLUSTERS = (2, 3, 4)

Task = tuple[str, str]
"""A theorem's id and a decoder's path below `examples`, or `EXACT`."""
EXACT = "exact truth"


@lru_cache(maxsize=1)
def loaded(path: str) -> tuple[Generator, FloatArray, float]:
    """Generator, held-out observations, and noise."""
    file = EXAMPLES / path
    if path.startswith("zoo"):
        generator, rows = load(file), np.load(file.with_suffix(".npy")).astype(np.float64)
        beta = own_noise(generator, rows)
    else:
        generator = load_generator(str(file))
        size = file.stem.rpartition("_")[2] if not file.stem.startswith("pixels64") else "pixels64"
        rows = np.load(EXAMPLES / "digits" / f"observations_{size}.npy").astype(np.float64)
        beta = float(generator.metadata["trained_beta"])
    return generator, rows, beta


@lru_cache(maxsize=1)
def decoder(path: str) -> tuple[Generator, FloatArray, float, ConstantBrackets, float]:
    """The same with brackets of the constants, and the seconds these took."""
    started = time.process_time()
    generator, rows, beta = loaded(path)
    brackets = constants(generator, effort=EFFORT, budget=BUDGET)
    return generator, rows, beta, brackets, time.process_time() - started


def trained_encoder(path: str) -> Path | None:
    """The file of the encoder that was trained with a decoder, where it is kept."""
    file = (EXAMPLES / path).parent / f"encoder_{Path(path).name}"
    return file if file.exists() else None


def measure(task: Task) -> dict[str, Any]:
    """The numbers of one theorem at one decoder; `open` says why there are none. At `EXACT`: its exact truths."""
    name, path = task
    if path == EXACT:
        return {"kinds": [list(row) for row in summary(TRUTHS[name]())]}
    started = time.process_time()
    generator, rows, beta = loaded(path)
    if name == "factorised-encoder" and generator.parameters > LARGE and generator.latent_dim > 3:
        given = {"d": generator.latent_dim, "n": generator.observed_dim, "beta": beta}
        return given | {"open": "not run: quadratic forms of a network of this size take too long for a table"}
    *_, brackets, _ = decoder(path)
    found: dict[str, Any] = {"d": generator.latent_dim, "n": generator.observed_dim, "beta": beta}
    found |= {
        key: getattr(getattr(brackets, key), end) for key, end in (("m", "lower"), ("M", "upper"), ("M2", "upper"))
    }
    try:
        found |= MEASURES[name](path, generator, rows, beta, brackets)
    except CertifyError as error:
        found["open"] = str(error)
    return {**found, "seconds": time.process_time() - started}


def _closed(
    name: str, generator: Generator, rows: FloatArray, beta: float, brackets: ConstantBrackets
) -> dict[str, Any]:
    """The theorem's closed forms at the certified constants, or which assumption is missing."""
    theorem = load_theorem(name)
    records = [item.at(generator, brackets) for item in theorem.assumptions]
    missing = [f"{item.label}: {item.reason}" for item in records if item.verdict not in HOLDING]
    if missing:
        return {"reason": "; ".join(missing)}
    setting = settle(theorem, generator, brackets, Fraction(beta), EPSILON, rows, 0, None)
    if setting.certificate is None:
        return {"reason": setting.reason}
    values = setting.certificate.values
    lows = {key: lower(value) for key, value in values.items()}
    return lows | {key: upper(values[key]) for key in UPPER if key in values}


def collapse(
    path: str, generator: Generator, rows: FloatArray, beta: float, brackets: ConstantBrackets
) -> dict[str, Any]:
    """The bracket of the rate, and an interval of it by draws of the model."""
    found = _closed("collapse", generator, rows, beta, brackets)
    measured = sampled_rate(generator, beta, np.random.default_rng(0), RATE_DRAWS)
    return {**found, "measured": [max(0.0, measured.lower), measured.upper]}


def factorised(
    path: str, generator: Generator, rows: FloatArray, beta: float, brackets: ConstantBrackets
) -> dict[str, Any]:
    """The price at the first observations, and the audits of the trained and of the best diagonal encoder there."""
    is_large, few = generator.parameters > LARGE, generator.latent_dim <= 3
    slow = generator.parameters > SLOW and not few
    count = 2 if is_large or slow else 3 if path.startswith("zoo") else 10
    known = constants_if_any(brackets)
    prices = [row_price(generator, known, beta, row, DRAWS) for row in rows[:count]]
    certified = [item.tv_lower for item in prices if item.method]
    seen = [item.price for item in prices]
    found: dict[str, Any] = {
        "rows": count, "certified": len(certified), "positive": sum(price > 0 for price in seen),
        "largest_certified": max(certified, default=0.0), "median": float(np.median(seen)), "largest": max(seen),
        "methods": sorted({item.method for item in prices if item.method}),
        "divergence": _mean(_divergence(item) for item in prices),
        "rotated": _mean(rotated_prices(prices).values()),
        "reason": next((item.reason for item in prices if item.reason), ""),
    }  # fmt: skip
    encoder = trained_encoder(path)
    if encoder is not None:
        audited = min(count, AUDITED)
        found |= _audits(encoder, generator, rows[:audited], beta, prices[:audited])
    return found


def _divergence(found: RowPrice) -> float | None:
    covariance = np.array(found.covariance)
    return rotated_price(covariance, np.eye(len(covariance))) if found.covariance else None


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _audits(
    encoder: Path, generator: Generator, rows: FloatArray, beta: float, prices: list[RowPrice]
) -> dict[str, Any]:
    """Means over the rows: the price, the best diagonal Gaussian in KL, and the trained encoder, in total variation."""
    audit = audit_encoder(source_from_file(encoder), generator, beta, rows, AuditPlan(draws=20_000, pairs=0))
    ends = [(item.distance.lower.value, item.distance.upper.value) for item in audit.observations]
    best = [
        _best_diagonal(generator, row, beta, np.array(item.covariance)) for row, item in zip(rows, prices, strict=True)
    ]
    trained = [float(np.mean(end)) for end in zip(*ends, strict=True)]
    return {
        "audited": len(rows), "price": float(np.mean([item.price for item in prices])), "trained": trained,
        "best_diagonal": [float(np.mean(end)) for end in zip(*best, strict=True)],
    }  # fmt: skip


def _best_diagonal(generator: Generator, row: FloatArray, beta: float, covariance: FloatArray) -> tuple[float, float]:
    """TV of N(mean, 1/A_ii), A the inverse of `covariance`, from the posterior: an interval, by exact draws of both."""
    posterior = Posterior(generator, row, beta)
    draws = _draws(generator, row, beta, DRAWS)
    centre, deviations = draws.mean(axis=0), 1 / np.sqrt(np.diag(np.linalg.inv(covariance)))
    noise = np.random.default_rng(2).standard_normal(draws.shape)
    scores = [
        posterior.potential(points) - 0.5 * np.sum(((points - centre) / deviations) ** 2, axis=1)
        for points in (centre + deviations * noise, draws)
    ]
    interval = score_distance(scores[0], scores[1], ERROR_PROBABILITY)
    return interval.lower, interval.upper


def modes(path: str, generator: Generator, rows: FloatArray, beta: float, brackets: ConstantBrackets) -> dict[str, Any]:
    """The bound at the groups that were found, and those of clusterings, whichever says most."""
    found = _closed("modes", generator, rows, beta, brackets)
    slope = brackets.M.upper
    if slope is None or not np.isfinite(slope) or len(rows) < FEWEST:
        return found
    length = float(np.hypot(slope, beta))
    spread = []
    for count in CLUSTERS:
        item = two_groups(rows, length, clustered(rows, count))
        forms = closed_forms(
            "modes", {"M": slope, "r": item.distance, "p1": item.masses[0], "p2": item.masses[1]}, beta
        )
        spread.append({"clusters": count, "distance": item.distance, "masses": item.masses, "tv": forms["tv_lower"][0]})
    return {**found, "groups": spread}


def amortisation(
    path: str, generator: Generator, rows: FloatArray, beta: float, brackets: ConstantBrackets
) -> dict[str, Any]:
    """The certified slope, that by exact draws, and the trained encoder's: between rows, and certified everywhere."""
    found = _closed("amortisation", generator, rows, beta, brackets)
    encoder = trained_encoder(path)
    if encoder is not None:
        own = mean_map(encoder)
        bracket = constants(own, effort=EFFORT, budget=BUDGET).M
        images = own.value(rows[:PAIRED])[:, : generator.latent_dim]
        found |= {"encoder": [bracket.lower, bracket.upper], "between": _steepest(images, rows[:PAIRED])}
    if generator.parameters <= LARGE or generator.latent_dim <= 3:
        try:
            found["by_draws"] = _slope_by_draws(generator, rows[:PAIRED], beta)
        except InputError as error:
            found["reason"] = "; ".join(part for part in (found.get("reason", ""), str(error)) if part)
    return found


def _slope_by_draws(generator: Generator, rows: FloatArray, beta: float) -> float:
    """The largest bound among pairs; half of the draws choose its direction, the other half counts."""
    draws = [_draws(generator, row, beta, 20_000) for row in rows]
    means = [points[: len(points) // 2].mean(axis=0) for points in draws]
    counted = [points[len(points) // 2 :] for points in draws]
    return max(
        sampled_slope((counted[i], counted[j]), rows[[i, j]], means[i] - means[j], float(EPSILON))
        for i in range(len(rows)) for j in range(i) if (rows[i] != rows[j]).any()
    )  # fmt: skip


def _draws(generator: Generator, row: FloatArray, beta: float, count: int) -> FloatArray:
    likelihood = GaussianLikelihood(row, beta)
    with threadpool_limits(1):
        found = few_draws(generator, likelihood, certified_envelope(generator, likelihood), count)
    if isinstance(found, str):
        raise InputError(found)
    return found


def _steepest(images: FloatArray, rows: FloatArray) -> float:
    return max(
        float(np.linalg.norm(images[i] - images[j]) / np.linalg.norm(rows[i] - rows[j]))
        for i in range(len(rows)) for j in range(i) if (rows[i] != rows[j]).any()
    )  # fmt: skip


MEASURES: Mapping[str, Callable[[str, Generator, FloatArray, float, ConstantBrackets], dict[str, Any]]] = {
    "collapse": collapse, "factorised-encoder": factorised, "modes": modes, "amortisation": amortisation,
}  # fmt: skip
"""By theorem."""
