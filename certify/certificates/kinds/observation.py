"""An observation's certificate by G1* or Theorem 1*, checked again: arithmetic at the record's own evidence.

In this order, ending with the first claim that is not confirmed: the numbers at (c, B) in balls; the residual's
curvature and every ball's eigenvalue bounds by the matrix inequality with the record's multipliers; then, from the
claims alone, the terms and side conditions of the bounds at the record's choices. Nothing is searched: where c, B, the
multipliers and the choices came from does not matter. m, M and M2 are the premise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from certify.arithmetic.balls import ball, precision, upper
from certify.certificates.kind import Kind, Verification, premise_text
from certify.errors import InputError
from certify.generators.graph import Generator
from certify.posteriors.posterior import Posterior
from certify.profiles.certificate import problem_of, residual_interval
from certify.profiles.hessian_profile import hessian_forms
from certify.profiles.inequality import is_proved
from certify.profiles.records import METHOD, ChainTerms, ObservationProof, chain_terms
from certify.profiles.residual_curvature import residual_form
from certify.sharp.centre import enclose_centre
from certify.sharp.chain import chain_bound
from certify.sharp.gaussian_layer import gaussian_layer_bound
from certify.sharp.search import LAYER_LIMIT
from certify.wording import counted

MOST_BALLS = 200
"""More are no profile of ours, and would take what memory there is."""


def verify(record: ObservationProof, generator: Generator) -> Verification:
    """Whether every claim of the record holds at the decoder, given its m, M and M2. Rounded outward."""
    try:
        reason = next(_doubts(record, generator), "")
    except InputError as error:
        reason = str(error)
    premises = (premise_text(record.constants, record.generator.sha256),)
    return Verification(not reason, _claim(record, generator), reason, premises)


def _doubts(record: ObservationProof, generator: Generator) -> Iterator[str]:
    """The claims that are not confirmed, each a clause; the later ones rest on the earlier ones."""
    yield from _outside_the_domain(record, generator)
    posterior = Posterior(generator, np.array(record.observation), record.beta)
    yield from _at_the_centre(record, posterior)
    yield from _residual_curvature(record, posterior)
    yield from _balls(record, posterior)
    yield from _bounds(record)


def _outside_the_domain(record: ObservationProof, generator: Generator) -> Iterator[str]:
    if record.method != METHOD:
        yield f"it was made by the method `{record.method[:40]}`, this program has `{METHOD}`"
    known, beta, d = record.constants, record.beta, generator.latent_dim
    if not (0 < known.m < math.inf and 0 < known.M < math.inf and 0 <= known.M2 < math.inf and beta > 0):
        yield "m, M and beta must be positive, M2 not negative"
    if not 0 < record.epsilon < 1:
        yield f"epsilon must be in (0, 1), not {_shown(record.epsilon)}"
    shapes = len(record.centre.point), len(record.centre.factor), *(len(row) for row in record.centre.factor)
    if set(shapes) != {d} or len(record.observation) != generator.observed_dim:
        yield f"c, B and x must have {d}, {d} x {d} and {generator.observed_dim} entries"
    if len(record.balls) > MOST_BALLS:
        yield f"more than {MOST_BALLS} balls"
    if record.chain is not None and record.chain.schedule.layers > LAYER_LIMIT:
        yield f"a chain of more than {LAYER_LIMIT} layers"


def _at_the_centre(record: ObservationProof, posterior: Posterior) -> Iterator[str]:
    claimed = record.centre
    found = enclose_centre(posterior, np.array(claimed.point), np.array(claimed.factor))
    for name, symbol in (
        ("gradient_upper", "|B^T grad f(c)|"),
        ("residual_upper", "|G(c) - x|"),
        ("defect_upper", "||B^T A B - I||"),
        ("jacobian_upper", "||J(c)||"),
    ):
        if not getattr(found, name) <= getattr(claimed, name):
            yield f"{symbol} is not <= {getattr(claimed, name)!r}: evaluated, at most {getattr(found, name)!r}"
    if not found.sigma_min_lower >= claimed.sigma_min_lower:
        low = found.sigma_min_lower
        yield f"the smallest singular value of J(c) is not >= {claimed.sigma_min_lower!r}: evaluated, at least {low!r}"


def _residual_curvature(record: ObservationProof, posterior: Posterior) -> Iterator[str]:
    bend = record.bend
    doubt = f"the residual's curvature is not proved to be <= {bend.value!r}"
    if bend.lower is None or bend.upper is None:
        with precision():
            if not upper(ball(record.constants.M2) * ball(record.centre.residual_upper)) <= bend.value:
                yield doubt
        return
    form = residual_form(posterior.generator.graph, *residual_interval(posterior, np.array(record.centre.point)))
    if (
        form is None
        or not is_proved(form, "lower", -bend.value, np.array(bend.lower))
        or not is_proved(form, "upper", bend.value, np.array(bend.upper))
    ):
        yield doubt


def _balls(record: ObservationProof, posterior: Posterior) -> Iterator[str]:
    if not record.balls:
        return
    centre, radii = record.centre.centre(), np.array([item.radius for item in record.balls])
    checked = 0
    for item, form in zip(record.balls, hessian_forms(posterior, centre.point, centre.factor, radii), strict=False):
        if not is_proved(form, "lower", item.lower, np.array(item.lower_multipliers)):
            yield f"the smallest eigenvalue of Hess F on |y| <= {item.radius:.4g} is not proved to be >= {item.lower!r}"
        if not is_proved(form, "upper", item.upper, np.array(item.upper_multipliers)):
            yield f"the largest eigenvalue of Hess F on |y| <= {item.radius:.4g} is not proved to be <= {item.upper!r}"
        checked += 1
    if checked < len(record.balls):
        yield "the decoder is too wide for bounds of its Hessian"


def _bounds(record: ObservationProof) -> Iterator[str]:
    problem = problem_of(record)
    layer, chain = record.layer, record.chain
    with precision():
        if layer is not None:
            one = gaussian_layer_bound(problem, layer.radius, layer.outer)
            if not one.admissible:
                yield "a side condition of G1* does not hold at the choices"
            if not upper(one.total) <= layer.tv_bound:
                yield f"G1* is not <= {layer.tv_bound!r}: evaluated, at most {upper(one.total)!r}"
        if chain is not None:
            times = chain.schedule.moving(), chain.schedule.smoothing()
            many = chain_bound(problem, chain.radius, chain.outer, chain.width, *times, chain.start)
            if not many.admissible:
                yield "a side condition of Theorem 1* does not hold at the choices"
            yield from _terms(chain.terms, chain_terms(many))
            if not upper(many.total) <= chain.tv_bound:
                yield f"Theorem 1* is not <= {chain.tv_bound!r}: evaluated, at most {upper(many.total)!r}"


def _terms(claimed: ChainTerms, found: ChainTerms) -> Iterator[str]:
    for name in ("tail", "start_outside", "exit", "discretisation", "smoothing", "q"):
        if not getattr(found, name) <= getattr(claimed, name):
            yield f"the term {name} is not <= {getattr(claimed, name)!r}: evaluated, at most {getattr(found, name)!r}"
    if not found.mu >= claimed.mu:
        yield f"mu is not >= {claimed.mu!r}: evaluated, at least {found.mu!r}"


def _claim(record: ObservationProof, generator: Generator) -> str:
    """What the record says; the decoder's name is its own, not what the record calls it."""
    distances = []
    if record.layer is not None:
        distances.append(f"one Gaussian layer is within {record.layer.tv_bound!r} of pi_x (G1*)")
    if record.chain is not None:
        layers, bound = record.chain.schedule.layers, record.chain.tv_bound
        distances.append(f"a chain of {counted(layers, 'layer')} is within {bound!r} of pi_x (Theorem 1*)")
    asked = f"epsilon {_shown(record.epsilon)} is {'met' if record.theorem else 'not met'}"
    at = f"{generator.name}, beta = {record.beta:.6g}"
    return f"{at}: {'; '.join(distances) or 'no encoder'}; {asked}"


def _shown(epsilon: Fraction) -> str:
    try:
        return f"{float(epsilon):.6g}"
    except OverflowError:
        return "beyond the floats"


def _said(record: ObservationProof) -> dict[str, float | int | str | None]:
    return {
        "layers": record.layers, "tv_bound": record.tv_bound, "theorem": record.theorem, "beta": float(record.beta),
        "epsilon": float(record.epsilon),
    }  # fmt: skip


KIND = Kind(
    name="observation",
    record=ObservationProof,
    generator=lambda record: record.generator,
    observation=lambda record: record.observation,
    premise=lambda record: record.constants,
    verify=verify,
    said=_said,
)
