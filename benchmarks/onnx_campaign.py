"""Random ONNX models, one operator or a chain of three, as the import reads them and as ONNX Runtime runs them.

    python -m benchmarks.onnx_campaign --models 10000 --seed 0

Every model has one latent vector; shapes, attributes, optional inputs and which inputs are constants are drawn by the
recipes of tests/onnx_recipes.py, the operator set from 13 to the newest that the runtime runs, the precision from
float32 and float64. Both sides are evaluated at three points; the tolerance is the running error analysis of
`tests.onnx_comparison.error_bound`. Model number i is made from the seed (S, i) alone, whichever worker does it.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from certify.execution.door import Execution
from certify.execution.work import plain_work
from certify.generators.onnx_operators import lowerings
from certify.generators.onnx_operators.folding import FOLDED, SHAPES
from certify.generators.onnx_operators.schema import schema
from tests.onnx_comparison import Outcome, compared, newest_opset, random_model
from tests.onnx_recipes import Draw

OLDEST = 13
PART = 100
"""Models of one task."""
RESULTS = Path("benchmarks/results/onnx_campaign.md")


@dataclass
class Tally:
    """Verdicts, reasons and operators of some models."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        self.verdicts += other.verdicts
        self.reasons += other.reasons
        self.operators += other.operators
        self.failures += other.failures
        return self


def outcome(seed: int, number: int, newest: int) -> tuple[str, Outcome, onnx.ModelProto]:
    """Operators, verdict and model of one number."""
    draw = Draw(f"{seed} {number}")
    opset, dtype, length = draw.randint(OLDEST, newest), draw.choice((np.float32, np.float64)), draw.choice((1, 3))
    kinds = [kind for kind in sorted({*lowerings(), *FOLDED, *SHAPES}) if schema(kind, opset) is not None]
    proto, names = random_model(draw, kinds, opset, dtype, length)
    try:
        return names, compared(proto, number), proto
    except Exception as error:  # what the campaign looks for is exactly that which nobody foresaw
        return names, Outcome("different", f"{type(error).__name__}: {error}"), proto


def campaign(seed: int, numbers: range, newest: int, keep: Path | None) -> Tally:
    """The tally of some numbers of a seed."""
    tally = Tally()
    for number in numbers:
        names, found, proto = outcome(seed, number, newest)
        tally.verdicts[found.verdict] += 1
        for kind in set(names.split()):
            tally.operators[kind, found.verdict] += 1
        if found.verdict == "refused by us":
            tally.reasons[reason(found.reason)] += 1
        if found.verdict == "different":
            tally.failures.append(f"{seed} {number} opset {proto.opset_import[0].version} {names}: {found.reason}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                onnx.save(proto, str(keep / f"{seed}_{number}.onnx"))
    return tally


def part(seed: int, newest: int, keep: Path | None, numbers: tuple[int, int]) -> dict[str, object]:
    """The tally of some numbers, as JSON."""
    tally = campaign(seed, range(*numbers), newest, keep)
    return {**vars(tally), "operators": [[*pair, count] for pair, count in tally.operators.items()]}


def read(item: dict[str, Any]) -> Tally:
    """What `part` wrote."""
    operators = Counter({(kind, verdict): count for kind, verdict, count in item["operators"]})
    return Tally(Counter(item["verdicts"]), Counter(item["reasons"]), operators, item["failures"])


def reason(message: str) -> str:
    """A refusal without what it says about one file."""
    kept = re.sub(r"^`[^`]*`: ", "", message)
    kept = re.sub(r"operator `(\w+)` \(node [^)]*\)", r"\1", kept)
    return re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?|\([^)]*\)|\[[^]]*\]", "_", kept)[:150]


def report(tally: Tally, options: argparse.Namespace, newest: int, seconds: float) -> str:
    """The results as Markdown."""
    lines = [
        "# Random ONNX models against ONNX Runtime",
        "",
        f"`python -m benchmarks.onnx_campaign --models {options.models} --seed {options.seed}`, "
        f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, "
        f"operator sets {OLDEST} to {newest}, {seconds:.0f} s.",
        "",
        "| verdict | models |",
        "| --- | --- |",
        *(f"| {verdict} | {count} |" for verdict, count in tally.verdicts.most_common()),
        "",
        "`no kernel`: the runtime has the operator in another precision or operator set only. "
        "`refused by the runtime`: it finds the model invalid, and the import read it.",
        "",
        "## Refused by the import",
        "",
        "| models | reason |",
        "| --- | --- |",
        *(f"| {count} | {text.replace('|', '/')} |" for text, count in tally.reasons.most_common(60)),
        "",
        "## Operators",
        "",
        "| operator | equal | refused by us | refused by the runtime | no kernel | not finite | different |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    verdicts = ("equal", "refused by us", "refused by the runtime", "no kernel", "not finite", "different")
    for kind in sorted({kind for kind, _ in tally.operators}):
        lines.append(f"| {kind} | " + " | ".join(str(tally.operators[kind, verdict]) for verdict in verdicts) + " |")
    lines += ["", "## Different", "", *(tally.failures or ["none"]), ""]
    return "\n".join(lines)


def main() -> None:
    """Run the campaign and write its results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the models that differ")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    newest, start = newest_opset(OLDEST), time.perf_counter()
    numbers = [[first, min(first + PART, options.models)] for first in range(0, options.models, PART)]
    total = Tally()
    with Execution("serial" if options.workers == 1 else f"processes:{options.workers}") as execution:
        work = plain_work(partial(part, options.seed, newest, options.keep), {"work": "onnx campaign"})
        for item in execution.collect("campaign", work, numbers):
            total += read(item)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(report(total, options, newest, time.perf_counter() - start))
    print(dict(total.verdicts))
    for failure in total.failures[:40]:
        print(failure)


if __name__ == "__main__":
    main()
