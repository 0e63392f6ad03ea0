"""S9: the encoder's parameters counted against the bound, and the explicit form evaluated in balls."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from certify.arithmetic.balls import exact_integer, upper
from certify.encoders.size import shared_size, unrolled_size
from certify.generators.graph import Generator
from certify.proof.conclusion import explicit_beta, explicit_certificate
from certify.proof.instance import Instance
from certify.proof.optimiser import Certificate
from certify.proof.records import EncoderSize
from certify.proof.theorem import Finding
from certify.verdict import Evidence

FRACTIONS = (1.0, 0.5, 0.1)


def encoder_size(certificate: Certificate, generator: Generator | None) -> EncoderSize | None:
    """The size of the encoder of `certificate`, as `counted_size`."""

    def count(decoder: Generator) -> tuple[int, int]:
        descent, langevin = (int(upper(certificate[name])) for name in ("K_gd", "K"))
        return unrolled_size(decoder, descent, langevin), shared_size(decoder)

    return counted_size(certificate, generator, count)


def counted_size(
    certificate: Certificate, generator: Generator | None, count: Callable[[Generator], tuple[int, int]]
) -> EncoderSize | None:
    """Exact `count` (unrolled, shared) for a generator; at bare constants the bound stands for it; None without N."""
    if "N" not in certificate.values:
        return None
    bound = upper(certificate["size_bound"])
    if generator is None:
        parameters = exact_integer(certificate["N"]) or 0
        return EncoderSize(parameters, int(bound), parameters + 4, bound)
    return EncoderSize(generator.parameters, *count(generator), bound)


def size_and_explicit_form(instance: Instance) -> tuple[Finding, ...]:
    """Findings on the claims "parameters" (exact count) and "explicit form" (at fractions of its largest beta)."""
    size = encoder_size(instance.certificate, instance.generator)
    findings = []
    if size is not None:
        findings.append(
            Finding(
                "parameters",
                float(size.encoder_unrolled),
                1,
                Evidence.RIGOROUS,
                exhaustive=True,
                recheck=lambda: arb(size.encoder_unrolled),
                reason="counted",
            )
        )
    inputs = {name: instance.values[name] for name in ("d", "m", "M", "M2", "N", "epsilon", "t_x")}
    largest = explicit_beta(instance.theorem, inputs)
    assert largest is not None, "a theorem with this claim has an explicit form"
    for fraction in FRACTIONS:
        certificate = explicit_certificate(instance.theorem, {**inputs, "beta": fraction * largest})
        if certificate is None:
            reason = f"at beta = {fraction * largest:.4g} the explicit choices break a side condition"
            findings.append(Finding("explicit form", float("nan"), 1, Evidence.RIGOROUS, reason=reason))
            continue
        findings.append(_evaluated(certificate))
    return tuple(findings)


def _evaluated(certificate: Certificate) -> Finding:
    return Finding(
        "explicit form",
        certificate.distance_upper,
        1,
        Evidence.RIGOROUS,
        recheck=lambda: certificate.values["tv_bound"],
        reason="evaluated in balls at fractions of the largest beta of the explicit form",
    )
