"""The project's errors: each message is one line that says what, where, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CertifyError(Exception):
    """Base of every error this project raises on purpose."""


class InternalError(Exception):
    """A contradiction inside the program: no input is to blame, so it is never caught where bad input is.

    The command line prints the message on one line, asks to report it, and exits with 70.
    """


class InputError(CertifyError):
    """Bad usage or bad input; the command line prints the message on one line and exits with 2."""


class UnknownNameError(InputError):
    """A name that is not in a known set; the message offers the closest match."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        close = difflib.get_close_matches(name, choices, n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(choices)}"
        super().__init__(f"unknown {kind} `{name}`; {hint}")


class MissingExtraError(InputError):
    """A feature whose optional dependency is not installed; the message has the install line."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs `{package}`, which is not installed: pip install 'proof-companion[{extra}]'")
