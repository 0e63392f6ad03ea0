"""`certify prove` on the inequalities of data/inequalities.csv, beside z3, cvc5 and sympy each on its own.

    python -m benchmarks.inequalities [--seconds 10] [--limit N]

Every claim goes to every method with the same time, one after the other, in a process that is ended when a claim runs
over and then replaced. z3 gets exp, log and powers as uninterpreted functions; cvc5 knows exp and sin; sympy is asked
to simplify the difference under the assumptions of its symbols. `wrong` counts a proof of a false claim or a
refutation of a true one; a model in which a function is uninterpreted refutes nothing.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import sympy as sp

from certify.execution.door import Execution, Failed
from certify.execution.work import plain_work

HERE = Path(__file__).parent
Answer = str


def ours(relation: str, assumptions: list[str]) -> Answer:
    """The verdict of `certify.prove`."""
    from certify.prover.prove import prove

    return str(prove(relation, assumptions).verdict)


def z3_alone(relation: str, assumptions: list[str]) -> Answer:
    """z3 on SMT-LIB with uninterpreted functions."""
    import z3

    return _conjunction(relation, assumptions, lambda text, names: _z3(z3, text))


def cvc5_alone(relation: str, assumptions: list[str]) -> Answer:
    """cvc5 on SMT-LIB with its exp and sin."""
    import cvc5

    return _conjunction(relation, assumptions, lambda text, names: _cvc5(cvc5, text))


def sympy_alone(relation: str, assumptions: list[str]) -> Answer:
    """sympy: simplify the difference and ask for its sign, symbols carrying the signs that the assumptions give."""
    from certify.prover.reading import read_claim
    from certify.prover.witness import bounds

    for claim in read_claim(relation, assumptions):
        signs: dict[sp.Symbol, sp.Symbol] = {}
        for symbol in claim.parameters:
            low, _ = bounds(claim, symbol)
            known = {"integer": True} if symbol in claim.integers else {"real": True}
            if low is not None and low >= 0:
                known["positive" if low > 0 else "nonnegative"] = True
            signs[symbol] = sp.Symbol(symbol.name, **known)
        found = sp.simplify(claim.goal.expression.subs(signs))
        sign = claim.goal.sign.value
        holds = {">=": found.is_nonnegative, ">": found.is_positive, "==": found.is_zero, "!=": found.is_nonzero}[sign]
        if holds is None:
            return "unknown"
        if not holds:
            return "refuted"
    return "proved"


METHODS: dict[str, Callable[[str, list[str]], Answer]] = {
    "certify prove": ours,
    "z3": z3_alone,
    "cvc5": cvc5_alone,
    "sympy": sympy_alone,
}


def main() -> None:
    """Run every method on every claim and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    rows = list(csv.DictReader((HERE / "data" / "inequalities.csv").open(encoding="utf-8")))[: given.limit]
    lines = []
    for name, method in METHODS.items():
        if name in ("z3", "cvc5") and importlib.util.find_spec(name) is None:
            lines.append(f"| {name} | not installed | | | | |")
            continue
        counts: Counter[str] = Counter()
        times, missed = [], []
        for row, (answer, seconds) in zip(rows, answers(method, rows, given.seconds), strict=True):
            times.append(seconds)
            wanted = {"true": "proved", "false": "refuted"}[row["truth"]]
            outcome = "solved" if answer == wanted else "wrong" if answer in ("proved", "refuted") else "unsolved"
            counts[outcome] += 1
            if outcome != "solved":
                missed.append(f"{row['relation']} ({row['truth']}): {answer}")
        share = counts["solved"] / len(rows)
        lines.append(
            f"| {name} | {counts['solved']} ({share:.0%}) | {counts['wrong']} | {counts['unsolved']} | "
            f"{median(times):.2f} | {sum(times):.0f} |"
        )
        print(lines[-1], *(missed if name == "certify prove" else missed[:0]), sep="\n", flush=True)
    true = sum(row["truth"] == "true" for row in rows)
    head = [
        "# Inequalities proved and refuted", "",
        f"Written by `python -m benchmarks.inequalities`: {len(rows)} rows, {true} true, {len(rows) - true} false,",
        f"their sources in `data/inequalities.csv`; {given.seconds:g} s each, one after the other in one process,",
        "which is replaced after a claim that ran over.", "",
        "| method | solved | wrong | unsolved | median s | total s |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    (HERE / "results" / "inequalities.md").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def answers(
    method: Callable[[str, list[str]], Answer], rows: list[dict[str, str]], seconds: float
) -> list[tuple[Answer, float]]:
    """The method's answer to every row with its time; "timeout" after `seconds`."""
    tasks = [
        [row["relation"], [part.strip() for part in row["assumptions"].split(";") if part.strip()]] for row in rows
    ]
    found: list[tuple[Answer, float]] = [("timeout", seconds)] * len(rows)
    # One process: what is timed has the machine to itself.
    with Execution("processes:1", limit=seconds, attempts=1) as execution:
        for place, item in execution.map(plain_work(partial(_answer, method), {"work": "inequalities"}), tasks):
            if not isinstance(item, Failed):
                found[place] = item[0], item[1]
    return found


def _answer(method: Callable[[str, list[str]], Answer], task: tuple[str, list[str]]) -> tuple[Answer, float]:
    start = time.perf_counter()
    try:
        found = method(*task)
    except Exception as error:  # a peer may fail in any way: that is its answer
        found = f"error {type(error).__name__}"
    return found, time.perf_counter() - start


def _conjunction(relation: str, assumptions: list[str], solve: Callable[[str, list[str]], Answer]) -> Answer:
    from certify.prover.reading import read_claim

    answers = []
    for claim in read_claim(relation, assumptions):
        where = [item for entry in (*claim.assumptions, claim.goal) for item in entry.defined_where]
        facts = [_literal(item) for item in (*claim.assumptions, *where, claim.goal.negated())]
        names = [symbol.name for symbol in claim.parameters]
        kinds = {symbol.name: "Int" if symbol in claim.integers else "Real" for symbol in claim.parameters}
        declared = [f"(declare-const {name} {kinds[name]})" for name in names]
        answers.append(solve("\n".join([*declared, *(f"(assert {fact})" for fact in facts)]), names))
    return "proved" if set(answers) == {"proved"} else next(item for item in answers if item != "proved")


def _literal(relation: Any) -> str:
    term = _smt(relation.expression)
    return {">=": f"(>= {term} 0)", ">": f"(> {term} 0)", "==": f"(= {term} 0)", "!=": f"(not (= {term} 0))"}[
        relation.sign.value
    ]


def _smt(expression: sp.Expr) -> str:
    if expression.is_Rational:
        top, bottom = int(expression.p), int(expression.q)
        number = f"{abs(top)}.0" if bottom == 1 else f"(/ {abs(top)}.0 {bottom}.0)"
        return f"(- {number})" if top < 0 else number
    if expression.is_Symbol:
        return str(expression.name)
    arguments = [_smt(item) for item in expression.args]
    if isinstance(expression, sp.Add):
        return f"(+ {' '.join(arguments)})"
    if isinstance(expression, sp.Mul):
        return f"(* {' '.join(arguments)})"
    if isinstance(expression, sp.Pow) and expression.exp.is_Integer:
        product = " ".join([_smt(expression.base)] * abs(int(expression.exp)))
        power = product if abs(int(expression.exp)) == 1 else f"(* {product})"
        return power if expression.exp > 0 else f"(/ 1.0 {power})"
    if isinstance(expression, sp.Abs):
        return f"(ite (>= {arguments[0]} 0) {arguments[0]} (- {arguments[0]}))"
    if isinstance(expression, (sp.Max, sp.Min)) and len(arguments) == 2:
        first, second = arguments if isinstance(expression, sp.Max) else arguments[::-1]
        return f"(ite (>= {arguments[0]} {arguments[1]}) {first} {second})"
    name = {sp.exp: "exp", sp.log: "log", sp.sin: "sin", sp.cos: "cos", sp.Pow: "power"}.get(expression.func)
    if expression is sp.E:
        return "(exp 1.0)"
    if expression is sp.pi:
        return "pi"
    if name is None:
        raise ValueError(f"no SMT-LIB form of {expression.func}")
    return f"({name} {' '.join(arguments)})"


def _z3(z3: Any, text: str) -> Answer:
    head = "(declare-fun exp (Real) Real)(declare-fun log (Real) Real)(declare-fun sin (Real) Real)"
    head += "(declare-fun cos (Real) Real)(declare-fun power (Real Real) Real)(declare-const pi Real)"
    uses = any(word in text for word in ("(exp", "(log", "(sin", "(cos", "(power", "pi"))
    solver = z3.Solver()
    solver.from_string((head if uses else "") + text)
    answer = solver.check()
    if answer == z3.unsat:
        return "proved"
    # A model of uninterpreted functions says nothing about exp or log.
    return "refuted" if answer == z3.sat and not uses else "unknown"


def _cvc5(cvc5: Any, text: str) -> Answer:
    solver = cvc5.Solver()
    solver.setOption("nl-ext-tplanes", "true")
    head = "(set-logic ALL)(declare-fun log (Real) Real)(declare-fun power (Real Real) Real)"
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, head + text.replace("pi", "real.pi") + "(check-sat)", "claim")
    symbols = parser.getSymbolManager()
    answer = ""
    while True:
        command = parser.nextCommand()
        if command.isNull():
            break
        answer = command.invoke(solver, symbols) or answer
    uses = any(word in text for word in ("(log", "(power"))
    if "unsat" in answer:
        return "proved"
    return "refuted" if answer.strip() == "sat" and not uses else "unknown"


if __name__ == "__main__":
    main()
