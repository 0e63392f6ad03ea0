"""Circuits as networks: the same function, read back gate by gate, counted, bounded, and in both ONNX forms."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.sparse as sp

from certify.bounds.constants import constants
from certify.bounds.flat import takes_finitely_many_values
from certify.bounds.recomputation import pair_quotient
from certify.circuits import network
from certify.circuits.bijection import is_folded_to_false
from certify.circuits.builder import CircuitBuilder
from certify.circuits.cnf import difference_circuit
from certify.circuits.extraction import ExtractionError, NotBooleanError, extract_circuit
from certify.circuits.network import FORMS, compile_circuit, parameter_count, plan, slope
from certify.circuits.onnx_export import export_minmax_onnx
from certify.circuits.permutation import FAMILIES, permutation
from certify.circuits.posterior import FloatArray, to_signs
from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.generators.onnx_export import export_onnx
from certify.generators.onnx_import import load_onnx
from certify.generators.specification import load_generator

RANDOM = np.random.default_rng(9)
BITS = 6
TAU = 0.25


def latent(bits: int, least: float) -> FloatArray:
    """One point in every orthant, each coordinate at least `least` in size."""
    sizes = np.maximum(np.abs(RANDOM.standard_normal((1 << bits, bits))), least)
    sizes[0] = least
    return to_signs(np.arange(1 << bits), bits) * np.maximum(sizes, 1e-300)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_network_is_the_circuit(family: str, form: str) -> None:
    circuit = permutation(family, BITS).circuit
    graph = compile_circuit(circuit, form, TAU)  # type: ignore[arg-type]
    least = TAU if form == "clip" else 0.0
    wanted = to_signs(circuit.evaluate_integers(np.arange(1 << BITS)).astype(np.int64), BITS)
    assert np.array_equal(Generator("g", graph, 1).value(latent(BITS, least)), wanted)
    again, tau = extract_circuit(graph)
    assert is_folded_to_false(difference_circuit(again, circuit)) and tau == Fraction(least)


def test_values_that_layers_carry_are_counted_before_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = CircuitBuilder(3)
    # A chain of conjunctions with x_2 and disjunctions with x_1; x_0 waits for the last gate, x_1 and x_2 for theirs.
    signal = 1
    for gate in range(8):
        signal = builder.disjoin(signal, 1) if gate % 2 else builder.conjoin(signal, 2)
    circuit = builder.finish([builder.conjoin(signal, 0)])
    layout = plan(circuit, "relu")
    carried = sum(len(values) for values, _ in layout.layers())
    assert carried == layout.wires > 0 and layout.depth == circuit.gates
    monkeypatch.setattr(network, "LARGEST_WIRES", layout.wires)
    assert len(compile_circuit(circuit, "relu").nodes) > layout.depth
    monkeypatch.setattr(network, "LARGEST_WIRES", layout.wires - 1)
    with pytest.raises(InputError, match=f"would carry {layout.wires} values from layer to layer; at most"):
        compile_circuit(circuit, "relu")


def test_equality_is_proved_far_beyond_enumeration() -> None:
    circuit = permutation("gf2exp", 26).circuit
    again, _ = extract_circuit(compile_circuit(circuit, "relu"))
    assert is_folded_to_false(difference_circuit(again, circuit))


@pytest.mark.parametrize("form", FORMS)
def test_one_changed_weight_is_noticed(form: str) -> None:
    circuit = permutation("gf2exp", 4).circuit
    graph = compile_circuit(circuit, form, TAU)  # type: ignore[arg-type]
    start = 6 if form == "clip" else 2
    noticed = 0
    for index in range(start, len(graph.nodes)):
        node = graph.nodes[index]
        if not isinstance(node, Affine) or not sp.csr_array(node.weight).nnz:
            continue
        weight = sp.csr_array(node.weight).copy()
        weight.data[RANDOM.integers(weight.nnz)] *= -1.0
        changed = Graph((*graph.nodes[:index], Affine(node.source, weight, node.bias), *graph.nodes[index + 1 :]))
        values = Generator("g", changed, 1).value(latent(4, TAU))
        try:
            found, _ = extract_circuit(changed)
        except ExtractionError:
            noticed += 1
            continue
        # What is read back is what the network computes, changed or not.
        words = found.evaluate_integers(np.arange(16)).astype(np.int64)
        assert np.array_equal(to_signs(words, 4), values)
        noticed += not is_folded_to_false(difference_circuit(found, circuit))
    assert noticed > 5


def test_networks_that_are_no_circuits_are_named() -> None:
    identity, zero = np.eye(2), np.zeros(2)
    smooth = Graph((Input(2), Activation(0, "tanh", 2)))
    halves = Graph((Input(2), Activation(0, "sign", 2), Affine(1, identity / 2, zero)))
    beside = Graph((Input(2), Activation(0, "sign", 2), Sum((0, 1), (1.0, 1.0), 2)))
    for graph, message in ((smooth, "does not begin"), (halves, "not always -1 or"), (beside, "beside the signs")):
        with pytest.raises(NotBooleanError, match=message):
            extract_circuit(graph)
    all_five = Affine(1, np.ones((5, 5)), np.zeros(5))
    wide = Graph((Input(5), Activation(0, "sign", 5), all_five, Activation(2, "sign", 5)))
    with pytest.raises(ExtractionError, match="depends on 5"):
        extract_circuit(wide)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_parameters_are_linear_in_the_gates(family: str) -> None:
    circuit = permutation(family, 8).circuit
    for form in FORMS:
        assert parameter_count(circuit, form) <= 12 * circuit.gates + 5 * 8
    spec = f"permutation:family={family},bits=8"
    assert load_generator(spec).parameters == parameter_count(circuit, "minmax")


def test_the_ramp_is_never_wider_than_tau() -> None:
    for tau in (0.1, 0.3, 1 / 3, 7.0, 1e-12):
        assert Fraction(slope(tau)) * Fraction(tau) >= 1
    for tau in (0.0, -1.0, math.inf, math.nan, 1e-320):
        with pytest.raises(InputError, match="tau"):
            slope(tau)


@pytest.mark.parametrize("family", ["gf2exp", "linear"])
def test_constants_are_settled_by_exact_witnesses(family: str) -> None:
    generator = load_generator(f"permutation:family={family},bits=5")
    assert takes_finitely_many_values(generator.graph)
    found = constants(generator, effort=2000.0)
    assert (found.m.lower, found.m.upper) == (0.0, 0.0)
    assert all(bracket.lower == bracket.upper == math.inf for bracket in (found.M, found.M2, found.M3))
    assert found.m.upper_evidence is not None and found.m.upper_evidence.witness is not None
    first, second = found.m.upper_evidence.witness.points
    assert first != second and np.array_equal(np.sign(first), np.sign(second))
    assert pair_quotient(generator.graph, first, second) == 0
    assert found.M.lower_evidence is not None and found.M.lower_evidence.witness is not None
    first, second = found.M.lower_evidence.witness.points
    assert pair_quotient(generator.graph, first, second) > 1e300
    assert not takes_finitely_many_values(load_generator("linear:d=3").graph)


@pytest.mark.parametrize("family", ["feistel", "gf2exp"])
def test_both_onnx_forms_run_and_read_back(family: str, tmp_path: Path) -> None:
    circuit, points = permutation(family, BITS).circuit, latent(BITS, 0.0)
    generator = load_generator(f"permutation:family={family},bits={BITS}")
    export_minmax_onnx(circuit, tmp_path / "minmax.onnx")
    export_onnx(generator, tmp_path / "graph.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "minmax.onnx"), full_check=True)
    assert {"Sign", "Min", "Max"} <= {node.op_type for node in onnx.load(tmp_path / "minmax.onnx").graph.node}
    for name in ("minmax.onnx", "graph.onnx"):
        (found,) = onnxruntime.InferenceSession((tmp_path / name).read_bytes()).run(None, {"z": points})
        assert np.array_equal(found, generator.value(points))
        again = load_onnx(tmp_path / name)
        assert is_folded_to_false(difference_circuit(extract_circuit(again.graph)[0], circuit))
    assert load_onnx(tmp_path / "graph.onnx").sha256 == generator.sha256


def test_the_family_refuses_in_one_line() -> None:
    for text, message in (
        ("bits=0", "bits"),
        ("bits=65", "bits"),
        ("family=modexp,bits=25", "modexp"),
        ("family=gf2xp", "did you mean"),
        ("form=maxmin", "did you mean"),
        ("tau=0", "tau"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            load_generator(f"permutation:{text}")
        assert "\n" not in str(caught.value)
    other = load_generator("permutation:family=linear,bits=8,seed=1").sha256
    assert other != load_generator("permutation:family=linear,bits=8,seed=2").sha256
