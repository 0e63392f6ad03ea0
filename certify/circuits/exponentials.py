"""Exponentials as circuits: x -> g^x in GF(2^n), and modulo a prime, by square and multiply."""

from __future__ import annotations

from collections.abc import Sequence

from certify.circuits.builder import FALSE, TRUE, CircuitBuilder
from certify.circuits.circuit import Circuit
from certify.circuits.fields import Field


def binary_exponential(field: Field) -> Circuit:
    """The permutation x -> X^x of n-bit words in GF(2^n), the all-ones word going to 0.

    From the highest bit of x down: r <- r^2, a linear map over GF(2), then r <- X r where the bit is set. X^0 and
    X^(2^n - 1) are both 1; the all-ones word therefore takes the one value that no power has.
    """
    n = field.modulus.bit_length() - 1
    builder = CircuitBuilder(n)
    power = [TRUE] + [FALSE] * (n - 1)
    for bit in range(n - 1, -1, -1):
        power = binary_step(builder, field, bit, power)
    return builder.finish(masked(builder, power))


def binary_step(builder: CircuitBuilder, field: Field, bit: int, power: Sequence[int]) -> list[int]:
    """One step b, r -> X^b r^2 in GF(2^n), for the signal b = `bit` and the signals r = `power`."""
    n = len(power)
    square = _linear(builder, [field.power(2, 1 << i) for i in range(n)], power)
    shifted = _linear(builder, [field.multiply(field.generator, 1 << i) for i in range(n)], square)
    return [builder.choose(bit, yes, no) for yes, no in zip(shifted, square, strict=True)]


def masked(builder: CircuitBuilder, power: Sequence[int]) -> list[int]:
    """The signals `power`, all of them false where all inputs are true."""
    keep = builder.negate(builder.every(range(len(power))))
    return [builder.conjoin(keep, signal) for signal in power]


def prime_exponential(field: Field, bits: int) -> Circuit:
    """The permutation of n-bit words that is x -> g^x mod p for 1 <= x <= p - 1 and leaves 0 and x >= p alone.

    From the lowest bit up: r <- r g^(2^i) mod p where the bit is set; the squares g^(2^i) are constants. A product with
    a constant is a sum of constants modulo p, one for each bit of r.
    """
    builder = CircuitBuilder(bits)
    power = [TRUE] + [FALSE] * (bits - 1)
    square = field.generator
    for bit in range(bits):
        product = _times_constant(builder, power, square, field.modulus)
        power = [builder.choose(bit, yes, no) for yes, no in zip(product, power, strict=True)]
        square = field.multiply(square, square)
    x = range(bits)
    zero = builder.every([builder.negate(signal) for signal in x])
    outside = builder.disjoin(zero, _at_least(builder, x, field.modulus))
    return builder.finish([builder.choose(outside, same, signal) for same, signal in zip(x, power, strict=True)])


def _linear(builder: CircuitBuilder, columns: Sequence[int], signals: Sequence[int]) -> list[int]:
    """The GF(2)-linear map that sends unit vector i to `columns[i]`."""
    return [
        builder.parity([signal for column, signal in zip(columns, signals, strict=True) if column >> row & 1])
        for row in range(len(signals))
    ]


def _times_constant(builder: CircuitBuilder, signals: Sequence[int], factor: int, modulus: int) -> list[int]:
    """The product of a number below the modulus with a constant, modulo it."""
    total = [FALSE] * len(signals)
    for signal in signals:
        if signal != FALSE:
            summand = [signal if factor >> i & 1 else FALSE for i in range(len(total))]
            total = _add_modulo(builder, total, summand, modulus)
        factor = 2 * factor % modulus
    return total


def _add_modulo(builder: CircuitBuilder, a: Sequence[int], b: Sequence[int], modulus: int) -> list[int]:
    """The sum a + b mod p for a, b < p: the sum s < 2 p, less p where s >= p."""
    total = _add(builder, a, b, FALSE)
    # s - p = s + not(p) + 1 in n + 1 bits; its carry says that s >= p.
    complement = [FALSE if modulus >> i & 1 else TRUE for i in range(len(total))]
    reduced = _add(builder, total, complement, TRUE)
    return [builder.choose(reduced[-1], yes, no) for yes, no in zip(reduced[: len(a)], total[: len(a)], strict=True)]


def _at_least(builder: CircuitBuilder, a: Sequence[int], bound: int) -> int:
    """Whether a >= bound: the carry of a + not(bound) + 1."""
    complement = [FALSE if bound >> i & 1 else TRUE for i in range(len(a))]
    return _add(builder, a, complement, TRUE)[-1]


def _add(builder: CircuitBuilder, a: Sequence[int], b: Sequence[int], carry: int) -> list[int]:
    """Ripple-carry sum of two n-bit numbers and a carry, n + 1 bits."""
    total = []
    for one, other in zip(a, b, strict=True):
        half = builder.add(one, other)
        total.append(builder.add(half, carry))
        # The carry is the majority of the three: the carry where the two differ, one of them where they agree.
        carry = builder.disjoin(builder.conjoin(one, other), builder.conjoin(half, carry))
    return [*total, carry]
