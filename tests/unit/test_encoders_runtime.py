"""Encoders of every convention, run; and files that are no encoder, refused on one line."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from certify.encoders.convention import RANDOM_OPERATORS, read_signature
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.runtime import RuntimeEncoder, load_encoder
from certify.errors import InputError
from certify.generators.specification import load_generator
from tests.conftest import ROOT
from theorems.gaussian_encoder.network import gaussian_encoder
from theorems.strong_invertibility.network import langevin_encoder

SECOND = {
    "scale": [0.5, 2.0],
    "sigma": [0.5, -2.0],
    "log_scale": [np.log(0.5), np.log(2.0)],
    "variance": [0.25, 4.0],
    "log_var": [np.log(0.25), np.log(4.0)],
    "logvar": [np.log(0.25), np.log(4.0)],
}


def saved(
    folder: Path,
    outputs: Mapping[str, Sequence[int | str | None] | None],
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    inputs: dict[str, list[int | str]] | None = None,
    kind: int = TensorProto.DOUBLE,
) -> Path:
    """A hand-made model."""
    graph = helper.make_graph(
        nodes,
        "hand-made",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in (inputs or {"x": ["batch", 2]}).items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def two_outputs(folder: Path, second: str) -> RuntimeEncoder:
    nodes = [
        helper.make_node("Identity", ["x"], ["mu"]),
        helper.make_node("Add", [helper.make_node("Mul", ["x", "zero"], ["nothing"]).output[0], "spread"], [second]),
    ]
    nodes.insert(1, helper.make_node("Mul", ["x", "zero"], ["nothing"]))
    shape: list[int | str] = ["batch", 2]
    constants = {"zero": np.zeros(2), "spread": np.array(SECOND[second])}
    return load_encoder(saved(folder, {"mu": shape, second: shape}, nodes, constants))


@pytest.mark.parametrize("second", list(SECOND))
def test_a_gaussian_encoder_with_two_outputs(second: str, tmp_path: Path) -> None:
    encoder = two_outputs(tmp_path, second)
    assert (encoder.observed_dim, encoder.latent_dim, encoder.noise_shape) == (2, 2, (2,))
    x, noise = np.array([[1.0, -1.0], [0.0, 3.0]]), np.array([[1.0, 2.0], [-1.0, 0.5]])
    assert np.allclose(encoder.push(x, noise), x + np.array([0.5, 2.0]) * noise)
    draws = encoder.draw(x[0], 40_000, np.random.default_rng(0))
    assert draws.shape == (40_000, 2)
    assert np.all(np.abs(draws.std(axis=0) / [0.5, 2.0] - 1) < 0.03)


@pytest.mark.parametrize("second", [*SECOND, "log_variance", "z_log_var", "std", "factor"])
def test_an_encoder_of_every_convention_goes_to_another_process(second: str, tmp_path: Path) -> None:
    width: list[int | str] = ["batch", 2, 2] if second == "factor" else ["batch", 2]
    nodes = [helper.make_node("Identity", ["x"], ["mu"]), helper.make_node("Expand", ["spread", "shape"], [second])]
    constants = {"spread": np.ones((1, 2, 2) if second == "factor" else (1, 2)), "shape": np.array([1] * len(width))}
    encoder = load_encoder(saved(tmp_path, {"mu": ["batch", 2], second: width}, nodes, constants))
    x, noise = np.array([[0.3, -0.5]]), np.array([[1.0, 2.0]])
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).push(x, noise), encoder.push(x, noise))


def test_a_trained_encoder_of_the_digits() -> None:
    encoder = load_encoder(ROOT / "examples" / "digits" / "encoder_residual_d8.onnx")
    assert (encoder.precision, encoder.noise_shape, encoder.latent_dim) == ("float32", (8,), 8)
    x = np.load(ROOT / "examples" / "digits" / "observations_d8.npy")[0]
    again = [encoder.draw(x, 100, np.random.default_rng(4)) for _ in range(2)]
    assert np.array_equal(*again)
    assert not np.array_equal(again[0], encoder.draw(x, 100, np.random.default_rng(5)))


def test_a_file_that_draws_its_own_noise(tmp_path: Path) -> None:
    generator = load_generator("linear:d=2")
    program = langevin_encoder(generator, 0.5, 0.2, 30, 0.02, 400)
    path = tmp_path / "own.onnx"
    path.write_bytes(onnx_encoder(program, ExportOptions(random_normal=True)).SerializeToString())
    encoder = load_encoder(path)
    assert encoder.noise_shape is None
    x = np.array([0.5, -0.2])
    draws = [encoder.draw(x, 4000, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])
    path.write_bytes(onnx_encoder(program).SerializeToString())
    expected = load_encoder(path).draw(x, 4000, np.random.default_rng(3))
    assert np.all(np.abs(draws[0].mean(axis=0) - expected.mean(axis=0)) < 5 * expected.std(axis=0) * np.sqrt(2 / 4000))
    assert np.all(np.abs(draws[0].std(axis=0) / expected.std(axis=0) - 1) < 0.1)
    with pytest.raises(InputError, match="draws its own noise"):
        encoder.push(x[None], np.zeros((1, 0)))


@pytest.mark.parametrize("unrolled", [False, True])
def test_the_layers_of_a_file_that_draws_do_not_share_their_noise(unrolled: bool) -> None:
    # ONNX Runtime gives two random nodes nearly the same first number, and simplifiers make one of nodes that look
    # alike: the file has one node for all layers, and says what it draws, so that it is run in chunks that fit.
    program = langevin_encoder(load_generator("linear:d=2"), 0.5, 0.2, 3, 0.3, 4)
    model = onnx_encoder(program, ExportOptions(unrolled=unrolled, random_normal=True))
    bodies = [entry.g.node for node in model.graph.node for entry in node.attribute]
    nodes = [node for graph in (model.graph.node, *bodies) for node in graph]
    assert sum(node.op_type in RANDOM_OPERATORS for node in nodes) == 1
    assert read_signature(model, "m").drawn == program.noise_rows * program.noise_width == 8


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("operator", ["Bernoulli", "Dropout", "RandomUniformLike"])
def test_every_random_operator_counts_as_noise(operator: str, hidden: bool, tmp_path: Path) -> None:
    inputs = ["x", "share", "training"]
    nodes = [helper.make_node(operator, inputs if operator == "Dropout" else ["x"], ["z"])]
    constants = {"share": np.array(0.5), "training": np.array(True)}
    model = onnx.load(saved(tmp_path, {"z": ["batch", 2]}, nodes, constants))
    if hidden:
        function = helper.make_function("own", "Draw", inputs, ["z"], nodes, [helper.make_opsetid("", 20)])
        model.functions.append(function)
        model.graph.node[0].CopyFrom(helper.make_node("Draw", inputs, ["z"], domain="own"))
    assert read_signature(model, "m").random
    plain = saved(tmp_path, {"z": ["batch", 2]}, [helper.make_node("Dropout", ["x"], ["z"])], {})
    assert not read_signature(onnx.load(plain), "m").random


def test_draws_do_not_depend_on_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.onnx"
    path.write_bytes(onnx_encoder(gaussian_encoder(load_generator("residual:d=2"), 0.1, 0.1, 5, 1)).SerializeToString())
    encoder, x = load_encoder(path), np.array([0.1, 0.2])
    whole = encoder.draw(x, 10, np.random.default_rng(0))
    monkeypatch.setattr("certify.encoders.runtime.LARGEST_CHUNK", 3)
    assert np.allclose(encoder.draw(x, 10, np.random.default_rng(0)), whole, rtol=1e-12)


def test_a_fixed_batch_and_a_deterministic_encoder(tmp_path: Path) -> None:
    node = helper.make_node("Neg", ["x"], ["z"])
    encoder = load_encoder(saved(tmp_path, {"z": [3, 2]}, [node], {}, {"x": [3, 2]}))
    assert encoder.noise_shape == (0,)
    x = np.arange(10.0).reshape(5, 2)
    assert np.array_equal(encoder.push(x, np.zeros((5, 0))), -x)
    assert np.array_equal(encoder.draw(x[1], 4, np.random.default_rng(0)), np.tile(-x[1], (4, 1)))


@pytest.mark.parametrize("declared", [["batch", "half"], ["batch", None], [], None])
@pytest.mark.parametrize("batch", ["batch", 3])
def test_halves_of_one_layer_whose_extents_the_file_leaves_open(
    declared: Sequence[int | str | None] | None, batch: int | str, tmp_path: Path
) -> None:
    # torch's exporter writes `mean, logvar = net(x).chunk(2, -1)` so: Shape, Gather, Div, Slice, and no extents.
    nodes = [
        helper.make_node("Gemm", ["x", "weight", "bias"], ["both"]),
        helper.make_node("Shape", ["both"], ["shape"]),
        helper.make_node("Gather", ["shape", "axis"], ["width"]),
        helper.make_node("Div", ["width", "two"], ["half"]),
        helper.make_node("Slice", ["both", "zero", "half", "axis"], ["mu"]),
        helper.make_node("Slice", ["both", "half", "width", "axis"], ["logvar"]),
    ]
    constants = {
        "weight": np.arange(12.0).reshape(2, 6), "bias": np.log([1, 1, 1, 4.0, 9.0, 16.0]),
        "axis": np.array([1]), "two": np.array([2]), "zero": np.array([0]),
    }  # fmt: skip
    path = saved(tmp_path, {"mu": declared, "logvar": declared}, nodes, constants, {"x": [batch, 2]})
    encoder = load_encoder(path)
    assert (encoder.observed_dim, encoder.latent_dim, encoder.noise_shape) == (2, 3, (3,))
    x = np.array([[0.1, 0.2], [0.0, 0.0], [0.3, -0.1], [0.2, 0.0]])
    noise = np.random.default_rng(0).standard_normal((4, 3))
    both = x @ constants["weight"] + constants["bias"]
    np.testing.assert_allclose(encoder.push(x, noise), both[:, :3] + np.exp(both[:, 3:] / 2) * noise, rtol=1e-12)


def test_open_extents_of_a_file_that_cannot_be_run_are_named(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["z"])]
    path = saved(tmp_path, {"z": ["batch", "width"]}, nodes, {"shape": np.array([7, 11])})
    with pytest.raises(InputError, match=r"`z` must have the shape \(batch, \.\.\.\) with all extents"):
        load_encoder(path)


def test_several_noises_and_extra_outputs(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "first"], ["moved"]),
        helper.make_node("ReduceSum", ["second", "axis"], ["total"], keepdims=0),
        helper.make_node("Add", ["moved", "total"], ["z"]),
        helper.make_node("Identity", ["moved"], ["other"]),
    ]
    shapes: dict[str, list[int | str]] = {"x": ["b", 2], "first": ["b", 2], "second": ["b", 3, 2]}
    path = saved(tmp_path, {"other": ["b", 2], "z": ["b", 2]}, nodes, {"axis": np.array([1])}, shapes)
    encoder = load_encoder(path)
    assert encoder.noise_shape == (8,)
    noise = np.arange(8.0)[None]
    assert np.array_equal(encoder.push(np.zeros((1, 2)), noise), [[0 + 2 + 4 + 6, 1 + 3 + 5 + 7]])


@pytest.mark.parametrize(
    ("inputs", "outputs", "node", "kind", "says"),
    [
        ({"a": ["b", 2], "c": ["b", 2]}, {"z": ["b", 2]}, ("Add", ["a", "c"], ["z"]), TensorProto.DOUBLE, "inputs"),
        ({"x": ["b", 2]}, {"p": ["b", 2], "q": ["b", 2]}, ("Neg", ["x"], ["p"]), TensorProto.DOUBLE, "outputs p, q"),
        ({"x": ["b", "n"]}, {"z": ["b", 2]}, ("Neg", ["x"], ["z"]), TensorProto.DOUBLE, "fixed"),
        ({"x": ["b", 2]}, {"z": ["b", 2]}, ("Neg", ["x"], ["z"]), TensorProto.INT64, "float32 or all float64"),
        ({"x": ["b", 2, 2]}, {"z": ["b", 2, 2]}, ("Neg", ["x"], ["z"]), TensorProto.DOUBLE, r"\(batch, n\)"),
        ({"x": ["b", 2]}, {"z": ["b", 2]}, ("Erf", ["x"], ["z"]), TensorProto.DOUBLE, "cannot be run"),
    ],
)
def test_what_is_no_encoder_is_refused(
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    node: tuple[str, list[str], list[str]],
    kind: int,
    says: str,
    tmp_path: Path,
) -> None:
    nodes = [helper.make_node(*node)]
    if "q" in outputs:
        nodes.append(helper.make_node("Abs", ["x"], ["q"]))
    path = saved(tmp_path, outputs, nodes, {}, inputs, kind)
    with pytest.raises(InputError, match=says) as caught:
        load_encoder(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_onnx(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    for name in ("text.onnx", "missing.onnx", ""):
        with pytest.raises(InputError):
            load_encoder(tmp_path / name)


def test_weights_in_a_file_beside_the_encoder(tmp_path: Path) -> None:
    """As torch exports them; what lies elsewhere, ends early or is of an unknown type is refused."""
    whole = saved(
        tmp_path, {"z": ["batch", 2]}, [helper.make_node("Mul", ["x", "a"], ["z"])], {"a": np.array([2.0, -3.0])}
    )
    x, random = np.array([1.0, 2.0]), np.random.default_rng(0)
    model = onnx.load(whole)
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, location="split.onnx.data", size_threshold=0)
    np.testing.assert_array_equal(load_encoder(path).draw(x, 1, random), [[2.0, -6.0]])
    for change, says in (("../split.onnx.data", "own folder"), ("none", "own folder"), (None, "element type")):
        changed = onnx.load(path, load_external_data=False)
        tensor = changed.graph.initializer[0]
        if change is None:
            tensor.data_type = 99
        else:
            next(entry for entry in tensor.external_data if entry.key == "location").value = change
        (tmp_path / "changed.onnx").write_bytes(changed.SerializeToString())
        with pytest.raises(InputError, match=says):
            load_encoder(tmp_path / "changed.onnx")


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    encoder = two_outputs(tmp_path, "scale")
    with pytest.raises(InputError, match="takes x"):
        encoder.push(np.zeros((3, 2)), np.zeros((2, 2)))
    with pytest.raises(InputError, match="takes x"):
        encoder.push(np.zeros((3, 5)), np.zeros((3, 2)))
