r"""The TeX of a name that has none of its own: R0 is R_0, tau0 is \tau_0, a word is set upright."""

from __future__ import annotations

import re

_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
     "sigma", "tau", "phi", "chi", "psi", "omega"}
)  # fmt: skip
_SHORT = {"eps": r"\varepsilon", "epsilon": r"\varepsilon", "lam": r"\lambda"}
_PART = re.compile(r"([A-Za-z]+|\d+)")


def name_tex(name: str) -> str:
    r"""TeX of a variable's name in math mode: the first letters are the symbol, the rest its index.

    >>> name_tex("R0"), name_tex("tau_0"), name_tex("kl"), name_tex("part_1"), name_tex("v")
    ('R_0', '\\tau_0', '\\mathrm{kl}', '\\mathrm{part}_1', 'v')
    """
    base, *rest = (_piece(part) for part in _PART.findall(name))
    if not rest:
        return base
    index = ",".join(rest)
    return f"{base}_{index}" if len(index) == 1 else f"{base}_{{{index}}}"


def _piece(text: str) -> str:
    if len(text) == 1 or text.isdigit():
        return text
    if text in _GREEK:
        return rf"\{text}"
    return _SHORT.get(text) or rf"\mathrm{{{text}}}"
