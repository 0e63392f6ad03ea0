"""What an inverter is: it takes a permutation and an image and returns the preimage, and what that cost."""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from certify.circuits.permutation import Permutation


@dataclass(frozen=True)
class Inversion:
    """One run: `preimage` is None where the run was cut off (then `cost` is what was spent), never where it failed."""

    preimage: int | None
    cost: float
    seconds: float


@dataclass(frozen=True)
class Inverter:
    """A method of inversion; `unit` is what its cost counts, and does not depend on the machine.

    `applies` says for which permutations it is made. `run` gets the permutation, the image and a limit of the cost, and
    returns the preimage (None when cut off) and the cost; it is deterministic. `limit` is the limit by default.
    """

    name: str
    summary: str
    unit: str
    limit: float
    applies: Callable[[Permutation], bool]
    run: Callable[[Permutation, int, float], tuple[int | None, float]]

    def invert(self, permutation: Permutation, image: int, limit: float | None = None) -> Inversion:
        """Run, measure the time, and put the preimage back into the permutation.

        Raises:
            AssertionError: if the preimage found is not one: a defect of the method, not of the input.
        """
        start = time.perf_counter()
        preimage, cost = self.run(permutation, image, self.limit if limit is None else limit)
        elapsed = time.perf_counter() - start
        assert preimage is None or permutation.forward(preimage) == image, f"{self.name} returned no preimage"
        return Inversion(preimage, cost, elapsed)


def inverters() -> dict[str, Inverter]:
    """Every inverter of `certify.circuits.inverters` by name, sorted."""
    import certify.circuits.inverters as package

    found = []
    for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
        inverter = getattr(importlib.import_module(module.name), "INVERTER", None)
        if isinstance(inverter, Inverter):
            found.append(inverter)
    return {inverter.name: inverter for inverter in sorted(found, key=lambda item: item.name)}
