"""Noise per coordinate and the choice of an output: the last layer, observations, the encoder's file, every refusal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import certify
from certify.api.arguments import observations_of
from certify.cli.main import main
from certify.errors import InputError
from certify.generators.graph import Affine, Generator, Graph, Input
from certify.generators.noise import of_quotients, whitened
from tests.onnx_models import model, node

RANDOM = np.random.default_rng(11)
W = RANDOM.standard_normal((2, 4))
S = np.array([0.3, 1.7, 0.01, 5.0])
Z = RANDOM.standard_normal((5, 2))


@pytest.fixture
def two_headed(tmp_path: Path) -> Path:
    """Outputs `mean` = tanh(z) W, `logvar` a constant computed in the file, `moving` one that depends on z."""
    nodes = [
        node("Tanh", "z", "t"),
        node("MatMul", "t W", "mean"),
        node("Add", "half half", "logvar"),
        node("MatMul", "t V", "moving"),
    ]
    proto = model(nodes, {"W": W, "V": W, "half": np.log(S)}, (1, 2))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0.25]), "sigma"))
    del proto.graph.output[:]
    proto.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in ("mean", "logvar", "moving", "sigma")
    )
    path = tmp_path / "decoder.onnx"
    onnx.save(proto, path)
    return path


def refusal(specification: str | Path, **given: object) -> str:
    with pytest.raises(InputError) as caught:
        certify.load_generator(specification, **given)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_an_output_is_chosen_by_name(two_headed: Path) -> None:
    message = refusal(two_headed)
    assert "4 outputs (`mean`, `logvar`, `moving`, `sigma`)" in message and "--output NAME" in message
    assert "no output `other`" in refusal(two_headed, output="other")
    assert "does not depend on the input" in refusal(two_headed, output="logvar")
    generator = certify.load_generator(two_headed, output="mean")
    assert generator.comparison is not None and generator.origin()["output"] == "mean"
    np.testing.assert_allclose(generator.value(Z), np.tanh(Z) @ W, rtol=1e-14)
    assert "`linear:d=2` is none" in refusal("linear:d=2", output="x")


@pytest.mark.parametrize("kind", ["npy", "csv", "array", "log-variance"])
def test_the_last_layer_is_divided(kind: str, two_headed: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", S)
    (tmp_path / "s.csv").write_text(",".join(map(repr, S.tolist())))
    noise = {"array": S, "log-variance": "log-variance:logvar"}.get(kind, tmp_path / f"s.{kind}")
    plain = certify.load_generator(two_headed, output="mean")
    generator = certify.load_generator(two_headed, output="mean", noise=noise)  # type: ignore[arg-type]
    np.testing.assert_allclose(generator.value(Z), plain.value(Z) / S, rtol=1e-14)
    np.testing.assert_allclose(generator.noise, S, rtol=1e-14)
    assert generator.sha256 != plain.sha256 and len(generator.graph.nodes) == len(plain.graph.nodes)
    assert generator.origin()["rounded_constants"] == "noise" and "noise" in generator.origin()
    assert isinstance(generator.graph.nodes[-1], Affine)
    if kind != "log-variance":
        np.testing.assert_array_equal(generator.graph.nodes[-1].weight, W.T / S[:, None])


def test_powers_of_two_round_nothing(two_headed: Path) -> None:
    generator = certify.load_generator(two_headed, output="mean", noise=np.array([0.5, 1.0, 2.0, 4.0]))
    assert "rounded_constants" not in generator.metadata
    tiny = Generator("g", Graph((Input(1), Affine(0, np.array([[1e-308], [1.0]]), np.zeros(2)))), 2)
    assert whitened(tiny, [2.0**20, 1.0], "s").metadata["rounded_constants"] == "noise"
    with pytest.raises(InputError, match="overflows"):
        whitened(tiny, [1.0, 1e-310], "s")


def test_one_deviation_for_all_and_a_last_layer_that_is_no_affine_map(two_headed: Path) -> None:
    generator = certify.load_generator(two_headed, output="mean", noise="scale:sigma")
    assert generator.noise == (0.25,) * 4
    family = certify.load_generator("residual:d=2,width=4,depth=1")
    divided = certify.load_generator("residual:d=2,width=4,depth=1", noise=[2.0, 3.0])
    np.testing.assert_allclose(divided.value(Z), family.value(Z) / [2.0, 3.0], rtol=1e-14)


def test_refusals(two_headed: Path, tmp_path: Path) -> None:
    for name, values in {"short": S[:3], "zero": S * [1, 0, 1, 1], "inf": S * [1, 1, np.inf, 1]}.items():
        np.save(tmp_path / f"{name}.npy", values)
    np.save(tmp_path / "two.npy", np.ones((2, 4)))

    def refused(noise: object) -> str:
        return refusal(two_headed, output="mean", noise=noise)

    assert "one standard deviation per output (4), got 3" in refused(tmp_path / "short.npy")
    assert "entry 1 is 0.0" in refused(tmp_path / "zero.npy")
    assert "noise `" in refused(tmp_path / "inf.npy") and "finite" in refused(tmp_path / "inf.npy")
    assert "one row" in refused(tmp_path / "two.npy")
    assert "no such file" in refused(tmp_path / "absent.npy")
    assert "KIND:NAME" in refused("sigma") and "KIND:NAME" in refused("stddev:sigma")
    assert "no output `absent`" in refused("scale:absent")
    assert "entry 0 is -2.4" in refused("scale:logvar")
    for array in (["a", "b", "c", "d"], [1j, 1, 1, 1], b"s", {"s": 1}, [True] * 4, [None, 1, 1, 1]):
        assert "noise `array`: expected real numbers" in refused(array)
    assert "noise `array`: " in refused([[1.0], [2.0, 3.0]])
    message = refused("log-variance:moving")
    assert "depends on the input `z`" in message and "A0 needs noise that does not depend on z" in message
    assert "only an ONNX file has outputs by name" in refusal("linear:d=2", noise="scale:sigma")


def test_the_noise_of_the_training_is_no_multiple_of_s() -> None:
    path = Path(__file__).parents[2] / "examples/digits/residual_d8.onnx"
    assert "trained_beta" in certify.load_generator(path).metadata
    assert "trained_beta" not in certify.load_generator(path, noise=np.full(64, 0.5)[:8]).metadata


def test_observations_are_divided_where_they_are_given(tmp_path: Path) -> None:
    s = np.array([0.5, 3.0])
    np.save(tmp_path / "s.npy", s)
    rows = np.array([[0.3, -0.7], [1.0, 2.0]])
    np.save(tmp_path / "raw.npy", rows)
    np.save(tmp_path / "divided.npy", rows / s)
    linear = np.array([[1.0, 0.2], [0.1, 1.2]])
    plain = Generator("g", Graph((Input(2), Affine(0, linear, np.zeros(2)))), 4)
    by_hand = Generator("h", Graph((Input(2), Affine(0, linear / s[:, None], np.zeros(2)))), 4)
    by_noise = whitened(plain, s, "s")
    assert by_noise.sha256 == by_hand.sha256
    np.testing.assert_array_equal(observations_of(tmp_path / "raw.npy", [by_noise]), rows / s)
    np.testing.assert_array_equal(by_noise.raw(by_noise.whitened(rows)), rows)
    with pytest.raises(InputError, match="different noise"):
        observations_of(rows, [plain, by_noise])


def test_the_encoder_takes_observations_as_measured(tmp_path: Path) -> None:
    """Built for G / s, its file divides x by s itself; the audit, with the same noise, finds it right."""
    s, beta = np.array([0.5, 3.0]), "0.2"
    np.save(tmp_path / "s.npy", s)
    generator = "linear:d=2,kappa=1.5,seed=3"
    path = tmp_path / "encoder.onnx"
    common = ["--generator", generator, "--noise", str(tmp_path / "s.npy"), "--beta", beta, "--quiet"]
    assert main(["encoder", "gaussian-encoder", *common, "--out", str(path)]) == 0
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert sidecar["generator"]["noise"] == s.tolist() and "divides them by s" in sidecar["observations"]
    whole = certify.load_generator(generator, noise=s)
    assert sidecar["generator"]["sha256"] == whole.sha256
    assert main(["audit", str(path), *common, "--epsilon", "0.1", "--count", "2", "--pairs", "0",
                 "--json", str(tmp_path / "audit.json")]) == 0  # fmt: skip
    audit = json.loads((tmp_path / "audit.json").read_text())
    assert audit["generator"]["sha256"] == whole.sha256
    assert audit["provenance"]["generators"][0]["noise"].startswith(str(tmp_path / "s.npy"))
    without = ["--generator", generator, "--beta", beta, "--quiet", "--epsilon", "0.1", "--count", "2", "--pairs", "0"]
    assert main(["audit", str(path), *without]) == 1


@pytest.mark.parametrize("family", ["residual:d=4,width=6,depth=2", "coupling:d=4,depth=2", "linear:d=4"])
def test_a_start_is_a_function_of_the_quotients(family: str) -> None:
    network = certify.load_generator(family)
    rows = RANDOM.standard_normal((3, 4))
    moved = of_quotients(network, tuple(S.tolist()))
    np.testing.assert_allclose(moved.value(rows / S), network.value(rows), rtol=1e-12, atol=1e-14)


def test_options_without_a_generator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "strong-invertibility", "--noise", "s.npy"]) == 2
    assert main(["check", "strong-invertibility", "--output", "mean"]) == 2
    assert main(["check", "strong-invertibility", "--constants", "d=8,m=1,M=1.5,M2=0", "--noise", "s.npy"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_a_check_with_noise(two_headed: Path, tmp_path: Path) -> None:
    out = tmp_path / "constants.json"
    arguments = ["--generator", str(two_headed), "--output", "mean", "--noise", "log-variance:logvar"]
    main(["constants", *arguments, "--region", "1", "--budget", "1", "--quiet", "--json", str(out)])
    document = json.loads(out.read_text())
    brackets = document["constants"]
    slope = np.linalg.norm(W / S, 2)
    assert brackets["M"]["lower"] <= slope * (1 + 1e-9) and brackets["M"]["upper"] >= slope * (1 - 1e-9)
    assert document["provenance"]["generators"][0]["output"] == "mean"
