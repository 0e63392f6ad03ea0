"""Substitution-permutation networks: rounds of a key, equal S-boxes side by side, and a permutation of the bits.

A toy beside the ciphers its S-boxes come from: keys are drawn, not scheduled, and are part of the public circuit. That
it is a bijection follows from its layers, each of which splits into blocks of few bits or is affine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from certify.circuits.builder import CircuitBuilder, inlined
from certify.circuits.circuit import Circuit
from certify.circuits.permutation import Permutation
from certify.circuits.substitution_boxes import SubstitutionBox, substitution_box
from certify.errors import InputError

MOST_BITS, MOST_ROUNDS = 1024, 64


@dataclass(frozen=True, eq=False)
class SubstitutionNetwork:
    """`keys` holds the word that each round adds to its input before the S-boxes."""

    box: SubstitutionBox
    bits: int
    keys: tuple[int, ...]

    def value(self, x: int) -> int:
        """The word after all rounds, in integer arithmetic. Exact."""
        width, mask = self.box.bits, (1 << self.box.bits) - 1
        for key in self.keys:
            x ^= key
            x = sum(self.box.value(x >> place & mask) << place for place in range(0, self.bits, width))
            x = sum((x >> source & 1) << target for target, source in enumerate(self._sources()))
        return x

    def layers(self) -> tuple[Circuit, ...]:
        """Circuits whose composition, first to last, is the network: key, S-boxes, bits for each round."""
        found = []
        for key in self.keys:
            builder = CircuitBuilder(self.bits)
            found.append(builder.finish([builder.negate(i) if key >> i & 1 else i for i in range(self.bits)]))
            found += [self._substitution(), CircuitBuilder(self.bits).finish(self._sources())]
        return tuple(found)

    def _substitution(self) -> Circuit:
        builder = CircuitBuilder(self.bits)
        places = range(0, self.bits, self.box.bits)
        blocks = (inlined(builder, self.box.circuit, range(place, place + self.box.bits)) for place in places)
        return builder.finish([signal for block in blocks for signal in block])

    def _sources(self) -> list[int]:
        """Output bit -> input bit: bit b of box a goes to place b m + a (m boxes), as in PRESENT for 16 boxes."""
        count = self.bits // self.box.bits
        return [target % count * self.box.bits + target // count for target in range(self.bits)]


def composed(layers: tuple[Circuit, ...]) -> Circuit:
    """The composition of the layers, the first one applied first."""
    builder = CircuitBuilder(layers[0].inputs)
    signals = list(range(layers[0].inputs))
    for layer in layers:
        signals = inlined(builder, layer, signals)
    return builder.finish(signals)


@cache
def substitution_network(box: str, bits: int, rounds: int, seed: int) -> Permutation:
    """The network of an S-box with keys drawn from `seed`.

    Raises:
        UnknownNameError: for an S-box that is not known.
        InputError: unless `bits` is a multiple of the S-box's in [1, 1024] and `rounds` is in [1, 64].
    """
    found = substitution_box(box)
    if not 1 <= bits <= MOST_BITS or bits % found.bits:
        raise InputError(f"`bits` must be a multiple of {found.bits} ({box}) in [1, {MOST_BITS}]; got {bits}")
    if not 1 <= rounds <= MOST_ROUNDS:
        raise InputError(f"`rounds` must be in [1, {MOST_ROUNDS}]; got {rounds}")
    drawn = np.random.default_rng(seed).integers(0, 2, size=(rounds, bits)).tolist()
    network = SubstitutionNetwork(found, bits, tuple(sum(bit << i for i, bit in enumerate(row)) for row in drawn))
    layers = network.layers()
    return Permutation("spn", bits, composed(layers), network.value, layers=layers)
