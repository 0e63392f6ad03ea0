"""Normalizing flows of four libraries, written by both of PyTorch's exporters, imported and bounded.

    pip install -e '.[train]' normflows nflows FrEIA zuko
    python -m benchmarks.flow_exports [--out benchmarks/results/flow_exports.md] [--models tests/data/flows]

Each flow is the module its library builds, weights from a fixed seed. Where the exported file is valid it must import
and agree with the module; `tests/unit/test_flow_exports.py` holds the files that --models keeps against ONNX Runtime.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.output import print_and_write
from certify.bounds.constants import constants
from certify.errors import InputError
from certify.generators.onnx_import import load_onnx

if TYPE_CHECKING:
    import torch

EXPORTERS = ("torchscript", "dynamo")
TOLERANCE = 1e-5
BUDGET = 5.0


def _subnet(inputs: int, outputs: int) -> torch.nn.Module:
    import torch

    return torch.nn.Sequential(torch.nn.Linear(inputs, 8), torch.nn.Tanh(), torch.nn.Linear(8, outputs))


def _generator(layers: torch.nn.Module, apply: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]) -> Any:
    """A module whose `forward` is `apply(layers, z)`: the flow from latent vector to observation."""
    import torch

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return apply(self.layers, z)

    return Decoder().eval()


def normflows_affine_coupling() -> tuple[Any, int]:
    """RealNVP blocks with a sigmoid scale."""
    import normflows
    import torch

    layers: list[torch.nn.Module] = []
    for _ in range(2):
        layers.append(normflows.flows.AffineCouplingBlock(normflows.nets.MLP([1, 8, 2]), scale_map="sigmoid"))
        layers.append(normflows.flows.Permute(2, mode="swap"))
    return _generator(torch.nn.ModuleList(layers), _one_after_the_other), 2


def normflows_planar() -> tuple[Any, int]:
    """Planar layers z + u tanh(w z + b)."""
    import normflows
    import torch

    layers = torch.nn.ModuleList([normflows.flows.Planar((2,)) for _ in range(3)])
    return _generator(layers, _one_after_the_other), 2


def _one_after_the_other(layers: Any, z: Any) -> Any:
    for layer in layers:
        z = layer(z)[0]
    return z


def nflows_couplings() -> tuple[Any, int]:
    """Affine and additive coupling, a permutation and an LU-parametrised linear map."""
    import torch
    from nflows import transforms
    from nflows.nn.nets import ResidualNet

    def net(inputs: int, outputs: int) -> torch.nn.Module:
        return ResidualNet(inputs, outputs, hidden_features=8, num_blocks=1, activation=torch.tanh)

    mask = [1, 0, 1, 0]
    parts = [
        transforms.AffineCouplingTransform(mask, net),
        transforms.ReversePermutation(4),
        transforms.AdditiveCouplingTransform(mask, net),
        transforms.LULinear(4),
    ]
    return _generator(transforms.CompositeTransform(parts), lambda flow, z: flow(z)[0]), 4


def freia_glow() -> tuple[Any, int]:
    """Affine couplings with soft-clamped scales between fixed permutations."""
    return _freia("GLOWCouplingBlock")


def freia_nice() -> tuple[Any, int]:
    """Additive couplings between fixed permutations: m > 0 is certified."""
    return _freia("NICECouplingBlock")


def freia_all_in_one() -> tuple[Any, int]:
    """Coupling, global affine map and permutation in one block."""
    return _freia("AllInOneBlock")


def _freia(block: str) -> tuple[Any, int]:
    import FrEIA.framework
    import FrEIA.modules

    flow = FrEIA.framework.SequenceINN(4)
    for seed in range(2):
        flow.append(getattr(FrEIA.modules, block), subnet_constructor=_subnet)
        flow.append(FrEIA.modules.PermuteRandom, seed=seed)
    return _generator(flow, lambda layers, z: layers(z, jac=False)[0]), 4


def zuko_maf() -> tuple[Any, int]:
    """Masked autoregressive flow."""
    return _zuko("MAF")


def zuko_realnvp() -> tuple[Any, int]:
    """Affine couplings."""
    return _zuko("RealNVP")


def _zuko(name: str) -> tuple[Any, int]:
    import torch
    import zuko

    flow = getattr(zuko.flows, name)(features=4, transforms=2, hidden_features=(8,), activation=torch.nn.Tanh)
    return _generator(flow, lambda layers, z: layers().transform(z)), 4


FLOWS: tuple[Callable[[], tuple[Any, int]], ...] = (
    normflows_affine_coupling,
    normflows_planar,
    nflows_couplings,
    freia_glow,
    freia_nice,
    freia_all_in_one,
    zuko_maf,
    zuko_realnvp,
)


def export(module: Any, latent_dim: int, exporter: str, path: Path) -> None:
    """Write the module with one of PyTorch's exporters, batch size one, without the exporter's own notes."""
    import torch

    sample = (torch.zeros(1, latent_dim),)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            torch.onnx.export(module, sample, str(path), dynamo=True, external_data=False, verbose=False)
        else:
            torch.onnx.export(module, sample, str(path), dynamo=False, input_names=["z"], output_names=["x"])
    proto = onnx.load(path)
    for node in proto.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for value in proto.graph.value_info:
        value.ClearField("metadata_props")
    proto.graph.ClearField("metadata_props")
    onnx.save(proto, path)


def row(build: Callable[[], tuple[Any, int]], exporter: str, folder: Path) -> str:
    """One line of the table; a file that is valid and does not import, or disagrees, is an error."""
    import torch

    torch.manual_seed(0)
    module, latent_dim = build()
    path = folder / f"{build.__name__}_{exporter}.onnx"
    export(module, latent_dim, exporter, path)
    try:
        onnxruntime.InferenceSession(path)
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph:
        try:
            load_onnx(path)
        except InputError as error:
            complaint = str(error).removeprefix(f"`{path}`: ")
        path.unlink()
        return f"| {build.__name__} | {exporter} | no: {complaint} | refused by ONNX Runtime too |  |  |  |"
    generator = load_onnx(path)
    points = np.random.default_rng(0).standard_normal((64, latent_dim)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(points)).numpy()
    distance = float(np.max(np.abs(generator.value(points.astype(np.float64)) - expected)))
    if not distance < TOLERANCE:
        raise AssertionError(f"{path.name}: differs from the module by {distance:.2g}")
    found = constants(generator, budget=BUDGET)
    ends = [f"[{end.lower:.3g}, {end.upper:.3g}]" for end in (found.m, found.M, found.M2)]
    return f"| {build.__name__} | {exporter} | yes | {distance:.1e} | " + " | ".join(ends) + " |"


def report(folder: Path) -> Iterator[str]:
    """The table, line by line."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("torch", "normflows", "nflows", "FrEIA", "zuko")
    )
    yield "# Flows of other libraries, exported and imported"
    yield ""
    yield (
        f"`python -m benchmarks.flow_exports` with {versions}. `difference`: largest |G(z) - module(z)| at 64 "
        f"normal z, the module in float32. Brackets over R^d, budget {BUDGET:g} s. The derivative of an affine "
        "coupling grows with the coordinate that is multiplied, so over R^d its M and M2 are infinite and its m is 0; "
        "`--region` bounds them on a ball."
    )
    yield ""
    yield "| flow | exporter | imported | difference | m | M | M2 |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for build in FLOWS:
        for exporter in EXPORTERS:
            yield row(build, exporter, folder)


def main() -> None:
    """Print the table; with --out also write it, with --models keep the ONNX files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--models", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.models or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        print_and_write(report(folder), options.out)


if __name__ == "__main__":
    main()
