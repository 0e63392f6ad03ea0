"""Charts of the page as inline SVG: bars of the bits that steps lose, and the slack of every claim on one axis."""

from __future__ import annotations

import math
from html import escape

from certify.proof.records import TheoremRecord
from certify.report.labels import step_labels
from certify.report.table import number_cell

LABEL, PLOT, ROW = 250, 420, 22


def loss_chart(record: TheoremRecord) -> str:
    """A bar per step, as long as the bits that it loses; open where measured elsewhere than used. "" for none."""
    if not record.losses:
        return ""
    bits = [max(0.0, item.bits) for item in record.losses]
    limit = max([0.05, *(item for item in bits if math.isfinite(item))])
    rows, printed = [], step_labels(record)
    for place, (item, lost) in enumerate(zip(record.losses, bits, strict=True)):
        y = 8 + place * ROW
        length = PLOT * min(lost, 1.06 * limit) / (1.06 * limit)
        kind = "bar" if item.same_place else "bar open"
        name = f"{printed.get(item.step, item.step)}  {item.title}"
        text = number_cell(0.0 if lost < 1e-3 else lost, digits=2).text
        rows.append(
            f'<text class="end" x="{LABEL - 8}" y="{y + 13}">{escape(_cut(name))}</text>'
            f'<rect class="{kind}" x="{LABEL}" y="{y + 2}" width="{max(length, 1.0):.1f}" height="15"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 13}">{escape(text)}</text>'
        )
    height = 8 + ROW * len(rows) + 26
    axis = (
        f'<text x="{LABEL}" y="{height - 8}">bits of the final bound lost (open: measured elsewhere than used)</text>'
    )
    return svg(height, f"bits that each step of {record.id} loses", "".join(rows) + axis)


def slack_chart(record: TheoremRecord) -> str:
    """A dot per claim at its slack, on a logarithmic axis from 1 (tight); "" where nothing was measured."""
    printed = step_labels(record)
    claims = [
        (printed[step.label], claim)
        for step in record.steps
        for claim in step.claims
        if claim.relation != "=" and claim.slack > 0.0 and not math.isnan(claim.slack)
    ]
    if not claims:
        return ""
    finite = [claim.slack for _, claim in claims if math.isfinite(claim.slack)]
    low, high = min(1.0, *finite) if finite else 1.0, max([10.0, *finite])
    span = math.log(high / low)
    rows = []
    for place, (label, claim) in enumerate(claims):
        y = 8 + place * ROW
        share = 1.04 if math.isinf(claim.slack) else math.log(claim.slack / low) / span
        text = "measured 0" if math.isinf(claim.slack) else number_cell(claim.slack, digits=3).text
        x = LABEL + PLOT * share
        rows.append(
            f'<text class="end" x="{LABEL - 8}" y="{y + 13}">{escape(_cut(f"{label}  {claim.name}"))}</text>'
            f'<line x1="{LABEL + PLOT * math.log(1 / low) / span:.1f}" x2="{x:.1f}" y1="{y + 9}" y2="{y + 9}"/>'
            f'<circle class="v-{escape(str(claim.verdict))}" cx="{x:.1f}" cy="{y + 9}" r="5"/>'
            f'<text x="{x + 10:.1f}" y="{y + 13}">{escape(text)}, {escape(str(claim.verdict))}</text>'
        )
    height = 8 + ROW * len(rows) + 44
    rows += [_tick(LABEL + PLOT * math.log(value / low) / span, value, height) for value in decades(low, high)]
    axis = f'<text x="{LABEL}" y="{height - 8}">slack, logarithmic: 1 is tight, right is loose</text>'
    return svg(height, f"slack of every claim of {record.id}", "".join(rows) + axis)


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from `low` to `high`, at most seven of them."""
    powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    return [10.0**power for power in powers[:: 1 + len(powers) // 8]]


def svg(height: int, title: str, content: str) -> str:
    """A chart of this height with its title for those who do not see it; its text stays text."""
    width = LABEL + PLOT + 170
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>{content}</svg>'
    )


def _tick(x: float, value: float, height: int) -> str:
    return (
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - 40}"/>'
        f'<text class="mid" x="{x:.1f}" y="{height - 26}">{value:g}</text>'
    )


def _cut(text: str) -> str:
    return text if len(text) <= 42 else text[:41].rstrip() + "…"
