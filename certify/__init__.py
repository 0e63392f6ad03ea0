"""Theorems about encoders, checked step by step on a given decoder, with certified numbers.

    import certify
    generator = certify.load_generator("decoder.onnx")
    certify.constants(generator)
    result = certify.check("strong-invertibility", generator, beta=0.02, epsilon=0.1)
    result.verdict, result.to_dict(), result.to_latex()

Nothing heavy is imported before the first of these names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from certify.version import __version__

if TYPE_CHECKING:
    from certify.api import check as check
    from certify.api import check_constants as check_constants
    from certify.api import constants as constants
    from certify.api import load_generator as load_generator
    from certify.api import sample as sample
    from certify.bounds.bracket import Region as Region
    from certify.errors import CertifyError as CertifyError
    from certify.errors import InputError as InputError
    from certify.generators.graph import Generator as Generator
    from certify.proof.sweep import sweep as sweep
    from certify.verdict import Evidence as Evidence
    from certify.verdict import Verdict as Verdict

_HOMES = {
    "CertifyError": "certify.errors",
    "Evidence": "certify.verdict",
    "Generator": "certify.generators.graph",
    "InputError": "certify.errors",
    "Region": "certify.bounds.bracket",
    "Verdict": "certify.verdict",
    "check": "certify.api",
    "check_constants": "certify.api",
    "constants": "certify.api",
    "load_generator": "certify.api",
    "sample": "certify.api",
    "sweep": "certify.proof.sweep",
}

__all__ = [
    "CertifyError",
    "Evidence",
    "Generator",
    "InputError",
    "Region",
    "Verdict",
    "__version__",
    "check",
    "check_constants",
    "constants",
    "load_generator",
    "sample",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'certify' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return list(__all__)
