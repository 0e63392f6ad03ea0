"""Every report of one hand-built result, byte for byte; `--update-golden` rewrites the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.report.discovery import formats_from_text, table_formats
from certify.report.files import table_files
from certify.report.json import json_text
from certify.report.terminal import check_report, render_text
from certify.verdict import Verdict
from tests.records import record, result

EXPECTED = Path(__file__).parent / "expected"


def _reports() -> Iterator[tuple[str, str]]:
    found = result(record(), record(Verdict.REFUTED, "residual:d=8"), record(generator=None))
    yield "terminal_80.txt", render_text(check_report(found), 80)
    yield "terminal_110.txt", render_text(check_report(found), 110)
    yield "check.json", json_text(found.to_dict())
    for name in table_formats():
        files = table_files(result(), formats_from_text(name), "certify tables --epsilon 0.1 --seed 0")
        yield f"tables.{files[0].name.rsplit('.', 1)[1]}", "\n".join(file.content for file in files)


@pytest.mark.parametrize(("name", "text"), list(_reports()), ids=lambda value: value if len(value) < 20 else "text")
def test_report_is_as_committed(name: str, text: str, update_golden: bool) -> None:
    path = EXPECTED / name
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{name} changed; read the diff, then --update-golden"
