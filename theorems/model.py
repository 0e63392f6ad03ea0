r"""The model that the theorems share: its symbols, what they mean, and the assumptions A0 to A3, each once.

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n) with a decoder G: R^d -> R^n of N parameters. The constants of G:
|G(z)-G(z')| >= m|z-z'|, |G(z)-G(z')| <= M|z-z'|, |D^2G[u,v]| <= M2|u||v|, |D^3G[u,v,w]| <= M3|u||v||w|.

A theorem takes what it needs: `shared("d", "m", "M")` for the quantities, the assumptions by name. Source:
docs/theory.md, "Setting" (n = d), docs/sharp.md (n >= d).
"""

from __future__ import annotations

import sympy as sp

from certify.proof.checks.assumptions import (
    differentiable_network,
    equal_dimensions,
    injective,
    lipschitz,
    outputs_at_least_latents,
    smooth,
    strongly_invertible,
    thrice_smooth,
)
from certify.proof.theorem import Assumption, Quantity

d, n, m, M, M2, M3, N = sp.symbols("d n m M M2 M3 N", positive=True)
beta, epsilon, t_x = sp.symbols("beta epsilon t_x", positive=True)

SHARED = (
    Quantity(d, "constant", "d", "latent dimension", "integer >= 1"),
    Quantity(n, "constant", "n", "observed dimension, n >= d", "integer >= d"),
    Quantity(m, "constant", "m", "strong invertibility: |G(z)-G(z')| >= m|z-z'|", "(0, inf)"),
    Quantity(M, "constant", "M", "Lipschitz constant of G", "[m, inf)"),
    Quantity(M2, "constant", "M_2", "Lipschitz constant of the Jacobian: |D^2G[u,v]| <= M2|u||v|", "[0, inf)"),
    Quantity(M3, "constant", "M_3", "bound of the third derivative: |D^3G[u,v,w]| <= M3|u||v||w|", "[0, inf)"),
    Quantity(N, "constant", "N", "number of parameters of G", "integer >= 1"),
    Quantity(beta, "setting", r"\beta", "noise level of the decoder", "(0, inf)"),
    Quantity(epsilon, "setting", r"\varepsilon", "target total variation distance", "(0, 1)"),
    Quantity(t_x, "setting", "t_x", "deviation of x: it is exceeded with probability exp(-t_x^2/2)", "[0, inf)"),
)


def shared(*names: str) -> tuple[Quantity, ...]:
    """The shared quantities with these names, in the order asked for; KeyError for a name that is not shared."""
    known = {quantity.name: quantity for quantity in SHARED}
    return tuple(known[name] for name in names)


SQUARE_MODEL = Assumption(
    "A0", "z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_d): the posterior that is certified; n = d",
    r"z\sim\mathcal N(0,I_d),\ x\mid z\sim\mathcal N(G(z),\beta^2 I_d)", None, equal_dimensions,
)  # fmt: skip
MODEL = Assumption(
    "A0", "z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), n >= d",
    r"z\sim\mathcal N(0,I_d),\ x\mid z\sim\mathcal N(G(z),\beta^2 I_n),\ n\geq d", None, outputs_at_least_latents,
)  # fmt: skip
STRONGLY_INVERTIBLE = Assumption(
    "A1", "G is a bijection of R^d and |G(z)-G(z')| >= m|z-z'| with m > 0",
    r"\lvert G(z)-G(z')\rvert \geq m\lvert z-z'\rvert,\ m>0", "m", strongly_invertible,
)  # fmt: skip
INJECTIVE = Assumption(
    "A1", "|G(z)-G(z')| >= m|z-z'| with m > 0 (no bijection)",
    r"\lvert G(z)-G(z')\rvert\geq m\lvert z-z'\rvert,\ m>0", "m", injective,
)  # fmt: skip
SMOOTH = Assumption(
    "A2", "G is C^1 and its Jacobian is M2-Lipschitz: |D^2G(z)[u,v]| <= M2|u||v|",
    r"\lvert D^2G(z)[u,v]\rvert\leq M_2\lvert u\rvert\lvert v\rvert", "M2", smooth,
)  # fmt: skip
LIPSCHITZ = Assumption(
    "A2-M", "|G(z)-G(z')| <= M|z-z'|", r"\lvert G(z)-G(z')\rvert\leq M\lvert z-z'\rvert", "M", lipschitz
)
THRICE_SMOOTH = Assumption(
    "A2-M3", "|D^3G(z)[u,v,w]| <= M3|u||v||w|",
    r"\lvert D^3G(z)[u,v,w]\rvert\leq M_3\lvert u\rvert\lvert v\rvert\lvert w\rvert", "M3", thrice_smooth,
)  # fmt: skip
NETWORK = Assumption(
    "A3", "G is a network with N parameters and differentiable activations",
    r"G \mbox{ is a network with } N \mbox{ parameters and differentiable activations}", None, differentiable_network,
)  # fmt: skip
