"""The law of Theorem R's encoder for typical x from its file, in one latent exactly; the audit's bracket; and lies.

DKW bands and brackets fail with probability at most 1e-6 each: false alarms below 2e-5 for the whole file. Fixed seeds.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import certify
from certify.audits.audit import AuditPlan, audit_encoder, model_observations
from certify.audits.source import source_from_file
from certify.audits.typical_rejection import declared_proposals
from certify.encoders.onnx_encoder import ExportOptions, onnx_encoder
from certify.posteriors.posterior import Posterior
from tests.generators import loaded

pytestmark = pytest.mark.statistical

SPEC, BETA, DRAWS = "manifold:d=1,outputs=3,width=4,bend=0.1", 0.3, 30_000


@cache
def certified() -> Any:
    return certify.encoder("rejection-encoder", SPEC, beta=BETA, epsilon="0.002").choice


def exact_distance(posterior: Posterior, draws: np.ndarray) -> tuple[float, float]:
    """Kolmogorov distance of the draws to pi_x, and its band: a lower bound of the total variation distance."""
    grid = np.linspace(draws.mean() - 12 * draws.std(), draws.mean() + 12 * draws.std(), 40_001)
    density = np.exp(-posterior.potential(grid[:, None]) + posterior.potential(draws[:1])[0])
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    cumulative /= cumulative[-1]
    found = np.searchsorted(np.sort(draws.ravel()), grid, side="right") / draws.size
    return float(np.abs(found - cumulative).max()), math.sqrt(math.log(2 / 1e-6) / (2 * draws.size))


def written(folder: Path, **changes: str) -> Path:
    """The file, with other metadata than its own where asked for."""
    program = certified().chosen.program
    certificate = {name: item if isinstance(item, str) else repr(item) for name, item in program.certificate.items()}
    metadata = {
        "certify.encoder": "rejection",
        "certify.generator_sha256": loaded(SPEC).sha256,
        "certify.beta": repr(BETA),
        **{f"certify.{name}": text for name, text in (certificate | changes).items()},
    }
    path = folder / "e.onnx"
    onnx.save(onnx_encoder(program, ExportOptions(metadata=metadata)), path)
    return path


def test_the_files_law_is_as_close_as_certified_and_the_audit_says_so(tmp_path: Path) -> None:
    generator, source = loaded(SPEC), source_from_file(written(tmp_path))
    rows, bound = model_observations(generator, BETA, 1, 5), certified().chosen.tv_bound
    result = audit_encoder(source, generator, BETA, rows, AuditPlan(pairs=0, epsilon=bound))
    for row, audited in zip(rows, result.observations, strict=True):
        assert "first accepted" in audited.law and audited.distance.upper.value <= bound
        distance, band = exact_distance(Posterior(generator, row, BETA), source.draw(row, DRAWS, 1))
        assert distance - band <= audited.distance.upper.value
        # Draws of the proposal alone are farther than the band.
        noise = np.random.default_rng(2).standard_normal((DRAWS, 1))
        placed = declared_proposals(source, Posterior(generator, row, BETA))
        assert placed is not None
        other, band = exact_distance(placed.posterior, 1.3 * (placed.points(noise) - placed.centre) + placed.centre)
        assert other - band > 0.01


def test_an_envelope_that_is_too_low_is_seen(tmp_path: Path) -> None:
    """A height that is too small by 1 makes a sampler of another law: the mass above its envelope says so."""
    generator, choice = loaded(SPEC), certified()
    program = choice.chosen.program
    height = program.constants["proposal_height"]
    before = height.copy()
    try:
        height -= 1.0
        path = written(tmp_path, height=repr(float(np.ravel(height)[0])))
    finally:
        height[...] = before
    row = model_observations(generator, BETA, 1, 5)
    found = audit_encoder(source_from_file(path), generator, BETA, row, AuditPlan(pairs=0, epsilon=0.01))
    audited = found.observations[0]
    assert "first accepted" in audited.law and audited.distance.upper.value > 0.5


@pytest.mark.parametrize(
    "changes",
    [{"K": "40"}, {"height": "2.5"}, {"scale": "0.7"}, {"corrections": "x"}, {"beta": "0.31"}],
)
def test_a_file_that_is_not_what_it_declares_is_not_believed(changes: dict[str, str], tmp_path: Path) -> None:
    generator = loaded(SPEC)
    source = source_from_file(written(tmp_path, **changes))
    row = model_observations(generator, BETA, 1, 5)
    audited = audit_encoder(source, generator, BETA, row, AuditPlan(draws=1000, pairs=0)).observations[0]
    assert "first accepted" not in audited.law
