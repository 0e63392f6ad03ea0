"""Descents from many starts at once end where scipy's end from each, and nowhere higher than they began."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from benchmarks.large_networks import perceptron
from certify.bounds import lbfgs
from certify.bounds.bracket import Region
from certify.bounds.lbfgs import descend
from certify.bounds.search import extreme_curvature, extreme_stretch
from certify.generators import derivatives

STARTS = np.random.default_rng(0).normal(size=(12, 4))


def rosenbrock(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.array([rosen(row) for row in rows]), np.array([rosen_der(row) for row in rows])


def test_a_curved_valley_is_followed_to_a_minimum_from_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lbfgs, "STEPS", 300)
    found = descend(rosenbrock, STARTS, np.inf)
    assert np.abs(rosenbrock(found)[1]).max() < 1e-3
    assert np.all(rosenbrock(found)[0] <= rosenbrock(STARTS)[0])


def test_starts_do_not_see_one_another() -> None:
    together = descend(rosenbrock, STARTS, np.inf)
    alone = np.concatenate([descend(rosenbrock, row[None], np.inf) for row in STARTS])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_as_low_as_scipy_on_functions_with_many_minima() -> None:
    def wavy(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (np.sin(3.0 * rows) + 0.1 * rows**2).sum(axis=1), 3.0 * np.cos(3.0 * rows) + 0.2 * rows

    ours = wavy(descend(wavy, STARTS, np.inf))[0]
    theirs = [
        minimize(lambda x: tuple(p[0] for p in wavy(x[None])), row, jac=True, method="L-BFGS-B") for row in STARTS
    ]
    assert ours.mean() == pytest.approx(np.mean([item.fun for item in theirs]), abs=0.2)
    assert np.abs(wavy(descend(wavy, STARTS, np.inf))[1]).max() < 1e-3


def test_a_long_slope_is_descended_in_growing_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lbfgs, "STEPS", 1)

    def slope(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.abs(rows - 1000.0).sum(axis=1), np.sign(rows - 1000.0)

    assert descend(slope, np.zeros((1, 1)), np.inf)[0, 0] > 500.0


def test_a_start_without_a_value_stays_and_the_others_go_on() -> None:
    def holed(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = np.where(rows[:, 0] > 5.0, np.nan, (rows**2).sum(axis=1))
        return value, 2.0 * rows

    found = descend(holed, np.array([[9.0, 1.0], [3.0, 1.0]]), np.inf)
    assert found[0].tolist() == [9.0, 1.0]
    assert np.abs(found[1]).max() < 1e-4


def test_a_step_into_a_hole_is_shortened_not_taken() -> None:
    def walled(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = rows[:, 0]
        return np.where(x > 0.5, np.nan, (x - 0.4) ** 2), 2.0 * (rows - 0.4)

    assert descend(walled, np.array([[-3.0]]), np.inf)[0, 0] == pytest.approx(0.4, abs=1e-4)


def test_a_spent_deadline_leaves_the_starts() -> None:
    assert np.array_equal(descend(rosenbrock, STARTS, 0.0), STARTS)


def test_the_witness_is_where_the_search_says() -> None:
    graph, ball = perceptron((3, 10, 8), "tanh", seed=4).graph, Region(radius=2.0)
    for largest in (True, False):
        found = extreme_stretch(graph, ball, largest, np.inf, np.random.default_rng(0), 8)
        assert np.linalg.norm(found.point) <= 2.0
        moved = np.linalg.norm(derivatives.jacobian(graph, found.point) @ found.direction)
        assert moved == pytest.approx(found.objective, rel=1e-9)
    bent = extreme_curvature(graph, ball, 2, np.inf, np.random.default_rng(0), 8)
    image = derivatives.second_derivative(graph, bent.point, bent.direction, bent.direction)
    assert np.linalg.norm(image) == pytest.approx(bent.objective, rel=1e-9)
    sampled = np.random.default_rng(1).normal(size=(2000, 3))
    sampled *= 2.0 * np.random.default_rng(2).random((2000, 1)) / np.linalg.norm(sampled, axis=1, keepdims=True)
    assert extreme_stretch(graph, ball, True, np.inf, np.random.default_rng(0), 8).objective > (
        np.linalg.svd(derivatives.jacobian(graph, sampled), compute_uv=False).max() - 1e-9
    )
