"""Kinds of certificates: every module of `certify.certificates.kinds` that has a `KIND`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from certify.certificates import kinds
from certify.certificates.kind import Kind
from certify.certificates.portable.discovery import FORMAT, kind_named
from certify.codec import decode, encode
from certify.errors import InputError, UnknownNameError

NAME = "kind"
"""The key that says of which kind a certificate is."""


@cache
def certificate_kinds() -> dict[str, Kind[Any]]:
    """All kinds by name, in alphabetical order."""
    modules = [
        importlib.import_module(f"{kinds.__name__}.{info.name}") for info in pkgutil.iter_modules(kinds.__path__)
    ]
    found: list[Kind[Any]] = [module.KIND for module in modules]
    return {item.name: item for item in sorted(found, key=lambda item: item.name)}


def kind_of(record: Any) -> Kind[Any]:
    """The kind that a record is of."""
    return next(kind for kind in certificate_kinds().values() if isinstance(record, kind.record))


def document_of(record: Any) -> dict[str, Any]:
    """A certificate's JSON form: its record's fields and its kind."""
    return {NAME: kind_of(record).name, **encode(record)}


def record_of(document: Any, what: str) -> Any:
    """The record that `document_of` wrote; `what` names it in messages.

    Raises:
        InputError: if it is not of that form, or portable; UnknownNameError if its kind is unknown.
    """
    if not isinstance(document, dict) or not isinstance(document.get(NAME), str):
        raise InputError(f'{what} is not a certificate: expected an object with the text "{NAME}"')
    known = certificate_kinds()
    if document.get("format") == FORMAT:
        checker = kind_named(document[NAME]).checker
        raise InputError(
            f"{what} is portable, confirmed without this package: `python checker/{checker} FILE.json`, "
            "with the network's or the formula's file behind it where it is about one (docs/certificates.md)"
        )
    if document[NAME] not in known:
        raise UnknownNameError("kind of certificate", document[NAME], known)
    return decode(known[document[NAME]].record, {key: document[key] for key in document if key != NAME}, what)
