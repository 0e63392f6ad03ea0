"""Small torch modules in the operators that decoders use; run with torch, this writes `tests/data/operators`.

    python -m tests.torch_operators

Each module is exported by both exporters of torch (the older one cannot express some of them). Beside the files, in
`values.json`, is what torch itself computes in float64 at the same points.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parent / "data" / "operators"
LATENT = 3
POINTS = [[0.0, 0.0, 0.0], [0.5, -1.25, 2.0], [-3.0, 0.75, 0.25], [8.0, -6.0, 5.0]]


def modules() -> dict[str, torch.nn.Module]:
    """Name: a linear layer and what is under test."""
    import torch
    from torch import nn
    from torch.nn import functional

    class After(nn.Module):
        def __init__(self, function: object) -> None:
            super().__init__()
            self.inner, self.function = nn.Linear(LATENT, 6), function

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.function(self.inner(z))

    def image(*layers: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Linear(LATENT, 32), nn.Unflatten(1, (4, 2, 4)), *layers, nn.Flatten())

    def dense(*layers: nn.Module, width: int = 6) -> nn.Module:
        return nn.Sequential(nn.Linear(LATENT, width), *layers)

    table = torch.arange(42.0).reshape(6, 7) / 16
    return {
        "avg_pool": image(nn.AvgPool2d(2)),
        "celu": dense(nn.CELU(0.5)),
        "cumsum": After(lambda h: torch.cumsum(h, 1)),
        "einsum": After(lambda h: torch.einsum("bi,ij->bj", h, table.to(h.dtype))),
        "elu": dense(nn.ELU(0.5)),
        "gelu": dense(nn.GELU()),
        "gelu_tanh": dense(nn.GELU(approximate="tanh")),
        "glu": dense(nn.GLU(), width=12),
        "group_norm": image(nn.GroupNorm(2, 4)),
        "hardshrink": dense(nn.Hardshrink()),
        "hardsigmoid": dense(nn.Hardsigmoid()),
        "hardswish": dense(nn.Hardswish()),
        "hardtanh": dense(nn.Hardtanh()),
        "instance_norm": image(nn.InstanceNorm2d(4, affine=True)),
        "layer_norm": dense(nn.LayerNorm(6)),
        "leaky_relu": dense(nn.LeakyReLU(0.2)),
        "log_sigmoid": dense(nn.LogSigmoid()),
        "log_softmax": dense(nn.LogSoftmax(dim=1)),
        "logaddexp": After(lambda h: torch.logaddexp(h, torch.zeros_like(h))),
        "logsumexp": After(lambda h: torch.cat([h, torch.logsumexp(h, 1, keepdim=True)], 1)),
        "max_pool": image(nn.MaxPool2d(2)),
        "mish": dense(nn.Mish()),
        "normalize": After(functional.normalize),
        "power": After(lambda h: (h * h + 1) ** -0.75),
        "prelu": dense(nn.PReLU(6, 0.125)),
        "reduce_max": After(lambda h: torch.cat([h, h.max(dim=1, keepdim=True).values], 1)),
        "relu6": dense(nn.ReLU6()),
        "rms_norm": dense(nn.RMSNorm(6, eps=1e-5)),
        "rsqrt": After(lambda h: torch.rsqrt(h * h + 2)),
        "selu": dense(nn.SELU()),
        "silu": dense(nn.SiLU()),
        "softmax": dense(nn.Softmax(dim=1)),
        "softmax_channels": image(nn.Softmax2d()),
        "softplus": dense(nn.Softplus()),
        "softplus_beta": dense(nn.Softplus(2.0, 10.0)),
        "softshrink": dense(nn.Softshrink()),
        "softsign": dense(nn.Softsign()),
        "swish_slope": After(lambda h: h * torch.sigmoid(1.75 * h)),
        "tanhshrink": dense(nn.Tanhshrink()),
        "threshold": dense(nn.Threshold(0.125, 0.25)),
        "upsample_bicubic": image(nn.Upsample(scale_factor=2, mode="bicubic")),
        "upsample_bicubic_corners": image(nn.Upsample(size=(5, 7), mode="bicubic", align_corners=True)),
        "upsample_bilinear": image(nn.Upsample(scale_factor=2, mode="bilinear")),
        "upsample_bilinear_corners": image(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)),
        "upsample_nearest": image(nn.Upsample(scale_factor=2)),
        "where": After(lambda h: torch.where(h > 0, h, 0.25 * h)),
    }


def write() -> None:
    """Export every module by both exporters, and write down what torch computes."""
    import onnx
    import torch

    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    values, example = {}, (torch.zeros(1, LATENT),)
    for name, module in modules().items():
        module.eval()
        for exporter in ("dynamo", "torchscript"):
            path = FOLDER / f"{name}_{exporter}.onnx"
            try:
                torch.onnx.export(
                    module,
                    example,
                    path,
                    dynamo=exporter == "dynamo",
                    input_names=["z"],
                    output_names=["x"],
                    external_data=False,
                )
            except torch.onnx.errors.UnsupportedOperatorError:
                continue
            except torch.onnx.errors.SymbolicValueError:
                continue
            model = onnx.load(path)
            # Stack traces name paths of the machine that exported.
            del model.metadata_props[:]
            for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
                del part.metadata_props[:]
                part.doc_string = ""
            del model.graph.metadata_props[:], model.graph.value_info[:]
            path.write_bytes(model.SerializeToString(deterministic=True))
        exact = torch.tensor(POINTS, dtype=torch.float64)
        with torch.no_grad():
            rows = [module.double()(row[None]).reshape(-1).tolist() for row in exact]
        values[name] = rows
    (FOLDER / "values.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    write()
