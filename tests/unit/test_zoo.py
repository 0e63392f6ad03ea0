"""The decoders of `examples/zoo` are what its README says, read as ONNX Runtime runs them, or refused as recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.zoo import BY_NAME, loaded
from certify.generators.onnx_import import load_onnx
from examples.zoo.make import table, with_table

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT / "examples" / "zoo"
FILES = sorted(ZOO.glob("*.onnx"))
RECORD = json.loads((ZOO / "record.json").read_text())
NAMES = [path.stem for path in FILES]


def recorded() -> dict[str, str]:
    """What `benchmarks/results/zoo.md` says of loading each file: "yes", or "no" and the reason."""
    lines = (ROOT / "benchmarks" / "results" / "zoo.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0]: row[1] for row in cells[2:]}


def run(path: Path, points: np.ndarray) -> np.ndarray:
    """The first output of ONNX Runtime, point by point, flat."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.array([session.run(None, {name: point[None]})[0].ravel() for point in points])


def points(latent_dim: int) -> np.ndarray:
    """Latents of length 0 and of about 0.1 to 30 per coordinate."""
    scales = np.array([0.0, 0.1, 0.3, 1.0, 1.0, 2.0, 3.0, 30.0])
    return (scales[:, None] * np.random.default_rng(0).standard_normal((8, latent_dim))).astype(np.float32)


def test_there_are_enough_kinds() -> None:
    packages = {next(iter(entry["versions"])) for entry in RECORD.values()}
    assert packages >= {"pythae", "pyod", "ctgan", "scvi-tools", "multivae", "torch", "keras", "flax", "scikit-learn"}
    assert set(RECORD) == set(NAMES) == set(recorded()) and len(NAMES) >= 16
    dims = [entry["d"] for entry in RECORD.values()]
    assert dims.count(2) >= 6 and dims.count(3) >= 2 and min(dims) >= 2 and max(dims) <= 16
    sizes = [path.stat().st_size for path in FILES]
    assert max(sizes) < 300_000 and sum(sizes) < 4_000_000


def test_the_table_of_the_readme_is_the_record() -> None:
    page = (ZOO / "README.md").read_text()
    assert with_table(page, table(RECORD)) == page
    changed = {name: {**entry, "d": 17} for name, entry in RECORD.items()}
    assert with_table(page, table(changed)) != page


@pytest.mark.parametrize("name", NAMES)
def test_dimensions_are_those_of_the_record(name: str) -> None:
    model, rows = onnx.load(ZOO / f"{name}.onnx"), np.load(ZOO / f"{name}.npy")
    entry = RECORD[name]
    assert rows.shape == (50, entry["n"]) and rows.dtype == np.float32 and np.all(np.isfinite(rows))
    assert run(ZOO / f"{name}.onnx", points(entry["d"])).shape == (8, entry["n"])
    assert entry["bytes"] == (ZOO / f"{name}.onnx").stat().st_size
    assert entry["opset"] == max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    assert not model.metadata_props and not any(node.metadata_props or node.doc_string for node in model.graph.node)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("ctgan")])
def test_a_decoder_fits_held_out_observations(name: str) -> None:
    """The best of 500 draws from the prior is nearer to an observation than the mean of all observations is.

    Not ctgan's: most of its columns are scores of classes, read by their largest.
    """
    rows = np.load(ZOO / f"{name}.npy").astype(np.float64)
    draws = np.random.default_rng(1).standard_normal((500, RECORD[name]["d"])).astype(np.float32)
    means = run(ZOO / f"{name}.onnx", draws)
    nearest = np.array([((means - row) ** 2).sum(axis=1).min() for row in rows])
    assert nearest.mean() < 0.97 * ((rows - rows.mean(axis=0)) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_decoder_is_the_function_of_its_file_or_refused_as_recorded(path: Path) -> None:
    said, generator, entry = recorded()[path.stem], loaded(path), RECORD[path.stem]
    if said == BY_NAME:
        assert isinstance(generator, str) and "outputs" in generator
        generator = load_onnx(path, output=onnx.load(path).graph.output[0].name)
    is_refused = isinstance(generator, str)
    assert said == BY_NAME or said == (f"no: {generator}" if is_refused else "yes"), "see `python -m benchmarks.zoo`"
    if isinstance(generator, str):
        return
    assert (generator.latent_dim, generator.observed_dim) == (entry["d"], entry["n"])
    latents = points(generator.latent_dim)
    expected = run(path, latents)
    scale = 1.0 + np.abs(expected).max()
    assert np.abs(generator.value(latents.astype(np.float64)) - expected).max() < 1e-5 * scale
