"""The law of the encoder of Theorem R from its file, against the exact one; the audit's bracket against both, and lies.

DKW bands and brackets fail with probability at most 1e-6 each: false alarms below 2e-5 for the whole file. Fixed seeds.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest

import certify
from certify.audits.audit import AuditPlan, audit_encoder
from certify.audits.reference import posterior_draws
from certify.audits.rejection_encoder import declared_sampler, rejection_bracket
from certify.audits.source import EncoderSource, source_from_file
from certify.encoders.convention import observation_digest
from certify.encoders.kind import LAYOUTS
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.encoders.rejection_network import RejectionDesign, rejection_network
from certify.encoders.runtime import load_encoder
from certify.envelopes.box_certificate import Envelope, tail_constant
from certify.envelopes.box_search import BoxLimits, supremum_of_ratio
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.mixture import Mixture
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.nodes import Activation, Affine, Graph, Input
from certify.generators.onnx_export import export_onnx
from certify.posteriors.posterior import Posterior
from certify.verdict import Verdict
from theorems.rejection_encoder.network import realised_envelope

pytestmark = pytest.mark.statistical

BETA = 0.5
X = np.array([1.0, 0.2])
BAND_ERROR = 1e-6


def folded() -> Generator:
    """z -> (1.5 |z|, 0.1 z): two modes of unequal weight."""
    slopes = np.array([[1.0], [-1.0]])
    nodes = (Input(1), Affine(0, slopes, np.zeros(2)), Activation(1, "relu", 2),
             Affine(2, np.array([[1.5, 1.5], [0.1, -0.1]]), np.zeros(2)))  # fmt: skip
    return Generator("folded", Graph(nodes), 6)


class Exact(NamedTuple):
    """Densities on a grid: posterior, proposal, and what is needed to say the encoder's law."""

    grid: np.ndarray
    posterior: np.ndarray
    proposal: np.ndarray
    design: RejectionDesign
    acceptance: float

    def law(self, proposals: int) -> np.ndarray:
        """Density of the encoder's output: pi + (1-p)^{K-1} (rho - pi)."""
        return self.posterior + (1 - self.acceptance) ** (proposals - 1) * (self.proposal - self.posterior)


@cache
def exact() -> Exact:
    generator, likelihood = folded(), GaussianLikelihood(X, BETA)
    # Far from the posterior, so that many proposals are refused and the law depends on their number.
    roots = np.array([1 / 1.3, 1.0, 2.0])[:, None, None]
    chosen = Mixture(np.array([0.4, 0.4, 0.2]), np.array([[0.0], [2.0], [-0.5]]), roots)
    reach = np.full(1, 8.0)
    found = supremum_of_ratio(generator.graph, likelihood, chosen, -reach, reach, chosen.means, BoxLimits(0.01))
    log_constant = max(found.upper, tail_constant(chosen, 8.0, 0.0))
    proposal, realised = realised_envelope(Envelope(chosen, log_constant, -np.inf, found.boxes))
    grid = np.linspace(-12.0, 12.0, 120_001)
    potential = 0.5 * grid**2 + likelihood.value(generator.value(grid[:, None]))
    unnormalised, step = np.exp(-potential), grid[1] - grid[0]
    mass = float(unnormalised.sum() * step)
    density = np.exp(proposal.mixture.log_density(grid[:, None]))
    design = RejectionDesign(X, BETA, proposal, realised.log_constant, 2)
    return Exact(grid, unnormalised / mass, density, design, mass / np.exp(realised.log_constant))


def written(
    tmp_path: Path, layout: str, proposals: int, said: dict[str, str] | None = None, shift: float = 0.0
) -> Path:
    """The encoder as a file whose C is e^`shift` too large, with metadata that says `said` in place of the truth."""
    generator, design = folded(), exact().design
    design = RejectionDesign(X, BETA, design.proposal, design.log_constant + shift, proposals)
    mixture = design.proposal.mixture
    metadata = {
        "certify.encoder": "rejection", "certify.generator_sha256": generator.sha256, "certify.beta": repr(BETA),
        "certify.observation": observation_digest(X), "certify.K": str(proposals),
        "certify.log_constant": repr(design.log_constant),
        "certify.proposal": json.dumps({
            "weights": mixture.weights.tolist(), "means": mixture.means.tolist(),
            "precision_roots": mixture.roots.tolist(), "thresholds": design.proposal.thresholds.tolist(),
        }),
    }  # fmt: skip
    path = tmp_path / "rejection.onnx"
    options = ExportOptions(metadata=metadata | (said or {}))
    onnx.save(onnx_encoder(rejection_network(generator, design, layout), options), str(path))
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("proposals", [1, 2, 4])
def test_the_file_has_the_exact_law(layout: str, proposals: int, tmp_path: Path) -> None:
    """Kolmogorov distance of 100,000 draws to the exact law within the DKW band; for another K it is outside."""
    found, count = exact(), 100_000
    path, random = written(tmp_path, layout, proposals), np.random.default_rng(proposals)
    draws = load_encoder(path, threads=1).draw(X, count, random)
    band = np.sqrt(np.log(2 / BAND_ERROR) / (2 * count))
    ranks = (np.arange(count) + 0.5) / count

    def gap(density: np.ndarray) -> float:
        masses = np.cumsum(density) * (found.grid[1] - found.grid[0])
        assert abs(masses[-1] - 1) < 1e-6
        return float(np.abs(np.interp(np.sort(draws[:, 0]), found.grid, masses) - ranks).max())

    assert gap(found.law(proposals)) <= band + 1e-4
    assert gap(found.law(proposals - 1 if proposals > 1 else 2)) > 2 * band


@pytest.mark.parametrize("proposals", [1, 2, 4])
def test_the_audit_brackets_the_exact_distance(proposals: int, tmp_path: Path) -> None:
    found = exact()
    step = found.grid[1] - found.grid[0]
    truth = 0.5 * float(np.abs(found.law(proposals) - found.posterior).sum() * step)
    source = source_from_file(written(tmp_path, "sequence", proposals))
    result = audit_encoder(source, folded(), BETA, None, AuditPlan(epsilon=0.9))
    (item,) = result.observations
    assert item.distance.lower.value <= truth <= item.distance.upper.value
    assert item.distance.upper.value - item.distance.lower.value < 0.02 and not item.distance.assumption
    assert result.verdict is Verdict.SUPPORTED
    wrong = audit_encoder(source, folded(), BETA, None, AuditPlan(epsilon=0.5 * truth))
    assert wrong.verdict is Verdict.REFUTED


def bracketed(path: Path) -> bool:
    """Whether the file passes for the sampler that it declares."""
    source, posterior = source_from_file(path), Posterior(folded(), X, BETA)
    sampler = declared_sampler(source, posterior)
    return sampler is not None and rejection_bracket(sampler, source, posterior, 0, 1e-6) is not None


def test_a_file_that_lies_is_not_believed(tmp_path: Path) -> None:
    truth = json.loads(source_from_file(written(tmp_path, "sequence", 2)).details["metadata"]["certify.proposal"])
    assert bracketed(written(tmp_path, "sequence", 2))
    constant = exact().design.log_constant
    weights = [*truth["weights"][:-1], 1.001 * truth["weights"][-1]]
    roots = [[[1.01 * truth["precision_roots"][0][0][0]]], *truth["precision_roots"][1:]]
    for said in (
        {"certify.log_constant": repr(constant + 0.3)},
        {"certify.K": "3"},
        {"certify.K": "x"},
        {"certify.beta": "0.51"},
        {"certify.proposal": json.dumps(truth | {"weights": weights})},
        {"certify.proposal": json.dumps(truth | {"precision_roots": roots})},
        {"certify.proposal": json.dumps(truth | {"thresholds": truth["thresholds"][:-1]})},
        {"certify.proposal": json.dumps(truth | {"means": [[float("nan")]] * len(truth["means"])})},
        {"certify.proposal": "[]"},
        {"certify.proposal": "[" * 100_000},
        {"certify.proposal": json.dumps(truth | {"weights": [10**400, *truth["weights"][1:]]})},
        {"certify.proposal": json.dumps(truth | {"thresholds": truth["thresholds"][::-1]})},
    ):
        assert not bracketed(written(tmp_path, "sequence", 2, said)), said


def test_an_envelope_that_is_none_is_seen(tmp_path: Path) -> None:
    """With C too small by e^0.5 the accepted law is not pi_x: the bracket is widened; far too small: refused."""
    close = written(tmp_path, "sequence", 2, shift=-0.5)
    posterior = Posterior(folded(), X, BETA)
    source = source_from_file(close)
    sampler = declared_sampler(source, posterior)
    assert sampler is not None
    low = rejection_bracket(sampler, source, posterior, 0, 1e-6)
    honest_source = source_from_file(written(tmp_path, "sequence", 2, shift=0.0))
    honest_sampler = declared_sampler(honest_source, posterior)
    assert honest_sampler is not None
    honest = rejection_bracket(honest_sampler, honest_source, posterior, 0, 1e-6)
    assert low is not None and honest is not None
    width = [item[1].upper.value - item[1].lower.value for item in (low, honest)]
    assert width[0] > 5 * width[1]
    assert not bracketed(written(tmp_path, "sequence", 2, shift=-3.0))


def test_a_file_for_one_observation_is_audited_there_only(tmp_path: Path) -> None:
    source = source_from_file(written(tmp_path, "parallel", 2))
    assert source.only is not None and np.array_equal(source.only, X)
    with pytest.raises(InputError, match="is for one observation, and row 1 is another"):
        audit_encoder(source, folded(), BETA, np.stack([X, X + 1e-12]), AuditPlan())
    with pytest.raises(InputError, match="no calibration over x"):
        audit_encoder(source, folded(), BETA, None, AuditPlan(pairs=100))
    with pytest.raises(InputError, match="holds no observation with the digest"):
        source_from_file(written(tmp_path, "parallel", 2, {"certify.observation": observation_digest(X + 1)}))


def test_the_reference_is_exact_where_an_envelope_is_certified() -> None:
    """Draws of a bimodal posterior, n > d: MALA would need an assumption on basins."""

    def no_encoder(count: int, seed: int) -> np.ndarray:
        raise AssertionError("exact draws need no encoder")

    found = posterior_draws(Posterior(folded(), X, BETA), 50_000, lambda: None, no_encoder, 3, 1e-7)
    assert found.exact and found.bias_upper == 0.0 and len(found.points) == 50_000
    masses = np.cumsum(exact().posterior) * (exact().grid[1] - exact().grid[0])
    ranks = (np.arange(50_000) + 0.5) / 50_000
    gap = np.abs(np.interp(np.sort(found.points[:, 0]), exact().grid, masses) - ranks).max()
    assert gap <= np.sqrt(np.log(2 / BAND_ERROR) / 100_000) + 1e-4


def test_the_command_writes_what_the_audit_takes(tmp_path: Path) -> None:
    path = tmp_path / "e.onnx"
    rows = np.stack([X + 1, X])
    result = certify.encoder(None, folded(), beta=BETA, observations=rows, index=1, out=path, layout="parallel")
    chosen = result.choice.chosen
    assert result.verdict is Verdict.PROVED and chosen.theorem == "rejection-encoder" and chosen.tv_bound is not None
    source: EncoderSource = source_from_file(path)
    audited = audit_encoder(source, folded(), BETA, None, AuditPlan(epsilon=chosen.tv_bound))
    assert audited.verdict is Verdict.SUPPORTED and audited.observations[0].distance.upper.value <= chosen.tv_bound
    beside = json.loads(path.with_suffix(".json").read_text())
    assert beside["observation"]["sha256"] == observation_digest(X) and beside["observation"]["index"] == 1
    assert beside["encoder"]["certificate"]["K"] == result.to_dict()["encoder"]["certificate"]["K"] >= 1


def test_one_standard_deviation_per_output(tmp_path: Path) -> None:
    """The file takes x as measured and divides it by the noise; the audit does the same and finds its observation."""
    decoder, path = tmp_path / "decoder.onnx", tmp_path / "e.onnx"
    export_onnx(folded(), decoder)
    noise = [0.5, 0.3]
    generator = certify.load_generator(decoder, noise=noise)
    result = certify.encoder("rejection-encoder", generator, beta=1, observations=X, out=path)
    assert result.verdict is Verdict.PROVED
    assert np.isfinite(load_encoder(path).draw(X, 10, np.random.default_rng(0))).all()
    audited = certify.audit(path, generator, beta=1, epsilon=result.choice.chosen.tv_bound)
    assert audited.verdict is Verdict.SUPPORTED and audited.observations[0].distance.lower.value > 0
