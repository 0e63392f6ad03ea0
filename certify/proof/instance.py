"""A theorem at one generator: the closed forms in balls and what the checks measure with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import sympy as sp
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import Real, ball, midpoint, precision
from certify.bounds.bracket import ConstantBrackets
from certify.errors import CertifyError, InputError
from certify.generators.graph import Generator
from certify.posteriors.posterior import Posterior
from certify.progress import Progress, SilentProgress
from certify.proof.author import AuthorError, failed, line_of_check
from certify.proof.certified_choices import Certificate
from certify.proof.theorem import Finding, Step, Theorem
from certify.symbolic.evaluation import evaluate_ball

T = TypeVar("T")
LIGHT_PARAMETERS = 1500
"""Up to this number of parameters simulations run in full."""
DENSE_DIMENSION = 12
"""Up to this latent dimension searches that need Hessians run in full."""


@dataclass(frozen=True)
class Instance:
    """Everything a step's check may use.

    `values` are balls of every quantity by public name; `observations` has shape (k, n), and the checks that
    look at one observation take the first. `effort` scales sample sizes (1 is the command line's default). `subject` is
    the generator; None for a theorem about constants alone.
    """

    theorem: Theorem
    certificate: Certificate
    subject: Generator | None
    brackets: ConstantBrackets
    observations: FloatArray
    beta: float
    seed: int
    effort: float = 1.0
    progress: Progress = field(default_factory=SilentProgress)
    _shared: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def generator(self) -> Generator:
        """The generator; InputError in a theorem about constants alone."""
        if self.subject is None:
            raise InputError(f"theorem `{self.theorem.id}` is about constants alone: its checks have no generator")
        return self.subject

    @property
    def where(self) -> str:
        """The generator's name, for a message."""
        return "its constants" if self.subject is None else self.subject.name

    @property
    def values(self) -> Mapping[str, arb]:
        """Balls of all quantities by public name."""
        return self.certificate.values

    @property
    def resolution(self) -> float:
        """Distance, in widths of the posterior, that floats around its mode cannot tell: what a measured law is off by.

        The width is at least beta/(beta^2 + M^2)^(1/2) in every direction, the mode about sqrt(d) from 0.
        """
        if self.subject is None or not self.theorem.noisy or "M" not in self.values:
            return 0.0
        width = self.beta / float(np.hypot(self.beta, self.number("M")))
        spacing = float(np.finfo(np.float64).eps) * float(np.sqrt(self.generator.latent_dim))
        return 4.0 * spacing / width

    def enclosure(self, expression: sp.Expr, at: Mapping[str, Real] | None = None) -> arb:
        """Ball of a closed form at this instance, with the values of `at` in place of its own."""
        with precision():
            overrides = {name: ball(value) for name, value in (at or {}).items()}
            return evaluate_ball(expression, {**self.values, **overrides})

    def number(self, name: str) -> float:
        """Float nearest to a quantity; for steering measurements, never for a certificate."""
        return midpoint(self.values[name])

    def count(self, cases: int, least: int = 1) -> int:
        """A sample size scaled by the effort."""
        return max(least, round(cases * self.effort))

    def dense_count(self, cases: int, least: int = 1) -> int:
        """A number of searches that each need many Hessians: fewer in high dimension, where one costs d^3."""
        return max(least, round(cases * self.effort * min(1.0, DENSE_DIMENSION / self.generator.latent_dim)))

    def gradient_count(self, evaluations: int) -> int:
        """A number of gradient evaluations scaled by the effort, fewer for a network that is large."""
        return max(1, round(evaluations * self.effort * min(1.0, LIGHT_PARAMETERS / self.generator.parameters)))

    def posterior(self, index: int = 0) -> Posterior:
        """The posterior of observation `index`."""
        return self.once(f"posterior-{index}", lambda: Posterior(self.generator, self.observations[index], self.beta))

    def random(self, purpose: str) -> np.random.Generator:
        """A random generator of its own for each purpose: adding a check does not change another's draws."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def findings(self, step: Step) -> tuple[Finding, ...]:
        """What the step's check finds here; it runs once.

        Raises CertifyError where it cannot measure, AuthorError where the check in an author's file fails.
        """
        return self.once(f"findings of {step.label}", lambda: _checked(self.theorem, step, self))

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """The result of `compute`, remembered under `key` for the other checks of this instance."""
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]  # type: ignore[no-any-return]


def _checked(theorem: Theorem, step: Step, instance: Instance) -> tuple[Finding, ...]:
    """What the step's check returns.

    Raises AuthorError where the theorem is an author's file and its check ends with an exception, or returns something
    else than findings on the step's own claims; CertifyError of the check, which could not measure, passes.
    """
    if theorem.file is None:
        return step.check(instance)
    try:
        found: Any = step.check(instance)
    except CertifyError:
        raise
    except Exception as error:
        raise failed(theorem.file, error, f"the check of {step.label} ends with ") from error
    place = f"{theorem.file}:{line_of_check(step.check)}: the check of {step.label}"
    if not isinstance(found, tuple) or not found or not all(isinstance(item, Finding) for item in found):
        raise AuthorError(f"{place} must return a tuple of findings, at least one; got {_kind(found)}")
    names = {claim.name for claim in step.claims}
    for item in found:
        if item.claim not in names:
            raise AuthorError(f"{place} has a finding on `{item.claim}`; its claims are {', '.join(sorted(names))}")
        if missing := _missing(step, item, instance):
            raise AuthorError(f"{place}: the finding on `{item.claim}` must say at which {', '.join(missing)} (`at=`)")
    return tuple(found)


def _missing(step: Step, finding: Finding, instance: Instance) -> list[str]:
    """Variables of the claim's bound that neither the finding nor the instance has a value for."""
    bound = next(claim.bound for claim in step.claims if claim.name == finding.claim)
    known = instance.values.keys() | finding.at.keys()
    return sorted({str(symbol.name) for symbol in bound.free_symbols} - known)


def _kind(found: object) -> str:
    if isinstance(found, tuple):
        return f"a tuple of {', '.join(sorted({type(item).__name__ for item in found})) or 'nothing'}"
    return f"a {type(found).__name__}" if found is not None else "None"
