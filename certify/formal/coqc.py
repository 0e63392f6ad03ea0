"""Coq's own check of the files: what compiles, in which time, and on which axioms it rests."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from certify.atomic import write_text_atomically
from certify.errors import CertifyError
from certify.formal.development import HEADER, Development
from certify.formal.lemmas import LIBRARY, library_text

SECONDS = 900
"""For one file."""

AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""What Coq's reals, and the interval library's numbers of arbitrary precision, rest on; nothing else is allowed."""

PRIMITIVES = ("PrimInt63.", "Uint63.")
"""Modules of Coq's own integers of the machine, and of their specification, on which `interval` computes."""

INSTALLATION = "Debian and Ubuntu: apt-get install --no-install-recommends coq libcoq-interval"


class NotRunError(CertifyError):
    """Coq is not there, or did not end."""


@dataclass(frozen=True)
class Checked:
    """What Coq accepted of a file: the development without the theorems that it refused, and its time."""

    development: Development
    seconds: float


def coq_version() -> str | None:
    """The version of coqc, or None where it, or its interval library, is not installed."""
    if shutil.which("coqc") is None:
        return None
    answer = subprocess.run(["coqc", "--print-version"], capture_output=True, text=True, check=False)
    return answer.stdout.split()[0] if answer.returncode == 0 and answer.stdout.split() else None


def compile_library(folder: Path) -> None:
    """Write and compile CertifyLemmas.v in `folder`.

    Raises:
        NotRunError: where Coq or one of its libraries is missing.
    """
    path = folder / f"{LIBRARY}.v"
    if path.is_file() and path.read_text(encoding="utf-8") == library_text() and _is_compiled(path):
        return
    write_text_atomically(path, library_text())
    error = _coqc(path)
    if error is not None:
        raise NotRunError(f"Coq does not compile {LIBRARY}.v here ({error.splitlines()[-1][:200]}); {INSTALLATION}")


def check(development: Development, folder: Path) -> Checked:
    """Compile a theorem's file; a theorem that Coq refuses becomes a comment with Coq's reason.

    The library must be compiled in `folder`. Guarantee: what is left in the returned development compiled as it stands
    in the file.
    """
    path = folder / f"{development.module}.v"
    start = time.perf_counter()
    while True:
        write_text_atomically(path, development.text)
        error = _coqc(path)
        if error is None:
            return Checked(development, time.perf_counter() - start)
        refused = _theorem_at(development.text, error)
        if refused is None:
            raise NotRunError(f"coqc {path.name}: {' '.join(error.split())[:300]}")
        development = development.without({refused: f"Coq refused the script: {_reason(error)}"})


def compile_file(path: Path) -> None:
    """Compile one file beside the library.

    Raises:
        NotRunError: with Coq's reason.
    """
    error = _coqc(path)
    if error is not None:
        raise NotRunError(f"coqc {path.name}: {' '.join(error.split())[:300]}")


def axioms(developments: Sequence[Development], folder: Path) -> tuple[str, ...]:
    """The axioms under all theorems of the compiled files, by one `Print Assumptions` for all."""
    return axioms_of({item.module: [claim.theorem for claim in item.proved] for item in developments}, folder)


def axioms_of(theorems: Mapping[str, Sequence[str]], folder: Path) -> tuple[str, ...]:
    """The same for theorems by the module of their file."""
    names = [f"{module}.{theorem}" for module, found in theorems.items() for theorem in found]
    if not names:
        return ()
    lines = [HEADER, *(f"From Certify Require {module}." for module in theorems)]
    lines += [
        f"Definition everything := ({', '.join(names)})." if len(names) > 1 else f"Definition everything := {names[0]}."
    ]
    path = folder / "CertifyAssumptions.v"
    write_text_atomically(path, "\n".join([*lines, "Print Assumptions everything."]) + "\n")
    answer = _run(path)
    if answer.returncode != 0:
        raise NotRunError(f"coqc {path.name}: {' '.join(answer.stderr.split())[:300]}")
    listed = answer.stdout.partition("Axioms:")[2]
    return tuple(sorted(dict.fromkeys(re.findall(r"^([\w.']+)\s*:", listed, re.MULTILINE))))


def _coqc(path: Path) -> str | None:
    """Coq's error, or None."""
    answer = _run(path)
    return None if answer.returncode == 0 else answer.stderr or "coqc failed and said nothing"


def _run(path: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["coqc", "-w", "none", "-q", "-Q", ".", "Certify", path.name],
            cwd=path.parent, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotRunError(f"coqc {path.name} did not end within {SECONDS} s") from error
    except OSError as error:
        raise NotRunError(f"coqc does not run ({error}); {INSTALLATION}") from error


def _is_compiled(path: Path) -> bool:
    made = path.with_suffix(".vo")
    return made.is_file() and made.stat().st_mtime >= path.stat().st_mtime


def _theorem_at(text: str, error: str) -> str | None:
    """The theorem in which the line lies that Coq complains of."""
    found = re.search(r"line (\d+), characters", error)
    if found is None:
        return None
    above = "\n".join(text.splitlines()[: int(found[1])])
    names = re.findall(r"^Theorem (\w+) :", above, re.MULTILINE)
    return names[-1] if names else None


def _reason(error: str) -> str:
    return " ".join(error.partition("Error:")[2].split())[:120] or "no reason given"
