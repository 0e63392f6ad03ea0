"""A theorem in one file that is not about posteriors goes through every command, with rows only for what it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import certify
from certify.api.check import Result
from certify.cli import main as cli
from certify.errors import InputError
from certify.proof.records import CheckResult
from certify.report.json import json_text
from tests.conftest import ROOT

DESCENT = ROOT / "examples" / "theorems" / "polyak_lojasiewicz.py"
LANGEVIN = ROOT / "examples" / "theorems" / "unadjusted_langevin.py"
POINT = "mu=1/10,L=1,h=1,k=10"

STRETCH = """
import numpy as np
from certify.proof.checks.assumptions import lipschitz
from certify.proof.theorem import Assumption, Claim, Finding, Step, Theorem, constant
from certify.symbolic.model import M


def pairs(instance):
    first, second = instance.random("pairs").standard_normal((2, 500, instance.generator.latent_dim))
    images = [instance.generator.value(points) for points in (first, second)]
    quotients = np.linalg.norm(images[0] - images[1], axis=1) / np.linalg.norm(first - second, axis=1)
    return (Finding("pairs", float(quotients.max()), 500),)


THEOREM = Theorem(
    id="stretch", title="A Lipschitz map", summary="No pair is stretched by more than M.", source="the definition",
    quantities=(constant(M),),
    assumptions=(Assumption("A1", "|G(z)-G(z')| <= M|z-z'|", "x", "M", lipschitz),),
    steps=(Step("S1", "pairs", (Claim("pairs", "quotient", "x", "<=", M, "z != z'"),), ("A1",), pairs),),
)
"""


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A theorem about a map with no conclusion, no d, no m and no noise level."""
    path = tmp_path_factory.mktemp("own") / "stretch.py"
    path.write_text(STRETCH)
    return str(path)


@pytest.fixture(scope="module")
def found() -> Result:
    return certify.check(str(DESCENT))


def test_a_record_has_what_the_theorem_has(found: CheckResult) -> None:
    record = found.theorems[2]
    assert record.generator == POINT and str(record.verdict) == "conditional"
    assert record.conclusion is not None and set(record.conclusion.values) == {"q", "rate"}
    assert record.conclusion.values["rate"] == pytest.approx(0.9**10)
    assert [str(step.verdict) for step in record.steps] == ["supported"] * 3
    again = CheckResult.from_dict(json.loads(json_text(found.to_dict())))
    assert json_text(again.to_dict()) == json_text(found.to_dict())


@pytest.mark.parametrize("form", ["to_latex", "to_markdown", "_repr_html_", "to_csv", "__str__"])
def test_tables_have_no_row_of_a_posterior(form: str, found: CheckResult) -> None:
    make = getattr(found, form, None)
    text = "" if make is None else str(make())
    for absent in ("beta", "epsilon", "tv_bound", "noise level", "latents"):
        assert absent not in text


def test_the_first_screen_has_no_column_of_noise(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(DESCENT), "--constants", POINT]) == 0
    capsys.readouterr()
    assert cli.main(["check", str(DESCENT)]) == 0
    heading = capsys.readouterr().out.splitlines()[1]
    assert heading.split() == ["theorem", "constants", "verdict", "weakest", "sec"]


def test_tables_page_and_formulas_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "tables")
    assert cli.main(["tables", str(DESCENT), "--constants", POINT, "--out", folder, "--quiet"]) == 0
    assert cli.main(["tables", str(DESCENT), "--constants", POINT, "--out", folder, "--check", "--quiet"]) == 0
    page = tmp_path / "report.html"
    assert cli.main(["report", str(DESCENT), "--out", str(page), "--quiet"]) == 0
    assert "Gradient descent under the Polyak-Lojasiewicz inequality" in page.read_text()
    capsys.readouterr()
    assert cli.main(["show", str(DESCENT), "--formulas", "--format", "latex"]) == 0
    assert r"\mu" in capsys.readouterr().out
    assert cli.main(["show", str(DESCENT), "--graph"]) == 0
    assert cli.main(["show", str(DESCENT)]) == 0
    printed = capsys.readouterr().out
    assert "paper form" not in printed and "explicit form" not in printed


def test_a_sweep_has_its_closed_forms(tmp_path: Path) -> None:
    arguments = ["sweep", str(DESCENT), "--constants", "mu=1/10,L=1,k=10", "--over", "h=1/2:1", "--quiet"]
    assert cli.main([*arguments, "--out", str(tmp_path / "s")]) == 0
    rows = [line for line in (tmp_path / "s" / "sweep.csv").read_text().splitlines() if line[:1] != "#"]
    assert rows[0].split(",") == ["h", "q", "rate"] and rows[2] == "1,0.90001,0.34868"
    assert cli.main([*arguments, "--out", str(tmp_path / "s")]) == 0
    swept = certify.sweep(str(DESCENT), mu=0.5, L=[1, 2], h=0.25, k=2)
    assert swept["q"] == pytest.approx([0.78125, 0.8125])


def test_a_distance_with_choices_is_searched(tmp_path: Path) -> None:
    result = certify.check_constants(str(LANGEVIN), "d=1,mu=1,L=1", epsilon="0.2")
    (record,) = result.theorems
    assert record.conclusion is not None and 0 < record.conclusion.values["K"] < 100
    assert record.conclusion.values["tv_bound"] <= 0.2
    far = certify.sweep(str(LANGEVIN), d=1, mu=1, L=1, epsilon=[0.3, 0.1])
    assert far["K"][0] < far["K"][1] and far["tv_bound"][1] <= 0.1


def test_stress_draws_points_and_judges_every_claim() -> None:
    result = certify.stress(str(DESCENT), examples=12)
    (record,) = result.theorems
    assert {item.claim for item in record.claims} == {"D decrease", "P factor", "K factors"}
    assert all(item.failure is None and item.drawn for item in record.claims)


def test_stress_finds_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    text = DESCENT.read_text()
    path.write_text(text.replace('"<=", q, "f(x) > f*"', '"<=", q / 2, "f(x) > f*"'))
    assert path.read_text() != text
    result = certify.stress(str(path), examples=12)
    assert [item.claim for item in result.theorems[0].claims if item.failure is not None] == ["P factor"]


def test_what_it_has_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["-g", "linear:d=2"], "is about constants alone"),
        (["--beta", "0.3"], "speaks of no noise level"),
        (["--constants", POINT, "--beta", "0.3"], "speaks of no noise level"),
        (["--constants", "mu=1,L=1,h=2,k=1"], "`h` must be in"),
        (["--constants", "mu=1,L=1,h=1,k=1,d=3"], "unknown constant `d`"),
    ):
        assert cli.main(["check", str(DESCENT), *arguments]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(InputError, match="is about constants alone"):
        certify.slack(str(DESCENT), "linear:d=2")


def test_a_map_without_noise_or_conclusion(stretch: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = certify.check(stretch, "linear:d=2,kappa=1.5,seed=0")
    (record,) = result.theorems
    assert str(record.verdict) == "supported" and record.conclusion is not None and record.conclusion.values == {}
    assert cli.main(["check", stretch, "-g", "linear:d=2", "--beta", "0.1"]) == 2
    assert "speaks of no noise level" in capsys.readouterr().err
    assert cli.main(["check", stretch, "--constants", "M=2", "--quiet"]) == 0
