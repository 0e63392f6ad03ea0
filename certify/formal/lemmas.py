"""The prover's named lemmas in Coq: which lemma of CertifyLemmas.v a name stands for, and how it is instantiated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import sympy as sp

from certify.formal.expressions import ATOM, Names, NotFormalisedError, natural_text, term_text
from certify.prover.abstraction import Lemma

LIBRARY = "CertifyLemmas"


@dataclass(frozen=True)
class CoqLemma:
    """`name` applied to arguments of the kinds `kinds` (R or nat); it says one of `alternatives` propositions."""

    name: str
    kinds: str
    alternatives: int


LEMMAS: Mapping[str, tuple[CoqLemma, ...]] = {
    "exp(u) > 0": (CoqLemma("exp_positive", "R", 1),),
    "exp(u) >= 1 + u": (CoqLemma("exp_above_line", "R", 1),),
    "exp(u) (1 - u) <= 1": (CoqLemma("exp_below_pole", "R", 1),),
    "exp(u) >= 1 + u + u^2/2, u >= 0": (CoqLemma("exp_above_parabola", "R", 2),),
    "exp(u) <= 1 + u + u^2/2, u <= 0": (CoqLemma("exp_below_parabola", "R", 2),),
    "exp(u) >= exp(v) (1 + u - v)": (CoqLemma("exp_tangent", "RR", 1),),
    "log(w) <= w - 1": (CoqLemma("ln_below_line", "R", 2),),
    "log(w) >= 1 - 1/w": (CoqLemma("ln_above_pole", "R", 2),),
    "log(w) >= 2 (w - 1)/(w + 1), w >= 1": (CoqLemma("ln_above_odd", "R", 3),),
    "log(w) <= 2 (w - 1)/(w + 1), w <= 1": (CoqLemma("ln_below_odd", "R", 3),),
    "log(w) <= (w - 1/w)/2, w >= 1": (CoqLemma("ln_below_even", "R", 3),),
    "log(w) >= (w - 1/w)/2, w <= 1": (CoqLemma("ln_above_even", "R", 3),),
    "log(w) - log(v) <= (w - v)/v": (CoqLemma("ln_tangent", "RR", 3),),
    "log(w) - u <= (w - exp(u))/exp(u)": (CoqLemma("ln_exp_above", "RR", 2),),
    "log(w) - u >= (w - exp(u))/w": (CoqLemma("ln_exp_below", "RR", 2),),
    "sqrt(w)^2 = w, sqrt(w) >= 0": (CoqLemma("sqrt_nonnegative", "R", 1), CoqLemma("sqrt_squared", "R", 2)),
    "b > 0 gives b^x > 0": (CoqLemma("pow_positive", "Rn", 2),),
    "b >= 0 gives b^x >= 0": (CoqLemma("pow_nonnegative", "Rn", 2),),
    "b^0 = 1": (CoqLemma("pow_zero", "Rn", 2),),
    "b >= 1, x >= 0 give b^x >= 1": (CoqLemma("pow_at_least_one", "Rn", 3),),
    "0 <= b <= 1, x >= 0 give b^x <= 1": (CoqLemma("pow_at_most_one", "Rn", 4),),
    "Bernoulli: b^x >= 1 + x (b - 1), b >= 0, x >= 1": (CoqLemma("bernoulli", "Rn", 3),),
    "0 <= b <= 1, x >= 1 give b^x <= b": (CoqLemma("pow_below_base", "Rn", 4),),
    "Bernoulli of 1/b": (CoqLemma("bernoulli_inverse", "Rn", 3),),
    "b != 0 gives b^x != 0": (CoqLemma("pow_not_zero", "Rn", 2),),
    "an integer x > 0 is at least 1": (CoqLemma("integer_gap", "_n", 2),),
    "0 <= a <= b and x >= 0 give a^x <= b^x": (CoqLemma("pow_monotone", "RRn", 4),),
    "b^x <= exp(x (b - 1)), b >= 0, x >= 0": (CoqLemma("pow_below_exp", "Rn", 3),),
    "max is the extreme of its arguments": (
        CoqLemma("max_left", "RR", 1),
        CoqLemma("max_right", "RR", 1),
        CoqLemma("max_either", "RR", 2),
    ),
    "min is the extreme of its arguments": (
        CoqLemma("min_left", "RR", 1),
        CoqLemma("min_right", "RR", 1),
        CoqLemma("min_either", "RR", 2),
    ),
    "abs is the extreme of its arguments": (
        CoqLemma("abs_right", "R", 1),
        CoqLemma("abs_left", "R", 1),
        CoqLemma("abs_either", "R", 2),
    ),
    "sin^2 + cos^2 = 1": (CoqLemma("sin_cos_circle", "R", 1),),
    "sin(u) <= u, u >= 0": (CoqLemma("sin_below_line", "R", 2),),
    "sin(u) >= u - u^3/6, u >= 0": (CoqLemma("sin_above_cubic", "R", 2),),
    "sin(u) >= u, u <= 0": (CoqLemma("sin_above_line", "R", 2),),
    "cos(u) >= 1 - u^2/2": (CoqLemma("cos_above_parabola", "R", 1),),
    "cos(u) <= 1 - u^2/2 + u^4/24": (CoqLemma("cos_below_quartic", "R", 1),),
}
"""By the prover's name. A letter of `kinds`: R a real, n a natural number, _ an argument without use."""


def library_text() -> str:
    """The text of CertifyLemmas.v."""
    return (files("certify.formal") / f"{LIBRARY}.v").read_text(encoding="utf-8")


def is_enclosure(lemma: Lemma) -> bool:
    """Whether a lemma encloses a constant: `least <= constant` or `constant <= most`."""
    return (
        len(lemma.arguments) == 2
        and not any(item.free_symbols for item in lemma.arguments)
        and (lemma.name not in LEMMAS)
    )


def instance(lemma: Lemma, occurrence: int, names: Names) -> tuple[CoqLemma, str]:
    """The lemma of Coq, and its instance as a term; `occurrence` counts the prover's clauses of one name and place.

    Raises:
        NotFormalisedError: for a lemma without a counterpart.
    """
    known = LEMMAS.get(lemma.name, ())
    if occurrence >= len(known):
        raise NotFormalisedError(f"the lemma `{lemma.name}` has no counterpart in {LIBRARY}.v")
    found, arguments = known[occurrence], lemma.arguments
    if len(arguments) == 1 and isinstance(arguments[0], (sp.Max, sp.Min, sp.Abs)):
        arguments = arguments[0].args
    if len(arguments) != len(found.kinds):
        raise NotFormalisedError(f"`{lemma.name}` of {len(arguments)} arguments has no counterpart in {LIBRARY}.v")
    spelled = [
        term_text(argument, names, ATOM) if kind == "R" else natural_text(argument, names)
        for argument, kind in zip(arguments, found.kinds, strict=True)
        if kind != "_"
    ]
    return found, f"{found.name} {' '.join(spelled)}"
