"""The price of independent coordinates: worked values, hundreds of product laws, splits, mutants, observations."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from certify.arithmetic.balls import ball, lower, precision, upper
from certify.bounds.constants import constants
from certify.checking.check import check, check_constants
from certify.codec import Exact, encode
from certify.envelopes.box_rows import work_of_box
from certify.envelopes.box_weights import multiplications
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.progress import SilentProgress
from certify.proof.instance import Instance
from certify.proof.judgement import decide
from certify.stress_tests.power import wrong_constants
from certify.verdict import Verdict
from tests.power_instances import settled
from theorems.factorised_encoder.cells import MOST_BOXES, best_cuts, boxes_at_most, price_of_cells
from theorems.factorised_encoder.kept import decode_price, doubt
from theorems.factorised_encoder.price import four_cells, price_of
from theorems.factorised_encoder.rotation import cheapest_rotation, rotated_price
from theorems.factorised_encoder.row import (
    CELLS,
    GAUSSIAN_DISTANCE,
    LEAST,
    MOST_PROPOSALS,
    RowProof,
    certified_price,
    gaussian_numbers,
    proposals_at_most,
    row_price,
)
from theorems.factorised_encoder.splits import (
    Split,
    canonical,
    correlation_ball,
    costliest_pair,
    costliest_split,
    divergence_price,
    sampled_price,
)
from theorems.factorised_encoder.statement import THEOREM
from theorems.sharp_langevin.observations import global_constants


@cache
def bank() -> tuple[Instance, ...]:
    steep = (load_generator(f"linear:d=2,kappa={kappa},m=1") for kappa in (6, 60))
    return settled(THEOREM, [(generator, "1", None) for generator in steep])


def price(correlation: float) -> float:
    with precision():
        return lower(price_of(ball(correlation)))


def law(random: np.random.Generator, axis: np.ndarray) -> np.ndarray:
    """A mixture of two Gaussians on the axis, some of them narrow and far apart."""
    centres, widths = random.normal(0, 1, 2), random.uniform(0.1, 1.5, 2)
    density = sum(np.exp(-0.5 * ((axis - c) / w) ** 2) / w for c, w in zip(centres, widths, strict=True))
    return np.asarray(density / density.sum())


def test_worked_values() -> None:
    for correlation, known in ((0.5, 2 / math.sqrt(3) - 1), (1.0, math.sqrt(2) - 1), (0.0, 0.0)):
        assert price(correlation) == pytest.approx(known, abs=1e-12)
    assert price(0.9) == pytest.approx(0.3088, abs=5e-5)
    (record,) = check_constants("factorised-encoder", {"corr": Fraction(1, 2), "t_g": Fraction(1, 20)}).theorems
    assert record.conclusion is not None
    assert record.conclusion.tv_lower == pytest.approx(2 / math.sqrt(3) - 1.05, abs=1e-12)


@pytest.mark.parametrize("correlation", [0.1, 0.4, 0.8, 0.97])
def test_no_product_law_is_closer(correlation: float) -> None:
    """250 laws each in two dimensions against the Gaussian, and its own marginals: never below the price."""
    random, axis = np.random.default_rng(3), np.linspace(-6, 6, 241)
    exponent = (axis[:, None] ** 2 + axis**2 - 2 * correlation * np.outer(axis, axis)) / (2 - 2 * correlation**2)
    joint = np.exp(-exponent)
    joint /= joint.sum()
    own = joint.sum(axis=0)
    laws = [(law(random, axis), law(random, axis)) for _ in range(249)]
    distances = [0.5 * np.abs(joint - np.outer(*pair)).sum() for pair in [*laws, (own, own)]]
    assert min(distances) >= price(correlation) - 2e-3


def test_four_cells_are_never_closer_and_attain_the_price() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        correlation = float(random.uniform(0, 1))
        mass = 0.25 + math.asin(correlation) / (2 * math.pi)
        a, b = random.uniform(0, 1, 2)
        assert four_cells(mass, a, b) >= price(correlation) - 1e-12
        assert four_cells(mass, math.sqrt(mass), math.sqrt(mass)) == pytest.approx(price(correlation), abs=1e-12)


def test_a_split_is_found_and_its_correlation_enclosed() -> None:
    random = np.random.default_rng(2)
    for d in (2, 3, 5, 12):
        factor = random.standard_normal((d, d)) + 2 * np.eye(d)
        covariance = factor @ factor.T
        pair, split = costliest_pair(covariance), costliest_split(covariance)
        assert split.correlation >= pair.correlation - 1e-12
        assert not set(split.groups[0]) & set(split.groups[1])
        for item in (pair, split):
            enclosed = correlation_ball(factor, item)
            assert lower(enclosed) == pytest.approx(item.correlation, rel=1e-9) and upper(enclosed) <= 1
    several = np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 0.0], [0.5, 0.0, 1.0]])
    # One latent against the other two: sqrt(1/2); every pair has 1/2 or 0.
    assert canonical(several, (0,), (1, 2)).correlation == pytest.approx(math.sqrt(0.5))
    assert costliest_split(several).correlation == pytest.approx(math.sqrt(0.5))


def test_the_divergence_of_the_best_gaussian() -> None:
    """At d = 2 it is -log(1 - r^2)/2; no other diagonal Gaussian is closer."""
    covariance = np.array([[1.0, 0.6], [0.6, 1.0]])
    factor = np.linalg.cholesky(covariance)
    least = divergence_price(factor)
    assert least == pytest.approx(-0.5 * math.log(1 - 0.36), rel=1e-12)
    inverse = np.linalg.inv(covariance)
    for variances in np.random.default_rng(0).uniform(0.2, 2, (50, 2)):
        other = 0.5 * (np.sum(np.diag(inverse) * variances) - 2 - np.log(np.prod(variances)) + np.log(0.64))
        assert other >= least


def test_draws_bound_the_price_from_below() -> None:
    """Forty samples of a Gaussian: never above the price of its correlation, and close to it."""
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    split = costliest_pair(factor @ factor.T)
    found = [sampled_price(np.random.default_rng(k).standard_normal((20_000, 2)) @ factor.T, split) for k in range(40)]
    assert max(found) <= price(0.8) and min(found) > 0.5 * price(0.8)
    independent = np.random.default_rng(0).standard_normal((20_000, 2))
    assert sampled_price(independent, split) == 0.0


def test_every_wrong_constant_is_seen() -> None:
    found = wrong_constants(THEOREM, bank(), 0)
    rows = [row for row in found if row.step != "F"]
    assert len(rows) > 8
    assert [(row.claim, row.change, row.outcome) for row in rows if not row.refuted] == []
    total = [row for row in found if row.step == "F"]
    assert total and any(row.refuted for row in total)


def test_a_closer_encoder_would_be_refuted() -> None:
    (instance, *_) = bank()
    (claim,) = THEOREM.step("F").claims
    finding = THEOREM.step("F").check(instance)[0]
    assert decide(claim, finding, instance) is Verdict.SUPPORTED
    closer = replace(finding, measured=0.001, interval=(0.0005, 0.0015))
    assert decide(claim, closer, instance) is Verdict.REFUTED


def test_single_observations_of_a_curved_decoder() -> None:
    generator = load_generator("residual:d=4,width=4")
    known = global_constants(constants(generator, effort=500.0))
    row = generator.value(np.full((1, 4), 0.5))[0]
    near = row_price(generator, known, 0.005, row, draws=0)
    assert near.tv_lower > 0 and near.method == GAUSSIAN_DISTANCE and near.tv_lower_sampled is None
    drawn = row_price(generator, known, 0.5, row, draws=20_000)
    assert drawn.tv_lower == 0.0 and drawn.tv_lower_sampled is not None and drawn.reason
    without = row_price(generator, None, 0.5, row, draws=20_000)
    assert without.correlation is None and without.tv_lower_sampled is not None
    for constant, beta, found in ((known, 0.005, near), (known, 0.5, drawn), (None, 0.5, without)):
        assert decode_price(json.loads(json.dumps(encode(found)))) == found
        assert doubt(generator, constant, beta, row, found) == ""
    proof = near.proof.gaussian
    assert proof is not None and proof.layer is not None
    nearer = replace(proof, layer=replace(proof.layer, tv_bound=proof.layer.tv_bound / 2))
    numbers = gaussian_numbers(nearer)[2]
    consistent = replace(near, gaussian_distance=numbers["gaussian_distance"], tv_lower=certified_price(numbers)[0])
    other = replace(known, M2=known.M2 / 2)
    for beta, constant, forged, reason in (
        (0.005, known, replace(near, tv_lower=near.tv_lower + 0.01), "does not follow"),
        (
            0.005,
            known,
            replace(near, correlation=1.0, tv_lower=certified_price({**numbers, "correlation": 1.0})[0]),
            "its",
        ),
        (0.005, known, replace(consistent, proof=replace(near.proof, gaussian=nearer)), "G1\\* is not <="),
        (0.005, known, replace(near, groups=((0,), (1, 2, 3))), "its split"),
        (0.005, known, replace(near, pair=near.pair[::-1]), "its pair"),
        (0.005, known, replace(near, proof=RowProof()), "other constants"),
        (0.005, other, near, "other constants"),
        (0.006, known, near, "another observation"),
        (0.005, None, near, "other constants"),
    ):
        assert re.search(reason, doubt(generator, constant, beta, row, forged)), reason
    assert "another observation" in doubt(generator, known, 0.005, row + 1e-9, near)


def test_cells_need_no_constant_and_are_below_the_exact_price() -> None:
    """Affine, d = 2, at a noise where G1* is exact too: both bounds below the Gaussian's price, and close to it."""
    generator = load_generator("linear:d=2,kappa=6,m=1")
    row = np.array([0.3, -0.2])
    found = row_price(generator, None, 1.0, row, draws=0)
    covariance = np.linalg.inv(np.eye(2) + generator.jacobian(np.zeros(2)).T @ generator.jacobian(np.zeros(2)))
    exact = price(abs(covariance[0, 1]) / math.sqrt(covariance[0, 0] * covariance[1, 1]))
    assert found.method == CELLS and found.pair == (0, 1) and exact - 0.02 < found.tv_lower <= exact
    assert (
        decode_price(json.loads(json.dumps(encode(found)))) == found and doubt(generator, None, 1.0, row, found) == ""
    )
    envelope, cells = found.proof.envelope, found.proof.cells
    assert envelope is not None and cells is not None and found.cell_mass is not None
    lighter = replace(envelope, log_constant=envelope.log_constant - 0.1, acceptance=0.0, proposals=None, tv_bound=None)
    more = found.cell_mass + 1e-6
    for forged, reason in (
        (replace(found, method="price less G1*"), "does not follow"),
        (replace(found, tv_lower_sampled=1.0), "drawn where nothing is"),
        (replace(found, cell_mass=more, tv_lower=price_of_cells(more)), "cell_mass is"),
        (replace(found, proof=replace(found.proof, envelope=lighter)), "log C is not"),
        (replace(found, proof=replace(found.proof, envelope=None)), "do not fit"),
        (replace(found, pair=(1, 0)), "its cells are none"),
        *(
            (replace(found, proof=replace(found.proof, cells=replace(cells, **change))), "its cells are none")
            for change in ({"pair": (1, 1)}, {"pair": (0, 2)}, {"low": cells.high}, {"places": (Exact(99.0),) * 2})
        ),
    ):
        assert reason in doubt(generator, None, 1.0, row, forged), reason
    wider = replace(found.proof, cells=replace(cells, places=tuple(Exact(place + 0.2) for place in cells.places)))
    assert "cell_mass is" in doubt(generator, None, 1.0, row, replace(found, proof=wider))


def test_the_best_cuts_see_both_signs_and_two_modes() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal(4000)
    falling = np.stack([x, random.standard_normal(4000), -x + 0.3 * random.standard_normal(4000)], axis=1)
    pair, _, opposite = best_cuts(falling)
    assert pair == (0, 2) and opposite
    modes = np.sign(x)[:, None] * np.array([2.0, 2.0]) + 0.3 * random.standard_normal((4000, 2))
    pair, places, opposite = best_cuts(modes)
    assert not opposite and all(abs(place) < 2 for place in places)
    assert price_of_cells(0.25) == 0.0 and price_of_cells(0.1) == 0.0
    assert price_of_cells(0.5) == pytest.approx(math.sqrt(2) - 1)


def test_the_cheapest_rotation() -> None:
    """Commuting covariances cost nothing in their common eigenvectors; others never more than before."""
    random = np.random.default_rng(4)
    vectors = np.linalg.qr(random.standard_normal((4, 4)))[0]
    common = [vectors @ np.diag(random.uniform(0.1, 2, 4)) @ vectors.T for _ in range(6)]
    rotation = cheapest_rotation(common)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-12)
    assert max(rotated_price(item, rotation) for item in common) < 1e-6
    assert min(rotated_price(item, np.eye(4)) for item in common) > 0.05
    factors = random.standard_normal((8, 3, 5))
    others = [factor @ factor.T for factor in factors]
    rotation = cheapest_rotation(others)
    turned, before = (np.mean([rotated_price(item, R) for item in others]) for R in (rotation, np.eye(3)))
    assert turned <= before
    angles = np.linspace(0, np.pi / 2, 181)
    planar = [factor[:2] @ factor[:2].T for factor in factors]
    spins = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in angles]
    least = min(np.mean([rotated_price(item, spin) for item in planar]) for spin in spins)
    found = cheapest_rotation(planar)
    assert np.mean([rotated_price(item, found) for item in planar]) <= least + 1e-9
    covariance, factor = planar[0], np.linalg.cholesky(planar[0])
    assert rotated_price(covariance, np.eye(2)) == pytest.approx(divergence_price(factor), rel=1e-9)


def test_a_decoder_of_one_latent_has_nothing_to_lose() -> None:
    generator = load_generator("linear:d=1")
    with pytest.raises(InputError, match="one latent"):
        row_price(generator, global_constants(constants(generator)), 0.5, np.zeros(1))
    for rows in (None, np.zeros((1, 1))):
        (record,) = check(["factorised-encoder"], [generator], beta=Fraction(1, 2), observations=rows).theorems
        assert record.verdict is Verdict.NOT_APPLICABLE and "one latent" in record.reason


def test_the_check_ends_with_each_observation() -> None:
    generator = load_generator("linear:d=2,kappa=3,m=1")
    rows = generator.value(np.eye(2))
    (record,) = check(["factorised-encoder"], [generator], beta=Fraction(1, 2), observations=rows).theorems
    assert record.verdict.holds and [item.verdict for item in record.observations] == [Verdict.PROVED] * 2
    assert all(0 < item.values["tv_lower"] <= price(item.values["correlation"]) for item in record.observations)


def test_the_split_is_not_chosen_by_the_draws_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three latents, no constants, and fewer draws than place the cells: the second half decides nothing."""
    generator, row, counted = load_generator("linear:d=3,kappa=1,m=1"), np.array([0.3, -0.2, 0.5]), []

    def heard(points: np.ndarray, split: Split) -> float:
        counted.append((points, split))
        return sampled_price(points, split)

    monkeypatch.setattr("theorems.factorised_encoder.row.sampled_price", heard)
    found = row_price(generator, None, 1.0, row, draws=3000)
    ((points, split),) = counted
    assert not found.method and len(points) == 3000
    first, all_of_them = (costliest_split(np.cov(part.T)) for part in (points[:1500], points))
    assert np.array_equal(split.first, first.first) and not np.allclose(split.first, all_of_them.first)


class Heard(SilentProgress):
    """What a progress was told."""

    def __init__(self) -> None:
        self.total = self.done = 0.0
        self.is_finished = False

    def start(self, description: str, total: float) -> None:
        self.total = total

    def advance(self, amount: float = 1.0) -> None:
        self.done += amount

    def finish(self) -> None:
        self.is_finished = True


def test_counted_work_ends_the_sums_and_the_draws_and_the_row_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off, a row certifies less and never more, with the end said; what is kept may not leave that out."""
    generator, row = load_generator("linear:d=2,kappa=6,m=1"), np.array([0.3, -0.2])
    full, heard = row_price(generator, None, 1.0, row, draws=0), Heard()
    monkeypatch.setattr("theorems.factorised_encoder.cells.WORK", 4 * 700 * work_of_box(generator.graph))
    assert boxes_at_most(generator) == 700
    cut = row_price(generator, None, 1.0, row, draws=0, progress=heard)
    assert full.ended == "" and "ended at 700 boxes" in cut.ended and 0 < cut.tv_lower < full.tv_lower
    assert (heard.total, heard.done, heard.is_finished) == (700, 700, True)
    assert doubt(generator, None, 1.0, row, cut) == ""
    assert "does not say" in doubt(generator, None, 1.0, row, replace(cut, ended=""))
    rows = check(["factorised-encoder"], [generator], beta=Fraction(1), observations=row[None]).theorems[0].observations
    assert rows[0].verdict is Verdict.PROVED and "ended at 700 boxes" in rows[0].reason
    monkeypatch.setattr("theorems.factorised_encoder.row.WORK", 9000 * multiplications(generator.graph))
    assert proposals_at_most(generator) == 9000
    drawn = row_price(load_generator("linear:d=2,kappa=1,m=1"), None, 1.0, row, draws=30_000)
    assert not drawn.method and "of 9000 proposals" in drawn.ended and "30000 draws were asked for" in drawn.ended


def test_the_widest_networks_get_less_of_both() -> None:
    width = 3000
    wide = Graph((Input(2), Affine(0, np.ones((width, 2)), np.zeros(width)), Activation(1, "relu", width),
                  Affine(2, np.ones((width, width)), np.zeros(width))))  # fmt: skip
    generator = Generator("wide", wide, 0)
    assert 500 < boxes_at_most(generator) < MOST_BOXES
    assert 2 * LEAST <= proposals_at_most(generator) < MOST_PROPOSALS
    small = load_generator("linear:d=2,kappa=6,m=1")
    assert (boxes_at_most(small), proposals_at_most(small)) == (MOST_BOXES, MOST_PROPOSALS)
