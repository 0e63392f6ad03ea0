#!/usr/bin/env bash
# tract 0.23.9: Celu with alpha other than 1 is exp(x / alpha) - 1 below zero, without the factor alpha.
# Expected (Celu-12: "max(0,x) + min(0,alpha*(exp(x/alpha)-1))", as torch.nn.CELU, whose slope at zero is 1 on both sides): with
#   alpha = 0.5 the value at -2 is -0.49, as in onnxruntime.
# Happens: -0.98; with alpha = 2 the value is half of what it should be, and the slope jumps at zero. Elu, Selu and alpha = 1 are
#   right. GlobalLpPool adds up signed entries and divides by their number, as a mean: (-1, 2, 3, 4) with p = 1 is 2 and not 10.
#   No message. Both exporters of torch write CELU(alpha) as this operator.
# Our users: a decoder with CELU is another function on a device that runs tract, with another Lipschitz constant (2, and not 1, for
#   alpha = 0.5). `certify` is about the ONNX file, as onnxruntime runs it.
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
from onnx import TensorProto, helper


def both(operator: str, x: np.ndarray, **attributes) -> tuple[np.ndarray, np.ndarray]:
    """The values by tract and by onnxruntime of a model of one node."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", x.shape), ("y", None))]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **attributes)], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, sys.argv[1])
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    network = tract.onnx().load(sys.argv[1]).into_model().into_runnable()
    return network.run([x])[0].to_numpy(), session.run(None, {"x": x})[0]


print(", ".join(f"{name} {version(name)}" for name in ("tract", "onnxruntime", "onnx")))
x = np.array([-2.0, -1.0, -0.25, 0.0, 1.0], np.float32)
recorded = []
for alpha in (0.5, 1.0, 2.0):
    found, reference = both("Celu", x, alpha=alpha)
    below = np.expm1(np.minimum(x, 0.0) / alpha)
    assert np.allclose(reference, np.maximum(x, 0.0) + alpha * below, atol=1e-6)
    print(f"Celu, alpha = {alpha}, at {x.tolist()}: {found.round(4).tolist()}, expected {reference.round(4).tolist()}")
    recorded.append(np.allclose(found, np.maximum(x, 0.0) + below, atol=1e-5))
for operator in ("Elu", "Selu"):
    found, reference = both(operator, x, alpha=0.5)
    recorded.append(np.allclose(found, reference, atol=1e-5))
    print(f"{operator}, alpha = 0.5: as onnxruntime: {recorded[-1]}")
entries = np.array([[[-1.0, 2.0, 3.0, 4.0]]], np.float32)
found, reference = both("GlobalLpPool", entries, p=1)
print(f"GlobalLpPool, p = 1, of {entries.ravel().tolist()}: {found.item()}, expected {reference.item()}")
recorded.append(found.item() == 2.0 and reference.item() == 10.0)
sys.exit(0 if all(recorded) else 1)
PYTHON
