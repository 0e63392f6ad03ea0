"""The exact size of the functions of a circuit: a chain of gates, and a refutation of every smaller number of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.certificates.portable.hinted import proof_record
from certify.certificates.portable.question import CIRCUIT, PortableKind, Question
from certify.circuits.circuit import Circuit
from certify.circuits.exact_synthesis import LARGEST_INPUTS, minimal_chain
from certify.circuits.hints import hinted_refutation
from certify.errors import InputError

MOST_GATES = 8


def _make(question: Question) -> dict[str, Any] | str:
    circuit = question.circuit
    if circuit is None:
        raise InputError("an exact size is of a circuit: give `circuit`")
    if circuit.inputs > LARGEST_INPUTS:
        return f"exact sizes are found for at most {LARGEST_INPUTS} inputs, the circuit has {circuit.inputs}"
    targets = truth_tables(circuit)
    found = minimal_chain(circuit.inputs, targets, MOST_GATES)
    if found.chain is None:
        return f"no chain of at most {MOST_GATES} gates computes these functions"
    proofs = [hinted_refutation(item.clauses, item.proof) for item in found.refutations]
    known = [proof_record(proof) for proof in proofs if proof is not None]
    if len(known) < len(proofs):
        return "a refutation of the solver does not hold by unit propagation"
    chain = found.chain
    return {
        "claims": {"size": len(chain.gates)},
        "inputs": circuit.inputs,
        "targets": targets,
        "chain": {
            "gates": [[gate.first, gate.second, gate.table] for gate in chain.gates],
            "outputs": [[output, int(flip)] for output, flip in zip(chain.outputs, chain.negated, strict=True)],
        },
        "proofs": known,
    }


def truth_tables(circuit: Circuit) -> list[int]:
    """Truth table of every output: bit t is its value where input i is bit i of t. Exact."""
    values = [int(value) for value in circuit.evaluate_integers(np.arange(1 << circuit.inputs))]
    return [sum((value >> place & 1) << t for t, value in enumerate(values)) for place in range(len(circuit.outputs))]


KIND = PortableKind("circuit-size", "the least number of two-input gates for the circuit's functions", _make, CIRCUIT)
