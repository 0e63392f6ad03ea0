"""An author's error as one line that names the place in the author's file: while it was read, or in a check.

A crash in an installed theorem is a defect of that package and keeps its traceback; a file that somebody is writing
gets the line to look at.
"""

from __future__ import annotations

import ast
import functools
import traceback
from collections.abc import Callable
from pathlib import Path

from certify.errors import CertifyError, InputError


class AuthorError(InputError):
    """Something is wrong in an author's file; the message begins with file and line."""


def failed(path: Path, error: BaseException, what: str = "") -> AuthorError:
    """The error of running the author's code, at the last line of the author's own that was reached."""
    frames = traceback.extract_tb(error.__traceback__)
    # What runs is named by its whole path, whatever the user typed.
    place = path.resolve()
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == place]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    kind = "" if isinstance(error, CertifyError) else f"{type(error).__name__}: "
    return AuthorError(f"{path}:{line or 1}: {what}{kind}{text or 'no message'}")


def line_of_check(check: Callable[..., object]) -> int:
    """The line at which a check is defined; 1 for one without code of its own."""
    while isinstance(check, functools.partial):
        check = check.func
    code = getattr(check, "__code__", None)
    return 1 if code is None else int(code.co_firstlineno)


def line_of_call(tree: ast.AST, names: frozenset[str], first: str) -> int | None:
    """The line of the first call of one of these functions whose first argument is this text, or names that symbol."""
    found = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) in names and _first(node) == first
    ]
    return min(found, default=None)


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _first(node: ast.Call) -> str:
    value = node.args[0] if node.args else next((item.value for item in node.keywords), None)
    if isinstance(value, ast.Constant):
        return str(value.value)
    return value.id if isinstance(value, ast.Name) else ""
