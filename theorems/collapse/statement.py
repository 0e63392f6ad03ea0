r"""No collapse: the rate of the latent code is bracketed by the two Lipschitz constants alone.

Problem. z ~ N(0, I_d), x = G(z) + beta xi in R^n, m|z-z'| <= |G(z)-G(z')| <= M|z-z'| with m >= 0; no smoothness, any n.
How much does x tell of z? The rate I(z;x) = E_x KL(pi_x || N(0, I)) is 0 where the code has collapsed.

Guarantee (a bracket, both ends attained by scaled isometries).
    (d/2) log(1 + m^2/beta^2) <= I(z;x) <= (d/2) log(1 + M^2/beta^2)   nats.

L   T_t(z) = (sqrt(1-t) s z, sqrt(t) G(z)) in R^{d+n}, 0 <= t <= 1, leads from s z to G(z), and
    |T_t(z)-T_t(z')|^2 = (1-t) s^2|z-z'|^2 + t|G(z)-G(z')|^2 is monotone in t: it falls for s = M and grows for s = m.
I   h(T_t(z) + beta xi) has the t-derivative E[ d/dt |T_t(z)-T_t(z')|^2 ]/(4 beta^2), z and z' two independent draws of
    the posterior given T_t(z) + beta xi (Stein). So the rate falls from that of M z + beta xi, and grows from that of
    m z + beta xi, to I(z;x); these two are Gaussian.
J   Sharper ends from draws of the prior. n = d, G C^1: h(G(z)) = h(z) + E log|det J|, and the entropy power inequality
    gives I >= (d/2) log(1 + g^2/beta^2), g = exp(E log|det J|/d) >= m. Any n: tr Cov G <= s = E||J||_F^2 <= d M^2
    (Poincare), and the Gaussian has the largest entropy: I <= (n/2) log(1 + s/(n beta^2)).

This theorem is the project's. References. docs/collapse.md.
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import Real
from certify.bounds.bracket import ConstantBrackets
from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Claim, Step, Theorem, constant, definition
from certify.symbolic.declaration import declare, variables
from theorems.collapse.observations import certify_rows
from theorems.collapse.rate import pairs, rates, sharper_ends
from theorems.evaluation import evaluated
from theorems.model import LIPSCHITZ, beta, d, n, shared
from theorems.wording import at_least, at_most

m = declare("m", "[0, inf)", "m", "|G(z)-G(z')| >= m|z-z'|; 0 where no m > 0 is known")
M = declare("M", "[m, inf)", "M", "Lipschitz constant of G", m)
rate_lower = declare("rate_lower", "[0, inf)", r"I_-", "nats that x tells of z, at least")
rate_upper = declare("rate_upper", "[0, inf)", r"I_+", "nats that x tells of z, at most")
bits_lower = declare("bits_lower", "[0, inf)", r"I_-/\log 2", "the same in bits, at least")
bits_upper = declare("bits_upper", "[0, inf)", r"I_+/\log 2", "the same in bits, at most")
beta_kept = declare("beta_kept", "[0, inf)", r"\beta_{\mathrm{kept}}", "noise up to which at least one nat is kept")
beta_lost = declare("beta_lost", "[0, inf)", r"\beta_{\mathrm{lost}}", "noise from which at most one nat is left")
(b,) = variables("b", "(0, inf)")
g, s = variables("g s", "[0, inf)")


def gaussian_rate(slope: sp.Expr, noise: sp.Expr) -> sp.Expr:
    """I(z; slope z + noise xi) in d dimensions, in nats."""
    return d / 2 * sp.log(1 + slope**2 / noise**2)


def noise_of_a_nat(slope: sp.Expr) -> sp.Expr:
    """The noise at which a scaled isometry of this slope has a rate of one nat."""
    return slope / sp.sqrt(sp.exp(2 / d) - 1)


FROM_DETERMINANT = gaussian_rate(g, beta)
FROM_MEAN_SQUARE = n / 2 * sp.log(1 + s / (n * beta**2))

QUANTITIES = (
    *shared("d", "n"),
    constant(m),
    constant(M),
    *shared("beta"),
    definition(rate_lower, gaussian_rate(m, beta), "lower"),
    definition(rate_upper, gaussian_rate(M, beta)),
    definition(bits_lower, rate_lower / sp.log(2), "lower"),
    definition(bits_upper, rate_upper / sp.log(2)),
    definition(beta_kept, noise_of_a_nat(m), "lower"),
    definition(beta_lost, noise_of_a_nat(M)),
)

RATE = "I(z;x)"
STEPS = (
    Step("L", "distances of pairs", (
        Claim("pairs from below", "|G(z)-G(z')|/|z-z'|", r"\lvert G(z)-G(z')\rvert/\lvert z-z'\rvert", ">=", m,
              "z != z'"),
        Claim("pairs from above", "|G(z)-G(z')|/|z-z'|", r"\lvert G(z)-G(z')\rvert/\lvert z-z'\rvert", "<=", M,
              "z != z'"),
    ), ("A2-M",), pairs),
    Step("I", "rate", (
        Claim("rate from below", RATE, RATE, ">=", gaussian_rate(m, b), "noise b > 0"),
        Claim("rate from above", RATE, RATE, "<=", gaussian_rate(M, b), "noise b > 0"),
    ), ("L",), rates),
    Step("J", "sharper ends", (
        Claim("mean determinant", "exp(E log|det J(z)|/d)", r"\exp(\mathrm E\log\lvert\det J(z)\rvert/d)", ">=", m,
              "n = d, m > 0"),
        Claim("mean square slope", "E ||J(z)||_F^2", r"\mathrm E\lVert J(z)\rVert_F^2", "<=", d * M**2, "z ~ N(0, I)"),
        Claim("from the determinant", RATE, RATE, ">=", FROM_DETERMINANT, "g <= exp(E log|det J|/d), n = d"),
        Claim("from the mean square", RATE, RATE, "<=", FROM_MEAN_SQUARE, "s >= E ||J||_F^2"),
    ), ("A2-M",), sharper_ends),
)  # fmt: skip


def ends(generator: Generator, brackets: ConstantBrackets) -> dict[str, Real]:
    """The certified ends of m and M; m = 0 where none is certified."""
    assert brackets.M.upper is not None, "A2-M holds"
    low = brackets.m.lower or 0.0
    return {"d": generator.latent_dim, "n": generator.observed_dim, "m": low, "M": brackets.M.upper}


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The answer in words."""
    nats = [at_least(certificate, "rate_lower"), at_most(certificate, "rate_upper")]
    bits = [at_least(certificate, "bits_lower"), at_most(certificate, "bits_upper")]
    most = f"at most {nats[1]} nats ({bits[1]} bits)"
    if certificate["m"] > 0:
        kept = at_least(certificate, "beta_kept")
        answer = (
            f"no collapse at this noise: the code carries at least {nats[0]} nats ({bits[0]} bits) of x, {most}; one "
            f"nat is kept up to noise {kept}; at no noise does the lower end vanish"
        )
    else:
        answer = f"the code carries {most} of x; without a certified m > 0 collapse is not excluded"
    return (
        answer,
        f"from noise {at_most(certificate, 'beta_lost')} on at most one nat is left",
        "a trained encoder's average KL(q_x || prior) is another number: its own rate plus the divergence of the "
        "aggregate from the prior; it may be smaller or larger than the model's",
    )


THEOREM = Theorem(
    id="collapse",
    title="The latent code has not collapsed: its rate from both sides",
    summary="m and M alone bracket the mutual information of z and x, for any network and any number of outputs.",
    source="docs/collapse.md",
    quantities=QUANTITIES,
    assumptions=(LIPSCHITZ,),
    steps=STEPS,
    conclusion=evaluated(
        statement="rate_lower <= I(z;x) <= rate_upper, in nats, at every noise level",
        latex=r"\tfrac d2\log(1+m^2/\beta^2)\leq I(z;x)\leq\tfrac d2\log(1+M^2/\beta^2)",
        notes=notes,
        inputs=ends,
        certify_observations=certify_rows,
        observations_need=(),
    ),
    shown=("rate_lower", "rate_upper", "bits_lower", "bits_upper", "beta_kept", "beta_lost"),
)
