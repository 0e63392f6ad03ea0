"""Shared by the two discrete-logarithm inverters: from an image of an exponential to an element of its field."""

from __future__ import annotations

from collections.abc import Callable

from certify.circuits.discrete_logarithm import Logarithm
from certify.circuits.fields import Field
from certify.circuits.permutation import Permutation
from certify.errors import InputError

LARGEST = {"gf2": 63, "prime": 32}
"""Bits up to which products fit into 64-bit words."""


def is_exponential(permutation: Permutation) -> bool:
    """Whether the inverse is a discrete logarithm in words of the machine."""
    return permutation.field is not None and permutation.bits <= LARGEST[permutation.field.kind]


def invert(
    permutation: Permutation, image: int, logarithm: Callable[[Field, int], Logarithm]
) -> tuple[int | None, float]:
    """Preimage by a logarithm, with the words that the permutation treats apart; cost in multiplications.

    A logarithm whose table would be too large counts as cut off.
    """
    field = permutation.field
    assert field is not None, "only an exponential has a field"
    if field.kind == "gf2" and image == 0:
        return field.order, 1.0
    if field.kind == "prime" and not 1 <= image < field.modulus:
        return image, 1.0
    try:
        found = logarithm(field, image)
    except InputError:
        return None, 2.0 * float(field.order) ** 0.5
    # Modulo a prime the exponents are 1 to p - 1: the logarithm 0 stands for p - 1.
    exponent = field.order if field.kind == "prime" and found.exponent == 0 else found.exponent
    return exponent, float(found.multiplications)
