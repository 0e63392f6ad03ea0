"""How each ONNX operator becomes nodes of the generator graph: one file per group of operators.

A group is a module with a table `OPERATORS` from operator names to lowerings; adding a file adds its operators.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from certify.generators.onnx_operators.activation import Lowering


@cache
def lowerings() -> dict[str, Lowering]:
    """Every supported operator with its lowering, collected from the modules of this package."""
    found: dict[str, Lowering] = {}
    for module in pkgutil.iter_modules(__path__):
        table = getattr(importlib.import_module(f"{__name__}.{module.name}"), "OPERATORS", {})
        found.update(table)
    return dict(sorted(found.items()))
