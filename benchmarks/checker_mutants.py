"""Mutants of `checker/check.py`: each must refuse a certificate that holds or accept one that is corrupted.

python -m benchmarks.checker_mutants [--every N] [--out benchmarks/results/checker_mutants]

Every comparison is weakened, sharpened and turned round, every + and - exchanged, every integer changed by one, every
min and max exchanged, every and and or, and every `need` and `expect` dropped; one at a time, on every N-th mutant. The
certificates are those of the small networks of `benchmarks.corrupted_certificates`, the corrupted ones a sample of
each way of corrupting. A mutant that none of them tells apart survives and is listed with its line.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import io
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import mpmath
import numpy as np

from benchmarks.corrupted_certificates import (
    CHECKER,
    checker,
    corruptions,
    documents,
    negative_multiplier,
    refusal,
    small_files,
    supremum,
)
from benchmarks.forged_networks import NETWORKS, changed_network, forged, two_layers
from certify.api.certificate import certificate
from certify.atomic import write_text_atomically
from certify.execution.door import Execution
from certify.execution.work import plain_work
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell

RESULTS = Path("benchmarks/results/checker_mutants")
SECONDS = 20
"""A mutant that takes longer for one certificate refuses it."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


class Late(Exception):
    """A mutant has run for too long."""


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Every mutant with its line and what was changed."""
    nodes = list(ast.walk(tree))
    for index, node in enumerate(nodes):
        for what, change in changes(node):
            mutated = copy.deepcopy(tree)
            change(list(ast.walk(mutated))[index])
            yield getattr(node, "lineno", 0), what, mutated


def changes(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """What can be changed in one node, each as a function that changes it in place."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), ()):
                yield f"{type(operator).__name__} -> {other.__name__}", _comparison(place, other)
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other_operator = OPERATORS[type(node.op)]
        yield f"{type(node.op).__name__} -> {other_operator.__name__}", _attribute("op", other_operator())
    if isinstance(node, ast.BoolOp):
        other_bool = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{type(node.op).__name__} exchanged", _attribute("op", other_bool)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield f"{node.value} -> {node.value + 1}", _attribute("value", node.value + 1)
        if node.value > 1:
            yield f"{node.value} -> {node.value - 1}", _attribute("value", node.value - 1)
    if isinstance(node, ast.Name) and node.id in ("min", "max"):
        yield f"{node.id} exchanged", _attribute("id", "max" if node.id == "min" else "min")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "a minus dropped", _attribute("op", ast.UAdd())
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("need", "expect"):
        yield f"{node.func.id} dropped", _attribute("args", [ast.Constant(True), *node.args[1:]])


def _comparison(place: int, other: type[ast.cmpop]) -> Any:
    def change(node: ast.Compare) -> None:
        node.ops[place] = other()

    return change


def _attribute(name: str, value: Any) -> Any:
    def change(node: ast.AST) -> None:
        setattr(node, name, value)

    return change


def samples(check: ModuleType, folder: Path) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Certificates that hold, and corrupted ones: of each network and kind three of each way of corrupting."""
    good, bad = [], [negative_multiplier()]
    plain = folder / "plain.onnx"
    plain.write_bytes(two_layers().SerializeToString())
    for kind in ("derivatives", "lipschitz"):
        document = certificate(kind, plain).document
        if document is None:
            continue
        good.append((json.dumps(document), plain.read_bytes()))
        for name in NETWORKS:
            content = changed_network(name)
            bad.append((forged(document, content), content))
    for path in small_files(folder):
        network = path.read_bytes()
        for document in documents(path, [0.4, -0.2, 0.3], 0.5):
            good.append((json.dumps(document), network))
            seen: dict[str, int] = {}
            for what, text, other in corruptions(document, check, network):
                seen[what] = seen.get(what, 0) + 1
                if seen[what] in (1, 4, 9):
                    bad.append((text, other))
    return good, bad


FORMS = np.random.default_rng(7).normal(size=(24, 5))
"""Coefficients (b_v, b_s, q_vv, q_vs, q_ss) whose suprema the mutants must find."""


def probes(check: ModuleType) -> list[Any]:
    """Answers of parts of the checker that a whole certificate does not bring to their limits.

    Suprema of forms from just below and just above what they attain; tanh at points; texts and numbers at the ends of
    what is read; the exit codes.
    """
    found: list[Any] = []
    for kind in ("Tanh", "Relu"):
        for number, row in enumerate(FORMS):
            form = [float(entry) for entry in row]
            form[2] = -abs(form[2]) - (2.0 + abs(form[3]) + abs(form[4]) if kind == "Relu" else 0.0)
            if number % 4 == 1 and kind == "Tanh":
                form[0] = form[2] = form[3] = 0.0
            if number % 4 == 2 and kind == "Tanh":
                form[0], form[2] = 0.01 * form[0], 0.01 * form[2]
            exact, attained = [Fraction(entry) for entry in form], Fraction(supremum(kind, form))
            for share in (-1e-5, 1e-5):
                found.append(_answer(check, check.supremum, kind, exact, attained + Fraction(share)))
    for form in (
        [1, 0, 0, 0, 0],
        [-1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, -1, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, -1],
    ):
        for kind in ("Tanh", "Relu", "Sigmoid"):
            for payment in (Fraction(-1, 10), Fraction(1, 1 << 40), Fraction(1 + 2**-40), Fraction(9)):
                found.append(_answer(check, check.supremum, kind, [Fraction(entry) for entry in form], payment))
    for v in (0.0, 1e-9, 0.3, 1.0, 4.0, 31.9, -0.7, -20.0):
        low, high = check.tanh(int(v * 2**60) << 68)
        with mpmath.workprec(400):
            truth = mpmath.tanh(mpmath.mpf(int(v * 2**60)) / 2**60) * 2**128
            found.append(bool(low <= truth <= high) and high - low < 1 << 40)
    for value in (1 << 53, (1 << 53) - 1, -(1 << 53), True, 1.0, "1"):
        found.append(_answer(check, check.integer, value, "a number"))
    for text in ("0x1p1023", "0x1p1024", "0x1p-1022", "0x1p-1023", "1.0", "0x1p0", 1.0):
        found.append(_answer(check, check.real, text, "a number"))
    for content in (b"", b"\x0b", b"\x0c", b"\x80" * 12, b"\x0a\x02a", b"\x0a\x01a", b"\x08\x80\x01", b"\x08\x80"):
        found.append(_answer(check, check.message, content, shown=True))
    for content in (
        b"\x0d1234",
        b"\x0d123",
        b"\x0912345678",
        b"\x091234567",
        b"\x0d1234\x08\x05",
        b"\x0912345678\x08\x05",
    ):
        found.append(_answer(check, check.message, content, shown=True))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        found.append([check.main(given) for given in (["/nowhere", "/nowhere"], ["/nowhere"], [])])
    return found


def _answer(check: ModuleType, function: Any, *arguments: Any, shown: bool = False) -> str:
    try:
        value = function(*arguments)
    except Exception as error:
        return type(error).__name__
    return repr(value) if shown else "yes"


def is_seen(
    mutated: ast.Module, good: list[tuple[str, bytes]], bad: list[tuple[str, bytes]], expected: list[Any]
) -> bool:
    """Whether a certificate tells the mutant from the checker."""
    module = ModuleType("mutant")
    try:
        signal.alarm(SECONDS)
        exec(compile(ast.fix_missing_locations(mutated), "mutant", "exec"), module.__dict__)
        found = any(_refuses(module, *item) for item in good) or probes(module) != expected
        found = found or not all(_refuses(module, *item) for item in bad)
    except (Exception, SystemExit):
        found = True
    finally:
        signal.alarm(0)
    return found


@dataclass(frozen=True)
class _Judge:
    """`is_seen` with its certificates, for another process."""

    good: list[tuple[str, bytes]]
    bad: list[tuple[str, bytes]]
    expected: list[Any]

    def __call__(self, mutated: str) -> bool:
        signal.signal(signal.SIGALRM, _late)
        return is_seen(ast.parse(mutated), self.good, self.bad, self.expected)


def _refuses(module: ModuleType, text: str, network: bytes) -> bool:
    signal.alarm(SECONDS)
    return bool(refusal(module, text, network))


def _late(_: int, __: FrameType | None) -> None:
    raise Late


def main() -> None:
    """Run every N-th mutant and write which survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    source = CHECKER.read_text(encoding="utf-8")
    lines = source.splitlines()
    with tempfile.TemporaryDirectory() as folder:
        good, bad = samples(checker(), Path(folder))
    chosen = list(mutants(ast.parse(source)))[:: arguments.every]
    survivors = []
    work = plain_work(_Judge(good, bad, probes(checker())), {"work": "checker mutants"})
    with Execution(f"processes:{arguments.processes}") as execution:
        answers = execution.collect("mutants", work, [ast.unparse(mutated) for _, _, mutated in chosen])
    for number, ((line, what, _), seen) in enumerate(zip(chosen, answers, strict=True)):
        if not seen:
            survivors.append((line, what))
            print(f"{number} of {len(chosen)}: line {line}, {what}: {lines[line - 1].strip()[:90]}", flush=True)
    title = f"{len(survivors)} of {len(chosen)} mutants survive {len(good)} certificates and {len(bad)} corrupted ones"
    rows = tuple(
        tuple[Cell, ...](text_cell(entry) for entry in (str(line), what, lines[line - 1].strip()[:100]))
        for line, what in survivors
    )
    table = Table("checker_mutants", title, columns(("line", "changed", "source")), rows, ())
    for name, suffix in (("markdown", ".md"), ("csv", ".csv")):
        write_text_atomically(arguments.out.with_suffix(suffix), table_formats()[name].render(Document((table,))))
    print(title, file=sys.stderr)


if __name__ == "__main__":
    main()
