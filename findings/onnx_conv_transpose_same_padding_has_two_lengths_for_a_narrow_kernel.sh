#!/usr/bin/env bash
# onnx 1.23.2, onnxruntime 1.31.1: ConvTranspose with SAME padding has two lengths where the kernel is narrower than the stride.
# Expected (the operator's text on auto_pad: SAME_UPPER and SAME_LOWER pad so that "output_shape[i] = input_shape[i] * strides[i]"):
#   four entries, kernel 2 and stride 3 give 12, in every tool that follows the text.
# Happens: the padding for that is negative, -1. The reference evaluator takes it as it is and returns 12 entries; onnxruntime and
#   onnx's own shape inference, in strict mode too, take 0 and have 11. For SAME_UPPER the entry that is added is the first, so that
#   all others move by one; for SAME_LOWER it is the last. At kernel 3 and wider all agree. No message. (No report of it was found.)
# Our users: a decoder that upsamples so is another function by engine, and is one pixel off by shape inference alone. `certify`
#   refuses such a node. Give pads and output_padding in place of auto_pad.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 numpy==2.4.6 || exit 2
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)


def lengths(kernel: int, padding: str) -> tuple[int, int, int]:
    """The length by the reference evaluator, by onnxruntime and by shape inference."""
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], auto_pad=padding, strides=[3])
    shapes = {"x": [1, 1, 4], "w": [1, 1, kernel], "y": [1, 1, "n"]}
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    graph = helper.make_graph([node], "upsample", [values["x"], values["w"]], [values["y"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=9)
    onnx.checker.check_model(model)
    feed = {"x": np.arange(1, 5, dtype=np.float32)[None, None], "w": 10 ** np.arange(kernel, dtype=np.float32)[None, None]}
    reference = ReferenceEvaluator(model).run(None, feed)[0].ravel()
    runtime = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)[0].ravel()
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0].type.tensor_type.shape.dim[2].dim_value
    print(f"kernel {kernel}, {padding}: reference {reference.astype(int)}, onnxruntime {runtime.astype(int)}, inferred length {inferred}")
    return len(reference), len(runtime), inferred


seen = {kernel: [lengths(kernel, padding) for padding in ("SAME_UPPER", "SAME_LOWER")] for kernel in (2, 3, 4)}
sys.exit(0 if seen[2] == [(12, 11, 11)] * 2 and seen[3] + seen[4] == [(12, 12, 12)] * 4 else 1)
PYTHON
