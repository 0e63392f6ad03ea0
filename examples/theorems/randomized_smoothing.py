r"""Randomized smoothing: the radius within which a smoothed classifier cannot change its answer.

Problem. A classifier c on R^n, any at all, and its smoothed form: the class that c(x + sigma xi), xi ~ N(0, I), takes
with the largest probability. At x class A has probability >= pA and every other one <= pB < pA.
Guarantee (tight: attained by every linear classifier).
    The smoothed classifier answers A at x + delta for all |delta| < R,   R = (sigma/2) (Phi^{-1}(pA) - Phi^{-1}(pB)).

N   Neyman-Pearson: of all sets with Gaussian mass p, a half-space loses most under a shift by s:
    P(xi + s e in the set) >= Phi(Phi^{-1}(p) - s) and <= Phi(Phi^{-1}(p) + s).
B   So A keeps Phi(Phi^{-1}(pA) - |delta|/sigma), another class gets at most Phi(Phi^{-1}(pB) + |delta|/sigma).
R   They are equal at |delta| = R: Phi^{-1}(pA) - R/sigma = Phi^{-1}(pB) + R/sigma.

Cases with exact truth. Sets on a line (half-lines, intervals, two half-lines): masses are values of Phi, in balls. The
classifier sign(w x + b): pA = 1 - pB = Phi(t/sigma) at distance t from the boundary, and the true radius is t.
References. Cohen, Rosenfeld, Kolter, ICML 2019, theorem 1; Neyman, Pearson 1933.
"""

from __future__ import annotations

from collections.abc import Iterator

from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Assumption, Claim, Conclusion, Finding, Step, Theorem, constant, definition
from certify.prover.algebra import AlgebraicClaim, at_least, below, equal
from certify.symbolic.declaration import declare, variables
from certify.symbolic.normal import NormalMass, NormalQuantile

sigma = declare("sigma", "(0, inf)", r"\sigma", "noise of the smoothing")
pA = declare("pA", "(0, 1)", "p_A", "probability of the class answered, at least")
pB = declare("pB", "(0, pA)", "p_B", "probability of every other class, at most", pA)
radius = declare("radius", "(0, inf)", "R", "radius within which the answer stays")
(p,) = variables("p", "(0, 1)")
s, delta = variables("s delta", "[0, inf)")
a, b = variables("a b", "(-inf, inf)")

SHIFTS = ("0", "0.25", "1", "2.5")
CUTS = ("-1.5", "-0.5", "0", "0.75", "2")
WIDTH = "0.8"
FARTHEST, HALVINGS = 20, 80


def phi(t: arb) -> arb:
    """Phi in balls."""
    return NormalMass.enclose(t)


def sets_on_a_line() -> Iterator[list[tuple[arb, arb]]]:
    """Disjoint intervals: half-lines to both sides, bounded ones, and two half-lines that leave out a middle."""
    for text in CUTS:
        cut = ball(text)
        yield [(arb("-inf"), cut)]
        yield [(cut, arb("inf"))]
        yield [(cut, cut + ball(WIDTH))]
        yield [(arb("-inf"), cut), (cut + ball(WIDTH), arb("inf"))]


def mass(pieces: list[tuple[arb, arb]], shift: arb) -> arb:
    """P(xi + shift in the set)."""
    return sum((phi(high - shift) - phi(low - shift) for low, high in pieces), arb(0))


def shifted(instance: Instance) -> tuple[Finding, ...]:
    """The mass of a shifted set; its own mass and the shift are the claims' variables."""
    found = []
    with precision():
        for pieces in sets_on_a_line():
            own = mass(pieces, arb(0))
            for shift in map(ball, SHIFTS):
                at = {"p": own, "s": shift}
                found += [exact_finding(name, mass(pieces, shift), at) for name in ("keeps", "gains")]
    return tuple(found)


def two_classes(instance: Instance) -> tuple[Finding, ...]:
    """Half-spaces on opposite sides with masses pA and pB, moved by delta towards the other class."""
    found = []
    with precision():
        first, second, noise = (instance.values[name] for name in ("pA", "pB", "sigma"))
        cuts = [NormalQuantile.enclose(value) for value in (first, second)]
        for share in SHIFTS:
            move = ball(share) * noise
            kept = mass([(arb("-inf"), cuts[0])], move / noise)
            gained = mass([(-cuts[1], arb("inf"))], move / noise)
            found += [exact_finding(name, value, {"delta": move}) for name, value in (("A", kept), ("other", gained))]
    return tuple(found)


def linear(instance: Instance) -> tuple[Finding, ...]:
    """Two parallel boundaries, A before one and the other class beyond the other: where their masses tie, by bisection.

    Nothing of the claimed radius enters: only the masses, in balls.
    """
    with precision():
        first, second, noise = (instance.values[name] for name in ("pA", "pB", "sigma"))
        edge, beyond = NormalQuantile.enclose(first), -NormalQuantile.enclose(second)
        low, high = arb(0), FARTHEST * noise.upper()
        for _ in range(HALVINGS):
            middle = ((low + high) / 2).mid()
            kept = mass([(arb("-inf"), edge)], middle / noise)
            gained = mass([(beyond, arb("inf"))], middle / noise)
            if not (kept > gained or kept < gained):
                break
            low, high = (middle, high) if kept > gained else (low, middle)
        return (exact_finding("radius", low.union(high)),)


THEOREM = Theorem(
    id="randomized-smoothing",
    title="The certified radius of randomized smoothing",
    summary="A smoothed classifier keeps its answer within (sigma/2)(Phi^-1(pA) - Phi^-1(pB)).",
    source="Cohen, Rosenfeld, Kolter 2019, theorem 1",
    quantities=(
        *map(constant, (sigma, pA, pB)),
        definition(radius, sigma / 2 * (NormalQuantile(pA) - NormalQuantile(pB)), "lower"),
    ),
    assumptions=(
        Assumption("A1", "P(c(x + sigma xi) = A) >= pA", r"\Pr(c(x+\sigma\xi)=A)\geq p_A", "pA"),
        Assumption("A2", "P(c(x + sigma xi) = B) <= pB for all B != A", r"\max_{B\neq A}\Pr(c(x+\sigma\xi)=B)\leq p_B",
                   "pB"),
    ),
    steps=(
        Step("N", "half-spaces lose most", (
            Claim("keeps", "P(xi + s e in the set)", r"\Pr(\xi+se\in\mathcal S)", ">=",
                  NormalMass(NormalQuantile(p) - s), "P(xi in the set) = p"),
            Claim("gains", "P(xi + s e in the set)", r"\Pr(\xi+se\in\mathcal S)", "<=",
                  NormalMass(NormalQuantile(p) + s), "P(xi in the set) = p"),
        ), (), shifted),
        Step("B", "two classes", (
            Claim("A", "P(c(x + delta + sigma xi) = A)", r"\Pr(c(x+\delta+\sigma\xi)=A)", ">=",
                  NormalMass(NormalQuantile(pA) - delta/sigma), "|delta| = delta"),
            Claim("other", "P(c(x + delta + sigma xi) = B)", r"\Pr(c(x+\delta+\sigma\xi)=B)", "<=",
                  NormalMass(NormalQuantile(pB) + delta/sigma), "|delta| = delta, B != A"),
        ), ("A1", "A2", "N"), two_classes),
        Step("R", "radius", (
            Claim("radius", "distance at which the answer changes", r"\min\{\lvert\delta\rvert\}", ">=", radius,
                  "every classifier with A1 and A2"),
        ), ("B",), linear),
    ),
    conclusion=Conclusion(
        statement="the smoothed classifier answers A at x + delta for all |delta| < R",
        latex=r"\arg\max_c\Pr(c(x+\delta+\sigma\xi)=c)=A\mbox{ for }\lvert\delta\rvert<R",
        notes=lambda certificate, generator: (f"the answer stays within {certificate['radius'].str(5, radius=False)}",),
    ),
    points=("sigma=1/2,pA=9/10,pB=1/10", "sigma=1,pA=99/100,pB=1/200", "sigma=1/4,pA=3/5,pB=3/10"),
    algebra={
        "R": (
            AlgebraicClaim("equal at R", equal(a - (a - b) / 2, b + (a - b) / 2)),
            AlgebraicClaim("before R", below(b + delta / sigma, a - delta / sigma),
                           (below(delta, sigma / 2 * (a - b)),)),
            AlgebraicClaim("positive", at_least(sigma / 2 * (a - b), 0), (at_least(a, b),)),
        ),
    },
)  # fmt: skip
