"""The Python face: what the command line does, one file per verb.

Every verb takes plain values or `certify` objects, raises `InputError` for a wrong one, and returns a result that
prints, shows in a notebook, serialises and compares (`certify.api.shown`).
"""

from __future__ import annotations

from certify.api.arguments import GeneratorLike
from certify.api.audit import Audit, audit
from certify.api.certificate import Certificate, certificate
from certify.api.check import Result, check
from certify.api.check_constants import check_constants
from certify.api.constants import Constants, constants
from certify.api.encoder import EncoderResult, encoder
from certify.api.evidence import EvidenceOfData, evidence
from certify.api.load_generator import load_generator
from certify.api.prove import Proved, prove
from certify.api.replay import Replayed, replay
from certify.api.sample import Sample, sample
from certify.api.slack import Slack, slack
from certify.api.stress import Stress, stress
from certify.api.sweep import Sweep, sweep
from certify.api.theorems import Catalogue, theorems
from certify.api.verify import Verified, verify
from certify.api.write_report import Report, write_report

__all__ = [
    "Audit",
    "Catalogue",
    "Certificate",
    "Constants",
    "EncoderResult",
    "EvidenceOfData",
    "GeneratorLike",
    "Proved",
    "Replayed",
    "Report",
    "Result",
    "Sample",
    "Slack",
    "Stress",
    "Sweep",
    "Verified",
    "audit",
    "certificate",
    "check",
    "check_constants",
    "constants",
    "encoder",
    "evidence",
    "load_generator",
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
