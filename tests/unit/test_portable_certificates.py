from __future__ import annotations

import ast
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import certify
from benchmarks.corrupted_certificates import checker, corruptions, documents, refusal, small_network
from benchmarks.forged_networks import two_layers
from certify.arithmetic.intervals import exact_matrix
from certify.certificates.portable.discovery import portable_kinds
from certify.certificates.portable.exact_text import rounded_down, rounded_up
from certify.certificates.portable.factor import semidefinite_factor
from certify.certificates.portable.readable import why_unreadable
from certify.certificates.portable.stretch import stretch_inequality
from certify.cli.main import main
from certify.envelopes.lifted_form import lifted_network

CHECKER = Path("checker/check.py")
CHECK = checker()
OBSERVATION = [0.4, -0.2, 0.3]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "small.onnx"
    path.write_bytes(small_network(("Tanh", "Relu"), 5, double=True))
    return path


@pytest.fixture(scope="module")
def made(network: Path) -> dict[str, dict[str, Any]]:
    return {item["kind"]: item for item in documents(network, OBSERVATION, 0.5)}


def test_every_kind_is_made_and_confirmed(network: Path, made: dict[str, dict[str, Any]]) -> None:
    assert set(made) == {kind.name for kind in portable_kinds().values() if kind.checker == CHECKER.name}
    for document in made.values():
        assert CHECK.check(json.dumps(document), network.read_bytes())


def test_corrupted_certificates_are_refused(network: Path, made: dict[str, dict[str, Any]]) -> None:
    content = network.read_bytes()
    for document in made.values():
        seen: dict[str, int] = {}
        for what, text, other in corruptions(document, CHECK, content):
            seen[what] = seen.get(what, 0) + 1
            if seen[what] <= 3:
                assert refusal(CHECK, text, other), (document["kind"], what)


def test_the_claims_enclose_quotients_of_increments(network: Path, made: dict[str, dict[str, Any]]) -> None:
    decoder = certify.load_generator(network)
    random = np.random.default_rng(1)
    pairs = [(z, z + step) for z, step in zip(random.normal(size=(500, 2)), random.normal(size=(500, 2)), strict=True)]
    found = [float(np.linalg.norm(decoder.value(a) - decoder.value(b)) / np.linalg.norm(a - b)) for a, b in pairs]
    low, high, product = (
        float(Fraction(made[kind]["claims"][name]))
        for kind, name in (("inverse-lipschitz", "m"), ("lipschitz", "M"), ("derivatives", "M"))
    )
    assert 0 < low <= min(found) and max(found) <= high <= product < 3 * max(found)


def test_the_envelope_lies_below_the_potential(network: Path, made: dict[str, dict[str, Any]]) -> None:
    document = made["envelope"]
    mean = np.array([float.fromhex(entry) for entry in document["mean"]])
    root = np.zeros((2, 2))
    for index, row in enumerate(document["root"]):
        root[index, : index + 1] = [float.fromhex(entry) for entry in row]
    offset = float(Fraction(document["claims"]["offset"]))
    points = np.random.default_rng(0).normal(scale=3.0, size=(2000, 2))
    decoder = certify.load_generator(network)
    outputs = np.array([decoder.value(point) for point in points])
    potential = 0.5 * (points**2).sum(axis=1) + 0.5 * ((outputs - OBSERVATION) ** 2).sum(axis=1) / 0.25
    below = 0.5 * (((points - mean) @ root) ** 2).sum(axis=1) - offset
    assert (potential >= below - 1e-12).all()
    # Neither far below nor empty.
    assert (potential - below).min() < 2.0


def test_a_payment_is_held_against_all_inputs() -> None:
    form = [Fraction(0), Fraction(1), Fraction(-1, 10**9), Fraction(0), Fraction(0)]
    # sup of tanh v - 1e-9 v^2 is below 1 by a little, at v near 10; of v + s - v^2 at a kink's right it is 1.
    CHECK.supremum("Tanh", form, Fraction(1))
    CHECK.supremum("Relu", [Fraction(1), Fraction(1), Fraction(-1), Fraction(0), Fraction(0)], Fraction(1))
    for name, given, payment in (
        ("Tanh", form, Fraction(999, 1000)),
        ("Relu", [Fraction(1), Fraction(1), Fraction(-1), Fraction(0), Fraction(0)], Fraction(999, 1000)),
        ("Tanh", [Fraction(1, 10**12), *[Fraction(0)] * 4], Fraction(10**9)),
        ("Tanh", [Fraction(0), Fraction(0), Fraction(-1), Fraction(0), Fraction(0)], Fraction(-1, 10**20)),
        ("Relu", [Fraction(0), Fraction(0), Fraction(0), Fraction(1), Fraction(-1, 2)], Fraction(10**9)),
    ):
        with pytest.raises(CHECK.No):
            CHECK.supremum(name, given, payment)


@pytest.mark.parametrize("v", [0.0, 2.0**-30, 0.5, 1.0, 3.75, 17.0, 32.0])
def test_tanh_is_enclosed(v: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(300):
        truth = mpmath.tanh(mpmath.mpf(v)) * mpmath.mpf(2) ** 128
        low, high = CHECK.tanh(int(v * 2**100) << 28)
        assert low <= truth <= high and high - low < 2**60
        low, high = CHECK.tanh(-(int(v * 2**100) << 28))
        assert low <= -truth <= high


def test_suprema_of_derivatives_are_rounded_up_and_tight() -> None:
    tanh, root = CHECK.CURVED["Tanh"][0], CHECK.ROOT_3_BY_18
    # tanh: c = 4/(3 sqrt 3) has 27 c^2 = 16; sigmoid: c = sqrt(3)/18 has 108 c^2 = 1.
    assert 16 <= 27 * tanh**2 <= 16 + Fraction(1, 10**14)
    assert 1 <= 108 * root**2 <= 1 + Fraction(1, 10**14)


def test_a_factor_proves_and_a_singular_matrix_has_none() -> None:
    matrix = np.array([[2.0, 1.0], [1.0, 2.0]]) * [[1e8, 1.0], [1.0, 1e-8]]
    factor = semidefinite_factor(exact_matrix(matrix))
    assert factor is not None
    exact = CHECK.Matrix.of([[Fraction(float(entry)) for entry in row] for row in matrix])
    CHECK.semidefinite(exact, factor, "a matrix")
    indefinite = CHECK.Matrix.of([[Fraction(2), Fraction(3)], [Fraction(3), Fraction(2)]])
    with pytest.raises(CHECK.No):
        CHECK.semidefinite(indefinite, factor, "a matrix")
    assert semidefinite_factor(exact_matrix(np.array([[1.0, 2.0], [2.0, 1.0]]))) is None
    assert semidefinite_factor(exact_matrix(np.zeros((2, 2)))) is None


@pytest.mark.parametrize("operator", ["Tanh", "Sigmoid"])
def test_orthogonal_weights_have_a_certificate(operator: str, tmp_path: Path) -> None:
    """All eigenvalues of bound^2 I - W W^T are then as small as the share that the bound gives up."""
    model = two_layers()
    model.graph.node[1].op_type = operator
    path = tmp_path / "orthogonal.onnx"
    path.write_bytes(model.SerializeToString())
    document = certify.certificate("derivatives", path).document
    assert document is not None and refusal(CHECK, json.dumps(document), path.read_bytes()) == ""
    slope = Fraction(1, 4 if operator == "Sigmoid" else 1)
    assert slope <= Fraction(document["claims"]["M"]) <= slope * (1 + Fraction(1, 10**7))


def test_a_negative_claim_is_refused_with_a_factor_that_fits(network: Path, made: dict[str, dict[str, Any]]) -> None:
    lifted = lifted_network(certify.load_generator(network).graph)
    assert lifted is not None
    document = dict(made["lipschitz"])
    # A claim below zero is no number that a norm can be below, whatever its square proves.
    multipliers = np.array([float.fromhex(entry) for entry in document["multipliers"]])
    claim = -2 * Fraction(document["claims"]["M"])
    factor = semidefinite_factor(stretch_inequality(lifted, claim * claim, multipliers, 1.0))
    assert factor is not None
    document |= {"claims": {"M": str(claim)}, "factor": factor}
    assert refusal(CHECK, json.dumps(document), network.read_bytes()) == "no"


def test_rounding_of_claims_is_outward() -> None:
    assert rounded_up(Fraction(2, 3), 3) == Fraction(667, 1000) and rounded_down(Fraction(2, 3), 3) == Fraction(
        666, 1000
    )
    assert rounded_up(Fraction(-2, 3), 3) == Fraction(-666, 1000) and rounded_up(Fraction(0)) == 0


def gemm_network(**attributes: Any) -> bytes:
    weights = [numpy_helper.from_array(np.eye(2, dtype=np.float32), name) for name in ("a", "b")]
    nodes = [
        helper.make_node("Gemm", ["z", "a"], ["v"], **attributes),
        helper.make_node("Tanh", ["v"], ["s"]),
        helper.make_node("MatMul", ["s", "b"], ["x"]),
    ]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2])] for name in ("z", "x")]
    graph = helper.make_graph(nodes, "g", ends[0], ends[1], weights)
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]).SerializeToString()
    return content


def test_what_the_checker_does_not_know_is_refused() -> None:
    assert len(CHECK.Network(gemm_network(transB=1, alpha=1.0)).neurons) == 2
    for attributes in ({"alpha": 2.0}, {"transA": 1}, {"transB": 2}, {"gamma": 1.0}):
        with pytest.raises(CHECK.Unreadable):
            CHECK.Network(gemm_network(**attributes))
    for change in ("domain", "sparse", "operator", "second output", "external", "infinite", "functions", "result"):
        model = onnx.load_from_string(gemm_network())
        weight = model.graph.initializer[0]
        match change:
            case "domain":
                model.opset_import.append(helper.make_opsetid("custom", 1))
            case "sparse":
                model.graph.sparse_initializer.add()
            case "operator":
                model.graph.node[1].op_type = "Sin"
            case "second output":
                model.graph.output.append(model.graph.output[0])
            case "external":
                weight.data_location = TensorProto.EXTERNAL
            case "infinite":
                weight.raw_data = np.full((2, 2), np.inf, dtype=np.float32).tobytes()
            case "functions":
                model.functions.add()
            case "result":
                model.graph.node[1].output[0] = "v"
        with pytest.raises(Exception):  # noqa: B017 - any exception is a refusal
            CHECK.Network(model.SerializeToString())


def test_the_command_and_the_script(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "cert.json"
    assert main(["certificate", "lipschitz", "-g", str(network), "--out", str(out), "-q"]) == 0

    def script(*arguments: str) -> int:
        # -I -S: neither this package nor any other can be imported.
        return subprocess.run([sys.executable, "-I", "-S", str(CHECKER), *arguments], capture_output=True).returncode

    assert script(str(out), str(network)) == 0
    document = json.loads(out.read_text(encoding="utf-8"))
    document["claims"]["M"] = str(Fraction(document["claims"]["M"]) * Fraction(999, 1000))
    out.write_text(json.dumps(document), encoding="utf-8")
    assert script(str(out), str(network)) == 1
    assert script(str(out)) == 2 and script(str(tmp_path / "none.json"), str(network)) == 2


def test_bad_questions_are_bad_input(network: Path) -> None:
    for arguments in (
        ("nothing", network), ("envelope", network), ("boxes", network), ("langevin", network), ("lipschitz",),
        ("lipschitz", "linear:d=2,kappa=1.5,seed=0"),
    ):  # fmt: skip
        with pytest.raises(certify.InputError):
            certify.certificate(*arguments)


def test_no_certificate_is_made_of_a_file_that_the_checker_cannot_read() -> None:
    found = certify.certificate("derivatives", "examples/zoo/sklearn_mlp_iris_d2.onnx")
    assert found.document is None and "has Cast, Reshape" in found.reason


@pytest.mark.parametrize("change", ["alpha", "transA", "half", "external", "bias", "vector"])
def test_what_the_checker_does_not_read_in_a_network_is_said_before(change: str, tmp_path: Path) -> None:
    model = two_layers(**{"alpha": {"alpha": 2.0}, "transA": {"transA": 1}}.get(change, {}))
    assert why_unreadable(two_layers(alpha=1.0, transB=1)) == ""
    weight, bias, place = model.graph.initializer[0], model.graph.initializer[2], tmp_path / "network.onnx"
    if change == "half":
        weight.CopyFrom(numpy_helper.from_array(np.eye(2, dtype=np.float16), weight.name))
    elif change == "bias":
        bias.CopyFrom(numpy_helper.from_array(np.ones(1, dtype=np.float32), bias.name))
    elif change == "vector":
        del model.graph.input[0].type.tensor_type.shape.dim[0]
    onnx.save(model, place, save_as_external_data=change == "external", size_threshold=0)
    assert why_unreadable(onnx.load(place, load_external_data=False)).startswith("the checker reads ")
    with pytest.raises(CHECK.Unreadable):
        CHECK.Network(place.read_bytes())


def test_derivatives_are_claimed_by_the_rules_of_the_page(tmp_path: Path) -> None:
    """No sharper: inputs of the second tanh stay below the point where tanh'' is largest, which the checker ignores."""
    model = two_layers()
    weight = np.array([[0.3, 0.1], [-0.2, 0.25]], dtype=np.float32)
    for tensor in model.graph.initializer[:2]:
        tensor.CopyFrom(numpy_helper.from_array(weight, tensor.name))
    model.graph.node.append(helper.make_node("Tanh", ["x"], ["y"]))
    model.graph.output[0].name = "y"
    path = tmp_path / "bounded.onnx"
    onnx.save(model, path)
    document = certify.certificate("derivatives", path).document
    assert document is not None and refusal(CHECK, json.dumps(document), path.read_bytes()) == ""


@pytest.mark.parametrize("name", ["check", "check_boxes", "check_circuits", "check_rejection", "check_totals"])
def test_every_checker_is_one_short_file_of_plain_python(name: str) -> None:
    text = (CHECKER.parent / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400 and max(map(len, text.splitlines())) <= 120
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    assert modules <= {
        "fractions", "hashlib", "itertools", "json", "math", "operator", "pathlib", "re", "struct", "sys",
    }  # fmt: skip


def test_every_file_of_the_checker_is_named_by_a_kind() -> None:
    known = {kind.checker for kind in portable_kinds().values()}
    assert {path.name for path in CHECKER.parent.glob("*.py")} == known


def functions_of(path: Path) -> dict[str, str]:
    """The text of every function and method by its name."""
    text = path.read_text(encoding="utf-8")
    return {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name != "__init__"
    }


@pytest.mark.parametrize(
    ("one", "other"), [("check", "check_boxes"), ("check", "check_rejection"), ("check_boxes", "check_rejection")]
)
def test_what_two_files_of_the_checker_share_is_the_same_word_for_word(one: str, other: str) -> None:
    first, second = (functions_of(CHECKER.parent / f"{name}.py") for name in (one, other))
    shared = set(first) & set(second)
    assert {"tensor", "message", "read", "varint", "rational", "real", "tanh", "multiply", "check", "main"} <= shared
    assert all(first[name] == second[name] for name in shared)
    assert "check_boxes" in (one, other) or {"envelope", "supremum", "semidefinite", "potential", "lifted"} <= shared
