#!/usr/bin/env bash
# normflows 1.7.3: the transform Shift adds to the caller's own tensor, so that a second log_prob(x) is of another x.
# Expected (its docstring: "Shift data by a fixed constant"): log_prob(x) of a flow with a Shift is a function of x, and x is
#   what it was before.
# Happens: forward and inverse are `z -= self.shift` and `z += self.shift` on the argument. The default takes data from [0, 1] to
#   [-0.5, 0.5]; at the second call the same tensor holds [-1, 0], at the third [-1.5, -0.5], and so on: a training set that is
#   kept as one tensor walks away by 0.5 an epoch. No message.
# Our users: a density that is compared with a certified one at the same points is compared at other points. Pass x.clone().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q normflows==1.7.3 torch==2.13.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import normflows
import torch

flow = normflows.NormalizingFlow(normflows.distributions.DiagGaussian(2, trainable=False), [normflows.transforms.Shift()])
x = torch.tensor([[0.25, 0.75]])
before = x.clone()
values = [flow.log_prob(x).item() for _ in range(3)]
expected = torch.distributions.Normal(0.0, 1.0).log_prob(before - 0.5).sum().item()
print("normflows", version("normflows"), "torch", torch.__version__)
print(f"log_prob(x), three times: expected {expected:.4f}, seen {[round(v, 4) for v in values]}")
print(f"x: expected {before.tolist()}, seen {x.tolist()}")
same = abs(values[0] - expected) < 1e-5
sys.exit(0 if same and values[1] < values[0] - 0.1 and torch.allclose(x, before - 1.5) else 1)
PYTHON
