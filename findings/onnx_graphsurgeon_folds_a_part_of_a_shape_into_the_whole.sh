#!/usr/bin/env bash
# onnx-graphsurgeon 0.6.1: fold_constants replaces Shape with start and end by the whole shape.
# Expected (ONNX operator Shape, since opset 15: "Attributes start and end can be used to compute a slice of the input tensor's
#   shape"; folding keeps a model's values): Shape with start=1 of a tensor (2, 4) is [4], as onnxsim and onnxscript fold it.
# Happens: both attributes are ignored and the constant is [2, 4]. The mean of each row, a sum divided by that number, becomes
#   [sum/2, sum/4]: the first row's is twice too large, with no message. In a Reshape or Expand the whole shape mostly ends in an
#   error, of which the cause is hard to see. Only tensors whose shape is known in full are concerned. (onnxslim had the same,
#   issue 38 of tsingmicro-toolchain/OnnxSlim; of onnx-graphsurgeon no report was found.)
# Our users: `certify encoder` writes Shape with start and end, which is safe while the batch size is open; fixed and folded, the
#   file is another network, or none. `certify` reads the attributes. Fold with onnxsim or onnxscript.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 onnx-graphsurgeon==0.6.1 onnxsim==0.8.1 onnxscript==0.7.2 \
    numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnx_graphsurgeon
import onnxruntime
import onnxscript.optimizer
import onnxsim
from onnx import TensorProto, helper, numpy_helper


def model(**ends: int) -> onnx.ModelProto:
    """The sum of each row of x (2, 4), divided by what Shape with these attributes gives."""
    nodes = [
        helper.make_node("ReduceSum", ["x", "axis"], ["total"], keepdims=0),
        helper.make_node("Shape", ["x"], ["columns"], **ends),
        helper.make_node("Cast", ["columns"], ["count"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["total", "count"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    axis = numpy_helper.from_array(np.array([1], np.int64), "axis")
    made = helper.make_model(
        helper.make_graph(nodes, "means", [x], [y], [axis]), opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def run(of: onnx.ModelProto) -> list[float]:
    session = onnxruntime.InferenceSession(of.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.arange(8, dtype=np.float32).reshape(2, 4)})[0].tolist()


tools = {
    "none": lambda of: of,
    "onnx-graphsurgeon": lambda of: onnx_graphsurgeon.export_onnx(
        onnx_graphsurgeon.import_onnx(of).fold_constants().cleanup()
    ),
    "onnxsim": lambda of: onnxsim.simplify(of)[0],
    "onnxscript": onnxscript.optimizer.optimize,
}
print(", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxruntime", *list(tools)[1:])))
right, found = [1.5, 5.5], {}
for ends in ({"start": 1}, {"start": -1}, {"start": 1, "end": 2}):
    for name, tool in tools.items():
        found.setdefault(name, []).append(run(tool(model(**ends))))
        print(f"{name}, Shape with {ends}: means of the rows {found[name][-1]}, expected {right}")
kept = all(values == right for name in ("none", "onnxsim", "onnxscript") for values in found[name])
sys.exit(0 if kept and all(values == [3.0, 5.5] for values in found["onnx-graphsurgeon"]) else 1)
PYTHON
