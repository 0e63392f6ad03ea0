#!/usr/bin/env bash
# onnxruntime 1.31.1 (CPU), operator Resize of operator set 19 with `keep_aspect_ratio_policy` and negative `axes`.
# Expected: the standard allows axes in [-r, r-1] and defines the target extents of "not_larger" by one common scale,
# so axes = [-2, -1] and axes = [2, 3] of a 4-D tensor are the same request.
# Happens: with negative axes the image is not resized at all; its shape contradicts the shape that onnxruntime inferred
# itself, which is only a warning in its log.
# For us: a file that keeps the aspect ratio along negative axes has two readings, so the import refuses it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def shape(axes):
    node = helper.make_node(
        "Resize", ["z", "", "", "n"], ["x"], mode="linear", axes=axes, keep_aspect_ratio_policy="not_larger"
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 1, 2, 3])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array([4, 9]), "n")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"z": np.zeros((1, 1, 2, 3), np.float32)})[0].shape


positive, negative = shape([2, 3]), shape([-2, -1])
print("onnxruntime", onnxruntime.__version__)
print("expected: both", (1, 1, 4, 6))
print("seen: axes [2, 3]", positive, "axes [-2, -1]", negative)
sys.exit(0 if positive == (1, 1, 4, 6) and negative == (1, 1, 2, 3) else 1)
PYTHON
