"""How the optimiser parametrises a theorem's free choices: the box of its grid search, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sympy as sp


@dataclass(frozen=True)
class SearchCoordinate:
    """One coordinate of the optimiser's search box; `scale` is the spacing of its grid."""

    symbol: sp.Symbol
    lower: float
    upper: float
    points: int
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Search:
    """How the optimiser parametrises the free choices.

    Each choice is an expression in the constants, the settings, the search coordinates and earlier
    choices; `length` is the integer choice to be minimised (the number of stochastic layers).
    """

    coordinates: tuple[SearchCoordinate, ...]
    choices: Mapping[sp.Symbol, sp.Expr]
    length: sp.Symbol
    length_limit: float = 1e18
