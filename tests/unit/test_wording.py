"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from certify.wording import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(1, "proposal", "1 proposal"), (0, "row", "0 rows"), (1, "box", "1 box"), (3, "box", "3 boxes")],
)
def test_one_has_no_plural(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
