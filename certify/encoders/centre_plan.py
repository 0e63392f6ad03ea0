"""How many layers find the point c of Theorem 1* and Theorem R: descent, then preconditioned steps to the mode.

n = d: descent to the preimage, c_0 = z_{K_gd}, |c_0 - zh| <= delta0 (S6); n > d: `certify.encoders.mode_plan`. With
A_0 = I + J(c_0)^T J(c_0)/beta^2, F(y) = f(c_0 + A_0^{-1/2} y) and
g_0 >= |grad F(0)|, the steps y <- y - grad F(y) contract by q on |y| <= r, q = q(r) of the curvature bounds at c_0, as
long as g_0 <= (1 - q) r (docs/sharp.md, "Finding c"). Where n = d
    g_0 = (rho + delta0)/sqrt(1+a) + M delta0/beta,   |r(c_0)| <= M delta0,   r = 2 g_0, so q <= 1/2 is asked for.
After j steps |grad F| <= q^j g_0, the fixed point is within q^j g_0/(1-q) in y, and in the coordinates of the last A,
A >= (1 - e r)^2 A_0, the gradient is at most q^j g_0/(1 - e r).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.errors import NotCertifiedError

SHARES = (1.0, 0.1, 1e-2, 1e-3, 1e-4)
"""Accuracies delta0 that are tried, in units of beta/M."""
NO_CENTRE = "the steps to the mode need not contract at this noise level: no centre is certified"

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
class Descent:
    """Layers z <- z - `step` (J^T r + `decay` z)."""

    step: float
    layers: int
    decay: float


@dataclass(frozen=True)
class CentrePlan:
    """`descent_layers` and `corrections` reach g <= `gradient`; the mode is within `distance` of c. Upper bounds.

    A layer of descent is z <- z - step (J^T r + `descent_decay` z); `onward` comes after them, where they alone are not
    enough.
    """

    descent_step: float
    descent_layers: int
    corrections: int
    gradient: float
    distance: float
    descent_decay: float = 0.0
    onward: Descent | None = None

    @property
    def descents(self) -> int:
        """Layers of descent, of both kinds."""
        return self.descent_layers + (0 if self.onward is None else self.onward.layers)

    @property
    def layers(self) -> int:
        """All layers that find c."""
        return self.descents + self.corrections


@dataclass(frozen=True)
class Corrections:
    """`count` preconditioned steps: |B^T grad f| <= `gradient` after them, the mode within `distance`. Upper bounds."""

    count: int
    gradient: float
    distance: float


def plan_centre(model: Model, defect: float) -> CentrePlan:
    """The cheapest plan found, for factors with ||B^T A B - I|| <= `defect`.

    Raises:
        NotCertifiedError: if no accuracy of the descent lets the steps contract: the noise is too large for them.
    """
    with precision():
        plans = [plan for share in SHARES if (plan := _plan(model, share, ball(defect))) is not None]
    if not plans:
        raise NotCertifiedError(NO_CENTRE)
    return cheapest(plans)


def cheapest(plans: Sequence[CentrePlan]) -> CentrePlan:
    """The plan with the fewest layers."""
    return min(plans, key=lambda plan: plan.layers)


def _plan(model: Model, share: float, om: arb) -> CentrePlan | None:
    m, M, M2, beta, rho = model.m, model.M, model.M2, model.beta, model.rho
    delta = ball(share) * beta / M
    start = (rho + delta) / (1 + m**2 / beta**2).sqrt() + M * delta / beta
    steps = plan_corrections(m, M, M2, beta, M * delta, start, om)
    if steps is None:
        return None
    first = preimage_descent(model, delta)
    return CentrePlan(first.step, first.layers, steps.count, steps.gradient, steps.distance)


def preimage_descent(model: Model, delta: arb) -> Descent:
    """S6: the layers after which |c_0 - zh| <= delta, with the preimage zh of x."""
    step = model.M**2 + model.M * model.M2 * model.rho
    layers = descent_layers(model.M * model.rho / (model.m * delta), model.m**2 / step)
    return Descent(1.0 / midpoint(step), layers, 0.0)


def plan_corrections(m: arb, M: arb, M2: arb, beta: arb, residual: arb, gradient: arb, om: arb) -> Corrections | None:
    """The steps from c_0 with |r(c_0)| <= `residual` and |A_0^{-1/2} grad f(c_0)| <= `gradient`; None if none.

    `om` bounds the factor's defect ||B^T A B - I||.
    """
    scale, spread = m**2 + beta**2, (1 + m**2 / beta**2).sqrt()
    start = gradient * (1 + om).sqrt()
    # The factor's defect enlarges e and q as docs/sharp.md, "Factor", says.
    e = (1 + om) * (1 + om).sqrt() * M2 * beta / scale
    radius = 2 * start
    q = (1 + om) * M2 * residual / scale + om + 3 * e * radius + 3 * e**2 * radius**2 / 2
    if not (q <= ball(1) / 2 and e * radius < 1):
        return None
    # The point that the steps lead to is the unique global minimiser if its residual is small (A1).
    stretch = (1 + om).sqrt() / spread
    if not M2 * (residual + M * radius * stretch) < scale:
        return None
    steps = _corrections(start / (1 - e * radius), q)
    left = start * q**steps
    reached = left * ((1 + om) / (1 - om)).sqrt() / (1 - e * radius)
    return Corrections(steps, max(0.0, upper(reached)), max(0.0, upper(left / (1 - q) * stretch)))


def _corrections(gradient: arb, q: arb) -> int:
    """Steps until q^j times the gradient is below the target; one more than floats say, since any number is valid."""
    size, rate = upper(gradient), upper(q)
    if rate <= 0.0:
        return 1
    return max(1, 1 + math.ceil(math.log(TARGET / size) / math.log(rate))) if size > TARGET else 1


def descent_layers(ratio: arb, slope: arb) -> int:
    """The least k with (1 - slope)^{k/2} ratio <= 1, at least 0; one step where slope is 1.

    S6: the ratio is M rho/(m delta0), the slope m^2/L_Phi.
    """
    if not ratio > 1:
        return 0
    if not slope < 1:
        return 1
    return int(upper((2 * ratio.log() / -(1 - slope).log()).ceil()))
