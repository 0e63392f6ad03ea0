"""Inversion by a trained encoder: success of networks of growing width on equal data, on a permutation and a control.

    pip install -e '.[train]'
    python -m benchmarks.trained_inversion [--quick] [--out benchmarks/results/trained_inversion.md]

Data are those of an amortised encoder: x = P(sgn z) + beta xi with labels sgn z, the same number of pairs for every
width, size and family. One half of the words occurs in training. The network then goes through Theorem 2's reduction
(`certify.circuits.reduction.invert`), on new noise: on the words seen, where a table suffices, and on the words never
seen, where it would have to have found the rule. Success means that all signs are right.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.circuits.permutation import Permutation, permutation
from certify.circuits.posterior import IntArray, to_signs
from certify.circuits.reduction import Encoder, invert
from certify.errors import MissingExtraError
from certify.posteriors.estimates import IntervalEstimate, frequency_interval
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, interval_cell, label_cell, number_cell

if TYPE_CHECKING:
    import torch

FAMILIES = ("gf2exp", "linear", "identity")
BITS = (6, 8, 10)
WIDTHS = (8, 32, 128, 512)
BETA = 0.25
PAIRS = 8192
STEPS = 1500
BATCH = 256
RATE = 3e-3
NETWORKS = 3
TRIALS = 2000
ERROR = 1e-3
HEADINGS = ("family", "bits", "width", "parameters", "seen", "99.9 %", "unseen", "99.9 %", "guess")


@dataclass(frozen=True)
class Split:
    """Words sgn z that occur in training and the others, with the images of all words."""

    seen: IntArray
    unseen: IntArray
    images: IntArray


@dataclass(frozen=True)
class Success:
    """Networks of one width at one permutation: how often all signs were right, over all networks together."""

    family: str
    bits: int
    width: int
    parameters: int
    seen: IntervalEstimate
    unseen: IntervalEstimate


def images_of(family: str, bits: int) -> IntArray:
    """P at every word; `identity` is a check of the training itself: sgn x is the answer there."""
    words = np.arange(1 << bits, dtype=np.uint64)
    if family == "identity":
        return words.astype(np.int64)
    instance: Permutation = permutation(family, bits, seed=0)
    return instance.circuit.evaluate_integers(words).astype(np.int64)


def split(images: IntArray, random: np.random.Generator) -> Split:
    """One half of the words, drawn uniformly, for training."""
    order = random.permutation(images.size)
    return Split(order[: images.size // 2], order[images.size // 2 :], images)


def train(data: Split, bits: int, width: int, seed: int) -> torch.nn.Module:
    """Two hidden layers, trained on PAIRS draws of the model by logistic loss on each sign."""
    import torch

    random = np.random.default_rng((seed, bits, 1))
    torch.manual_seed(seed)
    words = random.choice(data.seen, size=PAIRS)
    noisy = to_signs(data.images[words], bits) + BETA * random.standard_normal((PAIRS, bits))
    x, target = torch.tensor(noisy, dtype=torch.float32), torch.tensor(to_signs(words, bits) > 0, dtype=torch.float32)
    network = torch.nn.Sequential(
        torch.nn.Linear(bits, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU(),
        torch.nn.Linear(width, bits),
    )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(STEPS):
        batch = torch.randint(PAIRS, (BATCH,))
        optimiser.zero_grad()
        loss_of(network(x[batch]), target[batch]).backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def encoder_of(network: torch.nn.Module) -> Encoder:
    """The network as an encoder: its likelier signs, half-normal sizes."""
    import torch

    def encode(observations: FloatArray, random: np.random.Generator) -> FloatArray:
        with torch.no_grad():
            logits = network(torch.tensor(observations, dtype=torch.float32)).numpy()
        return np.where(logits > 0, 1.0, -1.0) * np.abs(random.standard_normal(observations.shape))

    return encode


def inverted(network: torch.nn.Module, words: IntArray, data: Split, bits: int, random: np.random.Generator) -> int:
    """How many of TRIALS uniform ones of `words` the network gets back from their images through the reduction."""
    drawn = random.choice(words, size=TRIALS)
    guesses = invert(encoder_of(network), data.images[drawn], bits, BETA, random)
    return int(np.count_nonzero(guesses == drawn))


def measure(family: str, bits: int, width: int) -> Success:
    """NETWORKS networks, each with a split of its own, which is the same for every width."""
    images, hits, parameters = images_of(family, bits), [0, 0], 0
    for seed in range(NETWORKS):
        data = split(images, np.random.default_rng((seed, bits, 0)))
        network = train(data, bits, width, seed)
        parameters = sum(entry.numel() for entry in network.parameters())
        random = np.random.default_rng((seed, bits, 2))
        for place, words in enumerate((data.seen, data.unseen)):
            hits[place] += inverted(network, words, data, bits, random)
    # Equal numbers of trials from each network spread less than trials from one drawn at random (Hoeffding 1956), for
    # which the binomial interval is exact.
    seen, unseen = (frequency_interval(count, NETWORKS * TRIALS, ERROR) for count in hits)
    return Success(family, bits, width, parameters, seen, unseen)


def measurements(families: tuple[str, ...], bits: tuple[int, ...], widths: tuple[int, ...]) -> Iterator[Success]:
    """Every family, size and width, with a line for each."""
    for family in families:
        for size in bits:
            for width in widths:
                start = time.perf_counter()
                found = measure(family, size, width)
                print(
                    f"{family} {size} bits, width {width}: seen {found.seen.estimate:.3f}, "
                    f"unseen {found.unseen.estimate:.3f} ({time.perf_counter() - start:.1f} s)", flush=True,
                )  # fmt: skip
                yield found


def table(found: list[Success]) -> Table:
    """Success by family, bits and width, with intervals."""
    rows = tuple(
        (
            label_cell(item.family), number_cell(item.bits), number_cell(item.width),
            number_cell(item.parameters, digits=7), *_success_cells(item.seen), *_success_cells(item.unseen),
            number_cell(2.0 ** (1 - item.bits), digits=2),
        )
        for item in found
    )  # fmt: skip
    notes = (
        f"{PAIRS} pairs and {STEPS} steps of Adam for every network, beta = {BETA}; {NETWORKS} networks, {TRIALS} "
        "trials each; intervals of Clopper and Pearson for these networks on these words, not for other training",
        "seen: words that occur in training, new noise; unseen: the other half; guess: one of the unseen at random",
        "linear is a control that elimination inverts; identity checks that training works",
        "a measurement, which proves no lower bound",
    )
    return Table("trained_inversion", "Inversion by trained networks", columns(HEADINGS, HEADINGS[1:]), rows, notes)


def _success_cells(success: IntervalEstimate) -> tuple[Cell, Cell]:
    return number_cell(success.estimate, digits=4), interval_cell(success.lower, success.upper, 3)


def main() -> None:
    """Train, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/trained_inversion.md"))
    parser.add_argument("--quick", action="store_true", help="6 bits and two widths alone, nothing written")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "train", "training an encoder") from error
    torch.set_num_threads(1)
    start = time.perf_counter()
    found = list(measurements(FAMILIES, (6,), (8, 128)) if arguments.quick else measurements(FAMILIES, BITS, WIDTHS))
    comments = (
        f"made by python -m benchmarks.trained_inversion, torch {torch.__version__}, "
        f"{time.perf_counter() - start:.0f} s",
    )
    text = table_formats()["markdown"].render(Document((table(found),), comments))
    print(text)
    if not arguments.quick:
        write_text_atomically(arguments.out, text)


if __name__ == "__main__":
    main()
