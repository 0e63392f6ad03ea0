"""Small wrong changes to the code that decides: which of them do the tests not notice?

    make mutants                      a sample of every group, benchmarks/results/mutants.md
    python -m benchmarks.mutants --groups arithmetic --count 20
    python -m benchmarks.mutants --again         only the survivors of the last run, after a test was added

mutmut makes the mutants (one operator, number or argument changed) and runs the tests that reach the changed
function, in a copy of the working tree. The sample is drawn with a fixed seed, equally from every group. A survivor is
either equivalent, with the reason in benchmarks/data/mutants/equivalent.json, or a missing test: then the run fails.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTCOMES = ROOT / "benchmarks" / "data" / "mutants" / "outcomes.json"
REASONS = ROOT / "benchmarks" / "data" / "mutants" / "equivalent.json"
RESULT = ROOT / "benchmarks" / "results" / "mutants.md"
SEED = 11
UNNOTICED = (0, 5, 33)
"""Exit codes of mutmut for a mutant that all tests passed, or that none reached."""
MARGIN = 40
"""Characters shown on both sides of a change."""


@dataclass(frozen=True)
class Group:
    """Files that are mutated together, and the tests that should notice."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


INCLUSION = "tests/property/test_inclusion.py"
GROUPS = {
    "arithmetic": Group(
        ("certify/arithmetic/*.py",),
        (
            "tests/unit/test_arithmetic_matrices.py",
            "tests/unit/test_arithmetic_roundings.py",
            "tests/property/test_arithmetic_rounding.py",
            INCLUSION,
        ),
    ),
    "bounds": Group(
        ("certify/bounds/*.py",),
        (
            "tests/unit/test_bounds_constants.py",
            "tests/unit/test_bounds_branch_and_bound.py",
            "tests/unit/test_bounds_domains.py",
            "tests/unit/test_bounds_graph.py",
            "tests/unit/test_bounds_methods.py",
            "tests/unit/test_known_maps.py",
            INCLUSION,
        ),
    ),
    "sharp": Group(("certify/sharp/*.py",), ("tests/unit/test_sharp_engine.py", "tests/unit/test_sharp_search.py")),
    "judgement": Group(
        ("certify/proof/judgement.py",), ("tests/unit/test_judgement.py", "tests/unit/test_judgement_records.py")
    ),
    "estimates": Group(
        ("certify/posteriors/estimates.py",),
        ("tests/unit/test_posteriors_estimates.py", "tests/unit/test_posteriors_formulas.py"),
    ),
}
"""The groups by name."""


@dataclass(frozen=True)
class Mutant:
    """One change: file, function, the text around it before and after (as ast.unparse writes it)."""

    file: str
    function: str
    before: str
    after: str


def copied_tree(folder: Path, group: Group) -> None:
    """The working tree without what it ignores, and the settings of mutmut."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file() and not name.startswith(("benchmarks/", "findings/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    settings = {
        "source_paths": ["certify"],
        "only_mutate": group.sources,
        "also_copy": ["theorems", "examples", "README.md"],
        # Mutants are functions too: the tests of which functions there are see all of them.
        "pytest_add_cli_args": ["-m", "not slow", "-k", "not counterpart", "--hypothesis-profile=mutants"],
        "pytest_add_cli_args_test_selection": group.tests,
    }
    lines = [f"{key} =\n" + "".join(f"    {value}\n" for value in values) for key, values in settings.items()]
    (folder / "setup.cfg").write_text("[mutmut]\ntimeout_constant = 30.0\n" + "".join(lines))


def mutmut(folder: Path, *arguments: str) -> str:
    """Output of one command of mutmut."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def mutants(folder: Path) -> dict[str, Mutant]:
    """Every mutant by mutmut's name, without those that change only the words of a message."""
    found = {}
    for meta in sorted((folder / "mutants").rglob("*.py.meta")):
        path = meta.with_suffix("")
        file = path.relative_to(folder / "mutants").as_posix()
        functions = {
            node.name: node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
        }
        for key in json.loads(meta.read_text())["exit_code_by_key"]:
            name = key.rpartition(".")[2]
            original = functions[name.rpartition("__mutmut_")[0] + "__mutmut_orig"]
            before, after = (ast.unparse(function).splitlines()[1:] for function in (original, functions[name]))
            changes = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
            if _without_words(original) != _without_words(functions[name]):
                sides = (" / ".join(line[2:].strip() for line in changes if line[0] == sign) for sign in "-+")
                found[key] = Mutant(file, _plain(name), *_trimmed(*sides))
    return found


def _without_words(function: ast.FunctionDef) -> str:
    blank = ast.parse(ast.unparse(function)).body[0]
    for node in ast.walk(blank):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(blank).replace(f"name='{function.name}'", "")


def _trimmed(before: str, after: str) -> tuple[str, str]:
    """Where two lines differ, with the words and some signs around it."""
    start = len(os.path.commonprefix([before, after]))
    end = len(os.path.commonprefix([before[start:][::-1], after[start:][::-1]]))
    first = max(0, start - MARGIN)
    last = max(0, end - MARGIN)
    return before[first : len(before) - last], after[first : len(after) - last]


def _plain(name: str) -> str:
    """The function that mutmut's name stands for, with its class."""
    parts = name.rpartition("__mutmut_")[0].split("ǁ")
    return ".".join(parts[1:]) if len(parts) > 1 else parts[0].removeprefix("x_")


def codes(folder: Path, chosen: list[str]) -> dict[str, int | None]:
    """How the tests ended for each of the chosen: mutmut's exit codes."""
    found: dict[str, int | None] = {}
    for meta in (folder / "mutants").rglob("*.py.meta"):
        found |= json.loads(meta.read_text())["exit_code_by_key"]
    return {name: found[name] for name in chosen}


@dataclass(frozen=True)
class Outcome:
    """Of one group: how many mutants there are, how many were drawn, and the survivors."""

    there: int
    drawn: int
    alive: tuple[Mutant, ...]


def run_group(name: str, count: int, before: Outcome | None) -> Outcome:
    """The outcome of a sample of `count` mutants of one group, or of the survivors of an earlier one."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        folder = Path(temporary)
        copied_tree(folder, GROUPS[name])
        # One that does not exist: mutmut makes them all and runs none.
        mutmut(folder, "run", "--max-children", "1", "none")
        known = mutants(folder)
        chosen = sorted(random.Random(SEED).sample(sorted(known), min(count, len(known))))
        if before is not None:
            chosen = [item for item, mutant in known.items() if mutant in before.alive]
            gone = set(before.alive) - set(known.values())
            if gone:
                raise SystemExit(f"{len(gone)} survivors are no longer made, so nothing was seen of them: draw anew")
        said = mutmut(folder, "run", "--max-children", "1", *chosen) if chosen else ""
        if any(code is None for code in codes(folder, chosen).values()):
            raise SystemExit(f"mutmut ran no mutant of `{name}`; do its tests pass without one?\n{said[-2000:]}")
        alive = tuple(known[item] for item, code in codes(folder, chosen).items() if code in UNNOTICED)
        return Outcome(len(known), len(chosen) if before is None else before.drawn, alive)


def recorded() -> dict[str, Outcome]:
    """The outcomes of the last run."""
    found = json.loads(OUTCOMES.read_text()) if OUTCOMES.exists() else {}
    return {
        name: Outcome(item["there"], item["drawn"], tuple(Mutant(**mutant) for mutant in item["alive"]))
        for name, item in found.items()
    }


def main() -> None:
    """Run the groups, write the outcomes and the table, fail for a survivor without a reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", nargs="*", default=list(GROUPS), choices=list(GROUPS))
    parser.add_argument("--count", type=int, default=70, help="mutants drawn from each group")
    parser.add_argument(
        "--again", action="store_true", help="only the survivors of the last run, after a test was added"
    )
    options = parser.parse_args()
    for name in options.groups:
        outcome = run_group(name, options.count, recorded().get(name) if options.again else None)
        OUTCOMES.write_text(json.dumps({k: asdict(v) for k, v in (recorded() | {name: outcome}).items()}, indent=1))
    unexplained = written(recorded())
    for mutant in unexplained:
        print(json.dumps(asdict(mutant), ensure_ascii=False))
    sys.exit(1 if unexplained else 0)


def written(outcomes: dict[str, Outcome]) -> list[Mutant]:
    """Write the table; the survivors that have no reason."""
    reasons = {_key(entry): entry["reason"] for entry in json.loads(REASONS.read_text())} if REASONS.exists() else {}
    rows, tables, unexplained = [], [], []
    for name, outcome in outcomes.items():
        alive = len(outcome.alive)
        rows.append(f"| {name} | {outcome.there} | {outcome.drawn} | {outcome.drawn - alive} | {alive} |")
        for mutant in outcome.alive:
            reason = reasons.get(_key(asdict(mutant)))
            if reason is None:
                unexplained.append(mutant)
            change = " -> ".join(f"`{text}`".replace("|", "\\|") for text in (mutant.before, mutant.after))
            tables.append(f"| `{mutant.file}` `{mutant.function}` | {change} | {reason or '**no reason yet**'} |")
    RESULT.write_text(HEAD + "\n".join(rows) + SURVIVORS + "\n".join(tables) + "\n")
    return unexplained


def _key(entry: dict[str, str]) -> tuple[str, str, str, str]:
    return (entry["file"], entry["function"], entry["before"], entry["after"])


HEAD = """# Mutants that the tests do not notice

Written by `make mutants` (mutmut, seed of the sample 11).
Not counted: changes of the words of a message. Groups that are missing in the table
have not been run to their end yet.

| group | mutants | drawn | killed | survive |
| --- | --- | --- | --- | --- |
"""

SURVIVORS = """

Each survivor is equivalent, or differs only where nothing is promised:

| where | change | why it makes no difference |
| --- | --- | --- |
"""

if __name__ == "__main__":
    main()
