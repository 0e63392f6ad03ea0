"""The terminal: tables drawn with rich, coloured verdicts on a terminal, plain characters in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from certify.proof.records import CheckResult, TheoremRecord
from certify.report.labels import step_labels
from certify.report.observations import observation_tables
from certify.report.slack_tables import slack_table
from certify.report.table import Cell, Table
from certify.report.tables import (
    assumption_brackets,
    assumptions_table,
    conclusion_table,
    constants_table,
    definitions_table,
    steps_table,
    summary_table,
)
from certify.verdict import Verdict

VERDICT_STYLES = {
    "proved": "bold green",
    "supported": "green",
    "composed": "green",
    "conditional": "cyan",
    "untested": "yellow",
    "inconclusive": "yellow",
    "not-applicable": "magenta",
    "refuted": "bold red",
}
_NARROWEST_TEXT = 10
_WIDEST_WORD = 14
"""Longer words of a text that wraps may be cut."""


def draw(table: Table) -> RenderableType:
    """A table as something rich can print; long texts wrap between words, numbers and labels do not.

    Where even so it is wider than the terminal, one blank is between columns in place of two, then none at the sides,
    then long words are cut, then the last columns are left out, and a note names them.
    """
    return Group(Text(table.title, style="bold"), _Fitted(table), *(_note(note) for note in table.notes))


def _note(note: str) -> Text:
    return Text(f"note: {note}", style="italic")


@dataclass(frozen=True)
class _Fitted:
    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        total = len(self.table.columns)
        widths = {
            word: [_least_width(self.table, index, word) for index in range(total)]
            for word in (_WIDEST_WORD, _NARROWEST_TEXT)
        }

        def fits(word: int, padding: int, edges: bool, count: int) -> bool:
            return sum(widths[word][:count]) + (1 + padding) * count + (1 if edges else -1) <= options.max_width

        spaces = ((1, True), (0, True), (0, False))
        ways = [(word, *space) for word in (_WIDEST_WORD, _NARROWEST_TEXT) for space in spaces]
        count = max(n for n in range(total + 1) if n <= 2 or fits(*ways[-1], n))
        word, padding, edges = next((way for way in ways if fits(*way, count)), ways[-1])
        drawn = _drawn(self.table, padding, edges, widths[word][:count])
        yield drawn if edges else Group(Text(), drawn, Text())
        if left := [column.heading for column in self.table.columns[count:]]:
            yield _note(f"not shown in {options.max_width} columns: {', '.join(left)}")


def _drawn(table: Table, padding: int, edges: bool, widths: Sequence[int]) -> RichTable:
    """The first columns, as many as there are `widths`, none narrower than that where it wraps."""
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        show_edge=edges,
        pad_edge=False,
        padding=(0, padding),
        collapse_padding=True,
    )
    for index, (column, width) in enumerate(zip(table.columns, widths, strict=False)):
        wraps = _wraps(table, index)
        drawn.add_column(
            column.heading,
            justify="right" if column.numeric else "left",
            no_wrap=not wraps,
            overflow="fold",
            min_width=width if wraps else None,
        )
    for row in table.rows:
        drawn.add_row(*(_text(cell) for cell in row[: len(widths)]))
    return drawn


def _wraps(table: Table, index: int) -> bool:
    cells = [row[index] for row in table.rows]
    return any(cell.kind == "text" and len(cell.text) > _NARROWEST_TEXT for cell in cells)


def _least_width(table: Table, index: int, word: int) -> int:
    """The longest that must stay together: a cell, or where the column wraps a word of up to `word` letters."""
    cells = [row[index] for row in table.rows]
    heading = table.columns[index].heading
    if not _wraps(table, index):
        return max(len(text) for text in (*(cell.text for cell in cells), heading))
    texts = (*(cell.text for cell in cells if cell.kind == "text"), heading)
    longest = max(len(word) for text in texts for word in text.split())
    whole = max((len(cell.text) for cell in cells if cell.kind != "text"), default=0)
    return max(_NARROWEST_TEXT, min(longest, word), whole)


def theorem_report(record: TheoremRecord) -> RenderableType:
    """One theorem at one generator: constants, assumptions, steps, closed forms alone, conclusion, verdict."""
    where = "constants alone" if record.generator is None else record.generator
    parts: list[RenderableType] = [Text(f"{record.title} ({record.id}) on {where}", style="bold underline")]
    if brackets := assumption_brackets(record):
        parts.append(draw(constants_table(brackets)))
    tables = [assumptions_table(record), steps_table(record), slack_table(record)]
    if record.generator is None:
        tables.append(definitions_table(record))
    if record.conclusion is not None:
        tables.append(conclusion_table(record.conclusion, record.symbols, record.inputs))
    tables += observation_tables(record)
    parts += [draw(table) for table in tables if table.rows]
    parts += _reasons(record)
    parts.append(_verdict_line(record))
    return Group(*parts, Text())


def check_report(result: CheckResult) -> RenderableType:
    """Every theorem's report and, when there is more than one, the summary."""
    parts = [theorem_report(record) for record in result.theorems]
    if len(parts) > 1:
        parts.append(draw(summary_table(result)))
    return Group(*parts)


def render_text(content: RenderableType, width: int = 100) -> str:
    """What would be printed, as plain characters without colour."""
    console = Console(width=width, color_system=None, force_terminal=False, highlight=False, emoji=False, markup=False)
    with console.capture() as capture:
        console.print(content)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def verdict_text(record: TheoremRecord) -> str:
    """The verdict of one theorem at one generator on one line."""
    where = "constants alone" if record.generator is None else record.generator
    reason = f" ({record.reason})" if record.reason else ""
    return f"{record.id} on {where}: {record.verdict}{reason}"


def _verdict_line(record: TheoremRecord) -> Text:
    line = Text("verdict: ", style="bold")
    line.append(str(record.verdict), style=VERDICT_STYLES[str(record.verdict)])
    if record.reason:
        line.append(f" ({record.reason})")
    return line


def _reasons(record: TheoremRecord) -> list[RenderableType]:
    """Why a claim is not simply established: one line for each claim that gave a reason."""
    printed = step_labels(record)
    return [
        Text(f"{printed[step.label]} {claim.name}: {claim.reason}")
        for step in record.steps
        for claim in step.claims
        if claim.reason and (claim.assumption or claim.verdict not in {Verdict.PROVED, Verdict.SUPPORTED})
    ]


def _text(cell: Cell) -> Text:
    return Text(cell.text, style=VERDICT_STYLES.get(cell.text, "") if cell.kind == "verdict" else "")
