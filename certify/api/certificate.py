"""`certify.certificate`: a portable certificate, which `checker/check.py` confirms without this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certify.api.arguments import Observations, loaded, noise_or_own, observations_of
from certify.api.shown import Shown
from certify.circuits.formats.files import load_circuit
from certify.errors import InputError
from certify.report.table import Table, columns, label_cell, text_cell
from certify.validation import Number, constants_text, exact_number, file_path, integer, noise_level, text_of
from certify.verdict import Verdict

if TYPE_CHECKING:
    from certify.certificates.portable.question import Question


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
        claims = {} if self.document is None else self.document["claims"]
        return {name: str(value) for name, value in claims.items()}

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
    generator: str | Path | None = None,
    observations: Observations | None = None,
    *,
    index: int = 0,
    beta: Number | None = None,
    constants: str | Mapping[str, Number] | None = None,
    circuit: str | Path | None = None,
    formula: str | Path | None = None,
) -> Certificate:
    """A portable certificate (docs/certificates.md) about a network, bare constants, a circuit or a formula.

    Args:
        kind: `lipschitz`, `inverse-lipschitz`, `derivatives`, `envelope`, `rejection` or `boxes` of a network;
            `gaussian-layer`, `langevin` or `integral` of constants; `circuit-size`; `refutation`.
        generator: the ONNX file, whose digest the certificate holds.
        observations: for `envelope`, `rejection` and `boxes`, shape (k, n) or (n,), or a file of them.
        index: the row that it is about.
        beta: for the same, the noise level > 0; None: the decoder's own.
        constants: `d=..,m=..,M=..,M2=..,beta=..,gradient=..,residual=..`, or a mapping with these names.
        circuit: a circuit file (.blif, .aag, .aig).
        formula: a DIMACS file.

    Raises:
        InputError: for an unknown kind, what is no such file, or a kind without what it is about.

    >>> import certify
    >>> certify.certificate("derivatives", "examples/digits/residual_d8.onnx").to_dict()["schema"]
    1
    """
    from certify.certificates.portable.discovery import kind_named, portable_document
    from certify.certificates.portable.question import CIRCUIT, CONSTANTS, FORMULA, NAMED, NETWORK, Question

    wanted = kind_named(text_of("kind", kind))
    given = {NETWORK: generator, CONSTANTS: constants, CIRCUIT: circuit, FORMULA: formula}
    options = {NETWORK: "generator", **{name: name for name in (CONSTANTS, CIRCUIT, FORMULA)}}
    for subject, value in given.items():
        if (value is None) == (subject == wanted.subject):
            rest = "is needed" if value is None else "must be left out"
            about = NAMED[wanted.subject]
            raise InputError(f"`{options[subject]}` {rest}: a `{wanted.name}` certificate is about {about}")
    path: Path | None = None
    if wanted.subject == NETWORK:
        path = file_path("generator", generator)
        question, shown = _of_network(path, observations, index, beta), path.name
    elif wanted.subject == CONSTANTS:
        assert constants is not None
        question, shown = Question(constants=_constants(constants)), "constants"
    elif wanted.subject == CIRCUIT:
        place = file_path("circuit", str(circuit))
        question, shown = Question(circuit=load_circuit(place)), place.name
    else:
        place = file_path("formula", str(formula))
        question, shown = Question(formula=place), place.name
    made = portable_document(wanted, question, path)
    document, reason = (None, made) if isinstance(made, str) else (made, "")
    return Certificate(wanted.name, wanted.title, shown, document, reason)


def _of_network(path: Path, observations: Observations | None, index: int, beta: Number | None) -> Question:
    from certify.certificates.portable.question import Question

    if path.suffix != ".onnx":
        raise InputError(f"`generator`: a portable certificate is about an ONNX file, by its digest; got `{path}`")
    # Numbers first: the file takes longer to read.
    wanted_row, given = integer("index", index, least=0, below=2**63), None if beta is None else noise_level(beta)
    map_ = loaded(path)
    rows = observations_of(observations, [map_])
    row = None if rows is None else rows[integer("index", wanted_row, least=0, below=len(rows))]
    noise = None if row is None else float(noise_or_own(given, map_))
    return Question(map_, row, noise)


def _constants(values: str | Mapping[str, Number]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for entry in constants_text(values).split(","):
        name, separator, literal = (part.strip() for part in entry.partition("="))
        if not separator or not name or not literal or name in found:
            raise InputError(f"`constants` must be name=value pairs, each name once; got `{entry}`")
        found[name] = exact_number(name, literal)
    return found
