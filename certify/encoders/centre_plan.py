"""How many layers find the point c of Theorem 1*: descent to the preimage, then preconditioned steps to the mode.

c_0 = z_{K_gd}, |c_0 - zh| <= delta0 (S6). With A_0 = I + J(c_0)^T J(c_0)/beta^2, F(y) = f(c_0 + A_0^{-1/2} y) and
g_0 >= |grad F(0)|, the steps y <- y - grad F(y) contract by q on |y| <= r, q = q(r) of the curvature bounds at c_0, as
long as g_0 <= (1 - q) r (docs/sharp.md, "Finding c"). Here
    g_0 = (rho + delta0)/sqrt(1+a) + M delta0/beta,   |r(c_0)| <= M delta0,   r = 2 g_0, so q <= 1/2 is asked for.
After j steps |grad F| <= q^j g_0, the fixed point is within q^j g_0/(1-q) in y, and in the coordinates of the last A,
A >= (1 - e r)^2 A_0, the gradient is at most q^j g_0/(1 - e r).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.errors import InputError

SHARES = (1.0, 0.1, 1e-2, 1e-3, 1e-4)
"""Accuracies delta0 that are tried, in units of beta/M."""
TARGET = 1e-10
"""The gradient |A^{-1/2} grad f(c)| that the steps are taken to."""


@dataclass(frozen=True)
class Model:
    """The constants of Theorem 1 for n = d, and rho >= |zh|; balls."""

    m: arb
    M: arb
    M2: arb
    beta: arb
    rho: arb


@dataclass(frozen=True)
class CentrePlan:
    """`descent_layers` and `corrections` reach g <= `gradient`; the mode is within `distance` of c. Upper bounds."""

    descent_step: float
    descent_layers: int
    corrections: int
    gradient: float
    distance: float


def plan_centre(model: Model, defect: float) -> CentrePlan:
    """The cheapest plan found, for factors with ||B^T A B - I|| <= `defect`.

    Raises:
        InputError: if no accuracy of the descent lets the steps contract: the noise is too large for them.
    """
    with precision():
        plans = [plan for share in SHARES if (plan := _plan(model, share, ball(defect))) is not None]
    if not plans:
        raise InputError("the steps to the mode need not contract at this noise level: no centre is certified")
    return min(plans, key=lambda plan: plan.descent_layers + plan.corrections)


def _plan(model: Model, share: float, om: arb) -> CentrePlan | None:
    m, M, M2, beta, rho = model.m, model.M, model.M2, model.beta, model.rho
    delta = ball(share) * beta / M
    scale = m**2 + beta**2
    spread = (1 + m**2 / beta**2).sqrt()
    start = ((rho + delta) / spread + M * delta / beta) * (1 + om).sqrt()
    # The factor's defect enlarges e and q as docs/sharp.md, "Factor", says.
    e = (1 + om) * (1 + om).sqrt() * M2 * beta / scale
    radius = 2 * start
    q = (1 + om) * M2 * M * delta / scale + om + 3 * e * radius + 3 * e**2 * radius**2 / 2
    if not (q <= ball(1) / 2 and e * radius < 1):
        return None
    # The point that the steps lead to is the unique global minimiser if its residual is small (A1).
    stretch = (1 + om).sqrt() / spread
    if not M2 * M * (delta + radius * stretch) < scale:
        return None
    steps = _corrections(start / (1 - e * radius), q)
    left = start * q**steps
    step = M**2 + M * M2 * rho
    gradient = left * ((1 + om) / (1 - om)).sqrt() / (1 - e * radius)
    layers = _descent_layers(M * rho / (m * delta), m**2 / step)
    distance = upper(left / (1 - q) * stretch)
    return CentrePlan(1.0 / midpoint(step), layers, steps, max(0.0, upper(gradient)), max(0.0, distance))


def _corrections(gradient: arb, q: arb) -> int:
    """Steps until q^j times the gradient is below the target; one more than floats say, since any number is valid."""
    size, rate = upper(gradient), upper(q)
    if rate <= 0.0:
        return 1
    return max(1, 1 + math.ceil(math.log(TARGET / size) / math.log(rate))) if size > TARGET else 1


def _descent_layers(ratio: arb, slope: arb) -> int:
    """S6: ceil(2 log(M rho/(m delta0))/(-log(1 - m^2/L_Phi))), at least 0; one step where L_Phi = m^2."""
    if not ratio > 1:
        return 0
    if not slope < 1:
        return 1
    return int(upper((2 * ratio.log() / -(1 - slope).log()).ceil()))
