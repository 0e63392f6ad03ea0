"""`certify sweep`: every cell certified again from its choices, kept as it comes, and refused where it is not true."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

import certify
from certify.cli import main as cli
from certify.discovery.registry import load_theorem
from certify.errors import InputError, UnknownNameError
from certify.report.sweep_files import sweep_figure
from certify.sweeps import cells
from certify.sweeps.cells import NO_CERTIFICATE, OVER_BUDGET, cells_of, defaults_of, doubt, numbers, solve, time_limit
from certify.validation import axes_from_text, literals_from_text
from tests.conftest import ROOT

MIXING = "langevin-mixing"
ARGUMENTS = ["sweep", MIXING, "--constants", "m=1,M2=0,epsilon=0.1", "--over", "d=2:4,kappa=1.2:1.5"]


def _rows(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "sweep.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_a_sweep_writes_its_files_and_goes_on_from_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.json"
    assert cli.main([*ARGUMENTS, "--out", str(tmp_path / "s"), "--json", str(told)]) == 0
    assert {path.name for path in (tmp_path / "s").iterdir()} >= {"cells.json", "sweep.csv", "sweep.tex", "sweep.png"}
    rows = json.loads(told.read_text())["cells"]
    assert [(row["d"], row["kappa"]) for row in rows] == [(2, 1.2), (2, 1.5), (4, 1.2), (4, 1.5)]
    assert all(row["tv_bound"] <= 0.1 for row in rows)
    capsys.readouterr()
    first = (tmp_path / "s" / "sweep.csv").read_bytes()

    def never(cell: cells.Cell) -> cells.Solution:
        raise AssertionError("a kept cell is searched again")

    monkeypatch.setattr(cells, "solve", never)
    assert cli.main([*ARGUMENTS, "--out", str(tmp_path / "s"), "--json", str(told)]) == 0
    assert (tmp_path / "s" / "sweep.csv").read_bytes() == first


def test_a_table_says_what_stands_for_inputs_that_were_not_given(tmp_path: Path) -> None:
    """At n = 200 the injective decoder has other layers than at n = d."""
    theorem = load_theorem("injective-decoder")
    assert defaults_of(theorem, ("d", "m", "M", "M2")) == {"n": "d", "N": "1", "t_x": "2"}
    assert defaults_of(theorem, ("d", "n", "N", "t_x")) == {}
    constants, axes = {"d": "2", "m": "1", "M": "1.2", "M2": "0.15"}, {"n": ["2", "200"], "beta": ["0.1"]}
    few, many = (numbers(cell, solve(cell))["K"] for cell in cells_of(theorem, theorem.id, constants, axes))
    assert few < many
    given = ",".join(f"{name}={value}" for name, value in constants.items())
    assert cli.main(["sweep", theorem.id, "--constants", given, "--over", "beta=0.1", "--out", str(tmp_path)]) == 0
    assert r"M2 = 0.15, n = d, N = 1, t\_\allowbreak{}x = 2." in (tmp_path / "sweep.tex").read_text()


@cache
def solved(kappa: str) -> tuple[cells.Cell, cells.Solution]:
    """A cell of the theorem at its largest noise, and what was found."""
    theorem = load_theorem("strong-invertibility")
    (cell,) = cells_of(theorem, theorem.id, {"m": "1", "M2": "0.15"}, {"d": ["2"], "kappa": [kappa]})
    return cell, solve(cell)


def test_a_cell_is_what_check_says_of_its_constants() -> None:
    theorem = load_theorem("strong-invertibility")
    found = numbers(*solved("1.5"))
    alone = certify.check_constants(theorem.id, {"d": 2, "m": 1, "M": "1.5", "M2": "0.15"})[theorem.id].conclusion
    assert found["K"] == alone.K and found["beta"] == alone.beta and found["beta_max"] == alone.beta_max
    assert found["tv_bound"] == alone.tv_bound and found["mu"] == alone.mu


def test_layers_do_not_follow_the_edge_of_the_search() -> None:
    """Constants that differ by a thousandth have layers that differ little, though the largest noise is a search's."""
    first, second = (numbers(*solved(kappa))["K"] for kappa in ("1.5", "1.5015"))
    assert abs(first - second) <= 0.05 * first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"beta": Fraction(1, 3)}, "its noise level is another"),
        ({"choices": {"K": Fraction(2), "eta": Fraction(1, 10**6)}}, "the bound is not confirmed"),
        ({"choices": {"K": Fraction(1)}}, "K must be an integer >= 2"),
        ({"beta_max": 9.0}, "no largest noise level of its own"),
        ({"choices": None, "reason": OVER_BUDGET}, "no time"),
    ],
)
def test_a_changed_solution_is_not_believed(change: dict[str, object], why: str) -> None:
    theorem = load_theorem(MIXING)
    (cell,) = cells_of(theorem, MIXING, {"d": "2", "m": "1", "M": "1.5", "M2": "0"}, {"beta": ["0.1"]})
    found = solve(cell)
    assert doubt(cell, found) == ""
    changed = replace(found, **change)  # type: ignore[arg-type]
    if "choices" in change and change["choices"]:
        changed = replace(found, choices={**found.choices, **change["choices"]})  # type: ignore[dict-item]
    assert why in doubt(cell, changed)
    if change.get("choices"):
        assert numbers(cell, changed) == {}


def test_a_largest_noise_that_is_too_large_is_not_believed() -> None:
    cell, found = solved("1.5")
    assert found.beta_max is not None and doubt(cell, found) == ""
    assert "largest noise" in doubt(cell, replace(found, beta_max=1.1 * found.beta_max))
    assert "largest noise" in doubt(cell, replace(found, beta_max=float("inf")))
    assert "largest noise" in doubt(cell, replace(found, beta_max=-found.beta_max))
    assert "largest noise" in doubt(cell, replace(found, choices_max=None))
    for factor in (Fraction(1, 2), Fraction(-1)):
        assert found.beta is not None and "its noise" in doubt(cell, replace(found, beta=factor * found.beta))


def test_a_theorem_without_noise_has_no_level_of_it() -> None:
    name = str(ROOT / "examples" / "theorems" / "randomized_smoothing.py")
    (cell,) = cells_of(load_theorem(name), name, {"sigma": "1", "pA": "0.9"}, {"pB": ["0.1"]})
    found = solve(cell)
    assert found.choices is not None and doubt(cell, found) == ""
    for change in ({"beta": Fraction(1)}, {"beta_max": 2.0}, {"choices_max": {}}):
        assert "not confirmed" in doubt(cell, replace(found, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["injective-decoder", MIXING])
def test_what_is_no_free_choice_takes_no_place_in_the_bound(name: str) -> None:
    """A choice called like a constant or a closed form would be evaluated instead of it: tail = -1, or d = 1."""
    theorem = load_theorem(name)
    constants = {"d": "4", "m": "1", "M": "3", "M2": "0"}
    (cell,) = cells_of(theorem, theorem.id, constants, {"beta": ["0.05"]})
    found = solve(cell)
    assert found.choices is not None and doubt(cell, found) == ""
    for item in theorem.quantities:
        for number in (Fraction(-1), Fraction(1, 2)):
            why = doubt(cell, replace(found, choices={**found.choices, item.name: number}))
            assert item.role == "choice" or why == f"`{item.name}` is no choice"
    assert doubt(cell, replace(found, choices={**found.choices, "K": Fraction(3, 2)})).startswith("K must be")


def test_a_cell_without_a_certificate_says_so_and_exits_with_3(tmp_path: Path) -> None:
    arguments = ["sweep", "strong-invertibility", "--constants", "d=2,m=1,M=1.5,M2=0.15", "--over", "beta=0.05:5"]
    assert cli.main([*arguments, "--out", str(tmp_path)]) == 3
    first, second = _rows(tmp_path)
    assert int(first["K"]) > 1 and second["K"] == "" and second["why not"] == NO_CERTIFICATE


def test_a_cell_over_its_budget_is_given_up_and_tried_again() -> None:
    theorem = load_theorem("strong-invertibility")
    (cell,) = cells_of(theorem, theorem.id, {"d": "2", "m": "1", "M2": "0.15"}, {"kappa": ["1.5"]}, 0.001)
    found = solve(cell)
    assert found.reason == OVER_BUDGET and numbers(cell, found) == {} and doubt(cell, found)
    with pytest.raises(TimeoutError), time_limit(0.001):
        while True:
            pass


@pytest.mark.parametrize(
    ("constants", "over", "message"),
    [
        ("m=1,M2=0,d=2", "d=2:4", "swept over; give it once"),
        ("m=1,M2=0", "kappa=1.2", "missing: d"),
        ("m=1,M2=0,d=2", "kappa=0.5:1.5", "`M` must be"),
        ("m=1,M2=0,d=2,kappa=2", "size=1:2", "unknown constant"),
        ("m=1,m=2", "d=2", "names `m` twice"),
        ("m=1", "", "must name what is swept over"),
        ("m=1", "d=2,4", "such as d=2:4:8,"),
        ("m1", "d=2:4", "such as d=8,m=1; got `m1`"),
        ("m=1", "d", "name=value pairs"),
        ("m=1", "d=2:two", "`d`"),
        ("m=1", "d=2:2.0", "twice"),
        ("m=1,M2=0,d=2,kappa=1.5", "beta=0:1", "beta"),
        ("m=1,M2=0,d=2,kappa=1.5", "epsilon=0.1:1", "epsilon"),
    ],
)
def test_wrong_grids_are_refused_before_work(
    constants: str, over: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sweep", MIXING, "--constants", constants, "--over", over, "--out", str(tmp_path / "s")]
    assert cli.main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_columns_are_chosen_and_unknown_ones_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*ARGUMENTS, "--columns", "K,tv_bound", "--out", str(tmp_path)]) == 0
    assert list(_rows(tmp_path)[0]) == ["d", "kappa", "K", "tv_bound"]
    assert cli.main([*ARGUMENTS, "--columns", "KK", "--out", str(tmp_path)]) == 2
    assert "did you mean `K`" in capsys.readouterr().err


def test_texts_are_read_as_they_are() -> None:
    assert axes_from_text("over", "d=2:4, beta = 0.1") == {"d": ("2", "4"), "beta": ("0.1",)}
    assert literals_from_text("constants", "") == {}
    with pytest.raises(UnknownNameError):
        cells_of(load_theorem(MIXING), MIXING, {"d": "2", "m": "1", "M": "1", "M2": "0", "x": "1"}, {"beta": ["1"]})


def test_a_figure_without_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        sweep_figure(tmp_path / "f.png", {"d": [1.0]}, [{"d": 1.0, "reason": "no"}], "K", "K", "title")


def test_what_an_array_sweep_keeps_is_evaluated_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No kept number is printed: choices are kept, and a bound is what balls make of them."""

    def swept() -> dict[str, list[float]]:
        found = certify.sweep(MIXING, d=2, m=1, M=1.5, M2=0, epsilon=0.1, beta=0.1, resume=tmp_path)
        return {name: values.tolist() for name, values in found.items()}

    right = swept()
    assert swept() == right and caplog.text == ""
    (path,) = tmp_path.glob("*/??/*.json")
    text = path.read_text()
    entry = json.loads(text.partition("\n")[0])
    choices = entry["choices"]
    for change in (
        {"choices": {**choices, "K": "2"}}, {"choices": {**choices, "d": "1"}}, {"choices": {}}, {"beta": "-1/10"},
        {"choices": None}, {"tv_bound": 0.0},
    ):  # fmt: skip
        forged = json.dumps({**entry, **change})
        path.write_text(f"{forged}\n{hashlib.sha256(forged.encode()).hexdigest()}\n")
        assert swept() == right and caplog.text.count("not believed and computed again") == 1, change
        assert path.read_text() == text
        caplog.clear()
