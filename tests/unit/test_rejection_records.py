"""Records of Theorem R: what was found holds, what is better by one digit or damaged does not, nothing is searched."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import certify
from benchmarks.forged_rejection import forgeries, refusal
from certify.bounds.bracket import unknown_brackets
from certify.certificates.discovery import document_of, record_of
from certify.certificates.kinds.rejection import verify
from certify.certificates.verification import row_doubt
from certify.cli.main import main
from certify.codec import Exact
from certify.discovery.registry import load_theorem
from certify.envelopes import records
from certify.envelopes.box_search import BoxLimits, log_ratio, supremum_of_ratio
from certify.envelopes.box_tree import Cuts, Tiling, bisected, lattice
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.envelopes.records import METHOD, RejectionProof
from certify.errors import InputError
from certify.execution.door import Execution
from certify.generators.derivatives import value
from certify.generators.graph import FloatArray, Generator
from certify.progress import SilentProgress
from certify.proof.records import ObservationRecord
from certify.proof.theorem import ObservationsAsked
from certify.verdict import Verdict
from tests.generators import one_hidden_layer
from theorems.rejection_encoder.found import Rejection, said_beside
from theorems.rejection_encoder.kept import decode_rejection, encode_rejection
from theorems.rejection_encoder.observations import certify_row, certify_rows

BETA, EPSILON = 0.4, Fraction(1, 10)
Setting = tuple[Generator, FloatArray, Rejection]


def observed(generator: Generator, seed: int) -> FloatArray:
    random = np.random.default_rng([seed, 1])
    image = value(generator.graph, random.standard_normal((1, generator.latent_dim)))[0]
    return np.asarray(image + BETA * random.standard_normal(generator.observed_dim))


@pytest.fixture(scope="module", params=[("relu", 2, 6, 21), ("tanh", 4, 6, 1)], ids=["boxes", "quadratic form"])
def setting(request: pytest.FixtureRequest) -> Setting:
    """A decoder, an observation, and what is certified there."""
    generator = one_hidden_layer(*request.param)
    row = observed(generator, 1)
    found = certify_row(generator, BETA, EPSILON, row)
    assert found.proposals is not None and found.proof is not None
    return generator, row, found


def proof_of(setting: Setting) -> RejectionProof:
    proof = setting[2].proof
    assert proof is not None
    return proof


def document(setting: Setting) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document_of(proof_of(setting)), allow_nan=False))
    return found


def test_a_record_is_confirmed_as_it_was_found(setting: Setting) -> None:
    generator, _, found = setting
    proof = proof_of(setting)
    assert record_of(document(setting), "it") == proof
    checked = verify(proof, generator)
    assert checked.holds and checked.reason == "" and checked.premises == () and "Theorem R" in checked.claim
    assert found.numbers is not None and found.numbers.p_certified == proof.acceptance
    assert found.numbers.log_constant == proof.log_constant and found.tv_bound == proof.tv_bound


def test_everything_better_by_one_digit_or_damaged_is_refused(setting: Setting) -> None:
    good, names = document(setting), []
    for name, forged in forgeries(good, np.random.default_rng(0)):
        names.append(name)
        assert refusal(forged, setting[0]), f"{name} was believed"
    assert len(names) >= 19 and refusal(good, setting[0]) == ""


def test_a_distance_above_epsilon_and_boxes_that_end_too_early_are_refused(setting: Setting) -> None:
    generator, _, _ = setting
    proof = proof_of(setting)
    assert "not <= epsilon" in verify(replace(proof, tv_bound=0.5), generator).reason
    if proof.boxes is not None:
        # All of a box that holds next to nothing is below the claim; what lies beyond it is not.
        near = replace(proof.boxes, reach=Exact(1e-3), splits=".")
        assert "log C is not <=" in verify(replace(proof, boxes=near), generator).reason


def test_another_decoder_noise_or_observation_is_not_what_the_record_is_about(setting: Setting) -> None:
    generator, row, _ = setting
    proof = proof_of(setting)
    other = one_hidden_layer("relu", generator.latent_dim, 6, 77)
    away = tuple(Exact(float(entry)) for entry in row + 0.5)
    wrong = verify(proof, other), verify(replace(proof, observation=away), generator)
    quiet = verify(replace(proof, beta=Exact(0.3)), generator)
    assert not any(item.holds for item in (*wrong, quiet))
    assert "x must have" in verify(replace(proof, observation=away[1:]), generator).reason
    assert "epsilon" in verify(replace(proof, epsilon=Fraction(0)), generator).reason
    for noise in (0.0, -1.0):
        assert "beta" in verify(replace(proof, beta=Exact(noise)), generator).reason


def test_a_mixture_that_is_none_is_refused(setting: Setting) -> None:
    generator, _, _ = setting
    proof = proof_of(setting)
    first, *rest = proof.proposal
    flat = tuple(tuple(Exact(0.0) for _ in row) for row in first.root)
    for changed in (
        (), (replace(first, weight=Exact(-1.0)), *rest), (replace(first, weight=Exact(0.0)), *rest),
        (replace(first, root=flat), *rest), (replace(first, mean=first.mean[1:]), *rest),
        (replace(first, mean=(Exact(1e200), *first.mean[1:])), *rest),
    ):  # fmt: skip
        assert not verify(replace(proof, proposal=changed), generator).holds


def test_a_claim_that_is_weaker_is_believed(setting: Setting) -> None:
    proof = proof_of(setting)
    weaker = replace(proof, acceptance=0.9 * proof.acceptance, proposals=10**5, tv_bound=0.09)
    assert verify(weaker, setting[0]).holds
    assert verify(replace(proof, proposals=None, tv_bound=None), setting[0]).holds


def test_nothing_is_searched(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_: object, **__: object) -> None:
        raise AssertionError("a search was started")

    for place in (
        "fit.find_cells", "box_certificate.supremum_of_ratio", "box_certificate.log_integral_lower",
        "quadratic_envelope.minimise", "quadratic_envelope.fit_mixture", "gaussian_evidence.search_weights",
        "quadratic_envelope.posterior_moments",
    ):  # fmt: skip
        monkeypatch.setattr(f"certify.envelopes.{place}", search)
    assert verify(proof_of(setting), setting[0]).holds


def rows_of(generator: Generator, rows: FloatArray, resume: Path | None) -> tuple[ObservationRecord, ...]:
    theorem = load_theorem("rejection-encoder")
    return certify_rows(
        ObservationsAsked(
            theorem, generator, unknown_brackets(), rows, BETA, EPSILON, SilentProgress(), Execution(resume=resume)
        )
    )


def write(path: Path, content: Any) -> None:
    text = json.dumps(content)
    path.write_text(f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n")


def consistent(entry: dict[str, Any]) -> None:
    """Forged in full: p, K, the bound and the digest follow from a log C that nobody certified."""
    names = "p, K, distance of another record"
    entry["certificate"] = dict(forgeries(entry["certificate"], np.random.default_rng(0)))[names]


def misplaced(entry: dict[str, Any]) -> None:
    entry["certificate"]["observation"] = entry["certificate"]["observation"][::-1]


def reach(entry: dict[str, Any]) -> None:
    entry["largest_noise"] = 4.0


def unproved_reach(entry: dict[str, Any]) -> None:
    entry["noise"], entry["largest_noise"] = None, 2 * BETA


def no_reach(entry: dict[str, Any]) -> None:
    """A row that is certified at its own noise, and at none."""
    entry["noise"], entry["largest_noise"] = None, 0.0


def measured(entry: dict[str, Any]) -> None:
    entry["measured"] = [0.97, 0.99]


def bare(entry: dict[str, Any]) -> None:
    entry["certificate"] = None


def another_key(entry: dict[str, Any]) -> None:
    entry["proposals"] = 1


@pytest.mark.parametrize("forge", [consistent, misplaced, reach, unproved_reach, no_reach, measured, bare, another_key])
def test_a_kept_result_that_is_not_proved_again_is_computed_again(
    forge: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generator = one_hidden_layer("relu", 1, 4, 2)
    rows = observed(generator, 8)[None]
    right = rows_of(generator, rows, tmp_path)
    assert rows_of(generator, rows, tmp_path) == right and caplog.text == ""
    (path,) = tmp_path.glob("*/??/*.json")
    text = path.read_text()
    entry = json.loads(text.partition("\n")[0])
    forge(entry)
    write(path, entry)
    assert rows_of(generator, rows, tmp_path) == right
    assert "not believed and computed again" in caplog.text and path.read_text() == text


def test_kept_results_and_the_output_of_check_are_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    rows = np.array([[0.4], [-0.2]])
    kept, written = tmp_path / "kept", tmp_path / "checked.json"
    records = [item.to_dict() for item in rows_of(generator, rows, kept)]
    written.write_text(json.dumps({"theorems": [{"id": "rejection-encoder", "observations": records}]}))
    for path, count in ((kept, 4), (written, 4)):
        found = certify.verify(path, observations=rows)
        assert found.verdict is Verdict.PROVED and len(found.verifications) == count and found.premises == ()
    single = certify_row(generator, BETA, EPSILON, rows[0])
    assert single.proof is not None
    forged = document_of(replace(single.proof, log_constant=single.proof.log_constant - 1e-6))
    path = tmp_path / "forged.json"
    path.write_text(json.dumps(forged))
    capsys.readouterr()
    assert main(["verify", str(path)]) == 1
    assert "log C is not <=" in capsys.readouterr().out


def test_a_table_says_no_more_than_its_certificates(tmp_path: Path) -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    rows = np.array([[0.4], [-0.2]])
    table = [item.to_dict() for item in rows_of(generator, rows, None)]

    def verified(first: dict[str, Any], second: dict[str, Any] | None = None, name: str = generator.name) -> Any:
        forged = [table[0] | first, table[1] | (second or {})]
        path = tmp_path / "checked.json"
        theorem = {"id": "rejection-encoder", "generator": name, "observations": forged}
        path.write_text(json.dumps({"theorems": [theorem]}))
        return certify.verify(path, observations=rows)

    assert verified({}).verdict is Verdict.PROVED
    for name, better in (
        ("layers", 2), ("tv_bound", 1e-9), ("p_certified", 1.0), ("log_constant", -1.0), ("log_integral", "inf"),
        ("values", {"beta": 4.0}),
    ):  # fmt: skip
        found = verified({name: better})
        assert found.verdict is Verdict.REFUTED and "its row says" in str(found)
    row = table[0]
    size, ends = row["values"]["encoder_parameters"], row["p_measured"]
    for forged in (
        {"values": {**row["values"], "encoder_parameters": size - 1}}, {"p_measured": {**ends, "lower": ends["upper"]}},
    ):  # fmt: skip
        found = verified(forged)
        assert found.verdict is Verdict.REFUTED and "its row says" in str(found)
    other_name = verified({}, name="residual:d=1,width=4,depth=1,seed=1")
    assert other_name.verdict is Verdict.REFUTED and "its row says generator" in str(other_name)
    with pytest.raises(InputError, match="observation 0: says `tv_bound` twice"):
        verified({"values": {"beta": BETA, "tv_bound": 1e-9}})
    unmet = document_of(replace(record_of(table[0]["certificate"], "it"), proposals=None, tv_bound=None))
    assert verified({"layers": None, "tv_bound": None, "certificate": unmet}).verdict is Verdict.REFUTED
    names = "certificate", "largest_noise_certificate"
    one, other = ({name: row[name] for name in names} for row in table)
    for first, second in ((other, one), (one, one), (other, other)):
        with pytest.raises(InputError, match="is about row"):
            verified(first, second)
    with pytest.raises(InputError, match="observation 1: says proved and holds no certificate"):
        verified({}, {"certificate": None})
    assert len(verified({}, {"certificate": None, "verdict": "inconclusive"}).verifications) == 3


def test_a_table_without_any_certificate_is_named_and_covers_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The certificates of one theorem say nothing of the rows of another, whose own were taken out of the file."""
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    table = [item.to_dict() for item in rows_of(generator, np.array([[0.4], [-0.2]]), None)]
    bare = [row | {"certificate": None, "largest_noise_certificate": None} for row in table]
    path = tmp_path / "checked.json"

    def verified(*others: list[dict[str, Any]]) -> Any:
        theorems = [{"id": "rejection-encoder", "observations": table}]
        theorems += [{"id": "sharp-langevin", "observations": rows} for rows in others]
        path.write_text(json.dumps({"theorems": theorems}))
        return certify.verify(path)

    found = verified(bare, bare[:1])
    assert found.not_covered == {"sharp-langevin": 3} and found.verdict is Verdict.PROVED
    assert "not covered: sharp-langevin, 3 rows said proved, without any certificate" in str(found)
    assert main(["verify", str(path), "--quiet", "--json", str(tmp_path / "out.json")]) == 0
    assert "not covered: sharp-langevin, 3 rows" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["not_covered"] == {"sharp-langevin": 3}
    assert verified(bare[:1]).warnings == ("not covered: sharp-langevin, 1 row said proved, without any certificate",)
    for covered in (table, [row | {"verdict": "inconclusive"} for row in bare], []):
        assert verified(covered).not_covered == {} and not verified(covered).warnings
    with pytest.raises(InputError, match="sharp-langevin, observation 1: says proved and holds no certificate"):
        verified([table[0], bare[1]])


def test_what_a_row_says_beside_its_certificate_is_evaluated_and_measured_again() -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    (row,) = [item.to_dict() for item in rows_of(generator, np.array([[0.4]]), None)]
    row |= row["values"]
    known = said_beside(record_of(row["certificate"], "it"), generator)
    said, ends = {"layers": row["layers"], **known}, row["p_measured"]
    assert known.keys() <= row.keys() and row_doubt(row, said) == ""
    assert row_doubt({**row, "p_measured": {**ends, "lower": ends["lower"] * (1 + 1e-12)}}, said) == ""
    low, high = ends["lower"], ends["upper"]
    for name, forged in (
        ("encoder_parameters", row["encoder_parameters"] - 1), ("encoder_parameters", None), ("boxes", 10**6),
        ("p_measured", {**ends, "lower": low + 1e-6}), ("p_measured", {**ends, "upper": high - 1e-6}),
        ("p_measured", {**ends, "confidence": 1.0}), ("p_measured", {"lower": low, "upper": high}),
        ("p_measured", {**ends, "lower": True}), ("p_measured", {**ends, "lower": "0.9"}), ("p_measured", None),
        ("p_measured", high), ("layers_measured", 0), ("components", 1000), ("envelope", "another"),
    ):  # fmt: skip
        assert row_doubt({**row, name: forged}, said).startswith(f"its row says {name} = ")
    unmet = said_beside(replace(record_of(row["certificate"], "it"), proposals=None, tv_bound=None), generator)
    assert "encoder_parameters" in row_doubt(row | {"verdict": "supported"}, unmet)


def test_a_table_is_of_a_theorem_whose_rows_hold_such_certificates(tmp_path: Path) -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    table = [item.to_dict() for item in rows_of(generator, np.array([[0.4]]), None)]
    path, title = tmp_path / "checked.json", load_theorem("rejection-encoder").title
    for said, verdict in (
        ({"id": "rejection-encoder", "title": title}, Verdict.PROVED),
        ({"id": "injective-decoder"}, Verdict.PROVED), ({"id": "injective-decoder", "title": title}, Verdict.REFUTED),
        ({"id": "sharp-langevin"}, Verdict.REFUTED), ({"id": "one-way"}, Verdict.REFUTED),
        ({"id": ["rejection-encoder"]}, Verdict.REFUTED), ({"id": "rejection-encoder", "title": "R"}, Verdict.REFUTED),
    ):  # fmt: skip
        path.write_text(json.dumps({"theorems": [said | {"observations": table}]}))
        found = certify.verify(path, generator)
        assert found.verdict is verdict and (verdict is Verdict.PROVED or "its table is said to be of" in str(found)), (
            said
        )


def test_of_a_theorem_that_is_not_installed_the_certificates_alone_are_verified(tmp_path: Path) -> None:
    """An author's own theorem is a file, which verification does not run."""
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    table = [item.to_dict() for item in rows_of(generator, np.array([[0.4], [0.1]]), None)]
    path = tmp_path / "checked.json"
    path.write_text(json.dumps({"theorems": [{"id": "mine", "observations": table}]}))
    found = certify.verify(path, generator)
    assert found.verdict is Verdict.PROVED and found.to_dict()["unknown"] == {"mine": len(found.verifications)}
    assert f"not verified: mine, which is not installed: what {len(found.verifications)} rows said" in str(found)
    table[0]["layers"] -= 1
    path.write_text(json.dumps({"theorems": [{"id": "mine", "observations": table}]}))
    assert certify.verify(path, generator).verdict is Verdict.REFUTED


def test_an_acceptance_beside_another_kind_of_certificate_is_said_not_to_be_verified(tmp_path: Path) -> None:
    checked = certify.check("sharp-langevin", "linear:d=2,kappa=1.5,seed=0", beta="0.3", observations=[0.3, -0.2])
    (row,) = checked.to_dict()["theorems"][0]["observations"]
    row["p_measured"] = {"lower": 0.5, "upper": 0.6, "confidence": 0.999999}
    path = tmp_path / "checked.json"
    path.write_text(json.dumps({"theorems": [{"id": "injective-decoder", "observations": [row]}]}))
    found = certify.verify(path)
    assert found.unheld == {"injective-decoder": 1} and found.verdict is Verdict.PROVED
    assert found.warnings == ("not verified: injective-decoder, in 1 row what no certificate determines: p_measured",)
    assert "note: not verified: injective-decoder" in str(found)
    many = replace(found, unheld_names={"injective-decoder": tuple("abcdef")})
    assert many.warnings[0].endswith(": a, b, c, d and 2 more")
    assert found.to_dict()["unheld"] == {"injective-decoder": 1}
    assert found.to_dict()["unheld_names"] == {"injective-decoder": ["p_measured"]}
    assert type(found).from_dict(found.to_dict()).unheld_names == found.unheld_names


def test_a_table_names_the_decoder_that_was_given(tmp_path: Path) -> None:
    """By digest: a family's name stands for its weights, a file may be called anything."""
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    table = [item.to_dict() for item in rows_of(generator, np.array([[0.4]]), None)]
    path = tmp_path / "checked.json"
    for name, verdict in (
        (generator.name, Verdict.PROVED), ("residual:depth=1,d=1,width=4,seed=0", Verdict.PROVED),
        ("moved.onnx", Verdict.PROVED), ("residual:d=1,width=4,depth=1,seed=1", Verdict.REFUTED),
        ("residual:depth=none", Verdict.REFUTED), (None, Verdict.REFUTED),
    ):  # fmt: skip
        path.write_text(
            json.dumps({"theorems": [{"id": "rejection-encoder", "generator": name, "observations": table}]})
        )
        found = certify.verify(path, generator)
        assert found.verdict is verdict, name
        assert verdict is Verdict.PROVED or "its row says generator" in str(found)


def test_proposals_are_not_sold_as_layers_of_another_theorem(tmp_path: Path) -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    (row,) = [item.to_dict() for item in rows_of(generator, np.array([[0.4]]), None)]
    path = tmp_path / "checked.json"
    for theorem, verdict in (("Theorem R", Verdict.PROVED), ("Theorem 1*", Verdict.REFUTED), ("", Verdict.REFUTED)):
        path.write_text(
            json.dumps({"theorems": [{"id": "rejection-encoder", "observations": [row | {"theorem": theorem}]}]})
        )
        found = certify.verify(path, generator)
        assert found.verdict is verdict, theorem
        assert verdict is Verdict.PROVED or "its row says theorem" in str(found)


def test_a_largest_noise_of_a_table_is_that_of_its_certificate(tmp_path: Path) -> None:
    generator = certify.load_generator("residual:d=1,width=4,depth=1,seed=0")
    rows = np.array([[0.4]])
    (row,) = [item.to_dict() for item in rows_of(generator, rows, None)]
    reached, wider = row["values"]["largest_noise"], row["largest_noise_certificate"]
    proof = record_of(wider, "it")
    assert reached == proof.beta == 2 * BETA

    def verified(change: dict[str, Any], noise: float = reached) -> Any:
        path = tmp_path / "checked.json"
        forged = row | {"values": row["values"] | {"largest_noise": noise}} | change
        document = {"id": "rejection-encoder", "observations": [forged], "conclusion": {"epsilon": float(EPSILON)}}
        path.write_text(json.dumps({"theorems": [document]}))
        return certify.verify(path, observations=rows)

    assert verified({}).verdict is Verdict.PROVED
    assert ObservationRecord.from_dict(row).to_dict() == row
    assert "its row says beta" in str(verified({}, noise=4 * BETA))
    unmet = document_of(replace(proof, proposals=None, tv_bound=None))
    easier = document_of(replace(proof, epsilon=Fraction(1, 2)))
    better = document_of(replace(proof, log_constant=proof.log_constant - 1e-6))
    for forged, reason in ((unmet, "does not meet"), (better, "log C is not <=")):
        found = verified({"largest_noise_certificate": forged})
        assert found.verdict is Verdict.REFUTED and reason in str(found)
    with pytest.raises(InputError, match="another decoder or epsilon than the first of its table"):
        verified({"largest_noise_certificate": easier})
    with pytest.raises(InputError, match="its largest noise holds no certificate"):
        verified({"largest_noise_certificate": None})
    # At the row's own noise, and where none was found, there is nothing more to prove.
    assert verified({"largest_noise_certificate": None}, noise=BETA).verdict is Verdict.PROVED
    assert verified({"largest_noise_certificate": None}, noise=0.0).verdict is Verdict.PROVED
    with pytest.raises(InputError, match="its largest noise holds no certificate"):
        verified({"largest_noise_certificate": None, "verdict": "inconclusive"}, noise=BETA)


def test_a_result_without_a_record_keeps_its_reason() -> None:
    nothing = Rejection(None, "no envelope was certified")
    assert decode_rejection(json.loads(json.dumps(encode_rejection(nothing)))) == nothing
    assert nothing.reason == "no envelope was certified" and nothing.numbers is None and nothing.proposals is None


def test_a_tree_is_read_as_it_was_cut_and_tiles() -> None:
    random = np.random.default_rng(3)
    low, high = np.array([-1.3, 0.2, -5.0]), np.array([2.0, 0.9, 4.0])
    lows, highs = lattice(low, high, 2)
    cuts, numbers = Cuts(8), np.arange(8)
    for _ in range(30):
        taken = random.choice(len(lows), min(len(lows), 5), replace=False)
        axes = random.integers(0, 3, len(taken))
        rest = np.setdiff1d(np.arange(len(lows)), taken)
        halves = bisected(lows[taken], highs[taken], axes)
        numbers = np.concatenate([numbers[rest], cuts.bisect(numbers[taken], axes)])
        lows, highs = np.concatenate([lows[rest], halves[0]]), np.concatenate([highs[rest], halves[1]])
    leaves = Tiling(low, high, 2, cuts.splits()).leaves()
    assert leaves is not None

    def sorted_boxes(lows: FloatArray, highs: FloatArray) -> FloatArray:
        both = np.concatenate([lows, highs], axis=1)
        return np.asarray(both[np.lexsort(both.T)])

    assert np.array_equal(sorted_boxes(*leaves), sorted_boxes(lows, highs))
    assert np.prod(leaves[1] - leaves[0], axis=1).sum() == pytest.approx(np.prod(high - low), rel=1e-12)


@pytest.mark.parametrize("text", ["", "0", "0.", "0...", "..", "3..", "a..", "0.0.", "².."])
def test_a_text_that_is_no_tree_has_no_leaves(text: str) -> None:
    assert Tiling(-np.ones(2), np.ones(2), 1, text).leaves() is None
    assert Tiling(np.ones(2), np.ones(2), 1, ".").leaves() is None


def test_the_leaves_carry_the_bound_of_the_search() -> None:
    generator = one_hidden_layer("relu", 2, 6, 21)
    likelihood = GaussianLikelihood(observed(generator, 1), BETA)
    proposal = Mixture(np.array([1.0]), np.zeros((1, 2)), np.eye(2)[None] / 1.3)
    corner = np.full(2, 6.0)
    for limits in (BoxLimits(0.1, 4000), BoxLimits(0.1, 40)):
        found = supremum_of_ratio(generator.graph, likelihood, proposal, -corner, corner, np.zeros((1, 2)), limits)
        leaves = found.tiling.leaves()
        assert leaves is not None
        points = np.concatenate(leaves)
        assert log_ratio(generator.graph, likelihood, proposal, points).max() <= found.upper


def test_the_page_has_the_keys_and_the_method_of_a_record() -> None:
    page = Path("docs/certificates.md").read_text(encoding="utf-8")
    block = page.split("## Format of the kind `rejection`")[1].split("\n## ")[0].split("\n\n")[1]
    parts = ("Component", "Regions", "Region", "Boxes", "Cells", "Mean", "Gaussians", "Shells", "Shell", "Rejection")
    names = {field.name for part in parts for field in fields(getattr(records, f"{part}Proof"))}
    values = {"rejection", METHOD, "gaussian", "bernoulli", "1/10"}
    assert set(re.findall(r'"([^"]+)"', block)) == names | values | {"kind"}
