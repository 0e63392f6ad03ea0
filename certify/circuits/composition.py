"""Does one circuit undo another? The composition against the identity, block by block, without looking at all words.

Q(P(x)) + x is a circuit that must be 0 everywhere. Where building it folds an output to 0 that is decided; an affine
rest by its linear forms. Other outputs are taken apart into blocks that share no input, and each is given to CaDiCaL. A
word that does not come back is evaluated again; a refutation counts once an independent checker has accepted it. If Q
undoes P, P is a permutation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from certify.circuits.blocks import Block, independent_blocks
from certify.circuits.builder import CircuitBuilder, inlined
from certify.circuits.circuit import Circuit, Operation
from certify.circuits.cnf import SOLVER, tseitin
from certify.circuits.drat import check_refutation
from certify.circuits.parities import linear_forms
from certify.errors import InputError, MissingExtraError
from certify.verdict import Evidence, Verdict

CHECKED_CLAUSES = 20_000
"""Refutations of larger formulas are not checked again: they would take longer than to find."""


@dataclass(frozen=True)
class Composition:
    """Whether Q(P(x)) = x for every x: proved, refuted at `word`, supported (not checked again), or left open."""

    verdict: Verdict
    evidence: Evidence
    method: str
    word: int | None = None


def decide_composition(circuit: Circuit, inverse: Circuit, conflicts: int = 50_000) -> Composition:
    """Whether `inverse` undoes `circuit`.

    Args:
        circuit: P, of as many inputs as outputs.
        inverse: Q, of the same number.
        conflicts: budget of the search by SAT.

    Raises:
        InputError: if the numbers of inputs and outputs of the two are not all the same.
    """
    sizes = (circuit.inputs, len(circuit.outputs), inverse.inputs, len(inverse.outputs))
    if len(set(sizes)) > 1:
        raise InputError(f"a circuit and its inverse have one number of inputs and outputs; got {sizes}")
    builder = CircuitBuilder(circuit.inputs)
    back = inlined(builder, inverse, inlined(builder, circuit, range(circuit.inputs)))
    wrong = [builder.add(signal, i) for i, signal in enumerate(back) if signal != i]
    if not wrong:
        return Composition(Verdict.PROVED, Evidence.SYMBOLIC, "the inverse circuit undoes it, gate by gate")
    difference = builder.finish(wrong)
    if not np.any((difference.operations == Operation.AND) | (difference.operations == Operation.OR)):
        return _by_linear_forms(circuit, inverse, difference)
    try:
        return _by_blocks(circuit, inverse, difference, conflicts)
    except MissingExtraError as error:
        return Composition(Verdict.INCONCLUSIVE, Evidence.STATISTICAL, str(error))


def _by_linear_forms(circuit: Circuit, inverse: Circuit, difference: Circuit) -> Composition:
    """An affine difference is 0 everywhere if and only if each of its forms is 0."""
    forms = linear_forms(difference)
    for form in (forms[output] for output in difference.outputs.tolist()):
        if form:
            # With a constant it is 1 at 0, else at the input of its lowest variable.
            return _refuted(circuit, inverse, 0 if form & 1 else (form & -form) >> 1)
    return Composition(Verdict.PROVED, Evidence.SYMBOLIC, "the inverse circuit undoes it: an affine map over GF(2)")


def _by_blocks(circuit: Circuit, inverse: Circuit, difference: Circuit, conflicts: int) -> Composition:
    decided: dict[bytes, tuple[bool | None, int]] = {}
    blocks, checked = [block for block in independent_blocks(difference) if block.outputs], True
    share = conflicts // len({block.circuit.gate_by_gate() for block in blocks if block.circuit is not None} or {b""})
    for block in blocks:
        if block.circuit is None:
            # A constant output: not folded, so 1 everywhere.
            return _refuted(circuit, inverse, 0)
        key = block.circuit.gate_by_gate()
        if key not in decided:
            decided[key] = _nonzero_word(block, share)
        answer, word = decided[key]
        if answer is None:
            reason = f"CaDiCaL did not decide within {conflicts} conflicts whether the inverse circuit undoes it"
            return Composition(Verdict.INCONCLUSIVE, Evidence.STATISTICAL, reason)
        if answer:
            return _refuted(circuit, inverse, block.embedded(word))
        checked &= word == 0
    how = f"the inverse circuit undoes it, in {len(decided)} different blocks"
    if checked:
        return Composition(Verdict.PROVED, Evidence.RIGOROUS, f"{how}: CaDiCaL's refutations were checked")
    return Composition(Verdict.SUPPORTED, Evidence.STATISTICAL, f"{how}: CaDiCaL's refutations were not checked")


def _nonzero_word(block: Block, conflicts: int) -> tuple[bool | None, int]:
    """True and a word of the block where an output is 1; False and 0 (1 where unchecked) if there is none; None."""
    assert block.circuit is not None
    formula = tseitin(block.circuit)
    clauses = (*formula.clauses, formula.outputs)
    try:
        from pysat.solvers import Solver
    except ImportError as error:
        raise MissingExtraError("python-sat", "sat", "a proof by SAT") from error
    with Solver(name=SOLVER, bootstrap_with=[list(clause) for clause in clauses], with_proof=True) as solver:
        solver.conf_budget(max(1, conflicts))
        answer = solver.solve_limited()
        if answer is None:
            return None, 0
        if answer:
            positive = {literal for literal in solver.get_model() if literal > 0}
            return True, sum(1 << i for i, variable in enumerate(formula.inputs) if variable in positive)
        proof: Sequence[str] = solver.get_proof()
    return False, int(len(clauses) > CHECKED_CLAUSES or not check_refutation(clauses, proof).accepted)


def _refuted(circuit: Circuit, inverse: Circuit, word: int) -> Composition:
    back = inverse(circuit(word))
    assert back != word, "a word is evaluated again before it is believed"
    return Composition(Verdict.REFUTED, Evidence.RIGOROUS, f"the word {word} comes back as {back}", word)
