"""An author's error is one line with file and line, and exit code 2; `--lint` says all of them at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from certify.cli import main as cli
from certify.discovery.lint import defects, unbalanced
from certify.discovery.new_theorem import TEMPLATE, write_theorem
from certify.discovery.registry import lint, load_theorem, theorems
from certify.errors import InputError
from certify.proof.author import AuthorError
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples" / "theorems").glob("*.py"))

WRONG = {
    "undeclared symbol": ('">=", 1 - h * L,', '">=", 1 - h * sp.Symbol("y") * L,', "`y` is not declared"),
    "undeclared in a definition": ("definition(q, 1 - h * mu)", "definition(q, 1 - h * c)", "`c`, which is not among"),
    "float": ("definition(q, 1 - h * mu)", "definition(q, 1.5 - h * mu)", "has the float 1.5"),
    "a bare float": ('">=", 1 - h * L,', '">=", 0.5,', "a float is not exact"),
    "no enclosure": ("definition(q, 1 - h * mu)", "definition(q, sp.erf(mu))", "has `erf`, of which no enclosure"),
    "no TeX": ('"q", "contraction of one step"', '"", "contraction of one step"', "`q` has no TeX"),
    "TeX of an assumption": (', r"\\mu I\\preceq\\nabla^2f\\preceq LI")', ', "")', "assumption A1 has no TeX"),
    "TeX that does not balance": (
        r'r"\lvert x^+-y^+\rvert/\lvert x-y\rvert"',
        r'r"\lvert x^{+-y^+\rvert"',
        "does not balance: a `{` without its `}`",
    ),
    "domain and assumptions": (
        "constant(h),",
        'Quantity(sp.Symbol("h"), "constant", "h", "step", "(0, inf)"),',
        "assumes otherwise than its domain",
    ),
    "one name, two domains": (
        "definition(q, 1 - h * mu)",
        'definition(q, 1 - h * declare("mu", "(-inf, 0)", "m", "m"))',
        "`mu` is assumed",
    ),
    "twice": ("constant(mu),", "constant(mu), constant(mu),", "the quantity `mu` is there 2 times"),
    "label twice": ('Step("S2"', 'Step("S1"', "the step `S1` is there 2 times"),
    "unknown step": ('("A1", "S1")', '("A1", "S7")', "uses `S7`, which is not there"),
    "circle": ('), ("A1",), spectrum)', '), ("A1", "S2"), spectrum)', "they use each other in a circle"),
    "itself": ('("A1", "S1")', '("A1", "S2")', "they use each other in a circle"),
    "a missing comma": (
        '"mu I <= Hess f <= L I"),\n        ), (',
        '"mu I <= Hess f <= L I")\n        ), (',
        "(a comma?)",
    ),
    "point outside a domain": ('"mu=1,L=4,h=2/5"', '"mu=1,L=4,h=1/2"', "`h` must be in"),
    "a setting of its own": ("constant(h),", "setting(h),", "only beta, epsilon, t_x are given so"),
    "a choice without a search": ("constant(h),", "choice(h),", "the conclusion's search does not choose it"),
    "an id that is none": ('id="planted"', 'id="Planted One"', "the id must be lower-case words"),
    "a check of two arguments": ("def spectrum(instance: Instance)", "def spectrum(instance, more)", "one argument"),
    "a title that is no text": ('title="One', 'title=None and "One', "`title` must be a text; got None"),
    "a number that is not real": ('">=", 1 - h * L,', '">=", sp.I * h,', "has `ImaginaryUnit`, of which no enclosure"),
    "a float in the algebra": (
        "at_most(1 - h * c,",
        "at_most(1 - 0.1 * h * c,",
        "the algebra `above` of S2 has the float",
    ),
    "algebra of another domain": ('c = declare("c",', 'c = declare("q",', "the algebra `above` of S2: `q` is assumed"),
    "algebra that is no claim": (
        'AlgebraicClaim("above",',
        '("above",',
        "must be a tuple of AlgebraicClaim; got tuple",
    ),
    "a letter that is no TeX": ('"[0, 1)", "q"', '"[0, 1)", "\u03c1"', "has `\u03c1`, which is no TeX of a formula"),
    "notes that are none": (
        "notes=lambda certificate",
        "notes=3 if True else lambda certificate",
        "must be a function of certificate",
    ),
}
IMPORTS = "from certify.proof.theorem import Quantity, choice, setting\n\nTHEOREM = Theorem("

ENDING = {
    "a crash": ('return (exact_finding("least"', 'return (1 / 0, exact_finding("least"', "ZeroDivisionError"),
    "no findings": ('return (exact_finding("least"', 'return () or (exact_finding("most"', "finding on `most`"),
    "notes that crash": ("certificate['q']", "certificate['z']", "the conclusion's notes end with KeyError"),
    "notes that are a text": ("generator: (f", "generator: str(f", "must return a tuple of sentences"),
    "outside its domain": (
        "definition(q, 1 - h * mu)",
        "definition(q, 2 - h * mu)",
        "is 1.75000 at mu=1,L=4,h=1/4, outside",
    ),
    "below a domain without a lower end": (
        'declare("q", "[0, 1)"',
        'declare("q", "(-inf, 0)"',
        "is 0.750000 at mu=1,L=4,h=1/4, outside its domain (-inf, 0)",
    ),
    "nothing returned": ('return (exact_finding("least"', 'return None and (exact_finding("least"', "got None"),
    "a generator asked for": ('instance.values["h"] * instance', "instance.generator.parameters * instance", ""),
}


def planted(folder: Path, old: str, new: str) -> Path:
    """The template with one place changed."""
    text = TEMPLATE.replace("NAME", "planted").replace("THEOREM = Theorem(", IMPORTS)
    assert old in text
    path = folder / "planted.py"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("wrong", WRONG)
def test_a_defect_is_one_line_with_its_place(wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, said = WRONG[wrong]
    path = planted(tmp_path, old, new)
    assert cli.main(["check", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    place, _, number = line.removeprefix("certify: ").partition(": ")[0].rpartition(":")
    assert place == str(path)
    assert 1 < int(number) <= len(path.read_text().splitlines())
    assert any(said in item for item in lint(path))


@pytest.mark.parametrize("wrong", ENDING)
def test_a_check_that_fails_is_named(wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, said = ENDING[wrong]
    path = planted(tmp_path, old, new)
    code = cli.main(["check", str(path), "--constants", "mu=1,L=4,h=1/4"])
    printed = capsys.readouterr()
    if not said:
        # What a check says of itself leaves its step open.
        assert code == 3 and "constants alone: its checks have no generator" in printed.out
        return
    assert code == 2
    (line,) = printed.err.splitlines()
    assert f"{path}:" in line and said in line


def test_a_refuted_algebra_refutes_its_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = planted(tmp_path, "at_least(1 - h * c, -(1 - h * mu))", "at_least(1 - h * c, 1 - h * mu)")
    assert cli.main(["check", str(path), "--constants", "mu=1,L=4,h=1/4", "--json", str(tmp_path / "found.json")]) == 1
    document = json.loads((tmp_path / "found.json").read_text())
    assert document["verdict"] == "refuted"
    assert {step["id"]: step["verdict"] for step in document["theorems"][0]["steps"]}["S2"] == "refuted"
    assert cli.main(["check", str(path)]) == 1
    assert "S2 algebra `below` refuted: a counterexample" in capsys.readouterr().out


def test_the_line_is_named_for_a_relative_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, said in (
        ("x = 1\n\nimport nowhere\n", "mine.py:3: Module"),
        ("\nraise SystemExit(0)\n", "mine.py:2: System"),
    ):
        Path("mine.py").write_text(text)
        with pytest.raises(AuthorError, match=said):
            load_theorem("mine.py")


def test_what_cannot_be_read_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The last two texts have one length and, written within a second, one time: no cache may take them for each other.
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "planted.py"
    for text, said in (
        ("x = 1\nimport nowhere_to_be_found\n", ":2: ModuleNotFoundError"),
        ("x = (\n", ":1: SyntaxError: '(' was never closed"),
        ("\n\nTHEOREM = 3\n", "must define THEOREM"),
        (
            "from certify.symbolic.declaration import declare\ndeclare('x', 'positive', 'x', '')\n",
            ":2: domain `positive`",
        ),
        (
            "from certify.symbolic.declaration import declare\ndeclare('e', '(0, 2 L]', 'e', '')\n",
            ":2: domain `(0, 2 L]` names `L`: give the symbol `L` after the meaning",
        ),
    ):
        path.write_text(text)
        with pytest.raises(AuthorError) as error:
            load_theorem(str(path))
        assert said in str(error.value) and str(path) in str(error.value)


def test_lint_says_everything_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = planted(tmp_path, 'id="planted"', 'id="Planted"')
    path.write_text(path.read_text().replace('("A1", "S1")', '("A1", "S9")').replace("1 - h * L,", "0.5 - h * L,"))
    assert cli.main(["check", "--lint", str(path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.startswith(f"{path}:") for line in lines)
    with pytest.raises(AuthorError, match="and 2 more: `certify check --lint"):
        load_theorem(str(path))
    assert cli.main(["check", "--lint", str(EXAMPLES[0])]) == 0
    assert "no defect" in capsys.readouterr().out
    for arguments in (["check", "--lint"], ["check", "--lint", "sharp-langevin"]):
        assert cli.main(arguments) == 2


@pytest.mark.parametrize("name", sorted(theorems()))
def test_no_theorem_here_has_a_defect(name: str) -> None:
    assert defects(theorems()[name]) == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_no_example_has_a_defect(path: Path) -> None:
    assert lint(path) == []


def test_tex_that_balances_passes() -> None:
    assert all(unbalanced(tex) == "" for tex in (r"\{x\}", r"\left(\frac{a}{b}\right.", r"\leftarrow", "x_{1}"))
    assert all(unbalanced(tex) for tex in ("{", "}", "}{", "$x$", r"\left(x)", r"\begin{a}"))


@pytest.mark.parametrize("name", ["", "Upper", "two words", "../up", "a_b", "-a", "a-", "x" * 61, "lambda", "collapse"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        write_theorem(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_theorem_runs_at_once_and_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["new", "theorem", "descent-lemma", "--out", str(tmp_path / "lemmas")]) == 0
    path = tmp_path / "lemmas" / "descent_lemma.py"
    assert "NAME" not in path.read_text() and "FILE" not in path.read_text() and lint(path) == []
    assert cli.main(["check", str(path)]) == 0
    assert "descent-lemma on mu=1,L=4,h=1/4: holds" in capsys.readouterr().out
    path.write_text("mine")
    assert cli.main(["new", "theorem", "descent-lemma", "--out", str(tmp_path / "lemmas")]) == 2
    assert path.read_text() == "mine" and "is there already" in capsys.readouterr().err
    assert cli.main(["new", "proof", "descent-lemma"]) == 2
