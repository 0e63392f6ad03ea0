r"""Theorem 1: strongly invertible generators have small encoders (a Langevin chain unrolled into a network).

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_d), G: R^d -> R^d with |G(z)-G(z')| >= m|z-z'|, Lipschitz
constant M, Lipschitz constant M2 of its Jacobian. The posterior is pi_x ~ exp(-f),
f(z) = |z|^2/2 + |G(z)-x|^2/(2 beta^2).

Guarantee (explicit form, upper bound). A deep latent Gaussian with K_gd descent layers and K Langevin layers
z <- z - eta grad f(z) + sqrt(2 eta) xi has a law within `tv_bound` of pi_x in total variation, where `tv_bound`
is S8 below; its layers are built from G, one vector-Jacobian product and sums.

Paper form. beta = O(1/(d^{3/2} sqrt(log(d/eps)))) and N poly(d, 1/beta, 1/eps) parameters suffice, with
probability 1 - exp(-Omega(d)) over x. The explicit constants are this project's (docs/theory.md), not the paper's.

References. D. Pareek, A. Risteski, "The Effects of Invertibility on the Representational Complexity of Encoders
in Variational Autoencoders", ICLR 2022, arXiv 2107.04652 (statement); docs/theory.md, S1-S9 (constants, proofs).
"""

from __future__ import annotations

import sympy as sp

from certify.generators.graph import Generator
from certify.proof.checks.concentration import posterior_tail, typical_observations
from certify.proof.checks.locations import preimage_bound
from certify.proof.checks.mode import mode_and_critical_points
from certify.proof.optimiser import Certificate
from certify.proof.theorem import (
    Claim,
    Conclusion,
    Condition,
    Growth,
    Search,
    SearchCoordinate,
    Step,
    Theorem,
    choice,
    definition,
)
from certify.symbolic.declaration import declare, variables
from certify.symbolic.functions import ChiTail
from certify.symbolic.generic import maximum, minimum
from theorems.langevin_mixing.curves import drawable_curves
from theorems.model import (
    LIPSCHITZ,
    M2,
    NETWORK,
    SMOOTH,
    SQUARE_MODEL,
    STRONGLY_INVERTIBLE,
    M,
    N,
    beta,
    d,
    epsilon,
    m,
    shared,
    t_x,
)
from theorems.strong_invertibility.chain import (
    burn_in_distances,
    centre_of_domain,
    contraction,
    diffusion_exits,
    exits,
    moments,
    path_divergences,
    projection_free,
)
from theorems.strong_invertibility.curvature import curvature_on_balls
from theorems.strong_invertibility.derivatives import derivative_formulae
from theorems.strong_invertibility.distance import chain_to_domain, chain_to_posterior, published_distance
from theorems.strong_invertibility.inversion import gradient_descent_inversion
from theorems.strong_invertibility.network import ENCODER
from theorems.strong_invertibility.size import encoder_size, size_and_explicit_form

# --- symbols -------------------------------------------------------------------------------------------------
rho = declare("rho", "[0, inf)", r"\rho", "bound on |zh|, zh = G^{-1}(x) (S5, or measured at the observation)")
kappa = declare("kappa", "[1, inf)", r"\kappa", "condition number of G")
a = declare("a", "(0, inf)", "a", "m^2/beta^2")
b = declare("b", "(0, inf)", "b", "M^2/beta^2")
R = declare("R", "(0, m^2/(M M2))", "R", "log-concavity radius around zh", m, M, M2)
theta = declare("theta", "[0, 1)", r"\theta", "fraction of the largest radius")
mu = declare("mu", "(1, inf)", r"\mu", "least curvature on B(zh, R) (S2)")
L = declare("L", "(1, inf)", "L", "curvature on B(zh, R) from above (S2)")
delta0 = declare("delta0", "(0, R/2)", r"\delta_0", "accuracy of the inversion (S6)", R)
R_D = declare("R_D", "(0, R)", "R_D", "radius of the domain D around the centre", R)
delta1 = declare("delta1", "(0, R_D)", r"\delta_1", "distance of mode and centre (S7b)", R_D)
Lam = declare("Lam", "(0, inf)", r"\Lambda", "logarithm of the explicit form (S9)")
eta = declare("eta", "(0, 1/L]", r"\eta", "step size", L)
s = declare("s", "(0, inf)", "s", "stationary scale of the chain")
K = declare("K", "integer >= 1", "K", "number of Langevin layers")
t = declare("t", "[0, inf)", "t", "deviation of the chain (S7d, S7g)")
B = declare("B", "(0, inf)", "B", "curvature budget of the explicit form (S9)")
rho_c = declare("rho_c", "[0, 1)", r"\rho_c", "contraction per step (S7a)")
L_Phi = declare("L_Phi", "[m^2, inf)", r"L_\Phi", "smoothness of |G(z)-x|^2/2 (S6)", m)
q_Phi = declare("q_Phi", "[0, 1)", r"q_\Phi", "squared contraction of one descent step (S6)")
K_gd = declare("K_gd", "integer >= 0", r"K_{\mathrm{gd}}", "number of descent layers (S6)")
tail = declare("tail", "[0, 1]", r"\mathrm{tail}", "posterior mass outside (S4)")
exit_projected = declare("exit_projected", "[0, inf)", r"3Ke^{-t^2/2}", "exit of the projected chain (S7d)")
exit_plain = declare("exit_plain", "[0, inf)", r"4Ke^{-t^2/2}", "exit of the plain chain (S7d, S7g)")
KL = declare("KL", "[0, inf)", r"\mathrm{KL}", "discretisation (S7e)")
burn_in = declare("burn_in", "[0, inf)", r"\mathrm{burn\mbox{-}in}", "burn-in (S7f)")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "bound of the encoder's distance (S8, plain chain)")
tv_bound_projected = declare(
    "tv_bound_projected", "[0, inf)", r"\mathrm{TV}_{\mathrm{proj}}", "bound of the projected chain's distance (S8)"
)
w = declare(
    "w", "(0, R_D - delta1)", "w", "width of the shell in S7d+ (any number in (0, R_D - delta1) is valid)", R_D, delta1
)
exit_sharp = declare("exit_sharp", "[0, inf)", r"\mathrm{exit}^+", "exit of the diffusion (S7d+)")
KL_sharp = declare("KL_sharp", "[0, inf)", r"\mathrm{KL}^+", "discretisation (S7e+)")
burn_in_sharp = declare("burn_in_sharp", "[0, inf)", r"\mathrm{burn\mbox{-}in}^+", "burn-in (S7f+)")
tv_bound_sharp = declare(
    "tv_bound_sharp",
    "[0, inf)",
    r"\mathrm{TV}^+",
    "S8 for the projected chain: the smaller of the plain terms and of S7d+, S7e+, S7f+",
)
C_grad = declare("C_grad", "[1, 2]", r"C_{\nabla}", "size of the G-and-vector-Jacobian graph over N")
size_bound = declare(
    "size_bound", "[0, inf)", r"N'_{\mathrm{bound}}", "bound on the unrolled encoder's parameters (S9)"
)
R0, t0, tau0 = variables("R0 t0 tau0", "[0, inf)")
(w0,) = variables("w0", "(0, inf)")
(k,) = variables("k", "integer >= 0")
theta_search, eta_search, delta_search = variables("theta_search eta_search delta_search", "(0, 1]")
zu, jr, uu, jj, rh = variables("zu jr uu jj rh", "(-inf, inf)")

WHOLE_SPACE = sp.Integer(2) ** 400
"""Stands for R = infinity when M2 = 0: then every R is admissible, and one this large costs nothing."""


# --- closed forms that several steps share -------------------------------------------------------------------
def curvature_lower(radius: sp.Expr) -> sp.Expr:
    """S2: mu(R) = 1 + (m^2 - M M2 R)/beta^2."""
    return 1 + (m**2 - M * M2 * radius) / beta**2


def curvature_upper(radius: sp.Expr) -> sp.Expr:
    """S2: L(R) = 1 + (M^2 + M M2 R)/beta^2."""
    return 1 + (M**2 + M * M2 * radius) / beta**2


def tail_mass(radius: sp.Expr) -> sp.Expr:
    """S4: bound on pi_x(|z - zh| > R0), with a = m^2/beta^2 and b = M^2/beta^2."""
    prefactor = ((1 + b) / (1 + a)) ** (d / 2) * sp.exp(rho**2 / 2 * (b / (1 + b) - a / (1 + a)))
    return minimum(1, prefactor * ChiTail(d, sp.sqrt(1 + a) * radius - rho / sp.sqrt(1 + a)))


def burn_in_bound(steps: sp.Expr) -> sp.Expr:
    """S7f: the smaller of the two forms after `steps` steps."""
    start = rho_c**steps * (sp.sqrt(d / mu) + delta1)
    return minimum(start / (2 * sp.sqrt(sp.pi * eta)), start / (2 * s * sp.sqrt(1 - rho_c ** (2 * steps))))


def path_divergence(steps: sp.Expr) -> sp.Expr:
    """S7e: KL between the stopped path laws of the reflected diffusion and the chain over `steps` steps."""
    bracket = 1 + sp.Rational(4, 5) * sp.sqrt(2) * sp.sqrt(eta * L) + eta * L / 3
    return L**2 * steps * d * eta**2 / 4 * bracket


def shell_exit(radius: sp.Expr, width: sp.Expr, time: sp.Expr) -> sp.Expr:
    """S7d+: e (1 + tau/w^2) times the shell's mass, which is at most P(chi_d > sqrt(mu) (radius - delta1 - w))."""
    return sp.E * (1 + time / width**2) * ChiTail(d, sp.sqrt(mu) * (radius - delta1 - width))


def shell_width(room: sp.Expr) -> sp.Expr:
    """A width near the best one for S7d+ with long tau: 2 over the decay rate of the chi tail at sqrt(mu) room."""
    return minimum(room / 2, 2 / maximum(mu * room - (d - 1) / room, mu * room / 4))


def stationary_divergence(steps: sp.Expr) -> sp.Expr:
    """S7e+: the bracket of S7e is 1, since the reflected diffusion is stationary and reversible."""
    return L**2 * steps * d * eta**2 / 4


def shifted_burn_in(steps: sp.Expr) -> sp.Expr:
    """S7f+: predictable shifts, never worse than either form of S7f."""
    start = rho_c**steps * (sp.sqrt(d / mu) + delta1)
    return start * sp.sqrt((1 - rho_c**2) / (4 * sp.pi * eta * (1 - rho_c ** (2 * steps))))


def exit_margin() -> sp.Expr:
    """Largest t for which the side conditions of S7d and S7g hold."""
    return minimum(
        (R_D - delta1) / (s + sp.sqrt(2 * eta)) - sp.sqrt(d), (R_D - delta1 - maximum(delta1, s * sp.sqrt(d))) / s
    )


SLOWEST_RATE = sp.Integer(2) ** -100
"""Floor of S6's rate: a weaker, valid rate that keeps the exact case L_Phi = m^2 (one step) finite."""

QUANTITIES = (
    *shared("d", "m", "M", "M2", "N", "beta", "epsilon", "t_x"),
    definition(rho, (1 + beta / m) * sp.sqrt(d) + sp.sqrt(1 + beta**2 / m**2) * t_x),
    definition(kappa, M / m),
    definition(a, m**2 / beta**2),
    definition(b, M**2 / beta**2),
    choice(R),
    definition(theta, R * M * M2 / m**2),
    definition(mu, curvature_lower(R), "lower"),
    definition(L, curvature_upper(R)),
    choice(delta0),
    definition(R_D, R - delta0, "lower"),
    definition(delta1, beta**2 * rho / m**2 + delta0),
    definition(Lam, sp.log(4 * (sp.sqrt(d) + sp.sqrt(mu) * delta1) / epsilon)),
    choice(eta),
    definition(s, sp.sqrt(2 / (mu * (2 - eta * mu)))),
    choice(K),
    choice(t),
    definition(B, sp.sqrt(d) * (1 + sp.sqrt(2 * sp.log(kappa))) + t_x + t),
    definition(rho_c, 1 - eta * mu),
    definition(L_Phi, M**2 + M * M2 * rho),
    definition(q_Phi, maximum(1 - m**2 / L_Phi, SLOWEST_RATE)),
    definition(K_gd, sp.ceiling(2 * sp.log(maximum(1, M * rho / (m * delta0))) / -sp.log(q_Phi))),
    definition(tail, tail_mass(R - 2 * delta0)),
    definition(exit_projected, 3 * K * sp.exp(-(t**2) / 2)),
    definition(exit_plain, 4 * K * sp.exp(-(t**2) / 2)),
    definition(KL, path_divergence(K)),
    definition(burn_in, burn_in_bound(K)),
    definition(tv_bound, tail + exit_plain + sp.sqrt(KL / 2) + burn_in),
    definition(tv_bound_projected, tail + exit_projected + sp.sqrt(KL / 2) + burn_in),
    definition(w, shell_width(R_D - delta1)),
    definition(exit_sharp, shell_exit(R_D, w, K * eta)),
    definition(KL_sharp, stationary_divergence(K)),
    definition(burn_in_sharp, shifted_burn_in(K)),
    definition(
        tv_bound_sharp,
        tail
        + minimum(exit_projected, exit_sharp)
        + sp.sqrt(minimum(KL, KL_sharp) / 2)
        + minimum(burn_in, burn_in_sharp),
    ),
    definition(C_grad, sp.Integer(2)),
    definition(size_bound, (N * C_grad + 4 * d) * (K_gd + K)),
)

CONDITIONS = (
    Condition("length", sp.Integer(1), K),
    Condition("positive step", sp.Integer(0), eta, strict=True),
    Condition("positive accuracy", sp.Integer(0), delta0, strict=True),
    Condition("radius", 2 * delta0, R, strict=True),
    Condition("curvature", R * M * M2, m**2, strict=True),
    Condition("step size", eta * L, sp.Integer(1)),
    Condition("centre", delta1, R_D, strict=True),
    Condition("deviation", sp.Integer(0), t),
    Condition("exit (S7d)", (s + sp.sqrt(2 * eta)) * (sp.sqrt(d) + t), R_D - delta1),
    Condition("no projection (S7g)", maximum(delta1, s * sp.sqrt(d)) + s * t, R_D - delta1),
)  # fmt: skip

SEARCH = Search(
    coordinates=(
        SearchCoordinate(theta_search, 0.01, 0.99, 15),
        SearchCoordinate(eta_search, 1e-9, 1.0, 25, "log"),
        SearchCoordinate(delta_search, 1e-4, 0.06, 3, "log"),
    ),
    choices={
        R: minimum(WHOLE_SPACE, theta_search * m**2 / (M * M2)),
        delta0: delta_search * minimum(R, beta * sp.sqrt(d) / m),
        eta: eta_search / L,
        t: (1 - sp.Rational(1, 10**9)) * exit_margin(),
    },
    length=K,
)

ASSUMPTIONS = (SQUARE_MODEL, STRONGLY_INVERTIBLE, SMOOTH, LIPSCHITZ, NETWORK)

STEPS = (
    Step("S1", "derivatives of the potential", (
        Claim("gradient", "<grad f(z), u>", r"\langle\nabla f(z),u\rangle", "=", zu + jr / beta**2,
              "zu = <z,u>, jr = <Ju, G(z)-x>"),
        Claim("hessian", "u^T Hess f(z) u", r"u^{\top}\nabla^2 f(z)\,u", "=", uu + (jj + rh) / beta**2,
              "uu = |u|^2, jj = |Ju|^2, rh = <G(z)-x, D^2G(z)[u,u]>"),
        Claim("polynomial", "mismatches in exact arithmetic", r"\#\mbox{mismatches}", "=", sp.Integer(0),
              "polynomial G with rational coefficients"),
    ), ("A0",), derivative_formulae),
    Step("S2", "log-concavity radius", (
        Claim("lower", "lambda_min(Hess f(z))", r"\lambda_{\min}(\nabla^2 f(z))", ">=", curvature_lower(R0),
              "|z - zh| <= R0"),
        Claim("upper", "lambda_max(Hess f(z))", r"\lambda_{\max}(\nabla^2 f(z))", "<=", curvature_upper(R0),
              "|z - zh| <= R0"),
    ), ("S1", "A1", "A2"), curvature_on_balls),
    Step("S3", "mode", (
        Claim("mode norm", "|z*|", r"\lvert z^*\rvert", "<=", rho, "every global minimiser z*, rho = |zh|"),
        Claim("mode distance", "|z* - zh|", r"\lvert z^*-\hat z\rvert", "<=", beta**2 * rho / m**2,
              "every global minimiser z*"),
        Claim("critical points", "|z - zh|", r"\lvert z-\hat z\rvert", "<=", beta**2 * rho / (m**2 - beta**2),
              "every critical point z, beta < m"),
        Claim("unimodal", "critical points of f", r"\#\{\nabla f=0\}", "<=", sp.Integer(1),
              "beta^2 rho/(m^2-beta^2) <= R < m^2/(M M2)"),
    ), ("S1", "S2", "A1"), mode_and_critical_points),
    Step("S4", "tail mass", (
        Claim("tail", "pi_x(|z - zh| > R0)", r"\pi_x(\lvert z-\hat z\rvert>R_0)", "<=", tail_mass(R0), "R0 >= 0"),
    ), ("A1", "A2"), posterior_tail),
    Step("S5", "typical observations", (
        Claim("typical", "P(|zh| > rho(t0))", r"\mathrm P(\lvert\hat z\rvert>\rho(t_0))", "<=", sp.exp(-(t0**2) / 2),
              "rho(t0) = (1+beta/m) sqrt(d) + sqrt(1+beta^2/m^2) t0, t0 >= 0"),
    ), ("A0", "A1"), typical_observations),
    Step("S6", "inversion by gradient descent", (
        Claim("descent", "|z_k - zh|", r"\lvert z_k-\hat z\rvert", "<=", M * rho / m * q_Phi ** (k / 2),
              "k >= 0, step 1/L_Phi from z_0 = 0"),
        Claim("accuracy", "|c - zh|", r"\lvert c-\hat z\rvert", "<=", delta0, "c = z_{K_gd}"),
    ), ("A1", "A2"), gradient_descent_inversion),
    Step("S7a", "contraction", (
        Claim("contraction", "Lipschitz constant of T o P_D", r"\mathrm{Lip}(T\circ P_D)", "<=", 1 - eta * mu,
              "T(z) = z - eta grad f(z), eta <= 1/L"),
    ), ("S2",), contraction),
    Step("S7b", "centre", (
        Claim("centre", "|z* - c|", r"\lvert z^*-c\rvert", "<=", beta**2 * rho / m**2 + delta0, "c = z_{K_gd}"),
    ), ("S3", "S6"), centre_of_domain),
    Step("S7c", "moments", (
        Claim("variance", "E|Y - z*|^2", r"\mathrm E\lvert Y-z^*\rvert^2", "<=", d / mu, "Y ~ pi_D"),
        Claim("mean square gradient", "E|grad f(Y)|^2", r"\mathrm E\lvert\nabla f(Y)\rvert^2", "<=", L * d, "Y ~ pi_D"),
    ), ("S2", "S7b"), moments),
    Step("S7d", "exit", (
        Claim("exit", "P(the chain from pi_D leaves D before step K)", r"\mathrm P(\mbox{exit before }K)", "<=",
              3 * k * sp.exp(-(t0**2) / 2), "K = k steps; (s + sqrt(2 eta))(sqrt(d) + t0) <= R_D - delta1"),
    ), ("S7a", "S7b", "S7c"), exits),
    Step("S7e", "discretisation", (
        Claim("divergence", "KL(diffusion, chain), stopped on leaving D", r"\mathrm{KL}", "<=", path_divergence(k),
              "k steps from pi_D"),
    ), ("S2", "S7c"), path_divergences),
    Step("S7f", "burn-in", (
        Claim("burn-in", "TV(X_k from c, X_k from pi_D)",
              r"\mathrm{TV}(\mathcal L(X_k\mid c),\mathcal L(X_k\mid\pi_D))", "<=", burn_in_bound(k), "k >= 1"),
    ), ("S7a", "S7b", "S7c"), burn_in_distances),
    Step("S7d+", "exit of the diffusion", (
        Claim("exit", "P(the reflected diffusion from pi_D meets the boundary before tau0)",
              r"\mathrm P(\mbox{exit before }\tau_0)", "<=", shell_exit(R0, w0, tau0),
              "R0 the radius of D, delta1 < R0, 0 < w0 < R0 - delta1"),
    ), ("S2", "S7b"), diffusion_exits),
    Step("S7e+", "discretisation without the bracket", (
        Claim("divergence", "KL(diffusion, chain), stopped on leaving D", r"\mathrm{KL}", "<=",
              stationary_divergence(k), "k steps from pi_D"),
    ), ("S2", "S7c"), path_divergences),
    Step("S7f+", "burn-in by predictable shifts", (
        Claim("burn-in", "TV(X_k from c, X_k from pi_D)",
              r"\mathrm{TV}(\mathcal L(X_k\mid c),\mathcal L(X_k\mid\pi_D))", "<=", shifted_burn_in(k), "k >= 1"),
    ), ("S7a", "S7b", "S7c"), burn_in_distances),
    Step("S7g", "no projection", (
        Claim("projection", "P(U_k leaves D for some k < K)", r"\mathrm P(U_k\notin D,\ k<K)", "<=",
              (k - 1) * sp.exp(-(t0**2) / 2),
              "K = k steps; max(delta1, s sqrt(d)) + s t0 <= R_D - delta1; it bounds TV(law U_K, law X_K)"),
    ), ("S7a", "S7b"), projection_free),
    Step("S7", "Langevin chain", (
        Claim("chain", "TV(law U_K, pi_D)", r"\mathrm{TV}(\mathcal L(U_K),\pi_D)", "<=",
              exit_plain + sp.sqrt(KL / 2) + burn_in, "K layers from c"),
    ), ("S7d", "S7e", "S7f", "S7g"), chain_to_domain),
    Step("S8", "total", (
        Claim("total", "TV(law U_K, pi_x)", r"\mathrm{TV}(\mathcal L(U_K),\pi_x)", "<=",
              tail + exit_plain + sp.sqrt(KL / 2) + burn_in, "K layers from c"),
    ), ("S4", "S5", "S7"), chain_to_posterior),
    Step("S9", "size", (
        Claim("parameters", "parameters of the unrolled encoder", "N'", "<=", size_bound, "this generator"),
        Claim("explicit form", "S8 at the explicit choices", r"\mathrm{S8}", "<=", epsilon,
              "beta <= 0.15 min{m, m^3/(M M2 B)}"),
    ), ("A3", "S6", "S8"), size_and_explicit_form),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Sentences that a reader of the conclusion must not miss."""
    found = [
        "constants are this project's explicit ones, not the paper's; the paper form is printed with constant 1",
        "beta of order 1/sqrt(d), where the paper form asks for 1/d^1.5, presumes M2's operator-norm convention",
    ]
    if certificate["M2"] <= 0:
        found.append("M2 = 0: every radius is admissible, R = infinity, and only epsilon limits the noise level")
    return tuple(found)


CONCLUSION = Conclusion(
    statement=(
        "a deep latent Gaussian of K_gd descent and K Langevin layers built from G is within tv_bound of pi_x in total "
        "variation, with at most size_bound parameters; tv_bound <= epsilon for suitable choices when beta <= beta_max"
    ),
    latex=r"\mathrm{TV}(\mathcal L(U_K),\pi_x)\leq\mathrm{tail}(R-2\delta_0)+4Ke^{-t^2/2}+\sqrt{\mathrm{KL}/2}"
    r"+\mathrm{burn\mbox{-}in}\leq\varepsilon",
    distance=tail + exit_plain + sp.sqrt(KL / 2) + burn_in,
    conditions=CONDITIONS,
    search=SEARCH,
    layers=(K_gd, K),
    every_noise=Condition("no curvature", M2, sp.Integer(0)),
    paper_form=(
        "beta = O(1/(d^1.5 sqrt(log(d/eps)))): with probability 1 - exp(-Omega(d)) over x a deep latent Gaussian with "
        "N poly(d, 1/beta, 1/eps) parameters is within eps of pi_x in total variation (constant 1 is printed)"
    ),
    paper_form_beta=1 / (d ** sp.Rational(3, 2) * sp.sqrt(sp.log(d / epsilon))),
    explicit_form=(
        "beta <= 0.15 min{m, m^3/(M M2 B)} with theta = 1/2, delta0 = min(R/16, beta sqrt(d)/m), "
        "eta = min(1/(8L), eps^2 mu/(3.25 L^2 d Lam)), K = ceil(Lam/(eta mu)), t = sqrt(2 log(16K/eps))"
    ),
    explicit_form_beta=sp.Rational(15, 100) * minimum(m, m**3 / (M * M2 * B)),
    explicit_form_choices={
        R: minimum(WHOLE_SPACE, m**2 / (2 * M * M2)),
        delta0: minimum(R / 16, beta * sp.sqrt(d) / m),
        eta: minimum(1 / (8 * L), epsilon**2 * mu / (sp.Rational(325, 100) * L**2 * d * Lam)),
        K: sp.ceiling(Lam / (eta * mu)),
        t: sp.sqrt(2 * sp.log(16 * K / epsilon)),
    },
    size=encoder_size,
    measure=published_distance,
    observation_bounds=preimage_bound,
    notes=notes,
)

THEOREM = Theorem(
    id="strong-invertibility",
    title="Strongly invertible generators have small encoders",
    summary=(
        "If the decoder is strongly invertible and smooth and the noise is small enough, a Langevin chain unrolled "
        "into a network samples the posterior within epsilon in total variation."
    ),
    source="Pareek & Risteski, arXiv 2107.04652, Theorem 1; constants: docs/theory.md, S1-S9",
    quantities=QUANTITIES,
    assumptions=ASSUMPTIONS,
    steps=STEPS,
    conclusion=CONCLUSION,
    encoder=ENCODER,
    growth=(
        Growth(K, (L / mu) ** 2 * d * Lam**2 / epsilon**2),
        Growth(size_bound, (N + d) * (K_gd + (L / mu) ** 2 * d * Lam**2 / epsilon**2)),
    ),
    shown=("eta", "theta", "R", "rho", "delta0", "t"),
    slack_steps=("S7a", "S7b", "S7c", "S7d", "S7e", "S7f", "S7d+", "S7e+", "S7f+", "S7g"),
    curves=drawable_curves,
)
