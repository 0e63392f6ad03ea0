"""Discrete logarithms: every answer against plain powers, and what is no power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.circuits.discrete_logarithm import baby_step_giant_step, pohlig_hellman
from certify.circuits.fields import binary_field, prime_field
from certify.errors import InputError

FIELD, PRIME = binary_field(8), prime_field(16)
LARGE, SMOOTH = binary_field(31), binary_field(36)


def test_every_element_of_a_small_field_has_its_logarithm_by_both_methods() -> None:
    for exponent in range(FIELD.order):
        element = FIELD.power(exponent)
        assert baby_step_giant_step(FIELD, element).exponent == exponent
        assert pohlig_hellman(FIELD, element).exponent == exponent


@given(st.integers(0, 65535))
def test_logarithms_modulo_a_prime(exponent: int) -> None:
    element = pow(PRIME.generator, exponent % PRIME.order, PRIME.modulus)
    assert pohlig_hellman(PRIME, element).exponent == exponent % PRIME.order
    assert baby_step_giant_step(PRIME, element).exponent == exponent % PRIME.order


def test_costs_follow_the_largest_factor_of_the_order() -> None:
    exponent = 1234567890
    prime_order = pohlig_hellman(LARGE, LARGE.power(exponent))
    smooth_order = pohlig_hellman(SMOOTH, SMOOTH.power(exponent))
    assert prime_order.exponent == smooth_order.exponent == exponent
    assert 2**15 < prime_order.multiplications < 2**18
    assert smooth_order.multiplications < 2**12
    assert 2**15 < baby_step_giant_step(LARGE, LARGE.power(exponent)).multiplications < 2**18


def test_zero_is_no_power() -> None:
    for method in (baby_step_giant_step, pohlig_hellman):
        with pytest.raises(InputError, match="no power"):
            method(FIELD, 0)


def test_factors_that_need_too_large_a_table_are_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        baby_step_giant_step(binary_field(61), 3)
