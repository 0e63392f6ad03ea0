"""`certify constants` on a region: the ball, its centre from a file, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from certify.cli.main import main

SPEC = "residual:d=2,width=4,depth=1,seed=0"


def run(tmp_path: Path, *extra: str) -> tuple[int, dict[str, object]]:
    target = tmp_path / "out.json"
    effort = () if "--effort" in extra else ("--effort", "50")
    code = main(["constants", "--generator", SPEC, *effort, "--quiet", "--json", str(target), *extra])
    return code, json.loads(target.read_text()) if target.exists() else {}


def test_a_centre_moves_the_ball(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "far.npy", np.array([8.0, 8.0]))
    code, found = run(tmp_path, "--region", "0.1", "--centre", str(tmp_path / "far.npy"))
    assert code == 0
    assert found["region"] == {"kind": "ball", "radius": 0.1, "centre": [8.0, 8.0]}
    _, near = run(tmp_path, "--region", "0.1")
    # Far out the activations saturate: the second derivative on the moved ball is smaller than at the origin.
    assert found["constants"]["M2"]["upper"] < near["constants"]["M2"]["upper"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("array", "extra", "message"),
    [
        (np.zeros(3), ("--region", "1"), "expected one point with 2 coordinates"),
        (np.zeros((2, 2)), ("--region", "1"), "expected one point"),
        (np.zeros(2), (), "give its radius with --region"),
        (np.array([np.nan, 0.0]), ("--region", "1"), "finite"),
    ],
)
def test_a_centre_that_makes_no_sense_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], array: np.ndarray, extra: tuple[str, ...], message: str
) -> None:
    np.save(tmp_path / "c.npy", array)
    code, _ = run(tmp_path, "--centre", str(tmp_path / "c.npy"), *extra)
    captured = capsys.readouterr()
    assert code == 2 and message in captured.err and len(captured.err.strip().splitlines()) == 1


def test_radii_give_a_table_and_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = run(tmp_path, "--radii", "1,0.1", "--figure", str(tmp_path / "by_radius.png"))
    assert code == 0 and (tmp_path / "by_radius.png").read_bytes().startswith(b"\x89PNG")
    assert found["region"]["kind"] == "all"  # type: ignore[index]
    rows = found["by_radius"]
    assert [row["radius"] for row in rows] == [0.1, 1.0]  # type: ignore[attr-defined]
    whole = found["constants"]
    uppers = [row["constants"]["M"]["upper"] for row in (*rows, {"constants": whole})]  # type: ignore[misc]
    assert uppers == sorted(uppers)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--radii", "1,0"), "`region` must be > 0"),
        (("--radii", ""), "region"),
        (("--figure", "x.png"), "give --radii too"),
        (("--effort", "0"), "`effort` must be > 0"),
        (("--effort", "much"), "`effort`"),
        (("--radii", "1", "--figure", "x.gif"), "ends in .png or .pdf"),
    ],
)
def test_senseless_radii_and_efforts_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: tuple[str, ...], message: str
) -> None:
    code, _ = run(tmp_path, *extra)
    captured = capsys.readouterr()
    assert code == 2 and message in captured.err and len(captured.err.strip().splitlines()) == 1


def test_a_second_run_may_use_the_first_and_no_cache_does_not(tmp_path: Path) -> None:
    _, first = run(tmp_path)
    _, again = run(tmp_path, "--effort", "1e-6")
    _, alone = run(tmp_path, "--effort", "1e-6", "--no-cache")
    uppers = [item["constants"]["M"]["upper"] for item in (first, again, alone)]  # type: ignore[index]
    assert uppers[1] < uppers[2] and uppers[0] <= uppers[1]
