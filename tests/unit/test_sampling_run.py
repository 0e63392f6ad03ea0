"""`run` and its options: kernels by name, every wrong argument, the old names' bits, a kernel of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import certify.sampling as s
from certify.errors import InputError, UnknownNameError
from certify.generators.graph import Activation, Affine, Graph, Input
from certify.sampling.workers import Workers

BALL = (np.zeros(3), 0.7)
MAP = s.Preconditioner.create(np.array([0.1, -0.2, 0.3]), np.diag([0.5, 0.8, 1.1]) + 0.1)
TIMES = np.linspace(0.3, 0.1, 40)
KEPT = s.Recording(every=7, moments_every=3, burn_in=5)
FLAT = {"record_every": 7, "moments_every": 3, "burn_in": 5}


def target() -> s.Target:
    generator = np.random.default_rng(0)
    nodes = (Input(3), Affine(0, generator.normal(size=(30, 3)), np.ones(30)), Activation(1, "tanh", 30))
    return s.Target.create(s.compile_program(Graph(nodes)), np.linspace(-1.0, 1.0, 30), 0.5)


OLD_AND_NEW: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any, Any]] = {
    "langevin": (s.run_langevin, (), {}, s.Langevin(), np.zeros(3)),
    "watched": (s.run_langevin, (), {"watch": BALL}, s.Langevin(BALL), np.zeros(3)),
    "projected": (s.run_langevin, (), {"projection": BALL}, s.ProjectedLangevin(BALL), np.zeros(3)),
    "quiet": (s.run_langevin, (), {"noise_scale": 0.5}, s.Langevin(noise_scale=0.5), np.zeros(3)),
    "damped": (s.run_langevin, (), {"damping": 1.0}, s.Langevin(damping=1.0), np.zeros(3)),
    "mala": (s.run_mala, (), {}, s.Mala(), np.zeros(3)),
    "region": (s.run_mala, (), {"region": BALL}, s.Mala(BALL), np.zeros(3)),
    "preconditioned": (
        s.run_preconditioned_langevin, (MAP,), {"noise_scale": 0.9}, s.Preconditioned(MAP, s.Langevin(None, 0.9)),
        np.zeros(3),
    ),
    "ellipsoid": (
        s.run_preconditioned_langevin, (MAP,), {"projection_radius": 0.7},
        s.Preconditioned(MAP, s.ProjectedLangevin(BALL)), np.zeros(3),
    ),
    "exponential": (
        s.run_exponential_integrator, (MAP,), {"projection_radius": 0.7},
        s.Preconditioned(MAP, s.ExponentialIntegrator(BALL)), None,
    ),
    "preconditioned mala": (
        s.run_preconditioned_mala, (MAP,), {"region_radius": 0.7}, s.Preconditioned(MAP, s.Mala(BALL)), MAP.centre,
    ),
}  # fmt: skip


def assert_same(left: Any, right: Any) -> None:
    """Equal to the bit, field by field."""
    assert type(left) is type(right)
    for field in fields(left):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if is_dataclass(one):
            assert_same(one, other)
        else:
            assert np.array_equal(one, other), field.name


@pytest.mark.parametrize("name", OLD_AND_NEW)
def test_the_old_name_is_the_new_one_to_the_bit(name: str) -> None:
    old, first, keywords, kernel, start = OLD_AND_NEW[name]
    for chains in (1, 9, 70):
        expected = old(target(), *first, start, TIMES, TIMES.size, seed=4, chains=chains, **keywords, **FLAT)
        options = s.RunOptions(seed=4, chains=chains, recording=KEPT)
        assert_same(s.run(kernel, target(), start, TIMES, TIMES.size, options), expected)
        other = s.run(kernel, target(), start, TIMES, TIMES.size, s.RunOptions(5, chains, recording=KEPT))
        assert not np.array_equal(other.positions, expected.positions)


def test_an_old_name_takes_one_ball() -> None:
    with pytest.raises(InputError, match="expected `projection` or `watch`, got both"):
        s.run_langevin(target(), np.zeros(3), 0.1, 3, projection=BALL, watch=BALL, seed=0)


@pytest.mark.parametrize("name", OLD_AND_NEW)
def test_threads_and_checkpoints_change_no_bit(name: str, tmp_path: Path) -> None:
    kernel, start = OLD_AND_NEW[name][3:]
    runs = [
        s.run(kernel, target(), start, TIMES, TIMES.size, s.RunOptions(4, 70, threads, path, recording=KEPT))
        for threads, path in ((1, None), (3, tmp_path / "run.npz"), (2, str(tmp_path / "run.npz")))
    ]
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def test_kernels_are_found_by_name() -> None:
    options = s.RunOptions(seed=1, chains=5)
    for name, kernel in (("langevin", s.Langevin()), ("mala", s.Mala()), ("descent", s.Descent())):
        assert_same(*(s.run(unit, target(), np.zeros(3), 0.01, 9, options) for unit in (name, kernel)))
    assert sorted(s.KERNELS) == ["descent", "exponential", "langevin", "mala", "preconditioned", "projected"]
    assert s.find_kernel("projected", ball=BALL).ball is BALL
    inner = s.find_kernel("exponential")
    assert s.find_kernel("preconditioned", preconditioner=MAP, kernel=inner).kernel is inner


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("langevine", {}, "unknown kernel `langevine`; did you mean `langevin`"),
        ("preconditioned", {}, "kernel `preconditioned`, .*takes `preconditioner`, `kernel`; got nothing"),
        ("mala", {"ball": BALL}, "kernel `mala`, which is `Mala.*takes `region`; got `ball`"),
        ("descent", {"noise_scale": 1.0}, "kernel `descent`.*got `noise_scale`"),
        ("projected", {"ball": None}, "`ball` must be a pair"),
    ],
)
def test_a_wrong_name_or_argument_of_a_kernel_is_named(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError if "unknown" in message else InputError, match=message):
        s.find_kernel(name, **arguments)
    if not arguments:
        with pytest.raises(InputError, match=message):
            s.run(name, target(), np.zeros(3), 0.1, 1, s.RunOptions(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, r"`seed` must be in \[0, 2\^64\); got -1"),
        ({"seed": 2**64}, r"`seed` must be in \[0, 2\^64\)"),
        ({"seed": 1.0}, "`seed` must be an integer; got 1.0"),
        ({"seed": None}, "`seed` must be an integer"),
        ({"chains": 0}, "`chains` must be at least 1; got 0"),
        ({"chains": True}, "`chains` must be an integer; got True"),
        ({"threads": 0}, "`threads` must be at least 1; got 0"),
        ({"threads": "2"}, "`threads` must be an integer"),
        ({"checkpoint": 3}, "`checkpoint` must be a path or None; got 3"),
        ({"checkpoint_seconds": -1.0}, r"`checkpoint_seconds` must be in \[0, inf\); got -1"),
        ({"checkpoint_seconds": np.nan}, "`checkpoint_seconds` must be in"),
        ({"checkpoint_seconds": np.inf}, "`checkpoint_seconds` must be in"),
        ({"checkpoint_seconds": "1"}, "`checkpoint_seconds` must be in"),
        ({"recording": 5}, "`recording` must be a Recording; got 5"),
    ],
)
def test_every_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        s.RunOptions(**({"seed": 0} | options))


@pytest.mark.parametrize("name", ["every", "moments_every", "burn_in"])
def test_every_wrong_recording_is_named(name: str) -> None:
    shown = "record_every" if name == "every" else name
    with pytest.raises(InputError, match=f"`{shown}` must be at least 0; got -1"):
        s.Recording(**{name: -1})
    with pytest.raises(InputError, match=f"`{shown}` must be an integer"):
        s.Recording(**{name: 0.5})  # type: ignore[arg-type]


def test_options_are_frozen_and_take_numpys_integers() -> None:
    options = s.RunOptions(seed=np.int64(3), chains=np.int32(2), threads=np.int8(1))  # type: ignore[arg-type]
    assert options == s.RunOptions(3, 2, 1)
    with pytest.raises(FrozenInstanceError):
        options.seed = 4  # type: ignore[misc]
    assert s.run("langevin", target(), np.zeros(3), 0.1, 2, options).positions.shape == (2, 3)


@pytest.mark.parametrize(
    ("kernel", "start", "step_size", "steps", "message"),
    [
        (s.Langevin(), None, 0.1, 1, "`start` must have shape.*None is for kernels that draw their own"),
        (s.Langevin(), np.zeros(2), 0.1, 1, "`start` must have shape"),
        (s.Langevin(), np.zeros(3), -0.1, 1, "`step_size` must be in"),
        (s.Langevin(), np.zeros(3), [0.1], 2, "`step_size` must be a number or have shape"),
        (s.Langevin(), np.zeros(3), 0.1, -1, "`steps` must be at least 0"),
        (s.Langevin((np.zeros(2), 1.0)), np.zeros(3), 0.1, 1, "ball's centre must be finite with shape"),
        (s.Langevin(damping=-1.0), np.zeros(3), 0.1, 1, "`damping` must be in"),
        (s.ProjectedLangevin((np.zeros(3), -1.0)), np.zeros(3), 0.1, 1, "ball's radius must be in"),
        (s.Mala(BALL), np.ones(3), 0.1, 1, "every start must lie in the ball"),
        (s.ExponentialIntegrator(), np.zeros(3), 0.0, 1, "`step_size` must be in"),
        (s.Preconditioned(MAP, s.Mala()), np.zeros(2), 0.1, 1, "`start` must have 3 columns"),
    ],
)
def test_what_does_not_fit_the_chains_is_named(
    kernel: Any, start: Any, step_size: Any, steps: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        s.run(kernel, target(), start, step_size, steps, s.RunOptions(seed=0))


def test_descent_ignores_prior_noise_level_and_seed() -> None:
    one = s.run(s.Descent(), target(), np.ones(3), 0.01, 9, s.RunOptions(1))
    law = target()._replace(prior=7.0, misfit_scale=9.0)
    assert_same(one, s.run("descent", law, np.ones(3), 0.01, 9, s.RunOptions(1)))
    assert np.array_equal(one.positions, s.run("descent", law, np.ones(3), 0.01, 9, s.RunOptions(2)).positions)
    with pytest.raises(s.DivergenceError, match="gradient descent: chain 0 is not finite"):
        s.run(
            "descent",
            s.Target.create(s.compile_program(_square()), [0.0], 1.0),
            np.full(1, 9.0),
            1.0,
            99,
            s.RunOptions(0),
        )


def _square() -> Graph:
    return Graph((Input(1), Activation(0, "square", 1)))


@dataclass(frozen=True)
class Drift:
    """A kernel of one's own: all chains move by `step_size`."""

    name: ClassVar[str] = "drift"

    def place(self, problem: s.Problem) -> s.Problem:
        return problem

    def init(self, chains: s.Chains) -> s.State:
        return s.State((), {"moved": np.zeros(1)})

    def step(self, chains: s.Chains, state: s.State, first: int, sizes: Any, team: Workers) -> None:
        chains.positions[...] += sizes.sum()
        state.arrays["moved"][0] += sizes.size

    def result(self, chains: s.Chains, state: s.State) -> tuple[float, float]:
        return float(chains.positions.mean()), float(state.arrays["moved"][0])


def test_a_kernel_of_ones_own_runs_and_resumes(tmp_path: Path) -> None:
    options = s.RunOptions(0, 4, checkpoint=tmp_path / "drift.npz")
    for _ in range(2):
        found: tuple[float, float] = s.run(Drift(), target(), np.zeros(3), 0.5, 8, options)
        assert found == (4.0, 8.0)
