#!/usr/bin/env bash
# onnxoptimizer 0.4.2: two Reshape nodes become one of another shape when the second has a 0 in its target.
# Expected (ONNX operator Reshape: a 0 copies the dimension of the node's own input; a pass for idempotent operators keeps the
#   model's values and shapes): (1, 6) reshaped to (2, 1, 3) and then to [0, -1] is of shape (2, 3).
# Seen: the first node is dropped as if Reshape were idempotent, the 0 then copies from (1, 6), and the output has shape (1, 6):
#   the same numbers, another shape, no error. With `eliminate_consecutive_idempotent_ops` alone too.
# Our users: decoders flattened by [0, -1] are common in exported files; one that was optimised can declare a shape that it no
#   longer has. `certify` takes a decoder's output as one vector, in the order of its entries, which the shape does not change.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxoptimizer==0.4.2 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxoptimizer
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

graph = helper.make_graph(
    [helper.make_node("Reshape", ["x", "first"], ["t"]), helper.make_node("Reshape", ["t", "second"], ["y"])],
    "two",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
    [numpy_helper.from_array(np.array([2, 1, 3]), "first"), numpy_helper.from_array(np.array([0, -1]), "second")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
x = np.arange(6, dtype=np.float32).reshape(1, 6)


def shape(of: onnx.ModelProto) -> tuple[int, ...]:
    return ReferenceEvaluator(of).run(None, {"x": x})[0].shape


default = onnxoptimizer.optimize(model)
alone = onnxoptimizer.optimize(model, ["eliminate_consecutive_idempotent_ops"])
print("onnxoptimizer", version("onnxoptimizer"))
print("before", shape(model), "after", shape(default), "by one pass", shape(alone))
sys.exit(0 if (shape(model), shape(default), shape(alone)) == ((2, 3), (1, 6), (1, 6)) else 1)
PYTHON
