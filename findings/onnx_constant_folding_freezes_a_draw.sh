#!/usr/bin/env bash
# onnx-graphsurgeon 0.6.1 (fold_constants) and onnxslim 0.1.98 (by default): a random node of known shape is run once, and its
#   draw becomes a constant of the file.
# Expected (documentation of fold_constants: folds "nodes that are not dependent on runtime inputs", whose values are
#   constants; a draw is none): x + noise differs from run to run, as before, and as after onnxsim.
# Happens: RandomNormal with a shape, RandomNormalLike of a constant (or of what has a fixed shape), Bernoulli of constant
#   probabilities (this one by onnxscript 0.7.2, too): each is evaluated while folding, as if it were a function. The file has no
#   random node any more and gives the same "draw" at every run. No message. (No report of it was found. The exporter jax2onnx
#   errs in the other direction.)
# Our users: an encoder with a fixed batch size that was folded is a map: its law is one point, at distance 1 from every posterior
#   with a density. `certify audit` refuses it for that reason. Fold before the noise is put in, or make the noise an input.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnx==1.23.2 onnxruntime==1.31.1 onnxslim==0.1.98 onnxsim==0.8.1 onnxscript==0.7.2 \
    onnx-graphsurgeon==0.6.1 numpy==2.4.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnx_graphsurgeon
import onnxruntime
import onnxscript.optimizer
import onnxsim
import onnxslim
from onnx import TensorProto, helper, numpy_helper


def model(node: onnx.NodeProto) -> onnx.ModelProto:
    """The model x + noise, x of shape (1, 8)."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    constants = [numpy_helper.from_array(np.full((1, 8), 0.5, np.float32), "half")]
    nodes = [node, helper.make_node("Add", ["x", "noise"], ["y"])]
    graph = helper.make_graph(nodes, "draw", [x], [y], constants if node.input else [])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def random_runs(of: onnx.ModelProto) -> bool:
    """Whether two runs differ."""
    session = onnxruntime.InferenceSession(of.SerializeToString(), providers=["CPUExecutionProvider"])
    first, second = (session.run(None, {"x": np.zeros((1, 8), np.float32)})[0] for _ in range(2))
    return not np.array_equal(first, second)


def by_surgeon(of: onnx.ModelProto) -> onnx.ModelProto:
    return onnx_graphsurgeon.export_onnx(onnx_graphsurgeon.import_onnx(of).fold_constants().cleanup())


onnxruntime.set_default_logger_severity(3)
tools = {
    "onnx-graphsurgeon": by_surgeon,
    "onnxslim": onnxslim.slim,
    "onnxsim": lambda of: onnxsim.simplify(of)[0],
    "onnxscript": onnxscript.optimizer.optimize,
}
print(", ".join(f"{name} {version(name)}" for name in ("onnx", "onnxruntime", *tools)))
nodes = {
    "RandomNormal": helper.make_node("RandomNormal", [], ["noise"], shape=[1, 8]),
    "RandomNormalLike": helper.make_node("RandomNormalLike", ["half"], ["noise"]),
    "Bernoulli": helper.make_node("Bernoulli", ["half"], ["noise"]),
}
found = {}
for label, node in nodes.items():
    assert random_runs(model(node))
    for name, tool in tools.items():
        result = tool(model(node))
        found[name, label] = random_runs(result)
        kinds = [item.op_type for item in result.graph.node]
        print(f"{name}: {label} + x becomes {kinds}; runs differ: {found[name, label]}, expected True")
frozen = not any(found[name, label] for name in ("onnx-graphsurgeon", "onnxslim") for label in nodes)
kept = all(found[name, label] for name in ("onnxsim", "onnxscript") for label in ("RandomNormal", "RandomNormalLike"))
sys.exit(0 if frozen and kept else 1)
PYTHON
