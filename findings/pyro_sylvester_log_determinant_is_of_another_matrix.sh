#!/usr/bin/env bash
# pyro-ppl 1.9.2 (the newest): the transform Sylvester returns the logarithm of a determinant that is not that of its Jacobian.
# Expected (its docstring: y = x + Q R tanh(S Q' x + b) with R and S upper triangular and Q orthogonal, where the determinant is the
#   product of 1 + tanh' R_ii S_ii; log_abs_det_jacobian is "log(abs(det(dy/dx)))"): the density of the transformed law integrates
#   to 1, whatever the parameters.
# Happens: the matrices are multiplied from the right, x (S Q') and tanh (Q R), so that the map is x + R' Q' tanh(Q S' x + b) and
#   the Q in the middle do not cancel: the triangular formula is right for Q diagonal only. With R and S of size 2 the integral of
#   the density is 0.78 to 1.5 in the plane, and the map need not be injective, as the determinant changes sign; near the initial
#   values, of size 0.01, the error is 1e-6. No message. (No report of it was found.)
# Our users: a likelihood or an evidence bound of a flow with this transform is off by an amount that training decides. Take the
#   log-determinant of the Jacobian by automatic differentiation, or Planar, Radial and the autoregressive transforms, which are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 || exit 2
"$folder/venv/bin/pip" install -q pyro-ppl==1.9.2 torch==2.13.0 numpy==2.4.6 || exit 2
OMP_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from pyro.distributions import transforms

torch.set_default_dtype(torch.float64)
line = torch.linspace(-8.0, 8.0, 321)
plane = torch.cartesian_prod(line, line)
weights = torch.exp(-0.5 * (plane**2).sum(-1))
weights = weights / weights.sum()


def compared(transform, points) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """The returned logarithms, those of the Jacobian's determinants by automatic differentiation, and whether these change sign."""
    returned = transform.log_abs_det_jacobian(points, transform(points))
    jacobians = torch.func.vmap(torch.func.jacrev(lambda x: transform._call(x)))(points)
    sign, logarithm = torch.linalg.slogdet(jacobians)
    return returned.detach(), logarithm.detach(), bool(sign.min() < sign.max())


def sylvester(seed: int, size: float, direction=None):
    torch.manual_seed(seed)
    transform = transforms.Sylvester(2)
    for name in ("R_dense", "S_dense", "R_diag", "S_diag", "b"):
        getattr(transform, name).data = size * torch.randn_like(getattr(transform, name))
    if direction is not None:
        transform.u_unnormed.data = torch.tensor([direction])
    return transform


print("pyro", version("pyro-ppl"), "torch", torch.__version__)
integrals, folded = [], []
for seed in range(5):
    returned, right, changes = compared(sylvester(seed, 2.0), plane)
    folded.append(changes)
    integrals.append(float((weights * (right - returned).exp()).sum()))
    print(f"parameters {seed}, of size 2: the density integrates to {integrals[-1]:.4f} (expected 1);", end=" ")
    print(f"largest error of the logarithm {float((right - returned).abs().max()):.3f}; the determinant changes sign: {changes}")
errors = {}
for name, transform in {
    "Sylvester, size 0.01": sylvester(0, 0.01),
    "Sylvester, size 2, Q diagonal": sylvester(0, 2.0, [1.0, 0.0]),
    "Planar": transforms.planar(2),
    "Radial": transforms.radial(2),
}.items():
    returned, right, _ = compared(transform, plane)
    errors[name] = float((right - returned).abs().max())
    print(f"{name}: largest error of the logarithm {errors[name]:.1e}")
controls = all(errors[name] < 1e-6 for name in errors if name != "Sylvester, size 0.01")
sys.exit(0 if controls and max(abs(i - 1) for i in integrals) > 0.1 and any(folded) else 1)
PYTHON
