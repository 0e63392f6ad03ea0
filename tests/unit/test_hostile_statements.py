"""The statements at hostile decoders: the truths that they are held against are true, and false claims are seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks import hostile_statements
from benchmarks.hostile_decoders import Writer
from benchmarks.hostile_statements import ACCURACY, ERROR, collapse, modes, table
from benchmarks.hostile_truths import Array, Case, integral, read
from benchmarks.statement_attack import nearest_product
from certify.envelopes.likelihood import GaussianLikelihood

NOISE = 0.5


def affine(matrix: Array, row: Array) -> Case:
    """The posterior of z -> matrix' z, (columns, rows)."""
    writer = Writer(np.random.default_rng(0), np.float64)
    model = writer.model(writer.given("z", matrix, np.zeros(matrix.shape[1])), *matrix.shape)
    return Case(model, read(model), GaussianLikelihood(row, NOISE), "")


def test_the_rate_by_quadrature_is_that_of_a_gaussian() -> None:
    for matrix in (np.array([[1.3]]), np.array([[1.0, 0.4], [-0.3, 2.0]])):
        d, row = len(matrix), np.array([0.4, -1.0])[: len(matrix)]
        precision = np.eye(d) + matrix @ matrix.T / NOISE**2
        centre = np.linalg.solve(precision, matrix @ row) / NOISE**2
        exact = 0.5 * (np.trace(np.linalg.inv(precision)) - d + centre @ centre + np.linalg.slogdet(precision)[1])
        weigh: Callable[[Array, Array], Array] = lambda points, f: f - (points * points).sum(axis=1) / 2  # noqa: E731
        log_z, misfit, error = integral(affine(matrix, row), np.zeros((1, d)), weigh)
        assert 0.5 * d * math.log(2 * math.pi) - log_z - misfit == pytest.approx(exact, abs=1e-8) and error < 1e-8


def test_symmetric_laws_near_a_gaussian_have_their_centres_in_an_interval() -> None:
    case = affine(np.array([[1.3]]), np.array([0.4]))
    variance = 1 / (1 + 1.3**2 / NOISE**2)
    reach = math.sqrt(variance) * norm.ppf(0.5 + ACCURACY - ERROR)
    found = hostile_statements._centres(case)
    middle = variance * 1.3 * 0.4 / NOISE**2
    assert found.min() == pytest.approx(middle - reach, abs=1e-3) and found.max() == pytest.approx(
        middle + reach, abs=1e-3
    )
    rows = np.array([[0.4], [2.0]])
    gap = variance * 1.3 * 1.6 / NOISE**2 - 2 * reach
    assert hostile_statements._least_slope(case, rows) == pytest.approx(gap / 1.6, abs=2e-3)


def test_the_nearest_product_law_of_a_table() -> None:
    random, row = np.random.default_rng(1), np.array([0.3, 0.1])
    assert nearest_product(table(affine(np.eye(2), row), 401), random) < 2e-3
    matrix = np.array([[1.0, 0.0], [0.8, 0.2]])
    covariance = np.linalg.inv(np.eye(2) + matrix @ matrix.T / NOISE**2)
    correlation = abs(covariance[0, 1]) / math.sqrt(covariance[0, 0] * covariance[1, 1])
    bound = math.sqrt(1 + 2 / math.pi * math.asin(correlation)) - 1
    assert bound < nearest_product(table(affine(matrix, row), 401), random) < 3 * bound


def test_true_claims_hold_and_false_ones_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    attacks: dict[str, Callable[..., Any]] = {
        "rate": collapse, "modes": modes, "draws": hostile_statements._by_draws,
        "profiles": hostile_statements._by_profiles,
    }  # fmt: skip

    def violated(name: str) -> set[str]:
        truths = list(attacks[name](np.random.default_rng(3 if name == "modes" else 1), 1))
        assert truths
        return {item.kind for item in truths if item.violated}

    assert not any(map(violated, attacks))
    rate, slope, closed = (
        getattr(hostile_statements, name) for name in ("rate_of_row", "sampled_slope", "closed_forms")
    )

    def narrow(*arguments: Any) -> Any:
        found = rate(*arguments)
        middle = 0.5 * (found.rate.lower + found.rate.upper)
        return replace(found, rate=replace(found.rate, lower=middle + 0.3, upper=middle - 0.3))

    def steep(name: str, constants: Any, noise: float, *arguments: Any) -> Any:
        changed = {"M": 0.3, "along": 1.3}
        given = {key: value * changed.get(key, 1.0) for key, value in constants.items()}
        return closed(name, given, 0.3 * noise, *arguments)

    monkeypatch.setattr(hostile_statements, "rate_of_row", narrow)
    monkeypatch.setattr(hostile_statements, "sampled_slope", lambda *arguments: 1.1 * slope(*arguments) + 0.5)
    monkeypatch.setattr(hostile_statements, "closed_forms", steep)
    found = {name: violated(name) for name in attacks}
    assert found["rate"] == {"rate of a row, lower end", "rate of a row, upper end"} and all(found.values())
