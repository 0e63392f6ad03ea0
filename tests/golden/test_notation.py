"""docs/notation.md ends with the symbols as the theorems declare them; `--update-golden` rewrites that part."""

from __future__ import annotations

from dataclasses import replace

from certify.discovery.registry import theorems
from certify.report.notation import notation_page
from certify.symbolic.declaration import declare
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "notation.md"
MARK = "<!-- from here on generated -->\n"


def test_the_page_of_notation_is_as_declared(update_golden: bool) -> None:
    written, mark, generated = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, "docs/notation.md lost the line after which it is generated"
    page = "\n" + notation_page(item for _, item in sorted(theorems().items()))
    if update_golden:
        PAGE.write_text(written + mark + page, encoding="utf-8")
        generated = page
    assert generated == page, "a declaration changed; read the diff, then --update-golden"


def test_a_changed_domain_changes_the_page() -> None:
    theorem = theorems()["strong-invertibility"]
    wider = declare("delta0", "(0, inf)", r"\delta_0", "accuracy of the inversion (S6)")
    changed = [
        replace(item, symbol=wider, domain=str(wider.domain)) if item.name == "delta0" else item
        for item in theorem.quantities
    ]
    assert notation_page([replace(theorem, quantities=tuple(changed))]) != notation_page([theorem])
