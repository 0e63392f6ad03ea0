r"""Exact minimal circuits over all two-input gates, found and refuted by SAT.

The size of a circuit is its number of two-input gates; negations are free (every gate over the full basis B_2
absorbs those of its inputs and of its output). It is therefore the same for all functions that differ by permuting
and negating inputs and outputs. A circuit with r gates is a *chain*: step i combines two earlier values x_j, x_k.

Encoding (Knuth, TAOCP 7.2.2.2, exercise 477, after Kojevnikov, Kulikov and Yaroslavtsev, SAT 2009), for *normal*
functions (0 at the all-zero input, which a negation achieves): s_ijk says that gate i reads j < k, x_it is its value at
row t, f_ipq its value at inputs p, q, g_hi that output h is gate i. Four clause groups only cut symmetric chains, none
of them all. In a minimal chain every gate is used. A gate that reads a gate and one of that gate's own inputs can read
the other input instead, which shrinks its cone and grows none: take a minimal chain with the least sum of cones.
Exchanging a gate with its successor, where that does not read it and has colexicographically smaller sources, makes the
list of sources lexicographically smaller and leaves the cones: take the least such list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TypeAlias

from certify.errors import InputError, MissingExtraError

Clause: TypeAlias = tuple[int, ...]
LARGEST_INPUTS = 8
SOLVER = "cadical195"


@dataclass(frozen=True)
class Gate:
    """x = table[2 p + q] at p = x_first, q = x_second; `table` is a 4-bit word, bit 2p + q first from below."""

    first: int
    second: int
    table: int


@dataclass(frozen=True)
class Chain:
    """Values 0..inputs-1 are the inputs, inputs + i is gate i; output h is value `outputs[h]`, negated where told.

    Raises InputError if a gate or output reads a value that is not there before it.
    """

    inputs: int
    gates: tuple[Gate, ...]
    outputs: tuple[int, ...]
    negated: tuple[bool, ...]

    def __post_init__(self) -> None:
        read = [(gate.first, gate.second) for gate in self.gates] + [self.outputs]
        if not all(0 <= value < self.inputs + i for i, values in enumerate(read) for value in values):
            raise InputError("a chain's gate or output reads a value that does not stand before it")

    def truth_tables(self) -> tuple[int, ...]:
        """Truth table of every output: bit t is its value at the input whose bit i is (t >> i) & 1. Exact."""
        rows = 1 << self.inputs
        full = (1 << rows) - 1
        values = [_projection(self.inputs, i) for i in range(self.inputs)]
        for gate in self.gates:
            word = 0
            for p, q in product((0, 1), repeat=2):
                if gate.table >> (2 * p + q) & 1:
                    first = values[gate.first] if p else full ^ values[gate.first]
                    second = values[gate.second] if q else full ^ values[gate.second]
                    word |= first & second
            values.append(word)
        return tuple(
            values[output] ^ (full if flip else 0) for output, flip in zip(self.outputs, self.negated, strict=True)
        )


@dataclass(frozen=True)
class Refutation:
    """No chain of `gates` gates computes the targets: the formula and the solver's DRAT proof, to be checked."""

    gates: int
    variables: int
    clauses: tuple[Clause, ...]
    proof: tuple[str, ...]


@dataclass(frozen=True)
class MinimalChain:
    """A chain of the least size, and a refutation of every smaller number of gates that needed one.

    `lower_bound` is the number of gates below which the refutations (or counting: a gate for each output that is no
    input) leave nothing. It equals the chain's size; the chain is None if there is none up to the limit.
    """

    chain: Chain | None
    lower_bound: int
    refutations: tuple[Refutation, ...]


def minimal_chain(inputs: int, targets: Sequence[int], largest: int = 12) -> MinimalChain:
    """The least number of two-input gates that computes all `targets` at once.

    Args:
        inputs: number n of inputs, 1 to 8.
        targets: truth tables, each an integer of 2^n bits (see `Chain.truth_tables`).
        largest: sizes above it are not tried.

    Returns:
        A chain that was evaluated against the targets again, and refutations that are still to be checked by
        `certify.circuits.drat`: a solver's word is not a proof.

    Raises:
        InputError: for inputs outside [1, 8] or a target that is no truth table of that many inputs.
        MissingExtraError: if PySAT is not installed.
    """
    refutations: list[Refutation] = []
    for size in range(least_conceivable(inputs, targets), largest + 1):
        found = chain_of_size(inputs, targets, size)
        if isinstance(found, Chain):
            return MinimalChain(found, size, tuple(refutations))
        refutations.append(found)
    return MinimalChain(None, largest + 1, tuple(refutations))


def least_conceivable(inputs: int, targets: Sequence[int]) -> int:
    """Number of different targets (up to negation) that are no inputs: each needs a gate of its own."""
    _validate(inputs, targets)
    return len(_needed(inputs, targets))


def chain_of_size(inputs: int, targets: Sequence[int], size: int) -> Chain | Refutation:
    """A chain of `size` gates for the targets, or the solver's refutation; arguments and errors as `minimal_chain`.

    A refutation speaks of least chains: it says that the least size is not `size`, and with refutations of all
    smaller sizes that it is larger.
    """
    _validate(inputs, targets)
    needed = _needed(inputs, targets)
    if size == 0 and not needed:
        return _named(inputs, targets, (), {})
    found = _solve(inputs, needed, size)
    if isinstance(found, Refutation):
        return found
    chain = _named(inputs, targets, *found)
    assert chain.truth_tables() == tuple(targets), "a chain is evaluated again before it is believed"
    return chain


def formula_of_size(inputs: int, targets: Sequence[int], size: int) -> tuple[int, tuple[Clause, ...]]:
    """Number of variables and clauses of the formula that `chain_of_size` solves; arguments and errors as there."""
    _validate(inputs, targets)
    names, clauses = encode(inputs, _needed(inputs, targets), size)
    return names.count, tuple(clauses)


def encode(inputs: int, needed: Sequence[int], size: int) -> tuple[_Variables, list[Clause]]:
    """Clauses that hold exactly for the chains of `size` gates (up to symmetry) with the normal outputs `needed`."""
    names = _Variables(inputs, len(needed), size)
    clauses = [
        clause for group in (_selections, _operators, _values, _outputs, _symmetries) for clause in group(names, needed)
    ]
    return names, clauses


def formula(inputs: int, targets: Sequence[int], size: int) -> tuple[Clause, ...]:
    """The clauses that `chain_of_size` asks the solver about."""
    return tuple(encode(inputs, _needed(inputs, targets), size)[1])


class _Variables:
    """Numbers of the variables s_ijk, x_it, f_ipq, g_hi; gates are numbered from `inputs` on, rows from 1 on."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        self.inputs, self.outputs, self.size = inputs, outputs, size
        self.rows = range(1, 1 << inputs)
        self.gates = range(inputs, inputs + size)
        self.count = 0
        self.select = {(i, pair): self._new() for i in self.gates for pair in combinations(range(i), 2)}
        self.value = {(i, t): self._new() for i in self.gates for t in self.rows}
        self.operator = {(i, p, q): self._new() for i in self.gates for p, q in ((0, 1), (1, 0), (1, 1))}
        self.output = {(h, i): self._new() for h in range(outputs) for i in self.gates}

    def _new(self) -> int:
        self.count += 1
        return self.count


def _selections(names: _Variables, needed: Sequence[int]) -> Iterator[Clause]:
    for i in names.gates:
        choices = [names.select[i, pair] for pair in combinations(range(i), 2)]
        yield tuple(choices)
        yield from ((-one, -other) for one, other in combinations(choices, 2))


def _operators(names: _Variables, needed: Sequence[int]) -> Iterator[Clause]:
    """No gate is constant or a copy of one of its inputs."""
    for i in names.gates:
        low, middle, high = (names.operator[i, p, q] for p, q in ((0, 1), (1, 0), (1, 1)))
        yield from ((low, middle, high), (low, -middle, -high), (-low, middle, -high))


def _values(names: _Variables, needed: Sequence[int]) -> Iterator[Clause]:
    """If gate i reads j, k and these are b, c at row t, its value there is that of its operator at b, c."""
    read = {(source, t): _readings(names, source, t) for source in range(names.gates.stop) for t in names.rows}
    for (i, (j, k)), chosen in names.select.items():
        for t, a in product(names.rows, (0, 1)):
            value = -names.value[i, t] if a else names.value[i, t]
            for (b, first), (c, second) in product(read[j, t], read[k, t]):
                # The clause asks for operator(b, c) = a, where operator(0, 0) = 0.
                if (b, c) != (0, 0):
                    asked = names.operator[i, b, c]
                    yield (-chosen, value, *first, *second, asked if a else -asked)
                elif a:
                    yield (-chosen, value, *first, *second)


def _readings(names: _Variables, source: int, t: int) -> tuple[tuple[int, Clause], ...]:
    """What a source may be at row t, and the literals that are false where it is: none for an input, which is known."""
    if source < names.inputs:
        return ((t >> source & 1, ()),)
    value = names.value[source, t]
    return ((0, (value,)), (1, (-value,)))


def _outputs(names: _Variables, needed: Sequence[int]) -> Iterator[Clause]:
    for h, target in enumerate(needed):
        yield tuple(names.output[h, i] for i in names.gates)
        for i, t in product(names.gates, names.rows):
            bit = names.value[i, t]
            yield (-names.output[h, i], bit if target >> t & 1 else -bit)


def _symmetries(names: _Variables, needed: Sequence[int]) -> Iterator[Clause]:
    """Every gate is used, none reads a gate and one of its inputs, sources ascend unless a gate reads the last one."""
    for i in names.gates:
        readers = [chosen for (_, pair), chosen in names.select.items() if i in pair]
        yield (*(names.output[h, i] for h in range(names.outputs)), *readers)
    for (i, (j, k)), chosen in names.select.items():
        for later in range(i + 1, names.inputs + names.size):
            for source in (j, k):
                yield (-chosen, -names.select[later, (source, i)])
        if i + 1 in names.gates:
            for pair in combinations(range(i), 2):
                if (pair[1], pair[0]) < (k, j):
                    yield (-chosen, -names.select[i + 1, pair])


def _solve(inputs: int, needed: Sequence[int], size: int) -> tuple[tuple[Gate, ...], dict[int, int]] | Refutation:
    try:
        from pysat.solvers import Solver
    except ImportError as error:
        raise MissingExtraError("python-sat", "sat", "exact synthesis") from error
    names, clauses = encode(inputs, needed, size)
    with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses], with_proof=True) as solver:
        if not solver.solve():
            return Refutation(size, names.count, tuple(clauses), tuple(solver.get_proof()))
        model = {abs(literal): literal > 0 for literal in solver.get_model()}
    gates = []
    for i in names.gates:
        j, k = next(pair for pair in combinations(range(i), 2) if model[names.select[i, pair]])
        table = sum(model[names.operator[i, p, q]] << (2 * p + q) for p, q in ((0, 1), (1, 0), (1, 1)))
        gates.append(Gate(j, k, table))
    places = {target: next(i for i in names.gates if model[names.output[h, i]]) for h, target in enumerate(needed)}
    return tuple(gates), places


def _named(inputs: int, targets: Sequence[int], gates: tuple[Gate, ...], places: dict[int, int]) -> Chain:
    """The chain with its outputs in the order of `targets`; projections need no gate, a constant is no output."""
    known = {_projection(inputs, i): i for i in range(inputs)} | places
    outputs, negated = [], []
    for target in targets:
        outputs.append(known[_normal(inputs, target)])
        negated.append(bool(target & 1))
    return Chain(inputs, gates, tuple(outputs), tuple(negated))


def _projection(inputs: int, index: int) -> int:
    return sum(1 << t for t in range(1 << inputs) if t >> index & 1)


def _normal(inputs: int, target: int) -> int:
    return target ^ ((1 << (1 << inputs)) - 1) if target & 1 else target


def _needed(inputs: int, targets: Sequence[int]) -> list[int]:
    return sorted({_normal(inputs, target) for target in targets} - {_projection(inputs, i) for i in range(inputs)})


def _validate(inputs: int, targets: Sequence[int]) -> None:
    if not 1 <= inputs <= LARGEST_INPUTS:
        raise InputError(f"`inputs` must be in [1, {LARGEST_INPUTS}]; got {inputs}")
    for target in targets:
        if not 0 < target < (1 << (1 << inputs)) - 1:
            raise InputError(f"`targets` must be truth tables of {inputs} inputs that are not constant; got {target}")
