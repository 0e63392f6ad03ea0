"""Certificates of digits with one thing changed by the least that is printed: every one must be refused.

python -m benchmarks.forged_certificates [--count 20] [--out benchmarks/results/forged_certificates]

The certificates of the first digits at half the trained noise of `residual_d8` are made, and verified as they are. Then
every number that a certificate claims is changed by one unit of its last printed digit, in the direction that would
make the claim better, one at a time; so are the number of layers, the method and the decoder's digest.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from certify.atomic import write_text_atomically
from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.certificates.discovery import document_of, kind_of, record_of
from certify.certificates.verification import constant_doubts
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.profiles.certificate import certify_observation
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell
from certify.version import __version__
from theorems.sharp_langevin.observations import global_constants

RESULTS = Path("benchmarks/results/forged_certificates")
DIGITS = Path("examples/digits")
EPSILON = Fraction(1, 10)
Path_ = tuple[str | int, ...]

BETTER: Mapping[str, int] = {
    "gradient_upper": -1, "residual_upper": -1, "defect_upper": -1, "sigma_min_lower": 1, "jacobian_upper": -1,
    "value": -1, "lower": 1, "upper": -1, "tv_bound": -1, "tail": -1, "start_outside": -1, "exit": -1,
    "discretisation": -1, "smoothing": -1, "mu": 1, "q": -1, "m": 1, "M": -1, "M2": -1, "layers": -1,
}  # fmt: skip
"""Which way a claim of that name becomes better."""


def forgeries(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every certificate that differs from `document` in one thing, to its own advantage; with what was changed."""
    for path, value in _claims(document, ()):
        yield ".".join(str(part) for part in path), _with(document, path, better(value, BETTER[str(path[-1])]))
    yield "method", _with(document, ("method",), document["method"] + "0")
    digest = document["generator"]["sha256"]
    yield "generator", _with(document, ("generator", "sha256"), digest[:-1] + ("0" if digest[-1] != "0" else "1"))


def better(value: float, sign: int) -> float:
    """The next number that is printed with as many digits as `value`, in the direction of `sign`."""
    if isinstance(value, int):
        return value + sign
    exponent = Decimal(repr(value)).as_tuple().exponent
    assert isinstance(exponent, int), "claims are finite"
    found, steps = value, 0
    # With 17 digits neighbouring decimals may be the same float.
    while found == value:
        steps += 1
        found = float(Decimal(repr(value)) + sign * steps * Decimal(1).scaleb(exponent))
    return found


def refusal(document: Mapping[str, Any], generator: Generator, known: ConstantBrackets | None = None) -> str:
    """Why a certificate is refused, m, M and M2 derived again where they are its premise; "" if it is accepted."""
    try:
        record = record_of(document, "the certificate")
    except InputError as error:
        return str(error)
    kind = kind_of(record)
    if kind.generator(record).sha256 != generator.sha256:
        return "it is about another decoder"
    premise = kind.premise(record)
    if premise is None:
        return kind.verify(record, generator).reason
    assert known is not None, "a certificate that rests on the constants asks for their brackets"
    doubts = constant_doubts(premise, known)
    return next(iter(doubts.values()), "") or kind.verify(record, generator).reason


def _claims(entry: Any, path: Path_) -> Iterator[tuple[Path_, float]]:
    if isinstance(entry, Mapping):
        for key, value in entry.items():
            yield from _claims(value, (*path, key))
    elif isinstance(entry, list):
        for index, value in enumerate(entry):
            yield from _claims(value, (*path, index))
    elif isinstance(entry, int | float) and path[-1] in BETTER:
        yield path, entry


def _with(document: Mapping[str, Any], path: Path_, value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(dict(document))
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return dict(changed)


def main() -> None:
    """Make, verify and forge the certificates, and write what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="digits")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    generator = load_generator(str(DIGITS / "residual_d8.onnx"))
    known = constants(generator)
    bounds, beta = global_constants(known), float(generator.metadata["trained_beta"]) / 2
    rows = np.load(DIGITS / "observations_d8.npy")[: arguments.count].astype(np.float64)
    changed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    accepted: list[str] = []
    seconds = []
    for index, row in enumerate(rows):
        document = document_of(certify_observation(generator, bounds, row, beta, EPSILON).proof)
        start = time.perf_counter()
        if reason := refusal(document, generator, known):
            raise SystemExit(f"the certificate of digit {index} is refused: {reason}")
        seconds.append(time.perf_counter() - start)
        for name, forged in forgeries(document):
            group = ".".join(part for part in name.split(".") if not part.isdigit())
            changed[group] += 1
            if refusal(forged, generator, known):
                refused[group] += 1
            else:
                accepted.append(f"digit {index}: {name}")
    table = Table(
        "forged_certificates", f"{sum(changed.values())} forged certificates of {len(rows)} digits",
        columns(("changed", "forged", "refused"), ("forged", "refused")),
        tuple(
            tuple[Cell, ...]((text_cell(name), text_cell(str(changed[name])), text_cell(str(refused[name]))))
            for name in [*sorted(changed)]
        ),
        (
            f"{sum(refused.values())} of {sum(changed.values())} refused; accepted: {', '.join(accepted) or 'none'}",
            f"all {len(rows)} certificates as they were made are accepted, in {np.median(seconds):.2f} s each (median)",
        ),
    )  # fmt: skip
    comments = (
        f"version {__version__}, {time.perf_counter() - begun:.0f} s",
        "made by python -m benchmarks.forged_certificates",
    )
    text = table_formats()["markdown"].render(Document((table,), comments))
    write_text_atomically(arguments.out.with_suffix(".md"), text)
    print(text)
    if accepted:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
