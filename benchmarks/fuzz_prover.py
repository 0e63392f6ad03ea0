"""Random claims for `certify prove`, its answers against exact and ball evaluation that share no code with it.

    python -m benchmarks.fuzz_prover [--claims 2000] [--minutes 20] [--seed 0]

A claim is a random relation in up to three parameters, with random bounds of them as assumptions; half of the claims
are bent towards truth (a square added, an inequality that holds turned into one of the same shape). `proved` is wrong
if the relation fails, by mpmath in 60 digits, at any of 400 points of several magnitudes that satisfy the assumptions;
`refuted` is wrong if it does not fail at the witness that is given. `not-applicable` is wrong if a point satisfies the
assumptions.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import mpmath

from certify.atomic import write_text_atomically
from certify.errors import InputError
from certify.prover.prove import prove

TABLE = Path(__file__).parent / "results" / "fuzz_prover.md"
NAMES = ("x", "y", "z")
POINTS = 400
FUNCTIONS = {
    "exp": mpmath.exp, "log": mpmath.log, "sqrt": mpmath.sqrt, "abs": abs, "min": min, "max": max, "sin": mpmath.sin,
    "cos": mpmath.cos,
}  # fmt: skip
RELATIONS = {"<=": lambda gap: gap <= 0, "<": lambda gap: gap < 0, ">=": lambda gap: gap >= 0, ">": lambda gap: gap > 0}


def expression(draw: random.Random, names: tuple[str, ...], depth: int) -> str:
    """A random expression as text."""
    kind = draw.random()
    if depth == 0 or kind < 0.2:
        return draw.choice([*names, *names, str(draw.randint(1, 4)), f"{draw.randint(1, 5)}/{draw.randint(2, 7)}"])
    left = expression(draw, names, depth - 1)
    if kind < 0.35:
        return f"{draw.choice(['exp', 'log', 'sqrt', 'abs', 'sin', 'cos'])}({left})"
    if kind < 0.45:
        return f"({left})**{draw.choice([2, 2, 3])}"
    right = expression(draw, names, depth - 1)
    if kind < 0.52:
        return f"{draw.choice(['min', 'max'])}({left}, {right})"
    return f"({left}) {draw.choice('+-**/')} ({right})"


def claim(draw: random.Random) -> tuple[str, list[str]]:
    """A random relation and its assumptions."""
    names = NAMES[: draw.randint(1, 3)]
    left, right = expression(draw, names, draw.randint(1, 3)), expression(draw, names, draw.randint(0, 2))
    if draw.random() < 0.5:
        right = f"{left} + ({right})**2" if draw.random() < 0.7 else f"({left})*(1 + abs({right}))"
    assumptions = []
    for name in names:
        if draw.random() < 0.7:
            assumptions.append(f"{name} {draw.choice(['>', '>='])} {draw.choice(['0', '0', '1', '-1', '1/2'])}")
        if draw.random() < 0.4:
            assumptions.append(f"{name} {draw.choice(['<', '<='])} {draw.choice(['1', '2', '10', '1/3'])}")
    return f"{left} {draw.choice(['<=', '<=', '<', '>='])} {right}", assumptions


def fails(relation: str, values: dict[str, Fraction]) -> bool | None:
    """Whether a relation of this file fails at a point; None where it has no value, or the sides are too close."""
    for sign in ("<=", ">=", "<", ">"):
        if f" {sign} " in relation:
            left, right = relation.split(f" {sign} ")
            break
    with mpmath.workdps(60):
        numbers = {name: mpmath.mpf(value.numerator) / value.denominator for name, value in values.items()}
        try:
            # The text was made above, from the names and functions that stand here.
            known = {**FUNCTIONS, **numbers, "q": _q}
            sides = [eval(_exact(side), {"__builtins__": {}}, known) for side in (left, right)]
        except (ZeroDivisionError, ValueError, TypeError, OverflowError):
            return None
        if not all(isinstance(side, mpmath.mpf | int) and mpmath.isfinite(side) for side in sides):
            return None
        gap = mpmath.mpf(sides[0]) - sides[1]
        if gap != 0 and abs(gap) < mpmath.mpf(10) ** -40 * (1 + abs(sides[0])):
            return None
        if gap == 0 and sign in ("<", ">"):
            return None
        return not RELATIONS[sign](gap)


def _q(top: int, bottom: int) -> mpmath.mpf:
    return mpmath.mpf(top) / bottom


def _exact(text: str) -> str:
    """Numbers and their quotients in 60 digits and not in doubles."""
    return re.sub(r"(\d+)(?:/(\d+))?", lambda found: f"q({found[1]}, {found[2] or 1})", text)


def points(draw: random.Random, assumptions: list[str], names: tuple[str, ...]) -> list[dict[str, Fraction]]:
    """Points of several magnitudes at which every assumption holds."""
    found = []
    for _ in range(POINTS):
        values = {}
        for name in names:
            size = Fraction(draw.randint(0, 1000), draw.choice([1000, 1000, 250, 100, 10]))
            values[name] = -size if draw.random() < 0.3 else size
        if all(fails(item, values) is False for item in assumptions):
            found.append(values)
    return found


def wrong(relation: str, assumptions: list[str], verdict: str, witness: dict[str, Fraction] | None, seed: int) -> str:
    """What is wrong with an answer; empty if nothing is."""
    names = tuple(name for name in NAMES if name in f"{relation} {assumptions}".replace("exp", "").replace("max", ""))
    if verdict == "refuted":
        at = {**dict.fromkeys(names, Fraction(1)), **(witness or {})}
        if any(fails(item, at) is True for item in assumptions):
            return "an assumption fails at the witness"
        return "the claim holds at the witness" if fails(relation, at) is False else ""
    inside = points(random.Random(seed), assumptions, names)
    if verdict == "not-applicable":
        return "a point satisfies the assumptions" if inside else ""
    if verdict == "proved":
        return next((f"fails at {values}" for values in inside if fails(relation, values)), "")
    return ""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--claims", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts: Counter[str] = Counter()
    faults, start = [], time.monotonic()
    for i in range(given.claims):
        if time.monotonic() - start > 60 * given.minutes:
            break
        relation, assumptions = claim(random.Random(f"{given.seed} {i}"))
        try:
            found = prove(relation, assumptions)
        except InputError:
            counts["refused"] += 1
            continue
        counts[str(found.verdict)] += 1
        fault = wrong(relation, assumptions, str(found.verdict), found.witness, i)
        if fault:
            faults.append(f"- {i}: `{relation}` with `{'; '.join(assumptions)}` {found.verdict}: {fault}")
            print(faults[-1], flush=True)
    total = sum(counts.values())
    lines = [
        "# Random claims for the prover", "",
        f"Written by `python -m benchmarks.fuzz_prover --seed {given.seed}`: the first {total} claims of the seed.", "",
        "| proved | refuted | inconclusive | not applicable | refused: nowhere defined | wrong |",
        "| --- | --- | --- | --- | --- | --- |",
        "| " + " | ".join(str(counts[k]) for k in ("proved", "refuted", "inconclusive", "not-applicable", "refused"))
        + f" | {len(faults)} |", "", *faults,
    ]  # fmt: skip
    write_text_atomically(TABLE, "\n".join(lines).rstrip() + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
