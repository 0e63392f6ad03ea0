#!/usr/bin/env bash
# openvino 2026.4.1, CPU: a float64 ONNX model, compiled and run at the defaults.
# Expected: an error or an output of type f32, as the documentation's list of the CPU's types (docs.openvino.ai, "CPU
#   Device") has FP32, BF16 and FP16 and no FP64; or float64 accuracy.
# Seen: the output is a float64 array with the accuracy and the range of float32: exp(1) is off by 1e-7, exp(100) is
#   the largest float32. No warning.
# Our users: an exported generator or encoder gives values there that are 1e-7 off, and overflows early.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 openvino==2026.4.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import math
import sys

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper

ends = [helper.make_tensor_value_info(end, TensorProto.DOUBLE, ["n"]) for end in ("x", "y")]
graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "exp", ends[:1], ends[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
path = sys.argv[1] + "/exp.onnx"
onnx.save(model, path)
core = openvino.Core()
(found,) = core.compile_model(core.read_model(path), "CPU")({"x": np.array([1.0, 100.0])}).values()
print(f"openvino {openvino.__version__.split(chr(45))[0]}")
print(f"expected: float64 {[math.exp(1.0), math.exp(100.0)]} to 1e-15, or an error")
print(f"seen: {found.dtype} {found.tolist()}")
recorded = found.dtype == np.float64 and 1e-9 < abs(found[0] - math.e) < 1e-6 and found[1] < 1e39
sys.exit(0 if recorded else 1)
PYTHON
