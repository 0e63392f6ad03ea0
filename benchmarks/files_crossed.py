"""How many files of ours a reader crosses to follow a number: those in which a function is entered, by a profile hook.

    python -m benchmarks.files_crossed [--list] [--generator SPEC]

Followed are the constants m, M, M2, M3 of a decoder, by every method and by the one alone that gave m its certified
end, their evaluation without a search, and the certificate of one observation, made and verified. Each in a process of
its own, in which every module has been imported and the decoder read, and nothing else done. A file counts once,
however often it is entered.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import pkgutil
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from certify.bounds.bracket import ConstantBrackets
from certify.bounds.constants import constants
from certify.bounds.evaluation import evaluated_constants
from certify.certificates.kind import Verification
from certify.certificates.kinds.observation import verify
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.profiles.certificate import ObservationCertificate, certify_observation
from theorems.sharp_langevin.observations import global_constants

ROOT = Path(__file__).resolve().parent.parent
OURS = ("certify", "theorems")
DECODER = "residual:d=4,width=16,depth=1,lipschitz=.5"
BETA, EPSILON = 0.1, Fraction(1, 10)

Found = TypeVar("Found")
Files = dict[str, list[str]]
"""The functions that were entered, by file."""


def crossed(specification: str, work: Callable[[Generator], Found]) -> tuple[Files, Found]:
    """What `work` returns for the decoder, and the functions of ours that it enters in this thread."""
    generator = load_generator(specification)
    prefixes = tuple(f"{ROOT / name}/" for name in OURS)
    entered: dict[str, set[str]] = {}

    def hook(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(prefixes):
            entered.setdefault(code.co_filename.removeprefix(f"{ROOT}/"), set()).add(code.co_name)

    sys.setprofile(hook)
    try:
        found = work(generator)
    finally:
        sys.setprofile(None)
    return {path: sorted(names) for path, names in sorted(entered.items())}, found


def by_one_method(name: str, generator: Generator) -> ConstantBrackets:
    """What the method of this name gives alone."""
    return constants(generator, methods=[name])


def without_search(brackets: ConstantBrackets, generator: Generator) -> ConstantBrackets:
    """m, M and M2 from their evidence and closed rules."""
    return evaluated_constants(generator, global_constants(brackets).multipliers)


def certificate(brackets: ConstantBrackets, generator: Generator) -> ObservationCertificate:
    """The certificate of the observation that a fixed latent has."""
    row = generator.value(np.full(generator.latent_dim, 0.3))
    return certify_observation(generator, global_constants(brackets), row, BETA, EPSILON)


def verified(made: ObservationCertificate, generator: Generator) -> Verification:
    """The same checked again."""
    return verify(made.proof, generator)


def main() -> None:
    """Follow each number and print how many files that takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the files, with their lines and what is entered")
    parser.add_argument("--generator", default=DECODER, metavar="SPEC")
    given = parser.parse_args()
    for name in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)

    def follow(title: str, work: Callable[[Generator], Found]) -> Found:
        with multiprocessing.get_context("fork").Pool(1) as fresh:
            files, found = fresh.apply(crossed, (given.generator, work))
        print(f"{len(files):4} files: {title}", flush=True)
        for path, entered in files.items() if given.list else ():
            print(f"{len((ROOT / path).read_text(encoding='utf-8').splitlines()):9} {path}: {', '.join(entered)}")
        return found

    brackets = follow("constants, every method", constants)
    assert brackets.m.lower_evidence is not None, "m has a certified end"
    follow("m by the method of its certified end", partial(by_one_method, brackets.m.lower_evidence.method))
    follow("m, M, M2 without a search", partial(without_search, brackets))
    made = follow("the certificate of one observation", partial(certificate, brackets))
    assert made.certified, made.reason
    assert follow("the same, verified", partial(verified, made)).holds


if __name__ == "__main__":
    main()
