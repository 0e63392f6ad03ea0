"""`certify.write_report`: what a check found as one page that needs no network, for whoever it is shared with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from certify.api.arguments import GeneratorLike, Observations, progress_of
from certify.api.check import Result, check
from certify.api.diagnose import Diagnosed
from certify.api.shown import Shown
from certify.atomic import check_writable, write_text_atomically
from certify.bounds.bracket import Region
from certify.errors import InputError
from certify.progress import Progress
from certify.proof.records import CheckResult
from certify.report.table import Table, columns, label_cell, text_cell
from certify.report.tables import summary_table
from certify.validation import Number, file_path, names_of, one_of, text_of


@dataclass(frozen=True, eq=False, repr=False)
class Report(Shown):
    """A page that was written, and the result that it shows."""

    path: Path
    size: int
    sha256: str
    result: Result | Diagnosed

    @property
    def exit_code(self) -> int:
        """The command line's exit code: that of the check."""
        return self.result.exit_code

    def to_dict(self) -> dict[str, Any]:
        """Where the page is, how large, and what it shows."""
        return {
            "schema": 1,
            "verdict": str(self.result.verdict),
            "file": {"name": self.path.name, "bytes": self.size, "sha256": self.sha256},
            "result": self.result.to_dict(),
        }

    def _found(self) -> dict[str, Any]:
        # The page says when it was made: its bytes are no part of what was found.
        return {key: value for key, value in super()._found().items() if key != "file"}

    def _summary(self) -> str:
        return f"<{self.path}: {self.size / 1e6:.2f} MB, {self.parts}, {self.result.verdict}>"

    @property
    def parts(self) -> str:
        """How much the page shows, in words."""
        if isinstance(self.result, Diagnosed):
            return f"{len(self.result.answers)} answers"
        return f"{len(self.result.theorems)} checks"

    def _tables(self) -> tuple[Table, ...]:
        rows = ((label_cell(str(self.path)), text_cell(f"{self.size} bytes"), label_cell(self.sha256)),)
        written = Table("report", "Page", columns(("file", "size", "SHA-256")), rows)
        shown = self.result._tables() if isinstance(self.result, Diagnosed) else (summary_table(self.result),)
        return written, *shown

    def _rows(self) -> list[dict[str, Any]]:
        return self.result._rows()


def write_report(
    theorems: str | Sequence[str] = (),
    generators: GeneratorLike | Sequence[GeneratorLike] | None = None,
    *,
    out: str | Path = "report.html",
    source: str | Path | None = None,
    grid: str = "medium",
    beta: Number | None = None,
    epsilon: Number = "0.1",
    observations: Observations | None = None,
    region: Number | Region | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> Report:
    """Check theorems and write all that was found as one HTML page: formulas, graphs, tables, slack, sliders.

    Args:
        theorems: names or Python files; none: every theorem.
        generators: maps G or their SPECs; None: each theorem's own examples.
        out: the page, one file that loads nothing else.
        source: the JSON of `certify check` or `certify diagnose` to show in place of a check; theorems and generators
            are then left out.
        grid: how many certified values stand behind the sliders: "none", "small", "medium" or "fine".
        beta: noise level > 0; None: one that the theorem admits.
        epsilon: target total variation distance in (0, 1).
        observations: shape (k, n) or (n,), or a .npy or .csv file; None: drawn from the model.
        region: a radius around 0, or a `Region`; None: all of R^d.
        seed: of every random stream, in [0, 2^63).
        progress: receives how far the work has come.
        command: what the user typed, for the provenance.

    Raises:
        InputError: as `certify.check`; if `out` cannot be written, or `source` is not the JSON of a check.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report("langevin-mixing", "linear:d=2,kappa=1.5,seed=0", out=f"{folder}/r.html", grid="none")
    >>> page.size < 5e6, page.result.verdict.value
    (True, 'supported')
    """
    from certify.report.page.diagnosis import diagnosis_page
    from certify.report.page.document import page_html
    from certify.report.page.grid import AXES

    target = file_path("out", out)
    size = one_of("grid", grid, AXES)
    receiver = progress_of(progress)
    names = names_of("theorems", theorems)
    origin = None if source is None else file_path("source", source)
    check_writable(target)
    if origin is not None:
        if names or generators is not None:
            raise InputError("`source` (--from) is a finished check: leave out theorems and generators")
        result: Result | Diagnosed = _read(origin)
    else:
        result = check(
            names,
            generators,
            beta=beta,
            epsilon=epsilon,
            observations=observations,
            region=region,
            seed=seed,
            progress=receiver,
            command=text_of("command", command),
        )
    page = diagnosis_page(result) if isinstance(result, Diagnosed) else page_html(result, names, size, receiver)
    write_text_atomically(target, page)
    content = page.encode("utf-8")
    return Report(target, len(content), sha256(content).hexdigest(), result)


def _read(path: Path) -> Result | Diagnosed:
    """The result in the JSON of `certify check` or `certify diagnose`; InputError for another file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"`{path}` is not JSON: write it with `certify check --json FILE`") from error
    if isinstance(document, dict) and "answers" in document:
        return Diagnosed.from_dict(document)
    try:
        found = CheckResult.from_dict(document)
    except InputError as error:
        raise InputError(f"`{path}` is not the JSON of `certify check`: {error}") from error
    return Result(found.theorems, found.provenance)
