"""What every command of the command line takes, whichever are found in `certify/cli/commands`."""

from __future__ import annotations

import pkgutil

import pytest
import typer

from certify.cli import commands
from certify.cli.main import application

NAMES = sorted(item.name.replace("_", "-") for item in pkgutil.iter_modules(commands.__path__))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_json_seed_and_quiet(name: str) -> None:
    group = typer.main.get_command(application())
    command = group.commands[name]  # type: ignore[attr-defined]
    taken = {option for parameter in command.params for option in parameter.opts}
    assert {"--json", "--seed", "--quiet"} <= taken
