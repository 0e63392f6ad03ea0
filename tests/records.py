"""Hand-built records: what a check leaves behind, small enough to read."""

from __future__ import annotations

from dataclasses import replace

from certify.bounds.bracket import BoundEvidence, Bracket
from certify.proof.printing import printing
from certify.proof.records import (
    AssumptionRecord,
    CheckResult,
    ClaimRecord,
    ConclusionRecord,
    EncoderSize,
    MeasuredDistance,
    ObservationRecord,
    StepLoss,
    StepRecord,
    SymbolRecord,
    TheoremRecord,
)
from certify.proof.theorem import Theorem
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


def widest_record(theorem: Theorem) -> TheoremRecord:
    """Every table of a theorem with every cell filled, by numbers and sentences as wide as a check writes them."""
    reason = (
        "the float is 4.9e-16 beyond the claim, below the resolution of the comparison: Clopper-Pearson, exact draws"
    )
    numbers = {"claimed": 1.2345678e-123, "measured": -9.8765432e-101, "slack": 1.2345e21}
    wide = replace(
        claim(reason=reason), interval=(-1.234e-12, 5.678e-12), confidence=1 - 1e-6, cases=1200000, **numbers
    )
    names = [item.name for item in theorem.quantities]
    bracket = replace(BRACKET, lower=1.23456e-10, upper=9.87654e-10)
    return TheoremRecord(
        theorem.id,
        theorem.title,
        "residual:d=2,width=8,depth=1,lipschitz=0.3,activation=tanh,seed=0",
        tuple(
            AssumptionRecord(
                item.label, item.statement, Verdict.NOT_APPLICABLE, Evidence.STATISTICAL, item.constant, bracket,
                reason, latex=item.latex,
            )
            for item in theorem.assumptions
        ),
        tuple(
            StepRecord(
                step.label,
                step.title,
                step.uses,
                tuple(
                    replace(wide, name=item.name, text=item.text, latex=item.latex(theorem.tex), relation=item.relation)
                    for item in step.claims
                ),
            )
            for step in theorem.steps
        ),
        ConclusionRecord(
            Verdict.NOT_APPLICABLE, dict.fromkeys(names, 1.2345678e-123), record().conclusion.tv_measured,  # type: ignore[union-attr]
            record().conclusion.size, (theorem.conclusion.statement, reason), reason,  # type: ignore[union-attr]
        ),
        {name: (1.23456789e-123, 1.23456791e-123) for name in names},
        symbols=printing(theorem),
        losses=tuple(
            StepLoss(step.label, step.title, ("a", "b"), tuple(names[:3]), (0.5, 0.25), 1.2345e-12, 12.5, False)
            for step in theorem.steps
        ),
        observations=tuple(
            ObservationRecord(index, Verdict.INCONCLUSIVE, theorem.id, 123456, 1.2345e-10, reason)
            for index in range(12)
        ),
    )  # fmt: skip


def result(*records: TheoremRecord) -> CheckResult:
    provenance = {"version": "0.1.0", "seed": 0, "started": "2020-01-01T00:00:00+00:00", "seconds": 12.5}
    return CheckResult(records or (record(),), provenance)
