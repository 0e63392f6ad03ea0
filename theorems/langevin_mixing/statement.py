r"""Mixing of plain Langevin on a strongly log-concave law: the classical bounds with explicit constants.

Problem. mu I <= Hess f <= L I on R^d, pi ~ exp(-f), z* its mode; X_0 = z* and
X_{k+1} = X_k - h grad f(X_k) + sqrt(2h) xi_k.
How far is the law of X_k from pi after k steps of size h? One start serves every bound: grad f(z*) = 0, so X_1 is
N(z*, 2h I), and for h <= 1/(2L) its density ratio to pi is at most (2 h mu)^{-d/2} =: w, since
pi >= exp(-L|z-z*|^2/2) (mu/2 pi)^{d/2} and the exponent L - 1/(2h) <= 0. Let n = k - 1.

Guarantee (upper bounds). Every form below is proved here from standard facts; where it differs from the printed one,
it is said which way.

BE   Bakry-Emery: pi conditioned on any convex set has spectral gap and log-Sobolev constant at least mu.
D17  TV <= (1/2) sqrt(w) e^{-mu h n} + sqrt(KL/2),
     KL = (L^2 d h^2/4)(n + (L h k/3)/(1 - L h/2)).
     First term: the diffusion's chi^2 contracts at rate 2 mu (BE), TV <= sqrt(chi^2)/2, chi^2 + 1 <= w. Second:
     Girsanov, KL = (1/4) sum_j int E|grad f(X_t) - grad f(X_j)|^2 dt
     <= (L^2/4) sum_j (h^3 E|grad f(X_j)|^2/3 + d h^2), the descent lemma
     h (1 - Lh/2) sum_j E|grad f(X_j)|^2 <= L E|X_1 - z*|^2/2 + L d h n, E|X_1 - z*|^2 = 2 h d, and Pinsker.
     Dalalyan (2017a, Theorem 2) has this decomposition for a start N(z*, I/L), with constants that are no smaller.
DK19 W2 <= (1 - mu h)^k sqrt(d/mu) + (7 sqrt(2)/6)(L/mu) sqrt(h d) for h <= 2/(mu + L).
     Synchronous coupling with the stationary diffusion Y, which moves by at most sqrt(L d) t + sqrt(2 d t) in L2, as
     E|grad f(Y)|^2 <= L d.
     Dalalyan and Karagulyan (2019, Theorem 1) print 1.65; Dalalyan (2017b) had 1.82.
DM19 W2^2 <= q^k d/mu + L^2 d h^2 (1/kappa + h)(2 + L^2 h/mu + L^2 h^2/6)(1 - q^k)/(1 - q), h <= 1/(mu + L),
     kappa = 2 mu L/(mu + L), q = 1 - kappa h/2. The same coupling, |A - E|^2 <= (1 + c)|A|^2 + (1 + 1/c)|E|^2 with
     |A|^2 <= (1 - kappa h)|Y - X|^2, (1 + c)(1 - kappa h) = q, 1 + 1/c = 2/(kappa h) - 1, and
     E|Y_t - Y_0|^2 <= d(2t + L^2 t^3/3) + L^2 t^2 E|Y_0 - z*|^2, E|Y_0 - z*|^2 <= d/mu.
     Form of Durmus and Moulines (2019, Theorem 5) for a constant step, proved here with these constants.
VW19 KL <= e^{-alpha h n} (d/2) log(1/(2 h mu)) + 8 h d L^2/alpha for h <= alpha/(4 L^2), alpha the log-Sobolev
     constant, here alpha = mu by BE; TV <= sqrt(KL/2). Vempala and Wibisono (2019, Theorem 1), started at X_1, where
     KL <= log w.
S7   TV <= sqrt(KL7/2) + r^k sqrt(d/mu)/2 min{ 1/sqrt(pi h), 1/(s sqrt(1 - r^{2k})) }, r = 1 - h mu,
     KL7 = (L^2 k d h^2/4)(1 + (4 sqrt(2)/5) sqrt(h L) + h L/3), s^2 = 2/(mu(2 - h mu)): this project's S7e and S7f with
     D = R^d and delta_1 = 0, h <= 1/L.

References. A. Dalalyan, J. R. Stat. Soc. B 79 (2017) [a]; A. Dalalyan, COLT 2017 [b]; A. Dalalyan, A. Karagulyan,
Stoch. Proc. Appl. 129 (2019); A. Durmus, E. Moulines, Bernoulli 25 (2019); S. Vempala, A. Wibisono, NeurIPS
2019, arXiv 1903.08568; D. Bakry, M. Emery, Sem. Prob. XIX (1985); docs/mixing.md.
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import precision, upper
from certify.arithmetic.rounding import Direction, decimal_text
from certify.generators.embedded import LINEAR
from certify.generators.graph import Generator
from certify.proof.checks.assumptions import strongly_invertible
from certify.proof.optimiser import Certificate
from certify.proof.theorem import (
    Assumption,
    Claim,
    Conclusion,
    Condition,
    Search,
    SearchCoordinate,
    Step,
    Theorem,
    choice,
    constant,
    definition,
)
from certify.symbolic.declaration import declare, variables
from certify.symbolic.evaluation import evaluate_ball
from certify.symbolic.generic import minimum
from theorems.langevin_mixing.bounds import (
    L,
    affine_generator,
    curvature_everywhere,
    divergence_bound,
    isoperimetry,
    mixing_distance,
    mu,
    total_variation_bounds,
    transport_bounds,
)
from theorems.model import LIPSCHITZ, M, beta, d, shared

m = declare("m", "(0, inf)", "m", "least singular value of the Jacobian")
M2 = declare("M2", "{0}", "M_2", "Lipschitz constant of the Jacobian")
kappa_f = declare("kappa_f", "[1, inf)", r"\kappa_f", "condition number of f")
eta = declare("eta", "(0, 1/(2 L)]", r"\eta", "step size", L)
K = declare("K", "integer >= 2", "K", "number of steps")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "bound of the distance: the smaller of D17 and S7")
(eta_search,) = variables("eta_search", "(0, 1]")
(h,) = variables("h", "(0, inf)")
(k,) = variables("k", "integer >= 0")


def chain_divergence(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """D17: KL between the paths of the chain and of the diffusion, both from the law of X_1."""
    return L**2 * d * step**2 / 4 * (count - 1 + L * step * count / 3 / (1 - L * step / 2))


def dalalyan_total_variation(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """D17: bound of TV(law X_k, pi) for h <= 1/(2L)."""
    start = (2 * step * mu) ** (-d / 4) * sp.exp(-mu * step * (count - 1)) / 2
    return start + sp.sqrt(chain_divergence(step, count) / 2)


def dalalyan_transport(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """DK19: bound of W2(law X_k, pi) for h <= 2/(mu + L)."""
    bias = 7 * sp.sqrt(2) / 6 * (L / mu) * sp.sqrt(step * d)
    return (1 - mu * step) ** count * sp.sqrt(d / mu) + bias


def durmus_moulines_transport(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """DM19: bound of W2(law X_k, pi) for h <= 1/(mu + L)."""
    rate = 2 * mu * L / (mu + L)
    power = (1 - rate * step / 2) ** count
    added = L**2 * d * step**2 * (1 / rate + step) * (2 + L**2 * step / mu + L**2 * step**2 / 6)
    return sp.sqrt(power * d / mu + added * (1 - power) / (rate * step / 2))


def vempala_wibisono_divergence(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """VW19: bound of KL(law X_k | pi) for h <= mu/(4 L^2)."""
    start = d / 2 * sp.log(1 / (2 * step * mu))
    return sp.exp(-mu * step * (count - 1)) * start + 8 * step * d * L**2 / mu


def project_total_variation(step: sp.Expr, count: sp.Expr) -> sp.Expr:
    """S7 with D = R^d and the start z*: bound of TV(law X_k, pi) for h <= 1/L."""
    bracket = 1 + sp.Rational(4, 5) * sp.sqrt(2) * sp.sqrt(step * L) + step * L / 3
    divergence = L**2 * count * d * step**2 / 4 * bracket
    scale = sp.sqrt(2 / (mu * (2 - step * mu)))
    contraction = 1 - step * mu
    start = contraction**count * sp.sqrt(d / mu) / 2
    burn_in = minimum(start / sp.sqrt(sp.pi * step), start / (scale * sp.sqrt(1 - contraction ** (2 * count))))
    return sp.sqrt(divergence / 2) + burn_in


LAW = r"\mathcal L(X_k)"
BEST = minimum(dalalyan_total_variation(eta, K), project_total_variation(eta, K))

QUANTITIES = (
    *shared("d"),
    constant(m),
    *shared("M"),
    constant(M2),
    *shared("beta", "epsilon"),
    definition(mu, 1 + m**2 / beta**2),
    definition(L, 1 + M**2 / beta**2),
    definition(kappa_f, L / mu),
    choice(eta),
    choice(K),
    definition(tv_bound, BEST),
)

ASSUMPTIONS = (
    Assumption("A1", "sigma_min(J) >= m > 0", r"\sigma_{\min}(J)\geq m>0", "m", strongly_invertible),
    LIPSCHITZ,
    Assumption("A2-0", "G is affine (M2 = 0), so mu I <= Hess f <= L I on all of R^d",
               r"\mu I\preceq\nabla^2 f\preceq LI\text{ on }\mathbb R^d", "M2", affine_generator),
)  # fmt: skip

STEPS = (
    Step("H", "curvature on R^d", (
        Claim("lower", "lambda_min(Hess f)", r"\lambda_{\min}(\nabla^2 f)", ">=", mu, "z in R^d"),
        Claim("upper", "lambda_max(Hess f)", r"\lambda_{\max}(\nabla^2 f)", "<=", L, "z in R^d"),
    ), ("A1", "A2-M", "A2-0"), curvature_everywhere),
    Step("BE", "Poincare and log-Sobolev on convex sets", (
        Claim("gap", "gap of pi on D", r"\mathrm{gap}(\pi_D)", ">=", mu, "D a box or a disk, or R^d"),
        Claim("log-Sobolev", "log-Sobolev of pi on D", r"\alpha(\pi_D)", ">=", mu, "D a box or a disk, or R^d"),
    ), ("H",), isoperimetry, "Bakry and Emery 1985"),
    Step("D17", "Dalalyan 2017, total variation", (
        Claim("D17", "TV(law X_k, pi)", rf"\mathrm{{TV}}({LAW},\pi)", "<=", dalalyan_total_variation(h, k),
              "k >= 1, h <= 1/(2L)"),
    ), ("H", "BE"), lambda instance: total_variation_bounds(instance, "D17"),
       "Dalalyan, J. R. Stat. Soc. B 79 (2017); form proved here"),
    Step("DK19", "Dalalyan 2017 and Karagulyan 2019, Wasserstein", (
        Claim("DK19", "W2(law X_k, pi)", rf"W_2({LAW},\pi)", "<=", dalalyan_transport(h, k), "k >= 0, h <= 2/(mu + L)"),
    ), ("H",), lambda instance: transport_bounds(instance, "DK19"),
       "Dalalyan and Karagulyan, Stoch. Proc. Appl. 129 (2019), Theorem 1"),
    Step("DM19", "Durmus and Moulines 2019, Wasserstein", (
        Claim("DM19", "W2(law X_k, pi)", rf"W_2({LAW},\pi)", "<=", durmus_moulines_transport(h, k),
              "k >= 0, h <= 1/(mu + L)"),
    ), ("H",), lambda instance: transport_bounds(instance, "DM19"),
       "Durmus and Moulines, Bernoulli 25 (2019); form proved here"),
    Step("VW19", "Vempala and Wibisono 2019, relative entropy", (
        Claim("VW19", "KL(law X_k | pi)", rf"\mathrm{{KL}}({LAW}\,|\,\pi)", "<=", vempala_wibisono_divergence(h, k),
              "k >= 1, h <= mu/(4 L^2)"),
        Claim("VW19 TV", "TV(law X_k, pi)", rf"\mathrm{{TV}}({LAW},\pi)", "<=",
              sp.sqrt(vempala_wibisono_divergence(h, k) / 2), "k >= 1, h <= mu/(4 L^2)"),
    ), ("H", "BE"),
       lambda instance: (*divergence_bound(instance, "VW19"), *total_variation_bounds(instance, "VW19 TV")),
       "Vempala and Wibisono, arXiv 1903.08568, Theorem 1"),
    Step("S7", "this project's S7 with D = R^d", (
        Claim("S7", "TV(law X_k, pi)", rf"\mathrm{{TV}}({LAW},\pi)", "<=", project_total_variation(h, k),
              "k >= 1, h <= 1/L"),
    ), ("H",), lambda instance: total_variation_bounds(instance, "S7"), "docs/mixing.mde and S7f"),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Which bound is the smaller one at the choices, and what is not claimed."""
    bounds = {
        "D17": dalalyan_total_variation(eta, K),
        "S7": project_total_variation(eta, K),
        "VW19": sp.sqrt(vempala_wibisono_divergence(eta, K) / 2),
    }
    with precision():
        if not certificate["eta"] <= evaluate_ball(mu / (4 * L**2), certificate.values):
            # The step is too large for it: the bound says nothing there.
            del bounds["VW19"]
        numbers = {name: upper(evaluate_ball(bound, certificate.values)) for name, bound in bounds.items()}
    smallest = min(numbers, key=lambda name: numbers[name])
    listed = ", ".join(
        f"{name} <= {decimal_text(number, 4, Direction.UP)}{' (vacuous)' if number >= 1 else ''}"
        for name, number in numbers.items()
    )
    absent = "" if "VW19" in numbers else "; VW19 asks for steps below mu/(4 L^2)"
    return (
        f"TV at these choices: {listed}; the smallest is {smallest}{absent}",
        "the bounds are for the chain started at the mode z*; a non-affine G has no certified mu > 0 on all of R^d",
    )


THEOREM = Theorem(
    id="langevin-mixing",
    title="Langevin mixes fast on a strongly log-concave posterior",
    summary="Explicit step counts for plain Langevin on the posterior of an affine decoder, held against exact truth.",
    source="Dalalyan 2017; Durmus and Moulines 2019; Vempala and Wibisono 2019; docs/mixing.md",
    quantities=QUANTITIES,
    assumptions=ASSUMPTIONS,
    steps=STEPS,
    conclusion=Conclusion(
        statement="TV(law X_K, pi_x) <= tv_bound <= epsilon for plain Langevin from the mode",
        latex=r"\mathrm{TV}(\mathcal L(X_K),\pi_x)\leq\varepsilon",
        distance=BEST,
        conditions=(
            Condition("step size", 2 * eta * L, sp.Integer(1)),
            Condition("at least two steps", sp.Integer(2), K),
        ),
        search=Search((SearchCoordinate(eta_search, 1e-9, 1.0, 60, "log"),), {eta: eta_search / (2 * L)}, K),
        layers=(K,),
        every_noise=Condition("no curvature", M2, sp.Integer(0)),
        paper_form="none: these bounds have no noise level of their own",
        size=None,
        measure=mixing_distance,
        observation_bounds=lambda generator, brackets, observation, beta: {},
        notes=notes,
    ),
    # mu I <= Hess f on all of R^d is certified for an affine generator only.
    examples=(LINEAR,),
)
