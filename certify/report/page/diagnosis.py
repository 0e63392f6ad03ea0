"""The page of a diagnosis: its answers and what to change, in the template of every page."""

from __future__ import annotations

from html import escape

from certify.diagnosis.records import Diagnosis
from certify.report.diagnosis_tables import advice_table, diagnosis_table, summary_line
from certify.report.page.document import fill
from certify.report.page.sections import html_table, verdict_html


def diagnosis_html(result: Diagnosis) -> str:
    """The section: a row per question, then what to change."""
    return (
        f'<section class="diagnosis" aria-label="Diagnosis"><p>{verdict_html(str(result.verdict))} '
        f"{escape(summary_line(result))}</p>{html_table(diagnosis_table(result))}{html_table(advice_table(result))}"
        "</section>"
    )


def diagnosis_page(result: Diagnosis) -> str:
    """One file that needs nothing else."""
    return fill(result.provenance, "A decoder, diagnosed", diagnosis_html(result))
