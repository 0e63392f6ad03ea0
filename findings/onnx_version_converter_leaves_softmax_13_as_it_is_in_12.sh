#!/usr/bin/env bash
# onnx 1.23.2, onnx.version_converter: Softmax and LogSoftmax lowered from operator set 13 to 12, and Hardmax raised, unchanged.
# Expected (docstring of convert_version: it raises "RuntimeError when some necessary conversion is not supported"): the same
#   function or a refusal. Up to 12 the operator "coerces the input into a 2-D tensor" at `axis`, from 13 on it takes that one
#   axis (the operators' texts); Softmax raised from 12 to 13 is rewritten, with Flatten and Reshape.
# Happens: lowering keeps the node. On a (1, 2, 3) tensor with axis = 1 the entries of each column add to 1 before, all six after.
#   Hardmax is not rewritten when raised either: one entry in six is 1 before, one in each column after. The checker passes.
# For us: a decoder or a mixture's weights with a softmax over channels is another function once it is lowered for an old runtime.
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
from onnx import TensorProto, helper, version_converter

x = np.arange(6, dtype=np.float32).reshape(1, 2, 3)


def run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for operator, source, target, changes in (
    ("Softmax", 12, 13, False),
    ("Softmax", 13, 12, True),
    ("LogSoftmax", 13, 12, True),
    ("Hardmax", 12, 13, True),
):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], axis=1)], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", source)], ir_version=7)
    before, after = run(model), run(version_converter.convert_version(model, target))
    difference = np.abs(before - after).max()
    print(f"{operator}, {source} to {target}: expected {before.ravel().round(3)}, seen {after.ravel().round(3)}")
    as_recorded &= bool(difference > 0.3 if changes else difference < 1e-6)
sys.exit(0 if as_recorded else 1)
PYTHON
