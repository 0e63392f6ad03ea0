r"""Gradient descent under the Polyak-Lojasiewicz inequality.

Problem. Minimise f: R^d -> R with |grad f(x) - grad f(y)| <= L|x - y| and, f* its minimum,
    |grad f(x)|^2 >= 2 mu (f(x) - f*)                                              (no convexity).
Algorithm. x+ = x - h grad f(x), 0 < h < 2/L.
Guarantee (upper bound, not tight; attained at mu = L).
    f(x_k) - f* <= q^k (f(x_0) - f*),   q = 1 - 2 mu h (1 - L h/2).

D   Taylor with the Lipschitz gradient: f(x+) <= f(x) - h (1 - L h/2) |grad f(x)|^2. Attained by L x^2/2.
P   Insert the inequality: f(x+) - f* <= q (f(x) - f*).
K   k times.

Cases with exact truth. f = c x^2/2, mu <= c <= L: (f(x+) - f*)/(f(x) - f*) = (1 - h c)^2, and f(x+) - f(x) =
-h (1 - c h/2) |f'(x)|^2. No convexity: s (x^2 + 3 sin^2 x) has L = 8 s and mu = s/32 (Karimi, Nutini, Schmidt 2016).
References. Polyak 1963; Karimi, Nutini, Schmidt, ECML 2016, theorem 1. What a semidefinite programme finds for the same
class (PEPit) is in benchmarks/results/polyak_lojasiewicz.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Assumption, Claim, Conclusion, Finding, Step, Theorem, constant, definition
from certify.prover.algebra import AlgebraicClaim, at_least, at_most, below, equal
from certify.symbolic.declaration import declare, variables

mu = declare("mu", "(0, inf)", r"\mu", "constant of the Polyak-Lojasiewicz inequality")
L = declare("L", "[mu, inf)", "L", "Lipschitz constant of the gradient", mu)
h = declare("h", "(0, 2/L)", "h", "step size", L)
k = declare("k", "integer >= 1", "k", "number of steps")
q = declare("q", "[0, 1)", "q", "factor of one step")
rate = declare("rate", "[0, 1)", "q_k", "factor of k steps")
gap, gap_next, gap_first, slope = variables("gap gap_next gap_first slope", "[0, inf)")
(value, value_next) = variables("value value_next", "(-inf, inf)")

CURVATURES = 8
STARTS = ("0.3", "1", "2.2", "2.5", "3", "7")
WAVE_SMOOTH, WAVE_PL = 8, 32
"""x^2 + 3 sin^2 x has 8-Lipschitz gradient and constant 1/32."""


def steps_of(instance: Instance, count: int = 1) -> Iterator[tuple[arb, arb, arb, arb]]:
    """f(x), f(x_1), f(x_count) and |f'(x)|^2 along runs of functions of the class whose minimum is 0."""
    low, high, step = (instance.values[name] for name in ("mu", "L", "h"))
    for index in range(CURVATURES + 1):
        c = low + (high - low) * index / CURVATURES
        factor = (1 - step * c) ** 2
        yield c / 2, c / 2 * factor, c / 2 * prod([factor] * count), c**2
    scale = high / WAVE_SMOOTH
    if scale >= WAVE_PL * low:
        for start in STARTS:
            places = [ball(start)]
            for _ in range(count):
                places.append(places[-1] - step * scale * _wave_slope(places[-1]))
            first, second, last = (scale * _wave(places[index]) for index in (0, 1, count))
            yield first, second, last, (scale * _wave_slope(places[0])) ** 2


def _wave(x: arb) -> arb:
    # Products: FLINT's power of a ball around 0, where the run ends, is NaN.
    return x * x + 3 * x.sin() * x.sin()


def _wave_slope(x: arb) -> arb:
    return 2 * x + 3 * (2 * x).sin()


def descent(instance: Instance) -> tuple[Finding, ...]:
    """(f(x+) - f(x))/|grad f(x)|^2 in balls."""
    with precision():
        return tuple(exact_finding("decrease", (new - old) / slope) for old, new, _, slope in steps_of(instance))


def one_step(instance: Instance) -> tuple[Finding, ...]:
    """(f(x+) - f*)/(f(x) - f*) in balls."""
    with precision():
        return tuple(exact_finding("factor", new / old) for old, new, _, _ in steps_of(instance))


def many_steps(instance: Instance) -> tuple[Finding, ...]:
    """(f(x_k) - f*)/(f(x_0) - f*) in balls."""
    with precision():
        count = int(instance.number("k"))
        return tuple(exact_finding("factors", last / old) for old, _, last, _ in steps_of(instance, count))


THEOREM = Theorem(
    id="polyak-lojasiewicz",
    title="Gradient descent under the Polyak-Lojasiewicz inequality",
    summary="Without convexity gradient descent converges at the rate 1 - 2 mu h (1 - L h/2).",
    source="Polyak 1963; Karimi, Nutini, Schmidt 2016, theorem 1",
    quantities=(
        *map(constant, (mu, L, h, k)),
        definition(q, 1 - 2 * mu * h * (1 - L * h / 2)),
        definition(rate, q**k),
    ),
    assumptions=(
        Assumption("A1", "|grad f(x) - grad f(y)| <= L|x - y|",
                   r"\lvert\nabla f(x)-\nabla f(y)\rvert\leq L\lvert x-y\rvert", "L"),
        Assumption("A2", "|grad f(x)|^2 >= 2 mu (f(x) - f*)", r"\lvert\nabla f(x)\rvert^2\geq2\mu(f(x)-f^*)", "mu"),
    ),
    steps=(
        Step("D", "descent lemma", (
            Claim("decrease", "(f(x+) - f(x))/|grad f(x)|^2", r"(f(x^+)-f(x))/\lvert\nabla f(x)\rvert^2", "<=",
                  -h * (1 - L * h / 2), "grad f(x) != 0"),
        ), ("A1",), descent),
        Step("P", "one step", (
            Claim("factor", "(f(x+) - f*)/(f(x) - f*)", r"(f(x^+)-f^*)/(f(x)-f^*)", "<=", q, "f(x) > f*"),
        ), ("A2", "D"), one_step),
        Step("K", "k steps", (
            Claim("factors", "(f(x_k) - f*)/(f(x_0) - f*)", r"(f(x_k)-f^*)/(f(x_0)-f^*)", "<=", rate, "f(x_0) > f*"),
        ), ("P",), many_steps),
    ),
    conclusion=Conclusion(
        statement="f(x_k) - f* <= q^k (f(x_0) - f*), q = 1 - 2 mu h (1 - L h/2)",
        latex=r"f(x_k)-f^*\leq q^k(f(x_0)-f^*),\ q=1-2\mu h(1-Lh/2)",
        notes=lambda certificate, generator: (
            f"after k steps the gap is at most {certificate['rate'].str(5, radius=False)} of the first",
        ),
    ),
    points=("mu=1,L=1,h=1/2,k=3", "mu=1,L=1,h=3/2,k=2", "mu=1/10,L=1,h=1,k=10", "mu=1/32,L=8,h=1/8,k=20",
            "mu=1/50,L=8,h=1/5,k=5"),
    shown=("q", "rate"),
    algebra={
        "P": (
            AlgebraicClaim(
                "one step",
                at_most(gap_next, (1 - 2 * mu * h * (1 - L * h / 2)) * gap),
                (at_most(gap_next, gap - h * (1 - L * h / 2) * slope), at_least(slope, 2 * mu * gap), below(h * L, 2)),
            ),
            AlgebraicClaim("at h = 1/L", equal(1 - 2 * mu / L * (1 - L / L / 2), 1 - mu / L)),
        ),
        "K": (
            AlgebraicClaim(
                "one step more",
                at_most(gap_next, q * (q**k * gap_first)),
                (at_most(gap_next, q * gap), at_most(gap, q**k * gap_first)),
            ),
        ),
    },
)  # fmt: skip
