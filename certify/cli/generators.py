"""The generators that a command was given, with the output and the noise chosen for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certify.errors import InputError

if TYPE_CHECKING:
    from certify.generators.graph import Generator


def loaded_generators(
    specifications: list[str] | None,
    output: str | None,
    noise: str | None,
    likelihood: str = "gaussian",
    measurement: Path | None = None,
    inverse: Path | None = None,
) -> list[Generator] | None:
    """Each generator with these options applied; None where none was named.

    Raises InputError where an option has no generator to apply to.
    """
    if not specifications:
        logits = None if likelihood == "gaussian" else likelihood
        for option, given in (
            ("output", output),
            ("noise", noise),
            ("likelihood", logits),
            ("measurement", measurement),
            ("inverse", inverse),
        ):
            if given is not None:
                raise InputError(f"`--{option}` is about a generator; give it with `--generator`")
        return None
    from certify.generators.specification import load_generator

    options = (output, noise, likelihood, measurement, inverse)
    return [load_generator(specification, *options) for specification in specifications]
