r"""Feebly one-way: a permutation that takes n + c - 1 gates and whose inverse takes at least 2 n - b - 2, for every n.

Problem. What gap between a permutation and its inverse can be proved, over circuits of all two-input gates with free
negations? C(P) is the least number of gates of P.
Family. n = c a + e bits in c = 2 h blocks, the first of b = a + e bits and the others of a >= 2. Over GF(2), B the
blocks' chains (B x)_i = x_i + x_{i+1}, the last of a block x_i, v marking the blocks' first bits and u their last:
    A = B + u v^T,    A^{-1} = P + 1 1^T,    P = B^{-1} the sums from i to the end of the block.

Guarantee.  C(A) <= n + c - 1,    2 n - b - 2 <= C(A^{-1}) <= 2 n - 1.

N   A gate that depends on one of its inputs or none can be left out. The ten others are, up to negations that their
    readers take over, the five that are 0 at (0, 0).
G   A gate that depends on k >= 2 inputs, with a cone of g gates: k inputs and the g - 1 other gates are each read in
    the cone, whose gates read 2 g times. So 2 g >= g - 1 + k, g >= k - 1.
M   m outputs, different up to negation, each of k >= 2 inputs or more, are m gates. The cone of the first of them in
    topological order has none of the others: r >= g + m - 1 >= k + m - 2 (E. Lamagna, J. Savage 1973).
I   P u = 1, 1^T B = v^T, 1^T u = c = 0 in GF(2): (P + 1 1^T)(B + u v^T) = I + 2 1 v^T + c 1 v^T = I.
U   A: n - c gates for the chains, c - 1 for the sum of the first bits, c to add it. A^{-1}: n - c for the sums to the
    end, c - 1 for the sum of all, n to add it.
L   A row of A^{-1} is 0 only where P is 1: it has n - b >= 2 ones or more, and no two rows are equal. M with m = n.
R   C(A^{-1})/C(A) >= 2 - (b + 2 c)/(n + c - 1); for c = b = 2 h it is above 2 - 3/(2 h).

The order of the gap is that of A. Hiltgen (Auscrypt 1992); the family is this project's and need not be his. It is
linear, and elimination inverts it at once: a constant factor is no one-wayness. References. docs/exact_circuits.md.
"""

from __future__ import annotations

import sympy as sp

from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Assumption, Claim, Step, Theorem, constant, definition
from certify.symbolic.declaration import declare, variables
from theorems.evaluation import evaluated
from theorems.feebly_one_way.chains import first_outputs, normal_gates, smallest_cones
from theorems.feebly_one_way.maps import inverse_is_right, least_inverse, upper_bounds
from theorems.wording import at_least

h = declare("h", "integer >= 1", "h", "pairs of blocks")
a = declare("a", "integer >= 2", "a", "bits of a block")
e = declare("e", "integer >= 0", "e", "bits that the first block has more")
c = declare("c", "integer >= 2", "c", "blocks")
b = declare("b", "integer >= 2", "b", "bits of the longest block")
n = declare("n", "integer >= 4", "n", "bits")
forward_upper = declare("forward_upper", "integer >= 1", "C_+", "gates of A, at most")
inverse_lower = declare("inverse_lower", "integer >= 1", "C'_-", "gates of the inverse, at least")
inverse_upper = declare("inverse_upper", "integer >= 1", "C'_+", "gates of the inverse, at most")
gap_lower = declare("gap_lower", "[-1, inf)", "C'_--C_+", "gates that the inverse takes more, at least")
ratio_lower = declare("ratio_lower", "(0, 2)", "C'_-/C_+", "ratio of the two, at least")
k, m = variables("k m", "integer >= 1")

FORWARD, LOWER, UPPER = n + c - 1, 2 * n - b - 2, 2 * n - 1

STEPS = (
    Step("N", "normal gates", (
        Claim("operators", "operators of two inputs that are neither left out nor one of the five",
              r"\#\{\mbox{operators not covered}\}", "<=", sp.Integer(0), "16 operators and all negations"),
    ), (), normal_gates),
    Step("G", "reads of a cone", (
        Claim("cone", "gates in the cone of a gate that depends on k inputs", "g", ">=", k - 1, "k >= 2"),
    ), ("N",), smallest_cones),
    Step("M", "the first output", (
        Claim("outputs", "gates of a chain with m outputs of k inputs or more", "r", ">=", k + m - 2, "k >= 2, m >= 1"),
    ), ("G",), first_outputs),
    Step("I", "inverse", (
        Claim("product", "entries of A (P + 1 1^T) that are not those of I",
              r"\#\{(i,j):(A(P+\mathbf1\mathbf1^T))_{ij}\neq I_{ij}\}", "<=", sp.Integer(0), "the map"),
    ), ("F1",), inverse_is_right),
    Step("U", "circuits", (
        Claim("forward", "gates of the circuit of A", "C(A)", "<=", FORWARD, "the map"),
        Claim("backward", "gates of the circuit of A^-1", "C(A^{-1})", "<=", UPPER, "the map"),
        Claim("wrong outputs", "outputs of the two circuits that are not the rows",
              r"\#\{\mbox{wrong outputs}\}", "<=", sp.Integer(0), "the map"),
    ), ("I",), upper_bounds),
    Step("L", "lower bound", (
        Claim("row", "ones of a row of A^-1", r"\min_i\lvert(A^{-1})_i\rvert", ">=", n - b, "the map"),
        Claim("rows", "different rows of A^-1", r"\#\{(A^{-1})_i\}", ">=", n, "the map"),
        Claim("inverse", "gates of a circuit of A^-1", "C(A^{-1})", ">=", LOWER, "every circuit"),
    ), ("M", "I"), least_inverse),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The answer in words."""
    gates = [certificate[name].unique_fmpz() for name in ("n", "forward_upper", "inverse_lower")]
    return (
        f"a permutation of {gates[0]} bits with at most {gates[1]} gates; every circuit of its inverse has at least "
        f"{gates[2]}: {at_least(certificate, 'ratio_lower')} times as many",
        "it is linear, and elimination inverts it: a constant factor is no one-wayness",
    )


THEOREM = Theorem(
    id="feebly-one-way",
    title="A permutation whose inverse takes nearly twice as many gates",
    summary="Linear permutations of every number of bits with a proved gap between circuits forward and backward.",
    source="docs/exact_circuits.md; the counting of outputs: Lamagna and Savage 1973",
    quantities=(
        *map(constant, (h, a, e)),
        definition(c, 2 * h),
        definition(b, a + e),
        definition(n, c * a + e),
        definition(forward_upper, FORWARD),
        definition(inverse_lower, LOWER, "lower"),
        definition(inverse_upper, UPPER),
        definition(gap_lower, LOWER - FORWARD, "lower"),
        definition(ratio_lower, LOWER / FORWARD, "lower"),
    ),
    assumptions=(Assumption("F1", "the number of blocks is even: c = 2 h", "c=2h", "h"),),
    steps=STEPS,
    conclusion=evaluated(
        statement="C(A) <= n + c - 1 and 2 n - b - 2 <= C(A^-1) <= 2 n - 1, over all two-input gates",
        latex=r"C(A)\leq n+c-1,\quad 2n-b-2\leq C(A^{-1})\leq2n-1",
        notes=notes,
    ),
    points=("h=1,a=2,e=0", "h=1,a=2,e=1", "h=1,a=4,e=0", "h=2,a=4,e=3", "h=4,a=8,e=0", "h=16,a=32,e=5"),
    shown=("n", "c", "b", "forward_upper", "inverse_lower", "inverse_upper", "gap_lower", "ratio_lower"),
)
