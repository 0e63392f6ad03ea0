"""Saved cases: the same bits after writing and reading, one line for whatever is no case, no code run by a file."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certify.errors import InputError
from certify.generators.graph import Generator, Graph
from certify.strategies import graphs
from certify.strategies.networks import wave
from certify.stress_tests.case import Case, saved, saved_case
from certify.stress_tests.graphs import generator_from_dict, generator_to_dict
from certify.stress_tests.replay import replay

CASE = Case(
    "strong-invertibility",
    "steps",
    wave(),
    observations=np.array([[0.1]]),
    numbers={"beta": Fraction(1, 50), "epsilon": Fraction(1, 10)},
    seed=3,
    effort=0.02,
)


def written(folder: Path, case: Case = CASE, **changes: Any) -> Path:
    document = json.loads(saved(case, "S2 lower", 1.0, 2.0, "", {}).to_json())
    for name, value in changes.items():
        (document["case"] if name in document["case"] else document)[name] = value
    path = folder / "case.json"
    path.write_text(json.dumps(document))
    return path


@settings(max_examples=60)
@given(graphs())
def test_a_graph_survives_bit_for_bit(graph: Graph) -> None:
    generator = Generator("graph", graph, 7)
    again = generator_from_dict(json.loads(json.dumps(generator_to_dict(generator))))
    assert again.sha256 == generator.sha256 and again.parameters == 7
    points = np.random.default_rng(0).standard_normal((3, graph.latent_dim))
    assert np.array_equal(again.value(points), generator.value(points), equal_nan=True)


def test_a_case_survives_bit_for_bit(tmp_path: Path) -> None:
    again = saved_case(written(tmp_path)).case
    assert again.to_json() == CASE.to_json()
    assert again.observations is not None and again.observations[0, 0] == 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "something else"}, "not a case"),
        ({"schema": 2}, "this version reads 1"),
        ({"seed": -1}, "`seed`"),
        ({"seed": "0"}, "`seed`"),
        ({"effort": "0x0p+0"}, "`effort`"),
        ({"numbers": {"beta": "1e-999999999"}}, "rational"),
        ({"numbers": {"beta": "1/0"}}, "rational"),
        ({"numbers": [1]}, "rationals"),
        ({"observations": [[0.5]]}, "hexadecimal"),
        ({"observations": [["0x1p+0", "0x1p+0"]]}, "rows of 1"),
        ({"observations": [["inf"]]}, "finite"),
        ({"generator": {"name": "g", "parameters": 1, "nodes": []}}, "nodes"),
        ({"generator": {"name": "g", "parameters": 1, "nodes": [{"kind": "sum"}]}}, "node 0"),
        ({"generator": {"name": "g", "parameters": 1, "nodes": [{"kind": "input", "width": -1}]}}, "width"),
        ({"claimed": "not a number"}, "hexadecimal"),
    ],
)
def test_what_is_no_case_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        saved_case(written(tmp_path, **changes))
    assert "\n" not in str(error.value)


def test_an_edge_to_a_later_node_is_refused() -> None:
    document = generator_to_dict(wave())
    document["nodes"][1]["source"] = 4
    with pytest.raises(InputError, match="must read an earlier node"):
        generator_from_dict(document)


def test_an_unknown_activation_is_refused() -> None:
    document = generator_to_dict(wave())
    document["nodes"][2]["name"] = "__import__"
    with pytest.raises(InputError, match="unknown activation"):
        generator_from_dict(document)


@pytest.mark.parametrize("content", ["", "{", "[]", "nan", '{"kind": 3}', "\x00"])
def test_bytes_that_are_no_case_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError):
        saved_case(path)
    with pytest.raises(InputError, match="No such file"):
        saved_case(tmp_path / "absent.json")


PLACES = ("generator", "observations", "numbers", "choices", "theorem", "property", "seed", "effort")
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=4)


@settings(max_examples=100)
@given(value=st.recursive(LEAVES, st.lists, max_leaves=5), place=st.sampled_from(PLACES))
def test_any_value_in_any_place_is_a_case_or_is_refused(
    value: Any, place: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        case = saved_case(written(folder, **{place: value})).case
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(case, Case)


def test_a_case_of_a_theorem_file_does_not_run_the_file(tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    case = saved_case(written(tmp_path, theorem="unknown", theorem_file=str(trap)))
    with pytest.raises(InputError, match="--theorem"):
        replay(case)
    assert not (tmp_path / "ran").exists()


def test_a_case_without_what_its_property_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must have `observations`"):
        replay(saved_case(written(tmp_path, observations=None)))
    with pytest.raises(InputError, match="must have `beta`"):
        replay(saved_case(written(tmp_path, numbers={"epsilon": "1/10"})))
    with pytest.raises(InputError, match="`beta` must be > 0"):
        replay(saved_case(written(tmp_path, numbers={"epsilon": "1/10", "beta": "-1"})))
    with pytest.raises(InputError, match="unknown property"):
        replay(saved_case(written(tmp_path, property="stepz")))
