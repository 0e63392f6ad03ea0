"""`certify audit`: its JSON, exit codes, figures, one-line errors, and the same bytes for the same seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from certify.cli.main import main
from certify.generators.specification import load_generator
from tests.audit_encoders import exact_parts, write_affine_onnx
from tests.conftest import ROOT

SPEC = "linear:d=3,kappa=2,seed=0"
DIGITS = ROOT / "examples" / "digits"


@pytest.fixture
def exact(tmp_path: Path) -> Path:
    return write_affine_onnx(tmp_path / "exact.onnx", *exact_parts(load_generator(SPEC), 0.3))


def run(encoder: Path, tmp_path: Path, *extra: str, spec: str = SPEC, beta: str = "0.3") -> tuple[int, dict[str, Any]]:
    target = tmp_path / "audit.json"
    usual = [f"{name}={count}" for name, count in (("--draws", 5000), ("--pairs", 100)) if name not in extra]
    code = main(
        ["audit", str(encoder), "--generator", spec, "--beta", beta, "--json", str(target), "--quiet", *usual, *extra]
    )
    return code, json.loads(target.read_text()) if target.exists() else {}


def test_the_json_has_the_public_keys(exact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(exact, tmp_path, "--epsilon", "0.05", "--count", "3")
    assert code == 0 and found["schema"] == 1 and found["verdict"] == "supported"
    assert {"encoder", "generator", "beta", "observations", "calibration", "verdict", "provenance"} <= found.keys()
    assert [item["index"] for item in found["observations"]] == [0, 1, 2]
    for item in found["observations"]:
        tv = item["tv"]
        assert 0 <= tv["lower"] <= tv["estimate"] <= tv["upper"] <= 0.05
        assert max(tv["lower_error"], tv["upper_error"]) <= 1e-6 / 3 and "exact Gaussian densities" in tv["method"]
    assert found["over_observations"]["error_probability"] <= 1e-6
    assert found["calibration"]["uniform_ranks"] == "not refuted"
    assert [test["name"] for test in found["calibration"]["statistics"]] == ["z_1", "z_2", "z_3", "f"]
    assert all(sum(test["counts"]) == 100 for test in found["calibration"]["statistics"])
    assert found["provenance"]["seed"] == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(exact: Path, tmp_path: Path) -> None:
    first, second, third = (run(exact, tmp_path, "--count", "2", "--seed", seed)[1] for seed in ("1", "1", "2"))
    for found in (first, second, third):
        del found["provenance"]
    assert first == second != third


def test_observations_from_a_file_and_the_first_of_them(exact: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((4, 3)))
    _, every = run(exact, tmp_path, "--observations", str(tmp_path / "x.npy"))
    _, few = run(exact, tmp_path, "--observations", str(tmp_path / "x.npy"), "--count", "2")
    assert (len(every["observations"]), len(few["observations"])) == (4, 2)


def test_a_wrong_encoder_is_refuted_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slope, offset, factor = exact_parts(load_generator(SPEC), 0.3)
    wrong = write_affine_onnx(tmp_path / "wrong.onnx", slope, offset + 0.3, factor)
    code, found = run(wrong, tmp_path, "--epsilon", "0.1", "--count", "1")
    assert code == 1 and found["verdict"] == "refuted" and "error" in found["reason"]
    assert "refuted" in capsys.readouterr().out
    # Without a claim nothing is refuted: the same encoder is only measured.
    code, found = run(wrong, tmp_path, "--count", "1")
    assert code == 0 and found["verdict"] == "supported" and found["epsilon"] is None


def test_epsilon_between_the_ends_is_inconclusive(tmp_path: Path) -> None:
    slope, offset, factor = exact_parts(load_generator(SPEC), 0.3)
    wrong = write_affine_onnx(tmp_path / "wrong.onnx", slope, offset + 0.05, factor)
    _, found = run(wrong, tmp_path, "--count", "1")
    between = 0.5 * (found["observations"][0]["tv"]["lower"] + found["observations"][0]["tv"]["upper"])
    code, found = run(wrong, tmp_path, "--count", "1", "--epsilon", f"{between:.6f}")
    assert code == 3 and found["verdict"] == "inconclusive"


def test_the_report_says_both_ends_and_the_assumptions(
    exact: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main(["audit", str(exact), "-g", SPEC, "--beta", "0.3", "--count", "2", "--pairs", "50", "--draws", "2000"])
    text = capsys.readouterr().out
    assert code == 0
    for part in ("observation", "lower", "upper", "both ends:", "Calibration", "p-value", "verdict: supported"):
        assert part in text, part


def test_figures_are_written(exact: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, _ = run(exact, tmp_path, "--count", "2", "--epsilon", "0.1", "--figures", str(tmp_path / "figures"))
    assert code == 0
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert written == ["distances.pdf", "distances.png", "ranks.pdf", "ranks.png"]


def test_the_trained_encoder_of_the_digits_is_measured_at_its_noise(tmp_path: Path) -> None:
    arguments = ("--observations", str(DIGITS / "observations_d8.npy"), "--count", "1", "--pairs", "0")
    encoder, decoder = DIGITS / "encoder_residual_d8.onnx", str(DIGITS / "residual_d8.onnx")
    code, found = run(encoder, tmp_path, *arguments, spec=decoder, beta="0.386173")
    assert code == 0 and found["notes"] == [] and found["calibration"] is None
    tv = found["observations"][0]["tv"]
    assert 0.05 < tv["lower"] < tv["upper"] < 0.12 and "certified envelope (quadratic form)" in tv["method"]
    metadata = {entry.key: entry.value for entry in onnx.load(encoder).metadata_props}
    assert float(metadata["certify.trained_beta"]) == pytest.approx(0.386173, abs=1e-6)


def test_an_encoder_is_noted_at_another_noise_than_its_own(exact: Path, tmp_path: Path) -> None:
    model = onnx.load(exact)
    onnx.helper.set_model_props(model, {"certify.trained_beta": "0.3"})
    onnx.save(model, exact)
    arguments = ("--count", "1", "--pairs", "0", "--epsilon", "0.5")
    code, found = run(exact, tmp_path, *arguments)
    assert code == 0 and found["notes"] == []
    code, found = run(exact, tmp_path, *arguments, beta="0.05")
    assert code == 1 and "trained at beta" in found["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.onnx", "-g", SPEC, "--beta", "0.3"], "missing.onnx"),
        ([str(ROOT / "README.md"), "-g", SPEC, "--beta", "0.3"], "not an ONNX file"),
        ([str(DIGITS / "residual_d8.onnx"), "-g", "linear:d=8", "--beta", "0.3"], "has no noise"),
        (["EXACT", "-g", "linear:d=4", "--beta", "0.3"], "maps x of width 3 to z of width 3"),
        (["EXACT", "-g", SPEC, "--beta", "0"], "`beta` must be > 0"),
        (["EXACT", "-g", SPEC, "--beta", "-1"], "`beta` must be > 0"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--epsilon", "1.5"], "`epsilon` must be in (0, 1)"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--draws", "999"], "`draws` must be at least 1000"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--pairs", "-1"], "`pairs` must be 0 or at least 30"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--pairs", "5"], "`pairs` must be 0 or at least 30"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--count", "0"], "`count` must be at least 1"),
        (["EXACT", "-g", SPEC, "--beta", "0.3", "--observations", "none.npy"], "no such file"),
        (
            ["EXACT", "-g", SPEC, "--beta", "0.3", "--observations", str(DIGITS / "observations_d8.npy")],
            "expected 3 columns",
        ),
        (["EXACT", "-g", SPEC], "give `beta`"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, exact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["audit", *(str(exact) if item == "EXACT" else item for item in arguments), "--quiet"])
    captured = capsys.readouterr()
    assert code == 2 and message in captured.err and len(captured.err.strip().splitlines()) == 1


def test_a_kept_audit_is_counted_as_taken_and_must_fit_together(
    exact: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = tmp_path / "kept.json"
    asked = ("--count", "1", "--pairs", "0", "--epsilon", "0.05", "--resume", str(kept))
    first = run(exact, tmp_path, *asked)[1]["observations"]
    assert caplog.text == ""
    assert run(exact, tmp_path, *asked)[1]["observations"] == first and "without deriving them again: 1" in caplog.text
    good = json.loads(kept.read_text())
    ((key, entry),) = good["observations"].items()
    bracket = entry["tv"]
    forged: list[tuple[dict[str, Any], str]] = [
        ({"verdict": "refuted"}, "not that of its ends"),
        ({"reason": "assuming nothing"}, "not that of its ends"),
        ({"tv": {**bracket, "lower": 0.06, "upper": 0.07}}, "not that of its ends"),
        ({"tv": {**bracket, "lower": -0.01}}, "no bracket"),
        ({"tv": {**bracket, "upper_error": -1e-7}}, "no bracket"),
        ({"index": 1}, "another observation"),
    ]
    for change, why in forged:
        caplog.clear()
        kept.write_text(json.dumps({**good, "observations": {key: {**entry, **change}}}))
        assert run(exact, tmp_path, *asked)[1]["observations"] == first
        assert why in caplog.text and "without deriving" not in caplog.text
