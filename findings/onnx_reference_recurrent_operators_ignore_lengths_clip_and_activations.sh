#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator: LSTM and GRU run without sequence_lens, clip, activations and input_forget.
# Expected (the operators' texts, LSTM-14 and GRU-14: sequence_lens gives the lengths of the sequences in a batch; clip bounds
#   "the input of activations"; activations names the functions f, g, h; input_forget couples two gates): values other than
#   those of the node without the input or attribute, as in onnxruntime, or a refusal.
# Happens: the very values of the plain node, bit for bit, without a message. RNN ignores the lengths and the clip.
# For us: a recurrent decoder or encoder with any of these cannot be held against the reference, which stands in where
#   onnxruntime does not know the operator set.
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
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

generator = np.random.default_rng(0)
x = 5.0 * generator.normal(size=(3, 2, 2)).astype(np.float32)
lengths = np.array([3, 1], np.int32)


def run(operator: str, gates: int, lens: bool, **attributes) -> list[np.ndarray]:
    weights = np.random.default_rng(1).normal(size=(2, 1, gates * 2, 2)).astype(np.float32)
    inputs = ["x", "W", "R", *(["", "lens"] if lens else [])]
    constants = [numpy_helper.from_array(w, name) for w, name in zip(weights, "WR")] + [numpy_helper.from_array(lengths, "lens")]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, ["y"], hidden_size=2, **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 1, 2, 2])],
        constants[: 3 if lens else 2],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]]


print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
as_recorded = True
for operator, gates, functions in (("LSTM", 4, ["HardSigmoid", "Softsign", "Relu"]), ("GRU", 3, ["HardSigmoid", "Softsign"])):
    plain = run(operator, gates, False)
    as_recorded &= bool(np.allclose(*plain, atol=1e-5))
    cases = {"sequence_lens": (True, {}), "clip": (False, {"clip": 0.5}), "activations": (False, {"activations": functions})}
    if operator == "LSTM":
        cases["input_forget"] = (False, {"input_forget": 1})
    for name, (lens, attributes) in cases.items():
        runtime, reference = run(operator, gates, lens, **attributes)
        change = np.abs(runtime - plain[0]).max()
        print(f"{operator}, {name}: changes the output by {change:.2f} in onnxruntime (expected),", end=" ")
        print(f"by {np.abs(reference - plain[1]).max():.2f} in onnx.reference")
        as_recorded &= bool(change > 0.05 and np.array_equal(reference, plain[1]))
sys.exit(0 if as_recorded else 1)
PYTHON
