"""`certify.replay`: one saved case again, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.api.shown import Shown, values_of
from certify.report.stress import replay_line, replay_table
from certify.report.table import Table
from certify.stress_tests.case import SavedCase, saved_case
from certify.stress_tests.records import Replay
from certify.validation import file_path, text_of


@dataclass(frozen=True, eq=False, repr=False)
class Replayed(Shown, Replay):
    """What a saved case says now, and whether its numbers are those saved, bit for bit."""

    def _summary(self) -> str:
        return f"<{replay_line(self)}>"

    def _tables(self) -> tuple[Table, ...]:
        return (replay_table(self),)

    def _rows(self) -> list[dict[str, Any]]:
        return [{key: value for key, value in self.to_dict().items() if key not in ("schema", "saved")}]


def replay(case: str | Path | SavedCase, theorem: str | None = None) -> Replayed:
    """Judge a saved case again: under the same versions, on a processor of one kind, to the same bits.

    Args:
        case: a file that `stress` saved, or what was read from one.
        theorem: the file of the case's theorem, where it is not installed; it is run: pass only a file you trust.

    Raises:
        InputError: for a file that is no saved case, or a theorem that is not there.

    >>> found = replay("tests/cases/sharp-langevin-steps-A1-A5-gap.json")
    >>> found.fails
    False
    """
    from certify.stress_tests.replay import replay as run

    saved = case if isinstance(case, SavedCase) else saved_case(file_path("case", case))
    return Replayed(**values_of(run(saved, None if theorem is None else text_of("theorem", theorem))))
