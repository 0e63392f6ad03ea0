"""The project's errors: each message is one line that says what, where, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class CertifyError(Exception):
    """Base of every error this project raises on purpose."""


class InternalError(Exception):
    """A contradiction inside the program: no input is to blame, so it is never caught where bad input is.

    The command line prints the message on one line, asks to report it, and exits with 70.
    """


class InputError(CertifyError, ValueError):
    """Bad usage or bad input; the command line prints the message on one line and exits with 2."""

    def __init__(self, message: str) -> None:
        # What the user gave stands in the message and may have line breaks of its own.
        super().__init__(" ".join(message.split()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses make their message from other arguments; a copy (from another process) has the message.
        return _rebuilt, (type(self), str(self))


class UnknownNameError(InputError, LookupError):
    """A name that is not in a known set; the message offers the closest match."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        # `wid`, cut short, means `width`; `dim`, far from all, means the `d` that it begins with.
        longer = [choice for choice in choices if name and choice.startswith(name)]
        shorter = [choice for choice in choices if choice and name.startswith(choice)]
        near = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
        close = longer[:1] or near or shorter[-1:] or difflib.get_close_matches(name, choices, n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(choices)}"
        super().__init__(f"unknown {kind} `{name}`; {hint}")


class UnknownAttributeError(UnknownNameError, AttributeError):
    """An attribute that a record does not have, where the attributes are names from a known set."""


class NotCertifiedError(InputError):
    """Nothing is certified by what was asked for: inconclusive where a verdict is given, bad input where none is."""


class MissingExtraError(InputError, ImportError):
    """A feature whose optional dependency is not installed; the message has the install line."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs `{package}`, which is not installed: pip install 'proof-companion[{extra}]'")
        self.name = package


def _rebuilt(kind: type[InputError], message: str) -> InputError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    return error
