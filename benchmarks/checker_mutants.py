"""Mutants of the files of `checker/`: each must answer some certificate otherwise than the file itself.

python -m benchmarks.checker_mutants [--checkers NAME[:N] ...] [--keep FILE]

Every comparison is weakened, sharpened and turned round, every + and - exchanged, every integer changed by one, every
min and max exchanged, every and and or, and every `need` and `expect` dropped; one at a time, every N-th of them. The
certificates are those of the small networks of `benchmarks.corrupted_certificates` and of `benchmarks.corrupted_kinds`,
the corrupted ones a sample of each way of corrupting; parts that no certificate brings to their limits are probed
alone. A mutant that none of them tells apart survives and is listed with its line. `--keep` holds the answers, so
that a run goes on where it was ended.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import re
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from benchmarks.checker_probes import probes
from benchmarks.corrupted_certificates import (
    CHECKER,
    FILES,
    checker,
    corruptions,
    documents,
    negative_multiplier,
    refusal,
    small_files,
)
from benchmarks.corrupted_kinds import KINDS, made
from benchmarks.corrupted_kinds import corruptions as kind_corruptions
from benchmarks.forged_networks import NETWORKS, changed_network, forged, two_layers
from certify.api.certificate import certificate
from certify.atomic import write_text_atomically
from certify.execution.door import Execution
from certify.execution.work import plain_work
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell

RESULTS = Path("benchmarks/results/checker_mutants")
NAMES = ("check", "check_rejection", "check_boxes", "check_totals", "check_circuits")
MOST = 60
"""Leaves of a certificate that are corrupted, for the kinds with files of their own."""

BATCH = 8
"""Mutants between two writes of what is kept."""

SECONDS = 20
"""A mutant that computes for longer on one certificate refuses it: seconds of its own, whatever else runs beside it."""

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


class Late(BaseException):
    """A mutant has run for too long; no Exception, so that what a probe catches does not let it go on."""


def mutants(tree: ast.Module) -> list[tuple[int, str, int, Any]]:
    """Every mutant: its line, what is changed, which node of the tree, and the function that changes it."""
    return [
        (getattr(node, "lineno", 0), what, index, change)
        for index, node in enumerate(ast.walk(tree))
        for what, change in changes(node)
    ]


def mutated(tree: ast.Module, index: int, change: Any) -> ast.Module:
    """The tree with one node changed."""
    found = copy.deepcopy(tree)
    change(list(ast.walk(found))[index])
    return found


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


@dataclass(frozen=True)
class Case:
    """A certificate, the file that it is about, and whether the checker says yes."""

    text: str
    file: bytes | None
    holds: bool


def samples(name: str, check: ModuleType, folder: Path) -> list[Case]:
    """Certificates that hold first, and corrupted ones: of each certificate three of each way of corrupting."""
    if name == "check":
        return _network_samples(check, folder)
    found = []
    for document, file in made(folder, [kind for kind in KINDS if FILES[kind] == name]):
        found.append(Case(json.dumps(document), file, True))
        seen: dict[str, int] = {}
        for what, text in kind_corruptions(document, MOST):
            seen[what] = seen.get(what, 0) + 1
            if seen[what] in (1, 4, 9):
                found.append(Case(text, file, not refusal(check, text, file)))
    if name == "check_rejection":
        for changed_one in NETWORKS:
            content = changed_network(changed_one)
            found.append(Case(forged(document, content), content, False))
    return sorted(found, key=lambda case: not case.holds)


def _network_samples(check: ModuleType, folder: Path) -> list[Case]:
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
        described = two_layers()
        described.graph.initializer[0].doc_string = "weights"
        good.append((forged(document, described.SerializeToString()), described.SerializeToString()))
        bad += _other_claims(document, plain.read_bytes()) if kind == "derivatives" else []
    for path in small_files(folder):
        network = path.read_bytes()
        for document in documents(path, [0.4, -0.2, 0.3], 0.5):
            good.append((json.dumps(document), network))
            seen: dict[str, int] = {}
            for what, text, other in corruptions(document, check, network):
                seen[what] = seen.get(what, 0) + 1
                if seen[what] in (1, 4, 9):
                    bad.append((text, other))
    return [Case(*item, True) for item in good] + [Case(*item, False) for item in bad]


def _other_claims(document: dict[str, Any], network: bytes) -> list[tuple[str, bytes]]:
    """Certificates that claim nothing, something unknown, or derivatives of a Relu, which has but the first."""
    others: tuple[Any, ...] = ({}, [], {**document["claims"], "M4": document["claims"]["M"]})
    model = two_layers()
    model.graph.node[1].op_type = "Relu"
    bent = model.SerializeToString()
    return [*((forged(document, network, claims=other), network) for other in others), (forged(document, bent), bent)]


def exit_codes(module: ModuleType, cases: Iterable[Case]) -> list[int]:
    """What the file's `main` returns for each of the `cases`."""
    found = []
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for case in cases:
            paths = [Path(folder) / name for name in ("certificate", "file")][: 1 if case.file is None else 2]
            for path, content in zip(paths, (case.text.encode(), case.file), strict=False):
                path.write_bytes(content or b"")
            found.append(module.main(list(map(str, paths))))
    return found


def is_seen(mutant: ast.Module, cases: list[Case], expected: list[Any], exits: dict[Case, int]) -> bool:
    """Whether a certificate, a probe or an exit code tells the mutant from the checker."""
    module = ModuleType("mutant")
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        exec(compile(ast.fix_missing_locations(mutant), "mutant", "exec"), module.__dict__)
        first, others = cases[:1], cases[1:]
        found = any(_differs(module, case) for case in first) or probes(module) != expected
        found = found or exit_codes(module, exits) != list(exits.values())
        found = found or any(_differs(module, case) for case in others)
    except (Exception, SystemExit, Late):
        found = True
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return found


def _differs(module: ModuleType, case: Case) -> bool:
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        holds = not refusal(module, case.text, case.file)
    except Late:
        holds = False
    return holds != case.holds


@dataclass(frozen=True)
class _Judge:
    """`is_seen` with its certificates, for another process."""

    cases: list[Case]
    expected: list[Any]
    exits: dict[Case, int]

    def __call__(self, mutant: str) -> bool:
        signal.signal(signal.SIGVTALRM, _late)
        return is_seen(ast.parse(mutant), self.cases, self.expected, self.exits)


def _late(_: int, __: FrameType | None) -> None:
    raise Late


def run(name: str, every: int, processes: int, kept: dict[str, bool], keep: Path | None) -> tuple[list[str], list[Any]]:
    """A row of the summary for one file, and its survivors; answers are read from and added to `kept`."""
    source = CHECKER.with_stem(name).read_text(encoding="utf-8")
    lines, digest = source.splitlines(), hashlib.sha256(source.encode()).hexdigest()[:16]
    check = checker(next((kind for kind, file in FILES.items() if file == name), "lipschitz"))
    with tempfile.TemporaryDirectory() as folder:
        cases = samples(name, check, Path(folder))
    tree = ast.parse(source)
    every_one = mutants(tree)
    chosen = [(f"{name} {digest} {place}", *every_one[place]) for place in range(0, len(every_one), every)]
    open_ones = [item for item in chosen if item[0] not in kept]
    refused = next(case for case in cases if refusal(check, case.text, case.file) == "no")
    holding = sorted((case for case in cases if case.holds), key=lambda case: case.file is not None)
    exits = {holding[0]: 0, holding[-1]: 0, refused: 1, Case("", None, False): 2}
    assert exit_codes(check, exits) == list(exits.values())
    work = plain_work(_Judge(cases, probes(check), exits), {"work": "checker mutants"})
    with Execution(f"processes:{processes}") as execution:
        for start in range(0, len(open_ones), BATCH):
            part = open_ones[start : start + BATCH]
            texts = [ast.unparse(mutated(tree, index, change)) for *_, index, change in part]
            for (key, line, what, *_), seen in zip(part, execution.collect("mutants", work, texts), strict=True):
                kept[key] = seen
                if not seen:
                    print(f"{name}.py: line {line}, {what}: {lines[line - 1].strip()[:90]}", flush=True)
            if keep is not None:
                write_text_atomically(keep, json.dumps(kept))
    survivors = [(line, what) for key, line, what, *_ in chosen if not kept[key]]
    counts = len(every_one), len(chosen), len(chosen) - len(survivors), len(survivors)
    held = sum(case.holds for case in cases)
    row = [f"{name}.py", *map(str, counts), str(held), str(len(cases) - held)]
    return row, [(f"{name}.py", str(line), what, lines[line - 1].strip()[:100]) for line, what in survivors]


def _every(text: str) -> tuple[str, int]:
    """The name of a file, and which of its mutants are run."""
    name, _, number = text.partition(":")
    if name not in NAMES or not re.fullmatch("|[1-9][0-9]*", number):
        raise argparse.ArgumentTypeError(f"expected NAME or NAME:N with a name among {', '.join(NAMES)}; got {text}")
    return name, int(number or 1)


def main() -> None:
    """Run every N-th mutant of every file and write which survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkers", nargs="+", type=_every, default=[(name, 1) for name in NAMES])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGVTALRM, _late)
    kept: dict[str, bool] = {}
    if arguments.keep is not None and arguments.keep.exists():
        kept = json.loads(arguments.keep.read_text(encoding="utf-8"))
    rows, survivors = [], []
    for name, every in arguments.checkers:
        row, found = run(name, every, arguments.processes, kept, arguments.keep)
        print(" ".join(row), flush=True)
        rows.append(row)
        survivors += found
    names = ("file", "mutants", "run", "told apart", "survive", "certificates that hold", "corrupted")
    tables = (
        Table("checker_mutants", "Mutants of the files of the checker",
              columns(names, names[1:]), tuple(tuple[Cell, ...](map(text_cell, row)) for row in rows), ()),
        Table("survivors", "Mutants that no certificate tells apart", columns(("file", "line", "changed", "source")),
              tuple(tuple[Cell, ...](map(text_cell, row)) for row in survivors), ()),
    )  # fmt: skip
    for name, suffix in (("markdown", ".md"), ("csv", ".csv")):
        write_text_atomically(arguments.out.with_suffix(suffix), table_formats()[name].render(Document(tables)))


if __name__ == "__main__":
    main()
