r"""Theorem 1*: a preconditioned chain of few layers around one computed point, for decoders with n >= d.

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), |G(z)-G(z')| >= m|z-z'| (an inequality only: n >= d), Lipschitz
constants M of G and M2 of its Jacobian J. c is any computed point, r_c = G(c) - x, A = I + J(c)^T J(c)/beta^2, B a
factor with ||B^T A B - I|| <= om, z = c + B y, F(y) = f(z) - f(c), g >= |B^T grad f(c)|.

Guarantee (upper bound). The deep latent Gaussian that starts from N(c, B B^T) (or from c) and has K layers
z <- P z - s B B^T grad f(P z) + sqrt(2 s - s^2) B xi, s = 1 - exp(-eta_k), P the clipping to |y| <= R, has a law within
`tv_bound` of pi_x in total variation. A priori c is any point within 2 g beta/(m^2+beta^2)^(1/2) of the mode with
g at most 1e-9, and |r_c| is what a typical x leaves at the mode and M times that distance; for a given x everything is
measured at the computed c and rounded outward.

This theorem is the project's, not the paper's. Proofs: docs/sharp.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from certify.generators.graph import Generator
from certify.profiles.records import METHOD
from certify.proof.optimiser import Certificate
from certify.proof.theorem import Claim, Conclusion, Condition, Step, Theorem, choice, definition
from certify.sharp import terms
from certify.sharp.functions import (
    BurnInDistance,
    BurnInTime,
    FarMass,
    ForceMoment,
    GaussianShift,
    LowerEnvelope,
    ModeResidual,
    OutsideMass,
    SecondMoment,
    ShellMass,
    UpperEnvelope,
)
from certify.symbolic.declaration import declare, variables
from certify.symbolic.functions import ChiTail
from certify.symbolic.generic import maximum, minimum, one_minus_exp
from theorems.model import INJECTIVE, LIPSCHITZ, M2, MODEL, NETWORK, SMOOTH, M, beta, d, m, n, shared, t_x
from theorems.sharp_langevin.chain import (
    drift_changes,
    exits_of_whitened,
    published_total,
    smoothing_distances,
    start_and_contraction,
    tail_by_sandwich,
    tail_of_whitened,
    total_distance,
)
from theorems.sharp_langevin.geometry import curvature_of_whitened, envelopes, modes, sandwich
from theorems.sharp_langevin.network import ENCODER
from theorems.sharp_langevin.observations import certify_rows, said_beside
from theorems.sharp_langevin.places import centre_bounds
from theorems.sharp_langevin.strategy import SharpStrategy

rho = declare("rho", "[0, inf)", r"\rho", "bound on |zh| (S5), used where n = d")
g = declare("g", "[0, inf)", "g", "bound on |B^T grad f(c)|; measured at an observation")
r_c = declare("r_c", "[0, inf)", "r_c", "bound on |G(c) - x|: near the mode of a typical x, or measured")
om = declare("om", "[0, 1)", r"\omega", "bound on ||B^T A B - I||")
a = declare("a", "(0, inf)", "a", "m^2/beta^2")
b = declare("b", "(0, inf)", "b", "M^2/beta^2, or ||J(c)||^2/beta^2")
e = declare("e", "[0, inf)", "e", "M2 beta/(m^2+beta^2)")
p = declare("p", "[0, 1)", "p", "M2 |r_c|/(m^2+beta^2)")
phi = declare("phi", "(0, 1]", r"\phi", "floor of J^T J: (1+a)/(1+b)")
R = declare("R", "(0, inf)", "R", "radius of the ball |y| <= R onto which the chain projects")
R2 = declare("R2", "[R, inf)", "R_2", "radius up to which the tail uses the curvature bounds", R)
w = declare("w", "(0, R)", "w", "width of the shell in the exit bound", R)
start = declare("start", "{0, 1}", r"\gamma", "1: start from N(c, B B^T); 0: start from c")
eta_b = declare("eta_b", "(0, inf)", r"\eta_b", "time of the first burn-in layer; layer k has eta_b h/(h + k)")
h = declare("h", "(0, inf)", "h", "scale on which the burn-in's times fall")
K0 = declare("K0", "integer >= 0", "K_0", "burn-in layers")
eta = declare("eta", "(0, inf)", r"\eta", "time of every layer after the burn-in")
K = declare("K", "integer >= K0 + 1", "K", "stochastic layers", K0)
mu = declare("mu", "(0, 1]", r"\mu", "curvature of F on |y| <= R")
q = declare("q", "[0, inf)", "q", "distance of Hess F from I on |y| <= R")
Q = declare("Q", "[0, inf)", "Q", "(d E q(r)^2)^(1/2) under the dominating law")
w_0 = declare("w_0", "[0, inf)", "w_0", "Wasserstein distance of the start")
w_b = declare("w_b", "[0, inf)", "w_{K_0}", "Wasserstein distance after the burn-in")
tau = declare("tau", "(0, inf)", r"\tau", "sum of all times")
s = declare("s", "(0, 1)", "s", "1 - exp(-eta)")
rho_s = declare("rho_s", "(0, 1)", r"\rho_s", "contraction of a layer after the burn-in")
tail = declare("tail", "[0, 1]", "t(R)", "posterior mass outside |y| <= R")
start_outside = declare("start_outside", "[0, 1]", "st", "mass of the Gaussian start outside")
exit_bound = declare("exit", "[0, inf)", r"\mathrm{exit}", "reflected diffusion meets the boundary (S7d+)")
discretisation = declare("discretisation", "[0, inf)", r"\mathrm{disc}", "frozen drift (S7e+)")
smoothing = declare("smoothing", "[0, inf)", r"\mathrm{smooth}", "Wasserstein to total variation (S7f+)")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "bound of the distance (Theorem 1*)")
TERMS = {
    "tail": tail, "start_outside": start_outside, "exit": exit_bound, "discretisation": discretisation,
    "smoothing": smoothing,
}  # fmt: skip
r0, s0, R0, r, tau0, h0, v0 = variables("r0 s0 R0 r tau0 h0 v0", "[0, inf)")
(w0,) = variables("w0", "(0, inf)")
(k,) = variables("k", "integer >= 0")

SHAPE = (d, g, e, p, phi, om)
"""What every radial functional takes first."""


def curvature_at(residual: sp.Expr) -> sp.Expr:
    """Lemma A: mu(z) = 1 + (m^2 - M2 |r(z)|)/beta^2."""
    return 1 + (m**2 - M2 * residual) / beta**2


def stiffness_at(residual: sp.Expr) -> sp.Expr:
    """Lemma A: L(z) = 1 + (M^2 + M2 |r(z)|)/beta^2."""
    return 1 + (M**2 + M2 * residual) / beta**2


def distance_from_identity(radius: sp.Expr) -> sp.Expr:
    """q(r), for a factor of defect om."""
    return terms.distance_from_identity(radius, e, p, om)


def whitened_curvature(radius: sp.Expr) -> sp.Expr:
    """mu_F(r) = max{(1 - e r)_+^2, (1+a)/(1+b)} - (p + e r + e^2 r^2/2), less om (1 + q) for a factor of defect om."""
    near = maximum(maximum(0, terms.near_floor(radius, e, om)) ** 2, phi)
    return near - terms.curvature_loss(radius, e, p, om)


def tail_beyond(radius: sp.Expr) -> sp.Expr:
    """t(R) through R2: dominating law up to R2, far field beyond."""
    return minimum(1, OutsideMass(*SHAPE, radius, R2) + FarMass(*SHAPE, R2, m, M2, beta, r_c, b))


def exit_before(radius: sp.Expr, width: sp.Expr, time: sp.Expr) -> sp.Expr:
    """S7d+: e (1 + tau/w^2) P_{p0^R}(r > R - w), e Euler's number."""
    return terms.exit_bound(time, width, ShellMass(*SHAPE, radius, width))


def smoothed(distance: sp.Expr, layers: sp.Expr) -> sp.Expr:
    """S7f+ over equal layers: w rho^n / sqrt(2 pi sigma^2 (1 - rho^{2n})/(1 - rho^2))."""
    return terms.smoothing(distance, rho_s**layers, terms.run_spread(s, rho_s, layers))


def sandwich_tail(radius: sp.Expr) -> sp.Expr:
    """A3 at a point with residual r0 and gradient s0: prefactor times a chi tail."""
    low, high = curvature_at(r0), stiffness_at(r0)
    prefactor = (high / low) ** (d / 2) * sp.exp(s0**2 / 2 * (1 / low - 1 / high))
    return minimum(1, prefactor * ChiTail(d, sp.sqrt(low) * radius - s0 / sp.sqrt(low)))


TYPICAL = (1 + beta / m) * sp.sqrt(d) + sp.sqrt(1 + beta**2 / m**2) * t_x
ATTAINED = sp.Rational(1, 10**9)
"""Gradient and factor's defect that Newton's descent reaches in floats: allowed for a priori."""
OFF_THE_MODE = 2 * g * beta / sp.sqrt(m**2 + beta**2)
"""|c - z*| allowed for a priori: |B y| where |y| <= 2 g, which g gives where F has half its curvature from c to z*."""

QUANTITIES = (
    *shared("d", "n", "m", "M", "M2", "N", "beta", "epsilon", "t_x"),
    definition(rho, TYPICAL),
    definition(g, ATTAINED),
    definition(r_c, ModeResidual(n, d, m, beta, rho, t_x) + M * OFF_THE_MODE),
    definition(om, ATTAINED),
    definition(a, m**2 / beta**2),
    definition(b, M**2 / beta**2),
    definition(e, M2 * beta / (m**2 + beta**2)),
    definition(p, M2 * r_c / (m**2 + beta**2)),
    definition(phi, (1 + a) / (1 + b), "lower"),
    choice(R),
    choice(R2),
    choice(w),
    choice(start),
    choice(eta_b),
    choice(h),
    choice(K0),
    choice(eta),
    choice(K),
    definition(mu, whitened_curvature(R), "lower"),
    definition(q, distance_from_identity(R)),
    definition(Q, terms.force(d, ForceMoment(*SHAPE, R))),
    definition(
        w_0,
        start * terms.gaussian_start_distance(GaussianShift(*SHAPE, R), mu)
        + (1 - start) * terms.point_start_distance(SecondMoment(*SHAPE, R)),
    ),
    definition(w_b, BurnInDistance(w_0, mu, Q, eta_b, h, K0)),
    definition(tau, BurnInTime(eta_b, h, K0) + (K - K0) * eta),
    definition(s, one_minus_exp(eta)),
    definition(rho_s, 1 - s * mu),
    definition(tail, tail_beyond(R)),
    definition(start_outside, start * ChiTail(d, R)),
    definition(exit_bound, exit_before(R, w, tau)),
    definition(discretisation, terms.discretisation(Q, [(eta, K - K0)])),
    definition(smoothing, smoothed(w_b, K - K0)),
    definition(tv_bound, terms.total([TERMS[name] for name in terms.CHAIN_TERMS])),
)


def at(conditions: Sequence[terms.SideCondition], *symbols: sp.Symbol, of: str = "") -> tuple[Condition, ...]:
    """Side conditions of the engine at the theorem's symbols."""
    return tuple(
        Condition(f"{item.name}, {of}" if of else item.name, *item.sides(*symbols), item.strict) for item in conditions
    )


CONDITIONS = (
    Condition("length", K0 + 1, K),
    Condition("burn-in", sp.Integer(0), K0),
    *at(terms.STEP, eta, mu, q),
    *at(terms.STEP, eta_b, mu, q, of="burn-in"),
    Condition("positive scale", sp.Integer(0), h, strict=True),
    *at(terms.RADII, R, R2),
    *at(terms.SHELL, w, R),
    *at((terms.CURVATURE,), mu),
    *at(terms.FAR, m, M2, beta, r_c, om),
    Condition("start of two kinds", start * (1 - start), sp.Integer(0)),
    Condition("start at least 0", sp.Integer(0), start),
    Condition("start at most 1", start, sp.Integer(1)),
)

ASSUMPTIONS = (MODEL, INJECTIVE, SMOOTH, LIPSCHITZ, NETWORK)

RISE = r"2\frac{f(z+\Delta)-f(z)-\langle\nabla f(z),\Delta\rangle}{\lvert\Delta\rvert^2}"
LAST = r"\mathrm{TV}(\mathcal L(X_K),\pi_x)"

STEPS = (
    Step("A", "global sandwich (Lemma A)", (
        Claim("lower", "2(f(z+D)-f(z)-<grad f(z),D>)/|D|^2", RISE, ">=", curvature_at(r0), "all z, D; r0 = |r(z)|"),
        Claim("upper", "2(f(z+D)-f(z)-<grad f(z),D>)/|D|^2", RISE, "<=", stiffness_at(r0), "all z, D; r0 = |r(z)|"),
    ), ("A1", "A2", "A2-M"), sandwich),
    Step("A1-A5", "mode", (
        Claim("distance", "|z* - z|", r"\lvert z^*-z\rvert", "<=", 2 * s0 / curvature_at(r0),
              "mu(z) > 0, s0 = |grad f(z)|, r0 = |r(z)|"),
        Claim("gap", "f(z) - min f", r"f(z)-\min f", "<=", s0**2 / (2 * curvature_at(r0)), "mu(z) > 0"),
        Claim("unimodal", "critical points of f", r"\#\{\nabla f=0\}", "<=", sp.Integer(1),
              "n = d, beta < m, beta^2 rho m M2 < m^4 - beta^4"),
    ), ("A",), modes),
    Step("A3", "tail by the sandwich", (
        Claim("tail", "pi_x(|z - c| > R0)", r"\pi_x(\lvert z-c\rvert>R_0)", "<=", sandwich_tail(R0),
              "mu(c) > 0, s0 >= |grad f(c)|, r0 >= |r(c)|"),
    ), ("A",), tail_by_sandwich),
    Step("C", "curvature over growing balls", (
        Claim("lower", "lambda_min(Hess F(y))", r"\lambda_{\min}(\nabla^2F(y))", ">=", whitened_curvature(r),
              "|y| <= r"),
        Claim("distance from identity", "||Hess F(y) - I||", r"\lVert\nabla^2F(y)-I\rVert", "<=",
              distance_from_identity(r), "|y| <= r"),
    ), ("A1", "A2", "A2-M"), curvature_of_whitened),
    Step("E", "envelopes", (
        Claim("lower", "F(y)", "F(y)", ">=", LowerEnvelope(*SHAPE, r), "|y| = r"),
        Claim("upper", "F(y)", "F(y)", "<=", UpperEnvelope(*SHAPE, r), "|y| = r"),
    ), ("C",), envelopes),
    Step("T", "tail and shell", (
        Claim("tail", "pi_x(|y| > R0)", r"\pi_x(\lvert y\rvert>R_0)", "<=", tail_beyond(R0), "R0 <= R2"),
        Claim("shell", "pi_x(|y| > R0 given |y| <= R)", r"\pi_x(\lvert y\rvert>R_0\mid\lvert y\rvert\leq R)", "<=",
              OutsideMass(*SHAPE, R0, R), "R0 <= R"),
    ), ("A", "E"), tail_of_whitened),
    Step("S7d+", "exit", (
        Claim("exit", "P(the reflected diffusion meets |y| = R0 before tau0)", r"\mathrm P(\mbox{exit before }\tau_0)",
              "<=", exit_before(R0, w0, tau0), "start pi_x on |y| <= R0, 0 < w0 < R0"),
    ), ("T",), exits_of_whitened),
    Step("S7e+", "discretisation", (
        Claim("drift", "E int_0^h0 |H(Y_t) - H(Y_0)|^2 dt, H(y) = grad F(y) - y",
              r"\mathrm E\int_0^{h_0}\lvert H(Y_t)-H(Y_0)\rvert^2dt", "<=", d * ForceMoment(*SHAPE, R) * h0**2,
              "Y the reflected diffusion from pi_x on |y| <= R; KL per layer is a quarter of it"),
    ), ("C", "T"), drift_changes),
    Step("W", "start and contraction", (
        Claim("start", "W2(start, pi_x on |y| <= R)", r"W_2", "<=", w_0, "the chosen start"),
        Claim("contraction", "Lipschitz constant of y -> P_D y - s grad F(P_D y)", r"\mathrm{Lip}", "<=", 1 - s * mu,
              "s (1 + q + mu) <= 2"),
    ), ("C", "E"), start_and_contraction),
    Step("S7f+", "smoothing", (
        Claim("smoothing", "TV of two chains from points at distance v0 after k layers",
              r"\mathrm{TV}(\mathcal L(X_k),\mathcal L(X'_k))", "<=", smoothed(v0, k), "k >= 1 layers of time eta"),
    ), ("W",), smoothing_distances),
    Step("1*", "total", (
        Claim("total", "TV(law X_K, pi_x)", LAST, "<=", tv_bound, "K layers"),
    ), ("T", "S7d+", "S7e+", "W", "S7f+"), total_distance),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Sentences that a reader of the conclusion must not miss."""
    found = [
        "the layers are preconditioned by the Jacobian at the computed point c; finding c (S6 and Newton's steps) is "
        "deterministic and not counted in K",
        f"start: {'N(c, B B^T)' if certificate['start'] > 0 else 'the point c'}",
    ]
    if generator is not None and generator.observed_dim > generator.latent_dim:
        found.append("n > d: a priori |r_c| is bounded by beta (sqrt(n+d) + t_x), which holds for typical x")
    return tuple(found)


CONCLUSION = Conclusion(
    statement=(
        "K preconditioned Langevin layers around a computed point are within tv_bound of pi_x in total variation; "
        "tv_bound <= epsilon for suitable choices when beta <= beta_max"
    ),
    latex=rf"{LAST}\leq t(R)+st+e\left(1+\tfrac{{\tau}}{{w^2}}\right)\mathrm P(r>R-w)"
    r"+Q\Big(\sum\eta_k^2/8\Big)^{1/2}+\mathrm{smooth}\leq\varepsilon",
    distance=terms.total([TERMS[name] for name in terms.CHAIN_TERMS]),
    conditions=CONDITIONS,
    search=SharpStrategy(),
    layers=(K,),
    every_noise=Condition("no curvature", M2, sp.Integer(0)),
    paper_form="none: the theorem is this project's",
    size=None,
    measure=published_total,
    observation_bounds=centre_bounds,
    notes=notes,
    certify_observations=certify_rows,
    observations_kept_as={"method": METHOD},
    rows_say={"observation": said_beside},
)

THEOREM = Theorem(
    id="sharp-langevin",
    title="A few preconditioned layers around one computed point",
    summary="Around a computed point a preconditioned chain of few layers samples the posterior, for n >= d.",
    source="docs/sharp.md, sections 1 to 3",
    quantities=QUANTITIES,
    assumptions=ASSUMPTIONS,
    steps=STEPS,
    conclusion=CONCLUSION,
    encoder=ENCODER,
    shown=("eta", "R", "rho"),
    slack_steps=("S7d+", "S7e+", "S7f+"),
)
