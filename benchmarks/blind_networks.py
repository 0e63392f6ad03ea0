"""Networks on which LipSDP's inequality proves no more than the product of the layers' norms, and M is smaller.

    python -m benchmarks.blind_networks [--budget 30] [--out FILE.md]

Such networks exist because the inequality does not know which hidden states are reached (Kuang, Xu, Sivaranjani, Lin,
arXiv 2603.28113); the ones here are built from that cause. Every layer is a positive matrix whose leading singular
vectors are constant, so the norm of the product of all layers is the product of the norms: that is what a network with
all slopes at their supremum has, and no bound that holds for every pattern of slopes is smaller. The biases of the
later layers put their steep part where the layer before is flat, so that pattern is never met.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.output import print_and_write
from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.bounds.effort import Work
from certify.bounds.ranges import node_ranges
from certify.bounds.semidefinite import norm_upper, reduced_form
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Node

SHARE = 0.9
"""Bias of a later layer relative to the largest input of its neurons: steep where the layer before is flat."""


@dataclass(frozen=True)
class Blind:
    """`depth` hidden layers of tanh of this width between `latents` inputs and outputs, inner layers of norm `gain`."""

    latents: int
    width: int
    depth: int
    gain: float

    @property
    def product(self) -> float:
        """The product of the layers' norms."""
        return self.gain ** (self.depth - 1)

    def generator(self, seed: int = 0) -> Generator:
        """The network."""
        random = np.random.default_rng(seed)
        widths = (self.latents, *[self.width] * self.depth, self.latents)
        nodes: list[Node] = [Input(self.latents)]
        for layer, (columns, rows) in enumerate(zip(widths, widths[1:], strict=False)):
            is_inner = 0 < layer < self.depth
            weight = (self.gain if is_inner else 1.0) * _aligned(rows, columns, random)
            bias = np.full(rows, SHARE * self.gain if is_inner else 0.0)
            nodes.append(Affine(len(nodes) - 1, weight, bias))
            if layer < self.depth:
                nodes.append(Activation(len(nodes) - 1, "tanh", rows))
        name = f"blind:d={self.latents},width={self.width},depth={self.depth},gain={self.gain:g}"
        return Generator(name, Graph(tuple(nodes)), 1)


def _aligned(rows: int, columns: int, random: np.random.Generator) -> np.ndarray:
    """A positive matrix of norm 1 whose leading singular vectors are constant (Perron)."""
    leading = 1.0 / math.sqrt(rows * columns)
    rest = random.uniform(-1.0, 1.0, (rows, columns))
    rest -= rest.mean(axis=0, keepdims=True)
    rest -= rest.mean(axis=1, keepdims=True)
    matrix: np.ndarray = leading * (1.0 + 0.5 * rest / max(float(np.abs(rest).max()), 1e-9))
    return matrix


CASES = (Blind(1, 1, 2, 4.0), Blind(1, 3, 2, 4.0), Blind(2, 2, 2, 4.0), Blind(2, 3, 2, 6.0))


def semidefinite_value(generator: Generator) -> float:
    """What the inequality proves on R^d, with its search run to its end."""
    form = reduced_form(generator.graph, node_ranges(generator.graph, Region()))
    assert form is not None
    return norm_upper(form, form.output, Work())


def lines(budget: float | None) -> Iterator[str]:
    """The table."""
    yield "| network | product of norms | semidefinite | M | by | product over our upper end |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for case in CASES:
        generator = case.generator()
        found = constants(generator, budget=budget).M
        assert found.upper is not None and found.lower is not None and found.upper_evidence is not None
        yield (
            f"| `{generator.name}` | {case.product:g} | {semidefinite_value(generator):.6g} | "
            f"[{found.lower:.5g}, {found.upper:.5g}] | {found.upper_evidence.method} | "
            f"{case.product / found.upper:.2f} |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    print_and_write(lines(options.budget), options.out)


if __name__ == "__main__":
    main()
