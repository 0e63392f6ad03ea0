#!/usr/bin/env bash
# MNN 3.6.1: a constant with as many entries as there are channels, added behind Conv or MatMul, becomes the bias of the channels.
# Expected (ONNX broadcasting goes by the last axes): behind a convolution with the output (1, 3, 3, 3) a constant of shape (3,) is
#   added to columns, one of shape (3, 1) to rows, one of shape (3, 1, 1) to channels; behind a product with the output (3, 3) one
#   of shape (3, 1) is added to rows. A converted model has the model's values.
# Happens: mnnconvert makes the i-th number the bias of channel i of the convolution in all three cases, and that of column i of
#   the product. Sub and Mul are right. A Gemm with transA = 1 and constant weights, as of a file whose Transpose was
#   merged into it, has its values in the order of the transposed output. By default, and with no message.
# Our users: a decoder with a learned offset per row or column, as many as channels, is another decoder on a device that runs
#   MNN. `certify` is about the ONNX file, as onnxruntime runs it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import subprocess
import sys
from importlib.metadata import version

import MNN.expr as F
import MNN.nn
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]
OFFSETS = np.array([10.0, 20.0, 30.0], np.float32)


def model_of(nodes: list, shapes: list[list[int]], constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes))
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def by_onnxruntime(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def by_mnn(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    files = [f"{folder}/model.onnx", f"{folder}/model.mnn"]
    onnx.save(model, files[0])
    command = [sys.prefix + "/bin/mnnconvert", "-f", "ONNX", "--modelFile", files[0], "--MNNModel", files[1], "--bizCode", "x"]
    subprocess.run(command, check=True, capture_output=True)
    network = MNN.nn.load_module_from_file(files[1], ["x"], ["y"])
    given = F.placeholder(list(x.shape), F.NCHW, F.float)
    given.write(x)
    outputs = network.forward([given])
    return np.array(F.convert(outputs[0], F.NCHW).read())


print("MNN", version("MNN"), "onnxruntime", onnxruntime.__version__)
identity = np.eye(3, dtype=np.float32)
image, square = np.arange(27, dtype=np.float32).reshape(1, 3, 3, 3), np.arange(9, dtype=np.float32).reshape(3, 3)
recorded = []
for linear, weights, x, as_bias, shapes in (
    ("Conv", identity.reshape(3, 3, 1, 1), image, OFFSETS.reshape(3, 1, 1), [(3,), (3, 1), (3, 1, 1)]),
    ("MatMul", identity, square, OFFSETS, [(3,), (3, 1)]),
):
    for shape in shapes:
        for operator, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply)):
            nodes = [helper.make_node(linear, ["x", "w"], ["t"]), helper.make_node(operator, ["t", "c"], ["y"])]
            model = model_of(nodes, [list(x.shape)] * 2, {"w": weights, "c": OFFSETS.reshape(shape)})
            expected = function(x, OFFSETS.reshape(shape))
            assert np.array_equal(by_onnxruntime(model, x), expected)
            found = by_mnn(model, x)
            recorded.append(np.array_equal(found, x + as_bias if operator == "Add" else expected))
            if operator == "Add":
                print(f"{linear}, then Add of shape {shape}: added {(found - x).reshape(-1, 3, 3)[0].tolist()},", end=" ")
                print(f"expected {(expected - x).reshape(-1, 3, 3)[0].tolist()}")
x, weights = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]], np.float32)
for transposed in (1, 0):
    given = x if transposed else x.T.copy()
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=transposed)
    model = model_of([node], [list(given.shape), [3, 4]], {"w": weights})
    assert np.array_equal(by_onnxruntime(model, given), x.T @ weights)
    found = by_mnn(model, given)
    print(f"Gemm with transA = {transposed}: {found.tolist()}, expected {(x.T @ weights).tolist()}")
    recorded.append(np.array_equal(found, (x.T @ weights).T.reshape(3, 4) if transposed else x.T @ weights))
sys.exit(0 if all(recorded) else 1)
PYTHON
