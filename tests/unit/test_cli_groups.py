"""Options declared once as a group: spread in their place, given back as the group, and none given twice."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
import typer

from certify.cli import commands
from certify.cli.generators import loaded_generators
from certify.cli.groups import Common, Places, Reading, spread
from certify.errors import InputError

NAMES = [information.name for information in pkgutil.iter_modules(commands.__path__)]


def test_a_group_is_spread_in_its_place_and_arrives_as_one() -> None:
    seen: list[object] = []

    def run(context: typer.Context, *, first: int = 1, places: Places, last: str = "x", common: Common) -> int:
        seen.extend([first, places, last, common])
        return 3

    command = spread(run)
    found = inspect.signature(command).parameters
    assert list(found) == [
        "context", "first", "resume", "scheduler", "task_limit", "last", "json", "seed", "quiet",
    ]  # fmt: skip
    assert found["seed"].default == Common().seed and found["context"].default is inspect.Parameter.empty
    given = {"context": None, "first": 2, "last": "y", "resume": "kept", "scheduler": None, "task_limit": 5.0}
    assert command(**given, json=None, seed=7, quiet=True) == 3
    assert seen == [2, Places("kept", None, 5.0), "y", Common(None, 7, True)]
    assert Places("kept", None, 5.0).given() == ("resume", "task-limit")
    with pytest.raises(KeyError):
        command(**given, json=None, seed=7)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_leaves_a_group_or_declares_an_option_of_one_twice(name: str) -> None:
    run = importlib.import_module(f"{commands.__name__}.{name}").run
    parameters = list(inspect.signature(spread(run)).parameters)
    assert not {"reading", "places", "common"} & set(parameters) and len(set(parameters)) == len(parameters)


@pytest.mark.parametrize(
    ("reading", "option"),
    [(Reading("mean"), "output"), (Reading(None, "scale:s"), "noise"), (Reading(likelihood="bernoulli"), "likelihood")],
)
def test_what_is_about_a_generator_is_refused_without_one(reading: Reading, option: str) -> None:
    with pytest.raises(InputError, match=f"`--{option}` is about a generator"):
        loaded_generators(None, reading)
    assert loaded_generators(None, Reading()) is None
