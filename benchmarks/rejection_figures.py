"""The pictures of docs/rejection.md: F against its envelopes along rays, p and K against noise, a posterior's mixture.

python -m benchmarks.rejection_figures [--out benchmarks/results] [--digits 3]

rejection_rays.png     f and the certified envelope -log(C rho) along random rays, and lines in the plane
rejection_noise.png    certified p and K (epsilon = 0.1) against the noise as a multiple of the decoder's own
rejection_posterior.png  the posterior of a ReLU decoder with two latents, and the Gaussians of the certified proposal
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.arithmetic.arrays import FloatArray
from certify.envelopes.best import best_envelope
from certify.envelopes.box_certificate import Envelope
from certify.envelopes.likelihood import Likelihood, likelihood_of, potential
from certify.envelopes.rejection import proposals_needed
from certify.generators.graph import Generator
from certify.generators.specification import load_generator
from certify.report.figures import BLACK, BLUE, GREEN, GREY, RED, empty_figure, figure_targets, write_figure

DIGITS, ZOO = Path("examples/digits"), Path("examples/zoo")
RAYS = (("residual_d8", "observations_d8"), ("pixels64_conditioned", "observations_pixels64"))
MULTIPLES = (0.25, 0.5, 1.0, 2.0)
PLANE, PLANE_NOISE, PLANE_ROW = "pythae_vae_digits_d2", 0.12, 3
LEAST_SHARE = 0.02
"""Of the weight of a Gaussian that is drawn."""
DECODERS = (
    ("residual_d8", "observations_d8", BLUE, "o"),
    ("pixels64_residual", "observations_pixels64", GREEN, "s"),
    ("pixels64_conditioned", "observations_pixels64", RED, "^"),
    (PLANE, PLANE, BLACK, "d"),
)
EPSILON = Fraction(1, 10)


@dataclass(frozen=True, eq=False)
class Enveloped:
    """One posterior with its envelope."""

    generator: Generator
    likelihood: Likelihood
    envelope: Envelope

    def f(self, points: FloatArray) -> FloatArray:
        """The potential at points (b, d)."""
        return potential(self.generator.graph, self.likelihood, points)

    def below(self, points: FloatArray) -> FloatArray:
        """-log(C rho), certified to be at most f."""
        return -self.envelope.log_constant - self.envelope.proposal.log_density(points)


def enveloped(generator: Generator, row: FloatArray, beta: float) -> Enveloped | None:
    """The envelope at one observation; None where there is none."""
    likelihood = likelihood_of(generator, row, beta)
    with threadpool_limits(1):
        found = best_envelope(generator, likelihood)
    return None if isinstance(found, str) else Enveloped(generator, likelihood, found)


def trained(name: str, observations: str, row: int = 0) -> tuple[Generator, FloatArray, float]:
    """A decoder of the digits, one observation and the decoder's own noise."""
    folder = ZOO if name == PLANE else DIGITS
    generator = load_generator(folder / f"{name}.onnx")
    # The decoders of the zoo name no noise; this one was trained with 1.
    noise = float(generator.metadata.get("trained_beta", 1.0))
    return generator, np.load(folder / f"{observations}.npy")[row].astype(np.float64).ravel(), noise


def draw_rays(target: Path, rays: int = 40) -> None:
    """f along rays z = mu + r L^{-T} u from the heaviest Gaussian N(mu, (LL')^{-1}) of rho, and lines in the plane."""
    figure = empty_figure(9.6, 3.4)
    axes = figure.subplots(1, 3)
    random = np.random.default_rng(0)
    for axis, (name, observations) in zip(axes, RAYS, strict=False):
        found = enveloped(*trained(name, observations))
        assert found is not None, "this decoder has an envelope"
        mixture = found.envelope.proposal
        # Coordinates in which the heaviest Gaussian of rho is standard.
        heaviest = int(np.argmax(mixture.weights))
        mean, root = mixture.means[heaviest], mixture.roots[heaviest]
        radii = np.linspace(0.0, 6.0, 121)
        base = float(found.below(mean[None])[0])
        for place in range(rays):
            direction = random.standard_normal(mixture.latent_dim)
            direction = np.linalg.solve(root.T, direction / np.linalg.norm(direction))
            points = mean + radii[:, None] * direction
            values, floor = found.f(points) - base, found.below(points) - base
            assert (values >= floor - 1e-9).all(), "f is below its envelope"
            axis.plot(radii, values, color=GREY, linewidth=0.5, alpha=0.7)
            axis.plot(radii, floor, color=RED, linewidth=0.8, label="envelope, certified" if place == 0 else None)
        axis.plot([], [], color=GREY, label=f"f along {rays} rays")
        _ray_axis(axis, f"{name}, p >= {found.envelope.acceptance:.3f}", "distance r in the proposal's coordinates")
    plane = _plane()
    _draw_line(axes[2], plane)
    axes[0].set_ylabel("f - its envelope's least value")
    write_figure(figure, figure_targets(target))


def _ray_axis(axis: Any, title: str, label: str) -> None:
    axis.set_ylim(-0.5, 26.0)
    axis.set_title(title, fontsize=8)
    axis.set_xlabel(label, fontsize=8)
    axis.legend(fontsize=7, frameon=False, loc="upper left")


def _draw_line(axis: Any, plane: Enveloped) -> None:
    """Lines through the likeliest point of a posterior with two latents, where rho is a mixture."""
    centre, spread = _middle(plane)
    steps = np.linspace(-8.0, 8.0, 641)
    base = float(plane.f(centre[None])[0])
    for place, angle in enumerate(np.linspace(0, np.pi, 4, endpoint=False)):
        points = centre + steps[:, None] * spread * np.array([np.cos(angle), np.sin(angle)])
        values, floor = plane.f(points) - base, plane.below(points) - base
        assert (values >= floor - 1e-9).all(), "f is below its envelope"
        axis.plot(steps, values, color=GREY, linewidth=1, label="f along 4 lines" if place == 0 else None)
        label = "envelope, certified" if place == 0 else None
        axis.plot(steps, floor, color=RED, linewidth=1, linestyle="--", label=label)
    _ray_axis(axis, f"{PLANE} (ReLU), p >= {plane.envelope.acceptance:.3f}", "distance from the mode, deviations")


def draw_noise(target: Path, digits: int) -> None:
    """Median certified p and K against the noise, in multiples of the decoder's own."""
    figure = empty_figure(8.0, 3.4)
    left, right = figure.subplots(1, 2)
    for name, observations, colour, marker in DECODERS:
        rates, counts = [], []
        for multiple in MULTIPLES:
            found = [_acceptance(name, observations, row, multiple) for row in range(digits)]
            rates.append(float(np.median(found)) or np.nan)
            needed = proposals_needed(rates[-1], EPSILON)
            counts.append(np.nan if needed is None else float(needed.proposals))
        print(name, [f"{rate:.3g}" for rate in rates], counts, flush=True)
        left.plot(MULTIPLES, rates, color=colour, marker=marker, markersize=4, label=name)
        right.plot(MULTIPLES, counts, color=colour, marker=marker, markersize=4, label=name)
    left.set_ylabel(f"certified p, median of {digits} digits" if digits > 1 else "certified p, first digit")
    right.set_ylabel("proposals K, epsilon = 0.1")
    for axis in (left, right):
        axis.set_xscale("log")
        axis.set_ylim(bottom=0.0)
        axis.set_xticks(MULTIPLES, [f"{multiple:g}" for multiple in MULTIPLES])
        axis.minorticks_off()
        axis.axvline(1.0, color=GREY, linewidth=0.8, linestyle=":")
        axis.set_xlabel("noise, as a multiple of the decoder's own")
    left.set_ylim(top=1.0)
    left.legend(fontsize=7, frameon=False, loc="lower left", ncols=2)
    write_figure(figure, figure_targets(target))


def _acceptance(name: str, observations: str, row: int, multiple: float) -> float:
    generator, observation, beta = trained(name, observations, row)
    found = enveloped(generator, observation, beta * multiple)
    return 0.0 if found is None else found.envelope.acceptance


def _plane() -> Enveloped:
    generator = load_generator(ZOO / f"{PLANE}.onnx")
    row = np.load(ZOO / f"{PLANE}.npy")[PLANE_ROW].astype(np.float64).ravel()
    found = enveloped(generator, row, PLANE_NOISE)
    assert found is not None, "two latents have an envelope"
    return found


def _middle(plane: Enveloped) -> tuple[FloatArray, float]:
    """The likeliest of many proposals, and the smallest deviation of the heaviest component."""
    points = plane.envelope.proposal.draw(20_000, np.random.default_rng(0))
    heaviest = int(np.argmax(plane.envelope.proposal.weights))
    spread = 1.0 / np.linalg.norm(plane.envelope.proposal.roots[heaviest], 2)
    return points[int(np.argmin(plane.f(points)))], float(spread)


def draw_posterior(target: Path) -> None:
    """The density on a grid, and the components of the proposal at one and two deviations."""
    from matplotlib.patches import Ellipse

    plane = _plane()
    mixture = plane.envelope.proposal
    points = mixture.draw(20_000, np.random.default_rng(0))
    heavy = points[plane.f(points) < plane.f(points).min() + 6.0]
    low, high = heavy.min(axis=0), heavy.max(axis=0)
    margin = 0.05 * (high - low)
    low, high = low - margin, high + margin
    grid = [np.linspace(low[axis], high[axis], 321) for axis in (0, 1)]
    mesh = np.stack(np.meshgrid(*grid), axis=-1)
    values = plane.f(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
    ratio = plane.below(mesh.reshape(-1, 2)).reshape(mesh.shape[:2]) - values
    figure = empty_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    left.pcolormesh(*grid, np.exp(values.min() - values), cmap="Greys", shading="auto", rasterized=True)
    left.contour(*grid, values - values.min(), levels=[0.5, 1.5, 3.0, 5.0], colors=BLACK, linewidths=0.6)
    shown = mixture.weights >= LEAST_SHARE * mixture.weights.sum()
    for weight, mean, root in zip(mixture.weights[shown], mixture.means[shown], mixture.roots[shown], strict=True):
        scales, axes = np.linalg.eigh(np.linalg.inv(root @ root.T))
        angle = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
        width, height = 2 * np.sqrt(scales[::-1])
        strength = float(np.sqrt(weight / mixture.weights.max()))
        left.add_patch(Ellipse(mean, width, height, angle=angle, fill=False, edgecolor=BLUE, linewidth=2 * strength))
    left.set_title(f"{PLANE}, noise {PLANE_NOISE}: exp(-f), and {int(shown.sum())} of the {mixture.size} "
                   "Gaussians of rho", fontsize=8)  # fmt: skip
    drawn = right.pcolormesh(*grid, np.exp(ratio), cmap="viridis", vmin=0.0, vmax=1.0, shading="auto", rasterized=True)
    figure.colorbar(drawn, ax=right, label="accepted with probability exp(-f)/(C rho)")
    right.set_title(f"p >= {plane.envelope.acceptance:.3f} certified, {plane.envelope.boxes} boxes", fontsize=8)
    for axis in (left, right):
        axis.set_xlim(low[0], high[0])
        axis.set_ylim(low[1], high[1])
        axis.set_xlabel("z_1")
    left.set_ylabel("z_2")
    write_figure(figure, figure_targets(target))


def main() -> None:
    """Draw all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--digits", type=int, default=1)
    options = parser.parse_args()
    draw_posterior(options.out / "rejection_posterior.png")
    draw_rays(options.out / "rejection_rays.png")
    draw_noise(options.out / "rejection_noise.png", options.digits)


if __name__ == "__main__":
    main()
