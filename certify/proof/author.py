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
from typing import TYPE_CHECKING, Any

from certify.errors import CertifyError, InputError

if TYPE_CHECKING:
    from certify.proof.instance import Instance
    from certify.proof.theorem import Finding, Step, Theorem


class AuthorError(InputError):
    """Something is wrong in an author's file; the message begins with file and line."""


def failed(path: Path, error: BaseException, what: str = "") -> AuthorError:
    """The error of running the author's code, at the last line of the author's own that was reached."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    kind = "" if isinstance(error, CertifyError) else f"{type(error).__name__}: "
    return AuthorError(f"{path}:{line or 1}: {what}{kind}{text or 'no message'}")


def checked(theorem: Theorem, step: Step, instance: Instance) -> tuple[Finding, ...]:
    """What the step's check returns.

    Raises AuthorError where the theorem is an author's file and its check ends with an exception, or returns something
    else than findings on the step's own claims; CertifyError of the check, which could not measure, passes.
    """
    from certify.proof.theorem import Finding

    if theorem.file is None:
        return step.check(instance)
    try:
        found: Any = step.check(instance)
    except CertifyError:
        raise
    except Exception as error:
        raise failed(theorem.file, error, f"the check of {step.label} ends with ") from error
    place = f"{theorem.file}:{line_of_check(step.check)}: the check of {step.label}"
    if not isinstance(found, tuple) or not found or not all(isinstance(item, Finding) for item in found):
        raise AuthorError(f"{place} must return a tuple of findings, at least one; got {_kind(found)}")
    names = {claim.name for claim in step.claims}
    for item in found:
        if item.claim not in names:
            raise AuthorError(f"{place} has a finding on `{item.claim}`; its claims are {', '.join(sorted(names))}")
        if missing := _missing(step, item, instance):
            raise AuthorError(f"{place}: the finding on `{item.claim}` must say at which {', '.join(missing)} (`at=`)")
    return tuple(found)


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


def _missing(step: Step, finding: Finding, instance: Instance) -> list[str]:
    """Variables of the claim's bound that neither the finding nor the instance has a value for."""
    bound = next(claim.bound for claim in step.claims if claim.name == finding.claim)
    known = instance.values.keys() | finding.at.keys()
    return sorted({str(symbol.name) for symbol in bound.free_symbols} - known)


def _kind(found: object) -> str:
    if isinstance(found, tuple):
        return f"a tuple of {', '.join(sorted({type(item).__name__ for item in found})) or 'nothing'}"
    return f"a {type(found).__name__}" if found is not None else "None"
