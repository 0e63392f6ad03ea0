#!/usr/bin/env bash
# MNN 3.6.1, CPU: Less and Equal of two float tensors compare their bits as integers.
# Expected (Less-13: "performs the less logical operation elementwise"; Equal likewise; IEEE 754 has 0 = -0): -2 < -0.5 and
#   0 = -0, as Greater, LessOrEqual and GreaterOrEqual of the same library say it.
# Happens: of two negative numbers the one nearer to zero is the less, and -0 is less than 0 and not equal to it: on all pairs of
#   eight numbers the answer is that of the int32 with the same bits. No message. torch writes torch.where(z < -0.5, -0.5, z)
#   as Less and Where; there MNN's network returns -2 for -2, and -0.5 for -0.25. Both by the converter and in MNN's own
#   expressions.
# Our users: a decoder with a piece that begins below zero (a clip, a hard sigmoid or a ReLU moved by a bias, written as a
#   condition) is another function on a device that runs MNN. `certify` is about the ONNX file, as onnxruntime runs it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import itertools
import subprocess
import sys
from importlib.metadata import version

import MNN.expr as F
import MNN.nn
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder = sys.argv[1]


def by_onnxruntime(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def by_mnn(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    files = [f"{folder}/model.onnx", f"{folder}/model.mnn"]
    onnx.save(model, files[0])
    command = [sys.prefix + "/bin/mnnconvert", "-f", "ONNX", "--modelFile", files[0], "--MNNModel", files[1], "--bizCode", "x"]
    subprocess.run(command, check=True, capture_output=True)
    network = MNN.nn.load_module_from_file(files[1], ["x"], ["y"])
    given = F.placeholder(list(x.shape), F.NCHW, F.float)
    given.write(x)
    outputs = network.forward([given])
    return np.array(F.convert(outputs[0], F.NCHW).read())


def compared(operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """MNN's own operator, without ONNX."""
    left, right = (F.const(values.tolist(), list(values.shape), F.NCHW) for values in (a, b))
    result = operator(left, right)
    return np.array(result.read()).astype(bool)


print("MNN", version("MNN"), "onnxruntime", onnxruntime.__version__)
bound = numpy_helper.from_array(np.array(-0.5, np.float32), "bound")
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [6]) for name in "xy")
nodes = [helper.make_node("Less", ["x", "bound"], ["below"]), helper.make_node("Where", ["below", "bound", "x"], ["y"])]
graph = helper.make_graph(nodes, "at_least", [x], [y], [bound])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
points = np.array([-2.0, -1.0, -0.25, 0.0, 0.5, 2.0], np.float32)
expected = np.maximum(points, -0.5)
found, reference = by_mnn(model, points), by_onnxruntime(model, points)
print(f"where(z < -0.5, -0.5, z) at {points.tolist()}: expected {expected.tolist()}, MNN {found.tolist()}")
numbers = [-3.0, -2.0, -0.5, -0.0, 0.0, 0.5, 2.0, 3.0]
a, b = np.array(list(itertools.product(numbers, numbers)), np.float32).T.copy()
bits = [values.view(np.int32) for values in (a, b)]
as_integers, right = [], []
for name in ("less", "equal", "less_equal", "greater", "greater_equal"):
    seen = compared(getattr(F, name), a, b)
    answers = [getattr(np, name)(a, b), getattr(np, name)(*bits)]
    right.append(np.array_equal(seen, answers[0]))
    as_integers.append(np.array_equal(seen, answers[1]))
    print(f"{name}: {np.sum(seen != answers[0])} of {len(a)} pairs are wrong; as the int32 with the same bits: {as_integers[-1]}")
clipped = np.array_equal(reference, expected) and found.tolist() == [-2.0, -1.0, -0.5, 0.0, 0.5, 2.0]
sys.exit(0 if clipped and as_integers == [True, True, *[False] * 3] and right == [False, False, *[True] * 3] else 1)
PYTHON
