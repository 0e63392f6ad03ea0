"""Places that hold certificates: a file of one, what `--resume` keeps, or what `certify check --json` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from certify.certificates.discovery import NAME, kind_of, record_of
from certify.errors import InputError
from certify.execution.records import stored_documents
from certify.verdict import Verdict

LARGEST_FILE = 1 << 27
"""Bytes; a certificate has some 40 kB, and JSON takes up to 30 times its size in memory."""
FORMS = "a certificate, a file or folder that `--resume` keeps, or the JSON of `certify check`"
ENTRY = frozenset({"certificate", "reason", "noise"})
"""The keys of a kept record that holds a certificate."""
HOLDING = frozenset({Verdict.PROVED, Verdict.SUPPORTED})
"""What a row of a table with certificates says of itself only where it holds one."""


Said = Mapping[str, Any] | None


@dataclass(frozen=True)
class _Document:
    """A certificate's `document` at its `place` in a file: see `Stored`.

    of      numbers of its table and of its row there: a table is about one decoder and epsilon, a row about one
            observation
    """

    place: str
    document: Any
    of: tuple[int, int] = (0, 0)
    row: Said = None
    table: Said = None


@dataclass(frozen=True)
class Stored:
    """A certificate's `record` at its `place` in a file, which no other has.

    row     what a table says of that observation, beside it
    table   the `id` of that table, and its `title` where it has one
    """

    place: str
    record: Any
    row: Said = None
    table: Said = None


@dataclass(frozen=True)
class StoredCertificates:
    """The certificates of a file, and by theorem how many rows of its tables say proved where none holds one."""

    certificates: tuple[Stored, ...]
    not_covered: Mapping[str, int] = field(default_factory=dict)


def certificates_from_file(path: str | Path) -> StoredCertificates:
    """Every certificate of a file with its place in it, each read strictly; and what none of them is about.

    Raises:
        InputError: if the file is missing, no JSON, of another form, without a certificate, or one cannot be read.
    """
    source = Path(path)
    if source.is_dir():
        return StoredCertificates(_of_folder(source))
    if not source.is_file():
        raise InputError(f"`{path}`: no such file")
    if source.stat().st_size > LARGEST_FILE:
        raise InputError(f"`{path}`: larger than {LARGEST_FILE >> 20} MiB; split it")
    try:
        content = json.loads(source.read_text(encoding="utf-8"), object_pairs_hook=_once)
        found, open_rows = tuple(_documents(content)), _not_covered(content)
    except _TwiceError as error:
        raise InputError(f"`{path}`: the key {str(error)[:60]} stands twice in one object") from error
    except InputError as error:
        raise InputError(f"`{path}`, {error}") from error
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"`{path}`: expected {FORMS}") from error
    if not found:
        raise InputError(f"`{path}`: holds no certificate; expected {FORMS}")
    return StoredCertificates(_read(path, found), open_rows)


def _read(path: str | Path, found: Sequence[_Document]) -> tuple[Stored, ...]:
    """The records, strictly; those of one table are about one decoder and epsilon, of one row about one observation."""
    stored: list[Stored] = []
    subjects: dict[tuple[int, ...], Any] = {}
    for item in found:
        record = record_of(item.document, f"`{path}`, {item.place}")
        kind = kind_of(record)
        try:
            about = kind.generator(record).sha256, kind.likelihood(record), kind.said(record)["epsilon"]
        except OverflowError as error:
            raise InputError(f"`{path}`, {item.place}: epsilon must be in (0, 1), not beyond the floats") from error
        if subjects.setdefault(item.of[:1], about) != about:
            raise InputError(f"`{path}`, {item.place}: is about another decoder or epsilon than the first of its table")
        if subjects.setdefault(item.of, kind.observation(record)) != kind.observation(record):
            raise InputError(f"`{path}`, {item.place}: is about another observation than the certificate of its row")
        stored.append(Stored(item.place, record, item.row, item.table))
    return tuple(stored)


def _of_folder(folder: Path) -> tuple[Stored, ...]:
    """The certificates among the records of a folder; records of other kinds of results hold none."""
    found = [
        item
        for number, (place, entry) in enumerate(stored_documents(folder))
        if isinstance(entry, Mapping) and entry.keys() >= ENTRY
        for item in _of_entry(place, entry, number)
    ]
    if not found:
        raise InputError(f"`{folder}`: holds no certificate; expected {FORMS}")
    return _read(folder, found)


class _TwiceError(Exception):
    """A key that stands twice in one object: readers differ in which of its values they believe."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return found


def _documents(content: Any) -> Iterator[_Document]:
    if NAME in content:
        yield _Document("the certificate", content)
    elif "theorems" in content:
        names = [theorem["id"] for theorem in content["theorems"]]
        for number, theorem in enumerate(content["theorems"]):
            conclusion = theorem.get("conclusion") or {}
            named = {key: theorem[key] for key in ("generator",) if key in theorem}
            asked = named if conclusion.get("epsilon") is None else {**named, "epsilon": conclusion["epsilon"]}
            table = {key: theorem[key] for key in ("id", "title") if key in theorem}
            # The same theorem at another decoder has rows of the same numbers.
            title = f"{theorem['id']}" if names.count(theorem["id"]) == 1 else f"table {number + 1}, {theorem['id']}"
            for item in _of_table(title, number, theorem["observations"], asked):
                yield replace(item, table=table)
    else:
        for index, entry in enumerate(content["observations"].values()):
            yield from _of_entry(f"entry {index}", entry, index)


def _not_covered(content: Mapping[str, Any]) -> dict[str, int]:
    """By theorem, the rows that say proved in tables without any certificate; a theorem without such rows is absent."""
    found: dict[str, int] = {}
    for theorem in content.get("theorems", ()):
        rows = theorem["observations"]
        proved = sum(row.get("verdict") == Verdict.PROVED for row in rows)
        if proved and not any(_holds_certificate(row) for row in rows):
            found[theorem["id"]] = found.get(theorem["id"], 0) + proved
    return found


def _holds_certificate(row: Mapping[str, Any]) -> bool:
    return row["certificate"] is not None or row.get("largest_noise_certificate") is not None


def _of_table(
    title: str, number: int, rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]
) -> Iterator[_Document]:
    """The certificates of a theorem's rows; where one has a certificate, each whose claim holds needs its own.

    So does a largest noise, unless it is the noise at which the row is proved. A row is also about what is `asked` of
    all of them: the decoder and epsilon.
    """
    holding, seen = any(map(_holds_certificate, rows)), set[int]()
    for row in rows:
        index, place = row["index"], f"{title}, observation {row['index']!s:.40}"
        if type(index) is not int or index < 0 or index in seen:
            raise InputError(f"{place}: expected the number of a row, each once, as `index`")
        seen.add(index)
        verdict, values = row.get("verdict"), row.get("values", {})
        if row["certificate"] is not None:
            if twice := sorted(row.keys() & values.keys()):
                raise InputError(f"{place}: says `{twice[0]}` twice; run `certify check` again")
            yield _Document(place, row["certificate"], (number, index), {**values, **row, **asked})
        elif holding and verdict in HOLDING:
            raise InputError(f"{place}: says {verdict} and holds no certificate; run `certify check` again")
        wider, reached = row.get("largest_noise_certificate"), values.get("largest_noise")
        if wider is not None:
            said = {"index": index, "verdict": Verdict.PROVED, "beta": reached, **asked}
            yield _Document(f"{place}, largest noise", wider, (number, index), said)
        elif holding and reached and not (verdict == Verdict.PROVED and reached == values.get("beta")):
            raise InputError(f"{place}: its largest noise holds no certificate; run `certify check` again")


def _of_entry(place: str, entry: Mapping[str, Any], number: int) -> Iterator[_Document]:
    """The certificate of one observation, and that of its largest noise where there is one."""
    if entry["certificate"] is not None:
        yield _Document(place, entry["certificate"], (number, 0))
    noise = entry.get("noise")
    if noise is not None and noise["certificate"] is not None:
        yield _Document(f"{place}, largest noise", noise["certificate"], (number, 0))
