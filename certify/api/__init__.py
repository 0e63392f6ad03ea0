"""The Python face: what the command line does, one file per verb.

Every verb takes plain values or `certify` objects, raises `InputError` for a wrong one, and returns a result that
prints, shows in a notebook, serialises and compares (`certify.api.shown`).
"""

from __future__ import annotations

from certify.api.arguments import GeneratorLike as GeneratorLike
from certify.api.audit import Audit as Audit
from certify.api.audit import audit as audit
from certify.api.certificate import Certificate as Certificate
from certify.api.certificate import certificate as certificate
from certify.api.check import Result as Result
from certify.api.check import check as check
from certify.api.check_constants import check_constants as check_constants
from certify.api.constants import Constants as Constants
from certify.api.constants import constants as constants
from certify.api.diagnose import Diagnosed as Diagnosed
from certify.api.diagnose import diagnose as diagnose
from certify.api.encoder import EncoderResult as EncoderResult
from certify.api.encoder import encoder as encoder
from certify.api.evidence import EvidenceOfData as EvidenceOfData
from certify.api.evidence import evidence as evidence
from certify.api.load_generator import load_generator as load_generator
from certify.api.new_theorem import NewTheorem as NewTheorem
from certify.api.new_theorem import new_theorem as new_theorem
from certify.api.prove import Proved as Proved
from certify.api.prove import prove as prove
from certify.api.replay import Replayed as Replayed
from certify.api.replay import replay as replay
from certify.api.sample import Sample as Sample
from certify.api.sample import sample as sample
from certify.api.slack import Slack as Slack
from certify.api.slack import slack as slack
from certify.api.stress import Stress as Stress
from certify.api.stress import stress as stress
from certify.api.sweep import Sweep as Sweep
from certify.api.sweep import sweep as sweep
from certify.api.theorems import Catalogue as Catalogue
from certify.api.theorems import theorems as theorems
from certify.api.verify import Verified as Verified
from certify.api.verify import verify as verify
from certify.api.write_report import Report as Report
from certify.api.write_report import write_report as write_report
