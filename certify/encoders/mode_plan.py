"""How many layers find the mode of a typical x where n > d: descent on f itself from 0, then preconditioned steps.

Psi = beta^2 f = (|r|^2 + beta^2 |z|^2)/2. Let r_0 >= |G(0) - x| with M2 r_0 < m^2 + beta^2, and
    kappa = m^2 + beta^2 - M2 r_0,   Lambda = M^2 + beta^2 + M2 r_0.
Layers z <- z - (J^T r + beta^2 z)/Lambda from 0 keep |r| <= r_0 and reach (docs/rejection.md, section 10)
    |z_k - z*|^2 <= (1 - kappa/Lambda)^k r_0^2/kappa,   |grad Psi(z_k)|^2 <= Lambda (1 - kappa/Lambda)^k r_0^2.
No preimage is looked for, and n = d is not needed. Where n = d and M2 |G(0) - x| is too large the same layers go on
from where S6 has come near the preimage: there |r| <= M delta and |z| <= rho + delta, so r_0^2 = (M delta)^2 +
beta^2 (rho + delta)^2 takes the place of |G(0) - x|^2, for only Psi at the start is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision
from certify.encoders.centre_plan import (
    NO_CENTRE,
    SHARES,
    CentrePlan,
    Descent,
    Model,
    cheapest,
    descent_layers,
    plan_corrections,
    preimage_descent,
)
from certify.errors import NotCertifiedError


@dataclass(frozen=True)
class ModeModel:
    """The constants for n >= d, `start` >= |G(0) - x| and `residual` >= |G(z*) - x|; balls."""

    m: arb
    M: arb
    M2: arb
    beta: arb
    start: arb
    residual: arb


def plan_mode(model: ModeModel, defect: float) -> CentrePlan:
    """The cheapest plan found, for factors with ||B^T A B - I|| <= `defect`.

    Raises:
        NotCertifiedError: if the descent from 0 need not reach the mode, or the steps need not contract.
    """
    with precision():
        if not model.M2 * model.start < model.m**2 + model.beta**2:
            need = midpoint(model.M2 * model.start / (model.m**2 + model.beta**2))
            raise NotCertifiedError(
                f"descent from 0 need not find the mode: M2 |G(0) - x| is up to {need:.3g} times m^2 + beta^2, and "
                "less than 1 is asked for; give `--observations` and `--index` for one observation"
            )
        plans = [plan for share in SHARES if (plan := _plan(model, share, ball(defect))) is not None]
    if not plans:
        raise NotCertifiedError(NO_CENTRE)
    return cheapest(plans)


def plan_onward(model: Model, defect: float) -> CentrePlan:
    """The cheapest plan found for n = d by S6, then descent on f, then preconditioned steps.

    Raises:
        NotCertifiedError: if the descent on f need not reach the mode, or the steps need not contract.
    """
    plans = []
    with precision():
        for share in SHARES:
            delta = ball(share) * model.beta / model.M
            first = preimage_descent(model, delta)
            start = ((model.M * delta) ** 2 + model.beta**2 * (model.rho + delta) ** 2).sqrt()
            after = ModeModel(
                model.m, model.M, model.M2, model.beta, start, model.beta**2 * model.rho / model.m
            )  # fmt: skip
            try:
                found = plan_mode(after, defect)
            except NotCertifiedError:
                continue
            second = Descent(found.descent_step, found.descent_layers, found.descent_decay)
            plans.append(
                CentrePlan(
                    first.step, first.layers, found.corrections, found.gradient, found.distance, onward=second
                )
            )  # fmt: skip
    if not plans:
        raise NotCertifiedError(NO_CENTRE)
    return cheapest(plans)


def _plan(model: ModeModel, share: float, om: arb) -> CentrePlan | None:
    m, M, M2, beta = model.m, model.M, model.M2, model.beta
    delta = ball(share) * beta / M
    decay = beta**2
    kappa, stiffness = m**2 + decay - M2 * model.start, M**2 + decay + M2 * model.start
    # |grad Psi| <= (Lambda kappa)^{1/2} delta, and A_0 >= (m^2 + beta^2)/beta^2.
    gradient = (stiffness * kappa).sqrt() * delta / (beta * (m**2 + decay).sqrt())
    steps = plan_corrections(m, M, M2, beta, model.residual + M * delta, gradient, om)
    if steps is None:
        return None
    layers = descent_layers(model.start / (kappa.sqrt() * delta), kappa / stiffness)
    return CentrePlan(
        1.0 / midpoint(stiffness), layers, steps.count, steps.gradient, steps.distance, midpoint(decay)
    )  # fmt: skip
