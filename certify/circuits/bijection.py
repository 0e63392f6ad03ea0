"""Is a circuit a permutation of {0,1}^n? Proved, refuted by a collision, or left open.

exhaustive   n <= 24: every output is looked at, 64 inputs per machine word.
elimination  a circuit of XOR and NOT gates is affine: it is a bijection if and only if its matrix is invertible.
inverse      a circuit Q is known with Q(P(x)) = x: the composition folds to the inputs, gate by gate, or for a Q that
             is given SAT finds no word that does not come back (`composition`).
blocks       outputs that share no input make blocks; the circuit is a permutation if and only if each block is one.
layers       the circuit is, gate by gate, the composition of layers, each of which is decided on its own.
order        exponentials: the circuit is the composition of n steps b, r -> X^b r^2, each of which is proved equal to
             that map (affine for b = 0 and for b = 1), and the order of X is proved by the factorisation of 2^n - 1.
sat          CaDiCaL looks for two inputs that collide. A collision is evaluated again; a refutation counts as proved
             once an independent checker has accepted it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from certify.circuits.blocks import Block, independent_blocks
from certify.circuits.builder import FALSE, TRUE, CircuitBuilder, inlined
from certify.circuits.circuit import Circuit, Operation, every_input
from certify.circuits.cnf import SOLVER, Formula, collision_circuit, difference_circuit, tseitin
from certify.circuits.composition import CHECKED_CLAUSES, decide_composition
from certify.circuits.drat import check_refutation
from certify.circuits.exponentials import binary_step, masked
from certify.circuits.fields import Field
from certify.circuits.permutation import Permutation
from certify.errors import InputError, MissingExtraError
from certify.verdict import Evidence, Verdict

EXHAUSTIVE_BITS = 24
CHUNK_WORDS = 1 << 12


@dataclass(frozen=True)
class Bijection:
    """`verdict` with its `evidence`, `method` in words, and a collision x, x' (P(x) = P(x')) where there is one."""

    verdict: Verdict
    evidence: Evidence
    method: str
    collision: tuple[int, int] | None = None


def decide_bijection(
    circuit: Circuit, conflicts: int = 50_000, known: Permutation | None = None, inverse: Circuit | None = None
) -> Bijection:
    """Whether the circuit is a permutation.

    Args:
        circuit: with as many outputs as inputs.
        conflicts: budget of the search by SAT, the last resort; some seconds.
        known: what the circuit was built from, if it was: a field or an inverse may prove it. Nothing is taken on
            trust: the circuit is compared with it gate by gate.
        inverse: a circuit that is said to undo it. Where it is found to, that decides; where not, `method` says so.

    Raises:
        InputError: if the numbers of inputs and outputs differ.
    """
    if circuit.inputs != len(circuit.outputs):
        raise InputError(
            f"a permutation has as many outputs as inputs; this circuit has {circuit.inputs} and {len(circuit.outputs)}"
        )
    if inverse is not None:
        undone = decide_composition(circuit, inverse, conflicts)
        if undone.verdict is Verdict.PROVED:
            return Bijection(undone.verdict, undone.evidence, undone.method)
        found = decide_bijection(circuit, conflicts, known)
        no_inverse = "the given circuit is no inverse: " if undone.verdict is Verdict.REFUTED else ""
        return replace(found, method=f"{found.method}; {no_inverse}{undone.method}")
    if circuit.inputs <= EXHAUSTIVE_BITS:
        return _exhaustive(circuit)
    if not np.any((circuit.operations == Operation.AND) | (circuit.operations == Operation.OR)):
        return _elimination(circuit)
    if known is not None and known.inverse is not None and _undoes(known.inverse, circuit):
        return Bijection(Verdict.PROVED, Evidence.SYMBOLIC, "the inverse circuit undoes it, gate by gate")
    if known is not None and known.field is not None and _is_exponential(circuit, known.field):
        reason = "each step is proved to be b, r -> X^b r^2, and the factorisation of 2^n - 1 proves the order of X"
        return Bijection(Verdict.PROVED, Evidence.SYMBOLIC, reason)
    if known is not None and known.layers and (decided := _by_layers(circuit, known.layers, conflicts)):
        return decided
    if len(blocks := independent_blocks(circuit)) > 1 and (decided := _by_blocks(circuit, blocks, conflicts)):
        return decided
    return _by_solver(circuit, conflicts)


def _exhaustive(circuit: Circuit) -> Bijection:
    seen = np.zeros(1 << circuit.inputs, dtype=bool)
    total = 0
    for outputs in _all_outputs(circuit):
        seen[outputs] = True
        total += len(outputs)
    if bool(seen.all()):
        return Bijection(Verdict.PROVED, Evidence.RIGOROUS, f"all {total} inputs have different outputs")
    return Bijection(Verdict.REFUTED, Evidence.RIGOROUS, "two inputs have one output", _first_collision(circuit))


def _all_outputs(circuit: Circuit) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    words = max(1, (1 << circuit.inputs) // 64)
    for start in range(0, words, CHUNK_WORDS):
        stop = min(words, start + CHUNK_WORDS)
        values = circuit.evaluate(every_input(circuit.inputs, start, stop))
        bits = np.unpackbits(values.astype("<u8").view(np.uint8), axis=1, bitorder="little")
        count = min((stop - start) * 64, 1 << circuit.inputs)
        yield sum(
            (row[:count].astype(np.int64) << place for place, row in enumerate(bits)), np.zeros(count, dtype=np.int64)
        )


def _first_collision(circuit: Circuit) -> tuple[int, int]:
    first = np.full(1 << circuit.inputs, -1, dtype=np.int64)
    start = 0
    for outputs in _all_outputs(circuit):
        for offset, output in enumerate(outputs.tolist()):
            if first[output] >= 0:
                return int(first[output]), start + offset
            first[output] = start + offset
        start += len(outputs)
    raise AssertionError("a map of a finite set that is not onto has a collision")


def _elimination(circuit: Circuit) -> Bijection:
    """Affine maps: the columns are the differences to the value at 0; a vector of the kernel gives a collision."""
    n, offset = circuit.inputs, circuit(0)
    basis: list[tuple[int, int]] = []
    for i in range(n):
        column, combination = circuit(1 << i) ^ offset, 1 << i
        for vector, made_of in basis:
            if column ^ vector < column:
                column, combination = column ^ vector, combination ^ made_of
        if column == 0:
            return Bijection(Verdict.REFUTED, Evidence.RIGOROUS, "the matrix is singular", (0, combination))
        basis.append((column, combination))
        basis.sort(reverse=True)
    return Bijection(Verdict.PROVED, Evidence.RIGOROUS, "an affine map over GF(2) with an invertible matrix")


def _by_blocks(circuit: Circuit, blocks: tuple[Block, ...], conflicts: int) -> Bijection | None:
    """The blocks' decisions together; None where one of them has another number of inputs than of outputs."""
    if any(block.circuit is None or len(block.inputs) != len(block.outputs) for block in blocks):
        return None
    decisions = _decided_once([block.circuit for block in blocks if block.circuit is not None], conflicts)
    for block, found in zip(blocks, decisions, strict=True):
        if found.collision is not None:
            x, y = (block.embedded(word) for word in found.collision)
            assert x != y and circuit(x) == circuit(y), "a collision is evaluated again before it is believed"
            return Bijection(Verdict.REFUTED, Evidence.RIGOROUS, "two inputs have one output", (x, y))
    widest = max(len(block.inputs) for block in blocks)
    return _all_together(decisions, f"{len(blocks)} blocks of at most {widest} bits that share no input")


def _by_layers(circuit: Circuit, layers: tuple[Circuit, ...], conflicts: int) -> Bijection | None:
    """The layers' decisions together; None if the circuit is not their composition or a layer is no permutation."""
    builder = CircuitBuilder(circuit.inputs)
    signals = list(range(circuit.inputs))
    for layer in layers:
        if layer.inputs != circuit.inputs or len(layer.outputs) != circuit.inputs:
            return None
        signals = inlined(builder, layer, signals)
    if not is_folded_to_false(difference_circuit(builder.finish(signals), circuit)):
        return None
    decisions = _decided_once(layers, conflicts)
    if any(found.verdict is Verdict.REFUTED for found in decisions):
        return None
    return _all_together(decisions, f"gate by gate the composition of {len(layers)} layers")


def _decided_once(circuits: Sequence[Circuit], conflicts: int) -> list[Bijection]:
    """The decision on every circuit; equal ones, gate by gate, are decided once. They share the conflicts."""
    keys = [circuit.gate_by_gate() for circuit in circuits]
    distinct = dict(zip(keys, circuits, strict=True))
    decisions = {key: decide_bijection(circuit, conflicts // len(distinct)) for key, circuit in distinct.items()}
    return [decisions[key] for key in keys]


def _all_together(decisions: Sequence[Bijection], how: str) -> Bijection:
    """Proved where all are, else the first that is not; the evidence is the weakest."""
    for found in decisions:
        if found.verdict is not Verdict.PROVED:
            return Bijection(found.verdict, found.evidence, f"{how}; of one of them: {found.method}")
    methods = "; ".join(dict.fromkeys(found.method for found in decisions))
    return Bijection(Verdict.PROVED, Evidence.RIGOROUS, f"{how}, each proved ({methods})")


def _undoes(inverse: Circuit, circuit: Circuit) -> bool:
    if inverse.inputs != circuit.inputs:
        return False
    builder = CircuitBuilder(circuit.inputs)
    back = inlined(builder, inverse, inlined(builder, circuit, range(circuit.inputs)))
    return back == list(range(circuit.inputs))


def _is_exponential(circuit: Circuit, field: Field) -> bool:
    """Whether the circuit is, gate by gate, n steps from r = 1, masked, each step proved, and the order is proved."""
    n = circuit.inputs
    if field.kind != "gf2" or field.modulus.bit_length() - 1 != n or not field.proves_its_order():
        return False
    step = CircuitBuilder(n + 1)
    step_circuit = step.finish(binary_step(step, field, n, range(n)))
    if not all(_step_is_right(step_circuit, field, bit) for bit in (0, 1)):
        return False
    builder = CircuitBuilder(n)
    power = [TRUE] + [FALSE] * (n - 1)
    for bit in range(n - 1, -1, -1):
        power = inlined(builder, step_circuit, [*power, bit])
    composed = builder.finish(masked(builder, power))
    return is_folded_to_false(difference_circuit(composed, circuit))


def _step_is_right(step: Circuit, field: Field, bit: int) -> bool:
    """With the exponent's bit fixed the step has XOR gates only: it is linear, and a basis decides."""
    n = step.inputs - 1
    builder = CircuitBuilder(n)
    fixed = builder.finish(inlined(builder, step, [*range(n), TRUE if bit else FALSE]))
    if np.any((fixed.operations == Operation.AND) | (fixed.operations == Operation.OR)):
        return False
    factor = field.generator if bit else 1
    wanted = [field.multiply(factor, field.power(2, 1 << i)) for i in range(n)]
    return fixed(0) == 0 and [fixed(1 << i) for i in range(n)] == wanted


def is_folded_to_false(difference: Circuit) -> bool:
    """Whether the builder found the only output to be constantly false, gate by gate."""
    return (
        difference.gates == 1
        and difference.operations[0] == Operation.XOR
        and (difference.first[0] == difference.second[0])
    )


def _by_solver(circuit: Circuit, conflicts: int) -> Bijection:
    formula = tseitin(collision_circuit(circuit))
    clauses = (*formula.clauses, (formula.outputs[0],))
    try:
        from pysat.solvers import Solver
    except ImportError:
        missing = MissingExtraError("python-sat", "sat", "a proof by SAT")
        return Bijection(Verdict.INCONCLUSIVE, Evidence.STATISTICAL, str(missing))
    with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses], with_proof=True) as solver:
        solver.conf_budget(conflicts)
        answer = solver.solve_limited()
        if answer is None:
            reason = f"CaDiCaL found no collision within {conflicts} conflicts, and could not exclude one"
            return Bijection(Verdict.INCONCLUSIVE, Evidence.STATISTICAL, reason)
        if answer:
            return _collision(circuit, formula, {literal for literal in solver.get_model() if literal > 0})
        proof = solver.get_proof()
    if len(clauses) <= CHECKED_CLAUSES and check_refutation(clauses, proof).accepted:
        return Bijection(Verdict.PROVED, Evidence.RIGOROUS, "no two inputs collide: CaDiCaL's refutation was checked")
    reason = "CaDiCaL says that no two inputs collide; its refutation was not checked"
    return Bijection(Verdict.SUPPORTED, Evidence.STATISTICAL, reason)


def _collision(circuit: Circuit, formula: Formula, positive: set[int]) -> Bijection:
    bits, n = [variable in positive for variable in formula.inputs], circuit.inputs
    x, y = (sum(1 << i for i, bit in enumerate(half) if bit) for half in (bits[:n], bits[n:]))
    assert x != y and circuit(x) == circuit(y), "a collision is evaluated again before it is believed"
    return Bijection(Verdict.REFUTED, Evidence.RIGOROUS, "two inputs have one output", (x, y))
