"""`certify.verify`: the certificates of a file, checked again without the search that found them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.api.arguments import GeneratorLike, Observations, loaded, observations_of
from certify.api.shown import Shown, values_of
from certify.certificates.verification import TableRule, VerificationResult, verify_file
from certify.discovery.registry import installed_theorem
from certify.report.table import Table, columns, label_cell, text_cell, verdict_cell
from certify.validation import file_path, flag


@dataclass(frozen=True, eq=False, repr=False)
class Verified(Shown, VerificationResult):
    """Which certificates of a file hold: every claim confirmed in balls by the evidence that the file holds."""

    def _summary(self) -> str:
        held = sum(item.holds for item in self.verifications.values())
        return f"<{self.verdict}: {held} of {len(self.verifications)} certificates of {self.path} hold>"

    def _tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (label_cell(place), verdict_cell(str(self.verdict_of(item))), text_cell(item.reason or item.claim))
            for place, item in self.verifications.items()
        )
        return (
            Table("certificates", "Certificates, checked again", columns(("certificate", "verdict", "claim")), rows,
                  (*self.premises, *self.warnings)),
        )  # fmt: skip

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"place": place, "verdict": str(self.verdict_of(item)), "claim": item.claim, "reason": item.reason}
            for place, item in self.verifications.items()
        ]


def verify(
    path: str | Path,
    generator: GeneratorLike | None = None,
    observations: Observations | None = None,
    constants: bool = False,
) -> Verified:
    """Check every certificate of a file again, in balls, without the engine that found it.

    Args:
        path: a certificate, a file or folder that `resume` keeps, or the JSON of `certify check`.
        generator: the decoder; None: the file or family that the certificate names.
        observations: of shape (k, n) or (n,), or a file of them; every certificate must be about one of them.
        constants: whether those of m, M and M2 that the certificate does not prove itself are derived again; otherwise
            they are a premise, which the result states.

    Raises:
        InputError: if the file cannot be read, or is about another decoder or other observations.

    >>> import certify, pathlib, tempfile
    >>> from certify.report.json import json_text
    >>> checked = certify.check("sharp-langevin", "linear:d=2,kappa=1.5,seed=0", beta="0.3", observations=[0.3, -0.2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "checked.json")
    ...     _ = file.write_text(json_text(checked.to_dict()))
    ...     certify.verify(file).verdict.value, certify.verify(file, constants=True).verdict.value
    ('proved', 'proved')
    """
    source = file_path("path", path)
    derived = flag("constants", constants)
    given = None if generator is None else loaded(generator)
    rows = observations_of(observations, None if given is None else [given])
    return Verified(**values_of(verify_file(source, given, rows, derived, _rule_of)))


def _rule_of(theorem: str) -> TableRule | None:
    found = installed_theorem(theorem)
    return None if found is None else TableRule(found.title, found.conclusion.rows_say)
