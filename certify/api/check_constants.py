"""`certify.check_constants`: a theorem on its constants alone."""

from __future__ import annotations

from collections.abc import Mapping

from certify.api.arguments import progress_of
from certify.api.check import Result
from certify.progress import Progress
from certify.validation import Number, accuracy, constants_from_text, constants_text, noise_level, text_of


def check_constants(
    theorem: str,
    values: str | Mapping[str, Number],
    *,
    beta: Number | None = None,
    epsilon: Number = "0.1",
    progress: Progress | None = None,
    command: str = "",
) -> Result:
    """Evaluate a theorem on its constants alone: every closed form, the thresholds, the layers, the sizes.

    Args:
        theorem: name or Python file.
        values: `d=8,m=1,M=1.5,M2=0.15[,M3=..][,rho=..][,N=..]`, or a mapping with these names.
        beta: noise level > 0; None: one that the theorem admits.
        epsilon: target total variation distance in (0, 1).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.

    Raises:
        InputError: for a constant out of its domain.
        UnknownNameError: for an unknown name.

    >>> result = check_constants("sharp-langevin", {"d": 8, "m": 1, "M": 1.5, "M2": 0.15}, beta="0.09")
    >>> result["sharp-langevin"].conclusion.tv_bound <= 0.1
    True
    """
    from certify.checking.check import check_constants as run
    from certify.discovery.registry import load_theorem

    loaded = load_theorem(text_of("theorem", theorem))
    found = run(
        theorem,
        constants_from_text(constants_text(values), loaded.required_constants, loaded.constant_domains),
        beta=None if beta is None else noise_level(beta),
        epsilon=accuracy(epsilon),
        progress=progress_of(progress),
        command=text_of("command", command),
    )
    return Result(found.theorems, found.provenance)
