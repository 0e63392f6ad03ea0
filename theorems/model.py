r"""The model that the theorems share: its quantities and the assumptions A0 to A3, each once.

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n) with a decoder G: R^d -> R^n of N parameters. The constants of G:
|G(z)-G(z')| >= m|z-z'|, |G(z)-G(z')| <= M|z-z'|, |D^2G[u,v]| <= M2|u||v|, |D^3G[u,v,w]| <= M3|u||v||w|.

A theorem takes what it needs: `shared("d", "m", "M")` for the quantities, the assumptions by name. Source:
docs/theory.md, "Setting" (n = d), docs/sharp.md (n >= d).
"""

from __future__ import annotations

from certify.proof.checks.assumptions import (
    any_dimensions,
    differentiable_network,
    equal_dimensions,
    injective,
    lipschitz,
    outputs_at_least_latents,
    smooth,
    strongly_invertible,
    thrice_smooth,
)
from certify.proof.theorem import Assumption, Quantity, constant, setting
from certify.symbolic.model import M2, M3, M, N, beta, d, epsilon, m, n, t_x

__all__ = [
    "ANY_MODEL", "INJECTIVE", "LIPSCHITZ", "M", "M2", "M3", "MODEL", "N", "NETWORK", "SHARED", "SMOOTH",
    "SQUARE_MODEL", "STRONGLY_INVERTIBLE", "THRICE_SMOOTH", "beta", "d", "epsilon", "m", "n", "shared", "t_x",
]  # fmt: skip

SHARED = (*map(constant, (d, n, m, M, M2, M3, N)), *map(setting, (beta, epsilon, t_x)))


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
ANY_MODEL = Assumption(
    "A0", "z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), any n and d",
    r"z\sim\mathcal N(0,I_d),\ x\mid z\sim\mathcal N(G(z),\beta^2 I_n)", None, any_dimensions,
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
