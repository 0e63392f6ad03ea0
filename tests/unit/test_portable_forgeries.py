"""Certificates that claim more than is true, and networks that a checker could read otherwise than others do."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from benchmarks.corrupted_certificates import checker, documents, negative_multiplier, refusal, small_network
from benchmarks.forged_networks import NETWORKS, changed_network, forged, two_layers, with_input

CHECK = checker()
BOXES = checker("boxes")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "small.onnx"
    path.write_bytes(small_network(("Tanh",), 1, double=True))
    return path


@pytest.fixture(scope="module")
def made(network: Path) -> dict[str, dict[str, Any]]:
    return {item["kind"]: item for item in documents(network, [0.4, -0.2, 0.3], 0.5)}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_could_be_read_otherwise_is_refused(name: str) -> None:
    assert len(CHECK.Network(two_layers().SerializeToString()).neurons) == 2
    content = changed_network(name)
    for check in (CHECK, BOXES):
        with pytest.raises(Exception) as reason:  # noqa: PT011 - any exception is a refusal
            check.Network(content)
        assert "\n" not in str(reason.value)


def test_an_input_of_which_others_read_the_last_of_two_fields_is_refused() -> None:
    assert CHECK.Network(with_input(b"\x08\x02")).d == 2
    named, listed = with_input(b"\x08\x02\x12\x01N"), with_input(b"\x08\x02", b"\x22\0")
    read, other = (onnx.load_from_string(content).graph.input[0].type for content in (named, listed))
    assert read.tensor_type.shape.dim[1].dim_param == "N" and other.HasField("sequence_type")
    for content in (named, listed, with_input(b"\x08\x02\x08\x03")):
        for check in (CHECK, BOXES):
            with pytest.raises(check.Unreadable):
                check.Network(content)


def test_unused_constants_and_default_attributes_are_read() -> None:
    model = two_layers(alpha=1.0, beta=1.0, transA=0, transB=0)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4), dtype=np.float32), "unused"))
    assert len(CHECK.Network(model.SerializeToString()).neurons) == 2


@pytest.mark.parametrize("field", [1, 2, 5, 7])
def test_bytes_of_a_fixed_width_are_no_text(field: int) -> None:
    # A reader of protocol buffers skips a field of another wire type; so a name or data of a fixed width is none.
    content = bytes([8 << 3 | 5]) + b"name" + bytes([2 << 3, 1, 1 << 3, 1, 9 << 3 | 5]) + b"\0\0\x80?"
    with pytest.raises(CHECK.Unreadable):
        CHECK.tensor(content)


def test_a_file_that_is_cut_off_or_has_other_wire_types_is_refused() -> None:
    content = two_layers().SerializeToString()
    for length in range(0, len(content), 7):
        with pytest.raises(Exception):  # noqa: B017, PT011 - any exception is a refusal
            CHECK.Network(content[:length])
    # The last three: a number of 65 bits, field 0, and a field whose number others cut down to 1.
    for wrong in (
        b"\x0b", b"\x0c", b"\x80" * 12, b"\xff" * 4, b"\x0a\x7f",
        b"\x08" + b"\xff" * 9 + b"\x03", b"\0\0", b"\x88\x80\x80\x80\x10\0",
    ):  # fmt: skip
        with pytest.raises(CHECK.Unreadable):
            CHECK.message(wrong)


@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "0x1p1024", "0x1p-1023", "0x1p99999", "0x1.fffffffffffff8p0", "0X1p0", "1.0", "0x1", "", " 0x1p0"],
)
def test_texts_that_a_reader_would_round_are_no_floats(text: str) -> None:
    with pytest.raises(CHECK.Unreadable):
        CHECK.real(text, "a number")


def test_what_would_be_read_otherwise_is_run_otherwise() -> None:
    """ONNX Runtime runs these files with the matrix turned, or times 0; so what a checker reads there matters."""
    runtime = pytest.importorskip("onnxruntime")
    z, weight = np.array([[1.0, 2.0]], dtype=np.float32), np.array([[1, 3], [0, 1]], dtype=np.float32)
    for name, expected in (
        ("transB is 1, beside a float's field that holds the integer 0", np.tanh(z @ weight.T + 1)),
        ("alpha is 0, beside an integer's field that holds the float 1", np.tanh(np.ones_like(z))),
    ):
        model = onnx.load_from_string(changed_network(name))
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "a"))
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        assert np.allclose(session.run(None, {"z": z})[0], expected)


def test_floats_are_read_exactly() -> None:
    for number in (1.0, -0.1, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.0):
        assert CHECK.real(number.hex(), "a number") == Fraction(number)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 1 << 53, -(1 << 53), [1]])
def test_what_is_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(CHECK.Unreadable):
        CHECK.integer(value, "a number")


@pytest.mark.parametrize("value", ["1/0", "1/00", "1e3", "+1", "0x1p0", "1/-2", "", "½", 1, "1" * 800])
def test_what_is_no_rational_is_refused(value: Any) -> None:
    with pytest.raises(CHECK.Unreadable):
        CHECK.rational(value, "a number")


def test_negative_multipliers_prove_nothing() -> None:
    # G(z) = z - 2 tanh z has m = 0; with T = -3.9 the matrix of m = 0.9 is positive definite and the factor fits.
    text, content = negative_multiplier()
    with pytest.raises(CHECK.No, match="a multiplier is negative"):
        CHECK.check(text, content)


def test_parts_of_other_shapes_are_refused(network: Path, made: dict[str, dict[str, Any]]) -> None:
    content = network.read_bytes()
    for kind, document in made.items():
        for key in set(document) - {"format", "kind", "network", "claims"}:
            for wrong in ([], {}, None, [document[key]], "0x1p0", 1):
                if wrong != document[key]:
                    assert refusal(CHECK, json.dumps({**document, key: wrong}), content), (kind, key, wrong)


def test_a_certificate_of_one_kind_is_none_of_another(network: Path, made: dict[str, dict[str, Any]]) -> None:
    for kind, document in made.items():
        for other in made:
            if other != kind:
                assert refusal(CHECK, json.dumps({**document, "kind": other}), network.read_bytes())


def test_the_digest_is_of_the_very_file(network: Path, made: dict[str, dict[str, Any]]) -> None:
    model = onnx.load_from_string(network.read_bytes())
    model.producer_name = "another"
    content = model.SerializeToString()
    assert refusal(CHECK, json.dumps(made["lipschitz"]), content) == "no"
    # The same graph under its own digest proves the same.
    assert not refusal(CHECK, forged(made["lipschitz"], content), content)


def test_json_that_readers_disagree_about_is_refused(network: Path, made: dict[str, dict[str, Any]]) -> None:
    text, content = json.dumps(made["derivatives"]), network.read_bytes()
    for wrong in (
        text.replace('"claims": {', '"claims": {"M": "1", ', 1), text[:-1] + ', "more": NaN}',
        text + "{}", "[" * 100000,
        text.replace('"portable-1"', "Infinity"), "null", "[]", "", '"text"', text.replace('"kind"', '"kind\\u0000"'),
    ):  # fmt: skip
        assert refusal(CHECK, wrong, content)
