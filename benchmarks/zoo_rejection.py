"""Theorem R on every decoder of `examples/zoo` with few latents: proposals at held-out observations, at its own noise.

    python -m benchmarks.zoo_rejection [NAME ...] [--latents 2 3] [--count 50] [--processes N] [--work FILE.jsonl]
        [--partial] [--out FILE.md]

The noise is what a decoder's own reconstructions leave, as the root mean square. For each observation: certified or
not, K at epsilon = 0.1 and 0.001 by the certified acceptance, seconds of the processor, on one core. With --work each
is kept when it is done, and a run that is cut off goes on where it was. Of several outputs the first is taken.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.resumable import code_digest, finished, run
from certify.atomic import write_text_atomically
from certify.cli.progress_bar import progress_on_terminal
from certify.envelopes.rejection import proposals_needed
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.generators.specification import load_generator
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, lower_cell, number_cell, text_cell
from certify.version import __version__
from theorems.rejection_encoder.observations import certify_row

ZOO = Path(__file__).parents[1] / "examples" / "zoo"
RESULTS = Path("benchmarks/results/zoo_rejection.md")
LATENTS = 4000
"""Latent vectors among which an observation's reconstruction is looked for."""

EPSILONS = (Fraction(1, 10), Fraction(1, 1000))
HEADINGS = (
    "decoder",
    "d",
    "noise",
    "certified",
    "K, 0.1",
    "K, 0.001",
    "p",
    "boxes",
    "seconds",
    "most seconds",
    "reason",
)


@dataclass(frozen=True)
class Found:
    """One observation: certified acceptance (None: none), boxes, seconds, the reason where there is none."""

    acceptance: float | None
    boxes: int
    seconds: float
    reason: str


def load(path: Path) -> Generator:
    """The decoder of a file, its first output."""
    outputs = [output.name for output in onnx.load(path).graph.output]
    return load_generator(str(path), output=outputs[0] if len(outputs) > 1 else None)


def own_noise(generator: Generator, rows: FloatArray) -> float:
    """Root mean square that the best of many reconstructions leaves, three digits: about what training would learn."""
    images = generator.value(np.random.default_rng(0).standard_normal((LATENTS, generator.latent_dim)))
    left = [((images - row) ** 2).mean(axis=1).min() for row in rows]
    return float(f"{float(np.sqrt(np.mean(left))):.3g}")


def measure(generator: Generator, row: FloatArray, beta: float) -> Found:
    """Certify one observation."""
    started = time.process_time()
    found = certify_row(generator, beta, EPSILONS[0], row)
    seconds = time.process_time() - started
    numbers = found.numbers
    return Found(
        numbers.p_certified if numbers is not None and found.proposals is not None else None,
        0 if numbers is None else numbers.boxes,
        round(seconds, 3),
        found.reason,
    )


def table(every: dict[str, tuple[int, float, list[Found]]]) -> Table:
    """One row per decoder; medians are over the certified observations."""
    rows = []
    for name, (latents, noise, found) in sorted(every.items()):
        rates = [item.acceptance for item in found if item.acceptance]
        reasons = [item.reason for item in found if item.reason]
        rows.append(
            (
                text_cell(name),
                number_cell(latents),
                number_cell(noise, digits=3),
                text_cell(f"{len(rates)} of {len(found)}"),
                *(number_cell(_median([_proposals(rate, epsilon) for rate in rates])) for epsilon in EPSILONS),
                lower_cell(_median(rates), 3),
                number_cell(_median([float(item.boxes) for item in found])),
                number_cell(_median([item.seconds for item in found]), digits=2),
                number_cell(max((item.seconds for item in found), default=float("nan")), digits=2),
                text_cell(reasons[0] if reasons else ""),
            )
        )
    numbers = tuple(heading for heading in HEADINGS if heading not in ("decoder", "certified", "reason"))
    return Table(
        "zoo-rejection",
        "Theorem R on the zoo, medians over held-out observations",
        columns(HEADINGS, numbers),
        tuple(rows),
    )


def _proposals(rate: float, epsilon: Fraction) -> float:
    needed = proposals_needed(rate, epsilon)
    return float("inf") if needed is None else float(needed.proposals)


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")


@dataclass(frozen=True)
class Task:
    """One observation, by its row in the file beside the decoder."""

    path: str
    index: int
    beta: float


def solve(task: Task) -> dict[str, Any]:
    """What `measure` finds, as a dictionary."""
    row = np.load(Path(task.path).with_suffix(".npy"))[task.index].astype(np.float64)
    return asdict(measure(_loaded(task.path), row, task.beta))


@lru_cache(maxsize=2)
def _loaded(path: str) -> Generator:
    return load(Path(path))


def tasks_of(path: Path, generator: Generator, count: int, beta: float) -> dict[str, Task]:
    """Tasks by key: the code, the decoder, the noise and the row."""
    rows = min(count, len(np.load(path.with_suffix(".npy"))))
    code = code_digest()
    return {f"{code} {path.stem} {generator.sha256[:12]} {beta} {i}": Task(str(path), i, beta) for i in range(rows)}


def main() -> None:
    """Measure all that is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--latents", type=int, nargs="+", default=[2])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--work", type=Path, help="file of finished observations, a line each, read at the next start")
    parser.add_argument("--partial", action="store_true", help="the table of what --work has; measure nothing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    chosen: dict[str, tuple[int, float, dict[str, Task]]] = {}
    for path in sorted(ZOO.glob("*.onnx")):
        if options.names and path.stem not in options.names:
            continue
        try:
            generator = load(path)
        except InputError as error:
            print(error)
            continue
        if options.names or generator.latent_dim in options.latents:
            beta = own_noise(generator, np.load(path.with_suffix(".npy")).astype(np.float64))
            chosen[path.stem] = generator.latent_dim, beta, tasks_of(path, generator, options.count, beta)
    tasks = {key: task for _, _, own in chosen.values() for key, task in own.items()}
    if options.partial:
        found = finished(options.work)
    else:
        with progress_on_terminal(quiet=False) as progress:
            progress.start("observations", len(tasks))
            found = run(solve, tasks, options.processes, options.work, progress.advance)
            progress.finish()
    every = {
        name: (latents, beta, [Found(**found[key]) for key in own if key in found])
        for name, (latents, beta, own) in chosen.items()
    }
    shown = {name: item for name, item in every.items() if item[2]}
    made = f"made by python -m benchmarks.zoo_rejection {' '.join(sorted(shown))} --count {options.count}"
    document = Document((table(shown),), (f"version {__version__}, code {code_digest()}", made))
    write_text_atomically(options.out, table_formats()["markdown"].render(document))


if __name__ == "__main__":
    main()
