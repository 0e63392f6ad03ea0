"""The theorems in `examples/theorems`, each a file of somebody's own, held to exact truth with `certify.testing`."""

from __future__ import annotations

from flint import arb

from certify.arithmetic.balls import ball, precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Finding
from certify.testing import TheoremConformance
from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "theorems"


def flat(instance: Instance) -> tuple[Finding, ...]:
    """One step on c x^2/2 with c below mu: (1 - h c)^2."""
    with precision():
        factor = 1 - instance.values["h"] * instance.values["mu"] / 4
        return (exact_finding("factor", factor * factor),)


def steep(instance: Instance) -> tuple[Finding, ...]:
    """One step on c x^2/2 with c above L: (f(x+) - f(x))/|f'(x)|^2 = -h (1 - c h/2)."""
    with precision():
        step = instance.values["h"]
        return (exact_finding("decrease", -step * (1 - 3 * instance.values["L"] * step / 2)),)


def too_steep(instance: Instance) -> tuple[Finding, ...]:
    """The largest singular value of [[1, 0], [c, E]] with |C| doubled, as a subnet with twice the slope has it."""
    with precision():
        c, scale = 2 * instance.values["c_upper"], instance.values["E"]
        total = 1 + c * c + scale * scale
        return (exact_finding("stretch", ((total + (total * total - 4 * scale * scale).sqrt()) / 2).sqrt()),)


def too_curved(instance: Instance) -> tuple[Finding, ...]:
    """h sum_j E|f'(x_j)|^2 of f = c x^2/2, c = 1.99/h > L: the chain's variance grows to 1/(c (1 - h c/2))."""
    with precision():
        step = instance.values["h"]
        c = ball("1.99") / step
        variance, total = 1 / instance.values["L"], arb(0)
        for _ in range(round(instance.number("K"))):
            total += c * c * variance
            variance = (1 - step * c) * (1 - step * c) * variance + 2 * step
        return (exact_finding("gradients", step * total),)


def unsure(instance: Instance) -> tuple[Finding, ...]:
    """The distance of a linear classifier's boundary where A has less than pA: it is 0 at 1/2."""
    return (exact_finding("radius", 0),)


class TestPolyakLojasiewicz(TheoremConformance):
    theorem = FOLDER / "polyak_lojasiewicz.py"
    numbers = {
        ("mu=1,L=1,h=1/2,k=3", "rate"): "1/64",
        ("mu=1/10,L=1,h=1,k=10", "q"): "9/10",
        ("mu=1/10,L=1,h=1,k=10", "rate"): "0.3486784401",
        # 1 - 2/50/5 (1 - 8/10) = 0.9984, and its fifth power by hand.
        ("mu=1/50,L=8,h=1/5,k=5", "rate"): "0.992025559",
    }
    violations = {
        "P": (flat, "mu=1/10,L=1,h=1,k=10"),
        "D": (steep, "mu=1/10,L=1,h=1,k=10"),
    }


class TestAffineCoupling(TheoremConformance):
    theorem = FOLDER / "affine_coupling.py"
    numbers = {
        # [[1, 0], [3/4, 1]] has the singular values (sqrt(73) +- 3)/8.
        ("S=0,A=0,B=3/4,r=1", "M"): "1.443000468",
        ("S=0,A=0,B=3/4,r=1", "m"): "0.693000468",
        ("S=1/2,A=1/4,B=1/3,r=2", "c_inverse"): "1.049573757",
    }
    violations = {"M": (too_steep, "S=1/2,A=1/4,B=1/3,r=2")}


class TestUnadjustedLangevin(TheoremConformance):
    theorem = FOLDER / "unadjusted_langevin.py"
    numbers = {("d=2,mu=1,L=2", "chi2"): "2/1", ("d=3,mu=1/2,L=1", "chi2"): "2.828427125"}
    slack = frozenset(
        {
            "S start: 1/2 halved",
            "C diffusion: the whole halved",
            "C diffusion: 1/2 halved",
            "C diffusion: exponent 1/2 of chi2 halved",
            "G gradients: term -L*h/2 halved",
            "G gradients: term d/2 halved",
            "G gradients: term -L*h/2 with the other sign",
            "T chain: the whole halved",
            "T chain: term sqrt(2)*sqrt(kl_path)/2 halved",
            "T chain: 2 halved",
            "T chain: exponent 1/2 of 2 halved",
            "T chain: exponent 1/2 of kl_path doubled",
            "T chain: term mixing halved",
            "T chain: term mixing with the other sign",
        }
    )
    violations = {"G": (too_curved, "d=1,mu=1,L=1")}


class TestRandomizedSmoothing(TheoremConformance):
    theorem = FOLDER / "randomized_smoothing.py"
    numbers = {
        # sigma Phi^{-1}(0.9) and (Phi^{-1}(0.99) - Phi^{-1}(0.005))/2, from tables of the normal quantile.
        ("sigma=1/2,pA=9/10,pB=1/10", "radius"): "0.640775783",
        ("sigma=1,pA=99/100,pB=1/200", "radius"): "2.451088589",
    }
    violations = {"R": (unsure, "sigma=1/2,pA=9/10,pB=1/10")}
