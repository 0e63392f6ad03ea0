"""Permutations of 4 bits by size: listed counts, SAT on the same ones, kept proofs and what must be refused."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.asymmetry import NAMED, complaints, side_complaints, table
from certify.circuits.asymmetry import Listing, asymmetric, classes, images, list_permutations, permutation_key
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.permutation_classes import inverse, truth_tables
from certify.errors import InputError

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
FOLDER = RESULTS / "asymmetry"


@cache
def listing(gates: int) -> Listing:
    return list_permutations(gates)


def test_counts_by_size_and_no_asymmetry_below_five_gates() -> None:
    assert listing(3).counts() == (1, 12, 132, 1162)
    assert asymmetric(listing(3)) == ()


def test_five_gates_are_the_first_with_dearer_inverses() -> None:
    found = listing(5)
    assert found.counts() == (1, 12, 132, 1162, 8788, 63188)
    keys = asymmetric(found)
    assert len(keys) == 240 and {found.size(key) for key in keys} == {5}
    assert sorted(classes(keys).values()) == [48, 96, 96]
    assert all(permutation_key(named) in keys for named in NAMED)


def test_the_list_agrees_with_sat() -> None:
    pytest.importorskip("pysat.solvers")
    random = np.random.default_rng(0)
    for size in (1, 2, 3):
        key = int(random.choice(listing(3).keys[listing(3).sizes == size]))
        found = minimal_chain(4, truth_tables(images(key)))
        assert found.chain is not None and len(found.chain.gates) == size


def test_keys_forget_the_order_and_negation_of_outputs_and_nothing_else() -> None:
    (named, other) = NAMED
    swapped = [(image ^ 0b0101) << 1 & 0xF | (image ^ 0b0101) >> 3 for image in named]
    assert permutation_key(swapped) == permutation_key(named) != permutation_key(other)
    assert permutation_key(images(permutation_key(named))) == permutation_key(named)
    assert inverse(inverse(named)) == named
    for wrong in ([0] * 16, list(range(8))):
        with pytest.raises(InputError, match="images of 0"):
            permutation_key(wrong)
    with pytest.raises(InputError, match="gates"):
        list_permutations(8)


def test_the_kept_proofs_are_confirmed_and_the_table_is_theirs() -> None:
    kept = json.loads((FOLDER / "asymmetry.json").read_text())
    assert table(kept) == (RESULTS / "asymmetry.md").read_text()
    assert [pair["inverse"]["size"] - pair["forward"]["size"] for pair in kept["pairs"]] == [1] * 5
    for side in ("forward", "inverse"):
        assert list(side_complaints(kept["pairs"][-1][side], FOLDER, None)) == []


def test_what_is_wrong_in_the_kept_data_is_found() -> None:
    kept = json.loads((FOLDER / "asymmetry.json").read_text())
    side = kept["pairs"][-1]["inverse"]

    def complaint(**changes: object) -> str:
        return " ".join(side_complaints({**copy.deepcopy(side), **changes}, FOLDER, None))

    assert "does not stand before it" in complaint(gates=side["gates"][::-1])
    assert "computes something else" in complaint(outputs=side["outputs"][::-1])
    assert "computes something else" in complaint(size=5)
    assert "smaller size is not refuted" in complaint(refuted=side["refuted"][:-1])
    wrong = copy.deepcopy(side["refuted"])
    wrong[-1]["file"] = wrong[0]["file"]
    assert "another checksum" in complaint(refuted=wrong)
    kept["counts"][-1] += 1
    kept["pairs"][0]["forward"]["size"] = 4
    found = " ".join(complaints({**kept, "pairs": kept["pairs"][:1]}, FOLDER, None))
    assert "not what is kept" in found and "classes are not" in found and "another size" in found
