"""Specifications of generators: one line of text to a `Generator`.

FILE.onnx; a circuit in FILE.blif, FILE.aag or FILE.aig; a family with parameters
(`linear:d=8,kappa=2,seed=0`); or `pkg.mod:callable`, a callable without arguments that returns a certify `Generator` or
a `torch.nn.Module`. Family names win over modules. Only a module path, which names code on purpose, executes code; a
file never does.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from certify.errors import CertifyError, InputError, UnknownNameError
from certify.generators import families as families_package
from certify.generators.family import Family, Setting
from certify.generators.graph import GAUSSIAN, Generator
from certify.generators.logits import with_likelihood
from certify.generators.measurement import measured, selects
from certify.generators.noise import KINDS, noise_output, whitened
from certify.validation import (
    check_observations,
    file_path,
    noise_from_file,
    observations_from_file,
    real_array,
    shown,
    text_of,
)

if TYPE_CHECKING:
    import torch

MAXIMUM_LENGTH = 4096
"""Characters of a specification; a longer one is a mistake."""

DEPENDS = "assumption A0 needs noise that does not depend on z; the theorems do not speak about this decoder"

FOREIGN_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What a user's own module or callable raises is bad input: one line, with the cause attached."""


def families() -> dict[str, Family]:
    """Every family by name, found by discovery in `certify/generators/families`, sorted."""
    return {name: _family(name) for name in sorted(_family_names())}


def _family_names() -> set[str]:
    return {info.name for info in pkgutil.iter_modules(families_package.__path__)}


def _family(name: str) -> Family:
    """The family in the file that bears its name; no other is loaded."""
    found: Family = importlib.import_module(f"{families_package.__name__}.{name}").FAMILY
    return found


def load_generator(
    spec: str | Path | Generator | torch.nn.Module,
    output: str | None = None,
    noise: str | Path | npt.ArrayLike | None = None,
    likelihood: str = GAUSSIAN,
    measurement: str | Path | npt.ArrayLike | None = None,
    inverse: str | Path | None = None,
) -> Generator:
    """The generator that `spec` describes, of a torch module, or the generator itself.

    `output` names the output of an ONNX file that has several. `noise` are standard deviations s, one per output: an
    array, a .npy or .csv file, or `KIND:NAME` of an output of the same ONNX file (`certify.generators.noise`); the
    generator is then G / s. `likelihood` is `gaussian`, or `bernoulli` for a decoder of logits. `measurement` is a
    matrix A (n', n), an array or a file: the generator is then A G, and `noise` has one entry per row of A. `inverse`
    is a circuit file that is said to undo a permutation.

    Raises `InputError`, in one line, for a missing or unreadable file, an unknown family or parameter
    (with the closest match), a value outside its domain, and a callable that cannot be had.
    """
    text = str(spec).strip() if isinstance(spec, (str, Path)) else ""
    chosen = None if output is None else text_of("output", output)
    generator = _specified(text, chosen) if isinstance(spec, (str, Path)) else _object(spec, chosen)
    generator = with_likelihood(generator, likelihood)
    if inverse is not None:
        from certify.circuits.formats.files import with_inverse

        generator = with_inverse(generator, file_path("inverse", inverse))
    outputs = generator.observed_dim
    taken = None if measurement is None else _matrix(measurement)
    if taken is not None:
        generator = measured(generator, *taken)
    if noise is None:
        return generator
    values, source = _deviations(text, noise, outputs)
    if taken is not None and isinstance(noise, (str, Path)) and noise_output(str(noise)) is not None:
        values = _selected(values, taken[0], source)
    return whitened(generator, values, source)


def _matrix(measurement: str | Path | npt.ArrayLike) -> tuple[npt.NDArray[np.float64], str]:
    """The matrix of a measurement, its width not checked yet, and what to call it."""
    if isinstance(measurement, (str, Path)):
        return observations_from_file(measurement, what="measurement"), str(measurement)
    return check_observations(measurement, None, "measurement `array`"), "array"


def _selected(deviations: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64], source: str) -> Any:
    """The standard deviations of those outputs that a measurement takes; of any other they are not those of A x."""
    if not selects(matrix):
        raise InputError(
            f"noise `{source}` is that of the decoder's outputs, and `measurement` mixes them: give one standard "
            "deviation per row of it as a file"
        )
    return np.abs(matrix) @ deviations


def _object(given: Generator | torch.nn.Module, output: str | None) -> Generator:
    """A generator, or what a torch module computes."""
    if not isinstance(given, Generator) and not _is_torch_module(given):
        raise InputError(
            f"a generator must be FILE.onnx, a family like `linear:d=8,kappa=2`, `pkg.mod:callable`, a "
            f"torch.nn.Module or a certify Generator; got {shown(given)}"
        )
    if output is not None:
        raise InputError(f"`output` chooses an output of an ONNX file; {shown(given)} is none")
    return _as_generator(type(given).__name__, given)


def _deviations(spec: str, noise: str | Path | npt.ArrayLike, width: int) -> tuple[npt.NDArray[np.float64], str]:
    """The standard deviations, not checked yet, and what to call them."""
    if not isinstance(noise, (str, Path)):
        return real_array("noise `array`", noise), "array"
    named = noise_output(str(noise))
    if named is None:
        return noise_from_file(noise), str(noise)
    kind, name = named
    if Path(spec).suffix.lower() != ".onnx":
        raise InputError(f"`noise` {noise}: only an ONNX file has outputs by name; `{spec}` is none")
    from certify.generators.onnx_import import load_constant_output

    stored = load_constant_output(spec, name, DEPENDS)
    with np.errstate(all="ignore"):
        values = KINDS[kind](stored)
    return np.repeat(values, width) if values.size == 1 else values, str(noise)


def _specified(text: str, output: str | None) -> Generator:
    if not text or len(text) > MAXIMUM_LENGTH or not text.isprintable():
        raise InputError("expected FILE.onnx, a family like `linear:d=8,kappa=2`, or `pkg.mod:callable`")
    head, _, tail = text.partition(":")
    suffix = Path(text).suffix.lower()
    is_family = head in _family_names()
    if output is not None and (is_family or suffix != ".onnx"):
        raise InputError(f"`output` chooses an output of an ONNX file; `{text}` is none")
    if is_family:
        return _family(head).generator(_settings(head, tail))
    if suffix == ".onnx":
        return _from_onnx(text, output)
    if suffix in {".blif", ".aag", ".aig"}:
        from certify.circuits.formats.files import circuit_generator

        return circuit_generator(Path(text))
    if suffix in {".pt", ".pt2", ".pth", ".pkl"}:
        raise InputError(
            f"`{text}`: a {suffix} file can run code when it is loaded, so it is not read; export the decoder with "
            f"`torch.onnx.export(model.eval(), (torch.zeros(1, d),), {Path(text).stem + '.onnx'!r})` and give that file"
        )
    if Path(text).is_dir():
        raise InputError(f"`{text}` is a folder; give a file in it that ends in .onnx")
    if os.sep in text or Path(text).exists():
        raise InputError(f"`{text}`: expected a file that ends in .onnx")
    if tail and "=" not in tail and all(part.isidentifier() for part in (*head.split("."), *tail.split("."))):
        return _from_callable(head, tail)
    raise UnknownNameError("family", head, families())


def _settings(family: str, text: str) -> dict[str, Setting]:
    """The parameters that `key=value,key=value` spells, values still text."""
    settings: dict[str, Setting] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key or not value:
            raise InputError(f"family `{family}`: expected `parameter=value`, got `{item}`")
        if key in settings:
            raise InputError(f"family `{family}`: `{key}` is given twice")
        settings[key] = value
    return settings


def _from_onnx(text: str, output: str | None) -> Generator:
    path = Path(text)
    if not path.is_file():
        # What was typed: a path would lose a slash of an address.
        raise InputError(f"`{text}`: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    from certify.generators.onnx_import import load_onnx

    return load_onnx(path, output)


def _from_callable(module_name: str, attribute: str) -> Generator:
    """Import `module_name`, call `attribute` and turn what it returns into a `Generator`."""
    with _working_directory_importable():
        try:
            target: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name != module_name.split(".")[0]:
                raise InputError(f"`{module_name}:{attribute}`: {_one_line(error)}") from error
            raise UnknownNameError("family or module", module_name, families()) from None
        except CertifyError:
            raise
        except FOREIGN_ERRORS as error:
            raise InputError(f"`{module_name}:{attribute}`: {_one_line(error)}") from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise UnknownNameError(f"callable of module `{module_name}`", attribute, _public_names(target))
        target = getattr(target, part)
    return _as_generator(f"{module_name}:{attribute}", target)


def _as_generator(name: str, target: Any) -> Generator:
    result = target if isinstance(target, Generator) or _is_torch_module(target) else _call(name, target)
    if isinstance(result, Generator):
        return result
    if _is_torch_module(result):
        from certify.generators.torch_import import from_torch

        return from_torch(result, name=name)
    raise InputError(f"`{name}` must return a certify Generator or a torch.nn.Module, got {type(result).__name__}")


def _call(name: str, target: Callable[[], Any]) -> Any:
    if not callable(target):
        raise InputError(f"`{name}` must be callable without arguments, got {type(target).__name__}")
    try:
        return target()
    except CertifyError:
        raise
    except FOREIGN_ERRORS as error:
        raise InputError(f"`{name}` raised {type(error).__name__}: {_one_line(error)}") from error


def _is_torch_module(value: Any) -> bool:
    # A torch module cannot exist before torch was imported, so torch need not be imported to ask.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _public_names(target: Any) -> list[str]:
    return [name for name in dir(target) if not name.startswith("_")] or [repr(target)]


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Let `pkg.mod` be found in the working directory, as `python -m` would, for the duration of an import."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before
