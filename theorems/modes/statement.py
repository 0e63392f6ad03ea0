r"""Modes need slope: a decoder with a small Lipschitz constant is far from any data that falls into two groups.

Problem. The data have masses of at least p1 and p2 on two sets S1 and S2 at distance r. The model's x = G(z) + beta xi,
|G(z)-G(z')| <= M|z-z'|, is an L-Lipschitz map of the standard Gaussian w = (z, xi), L = sqrt(M^2 + beta^2).

Guarantee (lower bound). With I_s(p) = Phi(-Phi^{-1}(p) - s), s = r/L,
    TV(law of x, data) >= max{0, min{p2 - I_s(p1), p1 - I_s(p2)}};      p1 = p2 = 1/2: Phi(r/L) - 1/2.
It is attained: w -> a ramp of slope L in one coordinate between two constants at distance r.

V   L: |G(z)+beta xi-G(z')-beta xi'| <= M|z-z'| + beta|xi-xi'| <= L|w-w'|.
W   Gaussian isoperimetry: the preimages of S1 and S2 are at distance >= r/L, so model masses a, b have b <= I_s(a).
O   Let t be the distance: a >= p1 - t, b >= p2 - t, a + b >= p1 + p2 - t, so t >= F(a) with F(a) the maximum of
    p1 - a, p2 - I_s(a), p1 + p2 - a - I_s(a). I_s is decreasing, convex and its own inverse. If I_s(p1) >= p2 nothing
    is claimed. Otherwise I_s(p2) < p1, and F is p2 - I_s(a), increasing, on a >= p1; p1 - a, decreasing, on
    a <= I_s(p2); between them p1 + p2 - a - I_s(a), concave, so least at an end: p2 - I_s(p1) or p1 - I_s(p2).

The same read backwards: within epsilon of the data only a decoder with M >= slope_needed. Finite samples: the sets are
chosen on one half of the observations, their masses are counted on the other (Clopper-Pearson).
This theorem is the project's. References. docs/modes.md.
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import midpoint
from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Claim, Step, Theorem, constant, definition
from certify.symbolic.declaration import declare, variables
from certify.symbolic.generic import maximum, minimum
from certify.symbolic.normal import NormalMass, NormalQuantile
from theorems.evaluation import evaluated
from theorems.model import LIPSCHITZ, beta, epsilon, shared
from theorems.modes.groups import group_inputs
from theorems.modes.isoperimetry import closed_form, isoperimetry, masses_of_half_spaces, noisy_pairs
from theorems.modes.needed import LeastSlope
from theorems.wording import at_least, at_most

M = declare("M", "[0, inf)", "M", "Lipschitz constant of G")
r = declare("r", "[0, inf)", "r", "distance of the two groups of data")
p1 = declare("p1", "(0, 1)", "p_1", "mass of the first group, at least")
p2 = declare("p2", "(0, 1)", "p_2", "mass of the second group, at least")
L = declare("L", "(0, inf)", "L", "Lipschitz constant of (z, xi) -> x")
tv_lower = declare("tv_lower", "[0, 1]", r"\mathrm{TV}_-", "distance of model and data, at least")
slope_needed = declare(
    "slope_needed",
    "[0, inf)",
    r"M_{\varepsilon}",
    "Lipschitz constant of a decoder within epsilon of the data, at least",
)
q1, q2, p = variables("q1 q2 p", "(0, 1)")
s, a = variables("s a", "[0, inf)")


def beyond(mass: sp.Expr, distance: sp.Expr) -> sp.Expr:
    """I_s(p): the largest Gaussian mass at distance s from a set of mass p."""
    return NormalMass(-NormalQuantile(mass) - distance)


def gap(first: sp.Expr, second: sp.Expr, distance: sp.Expr) -> sp.Expr:
    """The least distance of a law with such an isoperimetry from one with these two masses."""
    return maximum(0, minimum(second - beyond(first, distance), first - beyond(second, distance)))


SPREAD = maximum(-NormalQuantile(p1) - NormalQuantile(p2 - epsilon), -NormalQuantile(p2) - NormalQuantile(p1 - epsilon))
"""The largest r/L at which the bound is at most epsilon."""

QUANTITIES = (
    constant(M),
    *shared("beta", "epsilon"),
    constant(r),
    constant(p1),
    constant(p2),
    definition(L, sp.sqrt(M**2 + beta**2)),
    definition(tv_lower, gap(p1, p2, r / L), "lower"),
    definition(slope_needed, LeastSlope(r, SPREAD, beta), "lower"),
)

STEPS = (
    Step("V", "slope of the model", (
        Claim("slope", "|x - x'|/|w - w'|", r"\lvert x-x'\rvert/\lvert w-w'\rvert", "<=", L, "w = (z, xi)"),
    ), ("A2-M",), noisy_pairs),
    Step("W", "Gaussian isoperimetry", (
        Claim("balls", "P(|w| > rho + s)", r"\Pr(\lvert w\rvert>\rho+s)", "<=", beyond(p, s), "P(|w| <= rho) = p"),
        Claim("half-spaces", "P(w_1 > c + s)", r"\Pr(w_1>c+s)", "=", beyond(p, s), "P(w_1 <= c) = p"),
    ), (), isoperimetry),
    Step("O", "the closest masses", (
        Claim("every mass", "max{q1-a, q2-I(a), q1+q2-a-I(a)}", r"\max\{q_1-a,q_2-I_s(a),q_1+q_2-a-I_s(a)\}", ">=",
              gap(q1, q2, s), "a in (0, 1), q1 + q2 <= 1"),
        Claim("attained", "the same at the better end", r"\min_a", "=", gap(q1, q2, s), "a = q1 or a = I_s(q2)"),
    ), ("W",), closed_form),
    Step("D", "model and data", (
        Claim("excess", "max{q1-P(S1), q2-P(S2), q1+q2-P(S1 or S2)}", r"\max\{q_1-a,q_2-b,q_1+q_2-a-b\}", ">=",
              gap(q1, q2, s), "x of the model, S1, S2 half-spaces at distance s L"),
    ), ("V", "O"), masses_of_half_spaces),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The answer in words."""
    masses = f"masses {at_least(certificate, 'p1')} and {at_least(certificate, 'p2')}"
    groups = f"data with {masses} at distance {at_least(certificate, 'r')}"
    if not certificate["tv_lower"] > 0:
        if not certificate["r"] > 0:
            return ("nothing is claimed: no two groups with a gap and counted observations in both were found",)
        return (f"nothing is claimed: a decoder with M <= {at_most(certificate, 'M')} may have {groups}",)
    needed = at_least(certificate, "slope_needed")
    counted = (
        "masses of observations are true of the data with probability 0.999 over the half that is counted, if they are "
        "independent draws of it; without 20 of them two halves at distance L stand for the data"
    )
    return (
        f"the model is at least {at_least(certificate, 'tv_lower')} in total variation from any {groups}",
        f"within {midpoint(certificate['epsilon']):.3g} of it only a decoder with M >= {needed}; this one has M <= "
        f"{at_most(certificate, 'M')}",
        *(() if generator is None else (counted,)),
    )


THEOREM = Theorem(
    id="modes",
    title="Modes need slope",
    summary="Data in two groups at distance r are out of reach of a decoder whose Lipschitz constant is small.",
    source="docs/modes.md",
    quantities=QUANTITIES,
    assumptions=(LIPSCHITZ,),
    steps=STEPS,
    conclusion=evaluated(
        statement="TV(law of x, data) >= tv_lower for all data with masses p1, p2 on two sets at distance r",
        latex=r"\mathrm{TV}\geq\min\{p_2-I_s(p_1),p_1-I_s(p_2)\},\ I_s(p)=\Phi(-\Phi^{-1}(p)-s),\ s=r/L",
        notes=notes,
        sample_inputs=group_inputs,
    ),
    shown=("L", "tv_lower", "slope_needed"),
)
