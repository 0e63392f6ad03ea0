"""The inclusion contract function by function: each check draws arguments, finds the truth exactly, compares.

A check belongs to one or more public functions of the modules in `MODULES` and is found by their names; a file of this
folder adds its checks to `CHECKS`. Truth is rational (`exact.py`), or a ball at thousands of bits for what has no
rational value; arguments reach from the smallest subnormal to beyond 10^300 (`draw.py`).
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.inclusion.draw import CHECKS, UNCHECKED

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["CHECKS", "UNCHECKED"]
