"""Hand-built records: what a check leaves behind, small enough to read."""

from __future__ import annotations

from certify.bounds.bracket import BoundEvidence, Bracket
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    ClaimRecord,
    ConclusionRecord,
    EncoderSize,
    MeasuredDistance,
    StepRecord,
    SymbolRecord,
    TheoremRecord,
)
from certify.verdict import Evidence, Verdict

BRACKET = Bracket(
    0.49999999,
    1 / 3 + 0.2,
    BoundEvidence(Evidence.RIGOROUS, "residual"),
    BoundEvidence(Evidence.RIGOROUS, "witness"),
)


def claim(
    name: str = "upper",
    relation: str = "<=",
    verdict: Verdict = Verdict.SUPPORTED,
    slack: float = 1.25,
    reason: str = "",
) -> ClaimRecord:
    return ClaimRecord(
        name=name,
        text="largest eigenvalue of Hess f <= L(R) for |z - zh| <= R",
        latex=r"\lambda_{\max}(\nabla^2 f) \leq L(R)",
        relation=relation,
        verdict=verdict,
        evidence=Evidence.STATISTICAL,
        claimed=976.0000123,
        measured=780.80001,
        slack=slack,
        cases=512,
        seed=0,
        reason=reason,
    )


def record(
    verdict: Verdict = Verdict.SUPPORTED, generator: str | None = "linear:d=8,kappa=1.5,seed=0"
) -> TheoremRecord:
    assumption = AssumptionRecord(
        "A1", "|G(z)-G(z')| >= m |z-z'|, m > 0", Verdict.PROVED, Evidence.RIGOROUS, "m", BRACKET, "m >= 0.49 certified"
    )
    reason = "" if verdict is Verdict.SUPPORTED else "measured exceeds claimed"
    steps = (
        StepRecord(
            "S2", "log-concavity radius", ("S1",), (claim(verdict=verdict, reason=reason), claim("lower", ">="))
        ),
        StepRecord("S3", "mode", ("S2",), (claim("mode", "<=", Verdict.PROVED, 1.0),)),
    )
    conclusion = ConclusionRecord(
        Verdict.PROVED,
        {"epsilon": 0.1, "beta": 0.05, "beta_max": 0.1854321987, "K": 109123, "K_gd": 31, "eta": 1.23456789e-7}
        | {"tv_bound": 0.09261270334, "beta_trained": None},
        MeasuredDistance(0.00041631, 0.0004163, 0.00041632, "transition operator"),
        EncoderSize(64, 13969792, 64, 14000000.5),
        ("d^1/2 where the paper asks d^3/2: operator norm of D^2 G",),
    )
    return TheoremRecord(
        "strong-invertibility",
        "Strongly invertible decoders have small encoders",
        generator,
        (assumption,),
        steps,
        conclusion,
        {"mu": (325.99999999999, 326.00000000001), "L": (976.0, 976.0)},
        symbols={"eta": SymbolRecord(r"\eta", "Langevin step size", shown=True)},
    )


def result(*records: TheoremRecord) -> CheckResult:
    provenance = {"version": "0.1.0", "seed": 0, "started": "2020-01-01T00:00:00+00:00", "seconds": 12.5}
    return CheckResult(records or (record(),), provenance)
