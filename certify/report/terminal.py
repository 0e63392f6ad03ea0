"""The terminal: tables drawn with rich, coloured verdicts on a terminal, plain characters in a pipe."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
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


def draw(table: Table) -> RenderableType:
    """A table as something rich can print; long texts wrap, numbers and labels do not."""
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        title=table.title,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        collapse_padding=True,
    )
    for index, column in enumerate(table.columns):
        kinds = {row[index].kind for row in table.rows}
        wraps = kinds == {"text"} and any(len(row[index].text) > _NARROWEST_TEXT for row in table.rows)
        drawn.add_column(
            column.heading,
            justify="right" if column.numeric else "left",
            no_wrap=not wraps,
            overflow="fold",
            min_width=_NARROWEST_TEXT if wraps else None,
        )
    for row in table.rows:
        drawn.add_row(*(_text(cell) for cell in row))
    notes = [Text(f"note: {note}", style="italic") for note in table.notes]
    return Group(drawn, *notes)


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
