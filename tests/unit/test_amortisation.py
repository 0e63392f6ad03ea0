"""The slope of accurate encoders: worked numbers, hundreds of exact encoders, draws, mutants, and what is refused."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.special import ndtr, ndtri

from certify.bounds.constants import constants
from certify.checking.check import check, check_constants
from certify.encoders.runtime import load_encoder
from certify.errors import InputError
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.proof.instance import Instance
from certify.stress_tests.power import wrong_constants
from certify.verdict import Verdict
from tests.power_instances import settled
from theorems.amortisation.encoders import law_distance
from theorems.amortisation.pairs import PairNumbers, bound, sampled_slope, steepest
from theorems.amortisation.statement import THEOREM
from theorems.amortisation.trained import mean_map


@cache
def bank() -> tuple[Instance, ...]:
    return settled(THEOREM, [(load_generator("linear:d=2,kappa=2,m=1"), "0.5", None)])


def affine(matrix: np.ndarray) -> Generator:
    return Generator("affine", Graph((Input(matrix.shape[1]), Affine(0, matrix, np.zeros(len(matrix))))), matrix.size)


def test_worked_numbers() -> None:
    values = {"along": Fraction(3), "spread": Fraction(1, 2), "apart": Fraction(4), "t_g": Fraction(1, 20)}
    (record,) = check_constants("amortisation", values, epsilon=Fraction(1, 20)).theorems
    assert record.conclusion is not None
    assert record.conclusion.slope_lower == pytest.approx((3 - 0.5 * ndtri(0.6)) / 4, rel=1e-12)
    (record,) = check_constants("amortisation", {**values, "t_g": Fraction(1, 2)}).theorems
    assert record.conclusion is not None and record.conclusion.slope_lower == 0.0
    assert "nothing is claimed" in record.conclusion.notes[0]


@pytest.mark.parametrize("seed", range(10))
def test_no_accurate_encoder_of_an_affine_decoder_is_flatter(seed: int) -> None:
    """The exact mean map has the singular value s/(s^2 + beta^2); 25 encoders a seed moved by known distances."""
    random = np.random.default_rng(seed)
    d, noise = int(random.integers(1, 4)), float(random.uniform(0.2, 2))
    matrix = random.standard_normal((d + 1, d))
    generator = affine(matrix)
    rows = 3 * random.standard_normal((2, d + 1))
    numbers = steepest(generator, constants(generator, effort=100.0), rows, noise)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert bound(numbers, 0.0) <= np.max(values / (values**2 + noise**2)) * (1 + 1e-9)
    precisions = np.eye(d) + matrix.T @ matrix / noise**2
    means = np.linalg.solve(precisions, matrix.T @ rows.T / noise**2).T
    root, apart = np.linalg.cholesky(precisions), np.linalg.norm(rows[0] - rows[1])
    for _ in range(25):
        moves = random.standard_normal((2, d)) * random.uniform(0, 1)
        # Equal covariances: the distance of a moved Gaussian is 2 Phi(|A^{1/2} move|/2) - 1.
        accuracy = max(2 * ndtr(np.linalg.norm(root.T @ move) / 2) - 1 for move in moves)
        moved = means + moves
        assert np.linalg.norm(moved[0] - moved[1]) / apart >= bound(numbers, float(accuracy)) * (1 - 1e-9)
    # The least steep ones: both moved inwards, mirrored, by the distance that attains the bound.
    inward = (means[1] - means[0]) / 4
    width = np.sqrt(inward @ np.linalg.solve(precisions, inward)) / np.linalg.norm(inward)
    accuracy = float(ndtr(np.linalg.norm(inward) / width) - 0.5)
    assert np.linalg.norm(means[0] - means[1]) / 2 / apart >= bound(numbers, accuracy) * (1 - 1e-9)


def test_symmetric_laws_move_no_further() -> None:
    for shift in np.linspace(0.01, 2.5, 40):
        for width in (0.2, 0.7, 1.0, 1.4, 3.0):
            assert shift <= ndtri(min(0.5 + law_distance(float(shift), width), 1.0)) + 1e-6
        assert shift == pytest.approx(ndtri(0.5 + law_distance(float(shift), None)))


def test_draws_bound_the_slope_from_below() -> None:
    """Fifty pairs of samples of Gaussians at 0 and 4: never above the bound by their exact quantiles, and near it."""
    rows, direction, exact = np.array([[0.0], [2.0]]), np.array([1.0]), (4 - 2 * ndtri(0.6)) / 2
    for seed in range(50):
        random = np.random.default_rng(seed)
        draws = [random.standard_normal((4000, 1)), 4 + random.standard_normal((4000, 1))]
        found = sampled_slope(draws, rows, direction, 0.1)
        assert 0.9 * exact < found <= exact
    assert sampled_slope([draws[0][:5], draws[1][:5]], rows, direction, 0.1) == 0.0


def test_the_pair_is_rounded_outward() -> None:
    generator = load_generator("linear:d=2,kappa=2,m=1")
    rows = np.array([[0.3, 0.1], [1.7, -2.0], [0.3, 0.1]])
    numbers = steepest(generator, constants(generator), rows, 0.5)
    assert numbers.apart >= np.linalg.norm(rows[0] - rows[1]) * (1 - 1e-15) and 1 in numbers.pair
    assert bound(PairNumbers(1.0, 1.0, 1.0, 0.5, (0, 1)), 0.0) == 0.0


def test_equal_observations_are_refused() -> None:
    generator = load_generator("linear:d=2,kappa=2,m=1")
    with pytest.raises(InputError, match="two different"):
        steepest(generator, constants(generator), np.ones((3, 2)), 0.5)


def test_every_wrong_constant_is_seen() -> None:
    rows = [row for row in wrong_constants(THEOREM, bank(), 0) if row.claim != "slope"]
    assert len(rows) > 6
    assert [(row.step, row.claim, row.change, row.outcome) for row in rows if not row.refuted] == []


def test_the_check_on_a_curved_decoder() -> None:
    generator = load_generator("residual:d=2,width=2,depth=1")
    (record,) = check(["amortisation"], [generator], beta=Fraction(1, 10), epsilon=Fraction(1, 20), effort=0.1).theorems
    assert record.verdict is Verdict.SUPPORTED and record.conclusion is not None
    assert 0 < record.conclusion.slope_lower <= record.conclusion.slope_exact
    assert math.isfinite(record.conclusion.slope_exact)


@pytest.mark.parametrize("name", ["encoder_residual_d8", "encoder_pixels64_residual"])
def test_the_mean_map_of_a_trained_encoder(name: str) -> None:
    """Its values are the encoder's draws at noise 0; fewer latents than pixels are filled up with zeros."""
    path = f"examples/digits/{name}.onnx"
    encoder, mean = load_encoder(path), mean_map(path)
    rows = np.random.default_rng(0).standard_normal((5, encoder.observed_dim))
    draws = encoder.push(rows, np.zeros((5, encoder.latent_dim)))
    found = mean.value(rows)
    assert mean.latent_dim == encoder.observed_dim and found.shape[1] == max(encoder.latent_dim, encoder.observed_dim)
    np.testing.assert_allclose(found[:, : encoder.latent_dim], draws, rtol=1e-4, atol=1e-5)
    assert not found[:, encoder.latent_dim :].any()


def test_an_encoder_that_is_not_symmetric_has_no_mean_map(tmp_path: Path) -> None:
    nodes = [helper.make_node("Exp", ["noise"], ["e"]), helper.make_node("Add", ["x", "e"], ["z"])]
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", 2]) for name in ("x", "noise", "z")
    }
    graph = helper.make_graph(nodes, "skewed", [values["x"], values["noise"]], [values["z"]])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "e.onnx")
    with pytest.raises(InputError, match="not symmetric"):
        mean_map(tmp_path / "e.onnx")
