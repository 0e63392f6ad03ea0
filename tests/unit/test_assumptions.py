"""A0-A3 on real generators: what proves them, what refutes them, and what the record carries."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from certify.bounds.bracket import Bracket, ConstantBrackets, Region
from certify.bounds.constants import constants
from certify.bounds.invertibility import bounded_image, determinant_signs, refute_strong_invertibility
from certify.checking.check import check_theorem
from certify.discovery.registry import load_theorem
from certify.generators.derivatives import jacobian
from certify.generators.graph import Activation, Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.proof.records import AssumptionRecord
from certify.verdict import Verdict
from tests.generators import wave

THEOREM = load_theorem("strong-invertibility")


def decide(generator: Generator, brackets: ConstantBrackets | None = None) -> dict[str, AssumptionRecord]:
    found = brackets or constants(generator, effort=2000.0)
    return {item.label: item.decide(item, generator, found) for item in THEOREM.assumptions}


def network(
    activation: str, seed: int = 0, dimension: int = 2, width: int = 16, outputs: int | None = None
) -> Generator:
    random = np.random.default_rng(seed)
    outputs = outputs or dimension
    graph = Graph(
        (
            Input(dimension),
            Affine(0, random.standard_normal((width, dimension)), random.standard_normal(width)),
            Activation(1, activation, width),
            Affine(2, random.standard_normal((outputs, width)), np.zeros(outputs)),
        )
    )
    return Generator(f"plain-{activation}", graph, 1)


def test_an_invertible_map_meets_all_assumptions() -> None:
    assert {item.verdict for item in decide(wave(2)).values()} == {Verdict.PROVED}


def test_a_bounded_image_refutes_strong_invertibility() -> None:
    found = bounded_image(network("tanh"))
    assert found is not None and len(found.witness.points) == 2
    assert decide(network("tanh"))["A1"].verdict is Verdict.REFUTED


def test_an_unbounded_image_is_not_called_bounded() -> None:
    assert bounded_image(network("softplus")) is None
    assert bounded_image(wave()) is None


def test_determinant_signs_refute_and_can_be_recomputed() -> None:
    generator = network("softplus", seed=3)
    found = determinant_signs(generator, 4000, 0)
    assert found is not None
    signs = [np.sign(np.linalg.det(jacobian(generator.graph, np.array(point)))) for point in found.witness.points]
    assert sorted(signs) == [-1.0, 1.0]


@pytest.mark.parametrize("spec", ["linear:d=3,kappa=2", "residual:d=3,width=8,depth=2,lipschitz=0.9", "coupling:d=4"])
def test_invertible_families_are_never_refuted(spec: str) -> None:
    assert refute_strong_invertibility(load_generator(spec)) is None


def test_a_relu_network_has_infinite_curvature_and_is_not_applicable() -> None:
    found = decide(network("relu"))
    assert found["A2"].verdict is Verdict.REFUTED and "not C^1" in found["A2"].reason
    assert found["A3"].verdict is Verdict.REFUTED and "relu" in found["A3"].reason


def test_a_function_with_a_domain_is_smooth_where_its_argument_is_certified_to_stay() -> None:
    for offset, verdict in ((1.0, Verdict.PROVED), (0.0, Verdict.INCONCLUSIVE)):
        graph = Graph(
            (
                Input(2),
                Activation(0, "square", 2),
                Affine(1, np.eye(2), np.full(2, offset)),
                Activation(2, "power", 2, (0.5,)),
            )
        )
        found = decide(Generator("root", graph, 4))
        assert found["A3"].verdict is verdict
        assert verdict is Verdict.PROVED or "power" in found["A3"].reason


def test_more_outputs_than_latents_is_not_this_theorem() -> None:
    assert decide(network("softplus", outputs=5))["A0"].verdict is Verdict.REFUTED


def test_an_uncertified_constant_is_inconclusive_not_proved() -> None:
    generator = wave()
    honest = constants(generator, effort=2000.0)
    unknown = Bracket(0.0, 0.5, None, None)
    found = decide(generator, replace(honest, m=unknown))
    assert found["A1"].verdict is Verdict.INCONCLUSIVE
    assert decide(generator, replace(honest, M2=Bracket(0.1, None, None, None)))["A2"].verdict is Verdict.INCONCLUSIVE
    infinite = Bracket(0.1, math.inf, None, None)
    assert decide(generator, replace(honest, M2=infinite))["A2"].verdict is Verdict.INCONCLUSIVE


def test_constants_of_a_ball_make_the_result_conditional() -> None:
    generator = wave()
    honest = constants(generator, effort=2000.0)
    found = decide(generator, replace(honest, region=Region(2.0)))
    assert found["A1"].verdict is Verdict.CONDITIONAL and "assumed" in found["A1"].reason


def test_a_refuted_assumption_stops_the_check() -> None:
    from fractions import Fraction

    generator = network("tanh")
    brackets = constants(generator, effort=2000.0)
    record = check_theorem(THEOREM, generator, brackets, None, Fraction(1, 10), None, 0)
    assert record.verdict is Verdict.NOT_APPLICABLE
    assert record.steps == () and record.conclusion is None and "bounded" in record.reason
