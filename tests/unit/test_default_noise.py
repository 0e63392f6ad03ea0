"""The one rule for the noise level: the decoder's own where it is admitted, else one by the theorem and the slope."""

from __future__ import annotations

import math

import pytest

import certify
from certify.generators.graph import Generator
from certify.proof.noise import OWN, default_noise
from tests.conftest import ROOT

DECODER = certify.load_generator(ROOT / "examples" / "digits" / "residual_d8.onnx")
OF_ITS_OWN = float(DECODER.metadata["trained_beta"])


@pytest.mark.parametrize(
    ("largest", "inputs", "generator", "noise", "why"),
    [
        (math.inf, {"m": 1, "M": 2}, DECODER, OF_ITS_OWN, OWN),
        (OF_ITS_OWN, {"m": 1}, DECODER, OF_ITS_OWN, OWN),
        (0.1, {"m": 1}, DECODER, 0.05, "half the largest that the theorem admits; the decoder's own 0.3862 is more"),
        (0.1, {"m": 1}, None, 0.05, "half the largest that the theorem admits"),
        (10.0, {"m": 1, "M": 2}, None, 0.25, "a quarter of m"),
        (math.inf, {"m": 0, "M": 3}, None, 1.5, "half of M"),
        (0.2468, {}, None, 0.12, "half the largest that the theorem admits"),
        (math.inf, {"M": math.inf}, None, 1.0, "1, since nothing bounds it"),
    ],
)
def test_the_rule(
    largest: float, inputs: dict[str, float], generator: Generator | None, noise: float, why: str
) -> None:
    found, said = default_noise(largest, inputs, generator)
    assert found == noise and said.startswith(why)


def test_a_result_says_where_its_noise_comes_from() -> None:
    values = {"d": 8, "m": 1, "M": "1.5", "M2": "0.15"}
    given = certify.check_constants("projected-langevin", values, beta="0.05")["projected-langevin"].conclusion
    taken = certify.check_constants("projected-langevin", values)["projected-langevin"].conclusion
    assert given is not None and taken is not None
    assert given.noise_from == "given" and taken.to_dict()["noise_from"] == "half the largest that the theorem admits"
    assert taken.beta <= taken.beta_max / 2
