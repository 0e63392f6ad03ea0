#!/usr/bin/env bash
# onnx 1.23.2, onnx.version_converter: Resize (and Upsample) of operator set 10 and before changes its values when raised.
# Expected (docstring of convert_version: it raises "RuntimeError when some necessary conversion is not supported"): the
#   converted model is the same function. Resize-10 takes x_original = x_resized / scale, which Resize-11 calls "asymmetric".
# Happens: the node gets its new inputs and no attribute, so that it is read with Resize-11's default, "half_pixel". (0, 1, 2)
#   enlarged twice linearly is (0, .5, 1, 1.5, 2, 2) before and (0, .25, .75, 1.25, 1.75, 2) after. (Known: issue 8480, open.)
# For us: a convolutional decoder of an old exporter, raised to a newer operator set, is another generator. Certificates are
#   about the file that is given: certify the original, which is read as it is, not the converted one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter

value = helper.make_tensor_value_info
node = {7: helper.make_node("Upsample", ["x"], ["y"], mode="linear", scales=[1.0, 1.0, 2.0])}
node[10] = helper.make_node("Resize", ["x", "scales"], ["y"], mode="linear")
x = np.array([[[0.0, 1.0, 2.0]]], np.float32)


def run(model: onnx.ModelProto) -> list[float]:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].ravel().tolist()


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for version in node:
    scales = [numpy_helper.from_array(np.array([1, 1, 2], np.float32), "scales")] if version == 10 else []
    ends = [value("x", TensorProto.FLOAT, [1, 1, 3]), value("y", TensorProto.FLOAT, [1, 1, 6])]
    graph = helper.make_graph([node[version]], "g", ends[:1], ends[1:], scales)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=7)
    before = run(model)
    for target in (13, 18):
        after = run(version_converter.convert_version(model, target))
        print(f"{node[version].op_type}, {version} to {target}: expected {before}, seen {after}")
        as_recorded &= before == [0, 0.5, 1, 1.5, 2, 2] and bool(np.allclose(after, [0, 0.25, 0.75, 1.25, 1.75, 2]))
sys.exit(0 if as_recorded else 1)
PYTHON
