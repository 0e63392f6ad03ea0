"""Tasks of a benchmark over processes: a line of JSON for each that is finished, only the missing ones at a restart.

A line is {"key": ..., "result": ...}. Keys hold a digest of the code that is measured, so what an older version found
is not taken for what this one finds. A last line that was cut off is done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from certify import envelopes, generators
from certify.arithmetic import intervals
from certify.execution.door import Execution, Failed
from certify.execution.work import plain_work

Task = TypeVar("Task")


def code_digest(*more: ModuleType) -> str:
    """Twelve digits that change with the sources of envelopes, generators, interval arithmetic and `more` packages."""
    digest = hashlib.sha256()
    measured = (envelopes, generators, intervals, *more)
    for folder in (Path(module.__file__).parent for module in measured if module.__file__):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def finished(work: Path | None) -> dict[str, Any]:
    """What a file of finished tasks holds, by key; lines that are not whole are left out."""
    found: dict[str, Any] = {}
    if work is None or not work.exists():
        return found
    for line in work.read_text().splitlines():
        try:
            item = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[item["key"]] = item["result"]
    return found


def run(
    worker: Callable[[Task], Any],
    tasks: Mapping[str, Task],
    processes: int,
    work: Path | None,
    report: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The result of every task by key; `worker`, a module's function, returns what JSON holds.

    Raises RuntimeError, after everything else was done and kept, if a task has no result.
    """
    kept = finished(work)
    missing = [key for key in tasks if key not in kept]
    failed: dict[str, str] = {}
    if missing:
        with Execution(f"processes:{processes}") as execution:
            todo = replace(plain_work(worker, {}), key=repr)
            for place, found in execution.map(todo, [tasks[key] for key in missing]):
                if isinstance(found, Failed):
                    failed[missing[place]] = found.reason
                    continue
                kept[missing[place]] = found
                if work is not None:
                    _append(work, {"key": missing[place], "result": found})
                report()
    if failed:
        raise RuntimeError(f"no result for {failed}")
    return {key: kept[key] for key in tasks}


@dataclass(frozen=True)
class Instances:
    """What is known of the instances of an attack: results (JSON), the code's digest, where to write.

    `options` are those of the command line that the results follow from.
    """

    results: list[Any]
    seed: int
    options: str
    code: str
    out: Path


def attacked(solve: Callable[[tuple[int, int]], Any], count: int, out: Path, description: str | None) -> Instances:
    """Every instance (index, seed) that the command line asks for, by `solve`, a module's function.

    Options: --instances (`count`), --seed, --processes, --out, --work and --partial.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--work", type=Path, help="file of finished instances, a line each, read at the next start")
    parser.add_argument("--partial", action="store_true", help="the table of what --work has; attack nothing")
    given = parser.parse_args()
    code = code_digest()
    tasks = {f"{code} {given.seed} {index}": (index, given.seed) for index in range(given.instances)}
    if given.partial:
        known = finished(given.work)
        kept = {key: known[key] for key in tasks if key in known}
    else:
        kept = run(solve, tasks, given.processes, given.work)
    options = f"--instances {given.instances} --seed {given.seed}"
    return Instances(list(kept.values()), given.seed, options, code, given.out)


def _append(work: Path, item: Any) -> None:
    """One line, on a line of its own even behind one that was cut off."""
    cut = work.exists() and work.stat().st_size > 0 and not work.read_bytes().endswith(b"\n")
    with work.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(item) + "\n")
