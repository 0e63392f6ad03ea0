r"""One Gaussian layer is enough: the Laplace approximation of a strongly invertible decoder's posterior, with a bound.

Problem. As in Theorem 1: z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_d), |G(z)-G(z')| >= m|z-z'|, Lipschitz constants M of
G and M2 of its Jacobian; here also |D^3 G| <= M3. The posterior is pi_x ~ exp(-f), z* its mode, H = Hess f(z*),
zh = G^{-1}(x), delta* = beta^2 rho/m^2 >= |z*-zh| (S3).

Guarantee (upper bound). The encoder x -> N(z', H'^{-1}), H' = Hess f(z'), has no Langevin layer: K_gd descent steps
reach c near zh (S6), K_newton Newton steps go from c to z' near z*, and one Gaussian layer adds the noise. Its law is
within min(G2 + G3, G1*) of pi_x in total variation:

G1   TV(pi_D', g_D') <= T3 sqrt(d(d+2))/(4 mu^{3/2}) on D' = B(z*, R'), R' = R - delta*, T3 = (3 M M2 + M3 M R)/beta^2.
     pi_D' has log-Sobolev constant mu (Bakry-Emery), so KL(g_D' | pi_D') <= I/(2 mu) with the Fisher information
     I = E_g' |grad f(z) - H(z-z*)|^2 <= (T3/2)^2 E|z-z*|^4 <= T3^2 d(d+2)/(4 mu^2); Pinsker. D' lies in B(zh, R), where
     mu I <= Hess f and |D^3 f| <= T3. A larger R' is never worse at the same R, so R' is no free choice.
G2   TV(pi_x, g) <= G1 + tail(R' - delta*) + P(chi_d > sqrt(mu) R').
N    Newton: |grad f(z_k)| <= e_0 h_0^{2^k - 1}, e_0 = rho + L delta0, h_0 = T3 e_0/(2 mu^2) <= 1. One step leaves
     |grad f| <= T3 |s|^2/2 with |s| <= |grad f|/mu; every iterate is within e_k/mu of z*, so the segments stay in
     B(zh, delta* + 2 e_0/mu), which the side conditions put inside B(zh, R); grad f(zh) = zh gives e_0.
G3   Stopping at z' with |grad f(z')| <= e, q = T3 e/mu^2 < 1, adds at most (1/2) sqrt(d q^2/(2(1-q)) + L e^2/mu^2):
     |z'-z*| <= e/mu, H^{-1/2} H' H^{-1/2} has spectrum in [1-q, 1+q], closed form of KL of Gaussians, Pinsker.

G1*  The Gaussian N(z', A^{-1}) with A = I + J(z')^T J(z')/beta^2 in place of the Hessian, z = z' + A^{-1/2} y:
     TV <= (E[(g + p chi + 3 e chi^2/2 + e^2 chi^3/2)^2 | chi <= R*])^{1/2}/(2 sqrt(mu*)) + t(R*) + P(chi_d > R*), with
     g = e_N/sqrt(1+a) >= |A^{-1/2} grad f(z')|, |G(z')-x| <= r = beta^2 rho/m + M e_N/mu (at the mode m|r| <= |J^T r| =
     beta^2 |z*|), p = M2 r/(m^2+beta^2); e, mu*, t are those of `sharp-langevin`. No M3, and no M in the leading term.
     The encoder takes the covariance whose bound is smaller: tv_bound = min(G2 + G3, G1*).

As d grows, beta <= (4/3)(1-o(1)) eps m^2/(M2 d) is enough by G1*, and m/M times that by G2 with M3 fixed: the usual
Gaussian encoder of a variational autoencoder is provably enough for a strongly invertible decoder with small noise.
The theorem is this project's, not the paper's.

References. D. Bakry, M. Emery, Sem. Prob. XIX (1985); docs/theory.md, sections 1 and 2; docs/sharp.md;
docs/gaussian_encoder.md.
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import Real, ball, exact_integer, midpoint, precision, upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.generators.graph import Generator
from certify.proof.checks.locations import preimage_bound
from certify.proof.optimiser import Certificate, largest_beta, shortest
from certify.proof.theorem import Claim, Conclusion, Condition, Quantity, Step, Theorem, choice, definition
from certify.sharp.functions import FarMass, GaussianShift, OutsideMass
from certify.sharp.terms import gaussian_leading
from certify.symbolic.declaration import declare, variables
from certify.symbolic.evaluation import evaluate_ball
from certify.symbolic.functions import ChiTail
from certify.symbolic.generic import maximum, minimum
from certify.symbolic.smaller_bound import SmallerBound
from theorems.gaussian_encoder.at_the_mode import gaussian_at_mode, gaussian_on_ball, third_derivative_on_balls
from theorems.gaussian_encoder.choices import GaussianStrategy
from theorems.gaussian_encoder.encoder import (
    counted_parameters,
    early_stopping,
    encoder_to_posterior,
    gaussian_encoder_size,
    gaussian_of_jacobian,
    newton_convergence,
    published_gaussian_distance,
)
from theorems.gaussian_encoder.network import ENCODER
from theorems.model import M2, M3, THRICE_SMOOTH, M, N, beta, d, epsilon, m, shared
from theorems.strong_invertibility.statement import R0, K_gd, L, R, a, b, k, mu, rho, tail_mass
from theorems.strong_invertibility.statement import THEOREM as CHAIN

delta_star = declare("delta_star", "[0, R/2]", r"\delta^*", "distance of mode and preimage (S3)", R)
R_inner = declare("R_inner", "(0, R]", "R'", "radius of D' around the mode", R)
T3 = declare("T3", "[0, inf)", "T_3", "bound of the third derivative of f on B(zh, R)")
delta0 = declare("delta0", "(0, R]", r"\delta_0", "accuracy of the inversion (S6)", R)
K_newton = declare("K_newton", "integer >= 0", r"K_{\mathrm{N}}", "Newton steps from c to the mode")
K = declare("K", "{0}", "K", "Langevin layers: none")
K_gauss = declare("K_gauss", "{1}", r"K_{\mathrm{Gauss}}", "Gaussian layers: one")
e_start = declare("e_start", "[0, inf)", "e_0", "bound on |grad f(c)|")
h_start = declare("h_start", "[0, 1]", "h_0", "Newton's contraction at c")
e_stop = declare("e_stop", "[0, inf)", "e", "bound on |grad f(z')|")
q_stop = declare("q_stop", "[0, 1)", "q", "relative change of the Hessian from z* to z'")
tail = declare("tail", "[0, 1]", r"\mathrm{tail}", "posterior mass outside D' (S4)")
outside = declare("outside", "[0, 1]", r"\mathrm{out}", "Gaussian mass outside D'")
G1 = declare("G1", "[0, inf)", r"\mathrm{G1}", "distance on D' (G1)")
G2 = declare("G2", "[0, inf)", r"\mathrm{G2}", "distance of the Gaussian at the mode (G2)")
G3 = declare("G3", "[0, inf)", r"\mathrm{G3}", "stopping early (G3)")
tv_hessian = declare("tv_hessian", "[0, inf)", r"\mathrm{TV}_H", "G2 + G3, covariance from the Hessian")
R_star = declare("R_star", "(0, inf)", "R^*", "radius of G1*, in units of A^{-1/2}")
R2_star = declare(
    "R2_star", "[R_star, inf)", "R_2^*", "radius up to which the tail of G1* uses the curvature bounds", R_star
)
g_star = declare("g_star", "[0, inf)", "g", "bound on |A^{-1/2} grad f(z')|")
r_star = declare("r_star", "[0, inf)", "r", "bound on |G(z') - x|")
e_star = declare("e_star", "[0, inf)", r"\mathrm e", "M2 beta/(m^2+beta^2)")
p_star = declare("p_star", "[0, 1)", "p", "M2 r/(m^2+beta^2)")
phi = declare("phi", "(0, 1]", r"\phi", "floor of J^T J: (1+a)/(1+b)")
mu_star = declare("mu_star", "(0, 1]", r"\mu^*", "curvature in units of A on |y| <= R*")
leading_star = declare("leading_star", "[0, inf)", r"\mathrm{lead}^*", "distance on the ball (G1*)")
tail_star = declare("tail_star", "[0, 1]", "t(R^*)", "posterior mass outside the ball (G1*)")
outside_star = declare("outside_star", "[0, 1]", r"\mathrm{out}^*", "Gaussian mass outside the ball (G1*)")
tv_jacobian = declare("tv_jacobian", "[0, inf)", r"\mathrm{TV}_J", "G1*, covariance from the Jacobian")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "bound of the encoder's distance: the smaller of its two")
size_bound = declare("size_bound", "[0, inf)", r"N'_{\mathrm{bound}}", "bound on the unrolled encoder's parameters")
(information,) = variables("I", "[0, inf)")
e0, h0 = variables("e0 h0", "[0, inf)")


# --- closed forms --------------------------------------------------------------------------------------------
def third_derivative(radius: sp.Expr) -> sp.Expr:
    """T3 on B(zh, radius): 3 |D^2 G||J| + |D^3 G||G - x|, over beta^2."""
    return (3 * M * M2 + M3 * M * radius) / beta**2


def gaussian_divergence(gradient: sp.Expr, hessian: sp.Expr) -> sp.Expr:
    """KL between the Gaussians at the mode and at a point with this gradient norm and Hessian norm (G3)."""
    q = T3 * gradient / mu**2
    return (d * q**2 / (2 * (1 - q)) + hessian * gradient**2 / mu**2) / 2


def whitened_curvature(radius: sp.Expr) -> sp.Expr:
    """mu_F(r) of `sharp-langevin` without a factor's defect."""
    near = maximum(maximum(0, 1 - e_star * radius) ** 2, phi)
    return near - p_star - e_star * radius - e_star**2 * radius**2 / 2


def newton_gradient(steps: sp.Expr) -> sp.Expr:
    """|grad f| after `steps` Newton steps from c."""
    return e_start * h_start ** (2**steps - 1)


ASYMPTOTIC_BETA = sp.Rational(4, 3) * epsilon * m**2 / (M2 * d)
"""What the largest noise level approaches as d grows: by G1*; by G2 it is m/M times this, with M3 fixed."""
SHAPE = (d, g_star, e_star, p_star, phi, sp.Integer(0))
"""What every radial functional of G1* takes first; the encoder's factor of A is exact."""
FISHER = T3**2 * d * (d + 2) / (4 * mu**2)
ON_BALL = T3 * sp.sqrt(d * (d + 2)) / (4 * mu ** sp.Rational(3, 2))


def _quantity(symbol: sp.Symbol) -> Quantity:
    """A quantity that means what it means in Theorem 1."""
    return CHAIN.quantity(symbol.name)


QUANTITIES = (
    *(_quantity(symbol) for symbol in (d, m, M, M2)),
    *shared("M3"),
    *(CHAIN.quantity(name) for name in ("N", "beta", "epsilon", "t_x", "rho", "kappa", "a", "b")),
    definition(delta_star, beta**2 * rho / m**2),
    choice(R),
    *(CHAIN.quantity(name) for name in ("theta", "mu", "L")),
    definition(R_inner, R - delta_star, "lower"),
    definition(T3, third_derivative(R)),
    choice(delta0),
    *(CHAIN.quantity(name) for name in ("L_Phi", "q_Phi", "K_gd")),
    choice(K_newton),
    definition(K, sp.Integer(0)),
    definition(K_gauss, sp.Integer(1)),
    definition(e_start, rho + L * delta0),
    definition(h_start, T3 * e_start / (2 * mu**2)),
    definition(e_stop, newton_gradient(K_newton)),
    definition(q_stop, T3 * e_stop / mu**2),
    definition(tail, tail_mass(R_inner - delta_star)),
    definition(outside, ChiTail(d, sp.sqrt(mu) * R_inner)),
    definition(G1, ON_BALL),
    definition(G2, G1 + tail + outside),
    definition(G3, sp.sqrt(gaussian_divergence(e_stop, L) / 2)),
    definition(tv_hessian, G2 + G3),
    choice(R_star),
    choice(R2_star),
    definition(g_star, e_stop / sp.sqrt(1 + a)),
    definition(r_star, beta**2 * rho / m + M * e_stop / mu),
    definition(e_star, M2 * beta / (m**2 + beta**2)),
    definition(p_star, M2 * r_star / (m**2 + beta**2)),
    definition(phi, (1 + a) / (1 + b), "lower"),
    definition(mu_star, whitened_curvature(R_star), "lower"),
    definition(leading_star, gaussian_leading(GaussianShift(*SHAPE, R_star), mu_star)),
    definition(
        tail_star, minimum(1, OutsideMass(*SHAPE, R_star, R2_star) + FarMass(*SHAPE, R2_star, m, M2, beta, r_star, b))
    ),
    definition(outside_star, ChiTail(d, R_star)),
    definition(tv_jacobian, leading_star + tail_star + outside_star),
    definition(tv_bound, SmallerBound(tv_hessian, tv_jacobian)),
    definition(size_bound, (2 * N + 4 * d) * K_gd + (K_newton + 1) * (N * (d + 2) + d**2 + 5 * d)),
)

CONDITIONS = (
    Condition("positive radius", sp.Integer(0), R, strict=True),
    Condition("curvature", R * M * M2, m**2, strict=True),
    Condition("mode", 2 * delta_star, R),
    Condition("positive accuracy", sp.Integer(0), delta0, strict=True),
    Condition("start", delta0, R),
    Condition("Newton's region", delta_star + 2 * e_start / mu, R),
    Condition("Newton's contraction", h_start, sp.Integer(1)),
    Condition("stopping (G3)", q_stop, sp.Integer(1), strict=True),
    Condition("radius (G1*)", sp.Integer(0), R_star, strict=True),
    Condition("outer radius (G1*)", R_star, R2_star),
    Condition("curvature (G1*)", sp.Integer(0), mu_star, strict=True),
    Condition("steps", sp.Integer(0), K_newton),
)

ASSUMPTIONS = (
    *CHAIN.assumptions[:-1],
    THRICE_SMOOTH,
    CHAIN.assumptions[-1],
)  # fmt: skip

PI_G = r"\mathrm{TV}(\pi_{D'},g_{D'})"
STEPS = (
    *(CHAIN.step(label) for label in ("S1", "S2", "S3", "S4", "S5", "S6")),
    Step(
        "T3",
        "third derivative",
        (
            Claim("third derivative", "|D^3 f(z)[u,u,u]|", r"\lvert D^3f(z)[u,u,u]\rvert", "<=", third_derivative(R0),
                  "|z - zh| <= R0, |u| = 1"),
        ),
        ("S1", "A2", "A2-M", "A2-M3"),
        third_derivative_on_balls,
    ),
    Step(
        "G1",
        "the Gaussian on a ball",
        (
            Claim("information", "E_{g_D'} |grad f(z) - H(z-z*)|^2",
                  r"\mathrm E_{g_{D'}}\lvert\nabla f(z)-H(z-z^*)\rvert^2", "<=", FISHER, "D' = B(z*, R')"),
            Claim("log-Sobolev", "KL(g_D', pi_D')", r"\mathrm{KL}(g_{D'}\,|\,\pi_{D'})", "<=", information / (2 * mu),
                  "I the Fisher information of g_D' relative to pi_D'"),
            Claim("conditional", "TV(pi_D', g_D')", PI_G, "<=", ON_BALL, "D' = B(z*, R')"),
        ),
        ("S2", "S3", "T3"),
        gaussian_on_ball,
        "Bakry and Emery 1985; docs/theory.md, G1",
    ),
    Step(
        "G2",
        "the Gaussian at the mode",
        (
            Claim("mode Gaussian", "TV(pi_x, N(z*, H^{-1}))", r"\mathrm{TV}(\pi_x,\mathcal N(z^*,H^{-1}))", "<=",
                  G1 + tail_mass(R_inner - delta_star) + outside, "H = Hess f(z*)"),
        ),
        ("S4", "S5", "G1"),
        gaussian_at_mode,
    ),
    Step(
        "N",
        "Newton's steps to the mode",
        (
            Claim("Newton", "|grad f(z_k)|", r"\lvert\nabla f(z_k)\rvert", "<=", newton_gradient(k),
                  "0 <= k <= K_newton"),
        ),
        ("S2", "S3", "S6", "T3"),
        newton_convergence,
    ),
    Step(
        "G3",
        "stopping early",
        (
            Claim("stopping divergence", "KL(N(z*, H^{-1}), N(z', H'^{-1}))", r"\mathrm{KL}", "<=",
                  gaussian_divergence(e0, h0), "z' in B(zh, R), |grad f(z')| <= e0, ||H'|| <= h0, T3 e0/mu^2 < 1"),
            Claim("stopping", "TV(N(z*, H^{-1}), N(z', H'^{-1}))", r"\mathrm{TV}", "<=",
                  sp.sqrt(gaussian_divergence(e0, h0) / 2),
                  "z' in B(zh, R), |grad f(z')| <= e0, ||H'|| <= h0, T3 e0/mu^2 < 1"),
        ),
        ("S2", "T3"),
        early_stopping,
    ),
    Step(
        "G1*",
        "covariance from the Jacobian",
        (
            Claim("drift", "E[|A^{-1/2} grad f(z' + A^{-1/2} y) - y|^2 | |y| <= R*]",
                  r"\mathrm E\left[\lvert A^{-1/2}\nabla f-y\rvert^2\,\middle|\,\lvert y\rvert\leq R^*\right]", "<=",
                  GaussianShift(*SHAPE, R_star), "y ~ N(0, I_d), A = I + J^T J/beta^2 at z'"),
            Claim("Jacobian Gaussian", "TV(pi_x, N(z', A^{-1}))", r"\mathrm{TV}(\pi_x,\mathcal N(z',A^{-1}))", "<=",
                  tv_jacobian, "z' = z_{K_newton}"),
        ),
        ("A1", "A2", "A2-M", "S3", "S5", "N"),
        gaussian_of_jacobian,
        "docs/sharp.md, One Gaussian layer; its curvature and tail are steps C, E and T of sharp-langevin",
    ),
    Step(
        "G",
        "total",
        (
            Claim("total", "TV(encoder, pi_x)", r"\mathrm{TV}(\mathcal N(z',\Sigma),\pi_x)", "<=", tv_bound,
                  "z' = z_{K_newton}, covariance H'^{-1} or A^{-1}, whichever has the smaller bound"),
        ),
        ("G2", "N", "G3", "G1*"),
        encoder_to_posterior,
    ),
    Step(
        "G-size",
        "size",
        (Claim("parameters", "parameters of the unrolled encoder", "N'", "<=", size_bound, "this generator"),),
        ("A3", "S6", "N"),
        counted_parameters,
    ),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Which of the two encoders suffices at this noise level, the smaller one's size, and what that means."""
    found = ["a theorem of this project, not of the paper; beta_paper_form is the paper's, for the Langevin encoder"]
    with precision():
        curved = not certificate["M2"] <= 0
        enough = bool(ball(certificate.distance_upper) <= certificate["epsilon"])
    if curved:
        limit = midpoint(evaluate_ball(ASYMPTOTIC_BETA, certificate.values))
        found.append(f"for large d the largest noise level approaches (4/3) eps m^2/(M2 d), which is {limit:.4g} here")
    else:
        found.append("M2 = 0: the posterior is Gaussian, one Gaussian layer is exact at every noise level")
    chain = _chain_inputs(certificate)
    reach = largest_beta(CHAIN, {name: value for name, value in chain.items() if name != "beta"})
    layers = shortest(CHAIN, chain)
    found.append(_comparison(certificate, enough, layers))
    largest = "none" if reach is None else decimal_text(reach[0], 4, Direction.DOWN)
    found.append(f"Theorem 1's largest noise level, for its Langevin encoder: {largest}")
    return tuple(found)


def _chain_inputs(certificate: Certificate) -> dict[str, Real]:
    """Theorem 1's inputs at the same constants; rho only where it was given and is not S5's own value."""
    names = [item.name for item in CHAIN.constants if item.name in certificate.values]
    inputs: dict[str, Real] = {name: certificate[name] for name in names}
    typical = CHAIN.quantity("rho").definition
    if "t_x" not in inputs or not evaluate_ball(typical, certificate.values).overlaps(certificate["rho"]):
        inputs["rho"] = certificate["rho"]
    return inputs


def _comparison(certificate: Certificate, enough: bool, layers: Certificate | None) -> str:
    """The answer in plain words."""
    noise = f"beta = {midpoint(certificate['beta']):.4g}"
    if not enough and layers is None:
        return f"at {noise} neither encoder is certified"
    if not enough:
        assert layers is not None
        return (
            f"at {noise} the Gaussian encoder is not certified; Theorem 1's is, with "
            f"{_count(layers, 'K_gd')} descent and {_count(layers, 'K')} Langevin layers{_size(layers)}"
        )
    own = (
        f"at {noise} the usual Gaussian encoder is enough: {_count(certificate, 'K_gd')} descent and "
        f"{_count(certificate, 'K_newton')} Newton steps, then one Gaussian layer{_size(certificate)}"
    )
    if layers is None:
        return f"{own}; Theorem 1's encoder is not certified there"
    other = f"{_count(layers, 'K_gd')} descent and {_count(layers, 'K')} Langevin layers{_size(layers)}"
    return f"{own}; Theorem 1's encoder is also enough, with {other}"


def _count(certificate: Certificate, name: str) -> str:
    number = exact_integer(certificate[name].upper().floor())
    return "many" if number is None else f"{number:,}"


def _size(certificate: Certificate) -> str:
    if "size_bound" not in certificate.values:
        return ""
    return f", at most {upper(certificate['size_bound']):.4g} parameters unrolled"


CONCLUSION = Conclusion(
    statement=(
        "the encoder x -> N(z', S), z' reached by K_gd descent and K_newton Newton steps, S the inverse of Hess f(z') "
        "or of I + J^T J/beta^2, whichever has the smaller bound, is within tv_bound of pi_x in total variation: no "
        "Langevin layer, one Gaussian layer; tv_bound <= epsilon for suitable choices when beta <= beta_max"
    ),
    latex=r"\mathrm{TV}(\mathcal N(z',\Sigma),\pi_x)\leq\min\{\mathrm{G2}+\mathrm{G3},\mathrm{G1}^*\}\leq\varepsilon",
    distance=tv_bound,
    conditions=CONDITIONS,
    search=GaussianStrategy(),
    layers=(K_gd, K_newton),
    every_noise=Condition("affine", M2 + M3, sp.Integer(0)),
    paper_form=CHAIN.conclusion.paper_form,
    paper_form_beta=CHAIN.conclusion.paper_form_beta,
    size=gaussian_encoder_size,
    measure=published_gaussian_distance,
    observation_bounds=preimage_bound,
    notes=notes,
)

THEOREM = Theorem(
    id="gaussian-encoder",
    title="One Gaussian layer is enough at small noise",
    summary=(
        "If the decoder is strongly invertible and smooth and the noise is small enough, the Gaussian at the mode, the "
        "usual encoder of a variational autoencoder, is within epsilon of the posterior in total variation."
    ),
    source="docs/gaussian_encoder.md (this project's); G1*: docs/sharp.md, section 4",
    quantities=QUANTITIES,
    assumptions=ASSUMPTIONS,
    steps=STEPS,
    conclusion=CONCLUSION,
    shown=("theta", "R", "rho", "delta0"),
    encoder=ENCODER,
)
