r"""The Lipschitz rule of affine couplings: constants of a coupling layer from those of its two subnets.

Problem. G(x1, x2) = (x1, x2 * exp(s(x1)) + t(x1)), entry by entry, with |s_i| <= S, |J_s| <= A, |J_t| <= B in the
spectral norm, on the set |x2_i| <= r. (The transform of Dinh, Sohl-Dickstein, Bengio 2017, with bounded log-scale.)
Guarantee (tight for these data, already with one coordinate in each half). With E = e^S and
    sigma(c) = ((1 + c^2 + E^2 + ((1 + c^2 + E^2)^2 - 4 E^2)^(1/2))/2)^(1/2):
    m <= |J_G v|/|v| <= M,   M = sigma(r E A + B),   m = 1/sigma(r A + E B).

C   J_G = [[I, 0], [C, D]], D = diag(exp s), C = diag(x2) D J_s + J_t: |C| <= r E A + B, |D| <= E.
M   |J_G (u, v)|^2 <= |u|^2 + (c|u| + E|v|)^2 <= sigma(c)^2 (|u|^2 + |v|^2): sigma(c)^2 is the larger root of
    x^2 - (1 + c^2 + E^2) x + E^2, where (x - 1 - c^2)(x - E^2) = c^2 E^2, so the difference of the two is a square.
W   The inverse Jacobian is [[I, 0], [-D^{-1} C, D^{-1}]], D^{-1} C = diag(x2) J_s + D^{-1} J_t, of norm <= r A + E B.

Cases with exact truth. One coordinate in each half: J_G is a 2x2 matrix, its singular values are known in closed form.
s(0) = +-S, s'(0) = A, t'(0) = B and x2 = r attain both ends. Random Jacobians in higher dimension as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import sympy as sp
from flint import arb

from certify.arithmetic.balls import precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Assumption, Claim, Conclusion, Finding, Step, Theorem, constant, definition
from certify.prover.algebra import AlgebraicClaim, at_least, at_most, equal
from certify.symbolic.declaration import declare, variables

S = declare("S", "[0, inf)", "S", "bound of the log-scale: |s_i(x1)| <= S")
A = declare("A", "[0, inf)", "A", "Lipschitz constant of s")
B = declare("B", "[0, inf)", "B", "Lipschitz constant of t")
r = declare("r", "[0, inf)", "r", "bound of the entries of x2")
E = declare("E", "[1, inf)", "E", "largest scale")
c_upper = declare("c_upper", "[0, inf)", "c", "norm of the lower left block, at most")
c_inverse = declare("c_inverse", "[0, inf)", "c'", "norm of that block of the inverse, at most")
M = declare("M", "[1, inf)", "M", "Lipschitz constant of the layer")
m = declare("m", "(0, 1]", "m", "lower Lipschitz constant of the layer")
c, u, v, b, w = variables("c u v b w", "[0, inf)")
x = declare("x", "[0, inf)", "x", "sigma(c)^2")

RANDOM, HALF = 40, 3


def sigma(block: sp.Expr) -> sp.Expr:
    """Largest singular value of [[1, 0], [block, E]]."""
    total = 1 + block**2 + E**2
    return sp.sqrt((total + sp.sqrt(total**2 - 4 * E**2)) / 2)


def corners(instance: Instance) -> Iterator[tuple[arb, arb, arb]]:
    """Entries C, D and D^{-1} C of the Jacobian with one coordinate per half, at the ends of every bound and inside."""
    bound, slope_s, slope_t, reach = (instance.values[name] for name in ("S", "A", "B", "r"))
    for scale, place in product((-2, -1, 0, 1, 2), (0, 1, 2)):
        log_scale = bound * scale / 2
        entry = log_scale.exp()
        inner = reach * place / 2 * slope_s
        yield inner * entry + slope_t, entry, inner + slope_t / entry


def block(instance: Instance) -> tuple[Finding, ...]:
    """|C| and |D^{-1} C| in balls, and in floats for random subnets with several coordinates."""
    with precision():
        found = [exact_finding("block", entry) for entry, _, _ in corners(instance)]
        found += [exact_finding("inverse block", entry) for _, _, entry in corners(instance)]
    lower_left = [np.linalg.norm(jacobian[HALF:, :HALF], 2) for jacobian in jacobians(instance)]
    return (*found, Finding("block", float(max(lower_left)), RANDOM))


def stretched(instance: Instance) -> tuple[Finding, ...]:
    """The largest singular value of the Jacobian."""
    with precision():
        found = [exact_finding("stretch", _largest(entry, scale)) for entry, scale, _ in corners(instance)]
    return (*found, Finding("stretch", max(float(np.linalg.norm(item, 2)) for item in jacobians(instance)), RANDOM))


def contracted(instance: Instance) -> tuple[Finding, ...]:
    """The least singular value of the Jacobian: det/sigma_max with one coordinate per half."""
    with precision():
        found = [exact_finding("contract", scale / _largest(entry, scale)) for entry, scale, _ in corners(instance)]
    least = min(float(np.linalg.svd(item, compute_uv=False)[-1]) for item in jacobians(instance))
    return (*found, Finding("contract", least, RANDOM))


def _largest(entry: arb, scale: arb) -> arb:
    total = 1 + entry**2 + scale**2
    # (total - 2 scale)(total + 2 scale) as sums of squares: no cancellation below 0.
    return ((total + ((entry**2 + (1 - scale) ** 2) * (entry**2 + (1 + scale) ** 2)).sqrt()) / 2).sqrt()


def jacobians(instance: Instance) -> list[np.ndarray]:
    """Jacobians of random layers of the class with HALF coordinates in each half; the same in every step."""

    def drawn() -> list[np.ndarray]:
        random = instance.random("couplings")
        bound, slope_s, slope_t, reach = (instance.number(name) for name in ("S", "A", "B", "r"))
        found = []
        for _ in range(RANDOM):
            of_s, of_t = (_with_norm(random, size) for size in (slope_s, slope_t))
            scales = np.exp(random.choice([-1.0, 1.0], HALF) * bound)
            places = random.choice([-1.0, 1.0], HALF) * reach
            lower_left = (places * scales)[:, None] * of_s + of_t
            found.append(np.block([[np.eye(HALF), np.zeros((HALF, HALF))], [lower_left, np.diag(scales)]]))
        return found

    return instance.once("jacobians of couplings", drawn)


def _with_norm(random: np.random.Generator, size: float) -> np.ndarray:
    # Below the bound by more than rounding: these cases have no ball to decide a tie.
    matrix = random.standard_normal((HALF, HALF))
    return np.asarray(matrix * (0.999 * size / np.linalg.norm(matrix, 2)))


ROOT = (1 + c**2 + E**2 + sp.sqrt((1 + c**2 + E**2) ** 2 - 4 * E**2)) / 2

THEOREM = Theorem(
    id="affine-coupling",
    title="Lipschitz constants of an affine coupling layer",
    summary="m and M of a coupling layer from the bounds of its log-scale and the slopes of its two subnets.",
    source="the layer: Dinh, Sohl-Dickstein, Bengio 2017; the rule: derived here",
    quantities=(
        *map(constant, (S, A, B, r)),
        definition(E, sp.exp(S)),
        definition(c_upper, r * E * A + B),
        definition(c_inverse, r * A + E * B),
        definition(M, sigma(c_upper)),
        definition(m, 1 / sigma(c_inverse), "lower"),
    ),
    assumptions=(
        Assumption("A1", "|s_i(x1)| <= S", r"\lvert s_i(x_1)\rvert\leq S", "S"),
        Assumption("A2", "|J_s| <= A, |J_t| <= B", r"\lVert J_s\rVert\leq A,\ \lVert J_t\rVert\leq B", "A"),
        Assumption("A3", "|x2_i| <= r", r"\lvert x_{2,i}\rvert\leq r", "r"),
    ),
    steps=(
        Step("C", "blocks", (
            Claim("block", "|C|", r"\lVert C\rVert", "<=", r * E * A + B, "x in the set"),
            Claim("inverse block", "|D^-1 C|", r"\lVert D^{-1}C\rVert", "<=", r * A + E * B, "x in the set"),
        ), ("A1", "A2", "A3"), block),
        Step("M", "largest singular value", (
            Claim("stretch", "|J_G|", r"\lVert J_G\rVert", "<=", M, "x in the set"),
        ), ("C",), stretched),
        Step("W", "least singular value", (
            Claim("contract", "|J_G v|/|v|", r"\lvert J_Gv\rvert/\lvert v\rvert", ">=", m, "x in the set, v != 0"),
        ), ("C",), contracted),
    ),
    conclusion=Conclusion(
        statement="m|x - y| <= |G(x) - G(y)| <= M|x - y| on convex parts of the set",
        latex=r"m\lvert x-y\rvert\leq\lvert G(x)-G(y)\rvert\leq M\lvert x-y\rvert",
        notes=lambda certificate, generator: (
            f"m >= {certificate['m'].str(5, radius=False)}, M <= {certificate['M'].str(5, radius=False)}",
        ),
    ),
    points=("S=1/2,A=1/4,B=1/3,r=2", "S=1,A=1/2,B=0,r=1", "S=0,A=0,B=3/4,r=1", "S=1/10,A=1,B=1/10,r=3"),
    shown=("M", "m"),
    algebra={
        "M": (
            AlgebraicClaim("root", equal(ROOT**2 - (1 + c**2 + E**2) * ROOT + E**2, 0)),
            AlgebraicClaim("determinant", equal((x - 1 - c**2) * (x - E**2) - c**2 * E**2,
                                                x**2 - (1 + c**2 + E**2) * x + E**2)),
            AlgebraicClaim("diagonal", at_least(ROOT, 1 + c**2), (at_least(E, 1),)),
            # b, w stand for the two diagonal entries x - 1 - c^2 and x - E^2, whose product is c^2 E^2.
            AlgebraicClaim("square", at_least(b * u**2 - 2 * sp.sqrt(b * w) * u * v + w * v**2, 0)),
        ),
        "C": (
            AlgebraicClaim("scale", at_most(u * v, r * A), (at_most(u, r), at_most(v, A))),
        ),
    },
)  # fmt: skip
