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
    from certify.api.audit import audit as audit
    from certify.api.certificate import certificate as certificate
    from certify.api.check import check as check
    from certify.api.check_constants import check_constants as check_constants
    from certify.api.constants import constants as constants
    from certify.api.diagnose import diagnose as diagnose
    from certify.api.encoder import encoder as encoder
    from certify.api.evidence import evidence as evidence
    from certify.api.load_generator import load_generator as load_generator
    from certify.api.new_theorem import new_theorem as new_theorem
    from certify.api.prove import prove as prove
    from certify.api.replay import replay as replay
    from certify.api.sample import sample as sample
    from certify.api.slack import slack as slack
    from certify.api.stress import stress as stress
    from certify.api.sweep import sweep as sweep
    from certify.api.theorems import theorems as theorems
    from certify.api.verify import verify as verify
    from certify.api.write_report import write_report as write_report
    from certify.bounds.bracket import Region as Region
    from certify.errors import CertifyError as CertifyError
    from certify.errors import InputError as InputError
    from certify.errors import MissingExtraError as MissingExtraError
    from certify.errors import UnknownNameError as UnknownNameError
    from certify.generators.graph import Generator as Generator
    from certify.verdict import Evidence as Evidence
    from certify.verdict import Verdict as Verdict

_HOMES = {
    "CertifyError": "certify.errors",
    "Evidence": "certify.verdict",
    "Generator": "certify.generators.graph",
    "InputError": "certify.errors",
    "MissingExtraError": "certify.errors",
    "Region": "certify.bounds.bracket",
    "UnknownNameError": "certify.errors",
    "Verdict": "certify.verdict",
}
"""Where the types come from; every verb comes from the file of its name in `certify.api`."""

__all__ = [
    "CertifyError",
    "Evidence",
    "Generator",
    "InputError",
    "MissingExtraError",
    "Region",
    "UnknownNameError",
    "Verdict",
    "__version__",
    "audit",
    "certificate",
    "check",
    "check_constants",
    "constants",
    "diagnose",
    "encoder",
    "evidence",
    "load_generator",
    "new_theorem",
    "prove",
    "replay",
    "sample",
    "slack",
    "stress",
    "sweep",
    "theorems",
    "verify",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'certify' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, f"certify.api.{name}")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return list(__all__)
