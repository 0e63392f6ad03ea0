r"""Amortisation: an encoder that is accurate at two observations is at least so steep between them.

Problem. q_x is the law of an encoder with a mean map mu, symmetric about mu(x) (Gaussian or not, of any size), within
epsilon of pi_x in total variation at x and x'. pi_x and pi_x' are within t_g of N(c, Sigma) and N(c', Sigma').

Guarantee (lower bound). For every unit v, with s^2 = v^T Sigma v and s'^2 = v^T Sigma' v,
    Lip(mu) >= max{0, |v.(c - c')| - (s + s') Phi^{-1}(1/2 + epsilon + t_g)}/|x - x'|.

Q   q is within tau = epsilon + t_g of N(c, Sigma), and q(v.z >= v.mu) >= 1/2, so the Gaussian has at least 1/2 - tau
    there: v.(mu - c) <= s Phi^{-1}(1/2 + tau), and the same for -v. Attained in one dimension by the mean of N(0, 1)
    and its mirror image at mu.
S   v.(mu - mu') >= |v.(c - c')| - |v.(mu - c)| - |v.(mu' - c')| for v or -v, and |mu - mu'| >= |v.(mu - mu')|.

Only the two laws matter, not how the encoder computes them. For tau >= 1/2 nothing is claimed. A point encoder with
|mu - c| <= delta at both has Lip(mu) >= (|c - c'| - 2 delta)/|x - x'| by S alone.
This theorem is the project's. References. docs/amortisation.md.
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import midpoint
from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Claim, Step, Theorem, constant, definition
from certify.symbolic.declaration import declare, variables
from certify.symbolic.generic import maximum
from certify.symbolic.normal import NormalQuantile
from theorems.amortisation.encoders import medians, slopes
from theorems.amortisation.pairs import steepest_pair
from theorems.evaluation import evaluated
from theorems.model import INJECTIVE, LIPSCHITZ, MODEL, SMOOTH, epsilon, shared
from theorems.wording import at_least, at_most

along = declare("along", "[0, inf)", r"\lvert v^T(c-c')\rvert", "distance of the centres along v")
spread = declare("spread", "(0, inf)", "s+s'", "standard deviations along v, summed")
apart = declare("apart", "(0, inf)", r"\lvert x-x'\rvert", "distance of the observations")
t_g = declare("t_g", "[0, 1]", "t_g", "distance of the posteriors from their Gaussians, at most")
slope_lower = declare("slope_lower", "[0, inf)", r"L_-", "Lipschitz constant of every such encoder, at least")
slope_exact = declare("slope_exact", "[0, inf)", r"L_0", "the same for an encoder without error, t_g = 0")
tau = declare("tau", "[0, 1]", r"\tau", "distance of the encoder's law from the Gaussian")
D, e0, T = variables("D e0 T", "[0, inf)")
W, X = variables("W X", "(0, inf)")


def steepness(distance: sp.Expr, widths: sp.Expr, apart_by: sp.Expr, error: sp.Expr) -> sp.Expr:
    """(D - W Phi^{-1}(1/2 + tau))_+ / X."""
    return maximum(0, distance - widths * NormalQuantile(sp.Rational(1, 2) + error)) / apart_by


QUANTITIES = (
    *shared("beta", "epsilon"),
    constant(along),
    constant(spread),
    constant(apart),
    constant(t_g),
    definition(slope_lower, steepness(along, spread, apart, epsilon + t_g), "lower"),
    definition(slope_exact, along / apart, "lower"),
)

STEPS = (
    Step("Q", "means of symmetric laws", (
        Claim("shift", "|v.(mu - c)|/s", r"\lvert v^T(\mu-c)\rvert/s", "<=", NormalQuantile(sp.Rational(1, 2) + tau),
              "q symmetric about mu, within tau of N(c, Sigma)"),
        Claim("closest", "|mu| of the mean of N(0, 1) and its mirror image", r"\lvert\mu\rvert", "=",
              NormalQuantile(sp.Rational(1, 2) + tau), "tau its distance from N(0, 1)"),
    ), (), medians),
    Step("S", "slope between two observations", (
        Claim("slope", "|mu(x) - mu(x')|/|x - x'|", r"\lvert\mu(x)-\mu(x')\rvert/\lvert x-x'\rvert", ">=",
              steepness(D, W, X, e0 + T), "encoders within e0 of both posteriors, these within T of Gaussians"),
        Claim("closest slope", "v.(mu(x) - mu(x'))/|x - x'|", r"v^T(\mu(x)-\mu(x'))/\lvert x-x'\rvert", "=",
              steepness(D, W, X, e0), "Gaussians mirrored at means moved towards each other, e0 away"),
    ), ("A0", "A1", "A2", "A2-M", "Q"), slopes),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The answer in words."""
    accuracy = f"{midpoint(certificate['epsilon']):.3g}"
    distance = at_most(certificate, "t_g")
    if certificate["slope_lower"] > 0:
        slope = at_least(certificate, "slope_lower")
        answer = f"every encoder within {accuracy} at both observations has a Lipschitz constant >= {slope}"
    else:
        answer = f"nothing is claimed of encoders within {accuracy} at both observations"
    pair = "" if generator is None else "for the pair with the largest bound among a few of the observations; "
    return f"{answer}; the posteriors are within {distance} of Gaussians", f"{pair}any encoder symmetric about its mean"


THEOREM = Theorem(
    id="amortisation",
    title="An accurate encoder is at least this steep",
    summary="Two observations with posteriors far apart bound the Lipschitz constant of every accurate encoder.",
    source="docs/amortisation.md",
    quantities=QUANTITIES,
    assumptions=(MODEL, INJECTIVE, SMOOTH, LIPSCHITZ),
    steps=STEPS,
    conclusion=evaluated(
        statement="an encoder within epsilon of pi_x at x and x' has Lip(mu) >= slope_lower",
        latex=(
            r"\mathrm{Lip}(\mu)\geq(\lvert v^T(c-c')\rvert-(s+s')\Phi^{-1}(\tfrac12+\varepsilon+t_g))_+/"
            r"\lvert x-x'\rvert"
        ),
        notes=notes,
        sample_inputs=steepest_pair,
    ),
    examples=("linear:d=2,kappa=2,m=1", "residual:d=2,width=8"),
    shown=("slope_lower", "slope_exact"),
)
