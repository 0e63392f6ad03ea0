"""Discovery of table formats: every module of `certify.report.formats` that has a `FORMAT`."""

from __future__ import annotations

import importlib
import pkgutil

from certify.errors import UnknownNameError
from certify.report import formats
from certify.report.table import TableFormat


def table_formats() -> dict[str, TableFormat]:
    """All table formats by name, in alphabetical order."""
    modules = [
        importlib.import_module(f"{formats.__name__}.{info.name}") for info in pkgutil.iter_modules(formats.__path__)
    ]
    found: list[TableFormat] = [module.FORMAT for module in modules]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def table_format(name: str) -> TableFormat:
    """The format of this name; raises UnknownNameError where there is none."""
    known = table_formats()
    if name not in known:
        raise UnknownNameError("format", name, known)
    return known[name]


def formats_from_text(text: str) -> tuple[TableFormat, ...]:
    """The formats named in a comma-separated list, each once, in the order given.

    Raises UnknownNameError for a name that is not a format.
    """
    known = table_formats()
    names = dict.fromkeys(part.strip() for part in text.split(","))
    for name in names:
        if name not in known:
            raise UnknownNameError("format", name, known)
    return tuple(known[name] for name in names)
