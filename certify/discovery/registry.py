"""Discovery of theorems: the entry-point group `certify.theorems`, the package `theorems`, or one Python file.

An entry point names a `Theorem`, a module with a `THEOREM`, or a package whose modules have one. This project's
own `theorems` package is found in the same way as anybody's.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import json
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from certify.discovery.lint import lines_of
from certify.encoders.kind import EncoderKind
from certify.errors import InputError, UnknownNameError
from certify.proof.author import AuthorError, failed
from certify.proof.theorem import Theorem
from certify.prover.algebra import Algebra, Leaf

ENTRY_POINT_GROUP = "certify.theorems"
_OWN_PACKAGE = "theorems"


def theorems() -> dict[str, Theorem]:
    """Every discovered theorem by id, sorted by id; raises InputError if two share an id."""
    found: dict[str, Theorem] = {}
    for theorem in _discovered():
        if found.setdefault(theorem.id, theorem) is not theorem:
            raise InputError(f"two installed theorems have the id `{theorem.id}`; rename one of them")
    return dict(sorted(found.items()))


def encoder_kinds() -> dict[str, EncoderKind]:
    """The encoder of every discovered theorem that has one, by the theorem's id, sorted by id."""
    return {name: theorem.encoder for name, theorem in theorems().items() if theorem.encoder is not None}


def algebra_of(theorem: Theorem) -> Algebra:
    """The algebra of a theorem's steps: ALGEBRA in `algebra.py` of its folder, or the field of a one-file theorem.

    It belongs to that very theorem: a changed copy under the same id has none but its own.
    """
    known, algebra = _algebras().get(theorem.id, (None, theorem.algebra))
    return algebra if known is theorem else theorem.algebra


@lru_cache(maxsize=1)
def _algebras() -> dict[str, tuple[Theorem, Algebra]]:
    known = {theorem.id: theorem for theorem in _in_packages()}
    return {name: (known[name], module.ALGEBRA) for name, module in parts("algebra").items()}


@lru_cache
def parts(name: str) -> Mapping[str, ModuleType]:
    """The module `name` of every theorem's folder that has one, by the theorem's id."""
    found: dict[str, ModuleType] = {}
    for package in _packages():
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
            theorem = getattr(importlib.import_module(module.name), "THEOREM", None)
            if isinstance(theorem, Theorem) and module.ispkg and importlib.util.find_spec(f"{module.name}.{name}"):
                found[theorem.id] = importlib.import_module(f"{module.name}.{name}")
    return found


def _in_packages() -> Iterator[Theorem]:
    for package in _packages():
        yield from _in_package(package)


def _packages() -> Iterator[ModuleType]:
    """The project's own package of theorems, and those that installed packages offer."""
    yield importlib.import_module(_OWN_PACKAGE)
    for entry in _entry_points():
        found = entry.load()
        if isinstance(found, ModuleType) and hasattr(found, "__path__"):
            yield found


@cache
def _entry_points() -> tuple[importlib.metadata.EntryPoint, ...]:
    """What installed packages offer, read once: looking through all of them takes as long as a small check."""
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))


def leaves() -> Mapping[str, Leaf]:
    """What this project's proofs take from the literature, by label."""
    return dict(importlib.import_module(f"{_OWN_PACKAGE}.leaves").LEAVES)


def recorded_proofs() -> Mapping[str, Any]:
    """The committed proofs of this project's algebraic claims, by the claim's digest."""
    path = importlib.resources.files(_OWN_PACKAGE) / "proofs.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["proofs"]) if path.is_file() else {}


def load_theorem(name: str) -> Theorem:
    """The theorem with this id, or the one in a Python file (which is executed: pass only files you trust).

    Raises:
        UnknownNameError: for an id that is not installed.
        AuthorError: for a file that cannot be run or whose theorem has defects, with file and line.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    if (found := installed_theorem(name)) is None:
        raise UnknownNameError("theorem", name, theorems())
    return found


def installed_theorem(name: str) -> Theorem | None:
    """The installed theorem with this id, or None; it runs no file, so an id from a document may be asked for."""
    own = _own(name)
    return theorems().get(name) if own is None else own


def _own(name: str) -> Theorem | None:
    """The theorem of this project whose folder bears its id, without a look at the others.

    None where no folder does, or where installed packages offer theorems: one of those may have the same id.
    """
    module = f"{_OWN_PACKAGE}.{name.replace('-', '_')}"
    if _entry_points() or not name.replace("-", "").isalnum() or importlib.util.find_spec(module) is None:
        return None
    theorem = getattr(importlib.import_module(module), "THEOREM", None)
    return theorem if isinstance(theorem, Theorem) and theorem.id == name else None


def _discovered() -> Iterator[Theorem]:
    yield from _in_package(importlib.import_module(_OWN_PACKAGE))
    for entry in _entry_points():
        found = entry.load()
        if isinstance(found, Theorem):
            yield found
        elif isinstance(found, ModuleType) and hasattr(found, "__path__"):
            yield from _in_package(found)
        elif isinstance(getattr(found, "THEOREM", None), Theorem):
            yield found.THEOREM
        else:
            raise InputError(f"entry point `{entry.name}` in `{ENTRY_POINT_GROUP}` names no Theorem: {entry.value}")


def _in_package(package: ModuleType) -> Iterator[Theorem]:
    for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
        theorem = getattr(importlib.import_module(module.name), "THEOREM", None)
        if isinstance(theorem, Theorem):
            yield theorem


def lint(path: Path) -> list[str]:
    """Every defect of the theorem in a file, as `file:line: text`, in the order of its parts; empty where none is.

    Raises InputError for a file that cannot be read as a theorem at all, with the line at which that ends.
    """
    return lines_of(_read(path), path)


def _from_file(path: Path) -> Theorem:
    theorem = _read(path)
    found = lines_of(theorem, path)
    if found:
        more = f" (and {len(found) - 1} more: `certify check --lint {path}`)" if found[1:] else ""
        raise AuthorError(found[0] + more)
    return theorem


class _Source(SourceFileLoader):
    """Runs what stands in the file now: Python's own cache takes an edit of equal length for what it replaced."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _read(path: Path) -> Theorem:
    if not path.is_file():
        raise InputError(f"theorem file `{path}`: no such file")
    name = f"certify_user_theorem_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
    if spec is None or spec.loader is None:
        raise InputError(f"theorem file `{path}`: not importable as a Python module")
    module = importlib.util.module_from_spec(spec)
    # A dataclass of the file looks its module up; nothing else finds it under this name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise failed(path, error) from error
    theorem = getattr(module, "THEOREM", None)
    if not isinstance(theorem, Theorem):
        raise AuthorError(f"{path}:1: a theorem's file must define THEOREM, a certify.proof.theorem.Theorem")
    return replace(theorem, file=path)
