#!/usr/bin/env bash
# onnx2pytorch 0.6.0 (torch 2.13.0): Gather with a negative axis gathers along the first one.
# Expected (Gather-13: axis "Which axis to gather on. Negative value means counting dimensions from the back"): torch's module,
#   exported and imported, has the module's values, as in onnxruntime.
# Happens: z.select(-1, 0) comes back as z[0] and index_select(z, -1, (2, 0)) as the rows 2 and 0 of z, wherever the sizes
#   allow it; with the axis written as 1 it is right. Both exporters of torch keep the -1. Resize by nearest neighbours is
#   PyTorch's whatever coordinate_transformation_mode and nearest_mode say, and a linear one with "asymmetric" is "half_pixel": of
#   (0, 1) doubled it makes (0, 0.25, 0.75, 1) and not (0, 0.5, 1, 1). No message.
# Our users: a network that a verifier reads by this importer is not the network of the file. `certify` reads the file itself and
#   holds what it read against onnxruntime.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
packages="onnx2pytorch==0.6.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy==2.4.6"
"$folder/venv/bin/pip" install -q torch==2.13.0 $packages || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder/file.onnx" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version
from unittest.mock import MagicMock

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

try:
    import torchvision
except RuntimeError:  # built for another torch; what onnx2pytorch takes from it, boxes and image files, is not used here
    sys.modules.update({name: MagicMock() for name in ("torchvision", "torchvision.ops", "torchvision.io")})

from onnx2pytorch import ConvertModel


class Last(torch.nn.Module):
    def forward(self, z):
        return z.select(-1, 0)


class Chosen(torch.nn.Module):
    def forward(self, z):
        return torch.index_select(z, -1, torch.tensor([2, 0]))


class Positive(torch.nn.Module):
    def forward(self, z):
        return torch.index_select(z, 1, torch.tensor([2, 0]))


def both(model: onnx.ModelProto, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The outputs by onnxruntime and by onnx2pytorch."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    imported = ConvertModel(model).eval()
    with torch.no_grad():
        return session.run(None, {session.get_inputs()[0].name: x})[0], imported(torch.from_numpy(x)).numpy()


def resized(**attributes) -> tuple[np.ndarray, np.ndarray]:
    """The row (0, 1) at twice its length, by both."""
    scales = numpy_helper.from_array(np.array([1.0, 1.0, 1.0, 2.0], np.float32), "scales")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in (("x", [1, 1, 1, 2]), ("y", [1, 1, 1, 4]))]
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [scales])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return both(model, np.array([[[[0.0, 1.0]]]], np.float32))


print(", ".join(f"{name} {version(name)}" for name in ("onnx2pytorch", "torch", "onnxruntime")))
z = torch.arange(9.0).reshape(3, 3)
rows = {Last: z[0], Chosen: z[[2, 0]], Positive: z[:, [2, 0]]}
recorded = []
for module, taken in rows.items():
    for dynamo in (False, True):
        torch.onnx.export(module().eval(), (torch.zeros(3, 3),), sys.argv[1], dynamo=dynamo, opset_version=18)
        model = onnx.load(sys.argv[1])
        (axis,) = (a.i for node in model.graph.node if node.op_type == "Gather" for a in node.attribute if a.name == "axis")
        expected, found = both(model, z.numpy())
        assert np.array_equal(expected, module()(z).numpy())
        recorded.append(axis == (1 if module is Positive else -1) and np.array_equal(found, taken.numpy()))
        print(f"{module.__name__}, axis {axis}: expected {expected.tolist()}, onnx2pytorch {found.tolist()}")
for mode, coordinates, seen in (
    ("linear", "half_pixel", [0.0, 0.25, 0.75, 1.0]),
    ("linear", "asymmetric", [0.0, 0.25, 0.75, 1.0]),
    ("nearest", "asymmetric", [0.0, 0.0, 1.0, 1.0]),
):
    options = {"nearest_mode": "ceil"} if mode == "nearest" else {}
    expected, found = resized(mode=mode, coordinate_transformation_mode=coordinates, **options)
    recorded.append(np.array_equal(found.ravel(), seen) and np.array_equal(expected, found) == (coordinates == "half_pixel"))
    print(f"Resize {mode}, {coordinates} {options}: expected {expected.ravel().tolist()}, onnx2pytorch {found.ravel().tolist()}")
sys.exit(0 if all(recorded) else 1)
PYTHON
