"""Kinds of portable certificates, and a certificate as the document that is written."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

import onnx

from certify.certificates.portable import kinds
from certify.certificates.portable.question import NETWORK, PortableKind, Question
from certify.certificates.portable.readable import why_unreadable
from certify.errors import UnknownNameError

FORMAT = "portable-1"


@cache
def portable_kinds() -> dict[str, PortableKind]:
    """All kinds by name, in alphabetical order."""
    modules = [
        importlib.import_module(f"{kinds.__name__}.{info.name}") for info in pkgutil.iter_modules(kinds.__path__)
    ]
    found: list[PortableKind] = [module.KIND for module in modules]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def kind_named(name: str) -> PortableKind:
    """The kind of that name.

    Raises:
        UnknownNameError: if there is none.
    """
    known = portable_kinds()
    if name not in known:
        raise UnknownNameError("kind of portable certificate", name, known)
    return known[name]


def portable_document(kind: PortableKind, question: Question, network: Path | None = None) -> dict[str, Any] | str:
    """The certificate of `question`, about the ONNX file `network` if about one, or the reason why there is none."""
    if network is not None and (unread := why_unreadable(onnx.load(network, load_external_data=False))):
        return unread
    made = kind.make(question)
    if isinstance(made, str):
        return made
    head: dict[str, Any] = {"format": FORMAT, "kind": kind.name}
    if kind.subject == NETWORK and network is not None:
        head["network"] = {"name": network.name, "sha256": hashlib.sha256(network.read_bytes()).hexdigest()}
    return {**head, **made}
