"""`certify.prove`: a relation between parameters, proved for all values or refuted at a point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certify.api.shown import Shown, values_of
from certify.prover.proof import Proof
from certify.report.table import Table, columns, label_cell, text_cell, verdict_cell

if TYPE_CHECKING:
    import sympy as sp


@dataclass(frozen=True, eq=False, repr=False)
class Proved(Shown, Proof):
    """What was found about a claim: the verdict, how it was proved, or where it fails."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of `certify prove`, without provenance."""
        return {"schema": 1, **super().to_dict()}

    def _summary(self) -> str:
        lines = [line.strip() for line in Proof.__str__(self).splitlines()]
        return f"<{'; '.join(lines[:3])}>"

    def _tables(self) -> tuple[Table, ...]:
        document = self.to_dict()
        rows = [(label_cell("claim"), text_cell(self.claim)), (label_cell("verdict"), verdict_cell(self.verdict))]
        rows += [(label_cell("assumed"), text_cell(item)) for item in self.assumptions]
        rows += [(label_cell(f"fails at {name}"), text_cell(at)) for name, at in (document["witness"] or {}).items()]
        rows += [(label_cell("step"), text_cell(item)) for item in self.steps]
        rows += [(label_cell(name), text_cell(document[name])) for name in ("method", "reason") if document[name]]
        return (Table("proof", "Proof", columns(("what", "found")), tuple(rows)),)

    def _rows(self) -> list[dict[str, Any]]:
        return [{key: value for key, value in self.to_dict().items() if key != "schema"}]

    def __str__(self) -> str:
        return Proof.__str__(self)


def prove(claim: str | sp.Basic, assumptions: Iterable[str | sp.Basic] = (), *, seed: int = 0) -> Proved:
    """Prove a claim for all parameters that satisfy the assumptions, or refute it at a short rational point.

    Args:
        claim: text such as "x**2 >= 0", or a sympy relation.
        assumptions: a list of the same; `NAME in N` and `NAME in Z` say that a parameter is an integer.
        seed: of the points at which a refutation is looked for, in [0, 2^63).

    Guarantee: `proved` holds for all real (integer) values; `refuted` has a witness that was confirmed in exact or ball
    arithmetic.

    Raises:
        InputError: for text that is no relation.

    >>> prove("x/(1 + x) <= 1 - exp(-x)", ["x >= 0"])
    <proved: x/(1 + x) <= 1 - exp(-x); for all parameters with x >= 0; by z3 with exp(u) (1 - u) <= 1>
    >>> prove("log(1 + x) <= x/(1 + x)", ["x > 0"]).witness
    {'x': Fraction(1, 1)}
    """
    from certify.prover.prove import prove as run

    return Proved(**values_of(run(claim, assumptions, seed=seed)))
