"""Specifications: what is accepted, and that every rejection is one helpful line and runs no code of a file."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from certify.errors import InputError, UnknownNameError
from certify.generators import Generator, load_generator, specification

MODULE = """
from certify.generators import load_generator

def linear():
    return load_generator("linear:d=2,seed=5")

READY = linear()

class Nest:
    inner = staticmethod(linear)

def number():
    return 3

def broken():
    raise RuntimeError("first line\\nsecond line")

def refused():
    return load_generator("linear:d=0")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's module in the working directory."""
    (tmp_path / "decoder_of_a_user.py").write_text(MODULE)
    (tmp_path / "broken_module_of_a_user.py").write_text("import nothing_of_that_name")
    (tmp_path / "wrong_module_of_a_user.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    return "decoder_of_a_user"


def message(spec: str, kind: type[InputError] = InputError) -> str:
    with pytest.raises(kind) as caught:
        load_generator(spec)
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def test_family_with_parameters() -> None:
    generator = load_generator(" linear:d=3, kappa=1.5 ,seed=7 ")
    assert generator.name == "linear:d=3,kappa=1.5,m=1,n=0,seed=7"
    assert load_generator("linear").latent_dim == 8
    assert load_generator("linear:").sha256 == load_generator("linear").sha256


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("linaer:d=3", "unknown family `linaer`; did you mean `linear`?"),
        ("linear:kapa=3", "unknown parameter of family `linear` `kapa`; did you mean `kappa`?"),
        ("residual:activation=tanhh", "did you mean `tanh`?"),
        ("residual:activation=relu", "unknown `activation` of family `residual`"),
        ("linear:d=0", "`d` must be an integer in [1, 4096], got `0`"),
        ("linear:d=2.5", "`d` must be an integer in [1, 4096], got `2.5`"),
        ("linear:kappa=0.5", "`kappa` must be a number in [1, 1e12], got `0.5`"),
        ("linear:kappa=nan", "got `nan`"),
        ("residual:lipschitz=1", "`lipschitz` must be a number in (0, 1), got `1`"),
        ("residual:lipschitz=0", "`lipschitz` must be a number in (0, 1), got `0`"),
        ("linear:d=3,d=4", "`d` is given twice"),
        ("linear:d", "expected `parameter=value`, got `d`"),
        ("linear:=3", "expected `parameter=value`, got `=3`"),
        ("no_such_file.onnx", "`no_such_file.onnx`: no such file"),
        ("folder/model.bin", "expected a file that ends in .onnx"),
        ("", "expected FILE.onnx"),
        ("linear:d=3\nseed=2", "expected FILE.onnx"),
        ("x" * 5000, "expected FILE.onnx"),
    ],
)
def test_rejections_say_what_was_expected(spec: str, part: str) -> None:
    assert part in message(spec)


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    assert "a folder, not a file" in message(str(tmp_path / "folder.onnx"))


def test_a_file_never_runs_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return Path.touch, (str(marker),)

    for suffix in (".pt2", ".pt", ".pth", ".pkl"):
        path = tmp_path / f"model{suffix}"
        path.write_bytes(pickle.dumps(Payload()))
        assert "torch.onnx.export(model.eval(), (torch.zeros(1, d),), 'model.onnx')" in message(str(path))
    assert not marker.exists()


def test_callables(module: str) -> None:
    expected = load_generator("linear:d=2,seed=5").sha256
    for attribute in ("linear", "READY", "Nest.inner"):
        assert load_generator(f"{module}:{attribute}").sha256 == expected


def test_bad_callables(module: str) -> None:
    assert "did you mean `linear`?" in message(f"{module}:liner", UnknownNameError)
    assert "must return a certify Generator or a torch.nn.Module, got int" in message(f"{module}:number")
    assert "raised RuntimeError: first line second line" in message(f"{module}:broken")
    assert "`d` must be an integer" in message(f"{module}:refused")
    assert "must be callable without arguments, got type" not in message("math:pi")
    assert "nothing_of_that_name" in message("broken_module_of_a_user:f")
    assert "wrong_module_of_a_user" in message("wrong_module_of_a_user:f")
    assert "unknown family or module `no_module_like_that`" in message("no_module_like_that:f")


def test_the_import_path_is_restored(module: str) -> None:
    import sys

    before = list(sys.path)
    load_generator(f"{module}:linear")
    message("no_module_like_that:f")
    assert sys.path == before


def test_family_names_win_over_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "linear.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert load_generator("linear:d=2").latent_dim == 2


SAME = """
import numpy as np

from certify.generators.family import Family, FamilyParameter
from certify.generators.nodes import Affine, Graph, Input


def build(parameters):
    return Graph((Input(1), Affine(0, np.eye(1), np.zeros(1)))), 1


FAMILY = Family("same", "the identity", (FamilyParameter("seed", 0, "an integer"),), build)
"""


def test_a_new_family_is_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text(SAME)
    package = specification.families_package
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    assert "same" in specification.families()
    generator = load_generator("same:seed=4")
    assert isinstance(generator, Generator) and generator.name == "same:seed=4"
    assert generator.value([2.0]).tolist() == [2.0]
