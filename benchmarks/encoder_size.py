"""Size of the encoders, their theorems' bounds and the ratio, for N from 1e2 to 1e6 and d from 2 to 128.

python -m benchmarks.encoder_size [--quick] [--out benchmarks/results/encoder_size]

The generators are single residual blocks z + W2 tanh(W1 z + b) with ||W1|| = ||W2|| = sqrt(0.3), so m = 0.7, M = 1.3,
M2 = (4/(3 sqrt 3)) 0.3 sqrt(0.3) and M3 = 0.18 hold for every width and dimension: N and d move alone. Encoders are
counted from their programs, never unrolled.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from certify.arithmetic.balls import Real, precision, upper
from certify.arithmetic.rounding import ratio_text
from certify.atomic import write_bytes_atomically, write_text_atomically
from certify.discovery.registry import encoder_kinds, load_theorem
from certify.encoders.count import encoder_count
from certify.encoders.kind import EncoderOptions, Numbers
from certify.errors import MissingExtraError
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.proof.closed_forms import enclose
from certify.proof.optimiser import Certificate, shortest
from certify.report.discovery import table_formats
from certify.report.table import Document, Table, columns, label_cell, number_cell, upper_cell

LIPSCHITZ = Fraction(3, 10)
EPSILON = Fraction(1, 10)
DIMENSIONS = (2, 4, 8, 16, 32, 64, 128)
PARAMETERS = (100, 1_000, 10_000, 100_000, 1_000_000)
HEADINGS = ("theorem", "d", "N", "beta", "layers", "unrolled", "bound", "ratio", "unrolled/N", "shared")


@dataclass(frozen=True)
class Size:
    """One encoder of one generator."""

    theorem: str
    dimension: int
    parameters: int
    beta: float
    layers: tuple[int, int]
    unrolled: int
    shared: int
    bound: float | None


def constants() -> dict[str, Real]:
    """m, M, M2, M3 of every block of the family; M2 rounded up."""
    root = Fraction(547723, 10**6)
    assert root**2 >= LIPSCHITZ
    second = Fraction(769801, 10**6)
    assert second**2 >= Fraction(16, 27)
    return {"m": 1 - LIPSCHITZ, "M": 1 + LIPSCHITZ, "M2": second * LIPSCHITZ * root, "M3": 2 * LIPSCHITZ * LIPSCHITZ}


def noise(dimension: int) -> float:
    """The noise level of the table: admitted by all three theorems, of the order that they share with the paper's."""
    return 0.02 / math.sqrt(dimension)


def generators(dimension: int, parameters: tuple[int, ...]) -> Iterator[Generator]:
    """Blocks with about N parameters, of width N/(2 d + 1); none where N is too small for one neuron."""
    for target in parameters:
        width = round(target / (2 * dimension + 1))
        if width >= 1:
            yield block(dimension, width)


def block(dimension: int, width: int) -> Generator:
    """The block z + W2 tanh(W1 z + b) with random weights of norm sqrt(0.3), a hair below it."""
    random = np.random.default_rng((dimension, width))
    norm = math.sqrt(LIPSCHITZ) * (1 - 1e-12)
    inward, outward = random.standard_normal((width, dimension)), random.standard_normal((dimension, width))
    graph = Graph(
        (
            Input(dimension),
            Affine(0, norm / float(np.linalg.norm(inward, 2)) * inward, random.standard_normal(width)),
            Activation(1, "tanh", width),
            Affine(2, norm / float(np.linalg.norm(outward, 2)) * outward, np.zeros(dimension)),
            Sum((0, 3), (1.0, 1.0), dimension),
        )
    )
    return Generator(f"block:d={dimension},width={width}", graph, 2 * dimension * width + width)


def sizes(dimensions: tuple[int, ...], parameters: tuple[int, ...]) -> Iterator[Size]:
    """Every encoder kind at every dimension and size."""
    for name, kind in encoder_kinds().items():
        if kind.build is None:
            # Certifies single observations, not constants.
            continue
        theorem = load_theorem(name)
        for dimension in dimensions:
            beta = noise(dimension)
            inputs: dict[str, Real] = {
                **constants(), "d": dimension, "n": dimension, "N": 1, "beta": beta, "epsilon": EPSILON, "t_x": 2
            }  # fmt: skip
            begin = time.perf_counter()
            certificate = shortest(theorem, inputs)
            print(f"{name} d={dimension}: {time.perf_counter() - begin:.1f} s", flush=True)
            if certificate is None:
                continue
            for generator in generators(dimension, parameters):
                numbers = Numbers(certificate.values)
                program = kind.build(generator, numbers, EncoderOptions())
                count = encoder_count(program)
                bound = _bound(name, inputs, certificate, generator) if program.size_bounded else None
                assert bound is None or count.parameters_unrolled <= bound, "an encoder larger than its theorem says"
                yield Size(
                    name, dimension, generator.parameters, beta, program.layers, count.parameters_unrolled,
                    count.parameters_shared, bound,
                )  # fmt: skip


def _bound(name: str, inputs: dict[str, Real], certificate: Certificate, generator: Generator) -> float:
    """The theorem's bound at this N. Upper bound, rounded outward."""
    values = enclose(load_theorem(name), {**inputs, "N": generator.parameters, **certificate.choices})
    with precision():
        return upper(values["size_bound"])


def table(found: list[Size]) -> Table:
    """All sizes as a table."""
    rows = tuple(
        (
            label_cell(item.theorem),
            number_cell(item.dimension),
            number_cell(item.parameters, digits=7),
            number_cell(item.beta, digits=3),
            label_cell(f"{item.layers[0]} + {item.layers[1]}"),
            number_cell(item.unrolled, digits=4),
            upper_cell(item.bound, 4) if item.bound is not None else label_cell("none"),
            label_cell("" if item.bound is None else ratio_text(item.bound / item.unrolled)),
            number_cell(item.unrolled / item.parameters, digits=4),
            number_cell(item.shared, digits=7),
        )
        for item in found
    )
    notes = (
        "residual blocks with m = 0.7, M = 1.3, M2 <= 0.1265, M3 = 0.18; epsilon = 0.1; beta = 0.02/sqrt(d); for x of "
        "the model with probability at least 0.8646",
        "layers: deterministic + stochastic; the sharp theorem states no bound of its size",
    )
    return Table("encoder_size", "Size of the certified encoders", columns(HEADINGS, HEADINGS[1:]), rows, notes)


def draw(found: list[Size], path: Path) -> list[Path]:
    """Unrolled size against N, one panel a theorem, one line a dimension, the bound dashed; PNG and PDF."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots", "the figure of encoder sizes") from error
    names = list(dict.fromkeys(item.theorem for item in found))
    figure, axes = plt.subplots(1, len(names), figsize=(4.2 * len(names), 3.8), sharex=True, sharey=True, squeeze=False)
    dimensions = sorted({item.dimension for item in found})
    colours = plt.get_cmap("viridis")([i / max(1, len(dimensions) - 1) for i in range(len(dimensions))])
    for axis, name in zip(axes[0], names, strict=True):
        for dimension, colour in zip(dimensions, colours, strict=True):
            items = [item for item in found if (item.theorem, item.dimension) == (name, dimension)]
            sizes_of = [item.parameters for item in items]
            axis.loglog(
                sizes_of, [item.unrolled for item in items], "o-", color=colour, markersize=3, label=f"{dimension}"
            )
            bounds = [(item.parameters, item.bound) for item in items if item.bound is not None]
            if bounds:
                axis.loglog(*zip(*bounds, strict=True), "--", color=colour, linewidth=0.8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("parameters of the generator, N")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("parameters of the encoder, unrolled")
    axes[0][-1].legend(title="d", fontsize=8, title_fontsize=8)
    figure.tight_layout()
    written = [path.with_suffix(".png"), path.with_suffix(".pdf")]
    for target in written:
        figure.savefig(target, dpi=150, metadata={"CreationDate": None} if target.suffix == ".pdf" else None)
    plt.close(figure)
    return written


def main() -> None:
    """Count, print, and write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/encoder_size"))
    parser.add_argument("--quick", action="store_true", help="d = 2, 8 and N = 1e2, 1e4 alone, nothing written")
    arguments = parser.parse_args()
    dimensions, parameters = ((2, 8), (100, 10_000)) if arguments.quick else (DIMENSIONS, PARAMETERS)
    found = list(sizes(dimensions, parameters))
    document = Document((table(found),), ("python -m benchmarks.encoder_size",))
    formats = table_formats()
    print(formats["markdown"].render(document))
    if arguments.quick:
        return
    write_text_atomically(arguments.out.with_suffix(".md"), formats["markdown"].render(document))
    write_bytes_atomically(arguments.out.with_suffix(".tex"), formats["latex"].render(document).encode())
    for path in draw(found, arguments.out):
        print(f"figure: {path}")


if __name__ == "__main__":
    main()
