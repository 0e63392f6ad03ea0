r"""Theorem 2: without invertibility the encoder can be far larger than the generator, if one-way permutations exist.

Problem. P is a permutation of {-1,+1}^d given by a Boolean circuit of s gates, G(z) = P(sgn z), x = G(z) + beta xi.
How close to pi_x can an encoder of limited size come?

T1  Given x, the bits of y = P(sgn z) are independent with P(y_i = +1 | x) = 1/(1 + exp(-2 x_i/beta^2)); given y the
    signs of z are P^-1(y) and the |z_i| independent half-normals. Proof: |y - x|^2 = |x|^2 + d - 2 x.y, and y runs over
    all of {-1,+1}^d as P is a permutation, so Bayes' sum over orthants is a product over bits.
    E_x sum_s pi_x(s)^2 = (1 - 2 v)^d with v = E[p(1 - p)], since p^2 + (1 - p)^2 = 1 - 2 p (1 - p).
    v <= exp(-1/(2 beta^2))/4, hence (1 - 2v)^d >= 1 - zeta for beta = 1/sqrt(2 log(d/(2 zeta))).
T2  For any randomised encoder E: Pr[sgn E(x) = P^-1(y)] >= (1 - 2 v)^d - E_x TV(E(x), pi_x), attained by the exact
    posterior. Proof: entry by entry pi (pi - q) <= max(pi - q, 0).
    With clip(z/tau, -1, 1) for the sign, both laws move by at most gamma = d tau sqrt(2/pi): 2 gamma less.
T3  If every Boolean circuit of size T inverts P with probability < delta, no encoder of size T - d poly(b) in b-bit
    arithmetic has average TV <= (1 - 2 v)^d - 2 gamma - delta - (rounding error in TV), and it is within eps0 of
    pi_x on a fraction phi of x with phi < (delta + zeta)/(1 - eps0) only. CONDITIONAL on that hypothesis.
T4  The compiled network has at most 12 parameters for each gate and agrees with P on all of {-1,+1}^d.

The paper's form: if one-way permutations exist there is a G of size poly(d) with activations sgn, min, max for which no
encoder of polynomial size is within TV 1/10 of pi_x on more than a negligible fraction of x, for small enough beta.

References. D. Pareek, A. Risteski, ICLR 2022, arXiv 2107.04652, Theorem 2; docs/one_way.md.
"""

from __future__ import annotations

import sympy as sp

from certify.generators.graph import Generator
from certify.proof.optimiser import Certificate
from certify.proof.theorem import Assumption, Claim, Conclusion, Step, Theorem, constant, definition, setting
from certify.symbolic.bit_variance import BitVariance
from certify.symbolic.declaration import declare, variables
from certify.symbolic.generic import maximum
from theorems.one_way.choices import NoChoice
from theorems.one_way.circuits import bijective_circuit, boolean_network, circuit_inputs
from theorems.one_way.reduction import (
    HYPOTHESIS,
    compiled_size,
    exact_posterior,
    measured_inversion,
    one_wayness,
    reduction,
)

d = declare("d", "integer >= 1", "d", "number of bits")
s = declare("s", "integer >= 0", "s", "gates of the circuit")
tau = declare("tau", "[0, inf)", r"\tau", "ramp of the input layer, 0 for the sign")
beta = declare("beta", "(0, inf)", r"\beta", "noise level of the decoder")
epsilon = declare("epsilon", "(0, 1)", r"\varepsilon", "loss of the reduction that is admitted")
v = declare("v", "[0, 1/4]", "v", "variance of one posterior bit")
agreement = declare("agreement", "(0, 1]", "a", "E sum of pi_x^2 over the orthants")
zeta = declare("zeta", "[0, 1)", r"\zeta", "1 - agreement")
gamma = declare("gamma", "[0, inf)", r"\gamma", "TV by which the ramp moves the joint law")
success_floor = declare("success_floor", "(-inf, 1]", r"\sigma", "inverter's success from an exact encoder, at least")
beta_closed = declare("beta_closed", "(0, 1)", r"\beta_0", "noise level of the closed form for zeta = epsilon")
size_bound = declare("size_bound", "integer >= 1", "N_0", "bound of the generator's parameters")
tv_bound = declare("tv_bound", "[0, inf)", r"\zeta+2\gamma", "loss of the reduction")
(x,) = variables("x", "(-inf, inf)")
b, loss, tau_0 = variables("b loss tau_0", "(0, inf)")
(delta,) = variables("delta", "[0, 1]")
(eps0,) = variables("eps0", "[0, 1)")


def half_normal_ramp(width: sp.Expr) -> sp.Expr:
    """Union bound of P(some |z_i| < width): d width sqrt(2/pi)."""
    return d * width * sp.sqrt(2 / sp.pi)


LOSS = zeta + 2 * gamma

QUANTITIES = (
    constant(d),
    constant(s),
    constant(tau),
    setting(beta),
    setting(epsilon),
    definition(v, BitVariance(beta)),
    definition(agreement, (1 - 2 * v) ** d, "lower"),
    definition(zeta, 1 - agreement),
    definition(gamma, half_normal_ramp(tau)),
    definition(success_floor, agreement - 2 * gamma, "lower"),
    definition(beta_closed, 1 / sp.sqrt(2 * maximum(1, sp.log(d / (2 * epsilon)))), "lower"),
    definition(size_bound, 12 * s + 5 * d),
    definition(tv_bound, LOSS),
)

ASSUMPTIONS = (
    Assumption("B1", "G(z) = P(sgn z) for a Boolean circuit P (wherever |z_i| >= tau)", r"G(z)=P(\operatorname{sgn}z)",
               None, boolean_network),
    Assumption("B2", "P is a permutation of {-1,+1}^d", r"P\in\mathrm{Sym}(\{-1,+1\}^d)", None, bijective_circuit),
)  # fmt: skip

STEPS = (
    Step("T1", "exact posterior", (
        Claim("bit", "P(y_i = +1 | x)", r"\Pr(y_i=+1\mid x)", "=", 1 / (1 + sp.exp(-2 * x / beta**2)), "x in R"),
        Claim("independence", "max_s |pi_x(s) - prod_i P(y_i = P(s)_i | x)|",
              r"\max_s\lvert\pi_x(s)-\textstyle\prod_i\Pr(y_i=P(s)_i\mid x)\rvert", "<=", sp.Integer(0), "x in R^d"),
        Claim("agreement", "E_x sum_s pi_x(s)^2", r"\mathbb E_x\textstyle\sum_s\pi_x(s)^2", "=", agreement,
              "the noise level beta"),
        Claim("bit variance", "E[p(1-p)]", r"\mathbb E[p(1-p)]", "=", BitVariance(b), "b > 0"),
        Claim("variance bound", "v(b)", "v(b)", "<=", sp.exp(-1 / (2 * b**2)) / 4, "b > 0"),
        Claim("closed form", "(1 - 2 v(b))^d at b = 1/sqrt(2 log(d/(2 loss)))",
              r"(1-2v(b))^d,\ b=(2\log\tfrac{d}{2\zeta})^{-1/2}", ">=", 1 - loss, "0 < loss < d/2"),
    ), ("B1", "B2"), exact_posterior),
    Step("T2", "reduction", (
        Claim("inequality", "Pr[sgn E(x) = P^-1(y)] + E_x TV(E(x), pi_x)",
              r"\Pr[\operatorname{sgn}E(x)=P^{-1}(y)]+\mathbb E_x\mathrm{TV}(E(x),\pi_x)", ">=", success_floor,
              "every encoder E"),
        Claim("pointwise", "sum pi q + TV(q, pi) - sum pi^2", r"\textstyle\sum\pi q+\mathrm{TV}(q,\pi)-\sum\pi^2", ">=",
              sp.Integer(0), "x in R^d, every law q of the orthants"),
    ), ("T1",), reduction),
    Step("T2m", "reduction, run with the exact-posterior encoder", (
        Claim("success", "Pr[sgn E(x) = P^-1(y)]", r"\Pr[\operatorname{sgn}E(x)=P^{-1}(y)]", "=", agreement,
              "E the exact posterior of P(sgn z)"),
    ), ("T1", "T2"), measured_inversion),
    Step("T3", "no small encoder, if P is one-way", (
        Claim("average", "E_x TV(E(x), pi_x) + rounding", r"\mathbb E_x\mathrm{TV}(E(x),\pi_x)+r_b", ">=",
              success_floor - delta, "every encoder of size at most T - d poly(b)"),
        Claim("fraction", "fraction of x with TV(E(x), pi_x) <= eps0",
              r"\Pr_x[\mathrm{TV}(E(x),\pi_x)\leq\varepsilon_0]", "<=", (delta + LOSS) / (1 - eps0),
              "every encoder of size at most T - d poly(b)"),
    ), ("T2",), one_wayness),
    Step("T4", "size of the generator", (
        Claim("parameters", "parameters of the compiled network", "N", "<=", size_bound, "forms minmax, relu, clip"),
        Claim("agreement with P", "sign patterns where network and circuit differ", r"\#\{s:G(s)\neq P(s)\}", "<=",
              sp.Integer(0), "all of {-1,+1}^d"),
        Claim("clip", "P(some |z_i| < tau_0)", r"\Pr[\min_i\lvert z_i\rvert<\tau_0]", "<=", half_normal_ramp(tau_0),
              "tau_0 > 0"),
    ), ("B1",), compiled_size),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The hypothesis and what no run can show."""
    return (
        f"T3 holds if {HYPOTHESIS}",
        "size is that of a Boolean circuit for encoder, noise sampler and comparisons in b-bit arithmetic: "
        "unit-cost real arithmetic is stronger, and the reduction says nothing about it",
        "no finite run verifies an exponential lower bound: measured cost of inversion is no proof of hardness",
    )


THEOREM = Theorem(
    id="one-way",
    title="Without invertibility a small encoder would invert a one-way permutation",
    summary="Permutation circuits as decoders: exact posterior, the reduction from encoders to inverters, sizes.",
    source="Pareek and Risteski, arXiv 2107.04652, Theorem 2; docs/one_way.md",
    quantities=QUANTITIES,
    assumptions=ASSUMPTIONS,
    steps=STEPS,
    conclusion=Conclusion(
        statement="if P is one-way, every encoder of size at most T - d poly(b) has "
        "E_x TV(E(x), pi_x) >= success_floor - delta, and success_floor >= 1 - epsilon",
        latex=r"\mathbb E_x\mathrm{TV}(E(x),\pi_x)\geq(1-2v)^d-2\gamma-\delta",
        distance=LOSS,
        conditions=(),
        search=NoChoice(),
        layers=(),
        paper_form="for small enough beta, TV 1/10 on more than a negligible fraction of x is out of reach",
        size=None,
        measure=None,
        observation_bounds=lambda generator, brackets, observation, noise: {},
        notes=notes,
        inputs=circuit_inputs,
    ),
    examples=("permutation:family=gf2exp,bits=8",),
    reads_constants=False,
)
