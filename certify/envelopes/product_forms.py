"""Suprema of quadratic forms over the graph of a product p = u v: eta >= sup psi(u, v, u v) over ranges of u and v.

psi is any form in (1, u, v, p), nine coefficients (`lifted_form.neuron_form`), and on the graph a polynomial of degree
two in each factor: g = C_0(v) + C_1(v) u + C_2(v) u^2. What multiplies p - u v is not paid for, and the sector
(p - a u)(p - b u) <= 0 of a factor v in [a, b] is one of these forms, for every real u.

The range of v, which must be bounded, is cut into cells. For fixed u the second derivative of g by v is 2 kappa(u),
kappa = q_vv + q_vp u + q_pp u^2, so between two neighbouring cuts g exceeds the larger of its values there by
h^2 max(0, -kappa(u)) at most, 2h the width: eta is the largest of sup_u g(u, v_i) and sup_u g(u, v_i) - h^2 kappa(u)
over the cuts v_i, suprema of parabolas over a range of u, bounded or not. Everything is rounded outward.
"""

from __future__ import annotations

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray
from certify.bounds.ranges import Interval
from certify.envelopes.lifted_form import PRODUCT_WIDTH, LiftedNetwork
from certify.envelopes.neuron_forms import FAR, VANISHED, gain, suprema_upper

CUTS = 257
"""Where the range of v is cut, its ends among them."""

SEARCH_CUTS, PEAK_PARTS, PEAK_CUTS = 9, 16, 16
"""Values of each factor that a search begins with; parts of v's range to which it adds the worst of so many values."""


def payments_upper(network: LiftedNetwork, coefficients: FloatArray, ranges: Interval | None = None) -> FloatArray:
    """Eta (k,) >= sup of psi_k over all inputs of neuron k, or over `ranges`; those of products too.

    `ranges` are ends (k,) of the inputs, with products (2k,), those of the other factors last. Rounded outward; inf
    where a supremum is or may be infinite.
    """
    if network.partners is None:
        return suprema_upper(network.sigmas, coefficients, ranges)
    found, products = np.empty(network.neurons), network.products
    plain = np.flatnonzero(~products)
    sigmas = tuple(network.sigmas[index] for index in plain)
    own = None if ranges is None else (ranges[0][plain], ranges[1][plain])
    found[plain] = suprema_upper(sigmas, coefficients[plain, :5], own)
    first, second = factor_ranges(network, ranges)
    found[products] = product_suprema_upper(coefficients[products], first, second)
    return found


def factor_ranges(network: LiftedNetwork, ranges: Interval | None) -> tuple[Interval, Interval]:
    """Ends (m,) of the factors u, and those of the factors v, of all products; what holds for every z is used too."""
    assert network.partners is not None, "the network has products"
    k, (low, high) = network.neurons, network.partners.spans
    if ranges is not None:
        low, high = np.maximum(low, ranges[0]), np.minimum(high, ranges[1])
    which = np.flatnonzero(network.products)
    return (low[k + which], high[k + which]), (low[which], high[which])


def has_bounded_factors(network: LiftedNetwork) -> bool:
    """Whether in every product a factor is bounded over all z: otherwise no form of it is paid for. Verified."""
    return network.partners is None or bool(np.isfinite(factor_ranges(network, None)[1]).all())


def product_suprema_upper(coefficients: FloatArray, first: Interval, second: Interval) -> FloatArray:
    """Eta (m,) >= sup psi(u, v, u v) over u in `first` and v in `second`, ends (m,) each; `coefficients` (m, 9).

    Rounded outward; inf where it is or may be infinite, as where v is not bounded.
    """
    low, high = second
    known = np.isfinite(low) & np.isfinite(high) & (first[0] <= first[1]) & (low <= high)
    start, end = np.where(known, low, 0.0), np.where(known, high, 0.0)
    steps = np.linspace(0.0, 1.0, CUTS)
    cuts = np.clip(start[:, None] * (1.0 - steps) + end[:, None] * steps, start[:, None], end[:, None])
    half = np.nextafter(0.5 * np.abs(np.diff(cuts, axis=1)).max(axis=1), np.inf)[:, None]
    b_v, b_p, q_vv, q_vp, q_pp, b_u, q_uu, q_uv, q_up = coefficients.T[:, :, None]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # Polynomials in u at the cuts, without and with what a cell may add: values, and their absolute terms. The
        # coefficient first: a square of v vanishes where the term does not.
        terms = (
            (b_v * cuts, q_vv * cuts * cuts, -q_vv * half * half),
            (b_u, b_p * cuts, q_uv * cuts, q_vp * cuts * cuts, -q_vp * half * half),
            (q_uu, q_up * cuts, q_pp * cuts * cuts, -q_pp * half * half),
        )
        # A power that is not there at all has no rounding either: u may be unbounded.
        present = [
            (coefficients[:, chosen] != 0).any(axis=1)[:, None].astype(float)
            for chosen in ([0, 2], [1, 3, 5, 7], [4, 6, 8])
        ]
        found = np.full(len(coefficients), -np.inf)
        for added in (False, True):
            chosen = [np.broadcast_arrays(cuts, *(parts if added else parts[:-1]))[1:] for parts in terms]
            polynomial = [np.sum(parts, axis=0) for parts in chosen]
            # A term that vanishes here may matter where u is large.
            sizes = [
                np.sum(np.abs(parts), axis=0) + VANISHED * there for parts, there in zip(chosen, present, strict=True)
            ]
            found = np.maximum(found, _parabolas(polynomial, sizes, present, *first).max(axis=1))
    return np.where(known & ~np.isnan(found), found, np.inf)


def _parabolas(
    polynomial: list[FloatArray], sizes: list[FloatArray], present: list[FloatArray], low: FloatArray, high: FloatArray
) -> FloatArray:
    """Upper bounds of sup c_0 + c_1 u + c_2 u^2 over low <= u <= high, (m, j).

    `sizes` (m, j): the sums of the coefficients' own absolute terms; `present` (m, 1): 0 for an exact 0.
    """
    anchor = np.clip(0.0, low, high)[:, None]
    reach = np.abs(anchor)
    c_0, c_1, c_2 = polynomial
    error = 32 * EPSILON

    def raised(value: FloatArray, size: FloatArray, there: FloatArray) -> FloatArray:
        return np.asarray(value + (error * size + SMALLEST_NORMAL) * there)

    whole = sizes[0] + sizes[1] * reach + sizes[2] * reach * reach
    base = raised(c_0 + c_1 * anchor + c_2 * anchor * anchor, whole, np.ones_like(anchor))
    sloped = np.maximum(present[1], present[2])
    slope, slope_size = c_1 + 2.0 * c_2 * anchor, sizes[1] + 2.0 * sizes[2] * reach
    curvature = raised(c_2, sizes[2], present[2])
    found = base
    for sign, length in ((-1.0, anchor[:, 0] - low), (1.0, high - anchor[:, 0])):
        lengths = np.broadcast_to(np.nextafter(length, np.inf)[:, None], base.shape)
        more = gain(raised(sign * slope, slope_size, sloped), curvature, lengths)
        found = np.where((length > 0)[:, None], np.maximum(found, np.nextafter(base + more, np.inf)), found)
    return found


def product_points(first: FloatArray, second: FloatArray) -> FloatArray:
    """What the coefficients multiply at factors u and v, (..., 9). Estimate."""
    u, v = np.broadcast_arrays(first, second)
    p = u * v
    return np.stack([v, p, v * v, v * p, p * p, u, u * u, u * v, u * p], axis=-1)


def search_points(first: Interval, second: Interval) -> tuple[FloatArray, FloatArray]:
    """Points (m, j, 9) of each graph where a search begins, and (m, i, 9) what keeps C_2 negative between values of v.

    The latter is 0 where u is bounded. Estimate.
    """
    u = np.stack([_spread(low, high) for low, high in zip(*first, strict=True)])
    steps = np.linspace(0.0, 1.0, SEARCH_CUTS)
    v = second[0][:, None] * (1.0 - steps) + second[1][:, None] * steps
    points = product_points(u[:, :, None], v[:, None, :])
    signs = np.zeros((len(v), 2 * SEARCH_CUTS, PRODUCT_WIDTH))
    sag = 0.25 * ((second[1] - second[0]) / (SEARCH_CUTS - 1))[:, None] ** 2
    signs[:, :, 4], signs[:, :, 6] = np.concatenate([v * v, v * v - sag], axis=1), 1.0
    signs[:, :, 8] = np.concatenate([v, v], axis=1)
    signs[np.isfinite(first[0]) & np.isfinite(first[1])] = 0.0
    return points.reshape(len(u), -1, PRODUCT_WIDTH), signs


def product_peaks(coefficients: FloatArray, first: Interval, second: Interval) -> FloatArray:
    """Points (m, j, 9): where psi is largest on each of j parts of the range of v. Estimate."""
    steps = np.linspace(0.0, 1.0, PEAK_PARTS * PEAK_CUTS)
    v = second[0][:, None] * (1.0 - steps) + second[1][:, None] * steps
    _, b_p, _, q_vp, q_pp, b_u, q_uu, q_uv, q_up = coefficients.T[:, :, None]
    slope, bend = b_u + (b_p + q_uv) * v + q_vp * v * v, q_uu + q_up * v + q_pp * v * v
    low, high = (np.clip(end, -FAR[-1], FAR[-1])[:, None] + 0.0 * v for end in first)
    with np.errstate(all="ignore"):
        vertex = np.clip(np.where(bend < 0, -0.5 * slope / bend, 0.0), low, high)
    candidates = product_points(np.stack([low, vertex, high], axis=-1), v[..., None])
    candidates = candidates.reshape(len(v), PEAK_PARTS, 3 * PEAK_CUTS, PRODUCT_WIDTH)
    best = np.einsum("mjci,mi->mjc", candidates, coefficients).argmax(axis=2)
    return np.asarray(np.take_along_axis(candidates, best[:, :, None, None], axis=2)[:, :, 0])


def _spread(low: float, high: float) -> FloatArray:
    """Increasing values of u to look at: even ones where it is bounded, else farther and farther ones."""
    steps = np.linspace(0.0, 1.0, SEARCH_CUTS)
    if np.isfinite(low) and np.isfinite(high):
        return np.asarray(low * (1.0 - steps) + high * steps)
    half = np.array([0.0, 1.0, 10.0, FAR[-2], FAR[-1]])
    return np.asarray(np.clip(np.concatenate([-half[:0:-1], half]), low, high))
