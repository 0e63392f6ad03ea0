"""A stress run: the examples are divided over theorems and properties, the parts run side by side and are merged.

The parts and their seeds follow from the arguments alone, and the results are merged in the order of the parts: the
number of processes changes nothing but the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from certify import provenance
from certify.atomic import write_text_atomically
from certify.discovery.registry import load_theorem, theorems
from certify.errors import InputError
from certify.execution.door import Execution
from certify.execution.work import Codec, Work, all_of_it
from certify.progress import Progress, SilentProgress
from certify.proof.theorem import Theorem
from certify.strategies.admissible import Kinds, kinds_of
from certify.stress_tests.case import saved
from certify.stress_tests.properties.steps import NAME as STEPS
from certify.stress_tests.properties.steps import claim_name
from certify.stress_tests.property import Property, properties
from certify.stress_tests.records import ClaimSummary, Failure, StressResult, TheoremStress, merged
from certify.stress_tests.replay import settled
from certify.stress_tests.runner import run_property
from certify.stress_tests.scaling import scaling_laws

PROFILES = {"quick": 100, "ci": 1000, "long": 20_000}
"""Examples by profile."""
LARGEST_PART = 50
FEWEST_EXAMPLES = 2


@dataclass(frozen=True)
class Part:
    """A piece of a run that one process does: some examples of one property of one theorem."""

    theorem: str
    property_name: str
    examples: int
    seed: int
    kinds: Kinds


def stress(
    theorem_names: Sequence[str] = (),
    *,
    examples: int = PROFILES["quick"],
    seed: int = 0,
    out: Path | None = None,
    execution: Execution | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> StressResult:
    """Put theorems (all discovered ones if none is named) through every property on random and adversarial cases.

    Args:
        theorem_names: ids or Python files.
        examples: cases in all; they are divided over the theorems and, by the properties' shares, over these.
        seed: decides every case; the same seed gives the same result.
        out: folder for failing cases, made when there is one; None keeps them in the result only.
        execution: where the parts run and their results are kept; None: one process per processor.
        progress: receives one unit per part of at most 50 examples.
        command: what the user typed, for the provenance.

    Raises:
        InputError: for an unknown theorem, or `examples` below 1.
    """
    if examples < 1:
        raise InputError(f"`examples` must be at least 1; got {examples}")
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"cannot make the folder `{out}`: a file of that name is there")
    start = provenance.started()
    progress = SilentProgress() if progress is None else progress
    named = {name: load_theorem(name) for name in (theorem_names or theorems())}
    progress.start("what is admitted", len(named))
    kinds = {}
    for name, theorem in named.items():
        kinds[name] = kinds_of(theorem)
        progress.advance()
    progress.finish()
    plan = list(parts(kinds, examples, seed))
    with Execution() if execution is None else nullcontext(execution) as place:
        found = place.collect("stress", _work(named), plan, progress)
    record = provenance.provenance(command, seed, start)
    results = []
    for name, theorem in named.items():
        mine = [claims for part, claims in zip(plan, found, strict=True) if part.theorem == name]
        results.append(_collected(theorem, mine, seed))
    if out is not None:
        results = [
            _saved(result, name, named[name], out, record["packages"])
            for name, result in zip(named, results, strict=True)
        ]
    return StressResult(tuple(results), examples, provenance.provenance(command, seed, start))


def parts(kinds: dict[str, Kinds], examples: int, seed: int) -> Iterator[Part]:
    """The pieces of a run: every property of every theorem has its share of the examples, in parts of at most 50."""
    items = properties()
    total = sum(item.share for item in items.values())
    for name, admitted in kinds.items():
        for item in items.values():
            left = max(FEWEST_EXAMPLES, round(examples / len(kinds) * item.share / total))
            index = 0
            while left > 0:
                size = min(left, LARGEST_PART)
                # A theorem's file counts by its name: the folder in which it lies changes no case.
                yield Part(name, item.name, size, derived_seed(seed, Path(name).name, item.name, index), admitted)
                left, index = left - size, index + 1


def derived_seed(seed: int, *words: object) -> int:
    """A seed in [0, 2^62) of its own for every part of a run."""
    text = "\0".join([str(seed), *map(str, words)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 2


def run_part(part: Part) -> tuple[ClaimSummary, ...]:
    """The summaries of one part; in a process of its own or in this one."""
    item: Property = properties()[part.property_name]
    return run_property(load_theorem(part.theorem), item, part.kinds, part.examples, part.seed)


def _work(named: dict[str, Theorem]) -> Work[Part, tuple[ClaimSummary, ...]]:
    files = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in named if name.endswith(".py")}
    question = {"work": "stress", "code": provenance.code_digest(), "files": files}
    return Work(run_part, Codec(_encode, _decode, _doubt, all_of_it), question, _key)


def _key(part: Part) -> str:
    return hashlib.sha256(json.dumps(asdict(part), sort_keys=True, default=sorted).encode()).hexdigest()[:32]


def _encode(claims: tuple[ClaimSummary, ...]) -> list[dict[str, Any]]:
    return [claim.to_dict() for claim in claims]


def _decode(entries: Any) -> tuple[ClaimSummary, ...]:
    return tuple(ClaimSummary.from_dict(entry) for entry in entries)


def _doubt(part: Part, claims: tuple[ClaimSummary, ...]) -> str:
    """Why a stored part is not believed; that its cases were judged rightly is as sure as the code that judged them."""
    fitting = all(item.property_name == part.property_name and item.drawn >= item.undecided for item in claims)
    return "" if fitting else "its claims are not of this part"


def _collected(theorem: Theorem, found: Sequence[tuple[ClaimSummary, ...]], seed: int) -> TheoremStress:
    by_claim: dict[tuple[str, str], list[ClaimSummary]] = {}
    for claims in found:
        for claim in claims:
            by_claim.setdefault((claim.property_name, claim.claim), []).append(claim)
    claims = tuple(merged(group) for group in by_claim.values())
    return TheoremStress(theorem.id, claims, scaling_laws(theorem, seed), _untested(theorem, by_claim.keys()))


def _untested(theorem: Theorem, tested: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """A note of the claims of the proof that no case tested: each drawn sample excluded nothing."""
    names = [claim_name(step, claim) for step in theorem.steps for claim in step.claims]
    missing = [name for name in names if (STEPS, name) not in tested]
    return (f"tested by no case: {', '.join(missing)}",) if missing else ()


def _saved(
    result: TheoremStress, name: str, theorem: Theorem, out: Path, packages: dict[str, str | None]
) -> TheoremStress:
    """The result with every failing case settled, judged once more and written to a file of its own."""
    claims = []
    for summary in result.claims:
        failure = summary.failure
        if failure is not None:
            failure = _written(settled(theorem, failure), name, out, packages)
        claims.append(replace(summary, failure=failure))
    return replace(result, claims=tuple(claims))


def _written(failure: Failure, name: str, out: Path, packages: dict[str, str | None]) -> Failure:
    case = failure.case
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder `{out}`: {error.strerror or error}") from error
    slug = "".join(character if character.isalnum() else "-" for character in failure.claim).strip("-")
    path = out / f"{case.theorem}-{case.property_name}-{slug}.json"
    file = name if name.endswith(".py") else ""
    document = saved(case, failure.claim, failure.claimed, failure.measured, file, packages)
    write_text_atomically(path, document.to_json())
    return replace(failure, file=path)
