"""What a portable certificate is asked for, and what a kind of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from certify.generators.graph import FloatArray, Generator


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be certified: about a decoder, and where the kind is about one observation, about that.

    generator    the decoder; observation    y (n,); beta    noise level
    """

    generator: Generator
    observation: FloatArray | None = None
    beta: float | None = None


@dataclass(frozen=True)
class PortableKind:
    """One kind of portable certificate.

    name    what a file calls it; title    what it claims
    make    the certificate's own keys, from `claims` on, or the reason why there is none. The checker's arithmetic is
            exact, so a claim that `make` rounds outward too little is refused there, never believed
    """

    name: str
    title: str
    make: Callable[[Question], dict[str, Any] | str]
