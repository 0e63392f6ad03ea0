r"""Unadjusted Langevin on a strongly log-concave target: total variation with explicit constants (after Dalalyan).

Problem. Sample pi ~ exp(-f) on R^d, mu I <= Hess f <= L I, with minimiser x*.
Algorithm. x_0 ~ N(x*, I/L), x_{j+1} = x_j - h grad f(x_j) + sqrt(2 h) xi_j, h <= 1/L, K steps; T = K h.
Guarantee (upper bound, not tight).
    TV(law x_K, pi) <= (L/mu)^(d/4) exp(-mu T)/2 + (kl_path/2)^(1/2),
    kl_path = (L^2/4) (h d T + (h^2/3) (d/2 + L d T)/(1 - L h/2)).

S   With f(x*) = 0: f <= L|x - x*|^2/2 in exp(f), Z <= (2 pi/mu)^(d/2): 1 + chi^2(law x_0 | pi) <= (L/mu)^(d/2).
C   Brascamp-Lieb: pi has spectral gap >= mu. Along the diffusion dX = -grad f dt + sqrt(2) dW from the same start chi^2
    falls like exp(-2 mu t), and TV <= (chi^2)^(1/2)/2.
G   Descent with noise: E f(x_{j+1}) <= E f(x_j) - h (1 - L h/2) E|grad f(x_j)|^2 + L h d, and E f(x_0) - f* <= d/2:
    h sum_j E|grad f(x_j)|^2 <= (d/2 + L d T)/(1 - L h/2).
P   Girsanov: KL(path of the chain | path of the diffusion) = (1/4) int E|grad f(D_t) - grad f(D_jh)|^2 dt for the
    chain's interpolation D; |.|^2 <= L^2 |D_t - D_jh|^2, and with s = t - jh its mean is s^2 E|grad f(x_j)|^2 + 2 d s.
T   Pinsker for P, and the triangle inequality with C.

Cases with exact truth. Gaussian targets, f = sum_i c_i x_i^2/2: chain and diffusion stay Gaussian with variances in
closed form, so chi^2, E|grad f|^2 and the relative entropy of the paths are closed forms, and TV is one on the line.
References. Dalalyan, JRSS B 79 (2017), theorem 2 (with exp(-mu T/2), and other constants in the second term).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import sympy as sp
from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import (
    Assumption,
    Claim,
    Conclusion,
    Condition,
    Finding,
    Search,
    SearchCoordinate,
    Step,
    Theorem,
    choice,
    constant,
    definition,
    setting,
)
from certify.prover.algebra import AlgebraicClaim, at_least, at_most
from certify.symbolic.declaration import declare, variables
from certify.symbolic.model import d, epsilon
from certify.symbolic.normal import NormalMass

mu = declare("mu", "(0, inf)", r"\mu", "curvature of f from below")
L = declare("L", "[mu, inf)", "L", "curvature of f from above", mu)
h = declare("h", "(0, inf)", "h", "step size")
K = declare("K", "integer >= 1", "K", "number of steps")
T = declare("T", "(0, inf)", "T", "time of the diffusion")
chi2 = declare("chi2", "[0, inf)", r"1+\chi^2_0", "1 + chi^2 of the start")
mixing = declare("mixing", "[0, inf)", r"\mathrm{TV}_C", "distance of the diffusion from pi")
slopes = declare("slopes", "[0, inf)", "g", "h times the sum of E|grad f(x_j)|^2, at most")
kl_path = declare("kl_path", "[0, inf)", r"\mathrm{KL}", "relative entropy of the paths")
tv_bound = declare("tv_bound", "[0, inf)", r"\mathrm{TV}", "distance of the chain from pi")
(share,) = variables("share", "(0, 1]")
f_now, f_next, slope, noise, z = variables("f_now f_next slope noise z", "[0, inf)")


CURVATURES = (0, 1, 2, 4)
LONGEST = 4000
"""Steps up to which the closed forms are summed one by one."""


def spectra(instance: Instance) -> Iterator[list[arb]]:
    """Spectra of Hess f: all curvatures equal, and the two ends together where d > 1."""
    low, high = instance.values["mu"], instance.values["L"]
    size = round(instance.number("d"))
    for index in CURVATURES:
        yield [low + (high - low) * index / CURVATURES[-1]] * size
    if size > 1:
        yield [low] * (size - 1) + [high]


def variances(instance: Instance, c: arb) -> list[arb]:
    """Variance of the chain's coordinate of curvature c, for x_0, ..., x_K."""
    step = instance.values["h"]
    found = [1 / instance.values["L"]]
    for _ in range(min(round(instance.number("K")), LONGEST)):
        found.append((1 - step * c) ** 2 * found[-1] + 2 * step)
    return found


def start(instance: Instance) -> tuple[Finding, ...]:
    """1 + chi^2(N(0, I/L) | N(0, 1/c)) = prod_i L/(c_i (2 L - c_i))^(1/2)."""
    with precision():
        high = instance.values["L"]
        return tuple(
            exact_finding("start", math.prod(high / (c * (2 * high - c)).sqrt() for c in spectrum))
            for spectrum in spectra(instance)
        )


def diffusion(instance: Instance) -> tuple[Finding, ...]:
    """On the line: TV(N(0, v_T), N(0, 1/c)), v_T = 1/c + (1/L - 1/c) exp(-2 c T). One coordinate of a target in R^d."""
    with precision():
        high, time = instance.values["L"], instance.values["T"]
        return tuple(
            exact_finding("diffusion", _line(1 / c + (1 / high - 1 / c) * (-2 * c * time).exp(), 1 / c))
            for c in (instance.values["mu"], high)
        )


def gradients(instance: Instance) -> tuple[Finding, ...]:
    """h sum_j sum_i c_i^2 E x_{j,i}^2 in balls."""
    with precision():
        return tuple(exact_finding("gradients", _slopes(instance, spectrum)) for spectrum in spectra(instance))


def paths(instance: Instance) -> tuple[Finding, ...]:
    """(1/4) sum_i c_i^2 sum_j ((h^3/3) c_i^2 E x_{j,i}^2 + h^2) in balls: the relative entropy itself."""
    with precision():
        step, found = instance.values["h"], []
        for spectrum in spectra(instance):
            total = arb(0)
            for c in spectrum:
                chain = variances(instance, c)[:-1]
                total += c**2 / 4 * (step**3 / 3 * c**2 * sum(chain, arb(0)) + step**2 * len(chain))
            found.append(exact_finding("paths", total))
        return tuple(found)


def chain(instance: Instance) -> tuple[Finding, ...]:
    """On the line: TV(N(0, v_K), N(0, 1/c)) for the chain itself. One coordinate of a target in R^d."""
    with precision():
        curvatures = [spectrum[0] for spectrum in spectra(instance)]
        return tuple(exact_finding("chain", _line(variances(instance, c)[-1], 1 / c)) for c in curvatures)


def _slopes(instance: Instance, spectrum: list[arb]) -> arb:
    step = instance.values["h"]
    sums = (c**2 * sum(variances(instance, c)[:-1], arb(0)) for c in spectrum)
    return step * sum(sums, arb(0))


def _line(first: arb, second: arb) -> arb:
    """TV(N(0, first), N(0, second)): the densities cross at +-x, x^2 = log(a/b)/(1/b - 1/a), and nowhere else."""
    small, large = (first, second) if first < second else (second, first)
    if not small < large:
        # Equal up to rounding: TV is at most |log(a/b)|, which is less than this.
        return arb(0).union(ball(1) / 2**40)
    crossing = ((large / small).log() / (1 / small - 1 / large)).sqrt()
    return 2 * (NormalMass.enclose(crossing / small.sqrt()) - NormalMass.enclose(crossing / large.sqrt()))


DEFINITIONS = (
    definition(T, K * h),
    definition(chi2, (L / mu) ** (d / 2)),
    definition(mixing, sp.sqrt(chi2) * sp.exp(-mu * T) / 2),
    definition(slopes, (d / 2 + L * d * T) / (1 - L * h / 2)),
    definition(kl_path, L**2 / 4 * (h * d * T + h**2 / 3 * slopes)),
    definition(tv_bound, mixing + sp.sqrt(kl_path / 2)),
)

THEOREM = Theorem(
    id="unadjusted-langevin",
    title="Unadjusted Langevin on strongly log-concave targets",
    summary="Steps and step size after which the chain is within epsilon of the target, for any such f.",
    source="after Dalalyan 2017, theorem 2; derived above",
    quantities=(*map(constant, (d, mu, L)), setting(epsilon), choice(h), choice(K), *DEFINITIONS),
    assumptions=(
        Assumption("A1", "mu I <= Hess f <= L I", r"\mu I\preceq\nabla^2f\preceq LI", "L"),
        Assumption("A2", "x_0 ~ N(x*, I/L)", r"x_0\sim\mathcal N(x^*,I/L)"),
    ),
    steps=(
        Step("S", "start", (
            Claim("start", "1 + chi^2(law x_0 | pi)", r"1+\chi^2(\mathcal L(x_0)|\pi)", "<=", chi2, "all f"),
        ), ("A1", "A2"), start),
        Step("C", "diffusion", (
            Claim("diffusion", "TV(law X_T, pi)", r"\mathrm{TV}(\mathcal L(X_T),\pi)", "<=", mixing, "all f"),
        ), ("A1", "S"), diffusion),
        Step("G", "gradients along the chain", (
            Claim("gradients", "h sum_j E|grad f(x_j)|^2", r"h\sum_jE\lvert\nabla f(x_j)\rvert^2", "<=", slopes,
                  "h <= 1/L"),
        ), ("A1", "A2"), gradients),
        Step("P", "paths", (
            Claim("paths", "KL(chain | diffusion)", r"\mathrm{KL}", "<=", kl_path, "h <= 1/L"),
        ), ("G",), paths),
        Step("T", "total variation", (
            Claim("chain", "TV(law x_K, pi)", r"\mathrm{TV}(\mathcal L(x_K),\pi)", "<=", tv_bound, "h <= 1/L"),
        ), ("C", "P"), chain),
    ),
    conclusion=Conclusion(
        statement="TV(law x_K, pi) <= tv_bound <= epsilon",
        latex=r"\mathrm{TV}(\mathcal L(x_K),\pi)\leq\varepsilon",
        distance=mixing + sp.sqrt(kl_path / 2),
        conditions=(Condition("step", h * L, sp.Integer(1)),),
        search=Search((SearchCoordinate(share, 1e-6, 1.0, 49, "log"),), {h: share / L}, K),
        layers=(K,),
        notes=lambda certificate, generator: (
            f"{certificate['K'].str(8, radius=False)} steps of size {certificate['h'].str(4, radius=False)}",
        ),
    ),
    points=("d=1,mu=1,L=1", "d=2,mu=1,L=2", "d=3,mu=1/2,L=1"),
    shown=("h", "K", "T", "mixing", "kl_path"),
    algebra={
        "G": (
            AlgebraicClaim(
                "one step",
                at_least(f_now - f_next + L * h * d, h * (1 - L * h / 2) * slope),
                (at_most(f_next, f_now - h * slope + L / 2 * (h**2 * slope + 2 * h * d)),),
            ),
        ),
        "P": (
            AlgebraicClaim("Lipschitz", at_most(L**2 / 4 * (h**3 / 3 * slope + h**2 * d),
                                                L**2 / 4 * (h**3 / 3 * noise + h**2 * d)), (at_most(slope, noise),)),
        ),
        "T": (
            AlgebraicClaim("triangle", at_most(z, mixing + sp.sqrt(kl_path / 2)),
                           (at_most(z, f_now + f_next), at_most(f_now, mixing), at_most(f_next, sp.sqrt(kl_path / 2)))),
        ),
    },
)  # fmt: skip
