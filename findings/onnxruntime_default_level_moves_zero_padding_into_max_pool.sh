#!/usr/bin/env bash
# onnxruntime 1.31.1, default optimisation, and onnxoptimizer 0.4.2: Pad with zeros before MaxPool becomes MaxPool's own padding,
#   which never is the maximum. Where the inputs at the border are negative, the outputs change from 0 to the inputs.
# Expected (onnxruntime's documentation of graph optimisations: the basic level has "semantics-preserving graph rewrites"; ONNX
#   operator Pad: a constant value of 0 is put around the tensor): maxima with the zeros among them at every level.
# Happens: at ORT_ENABLE_BASIC, and so in a session without options, Pad and MaxPool become one node: a border output that
#   is 0 at ORT_DISABLE_ALL and in onnx.reference is -2.26. Pad with -1 is left alone. (Of onnxoptimizer
#   issue 290 of onnxsim/onnxsim and the open pull request 318 of onnx/optimizer; of onnxruntime no report was found. It came
#   with pull request 18136 of microsoft/onnxruntime, of 2023.)
# Our users: `certify` reads the file as it is written and compares with onnxruntime at ORT_DISABLE_ALL: what a session without
#   options runs is another network. Set graph_optimization_level, or take activations that are not negative before the padding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 onnxoptimizer==0.4.2 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxoptimizer
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

LEVELS = onnxruntime.GraphOptimizationLevel


def model(value: float) -> onnx.ModelProto:
    """Padding by one of `value` at both ends, then the maximum of each two neighbours."""
    constants = [
        numpy_helper.from_array(np.array([0, 0, 1, 0, 0, 1], np.int64), "pads"),
        numpy_helper.from_array(np.array(value, np.float32), "value"),
    ]
    nodes = [
        helper.make_node("Pad", ["x", "pads", "value"], ["padded"]),
        helper.make_node("MaxPool", ["padded"], ["y"], kernel_shape=[2]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 4])
    made = helper.make_model(
        helper.make_graph(nodes, "pooled", [x], [y], constants), opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def run(of: onnx.ModelProto, level: LEVELS | None) -> list[float]:
    options = onnxruntime.SessionOptions()
    if level is not None:
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(of.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].ravel().tolist()


x = np.array([[[-2.0, -3.0, -4.0]]], np.float32)
print(", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxruntime", "onnxoptimizer")))
zeros, ones = model(0.0), model(-1.0)
levels = {"disabled": LEVELS.ORT_DISABLE_ALL, "basic": LEVELS.ORT_ENABLE_BASIC, "default": None}
found = {name: run(zeros, level) for name, level in levels.items()}
found["onnxoptimizer, disabled"] = run(onnxoptimizer.optimize(zeros), LEVELS.ORT_DISABLE_ALL)
found["onnx.reference"] = ReferenceEvaluator(zeros).run(None, {"x": x})[0].ravel().tolist()
right, wrong = [0.0, -2.0, -3.0, 0.0], [-2.0, -2.0, -3.0, -4.0]
for name, values in found.items():
    print(f"zeros around (-2, -3, -4), {name}: {values}, expected {right}")
other = run(ones, None)
print(f"-1 around it, default: {other}, expected [-1.0, -2.0, -3.0, -1.0]")
kept = found["disabled"] == found["onnx.reference"] == right and other == [-1.0, -2.0, -3.0, -1.0]
changed = found["basic"] == found["default"] == found["onnxoptimizer, disabled"] == wrong
sys.exit(0 if kept and changed else 1)
PYTHON
