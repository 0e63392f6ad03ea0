"""A diagnosis: its answers against the exact truth of affine decoders, its forms, its page, every refusal."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import certify
from certify.cli.main import main
from certify.diagnosis.diagnose import questions
from certify.diagnosis.own import constants
from certify.diagnosis.question import Asked
from certify.diagnosis.records import Answer, Diagnosis
from certify.errors import InputError
from certify.progress import SilentProgress
from certify.report.json import json_text
from certify.verdict import Verdict

AFFINE = "linear:d=2,kappa=4,m=1,seed=3"
X = np.array([[0.3, -0.2], [1.0, 0.5]])
BETA = 0.5


class Heard(SilentProgress):
    """Keeps the answers as they come."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def found(self, record: object) -> None:
        assert isinstance(record, Answer)
        self.answers.append(record)


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def found(heard: Heard) -> Any:
    return certify.diagnose(AFFINE, X, beta=BETA, progress=heard)


def test_the_numbers_are_those_of_the_exact_law(found: Any) -> None:
    generator = certify.load_generator(AFFINE)
    weight, offset = generator.jacobian(np.zeros(2)), generator.value(np.zeros(2))
    singular = np.linalg.svd(weight, compute_uv=False)
    known = found["constants"].numbers
    assert known["m_lower"] <= singular[-1] * (1 + 1e-9) and singular[0] <= known["M_upper"] * (1 + 1e-9)
    rate = 0.5 * np.log(1 + singular**2 / BETA**2).sum()
    assert found["collapse"].numbers["rate_lower"] <= rate <= found["collapse"].numbers["rate_upper"]
    law = multivariate_normal(offset, weight @ weight.T + BETA**2 * np.eye(2))
    evidence = found["evidence"].numbers
    assert evidence["lower"] <= law.logpdf(X).mean() <= evidence["upper"]
    covariance = np.linalg.inv(np.eye(2) + weight.T @ weight / BETA**2)
    correlation = abs(covariance[0, 1]) / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert found["diagonal encoder"].numbers["correlation"] == pytest.approx(correlation, rel=1e-6)
    price = np.sqrt(1 + 2 / np.pi * np.arcsin(correlation)) - 1
    assert 0 < found["diagonal encoder"].numbers["tv_lower"] <= price
    assert found["encoder of one x"].numbers["rows"] == 2


def test_answers_come_one_by_one_and_quick_ones_first(found: Any, heard: Heard) -> None:
    assert tuple(heard.answers) == found.answers
    names = [item.question for item in found.answers]
    assert names == [item.name for item in questions() if item.name in names]
    assert names[:2] == ["constants", "collapse"] and "trained encoder" not in names
    assert found.exit_code == 0 and found.verdict.holds


def test_a_price_worth_paying_is_advised(found: Any) -> None:
    assert (found["diagonal encoder"].numbers["tv_lower"] > 0.05) == any("covariance" in item for item in found.advice)


def test_the_cheapest_rotation_of_an_affine_decoder_costs_nothing(found: Any) -> None:
    """All posteriors have one covariance: in its eigenvectors a diagonal encoder is exact."""
    known = found["diagonal encoder"].numbers
    generator = certify.load_generator(AFFINE)
    weight = generator.jacobian(np.zeros(2))
    precision = np.eye(2) + weight.T @ weight / BETA**2
    price = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    assert known["divergence_price_mean"] == pytest.approx(price, rel=1e-6) and price > 0.01
    assert known["divergence_price_rotated"] < 1e-6
    assert "rotation" in found["diagonal encoder"].text and any("rotate the latents" in item for item in found.advice)


def test_a_rotation_that_saves_nothing_is_not_advised() -> None:
    """An isometry: every posterior is round."""
    found = certify.diagnose("linear:d=2,kappa=1,m=1", X[:1], beta=BETA)
    assert not any("rotate" in item for item in found.advice)
    assert found["diagonal encoder"].numbers["divergence_price_mean"] < 1e-9


def test_a_bad_encoder_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "other.onnx"
    certify.encoder("gaussian-encoder", AFFINE, beta="0.1", out=file)
    found = certify.diagnose(AFFINE, X[:1], beta=BETA, encoder=file)
    assert found["trained encoder"].numbers["lower"] > 0.1, "it is the encoder of another noise"
    assert any("more capacity" in item for item in found.advice)
    assert found["evidence"].numbers["gap_lower"] > 0
    with pytest.raises(InputError):
        certify.diagnose("linear:d=3,kappa=2", np.zeros(3), beta=BETA, encoder=file)
    with pytest.raises(InputError, match="does not exist"):
        certify.diagnose(AFFINE, X, beta=BETA, encoder="no.onnx")


def test_without_m_the_price_is_by_cells() -> None:
    row = certify.load_generator("linear:d=2,kappa=1.5,seed=0")
    flat = certify.load_generator(row, measurement=[[1.0, -1.0]])
    masked = certify.diagnose(flat, [0.3], beta="0.2")
    assert masked["diagonal encoder"].numbers.keys() - {"divergence_price_mean", "divergence_price_rotated"} == {
        "cell_mass", "tv_lower",
    }  # fmt: skip
    assert masked["diagonal encoder"].verdict is Verdict.PROVED and "over boxes" in masked["diagonal encoder"].text
    assert 0 < masked["diagonal encoder"].numbers["tv_lower"] < np.sqrt(2) - 1
    assert masked["constants"].advice.startswith("for theorems that need m > 0")
    answer = masked["one encoder for all x"]
    assert answer.verdict is Verdict.PROVED and answer.text.startswith("that no theorem gives one")


def test_what_is_infinite_is_no_interval() -> None:
    kinked = certify.load_generator("permutation:bits=2,form=relu")
    asked = Asked(
        kinked, certify.constants(kinked), np.zeros((1, 2)), Fraction(1, 2), Fraction(1, 10), None, 0, SilentProgress()
    )
    answer = constants(asked)
    assert answer is not None and "M2 is infinite" in answer.text and "inf]" not in answer.text


def test_logits_are_asked_less() -> None:
    found = certify.diagnose(certify.load_generator(AFFINE, likelihood="bernoulli"), [1.0, 0.0])
    assert found.beta is None and "collapse" not in [item.question for item in found.answers]
    assert "evidence" in [item.question for item in found.answers] and "outside A0" in repr(found)


def test_the_json_is_read_back_and_nothing_else(found: Any) -> None:
    document = json.loads(json_text(found.to_dict()))
    assert type(found).from_dict(document) == found
    for change in ({"verdict": "refuted"}, {"answers": [{}]}, {"rows": "many"}, {"advice": ["buy more"]}):
        with pytest.raises(InputError):
            Diagnosis.from_dict({**document, **change})


def test_the_command_prints_answers_and_makes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", X)
    options = ["--data", str(tmp_path / "x.npy"), "--beta", "0.5"]
    assert main(["diagnose", AFFINE, *options, "--json", str(tmp_path / "d.json")]) == 0
    printed = capsys.readouterr().out
    places = [printed.index(word) for word in ("constants", "collapse", "evidence", "to change")]
    assert places == sorted(places)
    assert len(printed.splitlines()) < 30
    page = tmp_path / "d.html"
    assert main(["report", "--from", str(tmp_path / "d.json"), "--out", str(page)]) == 0
    text = page.read_text()
    assert "no collapse at this noise" in text and "What to change" in text
    assert "answers" in capsys.readouterr().out
    assert main(["diagnose", AFFINE, "--data", str(tmp_path / "no.npy"), "--beta", "0.5"]) == 2
    assert main(["diagnose", AFFINE, *options[:2]]) == 2
    assert "give `beta`" in " ".join(capsys.readouterr().err.split())


def test_words_of_a_user_stay_words_on_the_page(tmp_path: Path, found: Any) -> None:
    document = json.loads(json_text(found.to_dict()))
    document["generator"]["name"] = "<script>alert(1)</script>"
    (tmp_path / "d.json").write_text(json.dumps(document))
    certify.write_report(source=tmp_path / "d.json", out=tmp_path / "d.html")
    assert "<script>alert" not in (tmp_path / "d.html").read_text()
