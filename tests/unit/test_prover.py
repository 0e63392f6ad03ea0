"""The prover: true claims are proved, false ones refuted at short points, and nothing is read other than written."""

from __future__ import annotations

import json
import os
import signal
from fractions import Fraction
from pathlib import Path
from threading import Timer

import pytest
import sympy as sp

from certify.cli.main import main
from certify.errors import InputError, InternalError
from certify.prover import prove as pipeline
from certify.prover import smt
from certify.prover.claim import Claim, Relation, Sign
from certify.prover.prove import prove
from certify.prover.reading import read_claim, read_relation
from certify.verdict import Evidence, Verdict

pytest.importorskip("z3")

TRUE = (
    ("x**2 + 1 >= 2*x", (), Evidence.SYMBOLIC),
    ("x/(1+x) <= 1-exp(-x)", ("x >= 0",), Evidence.SYMBOLIC),
    ("(1-x)**K <= exp(-K*x)", ("0 <= x <= 1", "K in N"), Evidence.SYMBOLIC),
    ("cosh(x) <= exp(x**2/2)", (), Evidence.SYMBOLIC),
    ("exp(x) >= 1+x+x**2/2+x**3/6", ("x >= 0",), Evidence.SYMBOLIC),
    ("x*y*z <= 1/27", ("x+y+z == 1", "x >= 0", "y >= 0", "z >= 0"), Evidence.SYMBOLIC),
    ("2**n >= n**2", ("n in N", "n >= 5"), Evidence.SYMBOLIC),
    ("log(1+exp(x)) >= x", (), Evidence.SYMBOLIC),
    ("log(x) <= sqrt(x) - 1/sqrt(x)", ("x >= 1",), Evidence.SYMBOLIC),
    ("exp(-x) + x**2 > 0.8", ("0 <= x <= 3",), Evidence.RIGOROUS),
    ("0 <= x - sin(x) <= x**3/6", ("x >= 0",), Evidence.SYMBOLIC),
    ("exp(x+y) == exp(x)*exp(y)", (), Evidence.SYMBOLIC),
    ("pi < 22/7", (), Evidence.SYMBOLIC),
)

FALSE = (
    ("exp(x) >= 1 + x + x**2/2", ("x >= -1",), {"x"}),
    ("x**2 > 0", (), {"x"}),
    ("n**2 >= 2*n", ("n in N",), {"n"}),
    ("log(1+x) <= x/(1+x)", ("x > 0",), {"x"}),
    ("x > x", ("x > 0",), {"x"}),
    ("(1-x)**K <= 1 - K*x", ("0 <= x <= 1", "K in N"), {"x", "K"}),
    ("x*y*z <= 1/28", ("x+y+z == 1", "x >= 0", "y >= 0", "z >= 0"), {"x", "y", "z"}),
    ("exp(pi) > pi**3.14", (), set()),
)


@pytest.mark.parametrize(("claim", "assumptions", "evidence"), TRUE, ids=[item[0] for item in TRUE])
def test_true_claims_are_proved(claim: str, assumptions: tuple[str, ...], evidence: Evidence) -> None:
    found = prove(claim, assumptions)
    assert (found.verdict, found.evidence) == (Verdict.PROVED, evidence), str(found)
    assert found.witness is None


@pytest.mark.parametrize(("claim", "assumptions", "names"), FALSE, ids=[item[0] for item in FALSE])
def test_false_claims_are_refuted_at_short_rationals(claim: str, assumptions: tuple[str, ...], names: set[str]) -> None:
    found = prove(claim, assumptions)
    assert found.verdict is Verdict.REFUTED and found.evidence is Evidence.RIGOROUS
    assert found.witness is not None and set(found.witness) == names
    assert all(len(str(value)) <= 6 for value in found.witness.values()), found.witness


def test_a_claim_that_is_not_defined_everywhere_says_where_and_is_decided_only_if_it_fails_elsewhere() -> None:
    found = prove("1/(x-1)**2 > 0", ["x >= 0"])
    assert found.verdict is Verdict.INCONCLUSIVE and "x = 1" in found.reason and "(x - 1) ** 2 != 0" in found.reason
    found = prove("1/(x-1) > 0", ["x >= 0"])
    assert found.verdict is Verdict.REFUTED and found.witness is not None and found.witness["x"] < 1
    assert "x = 1" in found.reason and "x - 1 != 0" in found.reason
    assert prove("x/x == 1").verdict is Verdict.INCONCLUSIVE
    assert prove("x/x == 1", ["x != 0"]).verdict is Verdict.PROVED
    assert prove("sqrt(x)**2 == x").verdict is Verdict.INCONCLUSIVE
    assert prove("log(x**2) == 2*log(x)", ["x > 0"]).verdict is Verdict.PROVED


def test_contradictory_assumptions_prove_nothing() -> None:
    assert prove("x > 5", ["x > 1", "x < 0"]).verdict is Verdict.NOT_APPLICABLE
    # On [0, 1] the product is below 2.3, which balls see and no lemma says.
    found = prove("x >= 100", ["0 <= x <= 1", "exp(x)*sin(x) >= 3"])
    assert found.verdict is Verdict.NOT_APPLICABLE and found.evidence is Evidence.RIGOROUS


def test_a_proof_says_where_nothing_was_found_that_it_speaks_of() -> None:
    """No integer is a half: reals satisfy the assumption, and anything follows from that."""
    found = prove("3*n > 1", ["n in Z", "2*n == 1"])
    assert found.verdict is Verdict.PROVED and "may speak of nothing" in str(found)
    for assumptions in (["n in Z", "2*n == 4"], ["x**2 == 2", "n >= 1"], ["exp(n) <= 1 + n"]):
        assert prove("n**2 >= 0", assumptions).reason == ""


def test_integers_are_integers() -> None:
    """n (n - 1) >= 0 fails between 0 and 1 and nowhere else."""
    assert prove("x*(x-1) >= 0", ["x >= 0"]).verdict is Verdict.REFUTED
    assert prove("n*(n-1) >= 0", ["n in N"]).verdict is Verdict.PROVED
    for claim in ("(n + 3)*(n + 2) >= 0", "abs(n - 7/5) >= 2/5", "x**2*(n - 1/3)*(n - 2/3) >= 0"):
        assert prove(claim, ["n in Z"]).verdict is Verdict.PROVED
    for claim in ("(n + 3)*(n + 1) >= 0", "abs(n - 7/5) > 2/5", "(n + 3)*(n + 2) > 0"):
        assert prove(claim, ["n in Z"]).verdict is Verdict.REFUTED


def test_a_defect_that_proves_what_is_false_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_is_identity", lambda goal: True)
    with pytest.raises(InternalError, match="is proved and fails at"):
        prove("x**2 > 0")


def test_sympy_relations_bring_their_symbols_assumptions() -> None:
    x, n = sp.Symbol("x", positive=True), sp.Symbol("n", integer=True, nonnegative=True)
    assert prove(sp.Ge(x, 0, evaluate=False)).verdict is Verdict.PROVED
    assert prove(sp.StrictLessThan(sp.log(x), x)).verdict is Verdict.PROVED
    assert prove(sp.Ge((1 + x) ** n, 1 + n * x, evaluate=False)).verdict is Verdict.PROVED
    with pytest.raises(InputError, match="evaluated it already"):
        prove(sp.true)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "compares nothing"),
        ("x ^ 2 >= 0", "write powers with"),
        ("x >= ", "is no relation"),
        ("__import__('os').system('true') >= 0", "is not among"),
        ("(lambda: 1)() >= 0", "is not among"),
        ("x.real >= 0", "may not stand in a relation"),
        ("x[0] >= 0", "may not stand in a relation"),
        ("not x >= 0", "compares nothing"),
        ("x >= 0 and y >= 0", "compares nothing"),
        ("x is 0", "expected <=, <, >="),
        ("True >= x", "is no real number"),
        ("1j >= x", "is no real number"),
        ("exp(x, 2) >= 0", "takes 1 argument"),
        ("exp >= 0", "cannot name a parameter"),
        ("10**(10**10) >= x", "beyond 4096"),
        ("1e99999 >= x", "beyond 1e4096"),
        ("1/(x - x) >= 0", "must be != 0"),
        ("log(0) <= x", "must be > 0"),
        ("x in Q", "expected `NAME in N`"),
        ("x // 2 >= 0", "an operator that is not"),
        ("(" * 300 + "x" + ")" * 300 + " >= 0", "is no relation"),
        ("x" * 20_000 + " >= 0", "at most"),
    ],
)
def test_what_is_not_a_relation_gets_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_relation(text)
    assert "\n" not in str(caught.value)


def test_numbers_are_exact_and_chains_are_conjunctions() -> None:
    (claim,) = read_claim("0.1 + 0.2 == 0.3")
    assert claim.goal.expression == 0
    assert [item.goal.text for item in read_claim("0 < x <= 1")] == ["0 < x", "x <= 1"]
    assert read_relation("1e-3 <= x").relations[0].expression == sp.Symbol("x", real=True) - sp.Rational(1, 1000)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "proof.json"
    assert main(["prove", "log(x) <= x - 1", "--assume", "x > 0", "--json", str(target)]) == 0
    assert "proved: log(x) <= x - 1" in capsys.readouterr().out
    assert json.loads(target.read_text())["evidence"] == "symbolic"
    assert main(["prove", "x**2 > 0", "--quiet"]) == 1
    assert main(["prove", "x <= y ** x", "--assume", "y > 0", "--assume", "y < 0"]) == 4
    assert main(["prove", "1/x > 0", "--quiet"]) == 1
    assert main(["prove", "x/x == 1", "--quiet"]) == 3
    assert main(["prove", "x <= y", "--assume", "x ^ 2 > 1"]) == 2


def test_witnesses_are_exact() -> None:
    found = prove("3*x <= 1", ["x >= 0"])
    assert found.witness == {"x": Fraction(1)}
    assert found.to_dict()["witness"] == {"x": "1"}


def test_logarithms_of_quotients_whose_parts_are_negative_keep_their_sign() -> None:
    """log((n+1)/n) for n < -1: both parts are negative, and clearing the denominator must not turn the claim round."""
    assert prove("log((n+1)/n) <= log(2)", ["n <= -1.5"]).verdict is not Verdict.REFUTED
    assert prove("log((n+1)/n) >= 0", ["n <= -1.5"]).verdict is Verdict.REFUTED
    assert prove("log(exp(x) + exp(y)) <= max(x, y) + log(2)").verdict is Verdict.PROVED


def test_an_interrupt_in_z3_ends_the_program() -> None:
    """z3 would take the signal for itself and answer that it does not know."""
    x, y, w = symbols = [sp.Symbol(name, real=True) for name in "xyw"]
    hard = [x**7 * y**5 + w**9 - 3 * x * y - 7, x**5 + y**5 * w**3 - w**4 - 11, y**7 - x**6 * w**5 - x * w + 13]
    claim = Claim(Relation(sum(symbols), Sign.POSITIVE, ""), tuple(Relation(item, Sign.ZERO, "") for item in hard))
    # What runs in the background of a shell ignores interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            smt.decide(claim, 400)
        timer.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with smt.uninterrupted() as kept:
            signal.raise_signal(signal.SIGINT)
        assert kept == [], "who ignores interrupts has none"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_false_relation_between_numbers_has_no_empty_witness_in_its_text() -> None:
    found = prove("0.1 + 0.2 != 0.3")
    assert found.to_dict()["witness"] == {} and "fails: there is no parameter in it" in str(found)
