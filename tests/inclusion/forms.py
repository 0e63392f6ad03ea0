"""Affine forms over balls: at exact points y and symbols e, h some error term makes the result the exact value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from certify.profiles import forms
from certify.profiles.forms import Form, Turns
from tests.inclusion.draw import Data, array, checks, interval
from tests.inclusion.exact import UNIT_VECTORS, at_least, at_most, between, rational

NAME = "certify.profiles.forms."
WIDTH = 2


@dataclass(frozen=True)
class Symbols:
    """One choice of y, e and h."""

    y: list[fmpq]
    e: list[fmpq]
    h: list[fmpq]


def drawn_form(data: Data, radii: np.ndarray, turns: Turns, span: float = 0.9) -> Form:
    """A form over one ball with two coordinates, two entries, two symbols e and the given symbols h."""
    return Form(
        radii,
        array(data, 1, WIDTH, span=span),
        array(data, 1, WIDTH, 2, span=span),
        array(data, 1, WIDTH, 2, span=span) * data.draw(st.sampled_from([0.0, 1.0])),
        array(data, 1, WIDTH, turns.columns, span=span),
        array(data, 1, WIDTH, span=span, signed=False) * data.draw(st.sampled_from([0.0, 1.0])),
        turns,
    )


def drawn_turns(data: Data) -> Turns:
    """No symbols h, or one layer of two."""
    if data.draw(st.booleans()):
        return Turns()
    return Turns().with_layer(array(data, 1, 2, span=0.9, signed=False), array(data, 1, span=0.9, signed=False))


def drawn_radii(data: Data) -> np.ndarray:
    """The radius of the only ball."""
    return np.array([data.draw(st.sampled_from([0.0, 1.0, 1e-300, 1e-5, 7.3, 1e10, 1e150]))])


def choices(form: Form) -> Iterator[Symbols]:
    """Points on the sphere and inside, corners of e, and h at the ends of one axis of each layer."""
    radius = rational(form.radii[0])
    points = [[radius * u for u in unit] for unit in UNIT_VECTORS[1:3]] + [[fmpq(0), fmpq(0)], [-radius, fmpq(0)]]
    corners = [[fmpq(a), fmpq(b)] for a, b in ((1, 1), (-1, 1))]
    moves = [[fmpq(0)] * form.turns.columns]
    for first, box, norm in form.turns.layers:
        for k in range(box.shape[1]):
            most = min(rational(box[0, k]), rational(norm[0]))
            moves += [[most * sign * int(j == first + k) for j in range(form.turns.columns)] for sign in (1, -1)]
    for y, e, h in product(points, corners, moves):
        yield Symbols(y, e, h)


def plane(form: Form, i: int, at: Symbols) -> fmpq:
    """Entry i without its error term."""
    total = rational(form.centre[0, i])
    for part, values in ((form.linear, at.y), (form.noise, at.e), (form.turned, at.h)):
        total += sum((rational(a) * b for a, b in zip(part[0, i], values, strict=True)), fmpq(0))
    return total


def values(form: Form, i: int, at: Symbols) -> list[fmpq]:
    """Entry i at the ends of its error term."""
    error, middle = rational(form.error[0, i]), plane(form, i, at)
    return [middle - error, middle + error]


def contains(form: Form, i: int, at: Symbols, value: fmpq) -> bool:
    """Whether some error term makes entry i the value; an undefined entry is the whole line."""
    parts = (form.centre[0, i], *form.linear[0, i], *form.noise[0, i], *form.turned[0, i], form.error[0, i])
    return not np.isfinite(parts).all() or abs(value - plane(form, i, at)) <= rational(form.error[0, i])


@checks(NAME + "Form.bounds", NAME + "Form.spread", NAME + "Form.rest", NAME + "Form.size", NAME + "Turns.spread")
def ends(data: Data) -> None:
    form = drawn_form(data, drawn_radii(data), drawn_turns(data))
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = form.bounds()
        # Overflows leave a NaN: nothing is known.
        parts = form.spread(), form.rest(), form.size(), form.turns.spread(form.turned)
        spread, rest, size, turned = (np.nan_to_num(part, nan=np.inf, posinf=np.inf) for part in parts)
    for at in choices(form):
        for i in range(WIDTH):
            centre = rational(form.centre[0, i])
            along = sum((rational(a) * b for a, b in zip(form.linear[0, i], at.y, strict=True)), fmpq(0))
            moved = sum((rational(a) * b for a, b in zip(form.turned[0, i], at.h, strict=True)), fmpq(0))
            # Turns.spread leaves its own rounding to the caller.
            assert at_most(abs(moved) * (1 - fmpq(1, 2**44)) - fmpq(1, 2**1000), turned[0, i])
            for value in values(form, i, at):
                assert at_least(value, low[0, i]) and at_most(value, high[0, i])
                assert at_most(abs(value - centre), spread[0, i])
                assert at_most(abs(value - centre - along), rest[0, i])
                assert at_most(abs(value) * (1 - fmpq(1, 2**44)) - fmpq(1, 2**1000), size[0, i])


@checks(NAME + "affine", NAME + "combine", NAME + "scaled_by_inverse_square", NAME + "widened")
def arithmetic(data: Data) -> None:
    radii, turns = drawn_radii(data), drawn_turns(data)
    left = drawn_form(data, radii, turns, 0.45)
    right = drawn_form(data, radii, data.draw(st.sampled_from([turns, Turns()])), 0.45)
    weight, bias = array(data, WIDTH, WIDTH, span=0.45), array(data, WIDTH, span=0.9)
    factors = tuple(array(data, 2, span=0.45).tolist())
    divisor = data.draw(st.sampled_from([1.0, 3.0, 1e-70, 1e80, 1e-160, 1e162, 0.1]))
    with np.errstate(over="ignore", invalid="ignore"):
        image, total = forms.affine(weight, bias, left), forms.combine([left, right], factors)
        product_, quotient = forms.times(left, right), forms.scaled_by_inverse_square(left, divisor)
    wide = forms.widened(right, turns)
    for at in choices(left):
        short = Symbols(at.y, at.e, at.h[: right.turns.columns])
        for i in range(WIDTH):
            assert plane(wide, i, at) == plane(right, i, short)
            for a, b in product(values(left, i, at), values(right, i, short)):
                assert contains(total, i, at, rational(factors[0]) * a + rational(factors[1]) * b)
                assert contains(product_, i, at, a * b)
                assert contains(quotient, i, at, a / rational(divisor) ** 2)
            for a, b in product(values(left, 0, at), values(left, 1, at)):
                exact = rational(weight[i, 0]) * a + rational(weight[i, 1]) * b + rational(bias[i])
                assert contains(image, i, at, exact)


@checks(NAME + "turned_by", NAME + "Turns.with_layer")
def unknown_factors(data: Data) -> None:
    form = drawn_form(data, drawn_radii(data), drawn_turns(data), 0.45)
    slope, offset = array(data, 1, WIDTH, span=0.45), array(data, 1, WIDTH, span=0.9)
    gap = array(data, 1, WIDTH, span=0.9, signed=False)
    form = Form(form.radii, form.centre, form.linear, 0.0 * form.noise, form.turned, form.error, form.turns)
    factors = interval(data, 1, WIDTH, unbounded=False)
    with np.errstate(over="ignore", invalid="ignore"):
        loose, kept = (forms.relaxed(form, slope, offset, gap, first) for first in (None, 0))
        turned = forms.turned_by(form, *factors)
    for at in choices(form):
        for i in range(WIDTH):
            g = rational(gap[0, i])
            for value, sign in product(values(form, i, at), (-1, 1)):
                exact = rational(slope[0, i]) * value + rational(offset[0, i]) + sign * g
                assert contains(loose, i, at, exact)
                named = Symbols(at.y, [fmpq(sign) if k == i else a for k, a in enumerate(at.e)], at.h)
                assert contains(kept, i, named, exact)
        _layer_of_turns(form, turned, factors, at)


def _layer_of_turns(form: Form, turned: Form, factors: tuple[np.ndarray, np.ndarray], at: Symbols) -> None:
    """The new symbols are (s - middle) v: within the layer's box and norm, and then the form holds s v."""
    first, box, norm = turned.turns.layers[-1]
    assert first == form.turns.columns
    if not (np.isfinite(box).all() and np.isfinite(norm).all() and np.isfinite(turned.error).all()):
        return
    middle = [rational(0.5 * low + 0.5 * high) for low, high in zip(factors[0][0], factors[1][0], strict=True)]
    for s in product(*(between(low, high) for low, high in zip(factors[0][0], factors[1][0], strict=True))):
        v = [values(form, i, at)[1] for i in range(WIDTH)]
        h = [(s[i] - middle[i]) * v[i] for i in range(WIDTH)]
        assert all(at_most(abs(h[i]), box[0, i]) for i in range(WIDTH))
        assert sum((a * a for a in h), fmpq(0)) <= rational(norm[0]) ** 2
        assert all(contains(turned, i, Symbols(at.y, at.e, at.h + h), s[i] * v[i]) for i in range(WIDTH))


@checks(NAME + "times", NAME + "relaxed")
def coefficients_below_the_floats(data: Data) -> None:
    """Coefficients that vanish as floats matter where y or h reach far enough."""
    small, wide = (2.0 ** data.draw(st.integers(*ends)) for ends in ((-620, -440), (0, 1000)))
    along_y = data.draw(st.booleans())
    (radius, slope), (most, turn) = ((wide, small), (1.0, 0.0)) if along_y else ((1.0, 0.0), (wide, small))
    turns = Turns().with_layer(np.array([[most]]), np.array([most]))
    zero, linear, turned = np.zeros((1, 1)), np.full((1, 1, 1), slope), np.full((1, 1, 1), turn)
    form = Form(np.array([radius]), zero, linear, np.zeros((1, 1, 1)), turned, zero, turns)
    factor = np.array([[small]])
    with np.errstate(over="ignore"):
        images = [
            forms.affine(factor, None, form),
            forms.combine([form, form], (small, 0.0)),
            forms.times(form, forms.constant(form, factor[0])),
            forms.relaxed(form, factor, zero, zero, None),
        ]
    at = Symbols([rational(radius)], [fmpq(0)], [rational(most)])
    assert all(contains(image, 0, at, rational(small) * plane(form, 0, at)) for image in images)


@checks(NAME + "coordinates", NAME + "constant", NAME + "Form.width")
def starts(data: Data) -> None:
    centre, factor, values_ = array(data, 2), array(data, 2, 2), array(data, 3)
    form = forms.coordinates(drawn_radii(data), centre, factor, 2)
    fixed = forms.constant(form, values_)
    assert form.width == 2 and fixed.width == 3
    for at in choices(form):
        for i in range(2):
            along = rational(factor[i, 0]) * at.y[0] + rational(factor[i, 1]) * at.y[1]
            assert contains(form, i, at, rational(centre[i]) + along)
        assert all(contains(fixed, i, at, rational(values_[i])) for i in range(3))
