"""A recipe per operator: random nodes with their inputs, attributes and optional inputs, for every operator set.

A recipe draws valid nodes for the most part, and now and then one that is not. The conformance test goes through the
schemas with them, the campaign of benchmarks/onnx_campaign.py compares thousands with the runtime. A file of this
folder adds its recipes to the table.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.onnx_recipes.draw import RECIPES, Draw, Piece, Unsuitable

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["RECIPES", "Draw", "Piece", "Unsuitable"]
