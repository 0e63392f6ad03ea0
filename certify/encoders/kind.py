"""What an encoder kind is: how the network of a theorem follows from a certificate's numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import exact_integer, midpoint, precision, upper
from certify.bounds.bracket import ConstantBrackets
from certify.encoders.program import EncoderProgram
from certify.errors import InputError
from certify.generators.graph import Generator

LAYOUTS = ("sequence", "parallel")


@dataclass(frozen=True)
class EncoderOptions:
    """Choices of the user among encoders of one kind.

    projected      the Langevin chain projects onto the ball D before every layer (S7), and not only in the proof
    products_only  a Gaussian's factor by products alone (Newton-Schulz), not by Cholesky's divisions and roots
    start          a network x -> c_0 from which the descent starts in place of 0
    layout         proposals one after the other in a loop ("sequence"), or side by side ("parallel")

    Raises InputError for another layout.
    """

    projected: bool = False
    products_only: bool = False
    start: Generator | None = None
    layout: str = "sequence"

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise InputError(f"`layout` must be {' or '.join(LAYOUTS)}; got {self.layout!r}")


@dataclass(frozen=True)
class Numbers:
    """The numbers of a certificate as an encoder needs them; every one is an enclosure of a real number."""

    values: Mapping[str, arb]
    single_observations: bool = False
    """Whether they hold for given observations, and not for typical x."""

    def real(self, name: str) -> float:
        """The nearest float to a quantity."""
        return midpoint(self.enclosure(name))

    def count(self, name: str) -> int:
        """An integer quantity; of one that is only enclosed the larger integer."""
        value = self.enclosure(name)
        exact = exact_integer(value)
        if exact is not None:
            return int(exact)
        with precision():
            return int(upper(value.ceil()))

    def has(self, name: str) -> bool:
        """Whether the theorem names this quantity."""
        return name in self.values

    def enclosure(self, name: str) -> arb:
        """The ball of a quantity; raises InputError if the certificate has none."""
        if name not in self.values:
            raise InputError(f"the certificate has no `{name}`, which this encoder needs")
        return self.values[name]


@dataclass(frozen=True, eq=False)
class AtObservation:
    """The encoder of one observation's own certificate, or None with the `reason`.

    `certificate` is what a reader needs to check it; `parameter_bound` bounds the unrolled parameters.
    """

    program: EncoderProgram | None
    reason: str
    certificate: Mapping[str, Any] | None = None
    parameter_bound: float | None = None


@dataclass(frozen=True)
class EncoderKind:
    """A kind of encoder, the field `encoder` of its theorem; it has `build` and `bound`, or `at_observation`, or all.

    build            writes the network of a generator from a certificate of the theorem
    bound            the certificate's bound of the distance of what `build` makes with these options
    at_observation   (generator, x, beta, epsilon, options, brackets): certifies one observation, writes its network
    needs_constants  whether `at_observation` rests on certified m, M, M2
    layouts          the layouts that it is written in
    declaration      what a file of `build` says so that its chain can be run again without it: name and text, from the
                     network and the conclusion's numbers by name
    """

    name: str
    summary: str
    build: Callable[[Generator, Numbers, EncoderOptions], EncoderProgram] | None = None
    bound: Callable[[Numbers, EncoderOptions], arb] | None = None
    at_observation: (
        Callable[[Generator, FloatArray, Fraction, Fraction, EncoderOptions, ConstantBrackets], AtObservation] | None
    ) = None
    needs_constants: bool = True
    layouts: tuple[str, ...] = LAYOUTS[:1]
    declaration: Callable[[EncoderProgram, Callable[[str], float | None]], dict[str, str]] | None = None
