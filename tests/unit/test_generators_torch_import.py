"""A torch module becomes the generator it computes; what cannot be imported is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

import certify
from certify.errors import InputError
from certify.generators import torch_import
from certify.generators.torch_import import from_torch

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

pytestmark = pytest.mark.slow


def residual_module() -> object:
    torch.manual_seed(0)

    class Residual(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inward, self.outward = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z + self.outward(torch.tanh(self.inward(z)))

    return Residual()


def test_a_module_is_imported_as_what_it_computes(capsys: pytest.CaptureFixture[str]) -> None:
    module = residual_module()
    generator = from_torch(module, name="mine")
    z = np.random.default_rng(0).standard_normal((5, 4))
    expected = module(torch.tensor(z, dtype=torch.float32)).detach().numpy()
    assert np.allclose(generator.value(z), expected, atol=1e-5)
    assert (generator.name, generator.latent_dim) == ("mine", 4)
    assert capsys.readouterr() == ("", "")


def test_the_latent_dimension_must_be_known() -> None:
    with pytest.raises(InputError, match="give the module an attribute `latent_dim`"):
        from_torch(torch.nn.Tanh())
    assert from_torch(torch.nn.Sequential(torch.nn.Tanh()), latent_dim=3).latent_dim == 3


def test_an_export_that_fails_is_one_line() -> None:
    class DataDependent(torch.nn.Module):
        latent_dim = 2

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return z if z.sum().item() > 0 else -z

    with pytest.raises(InputError, match="cannot be exported to ONNX") as caught:
        from_torch(DataDependent())
    assert "\n" not in str(caught.value)


def test_an_export_that_is_another_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5)).double()
    record = from_torch(module).comparison
    assert record is not None and record.module_difference is not None and record.module_difference < 1.0
    assert record.module_tolerance is not None and record.module_tolerance < 1e-12
    forward = torch_import._forward
    monkeypatch.setattr(torch_import, "_forward", lambda *given: forward(*given) * (1 + 1e-11))
    with pytest.raises(InputError, match="`mine`: the module's own forward pass differs from its export: output"):
        from_torch(module, name="mine")


def test_the_public_function_takes_a_module_and_so_does_every_verb() -> None:
    module = residual_module()
    generator = certify.load_generator(module)
    z = np.array([0.1, -0.2, 0.3, 0.4])
    np.testing.assert_allclose(generator.value(z), torch_import._forward(module, z, torch.float32), atol=1e-6)
    assert certify.constants(module).m == certify.constants(generator).m
    scaled = certify.load_generator(module, noise=[1.0, 2.0, 4.0, 8.0])
    assert scaled.noise == (1.0, 2.0, 4.0, 8.0)
    with pytest.raises(InputError, match="`output` chooses an output of an ONNX file"):
        certify.load_generator(module, output="mean")
