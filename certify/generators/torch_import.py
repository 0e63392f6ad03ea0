"""Import of a `torch.nn.Module` by way of ONNX, so that one importer defines what every operator means."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError, MissingExtraError
from certify.generators.graph import Generator

if TYPE_CHECKING:
    import torch

    from certify.generators.comparison_record import RuntimeComparison


def from_torch(module: torch.nn.Module, latent_dim: int | None = None, name: str = "torch module") -> Generator:
    """The generator a module computes on a latent vector of `latent_dim` entries, in evaluation mode.

    Without `latent_dim` the module's own attribute `latent_dim`, else the number of input features of its
    first linear layer is taken. The export is compared with onnxruntime and with the module's own forward pass. Raises
    `InputError` where neither exists, the export fails, or one of the two differs.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "train", "importing a torch module") from error
    from certify.generators.onnx_import import load_onnx

    d = latent_dim or _latent_dim(module)
    if d is None:
        raise InputError(f"`{name}`: give the module an attribute `latent_dim`; its first layer does not tell")
    sample = torch.zeros(1, d, dtype=next((p.dtype for p in module.parameters()), torch.float32))
    with tempfile.TemporaryDirectory() as folder, _quiet_exporter():
        path = Path(folder) / "module.onnx"
        try:
            torch.onnx.export(module.eval(), (sample,), str(path), dynamo=True, verbose=False)
        except ImportError as error:
            raise MissingExtraError("onnxscript", "train", "exporting a torch module") from error
        except (RuntimeError, TypeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
            first = " ".join(str(error).split())[:200]
            raise InputError(f"`{name}` cannot be exported to ONNX: {first}") from error
        try:
            generator = load_onnx(path)
        except InputError as error:
            raise InputError(str(error).replace(str(path), name)) from error
        try:
            comparison = _compared(generator, module, path, sample.dtype)
        except InputError as error:
            raise InputError(f"`{name}`: {error}") from error
    return replace(generator, name=name, comparison=comparison)


def _compared(generator: Generator, module: torch.nn.Module, path: Path, kind: torch.dtype) -> RuntimeComparison:
    """The generator's record with the comparison with the module's own forward pass."""
    import torch

    from certify.generators.module_comparison import compared_with_module
    from certify.generators.onnx_lowering import imported_model
    from certify.generators.onnx_model import parsed_model
    from certify.generators.rounding_error import BFLOAT16, FLOAT16, FLOAT32, FLOAT64

    types = {torch.float64: FLOAT64, torch.float16: FLOAT16, torch.bfloat16: BFLOAT16}
    imported = imported_model(parsed_model(path), path, None)
    assert generator.comparison is not None
    return compared_with_module(
        generator.comparison, imported, lambda point: _forward(module, point, kind), types.get(kind, FLOAT32)
    )


def _forward(module: torch.nn.Module, point: FloatArray, kind: torch.dtype) -> FloatArray:
    """The module's output at one latent vector, in evaluation mode."""
    import torch

    with torch.no_grad():
        return np.asarray(module.eval()(torch.as_tensor(point, dtype=kind)).double().numpy())


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's progress, deprecations and notes on absent packages off the terminal.

    None of them says anything about the module; errors still raise.
    """
    before = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _latent_dim(module: torch.nn.Module) -> int | None:
    declared = getattr(module, "latent_dim", None)
    if isinstance(declared, int):
        return declared
    features = (getattr(child, "in_features", None) for child in module.modules())
    return next((size for size in features if isinstance(size, int)), None)
