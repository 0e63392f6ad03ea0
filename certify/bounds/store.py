"""What earlier runs found for a generator, kept in a file of the user's cache and never believed.

The file holds proposals only: witnesses, which are recomputed in balls before they count, and multipliers of matrix
inequalities, whose positive definiteness is verified again. An end itself is not kept, so a file that was damaged or
edited by hand can make a run slower and never a bracket false. Files are named by the digest of the graph and the
version of the methods, and replaced whole: runs at the same time cannot spoil each other's.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from certify.atomic import write_text_atomically
from certify.bounds.bracket import Multipliers, Region, Witness
from certify.bounds.method import ConstantName, End, Proposal
from certify.errors import InputError
from certify.generators.graph import Generator

METHODS_VERSION = 1
"""Raised whenever the meaning of a stored proposal changes: older files are then not read."""

FOLDER = "CERTIFY_CACHE"
"""Environment variable that names another folder for the cache."""

MOST_REGIONS = 48
LARGEST_FILE = 32 * 2**20
MOST_MULTIPLIERS = 5000


@dataclass(frozen=True)
class Stored:
    """A proposal and the region on which it was found."""

    region: Region
    proposal: Proposal


@dataclass(frozen=True)
class Store:
    """The file of one generator."""

    path: Path
    sha256: str

    def read(self) -> tuple[Stored, ...]:
        """The proposals of earlier runs; none where there is no file, or not one of ours. Estimate."""
        try:
            if self.path.stat().st_size > LARGEST_FILE:
                return ()
            document = json.loads(self.path.read_text(encoding="utf-8"))
            if document["methods"] != METHODS_VERSION or document["sha256"] != self.sha256:
                return ()
            return tuple(_stored(item) for item in document["proposals"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ()

    def write(self, found: Iterable[Stored]) -> None:
        """Keep the new proposals beside those of other regions, or nothing where that cannot be written. Estimate."""
        kept = {_key(item): item for item in self.read()}
        for item in found:
            if item.proposal.witness is not None or item.proposal.multipliers is not None:
                # Written last: the oldest regions are the first to go.
                kept.pop(_key(item), None)
                kept[_key(item)] = item
        regions = list(dict.fromkeys(item.region for item in reversed(kept.values())))[:MOST_REGIONS]
        entries = [_entry(item) for item in kept.values() if item.region in regions]
        document = {"methods": METHODS_VERSION, "sha256": self.sha256, "proposals": entries}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(self.path, json.dumps(document))
        except (OSError, InputError):
            return


def default_store(generator: Generator) -> Store:
    """The generator's file in the user's cache folder. Exact."""
    return Store(cache_folder() / f"{generator.sha256[:32]}-{METHODS_VERSION}.json", generator.sha256)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """$CERTIFY_CACHE, or the place where this system keeps what can be made again. Exact.

    >>> str(cache_folder({"CERTIFY_CACHE": "here"}))
    'here'
    """
    chosen = environment.get(FOLDER)
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError:
        # A user without a name and a home, as containers have them.
        home = Path(tempfile.gettempdir())
    places = {"darwin": home / "Library" / "Caches", "win32": Path(environment.get("LOCALAPPDATA", home))}
    base = Path(environment.get("XDG_CACHE_HOME") or places.get(sys.platform, home / ".cache"))
    return base / "certify" / "constants"


def _key(item: Stored) -> tuple[Region, str, str, str]:
    kind = "witness" if item.proposal.witness is not None else "multipliers"
    return item.region, item.proposal.constant, item.proposal.end, kind


def _entry(item: Stored) -> dict[str, Any]:
    proposal = item.proposal
    region = {"radius": item.region.radius, "centre": item.region.centre}
    entry: dict[str, Any] = {"region": region, "constant": proposal.constant, "end": proposal.end}
    if proposal.witness is not None:
        return {**entry, "witness": proposal.witness.to_dict()}
    assert proposal.multipliers is not None, "only what can be verified is kept"
    found = proposal.multipliers
    return {**entry, "objective": found.objective, "multipliers": list(found.values), "optimal": found.is_optimal}


def _stored(entry: dict[str, Any]) -> Stored:
    """One entry of a file as a proposal without a value; ValueError or TypeError for what cannot be one."""
    radius, centre = entry["region"]["radius"], entry["region"]["centre"]
    region = Region(None if radius is None else _number(radius), None if centre is None else _numbers(centre))
    constant, end = entry["constant"], entry["end"]
    if constant not in get_args(ConstantName) or end not in get_args(End):
        raise ValueError(constant)
    if "witness" in entry:
        points, directions = (tuple(_numbers(row) for row in entry["witness"][k]) for k in ("points", "directions"))
        method = "witness" if directions else "witness pair"
        return Stored(region, Proposal(constant, end, None, method, Witness(points, directions)))
    values = _numbers(entry["multipliers"])
    if len(values) > MOST_MULTIPLIERS:
        raise ValueError("multipliers")
    return Stored(
        region,
        Proposal(
            constant,
            end,
            None,
            "",
            multipliers=Multipliers(_number(entry["objective"]), values, entry["optimal"] is True),
        ),
    )


def _numbers(values: Iterable[object]) -> tuple[float, ...]:
    return tuple(_number(value) for value in values)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)
