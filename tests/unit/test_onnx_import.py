"""What the import accepts as a generator, how it counts parameters, and every refusal, in one line."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from certify.errors import InputError
from certify.generators.derivatives import value
from certify.generators.onnx_import import load_onnx
from tests.onnx_models import imported, model, node

W = np.arange(20.0).reshape(4, 5) / 7
GEMM = [node("Gemm", "z W b", "x")]
CONSTANTS = {"W": W, "b": np.ones(5)}


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_onnx(path)
    message = str(caught.value)
    assert "\n" not in message and message.isprintable()
    return message


def refused(proto: onnx.ModelProto, folder: Path) -> str:
    path = folder / "refused.onnx"
    path.write_bytes(proto.SerializeToString())
    return refusal(path)


@pytest.mark.parametrize("latent", [("batch", 4), (1, 4), (4,), ("n", 2, 2)])
def test_latent_shapes(latent: tuple[int | str, ...], tmp_path: Path) -> None:
    nodes = [node("Reshape", "z s", "r"), node("Gemm", "r W b", "x")]
    generator = imported(model(nodes, CONSTANTS | {"s": np.array([-1, 4])}, latent), tmp_path)
    assert (generator.latent_dim, generator.observed_dim, generator.parameters) == (4, 5, 25)
    point = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(np.reshape(value(generator.graph, point), -1), point @ W + 1, rtol=1e-15)


def test_float32_weights_widen_exactly(tmp_path: Path) -> None:
    generator = imported(model(GEMM, {"W": np.full((4, 5), 0.1), "b": np.zeros(5)}, dtype=np.float32), tmp_path)
    weight = generator.graph.nodes[1].weight  # type: ignore[union-attr]
    assert np.all(weight == float(np.float32(0.1)))


def test_parameters_count_shared_weights_once_and_no_scalar_constants(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "z V", "a"),
        node("MatMul", "a V", "b"),
        node("Mul", "b half", "c"),
        node("Transpose", "V", "U", perm=[1, 0]),
        node("MatMul", "c U", "x"),
    ]
    generator = imported(model(nodes, {"V": np.eye(4), "half": np.array(0.5), "unused": np.ones(9)}), tmp_path)
    assert generator.parameters == 16


def test_declared_parameters_are_taken_when_plausible(tmp_path: Path) -> None:
    proto = model(GEMM, CONSTANTS)
    helper.set_model_props(proto, {"certify.parameters": "7", "certify.trained_beta": "0.25", "other": "x"})
    generator = imported(proto, tmp_path)
    assert (
        generator.parameters == 7 and generator.metadata["trained_beta"] == "0.25" and "other" not in generator.metadata
    )
    for wrong in ("26", "-1", "many"):
        helper.set_model_props(proto, {"certify.parameters": wrong})
        assert "certify.parameters" in refused(proto, tmp_path)


def _nan(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.where(W > 2, np.nan, W), "W"))


def _infinite(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[1].CopyFrom(onnx.numpy_helper.from_array(np.full(5, np.inf), "b"))


def _two_inputs(proto: onnx.ModelProto) -> None:
    proto.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.DOUBLE, ["batch", 4]))


def _two_outputs(proto: onnx.ModelProto) -> None:
    proto.graph.output.append(helper.make_tensor_value_info("b", TensorProto.DOUBLE, [5]))


def _unknown_width(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["batch", "d"]))


def _fixed_batch(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.DOUBLE, [3, 4]))


def _integers(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.INT64, ["batch", 4]))


def _wrong_width(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["batch", 3]))


def _short_data(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].raw_data = b"1234"


def _oversized(proto: onnx.ModelProto) -> None:
    proto.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]


def _old_operators(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 5


def _foreign_domain(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].domain = "com.example"


def _cycle(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "x"


def _twice(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(node("Tanh", "z", "x"))


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (_nan, "tensor `W` has NaN or infinite"),
        (_infinite, "tensor `b` has NaN or infinite"),
        (_two_inputs, "2 inputs"),
        (_two_outputs, "2 outputs"),
        (_unknown_width, "only the batch axis may be dynamic"),
        (_fixed_batch, "fixed batch size 3"),
        (_integers, "not a tensor of floats"),
        (_wrong_width, r"shape \(1, 3\) by a matrix of shape \(4, 5\)"),
        (_short_data, "4 bytes"),
        (_oversized, "entries are accepted"),
        (_old_operators, "operator sets"),
        (_foreign_domain, "domain `com.example` is not supported"),
        (_cycle, "which no earlier operator produces"),
        (_twice, "produced twice"),
    ],
)
def test_refusals(mutate: Callable[[onnx.ModelProto], None], expected: str, tmp_path: Path) -> None:
    proto = model(GEMM, CONSTANTS)
    mutate(proto)
    with pytest.raises(InputError, match=expected):
        imported(proto, tmp_path)
    refused(proto, tmp_path)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("Hardmax", "z", "x")], "`Hardmax` .* is not supported; supported are Abs, Add, And, Atan"),
        ([node("MaxPool", "z", "x", kernel_shape=[2])], "`MaxPool`"),
        ([node("Gemm", "z S", "x")], "n < d"),
        ([node("MatMul", "z Q", "a"), node("MatMul", "a z", "x")], "two computed matrices"),
        ([node("Tanh", "W", "x")], "does not depend on the input"),
        ([node("Mul", "b b", "x")], "does not depend on the input"),
        ([node("Pow", "z huge", "x")], "has the exponent"),
        ([node("Div", "z zero", "x")], "constant zero"),
        ([node("Exp", "z", "y"), node("Reshape", "y bad", "x")], "inconsistent attributes or shapes"),
        ([node("Exp", "huge", "e"), node("Mul", "z e", "x")], "overflows"),
        ([node("Expand", "z wide", "x")], "1 to 65536 are accepted"),
        ([node("Resize", "z _ s", "x", mode="linear", antialias=1)], "antialias"),
        ([node("Clip", "z half zero", "x")], "min = 0.5 above max = 0.0"),
    ],
)
def test_operators_without_a_lowering(nodes: list[onnx.NodeProto], expected: str, tmp_path: Path) -> None:
    constants = CONSTANTS | {
        "S": np.ones((4, 3)),
        "Q": np.ones((4, 4)),
        "half": np.array(0.5),
        "zero": np.array(0.0),
        "bad": np.array([7, 7]),
        "huge": np.array(1e4),
        "wide": np.array([1 << 12, 1 << 14, 4]),
        "s": np.ones(2, np.float32),
    }
    proto = model(nodes, constants, (1, 4))
    with pytest.raises(InputError, match=expected):
        imported(proto, tmp_path)
    refused(proto, tmp_path)


def test_control_flow_is_refused(tmp_path: Path) -> None:
    body = helper.make_graph([node("Tanh", "z", "y")], "body", [], [helper.make_tensor_value_info("y", 11, None)])
    branch = helper.make_node("If", ["c"], ["x"], then_branch=body, else_branch=body)
    assert "control flow" in refused(model([branch], {"c": np.array(True)}), tmp_path)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "missing.onnx")
    assert "directory" in refusal(tmp_path)
    for name, content in (("text", b"hello world, hello\n"), ("empty", b""), ("zeros", bytes(4000))):
        (tmp_path / name).write_bytes(content)
        assert "not an ONNX file" in refusal(tmp_path / name)
    whole = model(GEMM, CONSTANTS).SerializeToString()
    for length in range(1, len(whole), 7):
        (tmp_path / "cut").write_bytes(whole[:length])
        refusal(tmp_path / "cut")
    (tmp_path / "new\nline").write_bytes(b"\x00")
    refusal(tmp_path / "new\nline")


def test_long_shapes_make_no_long_message(tmp_path: Path) -> None:
    proto = model(GEMM, CONSTANTS)
    proto.graph.initializer[0].dims[:] = range(1, 2000)
    assert len(refused(proto, tmp_path)) < 1400


def external(location: str, **options: str) -> onnx.ModelProto:
    """A model whose weight lies in another file."""
    proto = model(GEMM, CONSTANTS)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": location, **options}.items():
        tensor.external_data.add(key=key, value=text)
    return proto


def test_external_data_only_from_the_models_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    content = W.astype("<f8").tobytes()
    (folder / "weights.bin").write_bytes(b"\0" * 8 + content)
    (tmp_path / "secret.bin").write_bytes(content)
    os.symlink(tmp_path / "secret.bin", folder / "link.bin")
    inside = imported(external("weights.bin", offset="8", length="160"), folder)
    np.testing.assert_array_equal(np.reshape(value(inside.graph, np.zeros(4)), -1), np.ones(5))
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "", "none.bin", "a\0b", "."):
        assert "own folder" in refused(external(location), folder)
    for options in ({"offset": "16"}, {"length": "8"}, {"length": "9" * 5000}, {"offset": "-8"}, {"offset": "9" * 30}):
        reason = refused(external("weights.bin", **options), folder)
        assert "ends early" in reason or next(iter(options)) in reason


def test_a_model_without_operator_set_is_told_so(tmp_path: Path) -> None:
    proto = model(GEMM, CONSTANTS)
    del proto.opset_import[:]
    assert "holds no operator set" in refused(proto, tmp_path)


@pytest.mark.parametrize(
    ("nodes", "constants", "latent"),
    [
        ([node("Tile", "z r", "x")], {"r": np.array([2**40, 0])}, ("batch", 4)),
        ([node("ConvTranspose", "z K", "x", strides=[1, 2**20])], {"K": np.ones((1, 1, 1, 1))}, ("batch", 1, 2, 4)),
        ([node("GatherND", "z i", "x")], {"i": np.empty((0, 2**31), dtype=np.int64)}, ("batch", 4)),
        (
            [node("ScatterND", "z i e", "x")],
            {"i": np.empty((0, 2**31), dtype=np.int64), "e": np.empty((0, 4))},
            ("batch", 4),
        ),
        (
            [node("Reshape", "i s", "j", allowzero=1), node("GatherND", "z j", "x")],
            {"i": np.empty((0, 1), dtype=np.int64), "s": np.array([0, 2**31])},
            ("batch", 4),
        ),
    ],
    ids=["Tile", "ConvTranspose", "GatherND", "ScatterND", "Reshape"],
)
def test_a_result_that_is_far_too_large_is_refused_before_it_is_made(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], latent: tuple[int | str, ...], tmp_path: Path
) -> None:
    # Found by the fuzz campaign; an axis of extent 0 hides others that are huge.
    tracemalloc.start()
    try:
        refused(model(nodes, constants, latent), tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()
