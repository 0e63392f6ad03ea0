"""The rate of single observations: exact truth of affine decoders and of curves, its mean, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import certify
from certify.bounds.bracket import unknown_brackets
from certify.bounds.constants import constants
from certify.checking.check import check
from certify.discovery.registry import load_theorem
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import acceptance_lower
from certify.envelopes.likelihood import GaussianLikelihood
from certify.errors import InputError
from certify.execution.door import Execution
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.specification import load_generator
from certify.progress import SilentProgress
from certify.proof.observation_means import observation_means
from certify.proof.theorem import ObservationsAsked
from certify.report.observations import mean_sentence, observation_summary
from certify.verdict import Verdict
from theorems.collapse.observations import certify_rows
from theorems.collapse.rate import divergences_from_prior, prior_grid
from theorems.collapse.row import FoundRate, RowRate, decode_rate, doubt, encode_rate, following, rate_of_row


def affine(matrix: np.ndarray) -> Generator:
    n, d = matrix.shape
    return Generator("affine", Graph((Input(d), Affine(0, matrix, np.zeros(n)))), matrix.size)


def exact(matrix: np.ndarray, noise: float, row: np.ndarray) -> float:
    """KL(N(c, S) || N(0, I)) of the posterior of an affine decoder."""
    covariance = np.linalg.inv(np.eye(matrix.shape[1]) + matrix.T @ matrix / noise**2)
    centre = covariance @ matrix.T @ row / noise**2
    return float(np.trace(covariance) + centre @ centre - len(centre) - np.linalg.slogdet(covariance)[1]) / 2


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_the_divergence_of_an_affine_posterior_lies_in_the_interval(seed: int) -> None:
    """Noise .05 to 3, up to two more outputs than latents, observations in the data and far from it."""
    random = np.random.default_rng(seed)
    d = int(random.integers(1, 4))
    matrix = random.standard_normal((d + int(random.integers(0, 3)), d))
    noise, row = float(10 ** random.uniform(-1.5, 0.5)), random.standard_normal(len(matrix)) * (4 if seed % 2 else 1)
    found, truth = rate_of_row(affine(matrix), noise, row).rate, exact(matrix, noise, row)
    assert not found.reason and found.lower <= truth <= found.upper
    assert found.confidence >= 1 - 1e-6 and found.upper - found.lower < 0.1 + 0.25 * d
    assert not found.lower <= 1.5 * truth + 0.5 <= found.upper


def test_a_curve_agrees_with_quadrature() -> None:
    """Bent, one latent: the mean square and the evidence by a grid over z."""
    generator, noise = load_generator("residual:d=1,width=4"), 0.3
    grid = prior_grid(generator, noise, 3.0)
    assert grid is not None
    rows = np.array([[0.2], [-1.5]])
    for row, truth in zip(rows, divergences_from_prior(generator, noise, rows, grid), strict=True):
        found = rate_of_row(generator, noise, row).rate
        assert found.lower - 1e-3 <= truth <= found.upper + 1e-3


def test_the_check_has_the_mean_over_the_rows() -> None:
    """n > d; in the record, in the JSON, in the summary and on the first screen."""
    generator = load_generator("linear:d=2,n=4,kappa=2,m=1")
    matrix, rows = generator.jacobian(np.zeros(2)), np.random.default_rng(3).standard_normal((2, 4))
    (record,) = check(["collapse"], [generator], beta=Fraction(1, 2), observations=rows, effort=0.1).theorems
    (mean,) = record.means
    truths = [exact(matrix, 0.5, row - generator.value(np.zeros(2))) for row in rows]
    assert mean.lower <= np.mean(truths) <= mean.upper and mean.upper - mean.lower < 0.5
    assert (mean.quantity, mean.count, mean.given) == ("rate_nats", 2, 2)
    assert mean.confidence == pytest.approx(1 - 2e-6, abs=1e-9)
    assert record.to_dict()["means"] == [asdict(mean)]
    assert all(item.verdict is Verdict.SUPPORTED for item in record.observations)
    words = [row[1].text for row in observation_summary(record.observations).rows]
    assert any("over 2 observations" in word for word in words) and "mean rate nats in [" in mean_sentence(mean)


def test_a_decoder_without_a_certified_slope_is_answered_at_its_observations() -> None:
    """A jump has no M, and the rate of one observation needs none."""
    generator = load_generator("permutation:family=linear,bits=1")
    assert constants(generator, effort=1000.0).M.upper == math.inf
    rows = generator.value(np.array([[0.4]]))
    (record,) = check(["collapse"], [generator], beta=Fraction(1, 2), observations=rows, effort=0.1).theorems
    assert len(record.observations) == 1 and record.observations[0].values["beta"] == 0.5


def test_means_are_rounded_outward_and_count_what_is_missing() -> None:
    known = {"q_lower": 0.1, "q_upper": 0.3, "q_confidence": 0.9}
    (mean,) = observation_means([known, {"q_lower": 0.2, "q_upper": 0.2, "q_confidence": 1.0}, {"beta": 1.0}])
    assert Fraction(mean.lower) <= (Fraction(0.1) + Fraction(0.2)) / 2
    assert Fraction(mean.upper) >= (Fraction(0.3) + Fraction(0.2)) / 2
    assert (mean.count, mean.given) == (2, 3) and mean.confidence == pytest.approx(0.9)
    assert observation_means([{"beta": 1.0}]) == ()
    assert "2 of 3 observations" in mean_sentence(mean)


CURVE, NOISE, ROW = load_generator("residual:d=1,width=4,depth=1,seed=0"), 0.4, np.array([0.4])


@cache
def kept() -> str:
    return json.dumps(encode_rate(rate_of_row(CURVE, NOISE, ROW)))


def last_digit(value: float, sign: int) -> float:
    """One unit of the last printed digit more or less; the next float where that is less than one."""
    printed = Decimal(repr(value))
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int)
    moved = float(printed + sign * Decimal(1).scaleb(exponent))
    return moved if moved != value else math.nextafter(value, sign * math.inf)


BETTER = {
    ("rate", "lower"): 1, ("rate", "upper"): -1, ("rate", "confidence"): 1,
    ("certificate", "log_constant"): -1, ("certificate", "log_integral"): 1, ("certificate", "acceptance"): 1,
    ("certificate", "tv_bound"): -1, ("certificate", "proposals"): -1,
}  # fmt: skip


@pytest.mark.parametrize(("where", "sign"), BETTER.items(), ids=lambda item: str(item))
def test_a_kept_number_better_by_its_last_digit_is_refused(where: tuple[str, str], sign: int) -> None:
    """Every number of the record, in the direction that matters."""
    entry = json.loads(kept())
    part, name = where
    value = entry[part][name]
    entry[part][name] = value + sign if isinstance(value, int) else last_digit(value, sign)
    assert entry[part][name] != value
    assert doubt(CURVE, NOISE, ROW, decode_rate(entry)) != ""


def test_a_log_c_that_nobody_certified_is_refused_with_all_that_follows_from_it() -> None:
    found = decode_rate(json.loads(kept()))
    assert found.proof is not None
    constant = last_digit(found.proof.log_constant, -1)
    acceptance = acceptance_lower(constant, found.proof.log_integral)
    proof = replace(found.proof, log_constant=constant, acceptance=acceptance, proposals=None, tv_bound=None)
    assert "log C is not" in doubt(CURVE, NOISE, ROW, FoundRate(proof, "", following(CURVE, NOISE, ROW, proof)))
    none = FoundRate(None, "no envelope", found.rate)
    assert "not those of its envelope" in doubt(CURVE, NOISE, ROW, none)
    assert "do not fit" in doubt(CURVE, NOISE, ROW, replace(found, proof=None))


def test_a_kept_rate_is_proved_and_drawn_again_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    found = decode_rate(json.loads(kept()))

    def search(*_: object) -> None:
        raise AssertionError("a search was started")

    monkeypatch.setattr("theorems.collapse.row.best_envelope", search)
    assert doubt(CURVE, NOISE, ROW, found) == "" and json.dumps(encode_rate(found)) == kept()
    assert doubt(CURVE, NOISE, ROW + 1e-9, found) == "it is about another observation"
    assert doubt(CURVE, 0.5, ROW, found) == "it is about another observation"
    nothing = FoundRate(None, "no envelope", RowRate(0.0, math.inf, 1.0, "no envelope"))
    assert doubt(CURVE, NOISE, ROW, decode_rate(json.loads(json.dumps(encode_rate(nothing))))) == ""
    with pytest.raises(InputError, match="the entry has not the keys"):
        decode_rate({**json.loads(kept()), "seed": 1})


def test_a_check_resumes_and_verify_reads_what_it_keeps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "kept.json"

    def rates() -> dict[str, float]:
        with Execution("serial", path) as place:
            theorem, quiet = load_theorem("collapse"), SilentProgress()
            (record,) = certify_rows(
                ObservationsAsked(theorem, CURVE, unknown_brackets(), ROW[None], NOISE, Fraction(1, 10), quiet, place)
            )
        return dict(record.values)

    first = rates()
    assert certify.verify(path, CURVE, ROW[None]).verdict is Verdict.PROVED
    assert rates() == first and "without deriving" not in caplog.text and "not believed" not in caplog.text
    stored = json.loads(path.read_text())
    (entry,) = stored["observations"].values()
    entry["rate"]["upper"] = last_digit(entry["rate"]["upper"], -1)
    path.write_text(json.dumps(stored))
    assert rates() == first and "not those of its envelope and its draws" in caplog.text


def test_an_observation_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        rate_of_row(affine(np.eye(1)), 1.0, np.array([math.nan]))


def test_an_envelope_is_searched_once_for_an_observation() -> None:
    """The same object for equal bytes and noise; another one for another graph, observation or noise."""
    generator, row = load_generator("linear:d=1,kappa=1,m=2"), np.array([0.3])
    first = best_envelope(generator, GaussianLikelihood(row, 0.5))
    assert best_envelope(generator, GaussianLikelihood(row.copy(), 0.5)) is first
    others = (
        best_envelope(generator, GaussianLikelihood(row, 0.4)),
        best_envelope(generator, GaussianLikelihood(row + 1, 0.5)),
        best_envelope(affine(np.array([[2.0]])), GaussianLikelihood(row, 0.5)),
    )
    assert all(item is not first for item in others)
