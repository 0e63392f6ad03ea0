"""What a maker of zoo files declares, and the exports through torch that several of them share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from examples.zoo.data import Array

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Decoder:
    """One file of the zoo. `make(path)` trains, writes the ONNX file and returns held-out observations (50, n)."""

    name: str
    packages: tuple[str, ...]
    model: str
    activations: str
    likelihood: str
    data: str
    make: Callable[[Path], Array]


REGISTERED: dict[str, Decoder] = {}


def decoder(
    packages: str, model: str, activations: str, likelihood: str, data: str
) -> Callable[[Callable[[Path], Array]], Callable[[Path], Array]]:
    """Register a maker under the name of its function; the first of `packages` is the one whose users it stands for."""

    def register(make: Callable[[Path], Array]) -> Callable[[Path], Array]:
        name = make.__name__
        REGISTERED[name] = Decoder(name, tuple(packages.split()), model, activations, likelihood, data, make)
        return make

    return register


def through_dynamo(module: torch.nn.Module, latent_dim: int, path: Path, outputs: tuple[str, ...] = ("x",)) -> None:
    """`torch.onnx.export` as it is called today: batch size free, weights inside the file."""
    import torch

    sample, batch = torch.zeros(2, latent_dim), torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (sample,),
            str(path),
            input_names=["z"],
            output_names=list(outputs),
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def through_torchscript(
    module: torch.nn.Module, latent_dim: int, path: Path, outputs: tuple[str, ...] = ("x",)
) -> None:
    """`torch.onnx.export` as older code calls it: the exporter based on TorchScript, `dynamic_axes`."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, latent_dim),),
            str(path),
            input_names=["z"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch"} for name in ("z", *outputs)},
            dynamo=False,
        )


def without_notes(path: Path) -> None:
    """Drop what the exporter says about its own run (stack traces with paths of the machine); no number changes."""
    model = onnx.load(path)
    model.ClearField("metadata_props")
    for entry in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        entry.ClearField("metadata_props")
        entry.ClearField("doc_string")
    for function in model.functions:
        function.ClearField("metadata_props")
        for node in function.node:
            node.ClearField("metadata_props")
            node.ClearField("doc_string")
    onnx.save(model, path)


def mean_of(layers: Any, apply: Callable[[Any, Any], Any]) -> torch.nn.Module:
    """A module from a latent vector to the reconstruction's mean: `apply(layers, z)`."""
    import torch

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, z: torch.Tensor) -> Any:
            return apply(self.layers, z)

    return Mean().eval()
