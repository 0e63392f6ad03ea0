"""The generators that a command was given, with the output and the noise chosen for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from certify.cli.groups import Reading
from certify.errors import InputError

if TYPE_CHECKING:
    from certify.generators.graph import Generator


def loaded_generators(
    specifications: list[str] | None, reading: Reading, inverse: Path | None = None
) -> list[Generator] | None:
    """Each generator with these options applied; None where none was named.

    Raises InputError where an option has no generator to apply to.
    """
    if not specifications:
        logits = None if reading.likelihood == "gaussian" else reading.likelihood
        for option, given in (
            ("output", reading.output_name),
            ("noise", reading.deviations),
            ("likelihood", logits),
            ("measurement", reading.measurement),
            ("inverse", inverse),
        ):
            if given is not None:
                raise InputError(f"`--{option}` is about a generator; give it with `--generator`")
        return None
    from certify.generators.specification import load_generator

    options = (reading.output_name, reading.deviations, reading.likelihood, reading.measurement, inverse)
    return [load_generator(specification, *options) for specification in specifications]
