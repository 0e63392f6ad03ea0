"""The kernels by their names: a new one is a class of its own and a line here."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from certify.errors import InputError, UnknownNameError
from certify.sampling.langevin import Descent, ExponentialIntegrator, Langevin, ProjectedLangevin
from certify.sampling.mala import Mala
from certify.sampling.preconditioned import Preconditioned

KERNELS: dict[str, type[Any]] = {
    "descent": Descent,
    "exponential": ExponentialIntegrator,
    "langevin": Langevin,
    "mala": Mala,
    "preconditioned": Preconditioned,
    "projected": ProjectedLangevin,
}
"""The kernels' classes by name."""


def find_kernel(name: str, **arguments: Any) -> Any:
    """The kernel `name` with these arguments of its class.

    Raises `UnknownNameError` for a name that no kernel has, `InputError` for arguments that it does not take or lacks.
    """
    if name not in KERNELS:
        raise UnknownNameError("kernel", name, KERNELS)
    taken = [field for field in fields(KERNELS[name]) if field.init]
    needed = {field.name for field in taken if field.default is MISSING}
    if not needed <= set(arguments) <= {field.name for field in taken}:
        listed = ", ".join(f"`{field.name}`" for field in taken) or "nothing"
        got = ", ".join(f"`{argument}`" for argument in arguments) or "nothing"
        raise InputError(f"kernel `{name}`, which is `{KERNELS[name].__name__}(...)`, takes {listed}; got {got}")
    return KERNELS[name](**arguments)
