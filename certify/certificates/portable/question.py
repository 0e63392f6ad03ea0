"""What a portable certificate is asked for, and what a kind of it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from certify.circuits.circuit import Circuit
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator

NETWORK, CONSTANTS, CIRCUIT, FORMULA = "network", "constants", "circuit", "formula"
CHECKERS = {
    NETWORK: "check.py", CONSTANTS: "check_totals.py", CIRCUIT: "check_circuits.py", FORMULA: "check_circuits.py",
}  # fmt: skip
NAMED = {NETWORK: "a network", CONSTANTS: "bare constants", CIRCUIT: "a circuit", FORMULA: "a formula"}
"""What a certificate is about, and the file of `checker/` that reads it; some kinds have one of their own."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is to be certified: about one of a decoder, bare constants, a circuit and a formula.

    generator    the decoder; observation    y (n,); beta    noise level
    constants    d, m, M, M2, beta, gradient, residual by name
    circuit      a Boolean circuit; formula    a DIMACS file
    """

    generator_or_none: Generator | None = None
    observation: FloatArray | None = None
    beta: float | None = None
    constants: Mapping[str, Fraction] = field(default_factory=dict)
    circuit: Circuit | None = None
    formula: Path | None = None

    @property
    def generator(self) -> Generator:
        """The decoder.

        Raises:
            InputError: if the question is about none.
        """
        if self.generator_or_none is None:
            raise InputError("this kind of certificate is about a network: give `generator`")
        return self.generator_or_none


@dataclass(frozen=True)
class PortableKind:
    """One kind of portable certificate.

    name       what a file calls it; title    what it claims
    make       the certificate's own keys, from `claims` on, or the reason why there is none. The checker's arithmetic
               is exact, so a claim that `make` rounds outward too little is refused there, never believed
    subject    what it is about: a key of `CHECKERS`;  checker    the file of `checker/` that reads it
    """

    name: str
    title: str
    make: Callable[[Question], dict[str, Any] | str]
    subject: str = NETWORK
    own_checker: str = ""

    @property
    def checker(self) -> str:
        """The name of the file that checks it."""
        return self.own_checker or CHECKERS[self.subject]
