"""What a chain is on boxes where most of its neurons are off: the same function there, of the neurons that may be on.

A neuron of ReLU that is off throughout a box is 0 there, so on every box inside it the chain without its row and its
column is the very same function, with no rounding. The boxes of a search are bisected, so what is off in a box is known
before its parts are bounded. Behind wide convolutions small boxes keep half of the neurons, nearly the same ones, and a
quarter of the products: `LiveChains` makes one chain for many boxes, and others where that is less work. Work is
counted, so the choice is the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import FloatArray
from certify.envelopes.box_chain import Chain, Layer, Weight
from certify.envelopes.box_tree import centred_boxes, lattice
from certify.envelopes.chain_forms import ChainForms, chain_forms
from certify.envelopes.stencil_weights import DenseWeight
from certify.envelopes.tile_weights import CALL

Bits: TypeAlias = npt.NDArray[np.uint8]
"""Neurons of all layers of ReLU that may be on, packed by `numpy.packbits`: (b, bytes) for b boxes."""

Live: TypeAlias = tuple[npt.NDArray[np.bool_], ...]
"""The same of one set, layer by layer (k,)."""

REPEATED = 16
"""Terms by which a row is counted longer than it is: records are verified through the whole chain, whose float32 differ
by less than that, so what a search claims is found again."""

SMALL, NEURON = 1.4, 70.0
"""What an entry of a small block costs and what a neuron does, a layer's entry being 1."""

MAKING = 15.0
"""Boxes bounded through the whole chain that cost what making a smaller one does."""

SIDES, PARTS = {1: 24, 2: 6, 3: 3}, 48
"""Parts per axis of a region of which it is found what may be on, by dimension; how many at a time."""

MOST_COST = 0.7
"""Share of the whole chain's cost beyond which a smaller one is not made for a region."""

MOST_LIVE = 0.8
"""Share of the neurons that may be on beyond which nothing smaller is looked for: boxes are still large."""


@dataclass(frozen=True, eq=False)
class LiveChain:
    """`chain` is the whole one on boxes where all neurons but those of `bits` (bytes,) are off."""

    chain: Chain
    bits: Bits

    def holds(self, bits: Bits) -> npt.NDArray[np.bool_]:
        """Where no other neuron may be on: boxes (b,) of `bits` (b, bytes). Exact."""
        return np.asarray(~(bits & ~self.bits).any(axis=1))


def all_live(chain: Chain, count: int) -> Bits:
    """Of boxes of which nothing is known, (count, bytes)."""
    return np.full((count, -(-sum(_widths(chain)) // 8)), 255, dtype=np.uint8)


def live_bits(forms: ChainForms) -> Bits:
    """Neurons of the whole chain that are not off throughout each box, (b, bytes). Exact.

    What overflowed is not known to be off.
    """
    parts, within = [], forms.chain.live
    for index, kinks in enumerate(forms.kinks):
        live = kinks.on.copy()
        live.reshape(-1)[kinks.places] = True
        if within is not None:
            whole = np.zeros((len(live), len(within[index])), dtype=bool)
            whole[:, within[index]] = live
            live = whole
        parts.append(live)
    return np.packbits(np.concatenate(parts, axis=1), axis=1)


@dataclass(frozen=True, eq=False)
class LiveRegion:
    """The box [`low`, `high`], (d,) each, and what the chain is on it."""

    low: FloatArray
    high: FloatArray
    small: LiveChain

    def holds(self, lows: FloatArray, highs: FloatArray) -> npt.NDArray[np.bool_]:
        """Which boxes [lows, highs], (b, d) each, lie in it. Exact."""
        return np.asarray(((lows >= self.low) & (highs <= self.high)).all(axis=1))


def live_region(chain: Chain, low: FloatArray, high: FloatArray) -> LiveRegion | None:
    """What a chain is on the box [low, high], (d,) each, by what may be on in parts of it; None if that is too much."""
    whole, found = LiveChains(chain), []
    lows, highs = lattice(low, high, SIDES.get(low.size, 2))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for start in range(0, len(lows), PARTS):
            part = slice(start, start + PARTS)
            found.append(live_bits(chain_forms(chain, *centred_boxes(lows[part], highs[part]))))
    small = whole.smaller(np.bitwise_or.reduce(np.concatenate(found), axis=0))
    return None if small is None else LiveRegion(low, high, small)


class LiveChains:
    """The chain of a search, whole and as last made smaller: first that of a `region`."""

    def __init__(self, whole: Chain, region: LiveRegion | None = None) -> None:
        self.whole = whole
        self._region, self._small = region, None if region is None else region.small

    def smaller(self, bits: Bits) -> LiveChain | None:
        """The chain of these neurons (bytes,); None where it is not much smaller."""
        return self._made(bits) if self._cost(self._layers(bits)) < MOST_COST * self._cost(None) else None

    def parts(self, bits: Bits, lows: FloatArray, highs: FloatArray) -> list[tuple[Chain, npt.NDArray[np.intp]]]:
        """Chains and their boxes, for boxes [lows, highs], (b, d) each, inside others of `bits`; every box once."""
        every = np.arange(len(bits))
        if self._region is not None:
            held = self._region.holds(lows, highs)
            bits = np.where(held[:, None], bits & self._region.small.bits, bits)
        counts = np.bitwise_count(bits).sum(axis=1)
        if self._small is None and not (len(bits) > MAKING and np.median(counts) < MOST_LIVE * 8 * bits.shape[1]):
            return [(self.whole, every)]
        present = np.zeros(len(bits), dtype=bool) if self._small is None else self._small.holds(bits)
        whole = self._cost(None)
        cost = whole * (~present).sum()
        if self._small is not None:
            cost += self._cost(self._small.chain.live) * present.sum()
        # With those left out that keep most, the others keep less.
        order, best = np.argsort(counts, kind="stable"), None
        for share in (1.0, 0.9, 0.75, 0.5):
            taken = order[: int(np.ceil(share * len(bits)))]
            union = np.bitwise_or.reduce(bits[taken], axis=0)
            found = (MAKING + len(bits) - len(taken)) * whole + len(taken) * self._cost(self._layers(union))
            if found < cost:
                cost, best = found, union
        if best is not None:
            self._small = self._made(best)
            present = self._small.holds(bits)
        if self._small is None or not present.any():
            return [(self.whole, every)]
        return [(self._small.chain, every[present]), (self.whole, every[~present])]

    def _layers(self, bits: Bits) -> Live:
        widths = _widths(self.whole)
        flat = np.unpackbits(bits)[: sum(widths)].astype(bool)
        found = tuple(np.split(flat, np.cumsum(widths)[:-1]))
        for part in found:
            # One that is off is kept where all are: a layer has neurons, and more than those of `bits` are no harm.
            part[0] |= not part.any()
        return found

    def _cost(self, live: Live | None) -> float:
        """About what a box costs, a layer's entry being 1."""
        layers = self.whole.layers
        if live is None:
            return float(sum(layer.weight.entries for layer in layers) + NEURON * sum(_widths(self.whole)))
        total = NEURON * float(sum(int(part.sum()) for part in live))
        for layer, columns, rows in zip(layers, live, _behind(live, layers), strict=True):
            if layer.tiles is None:
                total += layer.weight.entries * float(columns.mean() * rows.mean())
            else:
                tiles = layer.tiles[0]
                total += SMALL * tiles.entries(rows, columns) + CALL * len(tiles.blocks)
        return total

    def _made(self, bits: Bits) -> LiveChain:
        live, whole = self._layers(bits), self.whole
        layers = tuple(_small(*item) for item in zip(whole.layers, live, _behind(live, whole.layers), strict=True))
        first, offset = whole.first[live[0]], whole.offset[live[0]]
        return LiveChain(replace(whole, first=first, offset=offset, layers=layers, live=live), bits)


def _widths(chain: Chain) -> list[int]:
    return [layer.weight.shape[1] for layer in chain.layers]


def _behind(live: Live, layers: tuple[Layer, ...]) -> Live:
    """The rows of the layers that are kept: of the last one all."""
    return (*live[1:], np.ones(layers[-1].weight.shape[0], dtype=bool))


def _small(layer: Layer, columns: npt.NDArray[np.bool_], rows: npt.NDArray[np.bool_]) -> Layer:
    """The rows and columns of a layer that are kept."""
    weight: Weight
    transposed: Weight
    if layer.tiles is None:
        assert isinstance(layer.weight, DenseWeight), "only sparse weights have tiles"
        matrix = np.ascontiguousarray(layer.weight.matrix[rows][:, columns])
        longer = [
            whole - own + REPEATED for whole, own in zip(layer.weight.shape[::-1], matrix.shape[::-1], strict=True)
        ]
        weight = DenseWeight(matrix, longer[0])
        transposed = DenseWeight(np.ascontiguousarray(matrix.T), longer[1])
    else:
        weight = layer.tiles[0].small(rows, columns, layer.weight.terms + REPEATED)
        transposed = layer.tiles[1].small(columns, rows, layer.transposed.terms + REPEATED)
    # The sums of whole rows are not smaller than those of parts.
    return Layer(weight, transposed, layer.row_sums[rows], layer.bias[rows])
