"""Defects that the stress run found, each kept as the case that showed it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from certify.checking.running import run_step
from certify.discovery.registry import load_theorem
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator
from certify.posteriors.posterior import Posterior
from certify.posteriors.quadrature import build_quadrature
from certify.posteriors.transition import chain_total_variation
from certify.stress_tests.case import Case, saved_case
from certify.stress_tests.instances import prepare
from certify.stress_tests.replay import replay
from certify.verdict import Verdict

THEOREM = load_theorem("strong-invertibility")
CASES = Path(__file__).resolve().parent.parent / "cases"


def hidden_identity() -> Generator:
    """z -> z + 0 tanh(0 z): affine in truth, not by its nodes."""
    zero, one = np.zeros((1, 1)), np.zeros(1)
    hidden = (Affine(0, zero, one), Activation(1, "tanh", 1), Affine(2, zero, one))
    nodes = (Input(1), *hidden, Sum((0, 3), (1.0, 1.0), 1))
    return Generator("hidden identity", Graph(nodes), 4)


def verdict(
    label: str, generator: Generator, observation: float, choices: dict[str, Fraction] | None = None
) -> Verdict:
    case = Case(
        THEOREM.id,
        "steps",
        generator,
        observations=np.full((1, 1), observation),
        choices=choices or {},
        numbers={"beta": Fraction(1, 5), "epsilon": Fraction(9, 10)},
        effort=0.02,
    )
    prepared = prepare(THEOREM, case)
    assert prepared is not None
    return run_step(THEOREM.step(label), prepared.instance).verdict


def test_an_observation_whose_preimage_is_the_start_is_checked() -> None:
    # rho = 0, so the bound of S6 is 0 at every step: the search for the worst step divided by it.
    assert verdict("S6", load_generator("linear:d=1,kappa=1"), 0.0) is Verdict.SUPPORTED


def test_a_chain_of_one_layer_is_checked() -> None:
    # K = 1: S7g claims a distance of 0, and the deviation at which it is watched was the logarithm of 0.
    choices = {
        "R": Fraction(10**6),
        "delta0": Fraction(1, 1000),
        "eta": Fraction(1, 10**5),
        "K": Fraction(1),
        "t": Fraction(10),
    }
    assert verdict("S7g", load_generator("linear:d=1,kappa=1"), 0.5, choices) is Verdict.SUPPORTED


@pytest.mark.parametrize("observation", [0.5, 6.0, 28.0])
def test_a_chain_that_starts_far_out_has_the_distance_of_the_closed_form(observation: float) -> None:
    # The start 28 is 20 standard deviations from the mode, off the grid of 9.5: all mass was lost, and a distance of
    # 1/2 with an interval of 1e-9 refuted a true bound.
    beta, step, count = 1.0, 0.0037, 978
    posterior = Posterior(hidden_identity(), np.array([observation]), beta)
    start = np.array([observation])
    found = chain_total_variation(build_quadrature(posterior, start), start, step, (count,))[0]
    mean = 0.5 * observation * (1.0 + (1.0 - 2.0 * step) ** count)
    variance = (1.0 - (1.0 - 2.0 * step) ** (2 * count)) / (2.0 * (1.0 - step))
    points = np.linspace(-12, 12, 400_001) * 0.75 + 0.5 * observation
    truth = np.exp(-((points - 0.5 * observation) ** 2)) / np.sqrt(np.pi)
    law = np.exp(-((points - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    distance = 0.5 * float(np.sum(np.abs(truth - law))) * (points[1] - points[0])
    assert found.upper - found.lower < 1e-6
    assert found.lower - 1e-8 <= distance <= found.upper + 1e-8


def test_mass_off_the_grid_widens_the_interval() -> None:
    # d = 2 has no wider grid: two steps from a start far out leave everything beyond it.
    shift = np.eye(2)
    nodes = (
        Input(2),
        Affine(0, np.zeros((1, 2)), np.zeros(1)),
        Activation(1, "tanh", 1),
        Affine(2, np.zeros((2, 1)), np.zeros(2)),
        Sum((0, 3), (1.0, 1.0), 2),
        Affine(4, shift, np.zeros(2)),
    )
    posterior = Posterior(Generator("hidden identity", Graph(nodes), 1), np.array([40.0, 0.0]), 1.0)
    start = np.array([40.0, 0.0])
    found = chain_total_variation(build_quadrature(posterior, start), start, 0.01, (2,))[0]
    assert found.lower <= 1.0 <= found.upper + 1e-9


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=lambda path: path.stem)
def test_a_case_that_once_failed_holds(path: Path) -> None:
    assert replay(saved_case(path)).now.verdict is Verdict.SUPPORTED
