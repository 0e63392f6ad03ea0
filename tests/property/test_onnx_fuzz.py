"""Damaged ONNX files either load as a finite generator or are refused in one line; nothing else may happen.

The full campaign (100,000 files, with limits on time and memory) is `python benchmarks/fuzz_onnx.py`.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from certify.errors import InputError
from certify.generators.graph import Affine
from certify.generators.onnx_import import load_onnx
from tests.onnx_mutations import damaged, seed_models

SEEDS = seed_models()


def load_or_refusal(path: Path) -> str | None:
    """The refusal's message, or None for a file that loads; asserts what holds in either case."""
    start = time.process_time()
    try:
        generator = load_onnx(path)
    except InputError as error:
        assert str(error).isprintable() and len(str(error)) < 1500
        return str(error)
    finally:
        assert time.process_time() - start < 2.0
    assert generator.observed_dim >= generator.latent_dim >= 1
    for position, node in enumerate(generator.graph.nodes):
        assert all(0 <= source < position for source in node.sources)
        if isinstance(node, Affine):
            assert node.weight.shape == (node.width, generator.graph.nodes[node.source].width)
            assert np.all(np.isfinite(node.weight.data if sp.issparse(node.weight) else node.weight))
            assert node.bias.shape == (node.width,) and np.all(np.isfinite(node.bias))
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_the_undamaged_models_load(folder: Path) -> None:
    for position, content in enumerate(SEEDS):
        path = folder / f"seed{position}.onnx"
        path.write_bytes(content)
        assert load_or_refusal(path) is None


def test_damaged_models_load_or_are_refused_in_one_line(folder: Path) -> None:
    choose = random.Random(20_240_607)
    refusals = 0
    for _ in range(600):
        path = folder / "damaged.onnx"
        path.write_bytes(damaged(choose.choice(SEEDS), choose))
        refusals += load_or_refusal(path) is not None
    assert 100 < refusals < 600


@given(content=st.binary(max_size=400))
def test_any_bytes_are_refused(content: bytes, folder: Path) -> None:
    path = folder / "bytes.onnx"
    path.write_bytes(content)
    assert load_or_refusal(path) is not None
