"""The documentation is true: its theorem runs, its table of verdicts is the code's, its links lead somewhere."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

from certify.cli import main as cli
from certify.discovery.registry import load_theorem, theorems
from certify.verdict import Evidence, Verdict, weakest_verdict
from tests.conftest import ROOT

PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), ROOT / "tests" / "README.md"])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The theorem of docs/adding_a_theorem.md as a file."""
    page = (ROOT / "docs" / "adding_a_theorem.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    path = tmp_path / "concentration.py"
    path.write_text(blocks[0])
    return path


def test_the_example_theorem_evaluates_on_constants(example: Path, tmp_path: Path) -> None:
    arguments = ["check", str(example), "--constants", "d=2,m=1,M=1.5,M2=0.1", "--beta", "0.05", "--epsilon", "1e-6"]
    assert cli.main([*arguments, "--json", str(tmp_path / "r.json"), "--quiet"]) == 0
    found = json.loads((tmp_path / "r.json").read_text())["theorems"][0]
    assert found["verdict"] == "conditional"
    assert 0.0 < found["conclusion"]["tv_bound"] <= 1e-6
    assert 0.0 < found["conclusion"]["R"] <= 1.0


def test_the_example_theorem_holds_on_a_linear_generator(example: Path, tmp_path: Path) -> None:
    arguments = ["check", str(example), "--generator", "linear:d=2,kappa=1.5,seed=0", "--beta", "0.05"]
    assert cli.main([*arguments, "--json", str(tmp_path / "r.json"), "--quiet"]) == 0
    (step,) = json.loads((tmp_path / "r.json").read_text())["theorems"][0]["steps"]
    assert (step["id"], step["verdict"]) == ("S4", "supported")
    assert step["slack"] >= 1.0


def test_the_example_theorem_with_a_wrong_sign_is_refuted(example: Path, tmp_path: Path) -> None:
    text = example.read_text()
    wrong = text.replace("sp.sqrt(1 + a) * radius", "sp.sqrt(1 + 2 * b) * radius")
    assert wrong != text
    example.write_text(wrong)
    arguments = ["check", str(example), "--generator", "linear:d=2,kappa=1.5,seed=0", "--beta", "0.05", "--quiet"]
    assert cli.main(arguments) == 1
    assert load_theorem(str(example)).id == "concentration"


def test_verdicts_and_evidence_stand_on_the_page_in_the_order_of_the_code() -> None:
    page = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    for names in (Verdict, Evidence):
        rows = [name for name in re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) if name in set(names)]
        assert sorted(rows) == sorted(names)
    order = re.search(r"in this order: ([a-z, \n-]+)\.", page)
    assert order is not None
    assert [name.strip() for name in order[1].replace("\n", " ").split(",")] == [str(item) for item in Verdict]
    assert weakest_verdict(Verdict) is Verdict.REFUTED


def test_links_lead_somewhere() -> None:
    lost = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert lost == []


def examples_that_differ(page: str) -> list[str]:
    """Runs the `pycon` blocks of a page in one session and returns what does not print as the page says."""
    blocks = re.findall(r"^```pycon\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "page", None, None)
    assert example.examples, "a page of examples has some"
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    return said


def test_the_page_on_python_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert examples_that_differ(page) == []
    (said,) = examples_that_differ("```pycon\n>>> 1 + 1\n3\n```")
    assert "Expected:\n    3\nGot:\n    2" in said


def test_the_page_on_python_shows_every_verb() -> None:
    import certify

    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    verbs = [name for name in certify.__all__ if not isinstance(getattr(certify, name), (type, str))]
    assert [name for name in verbs if f"certify.{name}(" not in page] == []


def cited_sections(source: str) -> list[tuple[str, str]]:
    """Pages and section numbers that a source names: (docs/sharp.md, 3) for `docs/sharp.md, section 3`."""
    found = []
    for page, rest in re.findall(r"(docs/[a-z_]+\.md)((?:, sections? [0-9 ,toand]+)?)", source):
        numbers = [int(number) for number in re.findall(r"\d+", rest)]
        spread = range(numbers[0], numbers[-1] + 1) if " to " in rest else numbers
        found += [(page, str(number)) for number in spread] or [(page, "")]
    return found


@pytest.mark.parametrize("name", sorted(theorems()))
def test_the_source_of_a_theorem_names_sections_that_exist(name: str) -> None:
    cited = cited_sections(theorems()[name].source)
    assert cited, "a theorem names the page of its proofs"
    for page, number in cited:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert not number or re.search(rf"^## {number}\. ", text, re.MULTILINE), f"{page} has no section {number}"


def test_a_source_with_several_sections_is_read_whole() -> None:
    assert cited_sections("docs/sharp.md, sections 1 to 3") == [("docs/sharp.md", str(k)) for k in (1, 2, 3)]
    assert cited_sections("Somebody 1998; docs/theory.md, S7") == [("docs/theory.md", "")]
