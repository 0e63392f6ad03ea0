"""A planted wrong theorem is caught by `certify stress`, shrunk, saved and replayed; bad input is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certify.cli.main import main
from certify.discovery.registry import load_theorem
from certify.execution.door import Execution
from certify.generators.graph import Affine
from certify.stress_tests.campaign import stress
from certify.stress_tests.case import saved_case

PLANTED = """
from dataclasses import replace

from theorems.strong_invertibility.statement import M, M2, R0, THEOREM, beta, m

STEP = THEOREM.step("S2")
LOWER, UPPER = STEP.claims
WRONG = replace(LOWER, bound=1 + (m**2 - M * M2 * R0 / 4) / beta**2)
THEOREM = replace(THEOREM, id="planted", steps=(THEOREM.step("S1"), replace(STEP, claims=(WRONG, UPPER))), growth=())
"""
HONEST = PLANTED.replace("M2 * R0 / 4", "M2 * R0").replace("planted", "honest")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stress")
    (folder / "planted.py").write_text(PLANTED)
    (folder / "honest.py").write_text(HONEST)
    code = main(
        [
            "stress",
            str(folder / "planted.py"),
            "--examples",
            "24",
            "--processes",
            "1",
            "--json",
            str(folder / "run.json"),
            "--quiet",
            "--out",
            str(folder / "cases"),
        ]
    )
    assert code == 1
    return folder


def test_the_wrong_claim_is_refuted_and_no_other(folder: Path) -> None:
    document = json.loads((folder / "run.json").read_text())
    assert document["schema"] == 1 and document["verdict"] == "refuted" and document["examples"] == 24
    (theorem,) = document["theorems"]
    refuted = [item["claim"] for item in theorem["properties"] if item["verdict"] == "refuted"]
    assert refuted == ["S2 lower"]
    (failing,) = (item for item in theorem["properties"] if item["claim"] == "S2 lower")
    assert failing["drawn"] > 1 and failing["slack"] < 1.0 and failing["failure"]["file"]


def test_the_saved_case_is_small(folder: Path) -> None:
    (path,) = (folder / "cases").glob("*.json")
    case = saved_case(path).case
    assert case.generator is not None and case.generator.latent_dim == 1
    affine = [node for node in case.generator.graph.nodes if isinstance(node, Affine)]
    weights = [float(entry) for node in affine for entry in (*node.weight.ravel(), *node.bias)]
    assert sum(entry != 0.0 for entry in weights) <= 6
    assert all((16 * entry).is_integer() for entry in weights), "weights are a few binary digits long"
    assert case.choices, "the choices are exact numbers in the case"


def test_the_case_still_fails_bit_for_bit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (folder / "cases").glob("*.json")
    assert main(["replay", str(path), "--theorem", str(folder / "planted.py")]) == 1
    assert "bit for bit" in capsys.readouterr().out
    assert main(["replay", str(path), "--theorem", str(folder / "planted.py"), "--json", "-"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["fails"] and document["identical"] and document["claim"] == "S2 lower"


def test_the_case_holds_for_the_corrected_theorem(folder: Path) -> None:
    (path,) = (folder / "cases").glob("*.json")
    corrected = folder / "corrected.json"
    corrected.write_text(path.read_text().replace('"planted"', '"honest"'))
    assert main(["replay", str(corrected), "--theorem", str(folder / "honest.py"), "--quiet"]) == 0


def test_a_theorem_file_is_run_only_when_it_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (folder / "cases").glob("*.json")
    assert main(["replay", str(path)]) == 2
    assert "--theorem" in capsys.readouterr().err
    assert main(["replay", str(path), "--theorem", str(folder / "honest.py")]) == 2


def test_the_same_seed_gives_the_same_run(folder: Path) -> None:
    first, second = (
        stress([str(folder / "honest.py")], examples=3, seed=5, execution=Execution("serial")).theorems[0].to_dict()
        for _ in range(2)
    )
    assert first == second
    assert first["verdict"] in {"supported", "inconclusive"}
    other = stress([str(folder / "honest.py")], examples=3, seed=6, execution=Execution("serial")).theorems[0].to_dict()
    assert other != first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stress", "no-such-theorem"], "unknown theorem"),
        (["stress", "--examples", "0"], "`examples` must be at least 1"),
        (["stress", "--profile", "fast"], "unknown profile"),
        (["stress", "--seed", "-1"], "`seed`"),
        (["replay", "absent.json"], "No such file"),
        (["replay"], "Missing argument"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, *(["--quiet"] if arguments[0] == "stress" else [])]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_theorems_are_not_mixed_up(folder: Path) -> None:
    assert load_theorem(str(folder / "planted.py")).id == "planted"
