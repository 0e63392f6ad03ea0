#!/usr/bin/env bash
# torch 2.13.0: torch.onnx.export(dynamo=False) writes Softplus without its threshold; dynamo=True keeps it.
# Expected: nn.Softplus(beta, threshold) "reverts to the linear function when input * beta > threshold" (its docstring),
#   so the exported model returns x itself there.
# What happens: the older exporter checks beta only and writes ONNX's Softplus, which has no threshold. At threshold = 1,
#   x = 1.25 the module gives 1.25, its file 1.5019; the newer exporter's file (Greater and Where) gives 1.25. At the
#   default threshold, 20, the two differ by 2e-9 at most.
# Our users: the module with a threshold is discontinuous, so a constant M exists for the file and not for the module.
#   A certificate is about the file that is given, and the two exporters give two functions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.27.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - "$folder" 2>/dev/null <<'PYTHON'
import sys

import onnxruntime
import torch

module = torch.nn.Softplus(beta=1.0, threshold=1.0).eval()
x = torch.tensor([[-1.0, 0.5, 1.25, 3.0]])
results = {}
for name, dynamo in (("torchscript", False), ("dynamo", True)):
    path = f"{sys.argv[1]}/{name}.onnx"
    torch.onnx.export(module, (x,), path, dynamo=dynamo)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    results[name] = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
expected = module(x)
print("torch", torch.__version__)
print("expected:        ", expected.tolist())
for name, seen in results.items():
    print(f"seen {name:12s}", seen.tolist())
dropped = torch.allclose(results["torchscript"], torch.log1p(torch.exp(x)), atol=1e-6)
kept = torch.allclose(results["dynamo"], expected, atol=1e-6)
raise SystemExit(0 if dropped and kept and not torch.allclose(results["torchscript"], expected, atol=1e-2) else 1)
PYTHON
