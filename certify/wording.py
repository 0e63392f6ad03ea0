"""Words of messages and sentences."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number with its noun, whose plural has an s or, after x, es.

    >>> counted(1, "proposal"), counted(27224, "layer"), counted(0, "box")
    ('1 proposal', '27224 layers', '0 boxes')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}{'es' if noun.endswith('x') else 's'}"
