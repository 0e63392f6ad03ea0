"""The commands' own class: an option that is meant once and given twice is refused, where the last would win."""

from __future__ import annotations

from typing import Any

import typer.core

from certify.errors import InputError


class Command(typer.core.TyperCommand):
    """A command of the console script."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; raises InputError for a repeated option that takes one value."""
        given = args[: args.index("--")] if "--" in args else args
        for parameter in self.params:
            names = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
            times = sum(_names(token, name) for token in given for name in names)
            if times > 1 and not getattr(parameter, "multiple", False):
                raise InputError(f"`{names[0]}` is given {times} times; `certify {ctx.info_name}` takes one")
        return super().parse_args(ctx, args)


def _names(token: str, option: str) -> bool:
    """Whether a word of the command line gives the option: `--name`, `--name=value`, `-n` or `-nvalue`."""
    if option.startswith("--"):
        return token == option or token.startswith(f"{option}=")
    return token.startswith(option) and not token.startswith("--")
