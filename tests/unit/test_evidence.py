"""log p(x): intervals against closed forms and quadrature, the ELBO and its gap, resuming, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate

import certify
from certify.certificates.discovery import document_of, record_of
from certify.cli.main import main
from certify.codec import Exact
from certify.envelopes.box_certificate import acceptance_lower
from certify.envelopes.log_evidence import Interval, LogEvidence, evidence_under, log_evidence
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.logits import with_likelihood
from certify.generators.nodes import Activation, Affine, Graph, Input, Node
from certify.marginal.data import mean_of
from certify.marginal.elbo import gaussian_elbo
from certify.marginal.row import (
    Asked,
    Found,
    ObservationEvidence,
    decode_found,
    doubt,
    encode_found,
    evidence_of_row,
)
from certify.posteriors.gaussian import GaussianLaw
from certify.verdict import Verdict
from tests.conftest import ROOT

LINEAR = "linear:d=2,kappa=1.5,seed=0"
X = np.array([0.3, -0.2])
DIGITS = ROOT / "examples" / "digits"


def line(*activations: str) -> Generator:
    """A network R -> R^3, with what is said put behind it."""
    random = np.random.default_rng(5)
    first = Affine(0, 1.5 * random.standard_normal((4, 1)), random.standard_normal(4))
    last = Affine(2, random.standard_normal((3, 4)), random.standard_normal(3))
    nodes: list[Node] = [Input(1), first, Activation(1, "relu", 4), last]
    for name in activations:
        nodes.append(Activation(len(nodes) - 1, name, 3))
    return Generator("line", Graph(tuple(nodes)), 23)


def linear_evidence(generator: Generator, x: np.ndarray, beta: float) -> float:
    """log N(x; b, A A' + beta^2 I)."""
    offset = generator.value(np.zeros(2))
    matrix = generator.jacobian(np.zeros(2))
    covariance = matrix @ matrix.T + beta**2 * np.eye(2)
    gap = x - offset
    return float(-0.5 * (gap @ np.linalg.solve(covariance, gap) + np.linalg.slogdet(2 * np.pi * covariance)[1]))


def test_both_intervals_hold_the_closed_form() -> None:
    generator = certify.load_generator(LINEAR)
    found = log_evidence(generator, X, 0.3)
    truth = linear_evidence(generator, X, 0.3)
    for interval in (found.rigorous, found.sampled, found.best):
        assert interval is not None and interval.lower <= truth <= interval.upper
    assert found.best is not None and found.best.width < 0.05
    # p is the density of x as it was measured: dividing by the noise changes nothing.
    scaled = certify.load_generator(LINEAR, noise=[0.3, 0.3])
    again = certify.evidence(scaled, X, beta=1).mean
    assert again is not None and again.lower <= truth <= again.upper


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_relu_network_on_a_line_against_quadrature(likelihood: str) -> None:
    generator, beta = with_likelihood(line(), likelihood), 0.4
    x = np.array([1.0, 0.0, 1.0])

    def density(z: float) -> float:
        image = generator.value(np.array([z]))
        if likelihood == "bernoulli":
            return math.exp(-0.5 * z * z - (np.logaddexp(0, image) - x * image).sum()) / math.sqrt(2 * math.pi)
        normal = (2 * math.pi) ** -2 * beta**-3
        return float(normal * math.exp(-0.5 * z * z - ((image - x) ** 2).sum() / (2 * beta**2)))

    truth = math.log(integrate.quad(density, -12, 12, limit=2000, epsabs=0)[0])
    found = log_evidence(generator, x, beta)
    assert found.rigorous is not None and found.sampled is not None
    assert found.rigorous.lower <= truth <= found.rigorous.upper
    assert found.sampled.lower <= truth <= found.sampled.upper < found.sampled.lower + 0.02


def test_means_behind_a_sigmoid_are_their_logits() -> None:
    x = np.array([1.0, 0.0, 0.5])
    logits, means = (with_likelihood(line(*names), "bernoulli") for names in ((), ("sigmoid",)))
    assert log_evidence(logits, x, 1.0) == log_evidence(means, x, 1.0)


def test_the_elbo_of_the_posterior_itself_is_the_evidence() -> None:
    generator, beta = certify.load_generator(LINEAR), 0.3
    matrix = generator.jacobian(np.zeros(2)) / beta
    covariance = np.linalg.inv(np.eye(2) + matrix.T @ matrix)
    mean = covariance @ matrix.T @ (X - generator.value(np.zeros(2))) / beta
    truth = linear_evidence(generator, X, beta)
    exact = gaussian_elbo(GaussianLaw(mean, covariance), generator, X, beta).interval
    assert exact is not None and exact.lower <= truth <= exact.upper and exact.width < 0.05
    # KL(N(mean, 2 S), N(mean, S)) = d/2 (2 - 1 - log 2).
    wide = gaussian_elbo(GaussianLaw(mean, 2 * covariance), generator, X, beta).interval
    expected = truth - (1 - math.log(2))
    assert wide is not None and wide.lower <= expected <= wide.upper < truth


def test_a_singular_encoder_has_no_interval() -> None:
    found = gaussian_elbo(GaussianLaw(np.zeros(2), np.zeros((2, 2))), certify.load_generator(LINEAR), X, 0.3)
    assert found.interval is None and "singular" in found.reason


def test_the_first_digit_and_its_encoder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    decoder, encoder = str(DIGITS / "residual_d8.onnx"), DIGITS / "encoder_residual_d8.onnx"
    row = np.load(DIGITS / "observations_d8.npy")[0]
    kept = tmp_path / "kept.json"
    found = certify.evidence(decoder, row, encoder=encoder, proposals=3_500, resume=kept)
    (item,) = found.observations
    best, gap = item.log_evidence.best, item.gap
    assert best is not None and gap is not None and item.elbo is not None and item.elbo.interval is not None
    assert best.lower < -10.3875 and best.upper > -10.4137 and best.width < 0.05
    assert 0 <= gap.lower <= gap.upper < 0.1 and item.elbo.interval.lower < best.upper
    assert certify.evidence(decoder, row, encoder=encoder, proposals=3_500, resume=kept) == found
    with pytest.raises(InputError, match="another generator"):
        certify.evidence(decoder, row, encoder=encoder, proposals=3_501, resume=kept)
    assert certify.verify(kept, decoder, row[None]).verdict is Verdict.PROVED
    stored = json.loads(kept.read_text())
    (entry,) = stored["observations"].values()
    held = ObservationEvidence.from_dict(entry["evidence"])
    assert held.elbo is not None and held.elbo.interval is not None
    better = replace(held.elbo.interval, lower=held.elbo.interval.lower + 1e-6)
    entry["evidence"] = replace(held, elbo=replace(held.elbo, interval=better)).to_dict()
    kept.write_text(json.dumps(stored))
    assert certify.evidence(decoder, row, encoder=encoder, proposals=3_500, resume=kept) == found
    assert "not those of its envelope and its draws" in caplog.text


def changed(entry: dict[str, Any], kind: str, lower: float, upper: float) -> None:
    held = ObservationEvidence.from_dict(entry["evidence"]).log_evidence
    interval = getattr(held, kind)
    better = replace(interval, lower=interval.lower + lower, upper=interval.upper - upper)
    entry["evidence"] = ObservationEvidence(replace(held, **{kind: better}), None).to_dict()


def narrower(entry: dict[str, Any]) -> None:
    changed(entry, "rigorous", 0.0, 1e-6)


def luckier(entry: dict[str, Any]) -> None:
    changed(entry, "sampled", 1e-6, 0.0)


def raised(entry: dict[str, Any]) -> None:
    """Forged in full: a log C that nobody certified, and what follows from it."""
    proof = record_of(entry["certificate"], "it")
    constant = proof.log_constant - 0.01
    lower = replace(proof, log_constant=constant, acceptance=acceptance_lower(constant, proof.log_integral))
    entry["certificate"] = document_of(lower)
    found = evidence_under(lower.envelope(), ASKED.generator, ROW, ASKED.beta, ASKED.proposals)
    entry["evidence"] = ObservationEvidence(found, None).to_dict()


def refused(entry: dict[str, Any]) -> None:
    entry["certificate"], entry["reason"] = None, "no envelope was certified"


def bare(entry: dict[str, Any]) -> None:
    entry["certificate"] = None


def misplaced(entry: dict[str, Any]) -> None:
    entry["certificate"] = document_of(replace(record_of(entry["certificate"], "it"), observation=(Exact(0.5),)))


def another_noise(entry: dict[str, Any]) -> None:
    entry["certificate"] = document_of(replace(record_of(entry["certificate"], "it"), beta=Exact(0.5)))


ASKED = Asked(certify.load_generator("residual:d=1,width=4,depth=1,seed=0"), 0.4, None, 2000, 0)
ROW = np.array([0.4])


@pytest.mark.parametrize("forge", [narrower, luckier, raised, refused, bare, misplaced, another_noise])
def test_a_kept_interval_is_proved_and_drawn_again(
    forge: Callable[[dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evidence_of_row(ASKED, ROW)
    entry = json.loads(json.dumps(encode_found(found)))

    def search(*_: object) -> None:
        raise AssertionError("a search was started")

    monkeypatch.setattr("certify.marginal.row.best_envelope", search)
    assert decode_found(entry) == found and doubt(ASKED, ROW, decode_found(entry)) == ""
    assert doubt(ASKED, ROW + 1e-9, found) == "it is about another observation"
    forge(entry)
    assert doubt(ASKED, ROW, decode_found(entry)) != ""


def test_a_row_without_an_envelope_claims_nothing() -> None:
    nothing = Found(None, "no envelope", ObservationEvidence(LogEvidence(None, None, "", "no envelope"), None))
    assert doubt(ASKED, ROW, decode_found(json.loads(json.dumps(encode_found(nothing))))) == ""
    claimed = replace(nothing, evidence=evidence_of_row(ASKED, ROW).evidence)
    assert "not those of its envelope" in doubt(ASKED, ROW, claimed)
    with pytest.raises(InputError, match="the entry has not the keys"):
        decode_found({**encode_found(nothing), "seed": 1})


def test_a_mean_is_rounded_outward_where_its_terms_cancel() -> None:
    found = mean_of([Interval(value, value, "rigorous", 1.0) for value in (1e16, 1.0, -1e16)])
    assert found is not None and found.lower <= 1 / 3 <= found.upper and found.width < 1e-15


def test_a_mean_adds_the_probabilities_of_failing() -> None:
    first, second = Interval(-2.0, -1.0, "rigorous", 1.0), Interval(-4.0, -3.0, "statistical", 1 - 1e-6)
    found = mean_of([first, second, second])
    assert found is not None and found.kind == "statistical"
    assert 1 - found.confidence == pytest.approx(2e-6)
    assert found.lower == pytest.approx(-10 / 3) and found.upper == pytest.approx(-7 / 3)
    assert mean_of([first, None]) is None and mean_of([Interval(-math.inf, 0.0, "rigorous", 1.0)]) is None


def test_disjoint_intervals_claim_nothing() -> None:
    found = LogEvidence(Interval(-2.0, -1.0, "rigorous", 1.0), Interval(0.0, 1.0, "statistical", 0.9), "boxes", "")
    assert not found.agrees()
    assert ObservationEvidence(found, None).gap is None


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", X)
    arguments = ["evidence", "-g", LINEAR, "--beta", "0.3", "--observations", str(tmp_path / "x.npy")]
    assert main([*arguments, "--json", str(tmp_path / "found.json")]) == 0
    printed = capsys.readouterr().out
    assert "rigorous" in printed and "verdict: supported" in printed
    document = json.loads((tmp_path / "found.json").read_text())
    (entry,) = document["observations"]
    assert {"index", "log_evidence", "elbo", "gap"} <= entry.keys()
    assert entry["log_evidence"].keys() == {"lower", "upper", "kind", "confidence"} and entry["elbo"] is None
    assert document["mean"]["count"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--beta", "0"], "`beta` must be > 0"),
        ([], "names no noise level of its own"),
        (["--beta", "0.3", "--proposals", "10"], "proposals"),
        (["--beta", "0.3", "--likelihood", "bernoulli"], "leave it out"),
        (["--likelihood", "poisson"], "unknown `likelihood` `poisson`"),
        (["--likelihood", "bernoulli"], "entries in [0, 1]"),
        (["--likelihood", "bernoulli", "--noise", "NOISE"], "has no noise"),
        (["--beta", "0.3", "--noise", "NEGATIVE"], "finite and > 0"),
        (["--beta", "0.3", "--noise", "INFINITE"], "finite"),
        (["--beta", "0.3", "--encoder", str(DIGITS / "encoder_residual_d8.onnx")], "maps x of width 8"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    np.save(tmp_path / "x.npy", X)
    for name, values in (("NOISE", [1.0, 2.0]), ("NEGATIVE", [1.0, -2.0]), ("INFINITE", [1.0, np.inf])):
        np.save(tmp_path / f"{name}.npy", values)
        options = [str(tmp_path / f"{name}.npy") if entry == name else entry for entry in options]
    assert main(["evidence", "-g", LINEAR, "--observations", str(tmp_path / "x.npy"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_wrong_width_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    assert main(["evidence", "-g", LINEAR, "--beta", "0.3", "--observations", str(tmp_path / "x.npy")]) == 2
    assert "expected 2 columns" in capsys.readouterr().err


def test_logits_of_a_gaussian_decoder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = str(DIGITS / "observations_d8.npy")
    decoder = str(DIGITS / "residual_d8.onnx")
    for command in (["evidence"], ["check", "rejection-encoder"], ["encoder", "rejection-encoder", "--index", "0"]):
        assert main([*command, "-g", decoder, "--observations", rows, "--likelihood", "bernoulli"]) == 2
        error = capsys.readouterr().err
        assert "this is a Gaussian decoder, trained with noise 0.3862" in error and error.count("\n") == 1
