"""How steps are called in print: by their labels, and where an assumption has the same one by `A3 (step)`.

Labels in JSON and on the command line stay as they are: there steps and assumptions are apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from certify.proof.records import TheoremRecord

if TYPE_CHECKING:
    from certify.proof.theorem import Theorem


def own_label(label: str) -> str:
    """A step's label where an assumption has the same."""
    return f"{label} (step)"


def step_labels(found: Theorem | TheoremRecord) -> dict[str, str]:
    """The printed label of every step, by its own."""
    taken = {item.label for item in found.assumptions}
    return {step.label: own_label(step.label) if step.label in taken else step.label for step in found.steps}


def printed_uses(found: Theorem | TheoremRecord) -> dict[str, str]:
    """What every step uses, as printed: a label that is a step's and an assumption's means the step once it stands."""
    printed, before, uses = step_labels(found), dict[str, str](), {}
    for step in found.steps:
        uses[step.label] = ", ".join(before.get(name, name) for name in step.uses)
        before[step.label] = printed[step.label]
    return uses
