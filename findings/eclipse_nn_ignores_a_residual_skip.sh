#!/usr/bin/env bash
# eclipse-nn 0.1.7 (ECLipsE): the "certified Lipschitz upper bound" of a module with a skip connection is below the truth.
# Expected: the package computes "certified Lipschitz upper bounds for deep feedforward neural networks" of a torch module
#   (its README); a module that it cannot represent is refused.
# What happens: it reads the nn.Linear modules in the order of model.modules() and never forward(). For z + tanh(z) it returns
#   1.0; the slope at 0 is 2. Of activations it knows five by the module that follows a Linear, and takes every slope bound
#   as 1 (Sigmoid 1/4): nn.LeakyReLU(3.0) gets 1.0 too. No message.
# Our users: its values stand beside ours on plain tanh, sigmoid and ReLU networks only; on residual decoders they are no bound.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 eclipse-nn==0.1.7 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import torch
from eclipse_nn import LipConstEstimator


def identity() -> torch.nn.Linear:
    layer = torch.nn.Linear(1, 1).double()
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.zero_()
    return layer


class Residual(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.activation, self.second = identity(), torch.nn.Tanh(), identity()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + self.second(self.activation(self.first(z)))


leaky = torch.nn.Sequential(identity(), torch.nn.LeakyReLU(3.0), identity())
z = torch.tensor([[-2e-3], [-1e-3]], dtype=torch.double)
print("eclipse-nn", version("eclipse-nn"))
below = []
for name, module in (("z + tanh(z)", Residual()), ("LeakyReLU(3)", leaky)):
    values = module(z)
    quotient = ((values[1] - values[0]) / (z[1] - z[0])).item()
    for method in ("ECLipsE", "ECLipsE_Fast"):
        bound = float(LipConstEstimator(model=module).estimate(method))
        print(f"{name}, {method}: expected at least {quotient:.6f} (a difference quotient), seen {bound:.6f}")
        below.append(bound < 0.999 * quotient)
raise SystemExit(0 if all(below) else 1)
PYTHON
