"""`certify.certificate`: a portable certificate, which `checker/check.py` confirms without this package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify.api.arguments import Observations, loaded, noise_or_own, observations_of
from certify.api.shown import Shown
from certify.errors import InputError
from certify.report.table import Table, columns, label_cell, text_cell
from certify.validation import Number, file_path, integer, noise_level, text_of
from certify.verdict import Verdict


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Shown):
    """What was asked for, and its document; `reason` says why there is none. The checker confirms the claims."""

    kind: str
    title: str
    network: str
    document: dict[str, Any] | None
    reason: str

    @property
    def verdict(self) -> Verdict:
        """`proved` where there is a certificate, `inconclusive` where none was found."""
        return Verdict.INCONCLUSIVE if self.document is None else Verdict.PROVED

    @property
    def claims(self) -> dict[str, str]:
        """The claimed numbers by name, as rational text."""
        return {} if self.document is None else dict(self.document["claims"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": 1, "verdict": str(self.verdict), "kind": self.kind, "network": self.network,
            "claims": self.claims, "reason": self.reason,
        }  # fmt: skip

    def _summary(self) -> str:
        said = self.reason or ", ".join(f"{name} = {value}" for name, value in self.claims.items())
        return f"<{self.verdict}: {self.kind} certificate of {self.network}: {said}>"

    def _tables(self) -> tuple[Table, ...]:
        rows = tuple((label_cell(name), text_cell(value)) for name, value in self.claims.items())
        notes = (self.reason,) if self.reason else ()
        return (Table("certificate", self.title, columns(("claim", "value")), rows, notes),)

    def _rows(self) -> list[dict[str, Any]]:
        return [{"claim": name, "value": value} for name, value in self.claims.items()]


def certificate(
    kind: str,
    generator: str | Path,
    observations: Observations | None = None,
    *,
    index: int = 0,
    beta: Number | None = None,
) -> Certificate:
    """A portable certificate (docs/certificates.md) about a network in an ONNX file.

    Args:
        kind: `lipschitz`, `inverse-lipschitz`, `derivatives` or `envelope`.
        generator: the ONNX file, whose digest the certificate holds.
        observations: for `envelope`, shape (k, n) or (n,), or a file of them.
        index: the row that it is about.
        beta: for `envelope`, the noise level > 0; None: the decoder's own.

    Raises:
        InputError: for an unknown kind, what is no ONNX file, or an envelope without an observation.

    >>> import certify
    >>> certify.certificate("derivatives", "examples/digits/residual_d8.onnx").to_dict()["schema"]
    1
    """
    from certify.certificates.portable.discovery import kind_named, portable_document
    from certify.certificates.portable.question import Question

    wanted = kind_named(text_of("kind", kind))
    path = file_path("generator", generator)
    if path.suffix != ".onnx":
        raise InputError(f"`generator`: a portable certificate is about an ONNX file, by its digest; got `{generator}`")
    map_ = loaded(path)
    rows = observations_of(observations, [map_])
    wanted_row = integer("index", index, least=0, below=2**63 if rows is None else len(rows))
    row = None if rows is None else rows[wanted_row]
    given = None if beta is None else noise_level(beta)
    noise = None if row is None else float(noise_or_own(given, map_))
    made = portable_document(wanted, Question(map_, row, noise), path)
    document, reason = (None, made) if isinstance(made, str) else (made, "")
    return Certificate(wanted.name, wanted.title, path.name, document, reason)
