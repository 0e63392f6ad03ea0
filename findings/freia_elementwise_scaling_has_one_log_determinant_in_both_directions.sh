#!/usr/bin/env bash
# FrEIA 0.2 (the newest on PyPI): LearnedElementwiseScaling returns in the reverse direction the log-determinant of the forward one,
#   and its argument init_scale does nothing.
# Expected (FrEIA's documentation: a module returns "the outputs and the Jacobian log-determinant" of what it does, forward or with
#   rev=True; its docstring: g(x) = x exp(s), and "exp(s) = init_scale" at the start): +sum s forward, -sum s in reverse, as for
#   ActNorm, FixedLinearTransform and the coupling blocks.
# Happens: +sum s in both; the two do not cancel, and a density of draws, by rev=True, is off by the factor exp(2 sum s). init_scale
#   is the logarithm times a tensor of zeros: the scale is 1 at every init_scale. No message. (The argument was corrected in the
#   repository, by pull request 118; no release has it. No report of the sign was found.)
# Our users: an encoder whose log-density is taken along with its draws enters an evidence bound with the wrong sign of this layer.
#   Use ActNorm with a fixed state, or the log-determinant of the forward direction at the draw.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q FrEIA==0.2 torch==2.13.0 numpy==2.4.6 scipy==1.17.1 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from FrEIA import modules

torch.manual_seed(0)
x = torch.randn(1, 4)


def log_determinants(module, reverse: bool) -> tuple[float, float]:
    """What the module returns, and the logarithm of the determinant of its Jacobian."""
    jacobian = torch.autograd.functional.jacobian(lambda point: module([point[None]], rev=reverse)[0][0][0], x[0])
    return float(module([x], rev=reverse)[1]), float(torch.linalg.slogdet(jacobian)[1])


print("FrEIA", version("FrEIA"), "torch", torch.__version__)
scaling = modules.LearnedElementwiseScaling([(4,)])
scaling.s.data = torch.tensor([[0.5, -0.25, 1.0, 0.75]])
normalisation = modules.ActNorm([(4,)])
normalisation([torch.randn(100, 4) * 3 + 1])
seen = {}
for name, module in {"LearnedElementwiseScaling": scaling, "ActNorm": normalisation}.items():
    for reverse in (False, True):
        seen[name, reverse] = returned, right = log_determinants(module, reverse)
        print(f"{name}, rev={reverse}: expected {right:.4f}, seen {returned:.4f}")
start = modules.LearnedElementwiseScaling([(4,)], init_scale=10.0)
ratio = (start([x])[0][0] / x).detach().flatten().tolist()
print(f"init_scale=10: output over input expected 10, seen {ratio}")
agree = {key: abs(returned - right) < 1e-5 for key, (returned, right) in seen.items()}
recorded = agree["LearnedElementwiseScaling", False] and agree["ActNorm", False] and agree["ActNorm", True]
wrong = abs(sum(seen["LearnedElementwiseScaling", True]) - 0.0) < 1e-5 and not agree["LearnedElementwiseScaling", True]
sys.exit(0 if recorded and wrong and ratio == [1.0] * 4 else 1)
PYTHON
