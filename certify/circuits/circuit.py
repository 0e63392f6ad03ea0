"""Boolean circuits over AND, OR, XOR, NOT: an immutable list of gates, evaluated on 64 inputs per machine word.

Node i < `inputs` is input i; node `inputs` + k is gate k, which reads earlier nodes only. As an integer, a word has
input i as its bit i. Everything is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from certify.errors import InputError

Words: TypeAlias = npt.NDArray[np.uint64]
WORD = 64
BLOCK_VALUES = 1 << 20
"""Words that an evaluation holds at a time (8 MB): all nodes of one block of inputs."""


class Operation(IntEnum):
    """What a gate computes; NOT reads its first source only (its second is the same node)."""

    AND = 0
    OR = 1
    XOR = 2
    NOT = 3


@dataclass(frozen=True, eq=False)
class Circuit:
    """`operations`, `first`, `second` describe the gates in topological order; `outputs` are nodes.

    Raises:
        InputError: if there is no input or output, or a gate or output reads a node that is not there before it.
    """

    inputs: int
    operations: npt.NDArray[np.uint8]
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    outputs: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.operations)
        if self.inputs < 1 or len(self.outputs) < 1:
            raise InputError("a circuit needs at least one input and one output")
        places = np.arange(self.inputs, self.inputs + count)
        for name, sources, limit in (
            ("gate", self.first, places),
            ("gate", self.second, places),
            ("output", self.outputs, self.inputs + count),
        ):
            if np.any(sources < 0) or np.any(sources >= limit):
                raise InputError(f"a circuit's {name} reads a node that does not stand before it")
        if np.any(self.operations > max(Operation)):
            raise InputError("a gate must be AND, OR, XOR or NOT")
        for array in (self.operations, self.first, self.second, self.outputs):
            array.flags.writeable = False

    @property
    def gates(self) -> int:
        """Number s of gates, negations included."""
        return len(self.operations)

    def counts(self) -> dict[str, int]:
        """Number of gates of each operation."""
        return {item.name: int(np.count_nonzero(self.operations == item)) for item in Operation}

    def gate_by_gate(self) -> bytes:
        """Equal for two circuits exactly where they are the same, gate for gate."""
        parts = (self.operations, self.first, self.second, self.outputs)
        return b"|".join([str(self.inputs).encode(), *(part.tobytes() for part in parts)])

    def depths(self) -> npt.NDArray[np.int64]:
        """Longest path from an input to each node; inputs have 0 and a negation adds nothing."""
        return np.asarray(_depths(self.inputs, self.operations, self.first, self.second))

    def evaluate(self, words: Words) -> Words:
        """Outputs at many inputs: `words[i, w]` holds input i of the inputs 64 w ... 64 w + 63, lowest bit first.

        Returns words of shape (outputs, w) in the same arrangement. Exact.
        """
        if words.ndim != 2 or words.shape[0] != self.inputs:
            raise InputError(f"`words` must have shape ({self.inputs}, count); got {words.shape}")
        width = max(1, BLOCK_VALUES // (self.inputs + self.gates))
        result = np.empty((len(self.outputs), words.shape[1]), dtype=np.uint64)
        for start in range(0, words.shape[1], width):
            block = np.ascontiguousarray(words[:, start : start + width], dtype=np.uint64)
            result[:, start : start + width] = _evaluate(block, self.operations, self.first, self.second, self.outputs)
        return result

    def evaluate_integers(self, values: npt.ArrayLike) -> Words:
        """Outputs as integers at inputs given as integers, shape (k,); needs at most 64 inputs and outputs. Exact."""
        if max(self.inputs, len(self.outputs)) > WORD:
            raise InputError(f"integers have {WORD} bits: this circuit has more inputs or outputs")
        numbers = np.atleast_1d(np.asarray(values, dtype=np.uint64))
        if self.inputs < WORD and np.any(numbers >> np.uint64(self.inputs)):
            raise InputError(f"`values` must be below 2^{self.inputs}")
        return np.asarray(_to_integers(self.evaluate(_to_words(numbers, self.inputs)), len(numbers)), dtype=np.uint64)

    def evaluate_bits(self, bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Outputs at inputs given as rows of bits, shape (k, inputs) to (k, outputs), of any width. Exact."""
        if bits.ndim != 2 or bits.shape[1] != self.inputs:
            raise InputError(f"`bits` must have shape (count, {self.inputs}); got {bits.shape}")
        padded = np.zeros((self.inputs, -(-len(bits) // WORD) * WORD), dtype=bool)
        padded[:, : len(bits)] = bits.T
        packed = np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)
        found = self.evaluate(packed).astype("<u8").view(np.uint8)
        return np.unpackbits(found, axis=1, bitorder="little")[:, : len(bits)].T.astype(bool)

    def __call__(self, value: int) -> int:
        """The output at one input, both as integers."""
        if max(self.inputs, len(self.outputs)) <= WORD:
            return int(self.evaluate_integers(np.array([value], dtype=np.uint64))[0])
        if not 0 <= value < 1 << self.inputs:
            raise InputError(f"`value` must be in [0, 2^{self.inputs})")
        (row,) = self.evaluate_bits(np.array([[value >> i & 1 for i in range(self.inputs)]], dtype=bool)).tolist()
        return sum(1 << i for i, bit in enumerate(row) if bit)


def every_input(inputs: int, start: int = 0, stop: int | None = None) -> Words:
    """Words of all 2^inputs inputs in ascending order, or of the words `start` to `stop` of them.

    For fewer than 6 inputs the one word repeats the inputs periodically.
    """
    stop = max(1, (1 << inputs) // WORD) if stop is None else stop
    index = np.arange(start, stop, dtype=np.uint64)
    rows = np.empty((inputs, stop - start), dtype=np.uint64)
    for i in range(inputs):
        if i < 6:
            rows[i] = np.uint64(sum(1 << t for t in range(WORD) if t >> i & 1))
        else:
            rows[i] = np.where(index >> np.uint64(i - 6) & np.uint64(1), np.uint64(2**WORD - 1), np.uint64(0))
    return rows


@numba.njit(cache=True, nogil=True)
def _evaluate(words: Any, operations: Any, first: Any, second: Any, outputs: Any) -> Any:
    """Word by word: an assignment of slices takes seconds to compile."""
    inputs, width = words.shape
    values = np.empty((inputs + len(operations), width), dtype=np.uint64)
    for row in range(inputs):
        for w in range(width):
            values[row, w] = words[row, w]
    for gate in range(len(operations)):
        operation, left, right, target = operations[gate], values[first[gate]], values[second[gate]], inputs + gate
        if operation == 0:
            for w in range(width):
                values[target, w] = left[w] & right[w]
        elif operation == 1:
            for w in range(width):
                values[target, w] = left[w] | right[w]
        elif operation == 2:
            for w in range(width):
                values[target, w] = left[w] ^ right[w]
        else:
            for w in range(width):
                values[target, w] = ~left[w]
    result = np.empty((len(outputs), width), dtype=np.uint64)
    for row in range(len(outputs)):
        output = values[outputs[row]]
        for w in range(width):
            result[row, w] = output[w]
    return result


@numba.njit(cache=True)
def _depths(inputs: int, operations: Any, first: Any, second: Any) -> Any:
    depth = np.zeros(inputs + len(operations), dtype=np.int64)
    for gate in range(len(operations)):
        deepest = max(depth[first[gate]], depth[second[gate]])
        depth[inputs + gate] = deepest if operations[gate] == 3 else deepest + 1
    return depth


@numba.njit(cache=True)
def _to_words(values: Any, bits: int) -> Any:
    words = np.zeros((bits, (len(values) + 63) // 64), dtype=np.uint64)
    for index in range(len(values)):
        value, place, shift = values[index], index // 64, np.uint64(index % 64)
        for bit in range(bits):
            words[bit, place] |= (value >> np.uint64(bit) & np.uint64(1)) << shift
    return words


@numba.njit(cache=True)
def _to_integers(words: Any, count: int) -> Any:
    values = np.zeros(count, dtype=np.uint64)
    for index in range(count):
        place, shift = index // 64, np.uint64(index % 64)
        value = np.uint64(0)
        for bit in range(words.shape[0]):
            value |= (words[bit, place] >> shift & np.uint64(1)) << np.uint64(bit)
        values[index] = value
    return values
