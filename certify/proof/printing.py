"""How the quantities of a theorem are printed, for records that outlive it."""

from __future__ import annotations

from certify.proof.records import SymbolRecord
from certify.proof.theorem import Theorem


def printing(theorem: Theorem) -> dict[str, SymbolRecord]:
    """How the theorem's quantities are printed, those of its conclusion's table first."""
    choices = tuple(item.name for item in theorem.quantities if item.role == "choice")
    closed = tuple(item.name for item in theorem.definitions) if theorem.points else ()
    shown = (*choices, *closed) if theorem.shown is None else theorem.shown
    order = [*shown, *(item.name for item in theorem.quantities if item.name not in shown)]
    known = {item.name: item for item in theorem.quantities}
    return {
        name: SymbolRecord(
            known[name].tex, known[name].meaning, "" if name in choices else known[name].end, name in shown
        )
        for name in order
    }
