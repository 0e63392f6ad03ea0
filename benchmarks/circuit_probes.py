"""Parts of `checker/check_circuits.py` asked alone: lists, formulas, hints, chains and the formulas about them."""

from __future__ import annotations

import hashlib
import json
from types import ModuleType
from typing import Any

from benchmarks.probed import answer

FORMULAS = (
    "p cnf 1 1\n0\n", "c a\n\n  c b\np cnf 2 2\n1 -2\n0 0", "p cnf 0 1\n0\n", "p\tcnf 1 1\r\n0\r\n", "q cnf 1 1\n0\n",
    "p dnf 1 1\n0\n", "p cnf 1\n0\n", "p cnf 1 1 1\n0\n", "", "0\n", "p cnf 1 2\n0\n", "p cnf 1 0\n0\n",
    "p cnf 1 1\n0 1\n", "p cnf 1 1\n0\n1\n", "p cnf 1 2\n0\n2 0\n", "p cnf 1 2\n0\n-2 0\n", "p cnf 1 1\n00\n",
    "p cnf 1 1\n-0\n", "p cnf 1 2\n0\n+1 0\n", "p cnf 1 2\n0\n01 0\n", "p cnf 99999999 2\n0\n99999999 0\n",
    "p cnf 999999999 1\n0\n", "p cnf 01 1\n0\n", "p cnf -1 1\n0\n", "p cnf 1 1\n0\f", "p cnf 1 1\r0\n",
    "p cnf 1 1\n\u0660\n", "p cnf 1 1\n%\n0\n", "p cnf 1 0\n", "cp cnf 1 1\n0\n", "p cnf 1 1\nc 0\n0\n",
    "p cnf 1 1\n0 c\n", "p cnf 0 0\n",
)  # fmt: skip
"""Files that hold, or seem to hold, the empty clause."""


def _literals(check: ModuleType) -> list[Any]:
    return [answer(check, check.literals, [entry], 2, "a clause") for entry in (-3, -2, -1, 0, 1, 2, 3, True)]


def _formulas(check: ModuleType) -> list[Any]:
    found: list[Any] = []
    for text in FORMULAS:
        file = text.encode()
        claims = {"sha256": hashlib.sha256(file).hexdigest()}
        found.append(answer(check, check.refutation, {"claims": claims, "proof": {"core": [[]], "steps": []}}, file))
    return [*found, answer(check, check.refutation, {"claims": {"sha256": ""}}, None)]


def _derivations(check: ModuleType) -> list[Any]:
    """Clauses from hints: the last one alone ends, each before leaves one literal."""
    clauses, found = [[1, 2], [-1, 2], [-2, 3], [3, 4, 5], [-3], []], list[Any]()
    for clause, hints in (
        ([2], [0, 1]), ([3], [0, 1, 2]), ([3], [2, 0, 1]), ([], [4, 2, 0, 1]), ([], [4, 2, 1, 0]), ([], [4, 2, 0]),
        ([], [4, 3]), ([3, 4], [3]), ([2], [0, 1, 1]), ([2], [0]), ([2], []), ([2], [0, 6]), ([2], [-1, 1]), ([2], [5]),
        ([2], [True, 1]), ([3], [0, 0, 1, 2]),
    ):  # fmt: skip
        found.append(answer(check, check.conflict, clauses, set(clause), hints, shown=True))
    return found


def _gates(check: ModuleType) -> list[Any]:
    """Chains of two gates for a sum and a carry, and others that are none."""
    chain = {"gates": [[0, 1, 6], [0, 1, 8]], "outputs": [[2, 0], [3, 0]]}
    found: list[Any] = []
    for gates, outputs, targets, claim in (
        (chain["gates"], chain["outputs"], [6, 8], 2), (chain["gates"], chain["outputs"], [6, 9], 2),
        (chain["gates"], chain["outputs"], [6], 2), (chain["gates"], chain["outputs"], [6, 8], 1),
        (chain["gates"], [[2, 1], [3, 0]], [9, 8], 3), (chain["gates"], [[2, 1], [0, 1]], [9, 5], 2),
        (chain["gates"], [[2, 2], [3, 0]], [9, 8], 2), (chain["gates"], [[2, 0, 0], [3, 0]], [6, 8], 2),
        (chain["gates"], [[4, 0], [3, 0]], [6, 8], 2), (chain["gates"], [[-2, 0], [3, 0]], [6, 8], 2),
        ([[0, 1, 6, 0], [0, 1, 8]], chain["outputs"], [6, 8], 2), ([[0, 1], [0, 1, 8]], chain["outputs"], [6, 8], 2),
        ([[0, 1, 16], [0, 1, 8]], chain["outputs"], [6, 8], 2), ([[0, 1, 15], [0, 1, 0]], chain["outputs"], [15, 0], 2),
        ([[0, 1, 6], [0, 2, 11]], [[2, 0], [3, 0]], [6, 13], 2), ([[0, 2, 6], [0, 1, 8]], chain["outputs"], [6, 8], 2),
        ([[0, 1, -1], [0, 1, 8]], chain["outputs"], [9, 8], 2), (chain["gates"], [[2, -1], [3, 0]], [9, 8], 2),
    ):  # fmt: skip
        found.append(answer(check, check.chain, {"gates": gates, "outputs": outputs}, 2, targets, claim))
    for n, needed, gates in ((2, [6], 1), (2, [6, 8], 2), (3, [150], 3), (1, [], 1)):
        clauses, count = check.chains(n, needed, gates)
        text = json.dumps(sorted(sorted(clause) for clause in clauses))
        found.append((count, hashlib.sha256(text.encode()).hexdigest()))
    plain = {"claims": {"size": 2}, "inputs": 2, "targets": [6, 8], "chain": chain, "proofs": []}
    for changed in (
        {}, {"claims": {"size": 63}}, {"claims": {"size": 64}}, {"claims": {"size": -1}}, {"inputs": 0}, {"inputs": 7},
        {"targets": [15, 8]}, {"targets": [0, 8]}, {"targets": [16, 8]}, {"targets": []}, {"targets": [14, 8]},
        {"targets": [1, 8]}, {"proofs": [1]},
        {"inputs": 6, "targets": [(1 << 64) - 1]}, {"inputs": 6, "targets": [(1 << 64) - 2]},
        {"inputs": 1, "targets": [2], "chain": {"gates": [], "outputs": [[0, 0]]}, "claims": {"size": 0}},
        {"targets": [6, 7], "chain": chain | {"outputs": [[2, 0], [3, 1]]}},
    ):  # fmt: skip
        found.append(answer(check, check.size, {**plain, **changed}, None))
    return [*found, answer(check, check.size, plain, b"")]


CIRCUITS = {"literals": _literals, "refutation": _formulas, "conflict": _derivations, "chain": _gates}
"""What is asked of a file that has a function of the name."""
