"""What a shell offers after TAB: theorems, beginnings of a SPEC. `certify --install-completion` turns it on."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path


def theorem_names(incomplete: str) -> Iterator[str]:
    """Ids of the theorems that come with the package, by their folders, and Python files.

    The registry, which knows every installed theorem, loads them all: seconds, for which a shell does not wait.
    """
    for module in pkgutil.iter_modules(importlib.import_module("theorems").__path__):
        name = module.name.replace("_", "-")
        if module.ispkg and name.startswith(incomplete):
            yield name
    yield from _files(incomplete, ".py")


def generator_beginnings(incomplete: str) -> Iterator[str]:
    """Families of generators, each up to its colon, and ONNX files."""
    families = importlib.import_module("certify.generators.families")
    for module in pkgutil.iter_modules(families.__path__):
        if f"{module.name}:".startswith(incomplete):
            yield f"{module.name}:"
    yield from _files(incomplete, ".onnx")


def _files(incomplete: str, suffix: str) -> Iterator[str]:
    """Folders, and files of that suffix, whose path begins with what is typed."""
    typed = Path(incomplete)
    folder, beginning = (typed, "") if incomplete.endswith("/") else (typed.parent, typed.name)
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(beginning) and (beginning.startswith(".") or not entry.name.startswith(".")):
            if entry.is_dir():
                yield f"{entry}/"
            elif entry.suffix == suffix:
                yield str(entry)
