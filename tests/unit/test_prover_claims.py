"""Tables of claims: the public examples, the planted faults, and files that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.cli.main import main
from certify.errors import InputError
from certify.prover.claims_table import Row, check_claims, check_row, read_rows

pytest.importorskip("z3")

EXAMPLES = Path(__file__).parents[2] / "examples" / "claims"
PLANTED = {
    "contraction for every step": ("refuted", ""),
    "Pinsker constant halved": ("refuted", ""),
    "exponential bound turned round": ("refuted", ""),
    "rounded down and used as an upper bound": ("rounded the wrong way", ""),
    "a digit exchanged": ("not reproducible", ""),
    "sign hypothesis left out": ("true under an extra hypothesis", "a >= 0"),
    "natural number left out": ("true under an extra hypothesis", "n in N"),
}


def test_planted_faults_are_found_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.json"
    assert main(["claims", str(EXAMPLES / "sampling_with_faults.csv"), "--json", str(target)]) == 1
    printed = capsys.readouterr().out
    assert "5 of 12 proved" in printed and "hypothesis: fails at a = -1; holds with a >= 0" in printed
    found = json.loads(target.read_text())["claims"]
    planted = {item["name"].removeprefix("planted: "): item for item in found if item["name"].startswith("planted: ")}
    assert {name: (item["outcome"], item["hypothesis"] or "") for name, item in planted.items()} == PLANTED
    assert {item["verdict"] for item in planted.values()} == {"refuted"}
    assert [item["outcome"] for item in found if item not in planted.values()] == ["proved"] * 5


@pytest.mark.parametrize("name", ["number_theory.csv", "optimisation.csv"])
def test_public_examples_are_proved(name: str) -> None:
    assert [str(found) for found in check_claims(EXAMPLES / name) if found.outcome != "proved"] == []


@pytest.mark.parametrize(
    ("printed", "direction", "outcome"),
    [
        ("0.333", "nearest", "proved"),
        ("0.334", "nearest", "rounded the wrong way"),
        ("0.334", "up", "proved"),
        ("0.333", "up", "rounded the wrong way"),
        ("0.333", "down", "proved"),
        ("0.335", "up", "not reproducible"),
        ("0.33333333333333333333333333333333333333333333333333", "down", "proved"),
    ],
)
def test_rounding(printed: str, direction: str, outcome: str) -> None:
    assert check_row(Row(2, "third", "1/3", (), printed, direction)).outcome == outcome


def test_an_exact_value_is_proved_in_every_direction() -> None:
    for direction in ("nearest", "up", "down"):
        assert check_row(Row(2, "half", "1/2", (), "0.5", direction)).outcome == "proved"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\nx\n", "line 1: expected the columns"),
        ("name,relation,colour\nx,1 <= 2,red\n", "line 1: expected the columns"),
        ("name,relation\nx,y,z\n", "line 2: expected 2 fields"),
        ("name,relation\nx,import os\n", "line 2: `import os` is no relation"),
        ("name,relation,printed\nx,1/3,none\n", "must be a decimal number"),
        ("name,relation,printed\nx,y/3,0.3\n", "has parameters"),
        ("name,relation,printed,direction\nx,1/3,0.3,left\n", "must be one of nearest"),
        ("", "line 1: expected the columns"),
    ],
)
def test_bad_files_get_one_line_before_any_work(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "claims.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        list(check_claims(path))
    assert "\n" not in str(caught.value)
    assert main(["claims", str(path)]) == 2


def test_a_missing_file_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError) as refused:
            read_rows(path)
        assert str(refused.value) == f"cannot read `{path}`: {why}"


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    path.write_bytes(b"\xef\xbb\xbfname,relation,assumptions\nsquare,x**2 >= 0,\n")
    assert read_rows(path)[0].relation == "x**2 >= 0"
