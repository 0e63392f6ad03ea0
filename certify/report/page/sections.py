"""The sections of the page: HTML fragments of records; every text of a user goes through `escape`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from certify.proof.records import CheckResult, ObservationRecord, TheoremRecord
from certify.proof.theorem import Theorem
from certify.report.blueprint import blueprint, describe
from certify.report.blueprint_svg import blueprint_svg
from certify.report.formulas import formulas_document
from certify.report.page.bounds_charts import bracket_chart, grid_chart
from certify.report.page.charts import loss_chart, slack_chart
from certify.report.page.grid import Grid
from certify.report.page.mathml import mathml
from certify.report.page.prose import prose
from certify.report.quantities import symbol
from certify.report.slack_tables import slack_table
from certify.report.table import Cell, Table, lower_cell, number_cell, upper_cell
from certify.report.tables import (
    assumption_brackets,
    assumptions_table,
    conclusion_table,
    constants_table,
    steps_table,
    summary_table,
)

WORDS = {
    "proved": "holds for everything in the stated domain; every number rounded outward, or proved by algebra or Coq",
    "supported": "held in every sampled case",
    "composed": "follows from the steps it uses by a stated argument",
    "conditional": "follows from a named hypothesis that is not proved",
    "inconclusive": "could not be decided here",
    "untested": "nothing tested it",
    "refuted": "a witness violates it, confirmed in ball arithmetic",
    "not-applicable": "an assumption fails at this generator: the theorem says nothing about it",
}
EVIDENCE = {
    "kernel": "Coq's kernel (K)",
    "symbolic": "algebra for all parameters (A)",
    "rigorous": "rigorous enclosure (R)",
    "statistical": "samples (S)",
    "assumed": "assumed (a)",
    "open": "open",
}


PROSE = frozenset({"assumption", "meaning", "domain", "for", "statement"})
"""Columns whose plain text is mathematics in words."""


def html_table(table: Table, kind: str = "") -> str:
    """A table with caption, headings that say what they head, and formulas as MathML; "" without rows."""
    if not table.rows:
        return ""
    head = "".join(_heading(table, place) for place in range(len(table.columns)))
    body = "".join(
        "<tr>"
        + "".join(
            _cell(cell, column.numeric, index == 0, column.heading in PROSE)
            for index, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        )
        + "</tr>"
        for row in table.rows
    )
    notes = "".join(f"<li>{escape(prose(note))}</li>" for note in table.notes)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}"><table class="{kind}">'
        f"<caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
    )


def verdict_html(verdict: str) -> str:
    """A verdict as a badge whose meaning is its title."""
    return (
        f'<span class="verdict v-{escape(verdict)}" title="{escape(WORDS.get(verdict, ""))}">{escape(verdict)}</span>'
    )


def summary_html(result: CheckResult) -> str:
    """The summary: the verdict, its meaning, and a row per theorem and generator that leads to its section."""
    table = summary_table(result)
    # The verdict in sight on a narrow screen, the long name of the generator last.
    order = (2, *range(3, len(table.columns)), 1)
    head = f'<th scope="col">{escape(table.columns[0].heading)}</th>' + "".join(_heading(table, k) for k in order)
    rows = "".join(
        f'<tr><th scope="row"><a href="#record-{index}">{escape(row[0].text)}</a></th>'
        + "".join(_cell(row[place], table.columns[place].numeric) for place in order)
        + "</tr>"
        for index, row in enumerate(table.rows)
    )
    verdict = str(result.verdict)
    return (
        f"<p>{verdict_html(verdict)} {escape(WORDS.get(verdict, ''))}. The verdict of the whole is that of its weakest "
        'part.</p><div class="scroll" tabindex="0" role="region" aria-label="Summary"><table><caption>Every theorem at '
        f"every generator</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def theorem_html(records: Sequence[tuple[int, TheoremRecord]], theorem: Theorem | None, grid: Grid | None) -> str:
    """One theorem: statement, formulas, sliders, and what was found at every generator."""
    first = records[0][1]
    parts = [f'<section class="theorem" aria-label="{escape(first.title)}"><h2>{escape(first.title)}</h2>']
    parts.append(f'<p class="id">{escape(first.id)}</p>')
    if theorem is not None:
        parts.append(_statement(theorem))
    if grid is not None:
        parts.append(sliders_html(grid))
        if charted := grid_chart(grid):
            parts.append(_figure(charted, "Layers over the noise, at certified values of the grid"))
    parts += [record_html(index, record) for index, record in records]
    return "".join(parts) + "</section>"


def record_html(index: int, record: TheoremRecord) -> str:
    """What was found at one generator."""
    where = "constants alone" if record.generator is None else record.generator
    opened = " open" if index == 0 or not record.verdict.holds else ""
    parts = [
        f'<details class="record" id="record-{index}"{opened}><summary><h3>{escape(where)}</h3>'
        f"{verdict_html(str(record.verdict))}</summary>"
    ]
    if record.reason:
        parts.append(f'<p class="reason">{escape(record.reason)}</p>')
    if record.conclusion is not None:
        parts.append(html_table(conclusion_table(record.conclusion, record.symbols, record.inputs)))
    if record.assumptions and record.steps:
        parts.append(graph_html(index, record))
    if brackets := assumption_brackets(record):
        parts.append(html_table(constants_table(brackets)))
        if charted := bracket_chart(brackets):
            parts.append(_figure(charted, "Brackets of the constants"))
    parts.append(html_table(assumptions_table(record)))
    parts.append(html_table(steps_table(record)))
    if charted := slack_chart(record):
        words = "Slack of every claim: claimed over measured for an upper bound, measured over claimed for a lower one"
        parts.append(_figure(charted, words))
    if record.losses:
        parts.append(html_table(slack_table(record)))
        parts.append(_figure(loss_chart(record), "Slack along the proof"))
    parts.append(observations_html(index, record.observations))
    return "".join(parts) + "</details>"


def graph_html(index: int, record: TheoremRecord) -> str:
    """The blueprint with its legend and the place where a clicked statement says what it rests on."""
    graph = blueprint(record)
    facts = {
        node.label: {
            "text": describe(graph, node.label),
            "kind": node.kind,
            "title": node.title,
            "rests": list(graph.ancestors(node.label)),
        }
        for node in graph.nodes
    }
    fills = "".join(f'<li><span class="swatch {name}"></span>{escape(text)}</li>' for name, text in EVIDENCE.items())
    borders = "".join(
        f'<li><span class="swatch border v-{name}"></span>{name}</li>'
        for name in ("proved", "supported", "composed", "conditional", "inconclusive", "refuted")
    )
    return (
        f'<figure class="blueprint" data-graph="{index}"><div class="scroll" tabindex="0" role="region" '
        f'aria-label="Blueprint of the proof, scrollable">{blueprint_svg(graph)}</div><figcaption>Blueprint of the '
        "proof. Click a statement, or reach it with Tab and press Enter, to see what it rests on.</figcaption>"
        f'<div class="legend"><b>Fill: evidence of a statement and all it rests on</b><ul>{fills}</ul><b>Border: the '
        f'statement itself</b><ul>{borders}<li><span class="swatch border leaf"></span>from the literature</li></ul>'
        '</div><div class="rests" role="status" aria-live="polite">No statement chosen.</div>'
        f'<script type="application/json" class="facts">{script_json(facts)}</script></figure>'
    )


def observations_html(index: int, records: Sequence[ObservationRecord]) -> str:
    """The table of observations with a filter, a choice of verdicts, and headings that sort; "" without any."""
    if not records:
        return ""
    names = list(dict.fromkeys(name for item in records for name in item.shown))
    headings = ["observation", "verdict", "by", "layers", "TV bound", *names, "reason"]
    head = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" data-column="{place}">'
        f"{escape(name.replace('_', ' '))}</button></th>"
        for place, name in enumerate(headings)
    )
    verdicts = sorted({str(item.verdict) for item in records})
    options = "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in verdicts)
    body = "".join(_observation(item, names) for item in records)
    return (
        f'<div class="observations"><h4 id="observations-{index}">Observations</h4><div class="controls">'
        f'<label>Filter <input type="search" placeholder="text in any column"></label>'
        f'<label>Verdict <select><option value="">all</option>{options}</select></label>'
        f'<output role="status" aria-live="polite">{len(records)} of {len(records)}</output></div>'
        f'<div class="scroll tall" tabindex="0" role="region" aria-labelledby="observations-{index}"><table>'
        f"<caption>Certificates of single observations; a heading sorts by its column</caption><thead><tr>{head}</tr>"
        f"</thead><tbody>{body}</tbody></table></div></div>"
    )


def sliders_html(grid: Grid) -> str:
    """Sliders over a grid of certified values; the script shows a grid value on the safe side, or none."""
    others = "".join(f", {escape(name)} = {escape(value)}" for name, value in grid.defaults.items())
    fixed = f"m = 1, M = κ, M2 = {grid.curvature:g}{others}"
    rows = "".join(
        f'<label for="{name}-{escape(grid.theorem)}">{label}</label>'
        f'<input type="range" id="{name}-{escape(grid.theorem)}" data-axis="{name}" min="0" max="1000" value="0">'
        "<output></output>"
        for name, label in (
            ("beta", "β, noise level"),
            ("d", "d, latent dimension"),
            ("kappa", "κ = M/m, condition number"),
            ("epsilon", "ε, distance asked for"),
        )
    )
    return (
        f'<div class="sliders" role="group" aria-label="Certified values over constants"><h3>On constants</h3>'
        f"<p>Every value was computed beforehand and certified on its own, for {fixed} (β and M2 in units of m). "
        "Between grid values the page shows the nearest one on the safe side: larger d, larger κ, smaller ε. A bound "
        f'at one noise says nothing at another, so β takes grid values only.</p><div class="controls">{rows}</div>'
        '<div class="answer" role="status" aria-live="polite"></div>'
        f'<script type="application/json" class="grid">{script_json(grid.to_dict())}</script></div>'
    )


def script_json(document: Any) -> str:
    """JSON that stays data inside a script element whatever the texts in it are."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def statement_html(theorem: Theorem) -> str:
    """What a referee reads first: summary, assumptions, conclusion, source."""
    conclusion = theorem.conclusion
    items = "".join(
        f"<li><b>{escape(item.label)}</b> {escape(prose(item.statement))}<br>{mathml(item.latex)}</li>"
        for item in theorem.assumptions
    )
    return (
        f'<p>{escape(prose(theorem.summary))}</p><div class="statement" tabindex="0" role="region" '
        f'aria-label="Statement"><h3>Statement</h3><p>Assume</p><ul>{items}</ul>'
        f"<p>Then {escape(prose(conclusion.statement))}:</p>{mathml(conclusion.latex, True)}"
        f'<p class="source">{escape(theorem.source)}</p></div>'
    )


def _statement(theorem: Theorem) -> str:
    tables = "".join(html_table(table, "formulas") for table in formulas_document(theorem).tables)
    return f"{statement_html(theorem)}<details><summary><h3>Formulas</h3></summary>{tables}</details>"


def _observation(item: ObservationRecord, names: Sequence[str]) -> str:
    bound = upper_cell(item.tv_bound).text
    cells = [
        f'<td data-key="{item.index}" class="number">{item.index}</td>',
        f'<td data-key="{escape(str(item.verdict))}">{verdict_html(str(item.verdict))}</td>',
        f'<td data-key="{escape(item.theorem)}">{escape(item.theorem)}</td>',
        _sortable(item.layers, number_cell(item.layers).text),
        _sortable(item.tv_bound, bound),
        *(_sortable(item.values.get(name), _own(name, item.values.get(name))) for name in names),
        f'<td data-key="{escape(item.reason)}">{escape(item.reason)}</td>',
    ]
    return f'<tr data-verdict="{escape(str(item.verdict))}">{"".join(cells)}</tr>'


def _own(name: str, value: float | None) -> str:
    """A number of the theorem's own, on the side that keeps it a bound."""
    if value is None:
        return ""
    return (upper_cell if name.endswith(("_upper", "_distance")) else lower_cell)(value).text


def _sortable(value: float | int | None, text: str) -> str:
    key = "" if value is None else repr(float(value))
    return f'<td data-key="{key}" class="number">{escape(text)}</td>'


def _heading(table: Table, place: int) -> str:
    """A heading that is the name of a quantity is set as its symbol."""
    column = table.columns[place]
    tex = symbol(column.heading)
    text = escape(column.heading) if tex is None else mathml(tex)
    return f'<th scope="col"{_number(column.numeric)}>{text}</th>'


def _cell(cell: Cell, numeric: bool, heads: bool = False, worded: bool = False) -> str:
    if cell.kind == "verdict":
        return f"<td{_number(numeric)}>{verdict_html(cell.text)}</td>"
    content = escape(prose(cell.text) if worded else cell.text) if cell.latex is None else mathml(cell.latex)
    tag, scope = ("th", ' scope="row"') if heads else ("td", "")
    return f"<{tag}{scope}{_number(numeric)}>{content}</{tag}>"


def _figure(chart: str, caption: str) -> str:
    named = f'role="region" aria-label="{escape(caption)}"'
    return f'<figure class="scroll" tabindex="0" {named}>{chart}<figcaption>{escape(caption)}</figcaption></figure>'


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""
