"""Records of Theorem R with one thing changed by the least that is printed: every one must be refused.

python -m benchmarks.forged_rejection [--count 12] [--out benchmarks/results/forged_rejection]

The records of the first observations of decoders with eight latents (quadratic forms) and two (boxes) are made, and
verified as they are. Then each claim is made better by one unit of its last printed digit: alone, and with p, K and the
distance computed anew from it, so that all numbers follow from one another. Then what the proof rests on is damaged: a
region left out, a tree with a hole or a branch too many, shares that do not add up, a component left out, another
decoder's digest, another method or likelihood.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forged_certificates import better, refusal
from benchmarks.zoo_rejection import own_noise
from certify.atomic import write_text_atomically
from certify.certificates.discovery import document_of
from certify.cli.progress_bar import progress_on_terminal
from certify.envelopes.box_certificate import acceptance_lower, round_acceptance
from certify.envelopes.rejection import proposals_needed
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.report.discovery import table_formats
from certify.report.table import Cell, Document, Table, columns, text_cell
from certify.version import __version__
from theorems.rejection_encoder.observations import certify_row

RESULTS = Path("benchmarks/results/forged_rejection")
DECODERS = (
    ("examples/digits/residual_d8", "examples/digits/observations_d8"),
    ("examples/digits/pixels64_conditioned", "examples/digits/observations_pixels64"),
    ("examples/digits/pixels64_free", "examples/digits/observations_pixels64"),
    ("examples/zoo/pythae_vae_digits_d2", "examples/zoo/pythae_vae_digits_d2"),
    ("examples/zoo/torch_softplus_breast_cancer_d2", "examples/zoo/torch_softplus_breast_cancer_d2"),
    ("examples/zoo/sklearn_mlp_iris_d2", "examples/zoo/sklearn_mlp_iris_d2"),
)
EPSILON = Fraction(1, 10)
BETTER: Mapping[str, int] = {
    "log_constant": -1, "log_integral": 1, "acceptance": 1, "proposals": -1, "tv_bound": -1, "evaluated": -1
}  # fmt: skip
"""Which way a claim of that name becomes better."""

Document_ = dict[str, Any]


def forgeries(document: Mapping[str, Any], random: np.random.Generator) -> Iterator[tuple[str, Document_]]:
    """Every record that differs from `document` in one thing, to its own advantage; with what was changed."""
    for name, sign in BETTER.items():
        yield name, {**document, name: better(document[name], sign)}
    for name in ("log_constant", "log_integral", *(("evaluated",) if document["evaluated"] < 1.0 else ())):
        yield f"{name}, p, K, distance", _followed({**document, name: better(document[name], BETTER[name])})
    other = {"log_constant": document["log_integral"], "evaluated": 1.0, "tries": 1}
    yield "p, K, distance of another record", _followed({**document, **other})
    yield "method", {**document, "method": document["method"] + "0"}
    digest = document["generator"]["sha256"]
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    yield "digest", {**document, "generator": {**document["generator"], "sha256": other}}
    yield "likelihood", {**document, "likelihood": "bernoulli"}
    yield "component left out", {**document, "proposal": document["proposal"][1:]}
    yield "evidence left out", {**document, "regions": None, "boxes": None}
    yield "integral left out", {**document, "mean": None, "cells": None, "gaussians": None, "shells": None}
    if document.get("shells") is not None:
        yield from _damaged_shells(document)
    if document.get("gaussians") is not None:
        yield from _damaged_gaussians(document)
    if document["regions"] is not None:
        yield from _damaged_regions(document, random)
    else:
        for name in ("boxes", "cells"):
            yield from _damaged_tree(document, name, random)


def _followed(document: Document_) -> Document_:
    """With p, K and the distance that follow from log C, the integral and the share that is evaluated."""
    evaluated = document["evaluated"]
    acceptance = acceptance_lower(document["log_constant"], document["log_integral"], evaluated)
    needed = proposals_needed(round_acceptance(acceptance, evaluated, document["tries"]), EPSILON)
    assert needed is not None, "a better claim needs fewer proposals"
    return {**document, "acceptance": acceptance, "proposals": needed.proposals, "tv_bound": needed.tv_bound}


def _damaged_regions(document: Mapping[str, Any], random: np.random.Generator) -> Iterator[tuple[str, Document_]]:
    proof = document["regions"]
    place = int(random.integers(len(proof["regions"])))

    def with_(**changes: Any) -> Document_:
        return {**document, "regions": {**proof, **changes}}

    def region(**changes: Any) -> Document_:
        parts = copy.deepcopy(proof["regions"])
        parts[place] |= changes
        return with_(regions=parts)

    yield "region left out", with_(regions=proof["regions"][:place] + proof["regions"][place + 1 :])
    yield "region and radius left out", with_(regions=proof["regions"][:-1], radii=proof["radii"][:-1])
    shares = proof["regions"][place]["shares"]
    largest = int(np.argmax(shares))
    yield "share", region(shares=[share + (index == largest) for index, share in enumerate(shares)])
    yield "multiplier", region(inside=(-float.fromhex(proof["regions"][place]["inside"]) - 1e-3).hex())
    height = float.fromhex(proof["regions"][place]["offset"])
    yield "offset", region(offset=(height - 1e-3 * (1 + abs(height))).hex())
    form = copy.deepcopy(proof["forms"])
    form[proof["regions"][place]["form"]].pop()
    yield "neuron left out", with_(forms=form)


def _damaged_gaussians(document: Mapping[str, Any]) -> Iterator[tuple[str, Document_]]:
    """The heaviest Gaussian's numbers, and the weights."""
    proof = document["gaussians"]
    place = int(np.argmax([float.fromhex(share) for share in proof["shares"]]))

    def changed(name: str, value: Any, at: int = place) -> Document_:
        rows = copy.deepcopy(proof[name])
        rows[at] = value
        return {**document, "gaussians": {**proof, name: rows}}

    share = float.fromhex(proof["shares"][place])
    if len(proof["shares"]) > 1:
        # Shares are divided by their sum: that of one Gaussian means nothing.
        yield "share doubled", changed("shares", (2.0 * share).hex())
    yield "share negative", changed("shares", (-share).hex())
    yield "mean moved", changed("means", [moved(entry, 0.1) for entry in proof["means"][place]])
    yield "tilt moved", changed("linear", [moved(entry, 0.3) for entry in proof["linear"][place]])
    yield (
        "spread doubled",
        changed("spreads", [(2.0 * float.fromhex(entry)).hex() for entry in proof["spreads"][place]]),
    )
    yield "spread negative", changed("spreads", [(-float.fromhex(entry)).hex() for entry in proof["spreads"][place]])
    if proof["shears"]:
        yield "shear moved", changed("shears", [moved(entry, 0.7) for entry in proof["shears"][place]])
        yield "shears too short", changed("shears", proof["shears"][place][1:])
    yield "row too short", changed("means", proof["means"][place][1:])
    yield "factor singular", changed("factor", proof["factor"][0], -1)
    largest = int(np.argmax([float.fromhex(weight) for weight in proof["weights"]]))
    yield "weight halved", changed("weights", (0.5 * float.fromhex(proof["weights"][largest])).hex(), largest)
    yield (
        "Gaussian left out",
        {
            **document,
            "gaussians": {
                **proof,
                **{name: proof[name][:place] + proof[name][place + 1 :] for name in ("shares", "means")},
            },
        },
    )


def _damaged_shells(document: Mapping[str, Any]) -> Iterator[tuple[str, Document_]]:
    """The numbers of the shell with the largest radius but one, or of the only one."""
    proof = document["shells"]
    place = max(0, len(proof["shells"]) - 2)
    shell = proof["shells"][place]

    def changed(**changes: Any) -> Document_:
        shells = [*proof["shells"]]
        shells[place] = {**shell, **changes}
        return {**document, "shells": {**proof, "shells": shells}}

    yield "mean moved", {**document, "shells": {**proof, "mean": [moved(entry, 0.1) for entry in proof["mean"]]}}
    yield "factor singular", {**document, "shells": {**proof, "factor": [*proof["factor"][:-1], proof["factor"][0]]}}
    yield "radius negative", changed(radius=(-float.fromhex(shell["radius"])).hex())
    yield "radius infinite", changed(radius="inf")
    yield "form above lowered", changed(above=[[*row[:-1], moved(row[-1], -0.1)] for row in shell["above"]])
    yield "form above too short", changed(above=shell["above"][:-1])
    yield "neuron left out", changed(form=shell["form"][:-1])
    yield "shell left out", {**document, "shells": {**proof, "shells": proof["shells"][:place]}}


def moved(entry: str, by: float) -> str:
    """A number of a record and so much."""
    return (float.fromhex(entry) + by).hex()


def _damaged_tree(
    document: Mapping[str, Any], name: str, random: np.random.Generator
) -> Iterator[tuple[str, Document_]]:
    text = document[name]["splits"]

    def with_(splits: str) -> Document_:
        return {**document, name: {**document[name], "splits": splits}}

    leaves, cuts = ([index for index, mark in enumerate(text) if (mark == ".") is leaf] for leaf in (True, False))
    leaf = int(random.choice(leaves))
    yield f"{name}: hole", with_(text[:leaf] + text[leaf + 1 :])
    yield f"{name}: last leaf left out", with_(text[:-1])
    yield f"{name}: leaf too many", with_(text + ".")
    yield f"{name}: branch without leaves", with_(text[:leaf] + "0" + text[leaf + 1 :])
    if cuts:
        cut = int(random.choice(cuts))
        yield f"{name}: branch cut off", with_(text[:cut] + "." + text[cut + 1 :])
        yield f"{name}: not cut", with_("." * (1 if name == "boxes" else document[name]["sides"] ** 2))


def records_of(decoder: str, rows: str, count: int) -> Iterator[tuple[Generator, Document_]]:
    """The records of the first observations that have one."""
    generator = load_generator(f"{decoder}.onnx")
    every = np.load(f"{rows}.npy").astype(np.float64).reshape(-1, generator.observed_dim)
    trained = generator.metadata.get("trained_beta")
    beta = float(trained) if trained is not None else own_noise(generator, every)
    for row in every[:count]:
        found = certify_row(generator, beta, EPSILON, row)
        if found.proof is not None and found.proposals is not None:
            yield generator, document_of(found.proof)


def main() -> None:
    """Make, verify and forge the records, and write what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12, help="observations of each decoder")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    begun, random = time.process_time(), np.random.default_rng(0)
    changed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    accepted: list[str] = []
    seconds: dict[str, list[float]] = {}
    with progress_on_terminal(quiet=False) as progress:
        for decoder, rows in DECODERS:
            name = Path(decoder).name
            progress.start(name, arguments.count)
            for index, (generator, document) in enumerate(records_of(decoder, rows, arguments.count)):
                start = time.process_time()
                if reason := refusal(document, generator):
                    raise SystemExit(f"{name}, observation {index} is refused: {reason}")
                seconds.setdefault(name, []).append(time.process_time() - start)
                for what, forged in forgeries(document, random):
                    changed[what] += 1
                    if refusal(forged, generator):
                        refused[what] += 1
                    else:
                        accepted.append(f"{name} {index}: {what}")
                progress.advance()
            progress.finish()
    _write(arguments.out, changed, refused, accepted, seconds, time.process_time() - begun)
    if accepted:
        raise SystemExit(1)


def _write(
    out: Path, changed: Counter[str], refused: Counter[str], accepted: list[str], seconds: dict[str, list[float]],
    total: float,
) -> None:  # fmt: skip
    count = sum(len(items) for items in seconds.values())
    spent = ", ".join(f"{name} {np.median(items):.2f} s" for name, items in seconds.items())
    table = Table(
        "forged_rejection", f"{sum(changed.values())} forged records of {count} observations",
        columns(("changed", "forged", "refused"), ("forged", "refused")),
        tuple(
            tuple[Cell, ...]((text_cell(name), text_cell(str(changed[name])), text_cell(str(refused[name]))))
            for name in sorted(changed)
        ),
        (
            f"{sum(refused.values())} of {sum(changed.values())} refused; accepted: {', '.join(accepted) or 'none'}",
            f"all {count} records as they were made are accepted; CPU seconds for one, median: {spent}",
        ),
    )  # fmt: skip
    comments = (f"version {__version__}, {total:.0f} s of CPU", "made by python -m benchmarks.forged_rejection")
    text = table_formats()["markdown"].render(Document((table,), comments))
    write_text_atomically(out.with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
