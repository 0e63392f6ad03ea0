"""JSON: the records' own dictionaries as text, with no value that a strict reader would reject."""

from __future__ import annotations

import json
from typing import Any


def json_text(document: dict[str, Any]) -> str:
    """The document as indented JSON (RFC 8259), ending in a newline; keys keep their order.

    Raises ValueError if a number is NaN or infinite: the contract writes those as null and "inf".
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
