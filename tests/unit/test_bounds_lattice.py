"""The lattice of regions, counted effort and the cache: what is handed on, what never is, and equal bits."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from certify.bounds.bracket import ConstantBrackets, Region, Witness
from certify.bounds.constants import constants, constants_on_regions
from certify.bounds.effort import Work
from certify.bounds.lattice import Lattice, is_subset
from certify.bounds.method import BoundMethod, Problem, Proposal
from certify.bounds.store import METHODS_VERSION, Store, cache_folder
from certify.errors import InputError
from certify.generators import derivatives
from certify.generators.graph import Activation, Affine, Generator, Graph, Input, Sum
from certify.generators.specification import load_generator


def generator(d: int = 4, size: float = 0.5, seed: int = 0) -> Generator:
    rng = np.random.default_rng(seed)
    nodes = (
        Input(d),
        Affine(0, rng.normal(size=(8, d)), rng.normal(size=8)),
        Activation(1, "tanh", 8),
        Affine(2, size * rng.normal(size=(d, 8)) / 3, np.zeros(d)),
        Sum((0, 3), (1.0, 1.0), d),
    )
    return Generator("test", Graph(nodes), 1)


def ends(found: ConstantBrackets) -> list[float | None]:
    return [end for _, item in found.items() for end in (item.lower, item.upper)]


def test_subsets_are_decided_in_balls() -> None:
    far = Region(1.0, (3.0, 4.0, 0.0))
    assert is_subset(far, Region(6.0)) and not is_subset(far, Region(5.9999999))
    # |c| + r = 6 exactly, but one float less is outside.
    assert not is_subset(Region(math.nextafter(1.0, 2.0), (3.0, 4.0, 0.0)), Region(6.0))
    assert is_subset(Region(1.0), Region()) and not is_subset(Region(), Region(1e300))
    assert is_subset(far, far)


def test_ends_go_down_and_witnesses_go_up() -> None:
    made = generator()
    lattice = Lattice.over(made.graph, [Region(0.5), Region(2.0), Region(), Region(0.5, (9.0, 0.0, 0.0, 0.0))])
    lattice.offer(1, Proposal("M", "upper", 7.0, "lie"))
    assert [known.best.get(("M", "upper")) for known in lattice.known] == [7.0, 7.0, None, None]
    assert lattice.known[0].ends["M", "upper"].method == "lie on the ball of radius 2"
    lattice.offer(0, Proposal("m", "lower", 0.125, "lie"))
    assert [known.best.get(("m", "lower")) for known in lattice.known] == [0.125, None, None, None]
    witness = Witness(((1.0, 0.0, 0.0, 0.0),), ((1.0, 0.0, 0.0, 0.0),))
    lattice.offer(1, Proposal("M", "lower", 99.0, "witness", witness))
    # Recomputed, not believed; not on the small ball, which the point is outside of.
    truth = np.linalg.norm(derivatives.jacobian(made.graph, np.array([1.0, 0.0, 0.0, 0.0]))[:, 0])
    found = [known.best.get(("M", "lower")) for known in lattice.known]
    assert found[0] is None and found[3] is None
    assert found[1] == found[2] == pytest.approx(truth, rel=1e-12)
    # What says nothing is not handed on: each region has its own reason.
    lattice.offer(2, Proposal("m", "lower", 0.0, "trivial"))
    assert lattice.known[1].best.get(("m", "lower")) is None


@pytest.fixture(scope="module")
def by_radius() -> tuple[Generator, tuple[ConstantBrackets, ...]]:
    made = generator()
    regions = [Region(), *(Region(radius) for radius in (0.1, 1.0, 3.0)), Region(0.2, (4.0, -3.0, 0.0, 0.0))]
    return made, constants_on_regions(made, regions, effort=2000.0)


def test_constants_are_monotone_in_the_region(by_radius: tuple[Generator, tuple[ConstantBrackets, ...]]) -> None:
    _, found = by_radius
    for inner in found:
        for outer in found:
            if is_subset(inner.region, outer.region):
                for name, bracket in inner.items():
                    other = dict(outer.items())[name]
                    if name == "m":
                        assert bracket.lower >= other.lower and bracket.upper >= other.upper  # type: ignore[operator]
                    else:
                        assert bracket.lower <= other.lower and bracket.upper <= other.upper  # type: ignore[operator]


def test_a_ball_alone_is_not_worse_than_the_whole_space(
    by_radius: tuple[Generator, tuple[ConstantBrackets, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = by_radius

    def only_far(problem: Problem) -> Iterator[Proposal]:
        yield Proposal("M", "upper", 50.0 if problem.region.radius is None else 60.0, "only far")

    method = BoundMethod("only far", "", 1.0, only_far)
    monkeypatch.setattr("certify.bounds.constants.bound_methods", lambda: {"only far": method})
    found = constants(made, Region(1.0))
    assert found.M.upper == 50.0
    assert found.M.upper_evidence is not None and found.M.upper_evidence.method == "only far on R^d"


def test_brackets_by_radius_hold_the_truth_on_a_grid(
    by_radius: tuple[Generator, tuple[ConstantBrackets, ...]],
) -> None:
    made, found = by_radius
    rng = np.random.default_rng(0)
    for item in found:
        offsets = rng.normal(size=(3000, 4))
        offsets *= rng.random((3000, 1)) / np.linalg.norm(offsets, axis=1, keepdims=True)
        points = np.asarray(item.region.centre or (0.0,) * 4) + (item.region.radius or 5.0) * offsets
        sizes = np.linalg.svd(derivatives.jacobian(made.graph, points), compute_uv=False)
        u = rng.normal(size=(3000, 4))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        bends = np.linalg.norm(derivatives.second_derivative(made.graph, points, u, u), axis=1)
        assert item.m.lower is not None and item.M.upper is not None
        assert item.m.lower <= sizes.min() * (1 + 1e-9) and sizes.max() <= item.M.upper * (1 + 1e-9)
        assert bends.max() <= item.M2.upper * (1 + 1e-9)  # type: ignore[operator]


def test_no_regions_and_no_effort_are_refused() -> None:
    with pytest.raises(InputError, match="`regions` is empty"):
        constants_on_regions(generator(), [])
    with pytest.raises(InputError, match="`effort` must be a positive"):
        constants(generator(), effort=0.0)


def test_work_counts_and_shares() -> None:
    work = Work(10.0)
    part = work.share(0.3)
    part.charge(2.0)
    assert (part.left, work.left, part.is_spent) == (1.0, 8.0, False)
    work.charge(8.0)
    assert part.is_spent and part.left == 0.0 and not work.was_cut
    late = Work(deadline=-math.inf)
    assert late.share(0.5).is_spent and late.was_cut
    assert not Work().share(0.5).is_spent


SCRIPT = """
import sys
from certify.bounds.bracket import Region
from certify.bounds.constants import constants_on_regions
from certify.generators.specification import load_generator
made = load_generator("residual:d=3,width=6,depth=2,activation=tanh,seed=1")
for effort in sys.argv[1:]:
    found = constants_on_regions(made, [Region(), Region(0.5)], effort=float(effort))
    print([end.hex() for item in found for _, b in item.items() for end in (b.lower, b.upper)])
"""


def _bits(efforts: tuple[float, ...]) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "2"}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, efforts)], capture_output=True, text=True, check=True, env=environment
    )
    return run.stdout.splitlines()


def test_the_same_effort_gives_the_same_bits_however_busy_the_machine() -> None:
    """Two processes with two BLAS threads each on what cores there are; `benchmarks.same_bits` loads them more."""
    with ThreadPoolExecutor(2) as pool:
        (alone, with_less), (other,) = pool.map(_bits, [(60.0, 1.0), (60.0,)])
    assert alone == other
    assert with_less != alone, "the effort cut nothing: the test says nothing"


def test_a_cap_in_seconds_is_kept_and_what_it_cut_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = constants(load_generator("residual:d=8,width=16,depth=4,activation=tanh,seed=0"), budget=1e-6)
    assert found.M.upper is not None and math.isfinite(found.M.upper)
    assert any("budget" in note and "give a larger --budget" in note for note in found.notes)
    spent = constants(load_generator("residual:d=8,width=16,depth=4,activation=tanh,seed=0"), effort=1e-6)
    assert any("effort" in note and "give a larger --effort" in note for note in spent.notes)
    assert spent.M.upper is not None and math.isfinite(spent.M.upper)


def test_an_interrupt_gives_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(problem: Problem) -> Iterator[Proposal]:
        yield Proposal("M", "upper", 5.0, "first")
        raise KeyboardInterrupt

    method = BoundMethod("first", "", 1.0, first)
    monkeypatch.setattr("certify.bounds.constants.bound_methods", lambda: {"first": method})
    found = constants_on_regions(generator(), [Region()], is_interruptible=True)[0]
    assert found.M.upper == 5.0 and any("interrupted" in note for note in found.notes)
    with pytest.raises(KeyboardInterrupt):
        constants(generator())


def test_a_cache_is_written_read_and_never_worse(tmp_path: Path) -> None:
    made = generator()
    store = Store(tmp_path / "deep" / "cache.json", made.sha256)
    first = constants_on_regions(made, [Region(1.0)], store=store)[0]
    again = constants_on_regions(made, [Region(1.0)], store=store, effort=1e-6)[0]
    assert first.M.upper == again.M.upper and again.M.upper_evidence.method == "semidefinite"  # type: ignore[union-attr]
    # What was found on the larger ball holds on a smaller one, although R^d is coarser.
    inner = constants_on_regions(made, [Region(0.99)], methods=["semidefinite"], store=store, effort=1e-6)[0]
    assert inner.M.upper == first.M.upper and inner.M.upper_evidence.method.endswith("ball of radius 1")  # type: ignore[union-attr]
    # A witness of the smaller ball counts on the larger one.
    other = constants_on_regions(made, [Region(2.0)], methods=["composition"], store=store)[0]
    assert other.M.lower is not None and other.M.lower >= first.M.lower  # type: ignore[operator]
    assert len(list(store.path.parent.iterdir())) == 1, "no half-written copy stays behind"


def _edited(document: dict[str, object], how: str) -> dict[str, object]:
    for item in document["proposals"]:  # type: ignore[attr-defined]
        if "multipliers" in item:
            item["objective"] *= 1e-3 if item["constant"] == "M" else 1e3
            if how == "zero":
                item["multipliers"] = [0.0] * len(item["multipliers"])
        elif how == "witness":
            item["witness"]["points"] = [[1e6 * x + 3.0 for x in row] for row in item["witness"]["points"]]
            item["witness"]["directions"] = [[5.0 * x for x in row] for row in item["witness"]["directions"]]
    return document


def test_an_edited_cache_never_yields_a_false_end(tmp_path: Path) -> None:
    made = generator(2)
    store = Store(tmp_path / "cache.json", made.sha256)
    honest = constants_on_regions(made, [Region(1.0)], store=store)[0]
    written = store.path.read_text()
    for how in ("objective", "zero", "witness"):
        store.path.write_text(json.dumps(_edited(json.loads(written), how)))
        assert store.read(), "the edited file is read, so that it is the verification that refuses it"
        found = constants_on_regions(made, [Region(1.0)], store=store)[0]
        for name, bracket in found.items():
            other = dict(honest.items())[name]
            assert bracket.lower <= other.upper and other.lower <= bracket.upper, how  # type: ignore[operator]
        assert found.M.upper == pytest.approx(honest.M.upper, rel=1e-6), how


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"methods": 0}',
        json.dumps({"methods": METHODS_VERSION, "sha256": "another", "proposals": []}),
        "NaN",
        "[" * 100_000,
    ],
)
def test_a_damaged_cache_is_no_cache(tmp_path: Path, content: str) -> None:
    made = generator()
    store = Store(tmp_path / "cache.json", made.sha256)
    store.path.write_text(content)
    assert store.read() == ()
    assert constants_on_regions(made, [Region(1.0)], methods=["composition"], store=store)[0].M.upper is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", True, None])
def test_numbers_of_a_cache_are_finite_numbers(tmp_path: Path, value: object) -> None:
    entry = {"region": {"radius": 1.0, "centre": None}, "constant": "M", "end": "upper", "optimal": True}
    for key, numbers in (("objective", [1.0]), ("multipliers", [value])):
        item = {**entry, "objective": 1.0, "multipliers": [1.0], key: value if key == "objective" else numbers}
        document = {"methods": METHODS_VERSION, "sha256": "s", "proposals": [item]}
        (tmp_path / "cache.json").write_text(json.dumps(document))
        assert Store(tmp_path / "cache.json", "s").read() == ()


def test_the_cache_folder_is_the_users() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/certify/constants") or sys.platform != "linux"
    assert cache_folder({"CERTIFY_CACHE": "/y"}) == Path("/y")


def test_a_user_without_a_home_has_a_cache_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert cache_folder({}).parts[-2:] == ("certify", "constants")


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache.json", generator().sha256)
    assert constants_on_regions(generator(), [Region(1.0)], methods=["residual rule"], store=store)[0].M.upper
