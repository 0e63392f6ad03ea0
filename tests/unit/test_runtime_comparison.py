"""The second engine at every load: broken readings are refused and named, true ones pass; the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from certify.errors import InputError
from certify.generators.embedded import embedded_specifications
from certify.generators.graph import Affine, Generator
from certify.generators.onnx_import import load_onnx
from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.builder import GraphBuilder
from certify.generators.onnx_operators.values import Constant, Operation, Symbol, Value
from tests.onnx_models import imported, model, node

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "tests/data").rglob("*.onnx")),
    *sorted(path for path in (ROOT / "examples/digits").rglob("*.onnx") if not path.name.startswith("encoder")),
]
TYPES = [np.float32, np.float64]
RANDOM = np.random.default_rng(5)
SQUARE = RANDOM.standard_normal((6, 6))
KERNEL = RANDOM.standard_normal((2, 2, 3))
Change = Callable[[Operation], Operation]


def with_attributes(**changed: object) -> Change:
    def change(operation: Operation) -> Operation:
        merged = type(operation.attributes)({**operation.attributes, **changed})
        return replace(operation, attributes=merged)

    return change


def without_bias(operation: Operation) -> Operation:
    return replace(operation, inputs=operation.inputs[:2], input_names=operation.input_names[:2])


def weight_off_by(relative: float) -> Change:
    def change(operation: Operation) -> Operation:
        weight = operation.constant(1)
        array = weight.array.copy()
        array[0, 0] *= 1.0 + relative
        return replace(
            operation, inputs=(operation.inputs[0], Constant(array, weight.parameters), *operation.inputs[2:])
        )

    return change


# Each middle part maps six entries to six, so that it stands alone or between others.
MIDDLES: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "Gemm": ([node("Gemm", "in W b", "out", transB=1)], {"W": SQUARE, "b": np.arange(1.0, 7.0)}),
    "Conv": (
        [
            node("Reshape", "in image", "r"),
            node("Conv", "r kernel", "c", pads=[1, 1]),
            node("Reshape", "c flat", "out"),
        ],
        {"kernel": KERNEL, "image": np.array([1, 2, 3]), "flat": np.array([1, 6])},
    ),
    "Transpose": (
        [
            node("Reshape", "in image", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1]),
            node("Reshape", "t flat", "out"),
        ],
        {"image": np.array([1, 2, 3]), "flat": np.array([1, 6])},
    ),
    "Softplus": ([node("Softplus", "in", "out")], {}),
    "LeakyRelu": ([node("LeakyRelu", "in", "out", alpha=0.125)], {}),
    "Concat": ([node("Concat", "in in", "j", axis=1), node("Gather", "j half", "out", axis=1)], {"half": np.arange(6)}),
}
BROKEN: list[tuple[str, str, Change, str]] = [
    ("Gemm", "transposed", with_attributes(transB=0), "Gemm"),
    ("Gemm", "dropped bias", without_bias, "Gemm"),
    ("Conv", "wrong padding", with_attributes(pads=(2, 0)), "Conv"),
    ("Transpose", "wrong axis", with_attributes(perm=(0, 1, 2)), "Transpose"),
    ("Softplus", "relu", lambda operation: replace(operation, kind="Relu"), "Softplus"),
    ("LeakyRelu", "another slope", with_attributes(alpha=0.126), "LeakyRelu"),
]


def deep(middle: str, dtype: type, layers: int) -> onnx.ModelProto:
    """The middle part alone, or between `layers` tanh layers in front and behind."""
    nodes, constants, name = [], {f"V{i}": RANDOM.standard_normal((6, 6)) for i in range(2 * layers)}, "z"
    for i in range(layers):
        nodes += [node("MatMul", f"{name} V{i}", f"p{i}"), node("Tanh", f"p{i}", f"q{i}")]
        name = f"q{i}"
    inner, own = MIDDLES[middle]
    for item in inner:
        copy = onnx.NodeProto()
        copy.CopyFrom(item)
        for place, entry in enumerate(copy.input):
            copy.input[place] = name if entry == "in" else entry
        nodes.append(copy)
    name = "out"
    for i in range(layers, 2 * layers):
        nodes += [node("Tanh", name, f"q{i}"), node("MatMul", f"q{i} V{i}", f"p{i}")]
        name = f"p{i}"
    nodes.append(node("Identity", name, "x"))
    return model(nodes, constants | own, (1, 6), dtype, opset=18)


def refusal(proto: onnx.ModelProto, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        imported(proto, folder)
    message = str(caught.value)
    assert message.isprintable() and "model.onnx" in message
    return message


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layers", [0, 6])
@pytest.mark.parametrize(("middle", "what", "change", "named"), BROKEN)
def test_a_broken_lowering_is_refused_and_named(
    middle: str, what: str, change: Change, named: str, layers: int, dtype: type, tmp_path: Path, monkeypatch: Any
) -> None:
    proto = deep(middle, dtype, layers)
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.largest_difference < 1.0 and record.never_compared == 0
    # Its convolution has no float64 kernel.
    assert record.precision == ("float32" if middle == "Conv" else np.dtype(dtype).name)

    table = lowerings()

    def broken(builder: GraphBuilder, operation: Operation) -> tuple[Value, ...]:
        changed = change(operation)
        return true[changed.kind](builder, changed)

    true = dict(table)
    monkeypatch.setitem(table, middle, broken)
    message = refusal(proto, tmp_path)
    assert f"operator `{named}` (node `{named}_" in message and "read differently from onnxruntime" in message


@pytest.mark.parametrize(("dtype", "seen", "unseen"), [(np.float32, 1e-5, 1e-8), (np.float64, 1e-12, 3e-16)])
def test_one_weight_that_is_off(dtype: type, seen: float, unseen: float, tmp_path: Path, monkeypatch: Any) -> None:
    """One weight of a row of six is seen when it is off by 1e-5 in float32 and by 1e-12 in float64, in the middle."""
    proto = deep("Gemm", dtype, 3)
    table, true = lowerings(), lowerings()["Gemm"]
    monkeypatch.setitem(table, "Gemm", lambda builder, item: true(builder, weight_off_by(seen)(item)))
    assert "operator `Gemm`" in refusal(proto, tmp_path)
    monkeypatch.setitem(table, "Gemm", lambda builder, item: true(builder, weight_off_by(unseen)(item)))
    record = imported(proto, tmp_path).comparison
    assert record is not None and unseen < record.loosest_tolerance < seen


def test_a_graph_put_together_wrongly_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    """Every operator alone is right; where one is folded into the layer before it, the offset is lost."""
    true = GraphBuilder.shifted

    def forgetful(self: GraphBuilder, symbol: Symbol, offset: Any, shape: Any) -> Symbol:
        return symbol if isinstance(self.nodes[symbol.node], Affine) else true(self, symbol, offset, shape)

    proto = model([node("MatMul", "z W", "y"), node("Add", "y b", "x")], {"W": SQUARE, "b": np.ones(6)}, (1, 6))
    imported(proto, tmp_path)
    monkeypatch.setattr(GraphBuilder, "shifted", forgetful)
    message = refusal(proto, tmp_path)
    assert "operator `Add` (node `Add_x`)" in message and "the finished graph" in message


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_of_the_project_is_refused(path: Path) -> None:
    assert_compared(load_onnx(path))


def test_the_embedded_decoder_is_compared() -> None:
    assert_compared(load_onnx(next(item for item in embedded_specifications() if item.endswith(".onnx"))))


def assert_compared(generator: Generator) -> None:
    record = generator.comparison
    assert record is not None and record.engine.startswith("onnxruntime") and record.points == 5
    assert record.never_compared == 0 and not record.note
    assert record.largest_difference < 1.0
    assert record.loosest_tolerance < 1e-3 and record.output_difference is not None and record.output_difference < 1e-5


def test_cancelling_constants_are_not_a_difference(tmp_path: Path) -> None:
    """(z + 1e8) - 1e8 loses z in float32, which is the runtime's rounding; the graph is z."""
    large = np.full(4, 1e8)
    proto = model([node("Add", "z a", "y"), node("Sub", "y a", "x")], {"a": large}, (1, 4), np.float32)
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.largest_difference < 1.0
    assert record.output_difference is not None and record.output_difference > 1e-3


def test_what_falls_below_the_normal_numbers_is_rounded_there(tmp_path: Path) -> None:
    # exp(-93) of float32 is a subnormal number: of its digits few are left, whatever the runtime does.
    nodes = [node("Mul", "z a", "t"), node("Softmax", "t", "s"), node("Mul", "s c", "x")]
    for scale in np.linspace(0.4, 4.0, 37):
        proto = model(nodes, {"a": np.array(scale), "c": np.full(3, 0.3)}, (1, 3), np.float32)
        assert imported(proto, tmp_path).comparison.largest_difference < 1.0


def test_a_division_by_zero_that_the_runtime_hides_is_refused(tmp_path: Path) -> None:
    # z min(1/sqrt(sum z^2), 1e12), as a unit normalisation is exported: at 0 the runtime limits an infinity to 1e12.
    nodes = [
        node("ReduceL2", "z", "n", axes=[1], keepdims=1),
        node("Reciprocal", "n", "r"),
        node("Min", "r c", "m"),
        node("Mul", "z m", "x"),
    ]
    proto = model(nodes, {"c": np.array(1e12)}, (1, 3), np.float32, opset=13)
    with pytest.raises(InputError, match="undefined at 0"):
        imported(proto, tmp_path)


def test_overflow_tells_nothing_and_is_counted(tmp_path: Path) -> None:
    proto = model([node("Exp", "z", "y"), node("Exp", "y", "x")], {}, (1, 4), np.float32)
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.not_comparable > 0 and record.never_compared == 0
    always = model([node("Mul", "z a", "y"), node("Add", "y a", "v"), node("Mul", "v a", "x")], {"a": np.full(4, 1e30)},
                   (1, 4), np.float32)  # fmt: skip
    record = imported(always, tmp_path).comparison
    assert record is not None and record.never_compared == 1 and "1 operators were never compared" in record.note


def test_an_operator_without_a_kernel_is_run_in_float32(tmp_path: Path) -> None:
    record = imported(model([node("Atan", "z", "x")], {}), tmp_path).comparison
    assert record is not None and record.precision == "float32" and "run in float32: onnxruntime" in record.note


def test_a_double_kernel_that_rounds_to_float32_is_no_difference(tmp_path: Path) -> None:
    nodes = [node("Mul", "z c", "y"), node("Shrink", "y", "x", lambd=0.5, bias=0.25)]
    record = imported(model(nodes, {"c": np.array(1 / 3)}, dtype=np.float64), tmp_path).comparison
    assert record is not None and record.precision == "float64"
    assert record.output_difference is not None and record.output_difference > 1e-10


def test_an_operator_set_that_is_too_new_is_run_by_the_reference(tmp_path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    proto = model([node("Gemm", "z W", "y"), node("Tanh", "y", "x")], {"W": SQUARE[:4]}, opset=newest)
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.engine.startswith("onnx.reference") and record.precision == "float64"


def test_what_the_runtime_finds_invalid_is_refused_with_its_reason(tmp_path: Path) -> None:
    proto = model([node("Add", "z b", "x")], {"b": np.ones(4)}, dtype=np.float32)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones(4), "b"))
    message = refusal(proto, tmp_path)
    assert "refuses the file" in message and "tensor(float) and tensor(double)" in message


def test_what_the_output_does_not_need_does_not_reach_the_engine(tmp_path: Path) -> None:
    proto = model([node("Gemm", "z W", "x"), node("Reshape", "z W", "broken")], {"W": SQUARE[:4]})
    assert_compared(imported(proto, tmp_path))


def test_sparse_and_external_constants(tmp_path: Path) -> None:
    sparse = onnx.SparseTensorProto()
    sparse.values.CopyFrom(numpy_helper.from_array(np.array([1.5, -2.0, 1.0, 4.0]), "W"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([0, 5, 10, 15]), "places"))
    sparse.dims.extend([4, 4])
    proto = model([node("MatMul", "z W", "x")], {})
    proto.graph.sparse_initializer.append(sparse)
    assert_compared(imported(proto, tmp_path))
    onnx.save(model([node("MatMul", "z W", "x")], {"W": SQUARE[:4]}), tmp_path / "external.onnx",
              save_as_external_data=True, size_threshold=0)  # fmt: skip
    assert_compared(load_onnx(tmp_path / "external.onnx"))


def test_constants_computed_in_the_graph_are_compared_themselves(tmp_path: Path, monkeypatch: Any) -> None:
    """A weight divided by its norm in the graph: the fold is held against the runtime's."""
    nodes = [
        node("ReduceL2", "v axes", "l", keepdims=1),
        node("Div", "v l", "W"),
        node("MatMul", "z W", "x"),
    ]
    proto = model(nodes, {"v": SQUARE, "axes": np.array([0])}, (1, 6), np.float32, opset=18)
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.operators == 3
    from certify.generators.onnx_operators import folding

    monkeypatch.setitem(
        folding._REDUCTIONS, "ReduceL2", lambda x, axis, keepdims: np.abs(x).sum(axis, keepdims=keepdims)
    )
    assert "operator `ReduceL2`" in refusal(proto, tmp_path)


def test_a_half_precision_model(tmp_path: Path) -> None:
    proto = model([node("Gemm", "z W b", "y"), node("Sigmoid", "y", "x")], {"W": SQUARE[:4], "b": np.ones(6)},
                  (1, 4), np.float16)  # fmt: skip
    record = imported(proto, tmp_path).comparison
    assert record is not None and record.precision == "float16" and record.never_compared == 0


def test_the_input_may_have_any_shape(tmp_path: Path) -> None:
    for latent in ((4,), ("batch", 2, 2)):
        assert_compared(imported(model([node("Tanh", "z", "x")], {}, latent), tmp_path))


def test_the_record_is_data(tmp_path: Path) -> None:
    record = imported(model([node("Tanh", "z", "x")], {}), tmp_path).comparison
    assert record is not None
    document = record.to_dict()
    assert document["engine"] == record.engine and document["operators"] == 1
