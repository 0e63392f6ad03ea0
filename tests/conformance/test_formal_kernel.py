"""What Coq's kernel says of the lemma library, of a theorem's file and of false claims; skipped where Coq is absent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sympy as sp

from certify.cli.main import main
from certify.discovery.registry import load_theorem
from certify.formal import coqc
from certify.formal.development import Request, formalised
from certify.formal.lemmas import LEMMAS, library_text
from certify.mechanization.formal_proofs import FormalResult, formalize
from certify.prover.algebra import at_most, equal
from certify.verdict import Verdict

needs_coq = pytest.mark.skipif(coqc.coq_version() is None, reason="coqc is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coq")


@pytest.fixture(scope="module")
def verified(folder: Path) -> FormalResult:
    """A theorem checked in a new folder, where the library lies compiled from then on."""
    return formalize([load_theorem("langevin-mixing")], folder, verify=True)


def test_every_lemma_that_scripts_name_stands_in_the_library() -> None:
    text = library_text()
    for lemmas in LEMMAS.values():
        for lemma in lemmas:
            assert f"Lemma {lemma.name} :" in text
    assert "Axiom" not in text and "Admitted" not in text and "Parameter" not in text


@needs_coq
def test_coq_verifies_a_theorem_on_the_reals_axioms_alone(
    folder: Path, verified: FormalResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = verified.records
    assert record.verified == record.claims >= 14 and verified.verdict is Verdict.PROVED
    assert set(verified.axioms or ()) <= coqc.AXIOMS and verified.unknown_axioms == ()
    cached = json.loads((folder / "verified.json").read_text(encoding="utf-8"))
    assert len(cached) == 2
    monkeypatch.setattr(coqc, "_run", None)
    again = formalize([load_theorem("langevin-mixing")], folder, verify=True)
    assert again.records == verified.records, "the second run comes from the cache, and Coq is not begun"


@pytest.fixture(scope="module")
def checked(folder: Path, verified: FormalResult) -> coqc.Checked:
    """What Coq leaves of claims that are true and false, in one file: each refusal compiles the file again."""
    x, y, t = sp.symbols("x y t", positive=True)
    k = sp.Symbol("k", integer=True, nonnegative=True)
    root, log = ("sqrt(w)^2 = w, sqrt(w) >= 0",), ("log(w) - log(v) <= (w - v)/v",)
    squares = (at_most(t, sp.sqrt(x) / 2), at_most(x, y / t**2))
    logs = (at_most(x, y),)
    requests = [
        Request("a", "true", at_most(2 * x * y, x**2 + y**2), (), ()),
        Request("b", "false", at_most(3 * x * y, x**2 + y**2), (), ()),
        Request("c", "false by a premise", at_most(x, 1), (at_most(x, 2),), ()),
        Request("d", "true by a premise", at_most(x / y, 1), (at_most(x, y),), ()),
        Request("e", "not defined", at_most((x - y) / (x - y) ** 2, 1 / (x - y)), (), ()),
        Request("f", "squares", at_most(t, sp.sqrt(y / (4 * t**2))), squares, root),
        Request("g", "logarithms", at_most(sp.log(1 + x / t), sp.log(1 + y / t)), logs, log),
        Request("h", "exponent", equal((1 - x) ** (k + 1), (1 - x) ** k - x * (1 - x) ** k), (), ()),
        Request("i", "exponent off by one", equal((1 - x) ** (k + 1), (1 - x) ** k - x * (1 - x) ** (k + 1)), (), ()),
        Request("j", "size of a root", at_most(sp.sqrt(2) * x, sp.Rational(3, 2) * x), (), (*root, "sqrt(2) <= 1.42")),
    ]
    return coqc.check(formalised("ten claims", requests), folder)


@needs_coq
def test_false_claims_are_refused_and_true_ones_stay(checked: coqc.Checked) -> None:
    proved = {claim.request.label for claim in checked.development.proved}
    assert proved & set("abcde") == {"a", "d"}


@needs_coq
def test_roots_logarithms_and_shifted_exponents_are_checked(checked: coqc.Checked) -> None:
    proved = {claim.request.label for claim in checked.development.proved}
    assert proved & set("fghij") == {"f", "g", "h", "j"}


@needs_coq
def test_an_axiom_is_listed(folder: Path, checked: coqc.Checked) -> None:
    assert set(coqc.axioms([checked.development], folder)) <= coqc.AXIOMS
    x = sp.Symbol("x", positive=True)
    made = formalised("with an axiom", [Request("a", "true", at_most(0, x), (), ())])
    path = folder / f"{made.module}.v"
    (claim,) = made.proved
    path.write_text(made.text.replace("Theorem", "Axiom unproved : False.\nTheorem", 1).replace(
        claim.script, "intros; destruct unproved."), encoding="utf-8")  # fmt: skip
    assert coqc._coqc(path) is None
    assert any(name.endswith("unproved") for name in coqc.axioms([made], folder))


def test_without_coq_nothing_is_verified_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coqc, "coq_version", lambda: None)
    assert main(["formalize", "modes", "--out", str(tmp_path), "--verify"]) == 3
    assert "not run: coqc is not installed" in capsys.readouterr().out
    assert (tmp_path / "modes.v").is_file() and (tmp_path / "CertifyLemmas.v").is_file()
    assert main(["formalize", "modes", "--out", str(tmp_path)]) == 0
