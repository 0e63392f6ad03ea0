"""The certificates of a file, checked again at their decoder without the search that found them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from certify.bounds.bracket import ConstantBrackets, json_number
from certify.bounds.constants import constants as bracket_constants
from certify.bounds.evaluation import evaluated_constants
from certify.certificates.discovery import kind_of
from certify.certificates.files import Stored, certificates_from_file
from certify.certificates.kind import Verification, premise_text
from certify.codec import Readable, decode
from certify.errors import InputError
from certify.generators.graph import FloatArray, Generator
from certify.generators.logits import with_likelihood
from certify.generators.specification import families, load_generator
from certify.profiles.records import GeneratorIdentity, GlobalConstants
from certify.threads import require_rounding_to_nearest
from certify.verdict import Verdict, exit_code, weakest_verdict
from certify.wording import counted


@dataclass(frozen=True)
class TableRule:
    """What a table of a theorem may say: its `title`, and by the kind of certificate what a row says beside its own."""

    title: str
    rows: Mapping[str, Callable[[Any, Generator], Mapping[str, Any]]]


RuleOf: TypeAlias = Callable[[str], TableRule | None]
"""By the id of a theorem; None: it is not installed."""

LABELS = frozenset(
    ("index", "reason", "shown", "generator", "values", "certificate", "largest_noise", "largest_noise_certificate")
)
"""What a row says that is no claim of its certificate, or is compared elsewhere."""

NAMED = 4
"""Names of numbers in a line for people."""

AGREEMENT = 1e-9
"""Relative, of measured numbers: what the same proposals give on another machine."""


@dataclass(frozen=True)
class VerificationResult(Readable):
    """What came out of checking a file: every certificate by its place, and whether the constants were derived again.

    verdict     `proved` where every claim and the constants were confirmed, `conditional` where a constant was taken
                for granted, `refuted` where a claim was not confirmed
    not_covered by theorem, how many rows of tables without any certificate say proved: the verdict is not about them
    unheld      by theorem, how many rows say numbers that their certificate does not determine
    unheld_names    by theorem, which numbers these are
    unknown     by theorem, how many rows are in the table of one that is not installed, as an author's own: of these
                only the certificates are verified, not what the rows say beside them
    """

    path: str
    verifications: Mapping[str, Verification]
    constants_derived: bool
    not_covered: Mapping[str, int] = field(default_factory=dict)
    unheld: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    unheld_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """The weakest certificate's."""
        return weakest_verdict(self.verdict_of(item) for item in self.verifications.values())

    @property
    def exit_code(self) -> int:
        """0 where every certificate holds, 1 otherwise."""
        return exit_code([self.verdict])

    def verdict_of(self, item: Verification) -> Verdict:
        """The verdict of one certificate."""
        if not item.holds:
            return Verdict.REFUTED
        return Verdict.CONDITIONAL if item.premises else Verdict.PROVED

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "schema": 1,
            "verdict": str(self.verdict),
            "file": self.path,
            "constants_derived": self.constants_derived,
            "certificates": [
                {"place": place, "verdict": str(self.verdict_of(item)), **item.to_dict()}
                for place, item in self.verifications.items()
            ],
            "not_covered": dict(self.not_covered),
            "unheld": dict(self.unheld),
            "unknown": dict(self.unknown),
            "unheld_names": {theorem: list(names) for theorem, names in self.unheld_names.items()},
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        kept = tuple(item.name for item in fields(Verification))
        found = {
            decode(str, item["place"], "a place"): Verification.from_dict({key: item[key] for key in kept})
            for item in document["certificates"]
        }
        return cls(
            decode(str, document["file"], "the file"),
            found,
            decode(bool, document["constants_derived"], "`constants_derived`"),
            decode(dict[str, int], document.get("not_covered", {}), "`not_covered`"),
            decode(dict[str, int], document.get("unheld", {}), "`unheld`"),
            decode(dict[str, int], document.get("unknown", {}), "`unknown`"),
            decode(dict[str, tuple[str, ...]], document.get("unheld_names", {}), "`unheld_names`"),
        )

    @property
    def premises(self) -> tuple[str, ...]:
        """What was taken for granted, each once."""
        return tuple(dict.fromkeys(f"premise: {p}" for item in self.verifications.values() for p in item.premises))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the file says and no certificate in it is about, a line for each theorem."""
        return (
            *(
                f"not covered: {theorem}, {counted(count, 'row')} said proved, without any certificate"
                for theorem, count in self.not_covered.items()
            ),
            *(
                f"not verified: {theorem}, in {counted(count, 'row')} what no certificate determines: "
                + _names(self.unheld_names[theorem])
                for theorem, count in self.unheld.items()
            ),
            *(
                f"not verified: {theorem}, which is not installed: what {counted(count, 'row')} said "
                "beside the certificates"
                for theorem, count in self.unknown.items()
            ),
        )


def _names(names: tuple[str, ...]) -> str:
    """The first of them, and how many are left; all are in the JSON."""
    left = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")


def verify_file(
    path: str | Path,
    generator: Generator | None = None,
    rows: FloatArray | None = None,
    constants: bool = False,
    rule_of: RuleOf | None = None,
) -> VerificationResult:
    """Check every certificate of a file again, in balls, without the engine that found it.

    Args:
        path: a certificate, a file or folder that `--resume` keeps, or the JSON of `certify check`.
        generator: the decoder; None: the file or family that the certificate names.
        rows: observations (k, n); every certificate must be about one of them.
        constants: whether m, M and M2 are bounded anew, by a search; otherwise the evidence that the record holds of
            them is checked, and what neither that nor a closed rule gives is a premise, which the result states.
        rule_of: what a table of a theorem may say, by its id; None: what rows say beside their certificates is not
            looked at.

    Raises:
        InputError: if the file cannot be read, or is about another decoder or other observations; if the process does
            not round floats to nearest.
    """
    require_rounding_to_nearest()
    stored = certificates_from_file(path)
    decoders: dict[tuple[str, str], Generator] = {}
    known: dict[tuple[str, GlobalConstants | None], ConstantBrackets] = {}
    found, unheld, unknown = {}, Counter[str](), Counter[str]()
    unheld_names: dict[str, dict[str, None]] = {}
    for item in stored.certificates:
        place, record = item.place, item.record
        kind = kind_of(record)
        identity = kind.generator(record)
        key = identity.sha256, kind.likelihood(record)
        if key not in decoders:
            decoders[key] = _decoder(identity, kind.likelihood(record), generator, f"`{path}`, {place}")
        decoder = decoders[key]
        if rows is not None:
            _require_given(rows, np.array(kind.observation(record)), item.row, f"`{path}`, {place}")
        checked = kind.verify(record, decoder)
        said = {**kind.said(record), "generator": decoder.name}
        if item.row is not None and generator is not None and _is_called(decoder, item.row.get("generator")):
            del said["generator"]
        reason, names = _row_doubt(item, kind.name, decoder, said, rule_of) if checked.holds else ("", ())
        if reason:
            checked = replace(checked, holds=False, reason=reason)
        if item.table is not None:
            theorem = str(item.table["id"])
            unknown[theorem] += _is_unknown(item.table["id"], rule_of)
            if names:
                unheld[theorem] += 1
                unheld_names.setdefault(theorem, {}).update(dict.fromkeys(names))
        premise = kind.premise(record)
        if premise is not None and checked.holds:
            asked = identity.sha256, None if constants else premise
            if asked not in known:
                known[asked] = (
                    bracket_constants(decoder) if constants else evaluated_constants(decoder, premise.multipliers)
                )
            checked = _with_constants(checked, premise, known[asked], identity.sha256, constants)
        found[place] = checked
    return VerificationResult(
        str(path),
        found,
        constants,
        stored.not_covered,
        dict(unheld),
        dict(+unknown),
        {theorem: tuple(names) for theorem, names in unheld_names.items()},
    )


def _is_unknown(theorem: Any, rule_of: RuleOf | None) -> bool:
    return rule_of is not None and isinstance(theorem, str) and rule_of(theorem) is None


def _require_given(rows: FloatArray, observation: FloatArray, said: Mapping[str, Any] | None, place: str) -> None:
    """Raise InputError unless the observation is among the `rows` (k, n), in a table the one of the row's index."""
    found = [index for index, row in enumerate(rows) if np.array_equal(row, observation)]
    if not found:
        raise InputError(f"{place}: is about none of the observations that were given")
    if said is not None and said["index"] not in found:
        raise InputError(f"{place}: is about row {found[0]} of the observations that were given")


def _row_doubt(
    item: Stored, kind: str, decoder: Generator, said: Mapping[str, Any], rule_of: RuleOf | None
) -> tuple[str, tuple[str, ...]]:
    """Why what a table says beside a certificate is not believed, "" if it is; and names of what is not determined."""
    if item.row is None:
        return "", ()
    reason = row_doubt(item.row, said)
    if reason or rule_of is None or item.table is None or _is_unknown(item.table["id"], rule_of):
        return reason, ()
    name, title = item.table["id"], item.table.get("title")
    rule = rule_of(name) if isinstance(name, str) else None
    if rule is None or kind not in rule.rows:
        return (
            f"its table is said to be of `{name!s:.40}`, of which no row holds a certificate of the kind `{kind}`",
            (),
        )
    if title not in (None, rule.title):
        return f"its table is said to be of `{name}` with another theorem's title, {title!r:.40}", ()
    if "certificate" not in item.row:
        # The row of a largest noise has nothing more.
        return "", ()
    beside = {**said, **rule.rows[kind](item.record, decoder)}
    return row_doubt(item.row, beside), tuple(key for key in item.row if key not in beside and key not in LABELS)


def row_doubt(row: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """What the row of a table says that its certificate, which gives `said`, does not; "" if nothing."""
    for name, value in said.items():
        known = json_number(value) if isinstance(value, float) else value
        if name in row and not _is_same(row[name], known):
            return f"its row says {name} = {row[name]!r:.60}, the certificate {known!r:.60}"
    if row.get("verdict") == Verdict.PROVED and said["layers"] is None:
        return "its row says proved, the certificate does not meet epsilon"
    return ""


def _is_same(row: Any, known: Any) -> bool:
    """Equal, and no truth value for a number; an object, which holds what was measured, up to `AGREEMENT`."""
    if not isinstance(known, Mapping):
        return bool(row == known) and not isinstance(row, bool)
    if not isinstance(row, Mapping) or row.keys() != known.keys():
        return False
    pairs = [(row[key], known[key]) for key in known]
    return all(type(one) is float and math.isclose(one, other, rel_tol=AGREEMENT) for one, other in pairs)


def _decoder(identity: GeneratorIdentity, likelihood: str, given: Generator | None, place: str) -> Generator:
    decoder = None if given is None else with_likelihood(given, likelihood)
    if decoder is None:
        # A specification may also name code of the user's: what a file names is not run.
        named = identity.specification
        if not (named.endswith(".onnx") or named.partition(":")[0] in families()):
            raise InputError(f"{place}: names no decoder that can be loaded; give it with `--generator`")
        decoder = load_generator(named, likelihood=likelihood)
    if decoder.sha256 != identity.sha256:
        raise InputError(
            f"{place}: is about the decoder `{identity.name}` with sha256 {identity.sha256[:12]}..., not "
            f"`{decoder.name}` with {decoder.sha256[:12]}...; give that one with `--generator`"
        )
    return decoder


def _is_called(decoder: Generator, name: Any) -> bool:
    """Whether a decoder that was given may stand under this name: a family's digest is its own, a file's name is none.

    The decoder is the record's by its digest, whatever its file is called.
    """
    if name == decoder.name or (isinstance(name, str) and name.partition(":")[0] not in families()):
        return True
    try:
        return load_generator(name, likelihood=decoder.likelihood).sha256 == decoder.sha256
    except InputError:
        return False


def _with_constants(
    checked: Verification, claimed: GlobalConstants, found: ConstantBrackets, sha256: str, is_searched: bool
) -> Verification:
    """With what is known of m, M and M2; one that its own evidence, or a search, does not give is refused.

    One without evidence that no closed rule gives remains a premise.
    """
    doubts = constant_doubts(claimed, found)
    refused = [reason for name, reason in doubts.items() if is_searched or name in claimed.multipliers]
    premises = (premise_text(claimed, sha256, tuple(doubts)),) if doubts and not refused else ()
    return Verification(not refused, checked.claim, refused[0] if refused else "", premises)


def constant_doubts(claimed: GlobalConstants, found: ConstantBrackets) -> dict[str, str]:
    """The constants that were not derived again to be as good as claimed, each with what was."""
    doubts = {}
    if found.m.lower is None or not found.m.lower >= claimed.m:
        doubts["m"] = f"m is not derived to be >= {claimed.m!r}, only >= {found.m.lower!r}"
    for name, value, bracket in (("M", claimed.M, found.M), ("M2", claimed.M2, found.M2)):
        if bracket.upper is None or not bracket.upper <= value:
            doubts[name] = f"{name} is not derived to be <= {value!r}, only <= {bracket.upper!r}"
    return doubts
