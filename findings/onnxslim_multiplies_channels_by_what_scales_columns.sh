#!/usr/bin/env bash
# onnxslim 0.1.98: Conv, then Mul by as many numbers as there are channels, becomes one Conv, along whichever axis they lie.
# Expected (ONNX broadcasting goes by the last axes: a constant of shape (3,) after a convolution whose output is (1, 3, 3, 3)
#   scales columns, one of shape (3, 1) rows, one of shape (3, 1, 1) channels; a slimmed model has the model's values).
# Happens: the weights of channel i are multiplied by the i-th number in all three cases. Div, Add and Sub are left alone, and
#   onnxoptimizer, onnxsim and onnxscript are right in each. By default, and with no message. (The fusion came with pull request
#   209 of inisis/OnnxSlim; no report of it was found.)
# Our users: a decoder of small images with a mask or a scale per row or column, as many as channels, is another decoder after
#   slimming. `certify constants` of the slimmed file is about the slimmed network: certify the file that you deploy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 onnxslim==0.1.98 onnxoptimizer==0.4.2 onnxsim==0.8.1 \
    onnxscript==0.7.2 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime
import onnxscript.optimizer
import onnxsim
import onnxslim
from onnx import TensorProto, helper, numpy_helper

SCALES = np.array([0.0, 1.0, 2.0], np.float32)
identity = np.zeros((3, 3, 1, 1), np.float32)
identity[range(3), range(3)] = 1.0


def model(shape: tuple[int, ...]) -> onnx.ModelProto:
    """The identity as a convolution by 1 x 1, then a product with 0, 1, 2 in the given shape."""
    nodes = [helper.make_node("Conv", ["x", "weights"], ["t"]), helper.make_node("Mul", ["t", "scales"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 3, 3]) for name in "xy")
    constants = [numpy_helper.from_array(identity, "weights"), numpy_helper.from_array(SCALES.reshape(shape), "scales")]
    made = helper.make_model(
        helper.make_graph(nodes, "scaled", [x], [y], constants), opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def values(of: onnx.ModelProto) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(of.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


x = np.arange(1.0, 28.0, dtype=np.float32).reshape(1, 3, 3, 3)
tools = {
    "onnxslim": onnxslim.slim,
    "onnxoptimizer": onnxoptimizer.optimize,
    "onnxsim": lambda of: onnxsim.simplify(of)[0],
    "onnxscript": onnxscript.optimizer.optimize,
}
print(", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxruntime", *tools)))
agreeing, by_channel = {}, {}
for shape in ((3,), (3, 1), (3, 1, 1)):
    given = x * SCALES.reshape(shape)
    assert np.array_equal(values(model(shape)), given)
    for name, tool in tools.items():
        found = values(tool(model(shape)))
        agreeing[name, shape] = np.array_equal(found, given)
        by_channel[name, shape] = np.array_equal(found, x * SCALES.reshape(3, 1, 1))
        print(f"{name}, scales of shape {shape}: first channel {found[0, 0].tolist()}, expected {given[0, 0].tolist()}")
others = all(agreeing[name, shape] for name, shape in agreeing if name != "onnxslim")
wrong = all(by_channel["onnxslim", shape] and not agreeing["onnxslim", shape] for shape in ((3,), (3, 1)))
sys.exit(0 if others and wrong and agreeing["onnxslim", (3, 1, 1)] else 1)
PYTHON
