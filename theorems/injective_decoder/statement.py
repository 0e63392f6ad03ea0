r"""Decoders with n > d: a start by an amortised encoder, the mode, and few layers, for data near a manifold.

Problem. z ~ N(0, I_d), x | z ~ N(G(z), beta^2 I_n), n >= d, |G(z)-G(z')| >= m|z-z'| (an inequality: G is injective,
x lies off its image), Lipschitz constants M of G and M2 of its Jacobian. Phi(z) = |G(z)-x|^2/2, zh its minimiser.

Guarantee. (i) From any start with M2|G(c0)-x| < m^2, checkable on one x, gradient descent reaches zh at a known rate;
an amortised encoder gives such a start where it reconstructs that well. (ii) With probability at least 1 - exp(-t^2/2)
over x the residual at the mode is at most beta (sqrt(n+d) + t), which makes the mode unique where
M2 beta (sqrt(n+d) + t) < m^2 + beta^2. (iii) Tail, mixing and the single Gaussian layer: Theorem 1* and G1* as they
stand, with p from the residual. (iv) The curvature that the noise picks up does not grow with n.
For a given x everything is measured at the computed c (`--observations`), with a profile of that very posterior.

This theorem is the project's, not the paper's. Proofs: docs/sharp.md, section 5.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from certify.generators.graph import Generator
from certify.proof.optimiser import Certificate
from certify.proof.theorem import Claim, Step, Theorem
from certify.symbolic.declaration import variables
from certify.symbolic.generic import minimum
from theorems.injective_decoder.observations import certify_rows
from theorems.injective_decoder.start_and_mode import noise_curvature, residual_at_the_mode, start_by_descent
from theorems.model import M2, M, m
from theorems.rejection_encoder.found import said_beside
from theorems.sharp_langevin import statement as sharp_langevin

r0, r1, F0, F1, t0 = variables("r0 r1 F0 F1 t0", "[0, inf)")
(k,) = variables("k", "integer >= 0")


OWN_STEPS = (
    Step("i", "start: descent on the reconstruction error", (
        Claim("descent", "Phi(c_k) - Phi(zh)", r"\Phi(c_k)-\Phi(\hat z)", "<=",
              (1 - (m**2 - M2 * r0) / (M**2 + M2 * r0)) ** k * F0,
              "M2 r0 < m^2, r0 = |G(c0)-x|, F0 = Phi(c0) - Phi(zh), steps 1/(M^2 + M2 r0)"),
        Claim("distance", "|c_k - zh|^2", r"\lvert c_k-\hat z\rvert^2", "<=", 2 * F1 / (m**2 - M2 * r1),
              "F1 = Phi(c_k) - Phi(zh), r1 = |G(zh)-x| < m^2/M2"),
        Claim("unique", "critical points of Phi with residual below m^2/M2",
              r"\#\{\nabla\Phi=0,\ \lvert r\rvert<m^2/M_2\}", "<=", sp.Integer(1), "every x"),
    ), ("A1", "A2", "A2-M"), start_by_descent),
    Step("ii", "residual at the mode", (
        Claim("residual", "P(|r(z*)| > beta (sqrt(n+d) + t0))",
              r"\mathrm P\bigl(\lvert r(z^*)\rvert>\beta(\sqrt{n+d}+t_0)\bigr)", "<=", sp.exp(-(t0**2) / 2),
              "x of the model, t0 >= 0"),
    ), ("A0",), residual_at_the_mode),
    Step("iv", "curvature of the noise", (
        Claim("noise", "P(||sum xi_i Hess G_i(z)|| > M2 (2 sqrt(d) + t0))",
              r"\mathrm P\bigl(\lVert\textstyle\sum\xi_i\nabla^2G_i(z)\rVert>M_2(2\sqrt d+t_0)\bigr)", "<=",
              minimum(1, 2 * sp.exp(-(t0**2) / 2)), "xi ~ N(0, I_n), any z, t0 >= 0"),
    ), ("A2",), noise_curvature),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """Sentences that a reader of the conclusion must not miss."""
    found = [
        "the start needs M2 |G(c0) - x| < m^2, which is checked on one x: from 0 it rarely holds, from an amortised "
        "encoder where it reconstructs well",
        *sharp_langevin.notes(certificate, generator),
    ]
    return tuple(found)


def _used_labels(step: Step) -> Step:
    """A step of Theorem 1* as it stands, resting on (ii) where it rests on the mode."""
    return replace(step, uses=(*step.uses, "ii")) if step.label == "A1-A5" else step


THEOREM = Theorem(
    id="injective-decoder",
    title="Decoders with more outputs than latents",
    summary="Near a manifold an amortised start, one residual norm and a few layers give the posterior, for n >= d.",
    source="docs/sharp.md, section 5",
    quantities=sharp_langevin.QUANTITIES,
    assumptions=sharp_langevin.ASSUMPTIONS,
    steps=(*OWN_STEPS, *(_used_labels(step) for step in sharp_langevin.STEPS)),
    conclusion=replace(
        sharp_langevin.CONCLUSION,
        notes=notes,
        certify_observations=certify_rows,
        rows_say={**sharp_langevin.CONCLUSION.rows_say, "rejection": said_beside},
    ),
    shown=sharp_langevin.THEOREM.shown,
    slack_steps=sharp_langevin.THEOREM.slack_steps,
    examples=("manifold:d=2,outputs=6,width=6,bend=0.1",),
)
