"""Resumable runs: killed and continued to the same bits; files of other runs, damaged or hostile ones are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from certify.errors import InputError
from certify.generators.graph import Activation, Affine, Graph, Input
from certify.sampling import (
    ExponentialIntegrator,
    Langevin,
    Mala,
    Preconditioned,
    Preconditioner,
    ProjectedLangevin,
    Recording,
    RunOptions,
    Target,
    compile_program,
    run,
)
from certify.sampling import target as target_module

STEPS = 400
ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from certify.sampling import target as target_module
from tests.unit import test_sampling_checkpoints as tests

class Stalls:
    calls = 0
    def start(self, description, total): pass
    def finish(self): pass
    def advance(self, amount=1.0):
        self.calls += 1
        if self.calls == 3:
            print("stalled", flush=True)
            time.sleep(1000.0)

target_module._CALL_OPERATIONS = 1
tests.RUNS[{name!r}](checkpoint={path!r}, checkpoint_seconds=0.0, progress=Stalls())
"""


def target() -> Target:
    generator = np.random.default_rng(0)
    nodes = (Input(3), Affine(0, generator.normal(size=(4, 3)), np.zeros(4)), Activation(1, "tanh", 4))
    return Target.create(compile_program(Graph(nodes)), np.linspace(-1.0, 1.0, 4), 0.5)


OPTIONS = RunOptions(seed=5, chains=9, recording=Recording(every=10, moments_every=5, burn_in=20))
MOMENTS = RunOptions(seed=5, chains=9, recording=Recording(moments_every=1))


def langevin(**options: Any) -> Any:
    kernel = ProjectedLangevin((np.zeros(3), 1.5))
    return run(kernel, target(), np.zeros(3), 0.02, STEPS, replace(OPTIONS, **options))


def mala(**options: Any) -> Any:
    return run(Mala(), target(), np.zeros(3), np.linspace(0.05, 0.1, STEPS), STEPS, replace(OPTIONS, **options))


def exponential(**options: Any) -> Any:
    kernel = Preconditioned(Preconditioner.create(np.ones(3), 0.5 * np.eye(3)), ExponentialIntegrator())
    return run(kernel, target(), None, np.linspace(0.2, 0.05, STEPS), STEPS, replace(MOMENTS, **options))


def preconditioned_mala(**options: Any) -> Any:
    kernel = Preconditioned(Preconditioner.create(np.zeros(3), 0.5 * np.eye(3)), Mala())
    return run(kernel, target(), np.zeros(3), 0.2, STEPS, replace(MOMENTS, **options))


RUNS: dict[str, Callable[..., Any]] = {
    "langevin": langevin,
    "mala": mala,
    "exponential": exponential,
    "preconditioned_mala": preconditioned_mala,
}


class Counter:
    """A progress that keeps what it is told and may stop the run."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.advances: list[float] = []
        self.stop_after = stop_after

    def start(self, description: str, total: float) -> None:
        """Nothing to do."""

    def advance(self, amount: float = 1.0) -> None:
        self.advances.append(amount)
        if len(self.advances) == self.stop_after:
            raise KeyboardInterrupt

    def finish(self) -> None:
        """Nothing to do."""


def assert_same_run(left: Any, right: Any) -> None:
    for name, value in vars(left).items():
        other = getattr(right, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other)
    np.testing.assert_array_equal(left.moments.mean, right.moments.mean)
    np.testing.assert_array_equal(left.moments.covariance, right.moments.covariance)
    assert left.moments.count == right.moments.count


@pytest.mark.parametrize("name", ["langevin", "preconditioned_mala"])
def test_a_killed_process_is_continued_to_the_same_bits(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    code = KILLED.format(root=str(ROOT), name=name, path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "stalled"
        process.kill()
    assert process.returncode == -9
    saved = int(np.load(path)["step"])
    assert 0 < saved < STEPS
    counter = Counter()
    resumed = RUNS[name](checkpoint=path, progress=counter)
    assert counter.advances[0] == saved and sum(counter.advances) == STEPS
    assert_same_run(resumed, RUNS[name]())


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_an_interrupted_run_is_continued(
    name: str, stop_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RUNS[name]()
    monkeypatch.setattr(target_module, "_CALL_OPERATIONS", 1)
    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        RUNS[name](checkpoint=path, checkpoint_seconds=0.0, progress=Counter(stop_after), threads=1)
    monkeypatch.undo()
    assert_same_run(RUNS[name](checkpoint=path, threads=2), whole)


@pytest.mark.parametrize("name", RUNS)
def test_a_finished_run_is_read_back_without_a_step(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    first = RUNS[name](checkpoint=path)
    assert [item.name for item in tmp_path.iterdir()] == ["run.npz"]
    counter = Counter()
    assert_same_run(RUNS[name](checkpoint=path, progress=counter), first)
    assert counter.advances == [STEPS]


def test_the_state_itself_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A stream that is not the run's gives another result: the comparison of the other tests can fail.
    monkeypatch.setattr(target_module, "_CALL_OPERATIONS", 1)
    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        langevin(checkpoint=path, checkpoint_seconds=0.0, progress=Counter(2))
    state = dict(np.load(path))
    state["streams"] = state["streams"][::-1]
    np.savez(path, **state)
    with pytest.raises(AssertionError):
        assert_same_run(langevin(checkpoint=path), langevin())


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"chains": 10},
        {"recording": Recording(20, 5, 20)},
        {"recording": Recording(10, 5, 0)},
    ],
)
def test_a_checkpoint_of_another_run_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    langevin(checkpoint=path)
    with pytest.raises(InputError, match=r"run\.npz` belongs to another run .*; delete it") as caught:
        langevin(checkpoint=path, **change)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="belongs to another run"):
        mala(checkpoint=path)


def test_another_target_start_or_step_is_another_run(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    own = target()
    run(Langevin(), own, np.zeros(3), 0.02, 20, RunOptions(seed=0, checkpoint=path))
    moved = Target(own.program, own.observations + 1e-9, own.prior, own.misfit_scale)
    for law, start, size, steps in (
        (moved, np.zeros(3), 0.02, 20),
        (own, np.full(3, 1e-9), 0.02, 20),
        (own, np.zeros(3), 0.03, 20),
        (own, np.zeros(3), 0.02, 21),
    ):
        with pytest.raises(InputError, match="belongs to another run"):
            run(Langevin(), law, start, size, steps, RunOptions(seed=0, checkpoint=path))


def test_files_that_are_no_checkpoint_are_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    for content in (b"", b"not an archive", b"PK\x03\x04 cut off", b"\x80\x04cos\nsystem\n(S'true'\ntR."):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no checkpoint of the samplers or is damaged"):
            langevin(checkpoint=path)
        assert path.read_bytes() == content
    np.savez(path, request_digest=np.array([object()], dtype=object))
    with pytest.raises(InputError, match="is no checkpoint"):
        langevin(checkpoint=path)


@pytest.mark.parametrize("fault", ["shape", "type", "step", "odd", "missing"])
def test_a_damaged_state_never_reaches_the_kernels(fault: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    langevin(checkpoint=path)
    state = dict(np.load(path))
    if fault == "shape":
        state["positions"] = state["positions"][:4]
    elif fault == "type":
        state["streams"] = state["streams"].astype(np.float64)
    elif fault in ("step", "odd"):
        state["step"] = np.array(STEPS + 1 if fault == "step" else 1)
    else:
        del state["sums"]
    np.savez(path, **state)
    with pytest.raises(InputError, match="damaged"):
        langevin(checkpoint=path)


def test_a_place_that_cannot_be_written_is_named_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        langevin(checkpoint=tmp_path / "missing" / "run.npz", progress=Counter(1))
    for seconds in (-1.0, float("nan")):
        with pytest.raises(InputError, match="`checkpoint_seconds` must be in"):
            langevin(checkpoint=tmp_path / "run.npz", checkpoint_seconds=seconds)
