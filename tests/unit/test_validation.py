"""Bad input is refused with one line that names it; good input keeps its exact value."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from certify import validation
from certify.errors import InputError, UnknownNameError
from certify.symbolic.model import CONSTANTS


def test_decimals_stay_exact() -> None:
    assert validation.noise_level("0.1") == Fraction(1, 10)
    assert validation.noise_level(0.1) == Fraction(0.1) != Fraction(1, 10)
    assert validation.accuracy(" 1e-3 ") == Fraction(1, 1000)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "", "x", "1e400", "1e-400", float("nan"), "1/0"])
def test_noise_level_must_be_positive_and_finite(value: str | float) -> None:
    with pytest.raises(InputError, match="`beta`"):
        validation.noise_level(value)


@pytest.mark.parametrize("value", ["0", "1", "-0.1", "2", "nan", "inf", "ten"])
def test_accuracy_must_lie_in_the_open_unit_interval(value: str) -> None:
    with pytest.raises(InputError, match="`epsilon`"):
        validation.accuracy(value)


def test_region_is_everything_or_a_positive_radius() -> None:
    assert validation.region_radius(None) is None
    assert validation.region_radius("2.5") == 2.5
    for value in ("0", "-1", "inf", "1e999"):
        with pytest.raises(InputError, match="`region`"):
            validation.region_radius(value)


def test_seed_and_budget() -> None:
    assert validation.random_seed(2**63 - 1) == 2**63 - 1
    assert validation.time_budget("1e12") == 1e9
    for seed in (-1, 2**63):
        with pytest.raises(InputError, match="`seed`"):
            validation.random_seed(seed)
    with pytest.raises(InputError, match="`budget`"):
        validation.time_budget("0")


def constants(text: str) -> dict[str, Fraction]:
    return validation.constants_from_text(text, ("d", "m", "M", "M2"), {item.name: item.domain for item in CONSTANTS})


def test_constants_are_read_exactly() -> None:
    values = constants("d=8, m=1,M=1.5,M2=0.15,rho=0,N=100")
    assert values["M2"] == Fraction(3, 20)
    assert values["d"] == 8
    assert set(values) == {"d", "m", "M", "M2", "rho", "N"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("d=8,m=2,M=1,M2=0", "`M` must be >= m; got `1` with m = 2"),
        ("d=8,m=1,M=1.5", "missing: M2"),
        ("d=8,m=1,M=1.5,M2=0.1,M2=0.2", "twice"),
        ("d=8.5,m=1,M=1.5,M2=0.1", "`d` must be a positive integer"),
        ("d=0,m=1,M=1.5,M2=0.1", "`d` must be a positive integer"),
        ("d=8,m=0,M=1.5,M2=0.1", "`m` must be > 0"),
        ("d=8,m=1,M=1.5,M2=-0.1", "`M2` must be >= 0"),
        ("d=8,m=1,M=one,M2=0.1", "`M` must be a finite number"),
        ("d=8,m,M=1.5,M2=0.1", "name=value"),
        ("", "name=value"),
    ],
)
def test_bad_constants_are_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        constants(text)


def test_an_unknown_constant_gets_the_closest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `M2`"):
        constants("d=8,m=1,M=1.5,M22=0.1")


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_observations_are_read_back(tmp_path: Path, suffix: str) -> None:
    rows = np.array([[0.1, -2.0, 3.5], [1e-300, 0.0, 7.25]])
    path = tmp_path / f"x.{suffix}"
    if suffix == "npy":
        np.save(path, rows)
    else:
        path.write_text("\n".join(",".join(map(repr, row)) for row in rows.tolist()) + "\n\n")
    np.testing.assert_array_equal(validation.observations_from_file(path, 3), rows)


def test_one_observation_may_be_a_vector(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    assert validation.observations_from_file(tmp_path / "x.npy").shape == (1, 3)


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="readable"):
        validation.observations_from_file(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.npy", b"not an array", "not a readable .npy array .*numpy.save writes it"),
        ("x.npy", b"", "not a readable"),
        ("x.csv", b"1,2\n3\n", "row 0 has 2 entries, row 1 has 1"),
        ("x.csv", b"1,two\n", "not comma-separated"),
        ("x.csv", b"", "shape"),
        ("x.csv", b"1,nan,3\n", "row 0"),
        ("x.csv", b"1,2,3\n1,inf,3\n", "row 1"),
        ("x.csv", b"1,2\n", "expected 3 columns"),
        ("x.csv", b"\xff\xfe1,2,3\n", "not a readable text file"),
        ("x.txt", b"1,2,3\n", ".npy or .csv"),
    ],
)
def test_bad_observation_files_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        validation.observations_from_file(tmp_path / name, 3)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_missing_file_archive_and_complex_numbers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        validation.observations_from_file(tmp_path / "x.npy")
    with pytest.raises(InputError, match="a folder, not a file"):
        validation.observations_from_file(tmp_path)
    with (tmp_path / "z.npy").open("wb") as stream:
        np.savez(stream, a=np.ones(3))
    with pytest.raises(InputError, match="archive"):
        validation.observations_from_file(tmp_path / "z.npy")
    np.save(tmp_path / "c.npy", np.array([1 + 2j]))
    with pytest.raises(InputError, match="complex"):
        validation.observations_from_file(tmp_path / "c.npy")
    np.save(tmp_path / "t.npy", np.ones((2, 2, 2)))
    with pytest.raises(InputError, match="shape"):
        validation.observations_from_file(tmp_path / "t.npy")


def test_constants_with_fewer_outputs_than_latents_are_refused() -> None:
    assert constants("d=4,n=8,m=1,M=2,M2=0")["n"] == 8
    with pytest.raises(InputError, match="`n` must be an integer >= d; got `4` with d = 8"):
        constants("d=8,n=4,m=1,M=2,M2=0")
