#!/usr/bin/env bash
# abstractNN 0.1.5 (the newest), a verifier of neural networks: relu(x) + relu(-x) on [-1, 1] is bounded by 1 from below; at 0 it is 0.
# Expected (its documentation: "Mathematically proven bounds on network outputs" by affine arithmetic): bounds that contain the
#   outputs of the ONNX file for all inputs in the box, and a refusal of nodes that it does not know.
# Happens: a ReLU whose sign is open becomes the line through its two ends, with no term for the error, so that it is an equality
#   and any later negative or repeated use is wrong; sigmoid and tanh become their tangent in the middle. A node Add returns its
#   first input: the bias of MatMul and Add, as Keras writes it, and a skip connection are lost, and other nodes are passed over.
#   No message. (No report of it was found.)
# Our users: these bounds are neither lower nor upper; a decoder that is "verified" with them is not. auto_LiRPA, or `certify`,
#   keep the error of each relaxation, and `certify` refuses nodes that it does not know.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q abstractNN==0.1.5 onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 pillow==13.0.0 || exit 2
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
from abstractnn import AffineExpressionEngine, BoundPropagator, ONNXParser
from onnx import TensorProto, helper, numpy_helper

print("abstractNN", version("abstractNN"), "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)


def compared(name: str, nodes, weights: dict, centre: float, radius: float) -> tuple[float, float, float, float]:
    """The least and largest output on a grid by onnxruntime, and the bounds."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array(value, np.float32), key) for key, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), "network.onnx")
    session = onnxruntime.InferenceSession("network.onnx", providers=["CPUExecutionProvider"])
    grid = np.linspace(centre - radius, centre + radius, 401, dtype=np.float32)[:, None]
    values = session.run(None, {"x": grid})[0]
    inputs = AffineExpressionEngine.create_input_expressions(np.array([[centre]]), radius)
    outputs = BoundPropagator(enable_reporting=False).propagate(inputs, ONNXParser("network.onnx").parse(), (1, 1))
    lower, upper = outputs[0].get_bounds()
    row = float(values.min()), float(values.max()), float(lower), float(upper)
    print(f"{name}: outputs [{row[0]:.4f}, {row[1]:.4f}], bounds [{row[2]:.4f}, {row[3]:.4f}]")
    return row


node = helper.make_node
seen = {
    "absolute value": compared(
        "relu(x) + relu(-x) on [-1, 1]",
        [node("MatMul", ["x", "v"], ["a"]), node("Relu", ["a"], ["b"]), node("MatMul", ["b", "w"], ["y"])],
        {"v": [[1, -1]], "w": [[1], [1]]}, 0.0, 1.0,
    ),
    "sigmoid": compared("sigmoid(x) on [0, 4]", [node("Sigmoid", ["x"], ["y"])], {}, 2.0, 2.0),
    "bias": compared(
        "x + 5 on [0, 2]", [node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "c"], ["y"])], {"w": [[1]], "c": [5]}, 1.0, 1.0
    ),
    "skip": compared("x + tanh(x) on [-1, 1]", [node("Tanh", ["x"], ["t"]), node("Add", ["t", "x"], ["y"])], {}, 0.0, 1.0),
    "exponential": compared("exp(x) on [0, 2]", [node("Exp", ["x"], ["y"])], {}, 1.0, 1.0),
    "affine": compared("3 x on [0, 2]", [node("MatMul", ["x", "w"], ["y"])], {"w": [[3]]}, 1.0, 1.0),
}
missed = {name: lower > least + 1e-3 or upper < largest - 1e-3 for name, (least, largest, lower, upper) in seen.items()}
print("outputs outside the bounds:", missed)
sys.exit(0 if not missed.pop("affine") and all(missed.values()) else 1)
PYTHON
