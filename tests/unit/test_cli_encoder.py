"""`certify encoder`: files, JSON, exit codes, and the certificate held against the exact law of what was written."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
import pytest

from certify import encoder
from certify.cli.main import main
from certify.construction.choose import choose_encoder
from certify.discovery.registry import encoder_kinds, theorems
from certify.encoders.runtime import load_encoder
from certify.errors import InputError, UnknownNameError
from certify.generators.onnx_export import export_onnx
from certify.generators.specification import load_generator
from certify.measure.burn_in import gaussian_distance
from certify.posteriors.gaussian import GaussianLaw, posterior_law
from certify.posteriors.posterior import Posterior
from certify.proof.conclusion import too_far
from certify.report.encoder_tables import encoder_report, summary_line
from certify.report.terminal import render_text
from certify.verdict import Verdict
from tests.generators import one_hidden_layer

if TYPE_CHECKING:
    from certify.proof.conclusion import Setting

LINEAR = "linear:d=2,kappa=1.3,seed=1"


def test_every_kind_serves_a_theorem() -> None:
    kinds = encoder_kinds()
    assert {"strong-invertibility", "projected-langevin", "gaussian-encoder", "sharp-langevin"} <= set(kinds)
    assert set(kinds) <= set(theorems())


def law_of(path: Path, observation: np.ndarray) -> GaussianLaw:
    """The law of an affine encoder at x: exact mean and covariance from its values at 0 and at the unit noises."""
    loaded = load_encoder(path, threads=1)
    size = loaded.noise_size
    assert size is not None
    images = loaded.push(np.tile(observation, (size + 1, 1)), np.vstack((np.zeros(size), np.eye(size))))
    columns = images[1:] - images[0]
    return GaussianLaw(images[0], columns.T @ columns)


TYPICAL = sorted(name for name, kind in encoder_kinds().items() if kind.build is not None)
"""Theorems whose encoders serve typical x."""


@pytest.mark.parametrize("theorem", TYPICAL)
def test_the_written_encoder_is_as_close_as_it_says(theorem: str, tmp_path: Path) -> None:
    """The exact distance of the file's law to the exact posterior is below the certified one; a halved noise is not."""
    path = tmp_path / "e.onnx"
    result = encoder(theorem, LINEAR, beta="0.3", epsilon="0.2", out=path)
    built = result.choice.chosen
    assert result.verdict is Verdict.PROVED and built.tv_bound is not None and built.tv_bound <= 0.2
    generator = load_generator(LINEAR)
    posterior = Posterior(generator, generator.value(np.array([0.7, -0.4])), 0.3)
    # With M2 = 0 the radii are so large that unit noises meet no projection: the encoder is affine in its noise there.
    law, truth = law_of(path, posterior.observation), posterior_law(posterior)
    assert gaussian_distance(law, truth, seed=0).lower <= built.tv_bound
    wrong = GaussianLaw(law.mean, 0.25 * law.covariance)
    assert gaussian_distance(wrong, truth, seed=0).lower > 0.2
    assert built.count is not None and built.program is not None
    if built.size_bound is not None:
        assert built.count.parameters_unrolled <= built.size_bound


def test_files_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, record = tmp_path / "e.onnx", tmp_path / "r.json"
    arguments = ["encoder", "--generator", LINEAR, "--beta", "0.3", "--out", str(path), "--json", str(record)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "smallest certified encoder" in printed and "proved" in printed
    sidecar, found = json.loads(path.with_suffix(".json").read_text()), json.loads(record.read_text())
    assert sidecar["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sidecar["generator"]["sha256"] == load_generator(LINEAR).sha256
    assert sidecar["encoder"]["size"] == found["encoder"]["size"]
    assert {item["theorem"] for item in found["candidates"]} == set(encoder_kinds())
    proved = [item for item in found["candidates"] if item["verdict"] == "proved"]
    smallest = min(item["size"]["parameters_unrolled"] for item in proved)
    assert found["encoder"]["size"]["parameters_unrolled"] == smallest
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert metadata["certify.theorem"] == found["encoder"]["theorem"]
    assert float(metadata["certify.tv_bound"]) == found["encoder"]["tv_bound"]
    again = tmp_path / "again.onnx"
    encoder(None, LINEAR, beta="0.3", out=again)
    assert again.read_bytes() == path.read_bytes()


def test_above_epsilon_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "e.onnx"
    command = ["encoder", "strong-invertibility", "-g", "residual:d=1,width=2,depth=1", "--beta", "5", "--quiet"]
    assert main([*command, "--out", str(path)]) == 3
    assert "largest noise level" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_what_is_named_as_working_works() -> None:
    """A largest noise is printed rounded down, a bound that misses epsilon rounded up."""
    said = too_far(0.158701, 0.1, cast("Setting", SimpleNamespace(beta=0.05, beta_max=0.0343089)))
    assert "is 0.1588, above epsilon = 0.1" in said and said.endswith("it is 0.03430")


def test_a_refuted_assumption_is_not_applicable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "e.onnx"
    wide = ["encoder", "strong-invertibility", "-g", "linear:d=2,n=3", "--beta", "0.1", "--quiet", "--out", str(path)]
    assert main(wide) == 4
    assert "not-applicable" in capsys.readouterr().out
    assert not path.exists()


def test_where_no_encoder_serves_every_x_that_of_one_is_pointed_at() -> None:
    relu = one_hidden_layer("relu", 1, 2, seed=0, width=3)
    choice = choose_encoder(None, relu, Fraction(1), Fraction(1, 10))
    for text in (summary_line(choice), render_text(encoder_report(choice, None), 110)):
        assert " ".join(text.split()).endswith("give `--observations FILE` and `--index I`")
    assert "--index" not in summary_line(choose_encoder("strong-invertibility", relu, Fraction(1), Fraction(1, 10)))
    made = choose_encoder(None, relu, Fraction(1), Fraction(1, 10), np.zeros((1, 2)))
    assert made.chosen.count is not None and "--index" not in summary_line(made)


def test_options_of_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="--projected"):
        encoder("gaussian-encoder", LINEAR, beta="0.3", projected=True)
    with pytest.raises(UnknownNameError, match="theorem with an encoder"):
        encoder("langevin-mixing", LINEAR, beta="0.3")
    with pytest.raises(InputError, match="typical x"):
        encoder("sharp-langevin", LINEAR, beta="0.3", observations=np.zeros((2, 2)))


def test_a_start_network_begins_the_descent(tmp_path: Path) -> None:
    generator = load_generator(LINEAR)
    export_onnx(load_generator("linear:d=2,seed=5"), tmp_path / "start.onnx")
    start = load_generator(str(tmp_path / "start.onnx"))
    path = tmp_path / "e.onnx"
    built = encoder("strong-invertibility", LINEAR, beta="0.3", epsilon="0.5", out=path, start=start).choice.chosen
    assert built.verdict is Verdict.CONDITIONAL and "M rho" in built.reason
    assert built.program is not None and built.count is not None
    plain = encoder("strong-invertibility", LINEAR, beta="0.3", epsilon="0.5").choice.chosen
    assert plain.count is not None
    assert built.count.parameters_unrolled == plain.count.parameters_unrolled + start.parameters
    posterior = Posterior(generator, np.array([0.2, 0.1]), 0.3)
    assert gaussian_distance(law_of(path, posterior.observation), posterior_law(posterior), seed=0).estimate < 0.5
    with pytest.raises(InputError, match="start"):
        encoder("strong-invertibility", LINEAR, beta="0.3", start="linear:d=3")


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (["--out", "no/such/folder/e.onnx"], "no folder"),
        (["--out", "e.txt"], ".onnx"),
        (["--beta", "0"], "beta"),
        (["--epsilon", "2"], "epsilon"),
        (["--start", "missing.onnx"], "missing.onnx"),
    ],
)
def test_bad_input_is_one_line(extra: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    base = {"--generator": LINEAR, "--beta": "0.3", "--epsilon": "0.1"}
    base.update(dict(zip(extra[::2], extra[1::2], strict=True)))
    assert main(["encoder", "strong-invertibility", *(part for pair in base.items() for part in pair)]) == 2
    message = capsys.readouterr().err
    assert says in message and message.count("\n") == 1


RESIDUAL = "residual:d=2,width=8,depth=1"


def test_the_encoder_of_one_observation(tmp_path: Path) -> None:
    """JSON and metadata of Theorem R's encoder say what was certified of which x."""
    rows, path = tmp_path / "x.npy", tmp_path / "e.onnx"
    np.save(rows, np.array([[0.9, -0.4], [0.1, 0.5]]))
    arguments = ["encoder", "rejection-encoder", "--generator", RESIDUAL, "--beta", "0.3", "--observations", str(rows)]
    assert main([*arguments, "--index", "1", "--out", str(path), "--json", str(tmp_path / "r.json"), "--quiet"]) == 0
    found = json.loads((tmp_path / "r.json").read_text())
    certificate = found["encoder"]["certificate"]
    assert found["encoder"]["theorem"] == "rejection-encoder"
    assert set(certificate) >= {"K", "p", "tv_bound", "log_constant", "log_integral", "proposal"}
    assert found["encoder"]["size"]["bound"] >= found["encoder"]["size"]["parameters_unrolled"]
    loaded = load_encoder(path)
    assert loaded.only is not None and np.array_equal(loaded.only, [0.1, 0.5])
    assert int(loaded.metadata["certify.K"]) == certificate["K"]
    assert float(loaded.metadata["certify.tv_bound"]) == certificate["tv_bound"] <= 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--observations", "x.npy"], "is built for typical x, or for one observation: give `index`"),
        (["--observations", "x.npy", "--index", "2"], "`index` must be a row of the observations, 0 to 1; got 2"),
        (["--observations", "x.npy", "--index", "-1"], "`index` must be a row of the observations, 0 to 1; got -1"),
        (["--index", "0"], "`index` names a row of the observations"),
        (["--observations", "x.npy", "--index", "0", "--layout", "tree"], "`layout` must be sequence or parallel"),
        (["--observations", "x.npy", "--index", "0", "--products-only"], "has no option `products_only`"),
    ],
)
def test_an_observation_that_is_not_there_is_one_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((2, 2)))
    arguments = ["encoder", "rejection-encoder", "--generator", RESIDUAL, "--beta", "0.3", "--quiet", *options]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and "Traceback" not in error


def test_without_a_noise_level_the_decoders_own_is_taken() -> None:
    with pytest.raises(InputError, match="names no noise level of its own: give `beta`"):
        encoder("rejection-encoder", RESIDUAL, observations=np.zeros(2))
