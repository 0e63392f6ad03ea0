"""Discrete logarithms: every answer against plain powers, and what is no power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.circuits.discrete_logarithm import CyclicGroup, baby_step_giant_step, pohlig_hellman
from certify.errors import InputError

FIELD = CyclicGroup("gf2", 0b100011101, 2, 255)
PRIME = CyclicGroup("prime", 65537, 3, 65536)
LARGE = CyclicGroup("gf2", (1 << 31) | 0b1001, 2, 2**31 - 1)
SMOOTH = CyclicGroup("gf2", (1 << 36) | (1 << 11) | 1, 2, 2**36 - 1)


def slow_product(one: int, other: int, modulus: int) -> int:
    total = 0
    for bit in range(other.bit_length()):
        total ^= (one << bit) * (other >> bit & 1)
    while total.bit_length() >= modulus.bit_length():
        total ^= modulus << (total.bit_length() - modulus.bit_length())
    return total


def test_powers_of_the_field_agree_with_long_division_of_polynomials() -> None:
    value = 1
    for exponent in range(255):
        assert FIELD.power(exponent) == value
        value = slow_product(value, 2, FIELD.modulus)
    assert value == 1


def test_every_element_of_a_small_field_has_its_logarithm_by_both_methods() -> None:
    for exponent in range(255):
        element = FIELD.power(exponent)
        assert baby_step_giant_step(FIELD, element).exponent == exponent
        assert pohlig_hellman(FIELD, element).exponent == exponent


@given(st.integers(0, 65535))
def test_logarithms_modulo_a_prime(exponent: int) -> None:
    assert pohlig_hellman(PRIME, pow(3, exponent, 65537)).exponent == exponent
    assert baby_step_giant_step(PRIME, pow(3, exponent, 65537)).exponent == exponent


def test_costs_follow_the_largest_factor_of_the_order() -> None:
    exponent = 1234567890
    prime_order = pohlig_hellman(LARGE, LARGE.power(exponent))
    smooth_order = pohlig_hellman(SMOOTH, SMOOTH.power(exponent))
    assert prime_order.exponent == smooth_order.exponent == exponent
    assert 2**15 < prime_order.multiplications < 2**18
    assert smooth_order.multiplications < 2**12
    assert 2**15 < baby_step_giant_step(LARGE, LARGE.power(exponent)).multiplications < 2**18


def test_what_is_no_power_is_refused() -> None:
    subgroup = CyclicGroup("prime", 7, 2, 3)
    for method in (baby_step_giant_step, pohlig_hellman):
        with pytest.raises(InputError, match="no power"):
            method(subgroup, 3)


@pytest.mark.parametrize(
    ("kind", "modulus", "generator", "order"),
    [("gf2", 1 << 64, 2, 1), ("gf2", 0b100011011, 2, 255), ("prime", 1, 1, 1), ("prime", 7, 2, 6), ("prime", 7, 3, 3)],
)
def test_a_generator_of_another_order_is_refused(kind: str, modulus: int, generator: int, order: int) -> None:
    with pytest.raises(InputError):
        CyclicGroup(kind, modulus, generator, order)  # type: ignore[arg-type]
