"""What a kind of certificate is: a typed record, and how its claims are checked again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from certify.codec import Readable, encode
from certify.generators.graph import GAUSSIAN, Generator
from certify.profiles.records import GeneratorIdentity, GlobalConstants

Record = TypeVar("Record")


@dataclass(frozen=True)
class Verification(Readable):
    """What came out of checking one certificate again.

    holds      every claim was confirmed in balls
    claim      what the certificate says
    reason     the first claim that was not confirmed; "" if all were
    premises   what was taken for granted
    """

    holds: bool
    claim: str
    reason: str
    premises: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {key: value for key, value in encode(self).items()}


def premise_text(known: GlobalConstants, sha256: str, names: Sequence[str] = ("m", "M", "M2")) -> str:
    """What is taken for granted of the decoder with this digest, in words."""
    said = {"m": f"|G(z)-G(z')| >= {known.m!r} |z-z'|", "M": f"Lip(G) <= {known.M!r}", "M2": f"Lip(J) <= {known.M2!r}"}
    return f"{', '.join(said[name] for name in names)} (`certify constants`; sha256 {sha256[:12]})"


@dataclass(frozen=True)
class Kind(Generic[Record]):
    """One kind of certificate.

    name        what a file calls it
    record      the frozen dataclass that holds it (`certify.codec`)
    generator   which decoder a record is about
    rows        the observation that it is about, (n,)
    premise     the constants of the decoder that it takes for granted; None where it needs none
    verify      checks every claim of a record at the decoder, which has the record's digest
    said        what the row of `certify check` says of a record, by the row's names; what it does not say may be absent
    likelihood  what the outputs of the decoder of a record mean

    `verify` is a pure function that searches nothing; it raises nothing on a record that was decoded.
    """

    name: str
    record: type[Record]
    generator: Callable[[Record], GeneratorIdentity]
    observation: Callable[[Record], tuple[float, ...]]
    premise: Callable[[Record], GlobalConstants | None]
    verify: Callable[[Record, Generator], Verification]
    said: Callable[[Record], Mapping[str, float | int | str | None]]
    likelihood: Callable[[Record], str] = lambda record: GAUSSIAN
