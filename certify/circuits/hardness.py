"""Measured cost of inverting the permutations of Theorem 2, beside the size of the generators they are compiled to.

Measurement is not proof: it says what the methods tried cost at the sizes tried. No finite run shows an exponential
lower bound, and no run here is used as one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np

from certify.circuits.growth import Growth, fit_growth, fit_power_law
from certify.circuits.inverter import Inverter, inverters
from certify.circuits.permutation import FAMILIES, Permutation, permutation
from certify.codec import Readable, decode, encode
from certify.errors import InputError, UnknownNameError
from certify.execution.door import Execution
from certify.execution.work import Codec, Work, all_of_it
from certify.progress import Progress, SilentProgress
from certify.provenance import code_digest

CONTROLS = frozenset({"feistel", "linear"})
FLAT = 0.5
"""log2(cost) per bit below which a method's growth on a control is called flat; a search over all inputs has 1."""
DECISIVE = 2.0
"""Difference of log-likelihoods from which one of the two laws of growth is said to fit better."""
NOT_A_PROOF = (
    "measured cost of the methods tried at the sizes tried; that no faster method exists is the hypothesis of "
    "Theorem 2, which no measurement proves"
)


@dataclass(frozen=True)
class Run:
    """One inversion; `finished` is False where it was cut off, and `cost` then is a lower bound of its cost."""

    family: str
    method: str
    bits: int
    cost: float
    seconds: float
    finished: bool


@dataclass(frozen=True)
class Curve(Readable):
    """All runs of one method on one family.

    `growth` (cost = 2^(rate n)) and `power` (cost = n^rate) are None where too few runs finished; `reason` says so.
    `left_out`: the sizes asked for that were not tried, as every run of a smaller one was cut off.
    """

    family: str
    method: str
    unit: str
    runs: tuple[Run, ...]
    growth: Growth | None
    power: Growth | None
    reason: str = ""
    left_out: tuple[int, ...] = ()

    @property
    def law(self) -> str:
        """Which law fits: "flat", "2^n", "n^k", "undecided" between these two, or "" where none was fitted."""
        if self.growth is None or self.power is None:
            return ""
        if abs(self.growth.rate_lower) < FLAT / 10 and abs(self.growth.rate_upper) < FLAT / 10:
            return "flat"
        gain = self.growth.log_likelihood - self.power.log_likelihood
        return "undecided" if abs(gain) < DECISIVE else "2^n" if gain > 0 else "n^k"

    @property
    def largest_finished(self) -> int | None:
        """Largest number of bits at which every run finished."""
        sizes = {run.bits for run in self.runs}
        done = [size for size in sizes if all(run.finished for run in self.runs if run.bits == size)]
        return max(done, default=None)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "family": self.family,
            "method": self.method,
            "unit": self.unit,
            "control": self.family in CONTROLS,
            "largest_bits": self.largest_finished,
            "left_out": list(self.left_out),
            "growth": _law_document(self.growth, "bits_per_bit"),
            "power": _law_document(self.power, "degree"),
            "degree": None if self.power is None else self.power.rate,
            "law": self.law,
            "reason": self.reason,
            "runs": [
                {"bits": run.bits, "cost": run.cost, "seconds": run.seconds, "finished": run.finished}
                for run in self.runs
            ],
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        plain = {key: document[key] for key in ("family", "method", "unit", "reason", "left_out")}
        rates = {"growth": "bits_per_bit", "power": "degree"}
        laws = {name: _law_read(document[name], rate) for name, rate in rates.items()}
        runs = [{"family": plain["family"], "method": plain["method"], **run} for run in document["runs"]]
        return cls._of_fields({**plain, **laws, "runs": runs})


@dataclass(frozen=True)
class Hardness(Readable):
    """Curves of every family and method, and the gate counts of the circuits by family and bits.

    `idle`: methods that were made for none of the permutations asked for, or whose library is not installed.
    """

    curves: tuple[Curve, ...]
    gates: dict[str, dict[int, int]]
    idle: tuple[str, ...] = ()

    @property
    def best(self) -> dict[str, Curve]:
        """For each family the method whose fitted cost at the largest number of bits asked for is least.

        Of those that know nothing of a control's key. Units differ between methods; what is compared is the count.
        """
        found = {}
        for family, row in self.gates.items():
            largest = max(row, default=0)
            fitted = [
                (curve.growth.intercept + curve.growth.rate * largest, curve.method, curve)
                for curve in self.curves
                if curve.family == family and curve.method != "structure" and curve.growth is not None
            ]
            if fitted:
                found[family] = min(fitted, key=lambda item: item[:2])[2]
        return found

    @property
    def easy_controls(self) -> dict[str, bool]:
        """Whether some method that knows nothing of a control's key inverts it at flat cost, for each control."""
        return {
            family: any(
                curve.growth is not None and curve.growth.rate_upper < FLAT
                for curve in self.curves
                if curve.family == family and curve.method != "structure"
            )
            for family in sorted(CONTROLS & self.gates.keys())
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON form, without provenance."""
        return {
            "schema": 1,
            "curves": [curve.to_dict() for curve in self.curves],
            "gates": {family: {str(bits): count for bits, count in row.items()} for family, row in self.gates.items()},
            "easy_controls": self.easy_controls,
            "best": {family: curve.method for family, curve in self.best.items()},
            "idle": list(self.idle),
            "note": NOT_A_PROOF,
        }

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        written = decode(dict[str, dict[str, int]], document["gates"], "the gate counts")
        gates = {family: {int(bits): count for bits, count in row.items()} for family, row in written.items()}
        idle = decode(tuple[str, ...], document["idle"], "the idle methods")
        return cls(decode(tuple[Curve, ...], document["curves"], "the curves"), gates, idle)


_RATES = {"rate_lower": "lower", "rate_upper": "upper"}


def _law_document(law: Growth | None, rate: str) -> dict[str, Any] | None:
    """A law of growth as JSON, its rate under the name that says in which unit."""
    names = {"rate": rate, **_RATES}
    return None if law is None else {names.get(key, key): value for key, value in asdict(law).items()}


def _law_read(document: Mapping[str, Any] | None, rate: str) -> dict[str, Any] | None:
    names = {name: key for key, name in {"rate": rate, **_RATES}.items()}
    return None if document is None else {names.get(key, key): value for key, value in document.items()}


def measure_hardness(
    families: Sequence[str],
    bits: Sequence[int],
    *,
    runs: int = 5,
    effort: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
    execution: Execution | None = None,
) -> Hardness:
    """Invert images of uniform inputs by every method that applies.

    Args:
        families: names of permutation families; empty for all.
        bits: numbers of bits, each in [2, 40].
        runs: images per family, method and size.
        effort: scales every method's limit; one that was cut off in all runs of a size is not tried at larger sizes.
        seed: of the images and of the controls.
        progress: receives how far the work has come.
        execution: where the methods run; None: here, one after the other, so that none disturbs another's seconds.

    Raises:
        UnknownNameError: for a family that is not known. InputError: for bits, runs or effort out of range.
    """
    chosen = list(families) or sorted(FAMILIES)
    for family in chosen:
        if family not in FAMILIES:
            raise UnknownNameError("permutation family", family, FAMILIES)
    if not bits or min(bits) < 2 or max(bits) > 40:
        raise InputError(f"`bits` must be numbers in [2, 40]; got {list(bits)}")
    if runs < 1 or not effort > 0:
        raise InputError(f"`runs` must be at least 1 and `effort` positive; got {runs} and {effort}")
    sizes, methods = tuple(sorted(set(bits))), inverters()
    progress = SilentProgress() if progress is None else progress
    gates, tasks = {}, []
    for family in chosen:
        instances = _instances(family, sizes, seed)
        gates[family] = {instance.bits: instance.circuit.gates for instance in instances}
        tasks += [(family, name) for name, item in methods.items() if any(map(item.applies, instances))]
    question = {
        "work": "hardness", "bits": list(sizes), "runs": runs, "effort": effort, "seed": seed, "code": code_digest(),
    }  # fmt: skip
    work = Work(partial(_runs, sizes, runs, effort, seed), Codec(encode, _decode, _doubt, all_of_it), question, _key)
    with Execution("serial") if execution is None else nullcontext(execution) as place:
        found = place.collect("inversion", work, tasks, progress)
    curves = []
    for (family, name), these in zip(tasks, found, strict=True):
        left_out = {item.bits for item in _instances(family, sizes, seed)} - {run.bits for run in these}
        curves.append(replace(_curve(family, methods[name], these), left_out=tuple(sorted(left_out))))
    idle = sorted(methods.keys() - {name for _, name in tasks})
    return Hardness(tuple(curves), gates, tuple(idle))


def _key(task: tuple[str, str]) -> str:
    return hashlib.sha256(json.dumps(task).encode()).hexdigest()[:32]


def _decode(document: Any) -> tuple[Run, ...]:
    return decode(tuple[Run, ...], document, "the runs")


def _doubt(task: tuple[str, str], found: tuple[Run, ...]) -> str:
    """Why stored runs are not believed; a measurement is as sure as the code that made it."""
    return "" if all((run.family, run.method) == task for run in found) else "they are of another method"


@lru_cache(maxsize=2)
def _instances(family: str, sizes: tuple[int, ...], seed: int) -> tuple[Permutation, ...]:
    return tuple(permutation(family, size, seed) for size in sizes)


def _runs(sizes: tuple[int, ...], runs: int, effort: float, seed: int, task: tuple[str, str]) -> tuple[Run, ...]:
    """All runs of one method on one family, up to the size of which none finished."""
    method = inverters()[task[1]]
    found: list[Run] = []
    for instance in filter(method.applies, _instances(task[0], sizes, seed)):
        random = np.random.default_rng([seed, instance.bits])
        images = [instance.forward(int(x)) for x in random.integers(0, 1 << instance.bits, size=runs)]
        these = []
        for image in images:
            inversion = method.invert(instance, image, effort * method.limit)
            these.append(
                Run(
                    instance.family,
                    method.name,
                    instance.bits,
                    max(inversion.cost, 1.0),
                    inversion.seconds,
                    inversion.preimage is not None,
                )
            )
        found += these
        if not any(run.finished for run in these):
            break
    return tuple(found)


def _curve(family: str, method: Inverter, runs: Sequence[Run]) -> Curve:
    sample = ([run.bits for run in runs], [run.cost for run in runs], [not run.finished for run in runs])
    try:
        growth, power = fit_growth(*sample), fit_power_law(*sample)
    except InputError as error:
        return Curve(family, method.name, method.unit, tuple(runs), None, None, str(error))
    return Curve(family, method.name, method.unit, tuple(runs), growth, power)
