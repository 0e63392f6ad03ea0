"""Names that every record has: their TeX, what they mean, and on which side their printed value must lie.

What a theorem adds is printed as its record's symbols say.
"""

from __future__ import annotations

from typing import NamedTuple

from certify.arithmetic.rounding import Direction


class Quantity(NamedTuple):
    """How a quantity with a public name is printed."""

    latex: str
    meaning: str
    direction: Direction


_DOWN, _UP, _NEAREST = Direction.DOWN, Direction.UP, Direction.NEAREST

QUANTITIES: dict[str, Quantity] = {
    "d": Quantity("d", "number of latents", _NEAREST),
    "n": Quantity("n", "number of outputs", _NEAREST),
    "m": Quantity("m", "lower Lipschitz constant of G", _DOWN),
    "M": Quantity("M", "Lipschitz constant of G", _UP),
    "M2": Quantity("M_2", "bound of the second derivative of G", _UP),
    "M3": Quantity("M_3", "bound of the third derivative of G", _UP),
    "N": Quantity("N", "parameters of the generator", _NEAREST),
    "epsilon": Quantity(r"\varepsilon", "total variation distance asked for", _NEAREST),
    "beta": Quantity(r"\beta", "noise level", _NEAREST),
    "beta_trained": Quantity(r"\beta_{\mathrm{trained}}", "noise level that the decoder was trained with", _NEAREST),
    "beta_max": Quantity(r"\beta_{\max}", "largest noise level for which the theorem gives epsilon", _DOWN),
    "beta_paper_form": Quantity(r"\beta_{\mathrm{paper}}", "noise level of the paper's form, constant 1", _DOWN),
    "beta_explicit_form": Quantity(r"\beta_{\mathrm{explicit}}", "noise level of the closed explicit form", _DOWN),
    "K": Quantity("K", "stochastic (Langevin) layers", _UP),
    "K_gd": Quantity(r"K_{\mathrm{gd}}", "deterministic (descent) layers", _UP),
    "tv_bound": Quantity(r"\mathrm{TV}_{\mathrm{bound}}", "certified bound of the encoder's distance", _UP),
    "generator_parameters": Quantity("N", "parameters of the generator", _UP),
    "encoder_unrolled": Quantity("N'", "parameters of the encoder, weights repeated per layer", _UP),
    "encoder_shared": Quantity(r"N'_{\mathrm{shared}}", "distinct parameters of the encoder", _UP),
    "size_bound": Quantity(r"N'_{\mathrm{bound}}", "the theorem's bound of the encoder's size", _UP),
}

_SUFFIXES = (
    ("_max", _DOWN),
    ("_lower", _DOWN),
    ("_form", _DOWN),
    ("_min", _UP),
    ("_upper", _UP),
    ("_bound", _UP),
)


def symbol(name: str) -> str | None:
    """TeX of a quantity in math mode; None for a name without one."""
    known = QUANTITIES.get(name)
    return None if known is None else known.latex


def meaning(name: str) -> str:
    """What a quantity is, in a few words; empty for an unknown name."""
    known = QUANTITIES.get(name)
    return "" if known is None else known.meaning


def conclusion_direction(name: str) -> Direction:
    """Side on which a printed conclusion stays true.

    A threshold below which something is guaranteed is rounded down, a bound of a distance or a size up; a
    name that is not in the table is placed by its suffix, and printed to nearest where it has none.
    """
    known = QUANTITIES.get(name)
    if known is not None:
        return known.direction
    return next((direction for suffix, direction in _SUFFIXES if name.endswith(suffix)), _NEAREST)
