#!/usr/bin/env bash
# tract 0.23.9: RNN, GRU and LSTM with direction = "reverse" are run forward, and named activations and `clip` are not read.
# Expected (the operators' text: direction "Specify if the RNN is forward, reverse, or bidirectional", activations "The activation
#   function (or activation functions) to be specified"): the values of onnxruntime.
# Happens: the outputs Y and Y_h of a reverse recurrence are exactly those of the forward one with the same weights. An RNN with
#   activations = ["Relu"] is computed with the hyperbolic tangent, one with clip = 0.1 without it. No message. Forward and
#   bidirectional recurrences with the default activations are right. (Activations and clip: issue 2751 of sonos/tract; no
#   report of the direction was found.)
# Our users: a decoder of sequences exported with these options is another function on a device that runs tract. `certify` is
#   about the ONNX file, as onnxruntime runs it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tract==0.23.9 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder/model.onnx" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnx
import onnxruntime
import tract
from onnx import TensorProto, helper, numpy_helper

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, SIZE, HIDDEN = 4, 3, 2
generator = np.random.default_rng(0)
WEIGHTS = {
    operator: [generator.standard_normal((2, gates * HIDDEN, width)).astype(np.float32) for width in (SIZE, HIDDEN)]
    for operator, gates in GATES.items()
}
X = generator.standard_normal((STEPS, 1, SIZE)).astype(np.float32)


def both(operator: str, outputs: list[str], **options) -> tuple[np.ndarray, np.ndarray]:
    """The values by tract and by onnxruntime of one recurrence with the same weights."""
    directions = 2 if options.get("direction") == "bidirectional" else 1
    tensors = [numpy_helper.from_array(w[:directions], name) for w, name in zip(WEIGHTS[operator], "wr")]
    node = helper.make_node(operator, ["x", "w", "r"], outputs, hidden_size=HIDDEN, **options)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", X.shape), ("y", None))]
    model = helper.make_model(
        helper.make_graph([node], "g", ends[:1], ends[1:], tensors), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, sys.argv[1])
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    network = tract.onnx().load(sys.argv[1]).into_model().into_runnable()
    return network.run([X])[0].to_numpy(), session.run(None, {"x": X})[0]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, atol=1e-5)


print(", ".join(f"{name} {version(name)}" for name in ("tract", "onnxruntime", "onnx")))
recorded = []
for operator in GATES:
    for outputs, name in ((["y"], "Y"), (["", "y"], "Y_h")):
        forward, reverse, twofold = (both(operator, outputs, direction=d) for d in ("forward", "reverse", "bidirectional"))
        assert not same(forward[1], reverse[1])
        recorded += [same(*forward), same(*twofold), same(reverse[0], forward[1]), not same(*reverse)]
        seen = [values.ravel()[:3].round(4) for values in (reverse[1], reverse[0], forward[1])]
        print(f"{operator} reverse, {name}: expected {seen[0]}, tract {seen[1]}, forward {seen[2]}")
plain = both("RNN", ["y"])[1]
for options in ({"activations": ["Relu"]}, {"clip": 0.1}):
    found, reference = both("RNN", ["y"], **options)
    assert not same(reference, plain)
    recorded.append(same(found, plain))
    print(f"RNN with {options}: expected {reference.ravel()[:3].round(4)}, tract {found.ravel()[:3].round(4)}")
sys.exit(0 if all(recorded) else 1)
PYTHON
