"""Where results are kept: a folder of one file per result, named by what it depends on; or one JSON file for a few.

A result is written once and whole, and read only if its digest is right; what it says is verified besides. Nothing is
flushed to the disk one by one: a record that a power cut tore is not believed and is computed again, at 60 times less
cost per record than waiting for the disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from certify.atomic import check_folder_writable, check_writable, write_bytes_atomically, write_text_atomically
from certify.errors import InputError

SAVED_PARTS = 32
"""A JSON file is written anew once this part of its results is new."""
QUESTION = "question.json"
RESULTS = "observations"
"""The entry of a JSON file that holds the results; the others are the question's."""
ANOTHER = "another generator, noise, epsilon, method or version; give another path or remove it"

_LOG = logging.getLogger(__name__)


class Records(Protocol):
    """Results by key; all answers to one question."""

    place: str

    def get(self, key: str) -> str | None:
        """The stored text, None where there is none that can be read."""

    def put(self, key: str, text: str) -> None:
        """Keep a result; InputError if the place is full or cannot be written."""

    def close(self) -> None:
        """Write what is not yet written."""


def open_records(path: Path | None, question: Mapping[str, Any]) -> Records:
    """The results for `question` at `path`: a `.json` file, a folder of records, or nowhere.

    Raises:
        InputError: if the place cannot be written, or a file holds the results of another question.
    """
    if path is None:
        return Nowhere()
    return RecordFile(path, question) if path.suffix == ".json" else RecordFolder(path, question)


def check_place(path: Path) -> None:
    """See before long work that results can be kept at `path`, and that a file there is one of results.

    Raises:
        InputError: if it is not so.
    """
    if path.suffix == ".json":
        check_writable(path)
        if path.exists():
            _stored(path)
    else:
        check_folder_writable(path)


def check_question(path: Path, needed: Mapping[str, Any], named: Mapping[str, Any]) -> None:
    """See before long work that a file of results is not that of another question, as far as this is known by then.

    Args:
        path: where results are kept; a folder holds those of many questions.
        needed: entries that the question has.
        named: entries that a question has with these values, or not at all.

    Raises:
        InputError: if the file is that of another question.
    """
    if path.suffix == ".json" and path.exists():
        document, _ = _stored(path)
        other = any(document.get(name) != value for name, value in needed.items())
        if other or any(document.get(name, value) != value for name, value in named.items()):
            raise InputError(f"`{path}` holds results of {ANOTHER}")


class Nowhere:
    """Keeps nothing."""

    place = ""

    def get(self, key: str) -> str | None:
        """Nothing."""
        return None

    def put(self, key: str, text: str) -> None:
        """Forget the result."""

    def close(self) -> None:
        """Nothing is open."""


class RecordFolder:
    """FOLDER/<digest of the question>/<two digits>/<key>.json: folders of two machines are merged by copying."""

    def __init__(self, folder: Path, question: Mapping[str, Any]) -> None:
        self.place = f"kept in `{folder}`"
        text = json.dumps(question, sort_keys=True, indent=1)
        self._folder = folder / hashlib.sha256(text.encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder `{folder}`: {error.strerror or error}") from error
        if not (self._folder / QUESTION).exists():
            write_text_atomically(self._folder / QUESTION, text + "\n")

    def get(self, key: str) -> str | None:
        """The stored text; one line says where a record is damaged."""
        path = self._path(key)
        try:
            content = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            content = ""
        text = _checked(content)
        if text is None:
            _LOG.warning("certify: `%s` is damaged; its result is computed again", path)
        return text

    def put(self, key: str, text: str) -> None:
        """Write the record's file, whole or not at all."""
        path = self._path(key)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder `{path.parent}`: {error.strerror or error}") from error
        write_bytes_atomically(path, f"{text}\n{_digest(text)}\n".encode(), durable=False)

    def close(self) -> None:
        """Everything is written."""

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


class RecordFile:
    """One JSON file, rewritten as results come in: for as many as one reads by eye."""

    def __init__(self, path: Path, question: Mapping[str, Any]) -> None:
        assert RESULTS not in question, "the results stand there"
        check_writable(path)
        self.place = f"kept in `{path}`"
        self._path, self._question, self._unsaved = path, dict(question), 0
        self._entries = _entries(path, question) if path.exists() else {}
        self._asked: dict[str, int] = {}

    def get(self, key: str) -> str | None:
        """The stored entry as text."""
        self._asked.setdefault(key, len(self._asked))
        return json.dumps(self._entries[key]) if key in self._entries else None

    def put(self, key: str, text: str) -> None:
        """Keep the entry; at most a part of 1/32 is not yet in the file."""
        self._entries[key] = json.loads(text)
        self._unsaved += 1
        if self._unsaved > len(self._entries) // SAVED_PARTS:
            self.close()

    def close(self) -> None:
        """Write the file if an entry is new."""
        if self._unsaved:
            # In the order of the tasks: the file does not tell in which order its results came.
            last = len(self._asked)
            entries = dict(sorted(self._entries.items(), key=lambda item: self._asked.get(item[0], last)))
            write_text_atomically(self._path, json.dumps({**self._question, RESULTS: entries}) + "\n")
            self._unsaved = 0


def stored_documents(folder: Path) -> Iterator[tuple[str, Any]]:
    """Every undamaged record of a folder, of all questions, by its place in it, in the order of the names."""
    for path in sorted(folder.glob("*/??/*.json")):
        try:
            text = _checked(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            text = None
        if text is None:
            raise InputError(f"`{path}` is damaged: remove it, or continue the run that wrote it")
        yield str(path.relative_to(folder)), json.loads(text)


def _entries(path: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    document, stored = _stored(path)
    if document != json.loads(json.dumps(dict(question))):
        raise InputError(f"`{path}` holds results of {ANOTHER}")
    return stored


def _stored(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file of results says: its question, and the results by key."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return document, dict(document.pop(RESULTS).items())
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"`{path}` is not a file of stored observations; give another path or remove it") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checked(content: str) -> str | None:
    """The text of a record whose digest is right."""
    text, _, rest = content.partition("\n")
    return text if rest == f"{_digest(text)}\n" else None
