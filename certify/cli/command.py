"""The commands' own class: an option that is meant once and given twice is refused, where the last would win.

Help is written as all else is, so that a full disk is one line.
"""

from __future__ import annotations

from typing import Any

import typer.core

from certify.cli.output import write_out
from certify.errors import InputError


class Commands(typer.core.TyperGroup):
    """The console script itself."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        return _written(super().get_help_option(ctx))


class Command(typer.core.TyperCommand):
    """A command of the console script."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        return _written(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; raises InputError for a repeated option that takes one value."""
        given = args[: args.index("--")] if "--" in args else args
        for parameter in self.params:
            names = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
            times = sum(_names(token, name) for token in given for name in names)
            if times > 1 and not getattr(parameter, "multiple", False):
                raise InputError(f"`{names[0]}` is given {times} times; `certify {ctx.info_name}` takes one")
        return super().parse_args(ctx, args)


def _written(option: Any) -> Any:
    """The option with its text written by `write_out`."""

    def show(ctx: Any, _: Any, asked: bool) -> None:
        if asked and not ctx.resilient_parsing:
            write_out(f"{ctx.get_help()}\n")
            ctx.exit()

    if option is not None:
        option.callback = show
    return option


def _names(token: str, option: str) -> bool:
    """Whether a word of the command line gives the option: `--name`, `--name=value`, `-n` or `-nvalue`."""
    if option.startswith("--"):
        return token == option or token.startswith(f"{option}=")
    return token.startswith(option) and not token.startswith("--")
