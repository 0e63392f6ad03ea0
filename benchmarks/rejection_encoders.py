"""The exported encoders of Theorem R held against exact draws' law: every upper end below its certified bound.

python -m benchmarks.rejection_encoders [--count 20] [--work FILE.json] [--out benchmarks/results/rejection_encoders]

For every decoder and observation the encoder is certified, written as ONNX, read again and audited: the distance is
bracketed by the law that the declared sampler puts out, to which the file is held (`certify.audits.rejection_encoder`).
All ends of one decoder fail together with probability at most 1e-6 for every observation.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import certify
from benchmarks.rejection import Kept
from benchmarks.zoo_rejection import own_noise
from certify.atomic import write_text_atomically
from certify.cli.progress_bar import progress_on_terminal
from certify.generators.specification import load_generator
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, number_cell, text_cell, upper_cell
from certify.version import __version__

DECODERS = (
    ("examples/digits/residual_d8", "examples/digits/observations_d8"),
    ("examples/digits/pixels64_residual", "examples/digits/observations_pixels64"),
    ("examples/digits/pixels64_conditioned", "examples/digits/observations_pixels64"),
    ("examples/zoo/pythae_vae_digits_d2", "examples/zoo/pythae_vae_digits_d2"),
    ("examples/zoo/torch_softplus_breast_cancer_d2", "examples/zoo/torch_softplus_breast_cancer_d2"),
    ("examples/zoo/sklearn_mlp_iris_d2", "examples/zoo/sklearn_mlp_iris_d2"),
)
HEADINGS = (
    "decoder",
    "encoders",
    "K, median",
    "parameters, median",
    "certified TV <=, largest",
    "measured TV <=, largest",
    "measured TV >=, smallest",
    "below the bound",
    "seconds",
)


@dataclass(frozen=True)
class Held:
    """One encoder: its K and parameters, the certified bound, the measured ends, and CPU seconds."""

    proposals: int
    parameters: int
    bound: float
    lower: float
    upper: float
    seconds: float


def hold(decoder: str, rows: str, index: int, folder: Path) -> Held | None:
    """Certify, write, read and audit the encoder of one row; None where nothing is certified."""
    started = time.process_time()
    generator = load_generator(f"{decoder}.onnx")
    every = np.load(f"{rows}.npy").astype(np.float64).reshape(-1, generator.observed_dim)
    # A decoder of the zoo names no noise: what its own reconstructions leave.
    beta = None if "trained_beta" in generator.metadata else own_noise(generator, every)
    row = every[index]
    path = folder / "encoder.onnx"
    built = certify.encoder("rejection-encoder", generator, beta=beta, observations=row, out=path).choice.chosen
    if built.program is None or built.count is None or built.tv_bound is None:
        return None
    found = certify.audit(path, generator, beta=beta, epsilon="0.1", seed=index).observations[0].distance
    return Held(
        built.program.layers[1], built.count.parameters_unrolled, built.tv_bound, found.lower.value, found.upper.value,
        time.process_time() - started,
    )  # fmt: skip


def table(every: list[tuple[str, list[Held | None]]]) -> Table:
    """One row per decoder."""
    rows = []
    for name, found in every:
        held = [item for item in found if item is not None]
        below = sum(item.upper <= item.bound for item in held)
        rows.append(
            (
                text_cell(name),
                text_cell(f"{len(held)} of {len(found)}"),
                number_cell(float(np.median([item.proposals for item in held]))),
                number_cell(float(np.median([item.parameters for item in held]))),
                upper_cell(max(item.bound for item in held), 4),
                upper_cell(max(item.upper for item in held), 4),
                number_cell(min(item.lower for item in held), digits=4),
                text_cell(f"{below} of {len(held)}"),
                number_cell(sum(item.seconds for item in held), digits=3),
            )
        )
    title = "Exported encoders of Theorem R, epsilon = 0.1"
    return Table("rejection_encoders", title, columns(HEADINGS, HEADINGS[2:7]), tuple(rows))


def main() -> None:
    """Hold every decoder's encoders; write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--work", type=Path, help="file of finished encoders, read again at the next start")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rejection_encoders"))
    options = parser.parse_args()
    kept, every = Kept(options.work), list[tuple[str, list[Held | None]]]()
    with tempfile.TemporaryDirectory() as folder, progress_on_terminal(quiet=False) as progress:
        for decoder, rows in DECODERS:
            found = []
            progress.start(decoder, options.count)
            for index in range(options.count):

                def compute(case: tuple[str, str, int] = (decoder, rows, index)) -> dict[str, Any] | None:
                    held = hold(*case, Path(folder))
                    return None if held is None else asdict(held)

                answer = kept.once(f"{__version__} {decoder} {index}", compute)
                found.append(None if answer is None else Held(**answer))
                progress.advance()
            progress.finish()
            every.append((Path(decoder).name, found))
            comments = (f"version {__version__}", "made by python -m benchmarks.rejection_encoders")
            text = table_formats()["markdown"].render(Document((table(every),), comments))
            write_text_atomically(options.out.with_suffix(".md"), text)


if __name__ == "__main__":
    main()
