"""What Theorem R's commands refuse: one line that names what, exit code 2, and nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.cli.main import main
from certify.envelopes.best import best_envelope
from certify.envelopes.likelihood import GaussianLikelihood
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.onnx_export import export_onnx
from certify.generators.specification import load_generator

GAUSSIAN = "residual:d=2,width=4,depth=1"
ZOO = "examples/zoo/pythae_vae_digits_d2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Observations and noises, right and wrong."""
    place = tmp_path_factory.mktemp("bad")
    arrays = {
        "rows": np.array([[0.3, -0.2], [0.1, 0.4]]),
        "wide": np.zeros((2, 3)),
        "holed": np.array([[0.3, np.nan]]),
        "negative": np.array([1.0, -0.5]),
        "infinite": np.array([1.0, np.inf]),
        "zero": np.array([1.0, 0.0]),
        "long": np.array([1.0, 1.0, 1.0]),
        "grey": np.full((1, 64), 1.5),
    }
    for name, value in arrays.items():
        np.save(place / f"{name}.npy", value)
    export_onnx(load_generator(GAUSSIAN), place / "decoder.onnx")
    return place


CASES = (
    (["--beta", "0"], "rows", "beta"),
    (["--beta", "-1"], "rows", "beta"),
    (["--beta", "inf"], "rows", "beta"),
    (["--beta", "0.1"], "wide", "columns"),
    (["--beta", "0.1"], "holed", "finite"),
    (["--beta", "0.1", "--epsilon", "0"], "rows", "epsilon"),
    (["--noise", "negative.npy"], "rows", "noise"),
    (["--noise", "infinite.npy"], "rows", "noise"),
    (["--noise", "zero.npy"], "rows", "noise"),
    (["--noise", "long.npy"], "rows", "noise"),
    (["--likelihood", "poisson"], "rows", "likelihood"),
)


@pytest.mark.parametrize("verb", ["check", "encoder", "evidence"])
@pytest.mark.parametrize(("extra", "rows", "says"), CASES)
def test_one_line(
    verb: str, extra: list[str], rows: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if verb == "evidence" and "--epsilon" in extra:
        return
    theorem = [] if verb == "evidence" else ["rejection-encoder"]
    extra = [str(folder / item) if item.endswith(".npy") else item for item in extra]
    generator = ["--generator", str(folder / "decoder.onnx"), "--observations", str(folder / f"{rows}.npy")]
    index = ["--index", "0", "--out", str(folder / "e.onnx")] if verb == "encoder" else []
    assert main([verb, *theorem, *generator, *index, *extra]) == 2
    message = capsys.readouterr().err
    assert says in message and message.count("\n") == 1 and "Traceback" not in message
    assert not (folder / "e.onnx").exists()


@pytest.mark.parametrize(
    ("generator", "extra", "says"),
    [
        # Logits asked of a decoder that names its Gaussian noise.
        ("examples/digits/residual_d8.onnx", ["--observations", "examples/digits/observations_d8.npy"], "Gaussian"),
        # Bits are numbers in [0, 1].
        (f"{ZOO}.onnx", ["--observations", "grey.npy"], "[0, 1]"),
        # Typical x of logits: their encoder is for one observation.
        (f"{ZOO}.onnx", [], "for logits is written for one observation"),
    ],
)
def test_logits(generator: str, extra: list[str], says: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extra = [str(folder / item) if item == "grey.npy" else item for item in extra]
    command = ["encoder", "rejection-encoder", "--generator", generator, "--likelihood", "bernoulli", *extra]
    assert main([*command, *(["--index", "0"] if extra else [])]) == 2
    message = capsys.readouterr().err
    assert says in message and message.count("\n") == 1


def test_a_row_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["--observations", str(folder / "rows.npy")]
    base = ["encoder", "rejection-encoder", "--generator", GAUSSIAN, "--beta", "0.1"]
    for extra, says in (
        ([*rows, "--index", "2"], "0 to 1"),
        (rows, "give `index`"),
        (["--index", "0"], "observations"),
    ):
        assert main([*base, *extra]) == 2
        message = capsys.readouterr().err
        assert says in message and message.count("\n") == 1


@pytest.mark.parametrize("far", [1e8, 1e9, 1e100, 1e200])
def test_an_observation_beyond_what_floats_tell_apart_is_not_certified(far: float) -> None:
    """From 1e9 noise levels on f is so large that a difference of 40 nats is none in floats."""
    graph = Graph((Input(1), Affine(0, np.array([[1.0], [0.0]]), np.zeros(2))))
    found = best_envelope(Generator("far", graph, 2), GaussianLikelihood(np.array([0.3, far]), 0.3))
    assert isinstance(found, str) and ("gave up" in found or "no point of a lattice" in found)
