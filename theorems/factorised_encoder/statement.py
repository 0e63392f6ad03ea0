r"""The price of independent coordinates: no factorised encoder, of any size and family, comes closer than this.

Problem. q_x is any law on R^d with independent coordinates: the usual diagonal Gaussian, and every other. The
posterior pi_x is within t_g of N(c, Sigma). S and T are disjoint groups of coordinates, u = <a, z_S>, w = <b, z_T>, and
corr is the correlation of u and w under N(c, Sigma): of a pair of coordinates, or canonical between two groups.

Guarantee (lower bound).  TV(q_x, pi_x) >= price(corr) - t_g,   price(r) = sqrt(1 + (2/pi) arcsin r) - 1.

Q   P(X > 0, Y > 0) = P(X < 0, Y < 0) = 1/4 + arcsin(r)/(2 pi) =: k^2 with k >= 1/2 (Sheppard).
P   u and w are independent under q; with a = q(u > 0), b = q(w > 0) two of the quadrants have masses ab and
    (1-a)(1-b). By symmetry a + b >= 1. If a + b >= 2k, (1-a)(1-b) <= (1-k)^2 and the quadrant where both are below has
    k^2 - (1-a)(1-b) >= 2k - 1. Otherwise ab + (1-a)(1-b) <= k^2 + (1-k)^2, and the union of both has
    2k^2 - ab - (1-a)(1-b) >= 2k - 1. So TV >= 2k - 1 = price(r), attained over the four cells at a = b = k. Only that
    both quadrants have mass >= k^2 is used: for any law and any two cuts TV >= 2 sqrt(min of the two masses) - 1.
F   The triangle inequality. A single observation of few latents needs no Gaussian: masses of two opposite cells under
    pi_x itself are certified over boxes (Theorem R's engine), for any network, and P does the rest.

The KL form: min over Gaussians with independent coordinates of KL(q | N(c, Sigma)) is (1/2)(sum log A_ii - log det A),
A = Sigma^{-1}. This theorem is the project's. References. docs/factorised_encoder.md.
"""

from __future__ import annotations

from certify.generators.graph import Generator
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Claim, Step, Theorem, constant, definition
from certify.symbolic.declaration import declare, variables
from certify.symbolic.generic import maximum
from theorems.evaluation import evaluated
from theorems.factorised_encoder.latents import SEVERAL_LATENTS
from theorems.factorised_encoder.observations import certify_rows, costliest_row
from theorems.factorised_encoder.price import cell_mass, factorised_laws, price, product_laws, quadrants
from theorems.model import INJECTIVE, LIPSCHITZ, SMOOTH, shared
from theorems.wording import at_least, at_most

corr = declare("corr", "[0, 1]", r"\varrho", "correlation of the two groups under N(c, Sigma)")
t_g = declare("t_g", "[0, 1]", "t_g", "TV(pi_x, N(c, Sigma)), at most")
cost = declare("price", "[0, 1]", r"\mathrm{price}", "distance of every factorised law from the Gaussian, at least")
tv_lower = declare("tv_lower", "[0, 1]", r"\mathrm{TV}_-", "distance of every factorised encoder from pi_x, at least")
(r,) = variables("r", "[0, 1]")

QUANTITIES = (
    *shared("beta"),
    constant(corr),
    constant(t_g),
    definition(cost, price(corr), "lower"),
    definition(tv_lower, maximum(0, cost - t_g), "lower"),
)

STEPS = (
    Step("Q", "masses of the quadrants", (
        Claim("quadrant", "P(X > 0, Y > 0)", r"\Pr(X>0,Y>0)", "=", cell_mass(r), "correlation r in [0, 1)"),
    ), (), quadrants),
    Step("P", "product laws", (
        Claim("every product law", "TV over the quadrants", r"\mathrm{TV}", ">=", price(r), "a, b in [0, 1]"),
        Claim("attained", "TV over the quadrants at a = b = k", r"\mathrm{TV}(k,k)", "=", price(r),
              "k^2 the mass of a quadrant"),
    ), ("Q",), product_laws),
    Step("F", "factorised encoders", (
        Claim("every encoder", "TV(q, pi_x)", r"\mathrm{TV}(q,\pi_x)", ">=", maximum(0, price(corr) - t_g),
              "q with independent coordinates, corr and t_g of x"),
    ), ("A0", "A1", "A2", "A2-M", "P"), factorised_laws),
)  # fmt: skip


def notes(certificate: Certificate, generator: Generator | None) -> tuple[str, ...]:
    """The answer in words."""
    cells = {name: at_least(certificate, name) for name in ("price", "tv_lower", "corr")}
    distance = at_most(certificate, "t_g")
    if certificate["tv_lower"] > 0:
        answer = f"no encoder with independent coordinates is closer than {cells['tv_lower']} in total variation"
    else:
        answer = "nothing is certified of every encoder with independent coordinates"
    return (
        f"{answer}: correlation {cells['corr']} costs {cells['price']}, less {distance} by which the posterior is from "
        "its Gaussian",
        "for the observation with the largest bound among those looked at; --observations has each",
    )


THEOREM = Theorem(
    id="factorised-encoder",
    title="What independent coordinates cost an encoder",
    summary="No encoder with independent coordinates, of any size, is closer to pi_x than its correlations allow.",
    source="docs/factorised_encoder.md",
    quantities=QUANTITIES,
    assumptions=(SEVERAL_LATENTS, INJECTIVE, SMOOTH, LIPSCHITZ),
    steps=STEPS,
    conclusion=evaluated(
        statement="TV(q_x, pi_x) >= tv_lower for every law q_x with independent coordinates",
        latex=r"\mathrm{TV}(q_x,\pi_x)\geq\sqrt{1+\tfrac2\pi\arcsin\varrho}-1-t_g",
        notes=notes,
        certify_observations=certify_rows,
        observations_need=(SEVERAL_LATENTS.label,),
        observations_kept_as={"theorem": "factorised-encoder"},
        sample_inputs=costliest_row,
    ),
    examples=("linear:d=2,kappa=3,m=1", "residual:d=2,width=8"),
    shown=("price", "tv_lower"),
)
