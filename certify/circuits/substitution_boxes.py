"""S-boxes of published ciphers as circuits: the non-linear permutations of 3 to 8 bits that real designs are made of.

present, gift   4 bits, by their published tables; the circuit is the algebraic normal form that the table implies.
aes             8 bits: x -> x^254 in GF(2^8) (the inverse, 0 -> 0) and an affine map, both built from the algebra.
chi3, chi5      y_i = x_i + (1 + x_{i+1}) x_{i+2} over GF(2), indices modulo n: a bijection for odd n only.

Sources: Bogdanov et al., CHES 2007 (PRESENT); Banik et al., CHES 2017 (GIFT); FIPS 197 (AES); FIPS 202 (chi).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.circuits.fields import polynomial_product
from certify.errors import UnknownNameError

PRESENT = (0xC, 0x5, 0x6, 0xB, 0x9, 0x0, 0xA, 0xD, 0x3, 0xE, 0xF, 0x8, 0x4, 0x7, 0x1, 0x2)
GIFT = (0x1, 0xA, 0x4, 0xC, 0x6, 0xF, 0x3, 0x9, 0x2, 0xD, 0xB, 0x7, 0x5, 0x0, 0x8, 0xE)
AES_MODULUS = 0b1_0001_1011
AES_CONSTANT = 0x63


@dataclass(frozen=True, eq=False)
class SubstitutionBox:
    """`circuit` on `bits` bits; `value` is the same map by arithmetic that shares nothing with the circuit."""

    name: str
    bits: int
    circuit: Circuit
    value: Callable[[int], int]


def substitution_box(name: str) -> SubstitutionBox:
    """The S-box of that name. Raises UnknownNameError, with the closest match."""
    if name not in BOXES:
        raise UnknownNameError("S-box", name, BOXES)
    return BOXES[name]()


def table_circuit(images: Sequence[int]) -> Circuit:
    """The algebraic normal form of a table of 2^n words, as gates: every output is a sum of monomials. Exact."""
    bits = len(images).bit_length() - 1
    builder = CircuitBuilder(bits)
    outputs = []
    for row in range(bits):
        coefficients = [image >> row & 1 for image in images]
        # Moebius transform: the coefficient of a monomial is the sum of the values below its set of variables.
        for i in range(bits):
            coefficients = [
                bit ^ (coefficients[word ^ 1 << i] if word >> i & 1 else 0) for word, bit in enumerate(coefficients)
            ]
        monomials = [[i for i in range(bits) if word >> i & 1] for word, bit in enumerate(coefficients) if bit]
        outputs.append(builder.parity([builder.every(monomial) for monomial in monomials]))
    return builder.finish(outputs)


def aes_value(x: int) -> int:
    """AES's S-box in integer arithmetic: the inverse by search, then b + its rotations by 1 to 4 places + 0x63."""
    inverse = next((y for y in range(256) if polynomial_product(x, y, AES_MODULUS) == 1), 0)
    rotations = (inverse << k | inverse >> (8 - k) for k in range(1, 5))
    result = inverse ^ AES_CONSTANT
    for rotation in rotations:
        result ^= rotation & 0xFF
    return result


def aes_circuit() -> Circuit:
    """x^254 by the chain 2, 3, 12, 15, 240, 252, 254 (four products; squares are linear), then the affine map."""
    builder = CircuitBuilder(8)
    x = list(range(8))
    second = _squared(builder, x, 1)
    third = _product(builder, x, second)
    twelfth = _squared(builder, third, 2)
    fifteenth = _product(builder, third, twelfth)
    power_252 = _product(builder, _squared(builder, fifteenth, 4), twelfth)
    inverse = _product(builder, power_252, second)
    outputs = [
        builder.parity([*(inverse[(i - k) % 8] for k in range(5)), TRUE if AES_CONSTANT >> i & 1 else FALSE])
        for i in range(8)
    ]
    return builder.finish(outputs)


def chi_value(x: int, bits: int) -> int:
    """The map chi on words of `bits` bits, by rotations of the whole word."""
    full = (1 << bits) - 1
    first, second = ((x >> k | x << (bits - k)) & full for k in (1, 2))
    return x ^ (~first & second & full)


def chi_circuit(bits: int) -> Circuit:
    """The map chi, gate by gate."""
    builder = CircuitBuilder(bits)
    return builder.finish([
        builder.add(i, builder.conjoin(builder.negate((i + 1) % bits), (i + 2) % bits)) for i in range(bits)
    ])  # fmt: skip


def _product(builder: CircuitBuilder, a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The product in GF(2^8): the coefficients of the polynomials' product, reduced by a linear map."""
    coefficients = [
        builder.parity([builder.conjoin(a[i], b[degree - i]) for i in range(8) if 0 <= degree - i < 8])
        for degree in range(15)
    ]
    return _reduced(builder, coefficients, range(15))


def _squared(builder: CircuitBuilder, a: Sequence[int], times: int) -> list[int]:
    """The power 2^times in GF(2^8): linear, as (sum a_i X^i)^2 = sum a_i X^(2 i)."""
    return _reduced(builder, a, [i << times for i in range(8)])


def _reduced(builder: CircuitBuilder, coefficients: Sequence[int], degrees: Sequence[int]) -> list[int]:
    """Sum of coefficients[i] X^degrees[i] modulo AES's polynomial."""
    columns = [_monomial(degree) for degree in degrees]
    return [
        builder.parity([signal for signal, column in zip(coefficients, columns, strict=True) if column >> row & 1])
        for row in range(8)
    ]


def _monomial(degree: int) -> int:
    value = 1
    for _ in range(degree):
        value = polynomial_product(value, 0b10, AES_MODULUS)
    return value


def _chi(bits: int) -> SubstitutionBox:
    return SubstitutionBox(f"chi{bits}", bits, chi_circuit(bits), lambda x: chi_value(x, bits))


BOXES: dict[str, Callable[[], SubstitutionBox]] = {
    "aes": lambda: SubstitutionBox("aes", 8, aes_circuit(), aes_value),
    "chi3": lambda: _chi(3),
    "chi5": lambda: _chi(5),
    "gift": lambda: SubstitutionBox("gift", 4, table_circuit(GIFT), GIFT.__getitem__),
    "present": lambda: SubstitutionBox("present", 4, table_circuit(PRESENT), PRESENT.__getitem__),
}
