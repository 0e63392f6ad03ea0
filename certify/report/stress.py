"""The report of a stress run: per property cases, smallest slack and where it is attained, scaling laws, failures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from certify.arithmetic.rounding import ratio_text
from certify.report.table import Document, Table, columns, label_cell, number_cell, text_cell, verdict_cell
from certify.report.terminal import VERDICT_STYLES, draw

if TYPE_CHECKING:
    from certify.stress_tests.power import PowerResult
    from certify.stress_tests.records import ClaimSummary, Replay, StressResult, TheoremStress


def stress_report(result: StressResult) -> RenderableType:
    """Every theorem's properties and scaling laws, the failing cases with the command that replays each, a verdict."""
    parts: list[RenderableType] = []
    for record in result.theorems:
        parts.append(Text(f"{record.id}", style="bold underline"))
        parts.append(draw(claims_table(record)))
        if record.scaling:
            parts.append(draw(scaling_table(record)))
        parts += [Text(line) for line in failure_lines(record)]
    verdict = Text("verdict: ", style="bold")
    verdict.append(str(result.verdict), style=VERDICT_STYLES[str(result.verdict)])
    return Group(*parts, verdict)


def claims_table(record: TheoremStress) -> Table:
    """One row per property and claim."""
    headings = ("property", "claim", "cases", "undecided", "smallest slack", "attained at", "verdict")
    rows = tuple(
        (
            label_cell(item.property_name),
            label_cell(item.claim),
            number_cell(item.drawn),
            text_cell(str(item.undecided) if item.undecided else ""),
            text_cell(slack_text(item.slack)),
            text_cell(_where(item)),
            verdict_cell(item.verdict),
        )
        for item in record.claims
    )
    numeric = ("cases", "undecided", "smallest slack")
    return Table(f"stress-{record.id}", "Properties", columns(headings, numeric), rows, record.notes)


def scaling_table(record: TheoremStress) -> Table:
    """One row per quantity and variable: the fitted exponent with its interval beside the stated one."""
    headings = ("quantity", "in", "runs", "exponent", "95 % interval", "stated order", "verdict")
    rows = tuple(
        (
            label_cell(item.quantity),
            label_cell(item.variable),
            number_cell(item.runs),
            text_cell(f"{item.exponent[0]:.3f}"),
            text_cell(f"[{item.exponent[1]:.3f}, {item.exponent[2]:.3f}]"),
            text_cell("none" if item.claimed is None else f"{item.claimed:.3f}"),
            verdict_cell(item.verdict),
        )
        for item in record.scaling
    )
    return Table(f"scaling-{record.id}", "Scaling laws", columns(headings, ("runs", "exponent")), rows)


def failure_lines(record: TheoremStress) -> list[str]:
    """One line per failing case: the claim, the numbers, the file and how to run it again."""
    lines = []
    for item in record.failures:
        kind = "crash in" if item.crash else "refuted:"
        numbers = "" if math.isnan(item.claimed) else f", claimed {item.claimed:.9g}, measured {item.measured:.9g}"
        lines.append(f"{kind} {item.claim}{numbers} ({item.reason}); case: {item.case.describe()}")
        if item.file is not None:
            lines.append(f"  certify replay {item.file}")
    return lines


def slack_text(slack: float) -> str:
    """A slack as a table shows it: rounded down, empty where there is none, `unbounded` where nothing was seen."""
    if math.isnan(slack):
        return ""
    return "unbounded" if math.isinf(slack) else ratio_text(slack)


def _where(item: ClaimSummary) -> str:
    return "" if item.tightest is None or math.isnan(item.slack) else item.tightest.describe()


def replay_line(found: Replay) -> str:
    """A replayed case on one line: what its claim says now, and whether the numbers are those saved."""
    agreement = (
        "the saved numbers, bit for bit" if found.identical else f"other numbers than saved by {found.saved.version}"
    )
    state = "still fails" if found.fails else f"is {found.now.verdict}"
    reason = f" ({found.now.reason})" if found.now.reason else ""
    numbers = f"claimed {found.now.claimed!r}, measured {found.now.measured!r}"
    return f"{found.saved.claim} {state}: {numbers}{reason}; {agreement}"


def replay_table(found: Replay) -> Table:
    """The numbers of a replayed case beside those saved."""
    headings = ("", "claimed", "measured", "verdict")
    rows = (
        (
            label_cell("saved"),
            text_cell(repr(found.saved.claimed)),
            text_cell(repr(found.saved.measured)),
            text_cell(""),
        ),
        (
            label_cell("now"),
            text_cell(repr(found.now.claimed)),
            text_cell(repr(found.now.measured)),
            verdict_cell(found.now.verdict),
        ),
    )
    title = f"{found.saved.claim} of {found.saved.case.theorem} on {found.saved.case.describe()}"
    return Table("replay", title, columns(headings), rows, (replay_line(found),))


def power_document(result: PowerResult) -> Document:
    """One table per theorem: each wrong statement, the factor at which it is seen, the slack that hides it."""
    headings = ("step", "claim", "wrong constant", "seen at", "slack", "outcome")
    tables = []
    for name in dict.fromkeys(row.theorem for row in result.rows):
        rows = [row for row in result.rows if row.theorem == name]
        seen = sum(row.refuted for row in rows)
        tables.append(
            Table(
                f"power-{name}",
                f"What the checks of {name} can see",
                columns(headings, ("seen at", "slack")),
                tuple(
                    (
                        label_cell(row.step),
                        label_cell(row.claim),
                        text_cell(row.change),
                        text_cell("" if row.noticed is None else f"{row.noticed:g}"),
                        text_cell(slack_text(row.slack)),
                        text_cell(row.outcome),
                    )
                    for row in rows
                ),
                (f"{seen} of {len(rows)} wrong statements are refuted as they stand (constants halved or doubled).",),
            )
        )
    return Document(tuple(tables))
