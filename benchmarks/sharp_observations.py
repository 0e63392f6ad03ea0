"""The certified encoders of single observations, run and measured against their posteriors: digits, 64 pixels.

python -m benchmarks.sharp_observations [--count 20] [--trained 20] [--out benchmarks/results/sharp_observations]
(writes .md, after every noise level; about 9 minutes on a busy core)

For the first held-out digits, at the decoder's own noise, a half and a quarter of it, the very encoder that the
certificate speaks of (its c, B, start, steps and projection) is drawn from, and its distance to pi_x is bracketed:

    lower end   an event chosen on a third of the draws, its two probabilities on the rest (Clopper-Pearson); for one
                Gaussian the laws of the log density ratio (Dvoretzky-Kiefer-Wolfowitz)
    upper end   pairs with a Metropolis chain of the same proposals started in pi_x; for one Gaussian the same laws

The draws of pi_x are exact (`exact_draws`), so no end rests on an assumption. All ends of a run together fail with
probability at most 1e-6. A lower end above the certified bound would be a refutation: the run stops there. Beside every
chain stands the Gaussian N(c, B B^T) that it starts near, bracketed from the same draws: what the layers are worth, and
a law that these draws must be able to tell from pi_x.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from certify.arithmetic.arrays import FloatArray
from certify.atomic import write_text_atomically
from certify.audits.brackets import statistics
from certify.audits.exponential_chain import SHORT, ExponentialChain, PlacedExponential
from certify.audits.score import score_distance
from certify.bounds.constants import constants
from certify.cli.progress_bar import progress_on_terminal
from certify.encoders.amortised import amortised_starts
from certify.errors import CertifyError
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.measure.two_sample import total_variation_lower
from certify.posteriors.estimates import ERROR_PROBABILITY, frequency_interval
from certify.posteriors.posterior import Posterior
from certify.posteriors.rejection import ENVELOPE_ALLOWANCE, EnvelopeError
from certify.profiles.certificate import (
    CHAIN,
    GlobalConstants,
    ObservationCertificate,
    certify_observation,
    residual_bend,
)
from certify.progress import Progress, SilentProgress
from certify.report.discovery import table_formats
from certify.report.table import (
    Cell,
    Document,
    Table,
    columns,
    interval_cell,
    lower_cell,
    number_cell,
    text_cell,
    upper_cell,
)
from certify.sampling.langevin import ExponentialIntegrator
from certify.sampling.options import RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.preconditioning import Preconditioner
from certify.sampling.runs import run
from certify.sharp.centre import Centre, find_centre
from certify.sharp.schedule import Schedule
from certify.version import __version__
from theorems.sharp_langevin.observations import global_constants

RESULTS = Path("benchmarks/results/sharp_observations")
DIGITS = Path("examples/digits")
DECODER, OBSERVATIONS = DIGITS / "pixels64_residual.onnx", DIGITS / "observations_pixels64.npy"
EPSILON = Fraction(1, 10)
SHARES = (0.25, 0.5, 1.0)
"""Parts of the trained noise."""
SIMULATED, DRAWS = 4_000_000, (20_000, 100_000)
COUPLED, PAIRS = 4_000_000, (1000, 10_000)
"""Layers run in all, and the fewest and most draws of either law, or coupled pairs."""
BATCH = 16_384
SMALLEST_ACCEPTANCE = 1e-4


class Refutation(CertifyError):
    """A measured lower end lies above the certified bound."""


@dataclass(frozen=True)
class Measured:
    """TV(encoder, pi_x) in [`lower`, `upper`] and TV(N(c, B B^T), pi_x) in `gaussian`, from `draws` of either law.

    `advantage` is the difference of frequencies behind the lower end, an estimate of what that event shows.
    """

    observation: int
    certificate: ObservationCertificate
    lower: float
    advantage: float
    upper: float
    gaussian: tuple[float, float]
    draws: int
    method: str


def exact_draws(
    posterior: Posterior, centre: Centre, m_lower: float, bend: float, count: int, seed: int
) -> tuple[FloatArray, float]:
    """Independent draws (count, d) of pi_x by rejection, for any n >= d, and the acceptance rate.

    With r = G(c) - x, |G(c+h) - G(c)| >= m |h| and ||sum_i r_i Hess G_i|| <= `bend` everywhere, Taylor's formula gives
        f(c + h) >= f(c) + <grad f(c), h> + a |h|^2/2,   a = 1 + (m^2 - bend)/beta^2,
    so exp(-f) lies under a Gaussian. Exact (up to float rounding of f) if m and `bend` are what they claim; every
    proposal is held against the envelope.

    Raises:
        EnvelopeError: if a <= 0, or a proposal lies above the envelope beyond rounding.
    """
    random = np.random.default_rng(seed)
    a = 1 + (m_lower**2 - bend) / posterior.beta**2
    if a <= 0:
        raise EnvelopeError(f"no Gaussian envelope: 1 + (m^2 - bend)/beta^2 = {a:g} is not positive")
    slope, base = posterior.gradient(centre.point), float(posterior.potential(centre.point[None])[0])
    accepted: list[FloatArray] = []
    found = proposals = 0
    while found < count:
        steps = -slope / a + random.standard_normal((BATCH, posterior.latent_dim)) / math.sqrt(a)
        floor = steps @ slope + 0.5 * a * np.sum(steps * steps, axis=1)
        excess = posterior.potential(centre.point + steps) - base - floor
        if np.min(excess + ENVELOPE_ALLOWANCE * (1 + abs(base) + np.abs(floor))) < 0:
            raise EnvelopeError(f"f lies {-np.min(excess):g} below its envelope: m = {m_lower:g} or bend = {bend:g}")
        keep = np.log1p(-random.random(BATCH)) <= -excess
        accepted.append(centre.point + steps[keep])
        found, proposals = found + int(np.count_nonzero(keep)), proposals + BATCH
        if found < SMALLEST_ACCEPTANCE * proposals:
            raise EnvelopeError(
                f"{found} of {proposals} proposals were accepted: the envelope is too wide to draw from"
            )
    return np.concatenate(accepted)[:count], found / proposals


def certified_chain(certificate: ObservationCertificate) -> ExponentialChain:
    """The chain that a certificate of Theorem 1* speaks of, from its numbers."""
    numbers, layers = certificate.values, certificate.layers
    assert certificate.theorem == CHAIN and layers is not None
    first, offset, step = (Fraction(numbers[name]) for name in ("eta_b", "h", "eta"))
    schedule = Schedule(first, offset, int(numbers["K0"]), step, layers)
    return ExponentialChain(np.array([float(time) for time in schedule.times()]), numbers["R"], numbers["start"] > 0)


def measure(
    posterior: Posterior,
    centre: Centre,
    certificate: ObservationCertificate,
    reference: FloatArray,
    index: int,
    seed: int,
    error_probability: float,
) -> Measured:
    """Bracket the distance of the certified encoder to pi_x; `reference` (k, d) are exact draws of pi_x.

    Both ends together fail with probability <= `error_probability`.

    Raises:
        Refutation: if the lower end is above the certified bound.
    """
    coordinates = Preconditioner.create(centre.point, centre.factor)
    one = _gaussian(posterior, coordinates, reference, seed + 2, error_probability / 2)
    found = one
    if certificate.theorem == CHAIN:
        chain = certified_chain(certificate)
        found = _chain(chain, posterior, coordinates, reference, seed, error_probability / 2)
    claims = [(certificate.theorem, certificate.tv_bound, found), ("G1*", certificate.values.get("tv_gaussian"), one)]
    for theorem, claimed, (low, _, _, method) in claims:
        if claimed is not None and low > claimed:
            raise Refutation(
                f"REFUTED: observation {index} at beta = {posterior.beta:g}: {theorem} certifies a distance of at most "
                f"{claimed:g}, measured at least {low:g} ({method})"
            )
    low, advantage, high, method = found
    return Measured(index, certificate, low, advantage, high, (one[0], one[2]), reference.shape[0], method)


def _chain(
    chain: ExponentialChain,
    posterior: Posterior,
    coordinates: Preconditioner,
    reference: FloatArray,
    seed: int,
    error: float,
) -> tuple[float, float, float, str]:
    start = None if chain.gaussian_start else coordinates.centre
    layer = ExponentialIntegrator((np.zeros(posterior.latent_dim), chain.radius))
    states = run(
        Preconditioned(coordinates, layer), posterior, start, chain.times, chain.times.size,
        RunOptions(seed, reference.shape[0], threads=1),
    ).positions  # fmt: skip
    samples = [statistics(points, posterior, states[::3]) for points in (states, reference)]
    event = total_variation_lower(samples[0], samples[1], error / 2)
    pairs = int(np.clip(COUPLED // chain.times.size, *PAIRS))
    placed = PlacedExponential(chain, posterior, coordinates)
    # All draws for the start's density ratio of a short chain, whose pairs are cut to the chain's own number.
    used = reference[:pairs] if float(np.sum(chain.times)) >= SHORT else reference
    coupled = placed.coupled(used, seed + 1, error / 2, SilentProgress())
    return event.lower, event.estimate, max(event.lower, coupled.upper), f"event; {coupled.pairs} pairs"


def _gaussian(
    posterior: Posterior, coordinates: Preconditioner, reference: FloatArray, seed: int, error: float
) -> tuple[float, float, float, str]:
    own = np.random.default_rng(seed).standard_normal(reference.shape)
    scores = [
        posterior.potential(coordinates.latent(sample)) - 0.5 * np.sum(sample * sample, axis=1)
        for sample in (own, coordinates.coordinates(reference))
    ]
    interval = score_distance(scores[0], scores[1], error / 2)
    return interval.lower, interval.estimate, interval.upper, "density ratio"


def resolution(draws: int, error_probability: float) -> float:
    """The advantage of a held-out event of probability 1/2 below which its lower end is 0, at `draws` of each law.

    `error_probability` is that of all ends of an observation, of which the event has a quarter.
    """
    held_out = 2 * draws // 3
    interval = frequency_interval(held_out // 2, held_out, error_probability / 4)
    return interval.upper - interval.lower


def measured_digits(
    generator: Generator,
    bounds: GlobalConstants,
    rows: FloatArray,
    starts: FloatArray | None,
    beta: float,
    error_probability: float,
    progress: Progress,
) -> list[Measured]:
    """Every row (k, n) certified and measured at noise `beta`; each spends `error_probability`."""
    progress.start(f"digits at beta = {beta:.4g}", len(rows))
    found = []
    for index, row in enumerate(rows):
        start = None if starts is None else starts[index]
        certificate = certify_observation(generator, bounds, row, beta, EPSILON, start)
        if certificate.certified:
            posterior = Posterior(generator, row, beta)
            centre = find_centre(posterior, start)
            bend = residual_bend(posterior, centre, bounds)
            count = int(np.clip(SIMULATED // (certificate.layers or 1), *DRAWS))
            reference = exact_draws(posterior, centre, bounds.m, bend, count, 4 * index)[0]
            found.append(measure(posterior, centre, certificate, reference, index, 4 * index + 1, error_probability))
        progress.advance()
    progress.finish()
    return found


def noise_table(share: float, beta: float, found: Sequence[Measured], asked: int, error_probability: float) -> Table:
    """A line for each of `found` (at least one), and the medians; of `error_probability` for all ends of a line."""
    finest, coarsest = (resolution(pick(item.draws for item in found), error_probability) for pick in (max, min))
    rows: list[tuple[Cell, ...]] = [
        (
            text_cell(str(item.observation)),
            text_cell(item.certificate.theorem),
            text_cell(str(item.certificate.layers)),
            upper_cell(item.certificate.tv_bound),
            lower_cell(item.lower, 3),
            number_cell(item.advantage, digits=3),
            upper_cell(item.upper, 3),
            interval_cell(*item.gaussian, 3),
            text_cell(f"{item.draws:,} draws, {item.method}"),
        )
        for item in found
    ]
    rows.append(_medians(found))
    notes = (
        f"{len(found)} of {asked} digits certified; a held-out event of probability 1/2 gives a lower end above 0 from "
        f"an advantage of {finest:.3f} on at the most draws, {coarsest:.3f} at the fewest",
    )
    headings = ("digit", "by", "K", "certified", "lower", "advantage", "upper", "one Gaussian", "method")
    return Table(
        f"sharp_observations_{int(100 * share)}", f"{100 * share:g} % of the trained noise, beta = {beta:.4g}",
        columns(headings, headings[2:8]), tuple(rows), notes,
    )  # fmt: skip


def _medians(found: Sequence[Measured]) -> tuple[Cell, ...]:
    layers = float(np.median([item.certificate.layers or 0 for item in found]))
    bounds = float(np.median([item.certificate.tv_bound or math.nan for item in found]))
    ends = [(item.lower, item.advantage, item.upper, *item.gaussian) for item in found]
    low, middle, high, *one = (float(value) for value in np.median(ends, axis=0))
    return (
        text_cell("median"), text_cell(""), text_cell(f"{layers:g}"), upper_cell(bounds), lower_cell(low, 3),
        number_cell(middle, digits=3), upper_cell(high, 3), interval_cell(one[0], one[1], 3), text_cell(""),
    )  # fmt: skip


def main() -> None:
    """Measure at every noise and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="digits at a quarter and a half of the trained noise")
    parser.add_argument("--trained", type=int, default=20, help="digits at the trained noise")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if min(arguments.count, arguments.trained) < 1:
        parser.error("at least one digit is needed at every noise")
    begun = time.perf_counter()
    generator, observations = load_generator(str(DECODER)), np.load(OBSERVATIONS)
    bounds, trained = global_constants(constants(generator)), float(generator.metadata["trained_beta"])
    counts = [arguments.trained if share == 1 else arguments.count for share in SHARES]
    error = ERROR_PROBABILITY / sum(counts)
    tables = []
    for share, count in zip(SHARES, counts, strict=True):
        rows = observations[:count]
        starts = amortised_starts(generator, rows)
        with progress_on_terminal(quiet=False) as progress:
            found = measured_digits(generator, bounds, rows, starts, share * trained, error, progress)
        if not found:
            raise SystemExit(f"none of {count} digits is certified at beta = {share * trained:g}: nothing to measure")
        tables.append(noise_table(share, share * trained, found, count, error))
        seconds = time.perf_counter() - begun
        comments = (
            f"version {__version__}, {seconds:.0f} s; all ends together fail with probability <= 1e-6",
            "made by python -m benchmarks.sharp_observations",
        )
        # After every noise level: a run that is cut off leaves what it has.
        text = table_formats()["markdown"].render(Document(tuple(tables), comments))
        write_text_atomically(arguments.out.with_suffix(".md"), text)


if __name__ == "__main__":
    try:
        main()
    except Refutation as refutation:
        raise SystemExit(str(refutation)) from None
