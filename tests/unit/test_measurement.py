"""Observations through a known matrix: the composed decoder, its exact truth where it is affine, every refusal."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
import scipy.sparse as sp
from onnx import TensorProto, helper
from scipy.stats import multivariate_normal

import certify
from certify.cli.main import main
from certify.errors import InputError
from certify.generators.graph import Affine, Generator
from certify.generators.measurement import measured, selects
from tests.onnx_models import model, node

DIGITS = "examples/digits/pixels64_residual.onnx"
DECODERS = (DIGITS, "examples/digits/residual_d8.onnx", "examples/zoo/scvi_linear_digits_d5.onnx")
RANDOM = np.random.default_rng(5)
Z = RANDOM.standard_normal((6, 8))
SMALL = "linear:d=2,kappa=2,m=1"


def refusal(specification: str | Path = SMALL, **given: object) -> str:
    with pytest.raises(InputError) as caught:
        certify.load_generator(specification, **given)  # type: ignore[arg-type]
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", ["mask", "signs", "blur", "one row"])
def test_the_composed_decoder_is_the_matrix_times_the_decoder(decoder: str, kind: str) -> None:
    plain = certify.load_generator(decoder)
    n = plain.observed_dim
    a = {
        "mask": np.eye(n)[::2],
        "signs": -np.eye(n)[1:4],
        "blur": RANDOM.standard_normal((n + 1, n)),
        "one row": np.ones((1, n)),
    }[kind]
    found = certify.load_generator(decoder, measurement=a)
    points = Z[:, : plain.latent_dim]
    expected = plain.value(points) @ a.T
    if kind in {"mask", "signs"}:
        np.testing.assert_allclose(found.value(points), expected, rtol=1e-13, atol=1e-13)
        kept = [[item.metadata.get(key) for key in ("rounded_constants", "trained_beta")] for item in (found, plain)]
        assert kept[0] == kept[1]
    else:
        np.testing.assert_allclose(found.value(points), expected, rtol=1e-10, atol=1e-10)
        assert "trained_beta" not in found.metadata
        # One more layer is exact; a product with the last one is rounded, and says so.
        folded = isinstance(plain.graph.nodes[-1], Affine)
        assert ("measurement" in found.metadata.get("rounded_constants", "")) == folded
    assert found.observed_dim == len(a) and found.sha256 != plain.sha256
    assert found.origin()["measurement"].startswith("array: ")


def test_a_mask_takes_the_rows_bit_for_bit() -> None:
    plain, a = certify.load_generator("linear:d=4,kappa=3"), -np.eye(4)[[2, 0]]
    last = measured(plain, a, "a").graph.nodes[-1]
    assert isinstance(last, Affine) and isinstance(plain.graph.nodes[-1], Affine)
    before = plain.graph.nodes[-1].weight
    dense = [item.toarray() if sp.issparse(item) else item for item in (last.weight, before)]
    np.testing.assert_array_equal(dense[0], -dense[1][[2, 0]])


def test_which_matrices_only_take_coordinates() -> None:
    assert selects(np.eye(3)[:2]) and selects(-np.eye(3)[[2, 0]])
    assert not selects(2 * np.eye(3)) and not selects(np.eye(3)[[0, 0]]) and not selects(np.zeros((1, 3)))
    assert not selects(np.ones((1, 2)) / np.sqrt(2)), "A A^T = 1 up to rounding is not enough"


@pytest.mark.parametrize("rows", range(1, 5))
@pytest.mark.parametrize(("d", "draw"), [(1, 0), (2, 0), (2, 1), (3, 0)])
def test_constants_and_evidence_against_the_exact_law(d: int, rows: int, draw: int) -> None:
    """Every number of latents with every number of rows: fewer, as many, more."""
    seed = 12 * draw + 4 * d + rows
    random = np.random.default_rng(seed)
    plain = certify.load_generator(f"linear:d={d},kappa=3,seed={seed}")
    a = random.standard_normal((rows, d))
    found = certify.load_generator(plain, measurement=a)
    weight = plain.jacobian(np.zeros(d))
    singular = np.linalg.svd(a @ weight, compute_uv=False)
    brackets = certify.constants(found, effort=300)
    assert brackets.M.lower is not None and brackets.M.upper is not None
    assert brackets.M.lower <= singular[0] * (1 + 1e-9) and singular[0] <= brackets.M.upper * (1 + 1e-9)
    least = singular[-1] if rows >= d else 0.0
    assert (brackets.m.lower or 0.0) <= least * (1 + 1e-9)
    if rows >= d:
        assert brackets.m.lower == pytest.approx(least, rel=1e-6)
    x, beta = random.standard_normal(rows), 0.5
    evidence = certify.evidence(found, x, beta=beta, proposals=1000)
    interval = evidence.observations[0].log_evidence.best
    offset = a @ plain.value(np.zeros(d))
    truth = multivariate_normal(offset, (a @ weight) @ (a @ weight).T + beta**2 * np.eye(rows)).logpdf(x)
    assert interval is not None and interval.lower <= truth <= interval.upper
    # The whole decoder's number is another one: a matrix that was ignored would be seen.
    assert not interval.lower <= truth + 0.5 <= interval.upper


@pytest.mark.parametrize("seed", range(15))
def test_constants_of_hard_matrices_against_exact_rationals(seed: int) -> None:
    """Rank one, zero rows, rows from 1e-150 to 1e150, conditions of 1e14: the doubles of A G multiplied out exactly.

    sigma^2 is a root of det(J'J - t I), so its sign at the certified ends, in rationals, decides for d = 2.
    """
    random = np.random.default_rng(seed)
    plain = certify.load_generator(f"linear:d=2,kappa=3,seed={seed}")
    a = random.standard_normal((int(random.integers(2, 6)), 2))
    match seed % 5:
        case 0:
            a = np.outer(a[:, 0], random.standard_normal(2))
        case 1:
            a = a * 10.0 ** random.uniform(-150, 150, (len(a), 1))
        case 2:
            a = a * np.array([1.0, 1e-14])
        case 3:
            a[0] = 0.0
        case 4:
            a = a * 1e-160
    found = certify.load_generator(plain, measurement=a)
    brackets = certify.constants(found, effort=300)
    (last,) = found.graph.nodes[1:]
    assert isinstance(last, Affine)
    weight = last.weight.toarray() if sp.issparse(last.weight) else last.weight
    j = [[Fraction(float(entry)) for entry in row] for row in weight]
    gram = [[sum((row[i] * row[k] for row in j), Fraction(0)) for k in (0, 1)] for i in (0, 1)]
    trace, determinant = gram[0][0] + gram[1][1], gram[0][0] * gram[1][1] - gram[0][1] ** 2

    def characteristic(sigma: float) -> Fraction:
        t = Fraction(sigma) ** 2
        return t * t - trace * t + determinant

    def is_low(sigma: float) -> bool:
        return 2 * Fraction(sigma) ** 2 <= trace

    M, m = brackets.M, brackets.m
    assert M.upper is not None and M.lower is not None and m.upper is not None
    assert characteristic(M.upper) >= 0 and not is_low(M.upper)
    assert characteristic(M.lower) <= 0 or is_low(M.lower)
    assert characteristic(m.lower or 0.0) >= 0 and is_low(m.lower or 0.0)
    assert characteristic(m.upper) <= 0 or not is_low(m.upper)


def test_noise_is_per_row_of_the_matrix(tmp_path: Path) -> None:
    a = np.array([[1.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    found = certify.load_generator(SMALL, measurement=a, noise=[1.0, 2.0, 4.0])
    plain = certify.load_generator(SMALL)
    np.testing.assert_allclose(found.value(Z[:, :2]), plain.value(Z[:, :2]) @ a.T / [1, 2, 4], rtol=1e-12)
    assert found.noise == (1.0, 2.0, 4.0)
    assert "per output (3), got 2" in refusal(measurement=a, noise=[1.0, 2.0])
    divided = certify.load_generator(SMALL, noise=[1.0, 2.0])
    with pytest.raises(InputError, match="measure first"):
        measured(divided, a, "a")


def test_noise_that_the_file_names_is_taken_with_the_outputs(tmp_path: Path) -> None:
    proto = model([node("MatMul", "z W", "mean"), node("Add", "s s", "scale")],
                  {"W": RANDOM.standard_normal((2, 3)), "s": np.array([0.5, 1.0, 2.0])}, (1, 2))  # fmt: skip
    del proto.graph.output[:]
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in ("mean", "scale")]
    proto.graph.output.extend(values)
    onnx.save(proto, path := tmp_path / "decoder.onnx")
    given = {"output": "mean", "noise": "scale:scale"}
    found = certify.load_generator(path, measurement=-np.eye(3)[[2, 0]], **given)  # type: ignore[arg-type]
    assert found.noise == (4.0, 1.0)
    assert "`measurement` mixes them" in refusal(path, measurement=np.ones((3, 3)), **given)


def test_bits_can_only_be_left_out() -> None:
    found = certify.load_generator(SMALL, likelihood="bernoulli", measurement=np.eye(2)[:1])
    assert found.observed_dim == 1 and found.likelihood == "bernoulli"
    for a in (np.ones((1, 2)), -np.eye(2), 2 * np.eye(2)):
        assert "bits can only be taken" in refusal(likelihood="bernoulli", measurement=a)


WRONG = [
    (np.eye(3), "(n', 2)"), (np.zeros((2, 2)), "nothing is measured"), (np.full((1, 2), np.nan), "NaN"),
    (np.array([[np.inf, 0.0]]), "NaN or infinity"), (np.zeros((2, 2, 2)), "shape"), (np.zeros((0, 2)), "shape"),
    (np.array([[1e308, 1e308]]) , "overflows"), ("no.npy", "no such file"), ([["a", "b"]], "real numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_a_wrong_matrix_is_one_line(given: object, words: str) -> None:
    specification = "linear:d=2,kappa=1,m=5" if words == "overflows" else SMALL
    assert words in refusal(specification, measurement=given)


COMMANDS = (
    "check rejection-encoder", "constants", "evidence --observations X", "encoder --observations X --index 0",
    "audit E.onnx", "slack rejection-encoder", "tables rejection-encoder", "report rejection-encoder", "verify F.json",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_with_a_decoder_takes_the_matrix(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.npy"
    np.save(wrong, np.eye(3))
    assert main([*command.split(), "-g", SMALL, "--measurement", str(wrong)]) == 2
    captured = capsys.readouterr().err
    assert f"measurement `{wrong}`: expected shape (n', 2)" in " ".join(captured.split())


def test_a_diagnosis_takes_the_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "wrong.npy", np.eye(3))
    np.save(tmp_path / "x.npy", np.zeros((1, 3)))
    options = ["--data", str(tmp_path / "x.npy"), "--measurement", str(tmp_path / "wrong.npy"), "--beta", "1"]
    assert main(["diagnose", SMALL, *options]) == 2
    assert "expected shape (n', 2)" in " ".join(capsys.readouterr().err.split())


def test_every_command_with_a_decoder_has_the_option() -> None:
    """`certificate` names the file that it is about; whatever else takes a decoder takes the matrix."""
    folder = Path(certify.__file__).parent / "cli" / "commands"
    texts = {file.stem: file.read_text() for file in folder.glob("*.py")}
    loading = ("loaded_generators(", "load_generator(", "reading.generator(")
    decoders = {name for name, text in texts.items() if any(call in text for call in loading)}
    assert decoders >= {"check", "constants", "encoder", "audit", "evidence", "diagnose", "slack", "tables", "report"}
    taking = ("MeasurementOption", "reading: Reading")
    assert {name for name in decoders if not any(word in texts[name] for word in taking)} <= {"certificate"}


def test_fewer_rows_than_latents_leave_theorem_r(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.0, -1.0]]))
    np.save(tmp_path / "x.npy", np.array([[0.2]]))
    options = ["-g", "residual:d=2,width=4", "--measurement", str(tmp_path / "a.npy"), "--beta", "0.5", "--quiet"]
    assert main(["check", "strong-invertibility", *options]) == 4
    assert main(["check", "rejection-encoder", *options, "--observations", str(tmp_path / "x.npy")]) == 0
    capsys.readouterr()
    assert main(["check", "collapse", "--measurement", str(tmp_path / "a.npy")]) == 2
    assert "give it with `--generator`" in " ".join(capsys.readouterr().err.split())


def test_draws_of_a_masked_posterior_follow_the_exact_law() -> None:
    """Means of 4,000 draws within six standard errors of the Gaussian posterior of x' (false alarm below 1e-8)."""
    plain: Generator = certify.load_generator("linear:d=3,kappa=2,seed=4")
    a = np.eye(3)[:2]
    found = certify.load_generator(plain, measurement=a)
    x, beta = np.array([0.4, -1.0]), 0.3
    weight, offset = a @ plain.jacobian(np.zeros(3)), a @ plain.value(np.zeros(3))
    covariance = np.linalg.inv(np.eye(3) + weight.T @ weight / beta**2)
    mean = covariance @ weight.T @ (x - offset) / beta**2
    points = certify.sample(found, x, 4000, beta=beta).points
    assert np.all(np.abs(points.mean(axis=0) - mean) <= 6 * np.sqrt(np.diag(covariance) / 4000))
