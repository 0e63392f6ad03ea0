"""Ellipsoids shaped like forms: what they prove is true, their record is confirmed, and what is forged is refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.forged_certificates import refusal
from certify.arithmetic.intervals import FloatArray
from certify.envelopes import quadratic_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.box_search import log_ratio
from certify.envelopes.likelihood import GaussianLikelihood
from certify.envelopes.region_bound import MixtureBound
from certify.envelopes.region_search import BEYOND, STRETCH, stretched_root
from certify.generators.graph import Generator
from tests.property.test_envelopes_cells import BETA, document, scene


def test_a_shape_has_the_posteriors_volume_and_the_forms_widths() -> None:
    random = np.random.default_rng(2)
    factor = random.standard_normal((3, 3)) + 2.0 * np.eye(3)
    widths = np.array([1.0, 3.0, 9.0])
    inverse = np.linalg.inv(factor)
    root = stretched_root(factor, inverse.T @ np.diag(widths**-2) @ inverse)
    assert np.linalg.slogdet(root.T @ factor)[1] == pytest.approx(0.0, abs=1e-12)
    precision = factor.T @ root @ root.T @ factor
    assert np.diag(precision) == pytest.approx((widths / 3.0) ** (-2 * STRETCH))
    assert precision == pytest.approx(np.diag(np.diag(precision)), abs=1e-12)
    # A form that is the posterior's own leaves its shape.
    same = stretched_root(factor, 7.0 * inverse.T @ inverse)
    assert same @ same.T == pytest.approx(inverse.T @ inverse)


@pytest.mark.parametrize("curvature", [np.diag([1.0, 0.0]), np.diag([1.0, -5.0]), np.diag([1e300, 1e-300])])
def test_axes_without_curvature_are_long_but_not_endless(curvature: FloatArray) -> None:
    root = stretched_root(np.eye(2), curvature)
    assert np.isfinite(root).all() and 1.0 < root[0, 0] / root[1, 1] <= 1e6


@pytest.mark.parametrize("curvature", [np.zeros((2, 2)), -np.eye(2), np.full((2, 2), np.nan)])
def test_a_form_without_any_curvature_has_no_shape(curvature: FloatArray) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        stretched_root(np.eye(2), curvature)


Setting = tuple[Generator, FloatArray, Envelope]


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    """What is proved by stretched ellipsoids, whatever it is worth."""
    generator, row, likelihood, prepared = scene()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quadratic_envelope, "_single_bound", lambda *_: None)
        for name, value in (
            ("WEAK", -np.inf),
            ("HOPELESS", np.inf),
            ("cell_bound", lambda *_: None),
            ("FINER", BEYOND),
        ):
            patch.setattr(quadratic_envelope, name, value)
        stretched, found = quadratic_envelope._stretched_mixture, []

        def kept(*arguments: Any) -> MixtureBound | None:
            found.append(stretched(*arguments))
            return found[-1]

        patch.setattr(quadratic_envelope, "_stretched_mixture", kept)
        best = quadratic_envelope.quadratic_envelope(prepared, generator, likelihood)
    (proof,) = found
    assert proof is not None and best is not None
    # The better of both is kept.
    assert best.log_constant <= proof.log_constant
    yield generator, row, replace(best, proposal=proof.proposal, log_constant=proof.log_constant, proof=proof)


def test_what_stretched_ellipsoids_prove_is_true(setting: Setting) -> None:
    generator, row, envelope = setting
    likelihood, random = GaussianLikelihood(row, BETA), np.random.default_rng(5)
    for width in (0.3, 1.0, 3.0, 10.0, 100.0):
        points = width * random.standard_normal((5000, 4))
        assert log_ratio(generator.graph, likelihood, envelope.proposal, points).max() <= envelope.log_constant


def test_their_record_is_confirmed_and_other_ellipsoids_are_refused(setting: Setting) -> None:
    found = document(*setting)
    assert refusal(found, setting[0]) == ""
    proof = found["regions"]

    def scaled(rows: list[list[str]], factor: float) -> list[list[str]]:
        return [[(factor * float.fromhex(entry)).hex() for entry in row] for row in rows]

    turned = copy.deepcopy(proof["root"])
    turned[0], turned[3] = [proof["root"][3][3], *turned[0][1:]], [*turned[3][:3], proof["root"][0][0]]
    lower, higher = copy.deepcopy(proof["regions"]), copy.deepcopy(proof["regions"])
    lower[0]["offset"] = (float.fromhex(lower[0]["offset"]) - 1.0).hex()
    # Proved, but not the claim: the largest over all regions counts, not the last one's.
    higher[0]["offset"] = (float.fromhex(higher[0]["offset"]) + 100.0).hex()
    forged = {
        "larger ellipsoids": {"root": scaled(proof["root"], 0.2)},
        "smaller ellipsoids": {"root": scaled(proof["root"], 5.0)},
        "other axes": {"root": turned},
        "singular": {"root": [*proof["root"][:3], [(0.0).hex()] * 4]},
        "no numbers": {"root": scaled(proof["root"], float("nan"))},
        "a radius left out": {"radii": proof["radii"][:-1]},
        "another centre": {"centre": [(float.fromhex(entry) + 3.0).hex() for entry in proof["centre"]]},
        "a lower offset": {"regions": lower},
        "a higher offset": {"regions": higher},
        "radii below zero": {"radii": [(-float.fromhex(entry)).hex() for entry in proof["radii"]]},
    }
    for name, changes in forged.items():
        assert refusal({**found, "regions": {**proof, **changes}}, setting[0]) != "", name
