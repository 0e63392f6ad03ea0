"""Generators of the discovered families, with small parameters drawn from the domains that each family declares."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from certify.errors import InputError
from certify.generators.family import FamilyParameter
from certify.generators.graph import Generator
from certify.generators.specification import families

SMALL_INTEGERS = 4
"""Integer parameters are drawn from the least admitted one to this one (or from the least alone)."""
FRACTIONS = (0.5, 0.25, 0.75, 1.0, 1.5, 2.0)
MOST_WEIGHTS, MOST_DIMENSIONS = 150, 8


@st.composite
def family_generators(draw: st.DrawFn, name: str) -> Generator:
    """Generators of the family `name` that are small enough to be checked in a fraction of a second.

    Raises KeyError for an unknown family. Combinations that the family refuses are rejected.
    """
    family = families()[name]
    given: dict[str, Any] = {item.name: draw(parameter_values(item)) for item in family.parameters}
    try:
        generator = family.generator(given)
    except InputError:
        assume(False)
        raise
    assume(generator.parameters <= MOST_WEIGHTS and generator.latent_dim <= MOST_DIMENSIONS)
    return generator


def parameter_values(parameter: FamilyParameter) -> st.SearchStrategy[Any]:
    """Values of one declared parameter: any of its choices, small integers, or simple fractions in its domain."""
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if isinstance(parameter.default, str):
        return st.just(parameter.default)
    if isinstance(parameter.default, int):
        least = int(max(parameter.minimum, -SMALL_INTEGERS))
        return st.integers(least, max(least, min(int(min(parameter.maximum, SMALL_INTEGERS)), SMALL_INTEGERS)))
    inside = [
        value
        for value in (parameter.default, *FRACTIONS)
        if parameter.minimum <= value <= parameter.maximum and value not in parameter.excludes
    ]
    return st.sampled_from(list(dict.fromkeys(inside)))
