"""The encoder of Theorem R for typical x: it finds c and B itself, and takes the first accepted of K proposals.

    c by descent from 0 and preconditioned steps;  B B^T = A(c)^{-1},  A = I + J(c)^T J(c)/beta^2;
    z_k = c + sigma B xi_k,   E_k = (xi_1^2 + xi_2^2)/2,
    accepted: f(z_k) - f(c) - |xi_k|^2/2 + h <= E_k  and  |xi_k|^2/2 <= l.
h, l, sigma and K follow from d, m, M, M2, beta and what a typical x leaves at c (`certify.sharp.gaussian_proposal`):
the same for every x, and TV <= (1 - p)^K + t(R) with R = sigma sqrt(2 l) at each of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from flint import arb

from certify.arithmetic.balls import ball, lower, midpoint, precision, upper
from certify.encoders.centre import Factorisation, write_centre
from certify.encoders.centre_plan import CentrePlan, Model, plan_centre
from certify.encoders.factors import newton_schulz_steps
from certify.encoders.kind import EncoderOptions, Numbers
from certify.encoders.mode_plan import ModeModel, plan_mode, plan_onward
from certify.encoders.passes import forward, residual
from certify.encoders.program import EncoderProgram
from certify.encoders.rejection_network import require_room
from certify.encoders.tape import Tape
from certify.errors import InputError, NotCertifiedError
from certify.generators.graph import Generator
from certify.generators.logits import require_gaussian
from certify.sharp.gaussian_proposal import MOST_PROPOSALS, ProposalBound, ProposalChoice, best_proposal, proposal_bound
from certify.sharp.problem import SharpProblem, closed_form_problem

SHARES = (1.0, 0.99, 0.9)
"""Of epsilon: what the search in floats is asked for, until balls confirm it."""


@dataclass(frozen=True, eq=False)
class TypicalDesign:
    """How c is found, what is drawn around it, what is certified, and K."""

    plan: CentrePlan
    factorisation: Factorisation
    choice: ProposalChoice
    bound: ProposalBound
    proposals: int

    @property
    def distance(self) -> float:
        """The bound of the distance at every typical x. Upper bound, rounded outward."""
        with precision():
            return self.bound.distance(self.proposals)


def build(generator: Generator, numbers: Numbers, options: EncoderOptions) -> EncoderProgram:
    """The encoder at a certificate's constants, for typical x and n >= d.

    Raises:
        InputError: for logits, given observations, options of other encoders, or K proposals that do not fit side by
            side.
        NotCertifiedError: where no centre or no number of proposals is certified.
    """
    _check(generator, numbers, options)
    if options.layout == "parallel":
        # Before any search: one proposal must fit, K of them are asked for below.
        require_room(1, generator, generator.latent_dim)
    design = design_of(numbers, options)
    return typical_network(generator, numbers.real("beta"), design, options.layout, options.start)


def design_of(numbers: Numbers, options: EncoderOptions) -> TypicalDesign:
    """The cheapest design found that is certified within epsilon.

    Raises:
        NotCertifiedError: where there is none.
    """
    with precision():
        defect, factorisation = _factorisation(numbers, options)
        plan, residual_at_mode = _planned(numbers, defect)
        m, M, M2, beta = (numbers.enclosure(name) for name in ("m", "M", "M2", "beta"))
        problem = closed_form_problem(
            numbers.count("d"), m, M, M2, beta, ball(plan.gradient), residual_at_mode + M * ball(plan.distance),
            ball(defect),
        )  # fmt: skip
        epsilon = Fraction(lower(numbers.enclosure("epsilon")))
        for share in SHARES:
            choice = best_proposal(problem, float(epsilon) * share)
            bound = None if choice is None else proposal_bound(problem, choice)
            count = None if bound is None else bound.proposals(epsilon)
            if choice is not None and bound is not None and count is not None:
                return TypicalDesign(plan, factorisation, choice, bound, count)
    raise NotCertifiedError(_reason(problem, epsilon))


def typical_network(
    generator: Generator, beta: float, design: TypicalDesign, layout: str = "sequence", start: Generator | None = None
) -> EncoderProgram:
    """The network of a design, in a loop over proposals that share their weights or with all of them side by side."""
    tape, plan = Tape(generator, noise_columns=generator.latent_dim + 2), design.plan
    point = write_centre(tape, beta, plan, design.factorisation, start)
    factor = design.factorisation.write(tape, point, beta)
    base = _potential(tape, point, beta)
    tape.close("base", passes=(1, 0, 0))
    written = _Proposal(tape, design, beta, point, factor, base)
    draw = written.sequence() if layout == "sequence" else written.parallel()
    notes = (
        f"the point c: {plan.descents} descent layers, {plan.corrections} preconditioned steps, "
        f"|B^T grad f(c)| <= {plan.gradient:.2g}",
        f"{layout} layout, K = {design.proposals}, proposals from N(c, {design.choice.scale:.4g}^2 B B^T), each "
        f"accepted with probability at least {max(0.0, lower(design.bound.acceptance)):.3g} at typical x",
    )
    return tape.finish(
        "rejection", draw, (plan.layers, design.proposals), notes, design.distance,
        certificate=certificate_of(design), parameter_bound=None if start is not None else parameter_bound(
            generator, design
        ),
    )  # fmt: skip


def parameter_bound(generator: Generator, design: TypicalDesign) -> int:
    """Upper bound of the unrolled parameters (docs/rejection.md, section 10).

    K (N + 2 n + 4 d + 4) + K_gd (2 N + n + 2 d) + K_c (2 N + n + 4 d) + 2 (N + d N + d^2) + N + 2 n + d, and with
    Newton-Schulz steps 2 d^2 (s + 2) more.
    """
    n, d, N = generator.observed_dim, generator.latent_dim, generator.parameters
    plan, products = design.plan, design.factorisation.products
    centre = plan.descents * (2 * N + n + 2 * d) + plan.corrections * (2 * N + n + 4 * d)
    factors = 2 * (N + d * N + d * d) + (0 if products is None else 2 * d * d * (products[1] + 2))
    return design.proposals * (N + 2 * n + 4 * d + 4) + centre + factors + N + 2 * n + d


def certificate_of(design: TypicalDesign) -> dict[str, Any]:
    """What a reader needs to check the bound, and an audit to draw again without the file."""
    plan, choice, bound = design.plan, design.choice, design.bound
    with precision():
        acceptance, tail = max(0.0, lower(bound.acceptance)), upper(bound.tail)
    return {
        "K": design.proposals,
        "p": acceptance,
        "tail": tail,
        "tv_bound": design.distance,
        "scale": choice.scale,
        "limit": choice.limit,
        "outer_radius": choice.outer,
        "height": bound.height,
        "K_gd": plan.descent_layers,
        "descent_step": plan.descent_step,
        "descent_decay": plan.descent_decay,
        "corrections": plan.corrections,
        **({} if plan.onward is None else {f"onward_{key}": item for key, item in asdict(plan.onward).items()}),
        "gradient": plan.gradient,
        "distance_to_mode": plan.distance,
        "factor": "cholesky" if design.factorisation.products is None else "newton-schulz",
    }


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Writes proposals around the tensors `point` and `factor`; `base` is f(c)."""

    tape: Tape
    design: TypicalDesign
    beta: float
    point: str
    factor: str
    base: str

    def sequence(self) -> str:
        """A loop that carries whether a proposal was accepted, and the first that was or else the last."""
        tape, count, d = self.tape, self.design.proposals, self.tape.generator.latent_dim
        unfound = tape.repeated(tape.constant("zero1", [0.0]))
        origin = tape.repeated(tape.constant(f"zero{d}", [0.0] * d))
        tape.close("opening")
        found, kept = tape.carry("found", unfound), tape.carry("kept", origin)
        drawn, accepted = self._written(tape.noise(count), None)
        results = [tape.choose(found, found, accepted), tape.choose(found, kept, drawn)]
        tape.close("proposal", results, ["any", "chosen"], count, (1, 0, 0))
        return "chosen"

    def parallel(self) -> str:
        """All proposals at once, and a tree of pairs."""
        tape, count = self.tape, self.design.proposals
        require_room(count, tape.generator, tape.generator.latent_dim)
        drawn, accepted = self._written(tape.noise(count, together=True), count)
        chosen = tape.first_accepted(accepted, drawn)
        tape.close("proposals", passes=(count, 0, 0))
        return chosen

    def _written(self, noise: str, rows: int | None) -> tuple[str, str]:
        """The tensors of the point and of whether it is accepted."""
        tape, choice, d = self.tape, self.design.choice, self.tape.generator.latent_dim
        xi = tape.columns(noise, 0, d)
        drawn = self._drawn(xi, rows)
        half = _squares(tape, "spread", xi, 0.5)
        height = tape.repeated(tape.constant("proposal_height", _row([self.design.bound.height], rows)), rows)
        level = tape.combine(
            [(1.0, _potential(tape, drawn, self.beta)), (-1.0, self.base), (-1.0, half), (1.0, height)]
        )  # fmt: skip
        exponential = _squares(tape, "exponential", tape.columns(noise, d, d + 2), 0.5)
        limit = tape.repeated(tape.constant("proposal_limit", _row([choice.limit], rows)), rows)
        return drawn, tape.product(tape.compare(level, exponential), tape.compare(half, limit))

    def _drawn(self, xi: str, rows: int | None) -> str:
        """The point c + sigma B xi, or `rows` of them."""
        tape, transposed = self.tape, self.design.factorisation.transposed
        # Of rows xi' the product with B^T; Newton-Schulz factors are symmetric.
        spread = (
            tape.matrix_product(self.factor, xi, (transposed, False))
            if rows is None
            else tape.matrix_product(xi, self.factor)
        )
        terms = [(1.0, self.point), (self.design.choice.scale, spread)]
        return tape.combine(terms, identities=2 * (rows or 1) * tape.generator.latent_dim)


def _potential(tape: Tape, point: str, beta: float) -> str:
    """The potential f(z) = |z|^2/2 + |G(z) - x|^2/(2 beta^2), a number."""
    rows = 1 if len(tape.shapes[point]) == 1 else tape.shapes[point][0]
    gap = residual(tape, forward(tape, tape.generator.graph, point), rows)
    parts = [_squares(tape, "prior", point, 0.5), _squares(tape, "misfit", gap, 0.5 / beta / beta)]
    return tape.combine([(1.0, part) for part in parts])


def _squares(tape: Tape, name: str, source: str, factor: float) -> str:
    """The number factor |v|^2."""
    weight = tape.constant(f"proposal_{name}", [[factor] * tape.shapes[source][-1]])
    return tape.affine(tape.product(source, source), weight)


def _row(entries: list[float], rows: int | None) -> Any:
    return entries if rows is None else [entries]


def _check(generator: Generator, numbers: Numbers, options: EncoderOptions) -> None:
    require_gaussian(generator, "the rejection encoder for typical x (give `observations` and `index` for one)")
    if numbers.single_observations:
        raise InputError(
            "the rejection encoder is built for typical x, or for one observation: give `index`, or leave out "
            "`observations`"
        )
    if options.projected:
        raise InputError("the rejection encoder has no option `projected`")
    if options.start is not None and generator.observed_dim > generator.latent_dim:
        raise InputError("for n > d the descent of the rejection encoder starts from 0: leave out `start`")


def _factorisation(numbers: Numbers, options: EncoderOptions) -> tuple[float, Factorisation]:
    if not options.products_only:
        return 0.0, Factorisation()
    low, high = ((numbers.enclosure(name) / numbers.enclosure("beta")) ** 2 + 1 for name in ("m", "M"))
    steps, defect = newton_schulz_steps(low, high)
    return defect, Factorisation((upper(high), steps))


def _planned(numbers: Numbers, defect: float) -> tuple[CentrePlan, arb]:
    """The plan of the centre, and a bound of |r(z*)|, both on one event over x of probability 1 - exp(-t_x^2/2)."""
    m, M, M2, beta = (numbers.enclosure(name) for name in ("m", "M", "M2", "beta"))
    n, d = numbers.count("n"), numbers.count("d")
    if n == d:
        rho = numbers.enclosure("rho")
        model = Model(m, M, M2, beta, rho)
        try:
            plan = plan_centre(model, defect)
        except NotCertifiedError:
            # Near the preimage the steps need not contract yet: descent on f goes on to where they do.
            plan = plan_onward(model, defect)
        return plan, beta**2 * rho / m
    # Two events share the probability: 2 exp(-t^2/2) = exp(-t_x^2/2).
    deviation = (numbers.enclosure("t_x") ** 2 + 2 * ball(2).log()).sqrt()
    start = M * ball(d).sqrt() + beta * ball(n).sqrt() + (M**2 + beta**2).sqrt() * deviation
    at_mode = start.min(beta * (ball(n + d).sqrt() + deviation))
    return plan_mode(ModeModel(m, M, M2, beta, start, at_mode), defect), at_mode


def _reason(problem: SharpProblem, epsilon: Fraction) -> str:
    """Why no number of proposals is certified: the tail, or the acceptance."""
    loose = best_proposal(problem, 0.999)
    bound = None if loose is None else proposal_bound(problem, loose)
    if bound is None:
        share = midpoint(problem.far.M2 * problem.far.residual / (problem.far.m**2 + problem.far.beta**2))
        return (
            f"no proposal is certified: the envelopes are too far apart (M2 |r_c| is up to {share:.3g} times "
            "m^2 + beta^2 at typical x); take a smaller noise, or `--observations` and `--index` for one observation"
        )
    rate, tail = max(0.0, lower(bound.acceptance)), upper(bound.tail)
    return (
        f"{float(epsilon):g} is not reached by {MOST_PROPOSALS} proposals: at the radius for a looser accuracy "
        f"the acceptance is at least {rate:.3g}, the mass outside at most {tail:.3g}; take a smaller noise, or "
        "`--observations` and `--index` for one observation"
    )
