"""What recipes are made of: random choices, the node that a recipe draws, the table of recipes by operator."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A node: values of its inputs (None for an absent one), its attributes, and the inputs that may be computed."""

    kind: str
    inputs: Sequence[AnyArray | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    computable: Sequence[int] = (0,)


class Unsuitable(Exception):
    """The recipe has no node for data of the shape it was given."""


class Draw(random.Random):
    """Random choices for recipes; numbers are multiples of 1/8, which every floating type holds."""

    def one(self, *options: Any) -> Any:
        return self.choice(options)

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random() < chance

    def shape(self, least: int = 0, most: int = 4, extent: int = 4) -> Shape:
        return tuple(self.randint(1, extent) for _ in range(self.randint(least, most)))

    def data(self, given: Shape | None, least: int = 1, most: int = 4) -> AnyArray:
        if given is not None and not least <= len(given) <= most:
            raise Unsuitable
        return self.floats(self.shape(least, most) if given is None else given)

    def floats(self, shape: Shape) -> AnyArray:
        return np.array([self.randint(-24, 24) / 8 for _ in range(int(np.prod(shape)))]).reshape(shape)

    def positive(self, shape: Shape) -> AnyArray:
        return np.array([self.randint(1, 24) / 8 for _ in range(int(np.prod(shape)))]).reshape(shape)

    def integers(self, shape: Shape, low: int, high: int, dtype: type = np.int64) -> AnyArray:
        return np.array([self.randint(low, high) for _ in range(int(np.prod(shape)))], dtype).reshape(shape)

    def booleans(self, shape: Shape) -> AnyArray:
        return self.integers(shape, 0, 1).astype(bool)

    def broadcast(self, shape: Shape) -> Shape:
        """A shape that broadcasts with the given one, sometimes beyond it."""
        other = tuple(
            self.one(1, extent) if extent > 1 else self.one(1, 1, 2) for extent in shape[self.randint(0, len(shape)) :]
        )
        return (self.randint(1, 2), *other) if len(other) == len(shape) < 4 and self.maybe(0.1) else other

    def within(self, shape: Shape) -> Shape:
        """A shape that broadcasts to the given one."""
        return tuple(self.one(1, extent) for extent in shape[self.randint(0, len(shape)) :])

    def axis(self, rank: int) -> int:
        """An axis from -rank to rank - 1 and, rarely, one beyond."""
        return self.randint(-rank, rank - 1) if rank and not self.maybe(0.02) else rank

    def axes(self, rank: int) -> list[int]:
        chosen = self.sample(range(rank), self.randint(1, rank)) if rank else []
        return [axis - rank if self.maybe(0.3) else axis for axis in chosen]


Recipe = Callable[[Draw, int, Shape | None], Piece]
RECIPES: dict[str, Recipe] = {}


def recipe(*kinds: str) -> Callable[[Callable[..., Piece]], Callable[..., Piece]]:
    """Register a function (kind, draw, opset, given shape) as the recipe of some operators."""

    def register(function: Callable[..., Piece]) -> Callable[..., Piece]:
        for kind in kinds:
            RECIPES[kind] = lambda draw, opset, given, kind=kind: function(kind, draw, opset, given)  # type: ignore[misc]
        return function

    return register


def listed(kind: str, data: AnyArray, name: str, values: Any, by_input: bool, **others: Any) -> Piece:
    """A node whose integers are its second input or, in older operator sets, an attribute."""
    others = {key: value for key, value in others.items() if value is not None}
    if values is None:
        return Piece(kind, [data], others)
    if by_input:
        return Piece(kind, [data, np.array(values, np.int64)], others)
    return Piece(kind, [data], others | {name: list(values)})
