"""Bounds over boxes of f + log rho from below and of the mean of f from above, for any network with few latents.

Around a box's centre c, with l the outputs and w_i = phi_i'(l_i(c)),

    sum_i phi_i(l_i) >= sum_i phi_i(l_i(c)) + <w, l - l(c)> + sum_i k_i (l_i - l_i(c))^2/2,

k_i the least phi_i'' over the range of l_i. The middle term comes from one backward pass (`weighted`), the squares from
the forward planes: (v + s)^2 >= (1-t) v^2 - (1/t - 1) E^2 for |s| <= E and any t in (0, 1). With |z|^2/2 and the
quadratic below log rho everything is one quadratic in u, whose least value over the box is bounded (`box_minimum`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.arithmetic.intervals import EPSILON, FloatArray
from certify.envelopes.box_chain import Chain
from certify.envelopes.box_forms import BoxForms, box_forms
from certify.envelopes.box_minimum import box_minimum_lower
from certify.envelopes.box_parts import along, spread
from certify.envelopes.likelihood import Likelihood
from certify.envelopes.live_chain import Bits, live_bits
from certify.envelopes.mixture import Mixture
from certify.envelopes.weighted import weighted_quadratic_lower
from certify.generators.graph import Graph


@dataclass(frozen=True, eq=False)
class Quadratic:
    """constant (b,) + linear (b, d) . u + u' curvature (b, d, d) u / 2, up to `error` (b,) >= 0 over the box."""

    constant: FloatArray
    linear: FloatArray
    curvature: FloatArray
    error: FloatArray


@dataclass(frozen=True, eq=False)
class BoxBounds:
    """lower (b,) <= f + log rho over each box; `steep` (b, d): the axis to bisect is where it is largest, and halving a
    box halves it there; f + log rho near `middle` (b,) at c. `bits`: the neurons of a chain that may be on there.
    """

    lower: FloatArray
    steep: FloatArray
    middle: FloatArray
    bits: Bits | None = None

    @property
    def split(self) -> npt.NDArray[np.intp]:
        """The axis to bisect, (b,)."""
        return np.asarray(np.argmax(self.steep, axis=1))


def potential_plus_log_density(
    graph: Graph,
    likelihood: Likelihood,
    proposal: Mixture,
    centres: FloatArray,
    halves: FloatArray,
    chain: Chain | None = None,
) -> BoxBounds:
    """Lower bounds of f + log rho over the boxes `centres` +- `halves`, (b, d) each. Rounded outward."""
    forms = box_forms(graph, centres, halves, chain)
    potential, planes = potential_minorant(forms, likelihood)
    constant, gradient, precision, slack = proposal.minorant(centres, halves)
    with np.errstate(invalid="ignore", over="ignore"):
        linear = potential.linear + gradient
        curvature = potential.curvature - precision
        scaled = curvature * halves[:, :, None] * halves[:, None, :]
        least = box_minimum_lower(scaled, linear * halves)
        size = np.abs(scaled).sum(axis=(1, 2)) + (np.abs(linear) * halves).sum(axis=1)
        rounding = 16 * EPSILON * (size + np.abs(potential.constant) + np.abs(constant))
        quadratic = potential.constant + constant + least - potential.error - slack - rounding
        # Without any planes: the ranges of the outputs, and log rho's own quadratic with |z|^2/2 exact.
        final = forms.nodes[-1]
        floor = likelihood.sum_lower(final.low, final.high)
        prior_curvature = (np.eye(centres.shape[1]) - precision) * halves[:, :, None] * halves[:, None, :]
        least = box_minimum_lower(prior_curvature, (centres + gradient) * halves)
        middle = 0.5 * (centres * centres).sum(axis=1)
        seen = likelihood.value(final.value) + middle + constant
        rest = (
            16
            * EPSILON
            * (
                np.abs(floor)
                + middle
                + np.abs(constant)
                + np.abs(prior_curvature).sum(axis=(1, 2))
                + (np.abs(centres + gradient) * halves).sum(axis=1)
            )
        )
        plain = floor + middle + constant + least - slack - rest
    lower = np.fmax(np.where(np.isnan(quadratic), -np.inf, quadratic), np.where(np.isnan(plain), -np.inf, plain))
    steep = halves * np.sqrt(1.0 + planes)
    return BoxBounds(lower, steep, np.where(np.isnan(seen), np.inf, seen), _bits(forms))


def _bits(forms: BoxForms) -> Bits | None:
    return None if forms.chain is None else live_bits(forms.chain)


def potential_minorant(forms: BoxForms, likelihood: Likelihood) -> tuple[Quadratic, FloatArray]:
    """A quadratic below f over each box, and sum_i k_i A_ij^2 per axis (b, d), what the outputs bend along it."""
    final, centres, halves = forms.nodes[-1], forms.centres, forms.halves
    d = centres.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        base, _ = likelihood.enclosure(final.value)
        weights, off = likelihood.slope(final.value)
        first = weighted_quadratic_lower(forms, weights)
        slope, rest = first.slope, first.rest
        least, _ = likelihood.curvature(final.low, final.high)
        # |A u + shift| at its largest, against the remainder E: the squares are dropped where E is most of it.
        reach = final.span + np.abs(final.shift)
        share = np.where(final.radius > 0, final.radius / np.maximum(reach, 1e-300), 0.0)
        used = np.isfinite(share) & (share < 0.5) & np.isfinite(final.slope).all(axis=2)
        kept = np.where(used, least * (1.0 - share), 0.0)
        lost = np.where(used & (share > 0), least * (1.0 / np.maximum(share, 1e-300) - 1.0) * final.radius**2, 0.0)
        planes = np.where(used[:, :, None], final.slope, 0.0)
        shifts = np.where(used, final.shift, 0.0)
        weighted = kept[:, :, None] * planes
        curvature = np.eye(d) + np.matmul(np.swapaxes(weighted, 1, 2), planes) + first.curvature
        linear = centres + slope + along(weighted, shifts)
        middle = 0.5 * (centres * centres).sum(axis=1)
        constant = base + middle + rest + 0.5 * (kept * shifts**2).sum(axis=1) - 0.5 * lost.sum(axis=1)
        n = final.value.shape[1]
        farthest = 0.5 * (least * (reach + final.radius) ** 2).sum(axis=1)
        size = middle + farthest + np.abs(base) + np.abs(rest) + (np.abs(slope) * halves).sum(axis=1)
        size = size + lost.sum(axis=1) + (halves * (np.abs(centres) + halves)).sum(axis=1)
        size = size + np.einsum("bi,bij,bj->b", halves, np.abs(first.curvature), halves)
        error = 16 * (n + 32) * EPSILON * size + (off * final.reach).sum(axis=1) * (1 + n * EPSILON)
        bent = (weighted * planes).sum(axis=1)
    return Quadratic(constant, linear, curvature, error), bent


@dataclass(frozen=True, eq=False)
class MeanBounds:
    """`upper` (b,) >= the mean of f over each box; f near `middle` (b,) at its centre; `bits` as in `BoxBounds`."""

    upper: FloatArray
    middle: FloatArray
    bits: Bits | None = None


def mean_potential_upper(
    graph: Graph, likelihood: Likelihood, centres: FloatArray, halves: FloatArray, chain: Chain | None = None
) -> MeanBounds:
    """Upper bounds of the mean of f over each box, rounded outward; by Jensen int_box exp(-f) >= vol exp(-mean).

    (A u + s + e)^2 <= (1+t)(A u + s)^2 + (1+1/t) E^2 for |e| <= E and any t > 0; the mean of u_j^2 is R_j^2/3.
    """
    forms = box_forms(graph, centres, halves, chain)
    final = forms.nodes[-1]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        _, base = likelihood.enclosure(final.value)
        weights, off = likelihood.slope(final.value)
        first = weighted_quadratic_lower(forms, -weights)
        # The mean of u'Hu/2 over the box.
        second = np.einsum("bii,bi->b", first.curvature, halves * halves) / 6.0
        _, largest = likelihood.curvature(final.low, final.high)
        square = final.shift**2 + spread(final.slope**2, halves**2) / 3.0
        # (sqrt(square) + E)^2 is the best of all t.
        bent = 0.5 * (largest * (np.sqrt(square) + final.radius) ** 2).sum(axis=1)
        prior = 0.5 * ((centres * centres).sum(axis=1) + (halves * halves).sum(axis=1) / 3.0)
        mean = base + prior + bent - first.rest - second
        n = final.value.shape[1]
        size = np.abs(base) + prior + bent + np.abs(first.rest)
        size = size + np.einsum("bii,bi->b", np.abs(first.curvature), halves * halves)
        mean = mean + 16 * (n + 64) * EPSILON * size + (off * final.reach).sum(axis=1) * (1 + n * EPSILON)
        middle = likelihood.value(final.value) + 0.5 * (centres * centres).sum(axis=1)
    upper, seen = (np.where(np.isnan(item), np.inf, item) for item in (mean, middle))
    return MeanBounds(upper, seen, _bits(forms))
