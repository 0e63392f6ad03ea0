"""What a part of a checker answers when it is asked alone."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def answer(check: ModuleType, function: Any, *arguments: Any, shown: bool = False) -> str:
    """`yes`, or the value where it is `shown`; the name of the exception where it is refused."""
    try:
        value = function(*arguments)
    except Exception as error:
        return type(error).__name__
    return repr(value) if shown else "yes"
