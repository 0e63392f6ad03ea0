"""Flows of normflows, nflows, FrEIA and zuko, as PyTorch's two exporters wrote them (`benchmarks/flow_exports.py`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from certify.bounds.bracket import Region
from certify.bounds.constants import constants
from certify.generators.onnx_import import load_onnx

FILES = sorted((Path(__file__).parents[1] / "data" / "flows").glob("*.onnx"))


def test_every_library_and_both_exporters_are_here() -> None:
    names = [path.stem for path in FILES]
    for library in ("normflows", "nflows", "freia", "zuko"):
        for exporter in ("torchscript", "dynamo"):
            assert any(name.startswith(library) and name.endswith(exporter) for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_flow_is_the_function_that_its_file_defines(path: Path) -> None:
    generator = load_onnx(path)
    session = onnxruntime.InferenceSession(path)
    points = 3.0 * np.random.default_rng(0).standard_normal((20, generator.latent_dim)).astype(np.float32)
    name = session.get_inputs()[0].name
    expected = np.vstack([session.run(None, {name: point[None]})[0] for point in points])
    computed = generator.value(points.astype(np.float64))
    assert np.allclose(computed, expected, rtol=2e-5, atol=2e-5)


def test_additive_couplings_are_strongly_invertible() -> None:
    path = next(path for path in FILES if path.stem == "freia_nice_dynamo")
    found = constants(load_onnx(path), budget=60.0, methods=["residual rule", "semidefinite"])
    assert found.m.lower is not None and found.m.lower > 0.3
    assert found.M.upper is not None and found.M.upper < 3.0


def test_an_affine_coupling_is_bounded_on_a_ball_only() -> None:
    path = next(path for path in FILES if path.stem == "zuko_realnvp_dynamo")
    generator = load_onnx(path)
    everywhere, ball = (
        constants(generator, region, budget=60.0, methods=["composition"]) for region in (Region(), Region(1.0))
    )
    assert everywhere.M.upper is None or everywhere.M.upper == np.inf
    assert ball.M.upper is not None and ball.M.upper < 1e3
