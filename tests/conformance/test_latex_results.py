"""The tables of what is no check of a theorem (hardness, evidence, audit, diagnosis, certificates), at their widest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from certify.api.audit import Audit
from certify.api.certificate import Certificate
from certify.api.diagnose import Diagnosed
from certify.api.evidence import EvidenceOfData
from certify.audits.records import Calibration, DistanceEnd, EncoderBracket, ObservationAudit, RankTest
from certify.circuits.growth import Growth
from certify.circuits.hardness import Curve, Hardness, Run
from certify.diagnosis.records import Answer
from certify.envelopes.log_evidence import Interval, LogEvidence
from certify.marginal.data import ObservationEvidence
from certify.marginal.elbo import Elbo
from certify.report.hardness import hardness_tables
from certify.report.table import Table
from certify.verdict import Verdict
from tests.latex import PDFLATEX, unfit

pytestmark = pytest.mark.skipif(PDFLATEX is None, reason="needs pdflatex (Debian: texlive-latex-recommended)")
GENERATOR = {"name": "residual:d=2,width=8,depth=1,lipschitz=0.3,activation=tanh,seed=0", "sha256": "0" * 64}
METHOD = "classifier at 2 x 50000 held-out draws, Clopper-Pearson; exact draws under a certified envelope (K = 123456)"
SENTENCE = (
    "no collapse at this noise: the code carries at least 6.014 nats (8.677 bits) of x, at most 8.665 nats (12.51 "
    "bits); one nat is kept up to noise 1.355; at no noise does the lower end vanish"
)


def hardness() -> tuple[Table, ...]:
    law = Growth(1.2345, 0.9876, 1.4321, 3.25, 0.5, 0.95, 45, 12, -12.5)
    runs = tuple(Run("feistel", "sat", bits, 2.0**bits, 0.1, bits < 20) for bits in range(6, 24, 2))
    methods = ("baby-step-giant-step", "guess-and-determine", "sat-parity")
    reason = "costs span less than a factor of two: no law is fitted to them"
    curves = [
        Curve(family, method, "propagations of the solver", runs, law if fitted else None, law if fitted else None,
              "" if fitted else reason, (26, 28, 30))
        for family in ("gf2exp", "modexp", "linear", "feistel")
        for method, fitted in zip(methods, (True, False, True), strict=True)
    ]  # fmt: skip
    gates = {family: {bits: 1234567 * bits for bits in range(6, 41)} for family in ("gf2exp", "linear")}
    return hardness_tables(Hardness(tuple(curves), gates, ("cryptominisat", "pohlig-hellman")))


def evidence() -> tuple[Table, ...]:
    wide = Interval(-1234.5678901, -1234.5678123, "statistical", 1 - 1e-6)
    held = ObservationEvidence(LogEvidence(wide, wide, "Gaussian mixture of 123 boxes", ""), Elbo(wide, METHOD))
    lost = ObservationEvidence(LogEvidence(None, None, "affine forms over boxes", METHOD), Elbo(None, METHOD, METHOD))
    rows = (held, lost) * 9
    return EvidenceOfData(GENERATOR, "gaussian", 0.386, rows, "encoder_residual_d8", 100000)._tables()


def audit() -> tuple[Table, ...]:
    ends = DistanceEnd(0.012345678, METHOD, 1e-7), DistanceEnd(0.98765432, f"{METHOD}; both", 1e-7)
    bracket = EncoderBracket(0.123456789, *ends, METHOD, METHOD)
    seen = [ObservationAudit(index, METHOD, bracket, Verdict.INCONCLUSIVE, METHOD) for index in range(12)]
    test = RankTest("squared distance to the observation", np.ones(16), (1, 9), 1.2345e-3, 1.2345e-67)
    calibration = Calibration(123456, 99, 1e-6, (test,) * 6, bracket, (METHOD,))
    encoder = {"name": "encoder_residual_d8"}
    found = Audit(
        encoder, GENERATOR, 0.386, 0.1, tuple(seen), calibration, Verdict.INCONCLUSIVE, METHOD, 1e-6, (METHOD,)
    )
    return found._tables()


def diagnosis() -> tuple[Table, ...]:
    questions = ("price of a diagonal encoder", "reconstruction and noise", "collapse", "constants")
    answers = tuple(Answer(name, Verdict.NOT_APPLICABLE, SENTENCE, advice=f"{name}: {SENTENCE}") for name in questions)
    return Diagnosed(GENERATOR, "gaussian", 0.386, 0.1, 200, "encoder_residual_d8", answers)._tables()


def certificate() -> tuple[Table, ...]:
    long = f"{3**200}/{7**120}"
    claims = {"lipschitz": long, "lower_derivative_2": f"-{long}", "acceptance": "0.0123", "sha256": "0f" * 32}
    found = Certificate("rejection", "Theorem R at one observation", "residual_d8.onnx", {"claims": claims}, METHOD)
    return found._tables()


@pytest.mark.parametrize("made", [hardness, evidence, audit, diagnosis, certificate], ids=lambda made: made.__name__)
def test_the_widest_tables_fit_in_one_column_and_in_two(made: object, tmp_path: Path) -> None:
    assert callable(made)
    tables = [(table.name, table) for table in made()]
    assert tables and all(table.rows for _, table in tables)
    assert list(unfit(tables, tmp_path)) == []
