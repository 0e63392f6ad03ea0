"""Modes need slope: worked numbers, hundreds of models, the masses of samples, mutants, and what is refused."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flint import arb
from scipy.special import ndtr, ndtri

from certify.api.clusters import clustered, clusters_asked
from certify.arithmetic.balls import ball, lower, precision, upper
from certify.checking.check import check, check_constants
from certify.cli.main import main
from certify.errors import InputError
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.proof.records import ConclusionRecord
from certify.stress_tests.power import wrong_constants
from certify.symbolic.normal import NormalMass, NormalQuantile
from certify.verdict import Verdict
from tests.power_instances import settled
from theorems.modes.groups import two_groups
from theorems.modes.isoperimetry import least_distance
from theorems.modes.needed import LeastSlope
from theorems.modes.statement import THEOREM


@cache
def bank() -> tuple[Instance, ...]:
    return settled(THEOREM, [(load_generator("linear:d=2,kappa=1,m=2"), beta, None) for beta in ("1",)])


def conclusion(**constants: str) -> ConclusionRecord:
    beta = Fraction(constants.pop("beta"))
    values = {name: Fraction(value) for name, value in constants.items()}
    (record,) = check_constants("modes", values, beta=beta).theorems
    assert record.conclusion is not None
    return record.conclusion


def closed_form(p1: float, p2: float, s: float) -> float:
    return max(0.0, min(p2 - ndtr(-ndtri(p1) - s), p1 - ndtr(-ndtri(p2) - s)))


def test_worked_numbers() -> None:
    """M = 4, beta = 3: L = 5; r = 10 and two halves: Phi(2) - 1/2; within 1/10 needs Phi(r/L) <= .6."""
    found = conclusion(M="4", beta="3", r="10", p1="1/2", p2="1/2")
    assert pytest.approx(5) == found.L and found.tv_lower == pytest.approx(ndtr(2) - 0.5, rel=1e-12)
    assert found.slope_needed == pytest.approx(math.sqrt((10 / ndtri(0.6)) ** 2 - 9), rel=1e-9)
    unequal = conclusion(M="4", beta="3", r="5", p1="1/5", p2="7/10")
    assert unequal.tv_lower == pytest.approx(closed_form(0.2, 0.7, 1.0), rel=1e-9)
    near = conclusion(M="4", beta="3", r="1/100", p1="1/5", p2="1/5")
    assert near.tv_lower == 0.0 and near.slope_needed == 0.0


def test_the_closed_form_is_the_least_over_all_masses() -> None:
    random, grid = np.random.default_rng(0), np.linspace(1e-7, 1 - 1e-7, 20_001)
    for _ in range(200):
        p1 = float(random.uniform(0.01, 0.98))
        p2, s = float(random.uniform(0.005, 0.995 - p1)), float(random.uniform(0.05, 4))
        least = float(least_distance(p1, p2, s, grid).min())
        assert closed_form(p1, p2, s) <= least + 1e-12
        assert least <= closed_form(p1, p2, s) + 2e-4


def test_no_model_on_the_line_is_closer() -> None:
    """300 monotone L-Lipschitz images of a Gaussian against two groups: the masses where they are say it is so."""
    random, nodes = np.random.default_rng(1), np.linspace(-6, 6, 2001)
    weights = np.diff(ndtr(np.concatenate(([-np.inf], (nodes[1:] + nodes[:-1]) / 2, [np.inf]))))
    for _ in range(300):
        slope, p1 = float(random.uniform(0.2, 3)), float(random.uniform(0.05, 0.9))
        p2, r = float(random.uniform(0.02, 1 - p1)), float(random.uniform(0.1, 4))
        rates = slope * random.uniform(0, 1, len(nodes) - 1) ** random.choice((0, 0.2, 4))
        image = np.concatenate(([0.0], np.cumsum(rates * np.diff(nodes))))
        cut = float(random.choice(image))
        a, b = weights[image <= cut].sum(), weights[image >= cut + r].sum()
        distance = max(p1 - a, p2 - b, p1 + p2 - a - b, 0.0)
        # A grid of the Gaussian moves a mass by at most that of one cell.
        assert distance >= closed_form(p1, p2, r / slope) - 2 * weights.max()


def test_the_ramp_attains_it() -> None:
    for p1 in (0.1, 0.5, 0.8):
        for s in (0.3, 1.0, 2.5):
            a, b = p1, ndtr(-ndtri(p1) - s)
            assert max(p1 - a, 1 - p1 - b, 1 - a - b) == pytest.approx(1 - p1 - ndtr(-ndtri(p1) - s))
            assert closed_form(p1, 1 - p1, s) <= 1 - p1 - b + 1e-15
    assert closed_form(0.5, 0.5, 1.0) == pytest.approx(ndtr(1) - 0.5)


def test_normal_functions_enclose() -> None:
    random = np.random.default_rng(2)
    with precision():
        for t in random.uniform(-8, 8, 100):
            mass = NormalMass.enclose(ball(float(t)))
            assert lower(mass) <= ndtr(t) * (1 + 1e-12) and upper(mass) >= ndtr(t) * (1 - 1e-12)
            if abs(t) < 6:
                again = NormalQuantile.enclose(mass)
                assert again.overlaps(ball(float(t)))
        assert NormalQuantile.enclose(arb(0)) < -1e300 and NormalQuantile.enclose(arb(2)) > 1e300
        assert NormalQuantile.enclose(arb(0, 0.1)).is_nan()
        assert NormalMass.enclose(arb("-inf")) == 0 and NormalMass.enclose(arb("inf")) == 1
        assert LeastSlope.enclose(arb(1), arb(-1), arb(1)) > 1e300
        assert LeastSlope.enclose(arb(1), arb(0, 1), arb(1)).is_nan()


def clusters(random: np.random.Generator, count: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    labels = random.random(count) < 0.5
    return random.standard_normal((count, 3)) * 0.1 + apart * labels[:, None] * np.array([0.6, 0.8, 0.0]), labels


def test_groups_are_found_and_their_masses_are_below_the_truth() -> None:
    """Fifty samples of two clusters, half the mass each; the counted masses are below the exact ones of the cuts."""
    for seed in range(50):
        rows, labels = clusters(np.random.default_rng(seed), 400, 3.0)
        found = two_groups(rows, 1.0, labels if seed % 2 else None)
        along, width = found.direction, 0.1 * float(np.linalg.norm(found.direction))
        centre = 3.0 * float(along @ np.array([0.6, 0.8, 0.0]))
        first = 0.5 * (ndtr(found.low / width) + ndtr((found.low - centre) / width))
        second = 0.5 * (ndtr(-found.high / width) + ndtr((centre - found.high) / width))
        assert found.masses[0] <= first and found.masses[1] <= second
        assert found.distance <= (found.high - found.low) / np.linalg.norm(along) and found.distance > 2.0
        assert min(found.masses) > 0.25


def test_a_flat_decoder_is_far_from_two_clusters() -> None:
    generator = load_generator("linear:d=3,kappa=1,m=0.5")
    rows, _ = clusters(np.random.default_rng(0), 600, 4.0)
    (record,) = check(["modes"], [generator], beta=Fraction(1, 2), observations=rows).theorems
    assert record.verdict.holds and record.conclusion is not None
    assert record.conclusion.tv_lower > 0.3 and record.conclusion.slope_needed > 2
    one = np.random.default_rng(0).standard_normal((600, 3)) * 0.7
    (record,) = check(["modes"], [generator], beta=Fraction(1, 2), observations=one).theorems
    assert record.conclusion is not None and record.conclusion.tv_lower == 0.0
    assert "nothing is claimed" in record.conclusion.notes[0]


def test_a_group_without_a_counted_row_has_no_mass() -> None:
    """All rows far off are even ones: what was chosen by them is met by none of the rows that are counted."""
    rows = 0.1 * np.random.default_rng(3).standard_normal((60, 3))
    rows[::4] += 50.0
    assert min(two_groups(rows, 1.0).masses) == 0.0
    generator = load_generator("linear:d=3,kappa=1,m=0.5")
    (record,) = check(["modes"], [generator], beta=Fraction(1, 2), observations=rows).theorems
    assert record.conclusion is not None and record.conclusion.tv_lower == 0.0
    assert "counted observations in both" in record.conclusion.notes[0]


def test_labels_of_one_kind_are_refused() -> None:
    with pytest.raises(InputError, match="two kinds"):
        two_groups(np.zeros((60, 2)), 1.0, np.zeros(60))


def test_each_kind_of_label_is_told_from_the_rest() -> None:
    """Three clusters, the third far off: its label finds the gap; the counted masses are below the exact ones."""
    for seed in range(30):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 3, 600)
        centres = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 9.0]])
        rows = centres[labels] + 0.1 * random.standard_normal((600, 2))
        found = two_groups(rows, 1.0, labels.astype(float))
        width = 0.1 * float(np.linalg.norm(found.direction))
        lines = centres @ found.direction
        assert found.masses[0] <= ndtr((found.low - lines) / width).mean()
        assert found.masses[1] <= ndtr((lines - found.high) / width).mean()
        assert found.distance > 2 and min(found.masses) > 0.15


def test_labels_reach_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, labels = clusters(np.random.default_rng(0), 600, 4.0)
    np.save(tmp_path / "x.npy", rows)
    np.save(tmp_path / "l.npy", labels.astype(float))
    data = ["--observations", str(tmp_path / "x.npy")]
    flat = ["check", "modes", "-g", "linear:d=3,kappa=1,m=0.5", "--beta", "0.1", *data]
    assert main([*flat, "--labels", str(tmp_path / "l.npy"), "--json", str(tmp_path / "r.json")]) == 0
    found = json.loads((tmp_path / "r.json").read_text())["theorems"][0]["conclusion"]
    assert found["tv_lower"] > 0.3
    np.save(tmp_path / "short.npy", np.zeros(5))
    capsys.readouterr()
    assert main([*flat, "--labels", str(tmp_path / "short.npy")]) == 2
    assert "one label per observation (600), got 5" in " ".join(capsys.readouterr().err.split())
    assert main([*flat[:-2], "--labels", str(tmp_path / "l.npy")]) == 2


def test_few_observations_are_refused() -> None:
    with pytest.raises(InputError, match="at least 20"):
        two_groups(np.zeros((19, 2)), 1.0)


def test_every_wrong_constant_is_seen() -> None:
    rows = wrong_constants(THEOREM, bank(), 0)
    assert len(rows) > 10
    # Of the model's own law only one term decides at a time; the whole of it is seen.
    exact = [row for row in rows if row.step != "D"]
    assert [(row.step, row.claim, row.change, row.outcome) for row in exact if not row.refuted] == []
    assert any(row.refuted for row in rows if row.step == "D")


def test_a_map_without_a_slope_is_not_judged() -> None:
    (record,) = check(["modes"], [load_generator("permutation:family=gf2exp,bits=3")], beta=Fraction(1, 2)).theorems
    assert record.verdict is Verdict.NOT_APPLICABLE


def test_clusters_are_asked_for_in_one_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert clusters_asked("clusters:3") == 3 and clusters_asked("labels.npy") is None
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((30, 2)))
    options = ["check", "modes", "-g", "linear:d=2,kappa=1", "--observations", str(tmp_path / "x.npy"), "--beta", "1"]
    for wrong, words in (("clusters:", "clusters:K"), ("clusters:x", "clusters:K"), ("clusters:1", "from 2 to half")):
        assert main([*options, "--labels", wrong]) == 2
        assert words in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="from 2 to half"):
        clustered(np.zeros((30, 2)), 16)


def test_clusters_do_not_see_the_rows_that_are_counted() -> None:
    """Other odd rows, the same labels of the even ones; and three far groups are told apart."""
    pytest.importorskip("sklearn")
    random = np.random.default_rng(1)
    rows = np.repeat(np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]]), 40, axis=0)[random.permutation(120)]
    rows = rows + 0.3 * random.standard_normal(rows.shape)
    labels = clustered(rows, 3)
    moved = rows.copy()
    moved[1::2] = random.standard_normal(moved[1::2].shape)
    np.testing.assert_array_equal(clustered(moved, 3)[::2], labels[::2])
    found = two_groups(rows, 1.0, labels)
    assert found.distance > 2 and min(found.masses) > 0.1


def test_what_is_not_claimed_is_said_in_words() -> None:
    generator = load_generator("linear:d=2,kappa=1,m=1")
    rows = np.random.default_rng(2).standard_normal((40, 2))
    (record,) = check(["modes"], [generator], beta=Fraction(1), observations=rows, effort=0.1).theorems
    assert record.conclusion is not None and record.conclusion.notes[0].startswith("nothing is claimed")
    assert "e-" not in record.conclusion.notes[0]
