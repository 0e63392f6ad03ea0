"""Every decoder of `examples/zoo`: does it load, what are its constants, what does `certify check` say of it?

    python -m benchmarks.zoo [NAME ...] [--seconds 60] [--out benchmarks/results/zoo.md]

For each file the commands that a user would type, each in a process of its own that is stopped after --seconds:
`certify constants --region 3 --budget 5` and `certify check injective-decoder` with the held-out observations (the
first 5). What is printed beside a file is what the command said. Of a file with several outputs the first is taken.
With names and --out only their lines of the page are written anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from certify.atomic import write_text_atomically
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator

ZOO = Path(__file__).parents[1] / "examples" / "zoo"
RADIUS, BUDGET, OBSERVATIONS = 3, 5, 5
BY_NAME = "yes, by `--output`"
HEADINGS = ("file", "loads", "m", "M", "M2", "seconds", "injective-decoder", "because, and what to do next", "seconds")


@dataclass(frozen=True)
class Answer:
    """What a command said: its exit code (None: stopped), its JSON, the last line of its complaint, its time."""

    code: int | None
    found: dict[str, Any] | None
    complaint: str
    seconds: float


def ask(arguments: list[str], seconds: float) -> Answer:
    """Run `certify` with these arguments and --json."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "certify", *arguments, "--json", str(path)]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}
            )
        except subprocess.TimeoutExpired:
            return Answer(None, None, f"no answer in {seconds:g} s", seconds)
        found = json.loads(path.read_text()) if path.exists() else None
    return Answer(run.returncode, found, " ".join(run.stderr.split()), time.perf_counter() - started)


def specification(path: Path) -> list[str]:
    """The options that name the generator of a file."""
    outputs = [output.name for output in onnx.load(path).graph.output]
    return ["--generator", str(path), *(["--output", outputs[0]] if len(outputs) > 1 else [])]


def loaded(path: Path) -> Generator | str:
    """The generator of the file as it is, or why it cannot be loaded, in a line."""
    try:
        return load_generator(str(path))
    except InputError as error:
        return str(error).replace(f"`{path}`: ", "").partition("; supported ")[0]


def refusal(path: Path) -> str:
    """Why the file cannot be loaded as it is, in a line; empty where it can."""
    found = loaded(path)
    return found if isinstance(found, str) else ""


def row(path: Path, seconds: float) -> str:
    """One line of the table."""
    several = len(onnx.load(path).graph.output) > 1
    reason = refusal(path)
    if reason and not several:
        return _line(path.stem, f"no: {reason}", *[""] * 7)
    constants = ask(["constants", *specification(path), "--region", f"{RADIUS}", "--budget", f"{BUDGET}"], seconds)
    if constants.code == 2:
        return _line(path.stem, f"no: {reason or constants.complaint}", *[""] * 7)
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "observations.npy"
        np.save(rows, np.load(path.with_suffix(".npy"))[:OBSERVATIONS].astype(np.float64))
        check = ask(["check", "injective-decoder", *specification(path), "--observations", str(rows)], seconds)
    ends = [_ends(constants.found, name) for name in ("m", "M", "M2")]
    said, times = _verdict(check), [f"{answer.seconds:.0f}" for answer in (constants, check)]
    return _line(path.stem, BY_NAME if reason else "yes", *ends, times[0], *said, times[1])


def _ends(found: dict[str, Any] | None, name: str) -> str:
    if found is None:
        return "stopped"
    bracket = found["constants"][name]
    return f"[{_number(bracket['lower'])}, {_number(bracket['upper'])}]"


def _number(value: float | str | None) -> str:
    return "?" if value is None else f"{float(value):.3g}"


def _verdict(check: Answer) -> tuple[str, str]:
    if check.found is None:
        return ("stopped" if check.code is None else f"exit code {check.code}", check.complaint)
    record = check.found["theorems"][0]
    return record["verdict"], record["reason"] or ""


def _line(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in cells) + " |"


def kept(page: Path) -> dict[str, str]:
    """The lines of a page that was written before, by file."""
    lines = page.read_text().splitlines() if page.exists() else []
    table = [line for line in lines if line.startswith("| ")][2:]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table}


def report(rows: dict[str, str], seconds: float) -> str:
    """The page: what was asked, the count, the table."""
    loaded = sum("| yes" in line for line in rows.values())
    lines = [
        "# What certify says about the zoo",
        "",
        f"`python -m benchmarks.zoo`: {loaded} of the {len(rows)} decoders of",
        "[examples/zoo](../../examples/zoo/README.md) load. m, M, M2: certified and witnessed ends on the ball of",
        f"radius {RADIUS} around 0, budget {BUDGET} s. `certify check injective-decoder` with {OBSERVATIONS} held-out",
        f"observations and no region. Each command was stopped after {seconds:g} s; seconds are of the wall, the start",
        "of Python included, on a machine that was busy with other work.",
        "",
        _line(*HEADINGS),
        "| --- " * len(HEADINGS) + "|",
        *(rows[name] for name in sorted(rows)),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table line by line; with --out also write the page."""
    files = sorted(ZOO.glob("*.onnx"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = kept(options.out) if options.names and options.out else {}
    for path in files:
        if not options.names or path.stem in options.names:
            rows[path.stem] = row(path, options.seconds)
            print(rows[path.stem], flush=True)
    if options.out:
        write_text_atomically(options.out, report(rows, options.seconds))


if __name__ == "__main__":
    main()
