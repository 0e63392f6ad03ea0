"""Every refutation kept beside the table of least circuits: its formula built again, accepted, its mutants refused."""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.asymmetry import dimacs
from benchmarks.exact_circuits import chosen, sums
from benchmarks.feebly_one_way import truth_tables as linear_tables
from certify.circuits.drat import check_refutation
from certify.circuits.exact_synthesis import formula_of_size
from certify.circuits.feebly_one_way import FeeblyOneWay
from certify.circuits.permutation_classes import inverse, truth_tables

FOLDER = Path(__file__).parents[2] / "benchmarks" / "results" / "exact_circuits"
NAMES = sorted(path.name.removesuffix(".drat.xz") for path in FOLDER.glob("*.drat.xz"))
QUICK = 3_000
"""Bytes of a proof that is checked in every run; all are where slow tests run."""
SMALL = [name for name in NAMES if (FOLDER / f"{name}.drat.xz").stat().st_size <= QUICK]
LARGE = sorted(set(NAMES) - set(SMALL))
AT_ONCE = {"p01325467_not_1", *(f"parity{inputs}_not_1" for inputs in range(3, 7))}
"""Formulas that unit propagation refutes itself; all others need the steps of their proofs."""


def problem(name: str) -> tuple[int, Sequence[int]]:
    """Inputs and truth tables of the function that a file is named after."""
    if found := re.fullmatch(r"p(\d+)", name):
        return 3, truth_tables([int(image) for image in found[1]])
    if found := re.fullmatch(r"chosen(\d)(inverse)?", name):
        images = list(chosen().values())[int(found[1])]
        return len(images).bit_length() - 1, truth_tables(inverse(images) if found[2] else images)
    if found := re.fullmatch(r"feebly([\d_]+)(forward|inverse)", name):
        blocks = FeeblyOneWay(tuple(map(int, found[1].split("_"))))
        return blocks.bits, linear_tables((blocks.map() if found[2] == "forward" else blocks.inverse_map()).rows)
    found = re.fullmatch(r"(sum|parity)(\d)", name)
    assert found is not None, f"{name} is of no known function"
    inputs = int(found[2])
    if found[1] == "sum":
        return inputs, sums(inputs)
    return inputs, linear_tables([(1 << inputs) - 1] + [0] * (inputs - 1))[:1]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(SMALL, id="small"),
        pytest.param(LARGE, id="large", marks=pytest.mark.slow),
    ],
)
def test_every_kept_refutation_is_accepted_and_its_mutants_are_not(names: list[str]) -> None:
    assert names
    for name in names:
        function, _, size = name.partition("_not_")
        inputs, targets = problem(function)
        variables, clauses = formula_of_size(inputs, targets, int(size))
        digest = hashlib.sha256(dimacs(variables, clauses)).hexdigest()
        assert (FOLDER / f"{name}.formula").read_text().split()[-1] == digest, name
        proof = lzma.decompress((FOLDER / f"{name}.drat.xz").read_bytes()).decode().splitlines()
        assert check_refutation(clauses, proof).accepted, name
        assert check_refutation(clauses, ["0"]).accepted == (name in AT_ONCE), name
        if name in SMALL:
            # All variables false satisfy every clause with a negation; a step that does not follow comes early.
            satisfiable = [clause for clause in clauses if min(clause) < 0]
            assert not check_refutation(satisfiable, [*proof[:1000], "0"]).accepted, name
