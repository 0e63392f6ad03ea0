#!/usr/bin/env bash
# onnx 1.23.2: in its reference evaluator Resize with align_corners and scales does not align the corners.
# Expected (the operator's text: x_original = x_resized (length_original - 1) / (length_resized - 1), where length_resized is "the
#   length of the resized tensor in axis x", an integer): the first and the last entry of the result are those of the input.
# Happens: the product of length and scale is taken, before it is rounded down, for length_resized. Where it is no integer the
#   last source lies before the last entry: six entries 0, 10, ..., 50 by the scale 1.6 have 9.6 for 9, and end at 46.5, not 50;
#   five by 0.7 have 3.5 for 3 and end at 32, not 40. In all three modes (nearest, linear, cubic), and in tf_crop_and_resize, too.
#   With sizes, or scales whose product is an integer, it is right. onnxruntime keeps the corners in all. (Reported in 2019, issue
#   2462 of onnx/onnx: called intended, and closed. The operator's text speaks of lengths here, not of a fraction.)
# Our users: whoever compares a decoder that upsamples with this evaluator sees a difference that is no fault of the file. So does
#   `certify`, which takes the integer length: a float64 file, for which onnxruntime has no kernel, is held against this evaluator
#   and refused. Give `sizes`.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)


def both(length: int, scale: float, mode: str, sizes: bool) -> tuple[np.ndarray, np.ndarray]:
    """The result for 0, 10, 20, ... by the reference evaluator and by onnxruntime."""
    x = np.tile(10 * np.arange(length, dtype=np.float32), (1, 1, 2, 1))
    given = np.array([1, 1, 2, int(length * scale)], np.int64) if sizes else np.array([1, 1, 1, scale], np.float32)
    inputs = ["x", "", "", "s"] if sizes else ["x", "", "s"]
    node = helper.make_node("Resize", inputs, ["y"], mode=mode, coordinate_transformation_mode="align_corners")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 2, n]) for name, n in (("x", length), ("y", "n"))]
    graph = helper.make_graph([node], "resize", values[:1], values[1:], [numpy_helper.from_array(given, "s")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, {"x": x})[0][0, 0, 0], session.run(None, {"x": x})[0][0, 0, 0]


ends = {}
for length, scale in ((6, 1.6), (5, 0.7), (5, 1.5), (6, 1.5)):
    for mode in ("nearest", "linear", "cubic"):
        for sizes in (False, True):
            reference, runtime = both(length, scale, mode, sizes)
            ends[length, scale, mode, sizes] = abs(reference[-1] - 10 * (length - 1)) < 1e-3, abs(runtime[-1] - 10 * (length - 1)) < 1e-3
            if mode == "linear":
                print(f"{length} by {scale}, {'sizes' if sizes else 'scales'}: reference {np.round(reference, 2)}, onnxruntime {np.round(runtime, 2)}")
for key, (reference, runtime) in ends.items():
    print(*key[:3], "sizes" if key[3] else "scales", "ends with the last entry: reference", bool(reference), "onnxruntime", bool(runtime))
missed = [ends[length, scale, mode, False][0] for length, scale in ((6, 1.6), (5, 0.7), (5, 1.5)) for mode in ("linear", "cubic")]
kept = [value[0] for key, value in ends.items() if key[3] or key[:2] == (6, 1.5)]
sys.exit(0 if not any(missed) and all(kept) and all(value[1] for value in ends.values()) else 1)
PYTHON
