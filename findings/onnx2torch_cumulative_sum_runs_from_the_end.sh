#!/usr/bin/env bash
# onnx2torch 1.5.15 (torch 2.13.0): CumSum without the attribute `reverse` adds up from the end.
# Expected (the operator's text, CumSum-14: reverse "If set to 1 will perform the sums in reverse direction", default 0):
#   (1, 2, 3) becomes (1, 3, 6), as in onnxruntime and in the module that was exported.
# Happens: the converter takes 1 for an absent `reverse`: (6, 5, 3). torch's older exporter leaves the attribute out, so that a
#   module with torch.cumsum is another function after export and import. With reverse = 0 written out the value is right. Of
#   ConvTranspose the attribute output_shape is not read: 11 x 11 outputs where the file says 10 x 10. No message.
# Our users: a decoder with a cumulative sum (ordered outputs, spline knots) that goes through this importer is not the decoder of
#   the file. `certify` reads the file itself and holds what it read against onnxruntime.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
packages="onnx2torch==1.5.15 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6"
"$folder/venv/bin/pip" install -q torch==2.13.0 $packages || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder/file.onnx" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version
from unittest.mock import MagicMock

import numpy as np
import onnx
import onnxruntime
import torch

try:
    import torchvision
except RuntimeError:  # built for another torch; onnx2torch takes an operator for boxes from it, which is not used here
    sys.modules.update({"torchvision": MagicMock(), "torchvision.ops": MagicMock()})

import onnx2torch


class Sums(torch.nn.Module):
    def forward(self, z):
        return torch.cumsum(z, dim=1)


def both(model: onnx.ModelProto, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outputs by onnxruntime and by onnx2torch."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    imported = onnx2torch.convert(model).eval()
    return session.run(None, {session.get_inputs()[0].name: x})[0], imported(torch.from_numpy(x)).detach().numpy()


def model_of(node: onnx.NodeProto, shape: list[int], constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name, size in (("x", shape), ("y", None))]
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], tensors)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)


print("onnx2torch", version("onnx2torch"), "torch", torch.__version__, "onnxruntime", onnxruntime.__version__)
x = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
torch.onnx.export(Sums().eval(), (torch.from_numpy(x),), sys.argv[1], dynamo=False, opset_version=17)
expected, imported = both(onnx.load(sys.argv[1]), x)
print(f"torch.cumsum, exported: torch {torch.cumsum(torch.from_numpy(x), 1).tolist()},", end=" ")
print(f"onnxruntime {expected.tolist()}, onnx2torch {imported.tolist()}")
axis = {"axis": np.array(1, dtype=np.int64)}
written = both(model_of(onnx.helper.make_node("CumSum", ["x", "axis"], ["y"], reverse=0), [1, 3], axis), x)
print(f"CumSum with reverse = 0: onnxruntime {written[0].tolist()}, onnx2torch {written[1].tolist()}")
node = onnx.helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[10, 10])
weights = {"w": np.ones((1, 1, 3, 3), dtype=np.float32)}
shapes = [output.shape for output in both(model_of(node, [1, 1, 5, 5], weights), np.ones((1, 1, 5, 5), dtype=np.float32))]
print(f"ConvTranspose with output_shape = (10, 10): onnxruntime {shapes[0]}, onnx2torch {shapes[1]}")
reversed_ = expected.tolist() == [[1.0, 3.0, 6.0]] and imported.tolist() == [[6.0, 5.0, 3.0]]
right = written[0].tolist() == written[1].tolist() == [[1.0, 3.0, 6.0]]
sys.exit(0 if reversed_ and right and shapes == [(1, 1, 10, 10), (1, 1, 11, 11)] else 1)
PYTHON
