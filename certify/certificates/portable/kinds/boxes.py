"""(R1), the acceptance and (R2) of Theorem R at one observation with few latents, over trees of boxes.

The mixture comes from `certify.envelopes.box_certificate`, the trees from the bounds of `certify.envelopes.box_bounds`
over the same boxes; the checker bounds f over them again with arithmetic of its own and cuts a box further where its
bound is the weaker one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.certificates.portable.exact_text import hexadecimal, rounded_down, rounded_up
from certify.certificates.portable.question import PortableKind, Question
from certify.envelopes.box_bounds import mean_potential_upper, potential_plus_log_density
from certify.envelopes.box_certificate import LARGEST_DIMENSION, Envelope, box_envelope, tail_reach
from certify.envelopes.box_tree import IntArray
from certify.envelopes.fit import find_cells
from certify.envelopes.likelihood import GaussianLikelihood, potential
from certify.envelopes.rejection import proposals_needed
from certify.errors import InputError
from certify.generators.graph import Activation, Graph

KNOWN = ("tanh", "relu")
ROOM = 0.01
"""What is given up of log C for the checker's own bounds."""

SHARE = 0.98
"""Of the integral, before the same is given up: its boxes are cut until they hold so much of the midpoint rule's."""

COARSE = 16
"""Cuts of each axis before a box counts as empty."""

EPSILON = Fraction(1, 10)
MOST_BOXES = 60_000

Bound = Callable[[FloatArray, FloatArray], tuple[FloatArray, IntArray]]


def _make(question: Question) -> dict[str, Any] | str:
    if question.observation is None or question.beta is None:
        raise InputError("boxes are of one observation: give `--observations` and `--beta`")
    graph, likelihood = question.generator.graph, GaussianLikelihood(question.observation, question.beta)
    if not {node.name for node in graph.nodes if isinstance(node, Activation)} <= set(KNOWN):
        return f"the checker bounds {', '.join(KNOWN)} over boxes"
    if graph.latent_dim > LARGEST_DIMENSION:
        return f"boxes are for at most {LARGEST_DIMENSION} latents, this decoder has {graph.latent_dim}"
    envelope = box_envelope(graph, likelihood)
    if envelope is None:
        return "no envelope was certified: the search for boxes gave up"
    log_constant = rounded_up(Fraction(envelope.log_constant) + Fraction(ROOM), 6)
    reach = math.ceil(1 + tail_reach(envelope.proposal, float(log_constant), 0.0))

    def cover(centres: FloatArray, halves: FloatArray) -> tuple[FloatArray, IntArray]:
        found = potential_plus_log_density(graph, likelihood, envelope.proposal, centres, halves)
        return found.lower, found.split

    corner = np.full(graph.latent_dim, float(reach))
    tree = _cover(cover, -corner, corner, -envelope.log_constant)
    mass = _mass(question, envelope, likelihood)
    if tree is None or mass is None:
        return "the boxes of the envelope were not found again"
    low, high, integral, mass_tree = mass
    acceptance = rounded_down(Fraction(math.exp(integral - float(log_constant))) * (1 - Fraction(ROOM)), 6)
    needed = proposals_needed(float(acceptance), EPSILON)
    if needed is None:
        return f"the acceptance {float(acceptance):.3g} asks for more proposals than a certificate counts"
    mixture, proposals = envelope.proposal, needed.proposals
    return {
        "claims": {
            "log_constant": str(log_constant),
            "acceptance": str(acceptance),
            "proposals": proposals,
            "tv_bound": str(rounded_up((1 - acceptance) ** proposals, 6)),
        },
        "observation": hexadecimal(question.observation),
        "beta": float(question.beta).hex(),
        "proposal": {
            "weights": hexadecimal(mixture.weights),
            "means": [hexadecimal(mean) for mean in mixture.means],
            "roots": [[hexadecimal(row[: i + 1]) for i, row in enumerate(root)] for root in mixture.roots],
        },
        "reach": str(reach),
        "cover": tree,
        "mass": {"low": hexadecimal(low), "high": hexadecimal(high), "tree": mass_tree},
    }


def _cover(bound: Bound, low: FloatArray, high: FloatArray, target: float) -> str | None:
    """The tree of a bisection of [low, high] on each box of which the bound is at least `target`, level by level."""
    lows, highs, places = low[None], high[None], [""]
    letters: dict[str, str] = {}
    while len(places):
        values, splits = bound(0.5 * lows + 0.5 * highs, 0.5 * (highs - lows))
        done = values >= target
        letters |= {place: "." for place, leaf in zip(places, done, strict=True) if leaf}
        open_, axes = np.flatnonzero(~done), splits[~done]
        letters |= {places[index]: str(axis) for index, axis in zip(open_, axes, strict=True)}
        if len(letters) > MOST_BOXES:
            return None
        lows, highs = _halved(lows[open_], highs[open_], axes)
        places = [places[index] + side for side in "01" for index in open_]
    return _in_order(letters)


def _mass(
    question: Question, envelope: Envelope, likelihood: GaussianLikelihood
) -> tuple[FloatArray, FloatArray, float, str] | None:
    """Corners, log of what the boxes hold of int exp(-f) (Estimate) and their tree."""
    graph = question.generator.graph
    cells = find_cells(graph, likelihood)
    support = cells.points[cells.log_masses >= cells.log_masses.max() - 16.0]
    margin = 0.05 * (support.max(axis=0) - support.min(axis=0)) + 1e-6
    low, high = support.min(axis=0) - margin, support.max(axis=0) + margin
    lows, highs, places = low[None], high[None], [""]
    letters: dict[str, str] = {}
    # In units of the envelope's own bound of the integral, which may lie beyond the range of floats.
    unit, held = envelope.log_integral, 0.0
    if not math.isfinite(unit):
        return None
    while len(places):
        centres, halves = 0.5 * lows + 0.5 * highs, 0.5 * (highs - lows)
        means = mean_potential_upper(graph, likelihood, centres, halves)
        here = np.exp(np.minimum(-means.upper - unit, 700.0)) * (2 * halves).prod(axis=1)
        # A box is left alone where Jensen's inequality loses little, or there is little to lose: of a box that is no
        # longer large the corners say so.
        loss = np.maximum(means.upper - means.middle, 0.0)
        fine = ((2 * halves) <= (high - low) / COARSE).all(axis=1)
        most = np.exp(np.minimum(-_least(graph, likelihood, centres, halves) - unit, 700.0)) * (2 * halves).prod(axis=1)
        done = (loss < 1 - SHARE) | (fine & (most < (1 - SHARE) / 2000))
        done |= len(letters) + 2 * len(places) > MOST_BOXES
        held += float(here[done].sum())
        letters |= {place: "." for place, leaf in zip(places, done, strict=True) if leaf}
        open_ = np.flatnonzero(~done)
        axes = np.argmax(halves[open_] / (high - low), axis=1)
        letters |= {places[index]: str(axis) for index, axis in zip(open_, axes, strict=True)}
        lows, highs = _halved(lows[open_], highs[open_], axes)
        places = [places[index] + side for side in "01" for index in open_]
    return None if held <= 0.0 else (low, high, unit + math.log(held), _in_order(letters))


def _least(graph: Graph, likelihood: GaussianLikelihood, centres: FloatArray, halves: FloatArray) -> FloatArray:
    """The least of f at the middle and the corners of each box. Estimate."""
    found = potential(graph, likelihood, centres)
    for signs in itertools.product((-1.0, 1.0), repeat=centres.shape[1]):
        found = np.minimum(found, potential(graph, likelihood, centres + halves * signs))
    return np.asarray(found)


def _halved(lows: FloatArray, highs: FloatArray, axes: IntArray) -> tuple[FloatArray, FloatArray]:
    rows = np.arange(len(lows))
    middle = 0.5 * lows[rows, axes] + 0.5 * highs[rows, axes]
    first, second = highs.copy(), lows.copy()
    first[rows, axes], second[rows, axes] = middle, middle
    return np.concatenate([lows, second]), np.concatenate([first, highs])


def _in_order(letters: dict[str, str]) -> str:
    """The letters of a tree in preorder: a box before its halves."""
    return "".join(letters[place] for place in sorted(letters))


KIND = PortableKind(
    "boxes",
    "exp(-f) <= C rho on R^d, and the distance of K proposals to the posterior",
    _make,
    own_checker="check_boxes.py",
)
