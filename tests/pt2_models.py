"""Small modules in every operator that the `.pt2` import supports; run with torch, this writes `tests/data/pt2`.

    python -m tests.pt2_models

Files are those of `torch.export.save` less sample inputs and stack traces, which name paths; beside them, in
`values.npz`, what torch computes.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parent / "data" / "pt2"


def modules() -> dict[str, tuple[torch.nn.Module, int, bool]]:
    """Name: module, latent dimension, whether the batch axis is dynamic."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inward, self.outward = nn.Linear(4, 6), nn.Linear(6, 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z + 0.5 * self.outward(torch.tanh(self.inward(z)))

    class Coupling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 5), nn.Softplus(beta=2.0), nn.Linear(5, 4))

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            kept, moved = z.chunk(2, dim=1)
            shift, scale = self.net(kept).split(2, dim=1)
            joined = torch.cat([kept, moved * torch.exp(torch.tanh(scale)) + shift], 1)
            return joined[:, [3, 1, 0, 2]]

    class Pixels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.pool = nn.Linear(4, 16), nn.AvgPool2d(2)
            self.convolution, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3)
            self.slopes, self.transposed = nn.PReLU(3), nn.ConvTranspose2d(3, 2, 2, stride=2)
            self.larger = nn.Upsample(scale_factor=2)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            h = self.linear(z).view(-1, 1, 4, 4)
            h = self.slopes(self.norm(self.convolution(h)))
            return self.larger(self.pool(self.transposed(h))).flatten(1)

    class Activations(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(9)])

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            applied = (
                functional.gelu,
                lambda t: functional.gelu(t, approximate="tanh"),
                functional.silu,
                functional.elu,
                lambda t: functional.leaky_relu(t, 0.2),
                torch.sin,
                torch.atan,
                torch.sigmoid,
                lambda t: torch.clamp(t, -1.0, 1.0),
            )
            for layer, apply in zip(self.layers, applied, strict=True):
                z = z - apply(layer(z)) / 2
            return (z.t().transpose(0, 1) @ self.layers[0].weight).unsqueeze(1).squeeze(1)

    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.rectifier = nn.Linear(3, 3), nn.ReLU(inplace=True)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.rectifier(self.linear(z))

    torch.manual_seed(0)
    return {
        "residual": (Residual(), 4, False),
        "coupling": (Coupling(), 4, False),
        "pixels": (Pixels(), 4, False),
        "pixels_dynamic": (Pixels(), 4, True),
        "activations": (Activations(), 3, True),
        "in_place": (InPlace(), 3, False),
    }


def rewritten(content: bytes) -> bytes:
    """The archive without sample inputs, stack traces and whatever else is not read."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if "/sample_inputs/" in name or "/.data/" in name:
                continue
            if name.endswith("models/model.json"):
                document = json.loads(data)
                for node in document["graph_module"]["graph"]["nodes"]:
                    node["metadata"] = {}
                document["graph_module"]["module_call_graph"] = []
                document["guards_code"] = []
                data = json.dumps(document).encode()
            new.writestr(zipfile.ZipInfo("model/" + name.partition("/")[2]), data, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def main() -> None:
    """Write the files and the values."""
    import torch

    FOLDER.mkdir(parents=True, exist_ok=True)
    kept: dict[str, np.ndarray] = {}
    for name, (module, latent_dim, is_dynamic) in modules().items():
        module.eval()
        sample = torch.randn(3 if is_dynamic else 1, latent_dim)
        shapes = ({0: torch.export.Dim("batch")},) if is_dynamic else None
        buffer = io.BytesIO()
        torch.export.save(torch.export.export(module, (sample,), dynamic_shapes=shapes), buffer)
        (FOLDER / f"{name}.pt2").write_bytes(rewritten(buffer.getvalue()))
        points = 2.0 * torch.randn(8, latent_dim)
        with torch.no_grad():
            kept |= {f"{name}_z": points.numpy(), f"{name}_x": module(points).numpy()}
        kept[f"{name}_parameters"] = np.array(sum(weight.numel() for weight in module.parameters()))
    np.savez_compressed(FOLDER / "values.npz", **kept)


if __name__ == "__main__":
    main()
