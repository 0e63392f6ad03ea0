"""Permutations of 4 bits by size: listed counts, SAT on the same ones, kept proofs and what must be refused."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.asymmetry import NAMED, complaints, side_complaints, table
from benchmarks.asymmetry_listed import chain_complaints
from benchmarks.asymmetry_listed import complaints as listed_complaints
from benchmarks.asymmetry_listed import table as listed_table
from certify.circuits.asymmetry import (
    Listing,
    asymmetric,
    classes,
    classes_after,
    expanded,
    images,
    inverse_keys,
    list_permutations,
    permutation_key,
    prefixes,
)
from certify.circuits.exact_synthesis import minimal_chain
from certify.circuits.permutation_classes import inverse, truth_tables
from certify.errors import InputError
from certify.execution.door import Execution

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
FOLDER = RESULTS / "asymmetry"


@cache
def listing(gates: int) -> Listing:
    return list_permutations(gates)


def test_counts_by_size_and_no_asymmetry_below_five_gates() -> None:
    assert listing(3).counts() == (1, 12, 132, 1162)
    assert asymmetric(listing(3)) == ()


def test_inverses_of_keys_are_those_of_their_permutations() -> None:
    keys = listing(3).keys[::50]
    assert inverse_keys(keys).tolist() == [permutation_key(inverse(images(key))) for key in keys.tolist()]


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


@pytest.mark.parametrize("pair", range(5))
def test_every_kept_proof_is_accepted_and_three_mutants_of_each_are_refused(pair: int) -> None:
    kept = json.loads((FOLDER / "asymmetry.json").read_text())["pairs"][pair]
    sides = [kept["forward"], kept["inverse"]]
    assert sum(len(side["refuted"]) for side in sides) == 5
    assert [complaint for side in sides for complaint in side_complaints(side, FOLDER, None)] == []


def test_what_is_wrong_in_the_kept_data_is_found() -> None:
    kept = json.loads((FOLDER / "asymmetry.json").read_text())
    side = kept["pairs"][-1]["inverse"]

    def complaint(**changes: object) -> str:
        return " ".join(side_complaints({**copy.deepcopy(side), **changes}, FOLDER, None))

    # What is wrong in the chain is found without the proofs.
    assert "does not stand before it" in complaint(gates=side["gates"][::-1], refuted=[])
    assert "computes something else" in complaint(outputs=side["outputs"][::-1], refuted=[])
    assert "computes something else" in complaint(size=5, refuted=[])
    assert "smaller size is not refuted" in complaint(refuted=side["refuted"][:-1])
    assert "another checksum" in complaint(refuted=[{**side["refuted"][-1], "file": side["refuted"][0]["file"]}])
    kept["counts"][-1] += 1
    kept["pairs"][0]["forward"]["size"] = 4
    found = " ".join(complaints({**kept, "pairs": kept["pairs"][:1]}, FOLDER, None, listing(5)))
    assert "not what is kept" in found and "classes are not" in found and "another size" in found


def test_the_listed_gaps_have_the_chains_that_are_kept() -> None:
    kept = json.loads((FOLDER / "listed.json").read_text())
    assert listed_table(kept) == (RESULTS / "asymmetry_listed.md").read_text()
    assert kept["counts"] == [1, 12, 132, 1162, 8788, 63188, 414017] and kept["asymmetric"] == 4224
    assert sum(row["members"] for row in kept["rows"]) == 4224 and len(kept["rows"]) == 37
    assert all(row["forward"]["upper"] == 6 and row["inverse"]["upper"] == 7 for row in kept["rows"])
    assert list(chain_complaints(kept)) == []
    kept["rows"][0]["inverse"]["chain"]["outputs"].reverse()
    kept["rows"][1]["forward"]["lower"] = 5
    assert len(list(chain_complaints(kept))) == 2


def test_a_listing_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    with Execution("serial", tmp_path) as execution:
        first = list_permutations(3, execution)
        kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        assert list_permutations(3, execution).counts() == first.counts() == listing(3).counts()
        assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == kept
    data = {"counts": list(first.counts()), "asymmetric": 0, "rows": []}
    assert list(listed_complaints(data, first)) == []
    data["counts"] = [1, 12, 132, 1161]
    assert "not what is kept" in " ".join(listed_complaints(data, first))


def test_a_kept_list_that_misses_a_permutation_is_walked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Up to five gates nothing is taken as it is: neither one permutation fewer nor one more."""
    kept = tmp_path / "kept.json"

    def listed() -> tuple[int, ...]:
        with Execution("serial", kept) as execution:
            return list_permutations(2, execution).counts()

    assert listed() == (1, 12, 132) and not caplog.text
    whole = kept.read_text()
    for forge in (lambda keys: keys[1:], lambda keys: [*keys, permutation_key(NAMED[0])]):
        stored = json.loads(whole)
        lists = stored["observations"]
        longest = max(lists, key=lambda key: len(lists[key]))
        lists[longest] = forge(lists[longest])
        kept.write_text(json.dumps(stored))
        caplog.clear()
        assert listed() == (1, 12, 132)
        assert "another walk does not find" in caplog.text and "without deriving" not in caplog.text


def test_no_first_gate_but_a_product_and_a_sum_is_needed() -> None:
    # Closed under the order and negation of inputs: two of 30 first gates, and all moves of what they give.
    found = listing(3)
    keys = set(found.keys.tolist())
    assert keys == set(expanded(sorted(classes(sorted(keys)))).tolist())
    assert len(list(prefixes(1))) == 2 and classes_after((1, ((0, 0, 1),))) == ()
