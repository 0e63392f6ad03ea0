"""A diagnosis on one screen: a row per question, what to change, the verdict."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from certify.diagnosis.records import Answer, Diagnosis
from certify.report.table import Table, columns, label_cell, text_cell, verdict_cell
from certify.report.terminal import VERDICT_STYLES, draw

OUTSIDE = "Bernoulli logits (outside A0)"


def diagnosis_table(result: Diagnosis) -> Table:
    """Question, verdict, answer."""
    rows = tuple((label_cell(item.question), verdict_cell(str(item.verdict)), text_cell(item.text))
                 for item in result.answers)  # fmt: skip
    return Table("diagnosis", f"Diagnosis of {subject(result)}", columns(("question", "verdict", "answer")), rows)


def advice_table(result: Diagnosis) -> Table:
    """What to change, a row each."""
    rows = tuple((label_cell(str(index)), text_cell(text)) for index, text in enumerate(changes(result), start=1))
    return Table("advice", "What to change", columns(("", "change")), rows)


def changes(result: Diagnosis) -> tuple[str, ...]:
    """What to change, or that nothing is."""
    return result.advice or ("nothing that was looked at asks for a change",)


def subject(result: Diagnosis) -> str:
    """Decoder and noise."""
    noise = OUTSIDE if result.beta is None else f"noise {result.beta:.4g}"
    return f"{result.generator['name']}, {noise}"


def answer_lines(answer: Answer) -> str:
    """One answer as it comes, on a line of its own."""
    return f"{answer.question:<22} {answer.verdict!s:<13} {answer.seconds:5.1f} s  {answer.text}"


def closing_lines(result: Diagnosis) -> tuple[str, ...]:
    """What stands below the answers."""
    return (*(f"to change: {text}" for text in changes(result)), summary_line(result))


def diagnosis_report(result: Diagnosis) -> RenderableType:
    """The whole result for a terminal."""
    line = Text("verdict: ", style="bold")
    line.append(str(result.verdict), style=VERDICT_STYLES[str(result.verdict)])
    return Group(draw(diagnosis_table(result)), *(Text(f"to change: {text}") for text in changes(result)), line)


def summary_line(result: Diagnosis) -> str:
    """The result on one line."""
    held = sum(item.verdict.holds for item in result.answers)
    return f"{subject(result)}: {held} of {len(result.answers)} questions answered: {result.verdict}"
