"""Certificates of boxes, constants, circuits and formulas with one thing corrupted: the checker must refuse them.

python -m benchmarks.corrupted_kinds [--out benchmarks/results/corrupted_kinds]

As `benchmarks.corrupted_certificates`, for the kinds that have files of their own in `checker/`. A change of evidence
may leave a certificate that proves what it claims: a cut of an integral somewhere else, constants for which the claim
is as true. Such changes are accepted, as they should be, and counted apart under the reason in `VALID`; an acceptance
without a reason is a defect.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.corrupted_certificates import (
    ADDER,
    CONSTANTS,
    FORMULA,
    NO_NUMBERS,
    Place,
    changed,
    checker,
    containers,
    entries,
    refusal,
    resized,
    small_network,
)
from certify.api.certificate import certificate
from certify.atomic import write_text_atomically
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell
from certify.version import __version__

RESULTS = Path("benchmarks/results/corrupted_kinds")
KINDS = ("circuit-size", "refutation", "integral", "boxes", "rejection", "gaussian-layer", "langevin")
BETTER = {"offset": -1, "log_constant": -1, "acceptance": 1, "tv_bound": -1, "lower": 1, "upper": -1}
MOST = 1200
"""Leaves of a certificate that are corrupted, evenly spread, unless `--most` says otherwise."""

CONSTANTS_ALONE = "the claim is about every decoder with the constants that are written there"
VALID = {
    **dict.fromkeys(("constants", "d", "m", "M", "M2", "gradient", "residual"), CONSTANTS_ALONE),
    "cut": "any radius below 1/e where the curvature's bound changes its branch",
    "cuts": "any intervals that cover o, as long as the far field stays as small",
    "reach": "any radius from which the tail is bounded by its slope",
    "cells": "more cells are as good, and fewer where they suffice",
    "radius": "any radius at which the bound is as small", "outer": "any radius at which the bound is as small",
    "width": "any width at which the bound is as small",
    "moving": "another chain within the same bound", "smoothing": "another chain within the same bound",
    "start": "another chain within the same bound",
    "mean": "another Gaussian as good", "root": "another Gaussian as good", "spread": "another Gaussian as good",
    "form": "another form above f", "forms": "another form of a neuron", "payments": "more than is needed",
    "rows": "less in the last entry of a factor", "exponents": "another scale of the same factor",
    "weights": "another proposal with as small a C", "means": "another proposal with as small a C",
    "roots": "another proposal with as small a C",
    "beta": "another noise level with as small a C",
    "observation": "another observation with as small a C",
    "cover": "another bisection of the same box", "low": "a box with as much of the integral",
    "high": "a box with as much of the integral", "tree": "another bisection of the same box",
    "steps": "a clause that is derived twice",
    "clause": "a clause that follows from the same hints", "core": "another clause of the formula",
    "hints": "a clause in place of a weaker one", "gates": "a gate as good", "outputs": "the same function",
}  # fmt: skip
"""Why a change of what has this name can leave a certificate that proves its claim."""


def made(folder: Path, kinds: Sequence[str] = KINDS) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """A certificate of each of the `kinds` with the file that it is about."""
    network, circuit, formula = folder / "small.onnx", folder / "adder.blif", folder / "formula.cnf"
    network.write_bytes(small_network(("Tanh",), 3, latents=1))
    circuit.write_text(ADDER, encoding="ascii")
    formula.write_text(FORMULA, encoding="ascii")
    for kind in kinds:
        if kind == "rejection":
            small = folder / "two.onnx"
            small.write_bytes(small_network(("Tanh", "Relu"), 5, double=True))
            found, file = certificate(kind, small, [0.4, -0.2, 0.3], beta=0.5), small.read_bytes()
        elif kind == "boxes":
            found, file = certificate(kind, network, [0.4, -0.2, 0.3], beta=0.5), network.read_bytes()
        elif kind == "circuit-size":
            found, file = certificate(kind, circuit=circuit), None
        elif kind == "refutation":
            found, file = certificate(kind, formula=formula), formula.read_bytes()
        else:
            found, file = certificate(kind, constants=CONSTANTS), None
        assert found.document is not None, found.reason
        yield found.document, file


def corruptions(document: dict[str, Any], most: int = MOST) -> Iterator[tuple[str, str]]:
    """Corrupted certificates, each with what was done to what."""
    leaves = list(entries(document, ()))
    for number, (place, value) in enumerate(leaves[:: 1 + len(leaves) // most]):
        group = group_of(place)
        some = NO_NUMBERS if len(leaves) < 200 else [NO_NUMBERS[number % len(NO_NUMBERS)]]
        for wrong in some:
            if place != ("network", "name") or not isinstance(wrong, str):
                yield f"{group}: no number", json.dumps(changed(document, place, wrong))
        for what, other in moved(place, value):
            yield f"{group}: {what}", json.dumps(changed(document, place, other))
    every = list(containers(document, ()))
    for place, value in every[:: 1 + len(every) * 4 // most]:
        for what, other in resized(value):
            yield f"{group_of(place)}: {what}", json.dumps(changed(document, place, other) if place else other)
    text = json.dumps(document)
    for length in range(0, len(text), max(1, len(text) // 40)):
        yield "text: cut off", text[:length]
    yield "text: a key twice", text[:-1] + ', "kind": "lipschitz"}'


def group_of(place: Place) -> str:
    """The last name on the way to a leaf."""
    return str(next((part for part in reversed(place) if isinstance(part, str)), "certificate"))


def moved(place: Place, value: Any) -> Iterator[tuple[str, Any]]:
    """A leaf changed within its form; a claim for the better alone."""
    name = group_of(place)
    if place[0] == "claims" and name in BETTER:
        number = Fraction(value)
        step = BETTER[name] * (abs(number) / 20 if name in ("lower", "upper", "tv_bound") else Fraction(1, 10))
        yield "better", str(number + step)
        yield "far better", str(number + 5 * step)
        if name != "lower":
            yield "its sign", f"-{value}"
    elif name == "sha256":
        for index, digit in enumerate(value):
            yield "one digit", value[:index] + ("0" if digit != "0" else "1") + value[index + 1 :]
    elif name in ("cover", "tree"):
        for index in range(0, len(value), 1 + len(value) // 60):
            yield "a letter less", value[:index] + value[index + 1 :]
            yield "a letter more", f"{value[:index]}0{value[index:]}"
            yield "a box cut short", value[:index] + "." + value[index + 1 :] if value[index] != "." else value + "."
    elif name in ("format", "kind", "start") and isinstance(value, str):
        yield "another", value[:-1]
    elif name == "rows" and isinstance(value, int):
        # A unit of 2^-52 less or more, and what is next to nothing, may prove the same.
        if abs(value) > 1 << 40:
            yield from (("more", value + (1 << 37)), ("less", value - (1 << 37)), ("its sign", -value))
    elif isinstance(value, int):
        if name == "proposals":
            # More proposals are nearer.
            value = min(value, 1 << 20)
            yield from (("one less", value - 1), ("its sign", -value))
            return
        for what, other in (("one more", value + 1), ("one less", value - 1), ("its sign", -value)):
            if other != value:
                yield what, other
    elif isinstance(value, str) and re.match("-?0x", value):
        number = float.fromhex(value)
        for what, factor in (("more", 1.125), ("less", 0.875), ("its sign", -1.0), ("far more", 64.0)):
            if number:
                yield what, (factor * number).hex()
    elif isinstance(value, str) and re.match("-?[0-9]", value) and name != "name":
        number = Fraction(value)
        for what, share in (("more", Fraction(9, 8)), ("less", Fraction(7, 8)), ("its sign", Fraction(-1))):
            if number:
                yield what, str(number * share)


def main() -> None:
    """Corrupt every certificate, and write what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--most", type=int, default=MOST)
    arguments = parser.parse_args()
    answers: Counter[tuple[str, str, str]] = Counter()
    defects: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for document, file in made(Path(folder), arguments.kinds):
            kind, check = document["kind"], checker(document["kind"])
            if refusal(check, json.dumps(document), file):
                raise SystemExit(f"the {kind} certificate is refused")
            begun = time.perf_counter()
            for what, text in corruptions(document, arguments.most):
                answer = refusal(check, text, file) or "valid"
                name = what.split(":")[0]
                if answer == "valid" and (name not in VALID or "no number" in what):
                    defects.append(f"{kind}: {what}")
                    answer = "defect"
                answers[kind, name if answer == "valid" else "refused", answer] += 1
            print(f"{kind}: {time.perf_counter() - begun:.0f} s", flush=True)
    total, valid = sum(answers.values()), sum(count for (_, _, answer), count in answers.items() if answer == "valid")
    rows = []
    for kind in arguments.kinds:
        refused = [str(answers[kind, "refused", answer]) for answer in ("no", "unreadable")]
        still = {name: count for (one, name, answer), count in answers.items() if one == kind and answer == "valid"}
        reasons = "; ".join(f"{count} {name}: {VALID[name]}" for name, count in sorted(still.items()))
        rows.append(
            tuple[Cell, ...](text_cell(entry) for entry in (kind, *refused, str(sum(still.values())), reasons or "-"))
        )
    table = Table(
        "corrupted_kinds", f"{total} certificates: {total - valid - len(defects)} refused, {valid} still valid",
        columns(("kind", "no", "unreadable", "still valid", "why"), ("no", "unreadable", "still valid")),
        tuple(rows), (f"certify {__version__}; {len(defects)} accepted without a reason",),
    )  # fmt: skip
    for name, suffix in (("markdown", ".md"), ("csv", ".csv")):
        write_text_atomically(arguments.out.with_suffix(suffix), table_formats()[name].render(Document((table,))))
    print(table.title)
    for line in defects[:40]:
        print("accepted without a reason:", line)


if __name__ == "__main__":
    main()
