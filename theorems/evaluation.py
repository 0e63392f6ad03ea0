"""The conclusion of a theorem without free choices and without a distance to reach: it holds at every noise level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Conclusion

Notes: TypeAlias = Callable[[Certificate, Generator | None], tuple[str, ...]]


def evaluated(statement: str, latex: str, notes: Notes, **more: Any) -> Conclusion:
    """The conclusion of a theorem that evaluates closed forms at every noise level; `more` are further fields."""
    return Conclusion(
        statement=statement,
        latex=latex,
        paper_form="none: the theorem is this project's",
        notes=notes,
        **more,
    )
