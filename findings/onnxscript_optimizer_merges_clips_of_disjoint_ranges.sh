#!/usr/bin/env bash
# onnxscript 0.7.2, through torch 2.13.0: torch.onnx.export(dynamo=True) writes another function than the module computes.
# Expected (documentation of torch.onnx.export: optimize "Whether to optimize the exported model", on by default): an
#   optimised model has the same values. Clipping to [0, 1] and then to [2, 3] is 2 everywhere; relu of what was cut at
#   -0.5 from above is 0 everywhere.
# Seen: two Clip nodes, or Clip and Relu, become one Clip whose ends are the larger lower and the smaller upper end. Where the
#   two ranges do not meet, its lower end is above its upper end, and ONNX then gives the upper end: 1 in place of 2, and
#   -0.5 in place of 0. With optimize=False the file is right.
# Our users: a decoder whose output is cut twice (a hard activation, then a clamp to the data's range) can be another function
#   in the file than in training. `certify` refuses a Clip whose lower end is above its upper end, in one line with the node.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder/file.onnx" 2>/dev/null <<'PYTHON'
import sys

import onnxruntime
import onnxscript
import torch


class TwoRanges(torch.nn.Module):
    def forward(self, z):
        return torch.clamp(torch.nn.functional.hardtanh(z, 0.0, 1.0), 2.0, 3.0)


class CutThenRelu(torch.nn.Module):
    def forward(self, z):
        return torch.relu(torch.clamp(z, max=-0.5))


def of_the_file(module: torch.nn.Module, z: torch.Tensor, optimize: bool) -> list[float]:
    torch.onnx.export(module, (z,), dynamo=True, optimize=optimize, verbose=False).save(sys.argv[1])
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: z.numpy()})[0].ravel().tolist()


print("torch", torch.__version__, "onnxscript", onnxscript.__version__, "onnxruntime", onnxruntime.__version__)
z = torch.tensor([[-2.0, 0.5, 4.0]])
seen = []
for module, recorded in ((TwoRanges(), [1.0] * 3), (CutThenRelu(), [-0.5] * 3)):
    torchs = module.eval()(z).ravel().tolist()
    optimised, plain = of_the_file(module, z, True), of_the_file(module, z, False)
    print(f"{type(module).__name__}: torch {torchs}, file {optimised}, file with optimize=False {plain}")
    seen.append(plain == torchs and optimised == recorded and torchs != recorded)
sys.exit(0 if all(seen) else 1)
PYTHON
