"""A theorem as data: quantities, assumptions, steps and a conclusion, each with one symbolic source.

A theorem file in `theorems/` (or a user's own) builds one `Theorem` and is found by discovery. Everything
that is printed, evaluated in floats, enclosed in balls or set in LaTeX comes from the sympy expressions here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import sympy as sp

from certify.errors import InputError
from certify.generators.embedded import embedded_specifications
from certify.proof.certified_choices import Certificate
from certify.proof.search import Search as Search
from certify.proof.search import SearchCoordinate as SearchCoordinate
from certify.symbolic import model
from certify.symbolic.declaration import DeclaredSymbol
from certify.symbolic.domain import Domain
from certify.symbolic.evaluation import latex
from certify.verdict import Evidence

if TYPE_CHECKING:
    from flint import arb

    from certify.arithmetic.balls import Real
    from certify.bounds.bracket import ConstantBrackets, Witness
    from certify.encoders.kind import EncoderKind
    from certify.execution.door import Execution
    from certify.generators.graph import FloatArray, Generator
    from certify.progress import Progress
    from certify.proof.curves import MixingCurves
    from certify.proof.instance import Instance
    from certify.proof.records import AssumptionRecord, EncoderSize, MeasuredDistance, ObservationRecord
    from certify.prover.algebra import Algebra

Relation: TypeAlias = Literal["<=", ">=", "="]
Role: TypeAlias = Literal["constant", "setting", "choice", "definition", "variable"]
End: TypeAlias = Literal["lower", "upper"]
RELATION_TEX: Mapping[Relation, str] = {"<=": r"\leq", ">=": r"\geq", "=": "="}


@dataclass(frozen=True)
class Quantity:
    """A named number of the theorem.

    `constant`, `setting`, `choice` and `definition` below make one of a declared symbol, which carries TeX, meaning and
    domain; with a plain sympy symbol they are given here.

    `role` says where its value comes from: "constant" from the generator, "setting" from the user,
    "choice" from the optimiser (every choice that meets the side conditions is valid), "definition" from
    `definition`, and "variable" for the bound variable of a claim (a radius, an iteration).
    """

    symbol: sp.Symbol
    role: Role
    tex: str
    meaning: str
    domain: str
    definition: sp.Expr | None = None
    end: End = "upper"
    """The end of the quantity's enclosure that keeps statements true when it is printed as one number."""

    @property
    def name(self) -> str:
        """Public name, the same in Python, JSON, tables and on the command line."""
        return str(self.symbol.name)

    @cached_property
    def values(self) -> Domain:
        """The numbers that it may be; InputError if `domain` is a text without that meaning."""
        return self.symbol.domain if isinstance(self.symbol, DeclaredSymbol) else Domain.parse(self.domain)

    def domain_latex(self, tex: Mapping[str, str]) -> str | None:
        """The domain in LaTeX; None where it is free text of a theorem with plain sympy symbols."""
        return self.symbol.domain.latex(tex) if isinstance(self.symbol, DeclaredSymbol) else None


def constant(symbol: DeclaredSymbol) -> Quantity:
    """A number that comes from the generator."""
    return _declared(symbol, "constant")


def setting(symbol: DeclaredSymbol) -> Quantity:
    """A number that the user gives."""
    return _declared(symbol, "setting")


def choice(symbol: DeclaredSymbol) -> Quantity:
    """A number that the optimiser picks."""
    return _declared(symbol, "choice")


def definition(symbol: DeclaredSymbol, expression: sp.Expr, end: End = "upper") -> Quantity:
    """A closed form in earlier quantities, printed as this end of its enclosure."""
    return _declared(symbol, "definition", expression, end)


def _declared(symbol: DeclaredSymbol, role: Role, expression: sp.Expr | None = None, end: End = "upper") -> Quantity:
    return Quantity(symbol, role, symbol.tex, symbol.meaning, str(symbol.domain), expression, end)


@dataclass(frozen=True)
class Assumption:
    """A hypothesis of the theorem, decided on a generator from the brackets of its constants.

    `decide` is None in a theorem about constants alone: it is assumed with them.
    """

    label: str
    statement: str
    latex: str
    constant: str | None = None
    decide: Callable[[Assumption, Generator, ConstantBrackets], AssumptionRecord] | None = None

    def at(self, generator: Generator, brackets: ConstantBrackets) -> AssumptionRecord:
        """Its record at a generator; InputError for one that nothing decides."""
        if self.decide is None:
            raise InputError(f"assumption `{self.label}` has no `decide`: at a generator something must decide it")
        return self.decide(self, generator, brackets)


@dataclass(frozen=True)
class Condition:
    """A side condition `left <= right` on the free choices under which the conclusion holds."""

    label: str
    left: sp.Expr
    right: sp.Expr
    strict: bool = False

    def latex(self, tex: Mapping[str, str]) -> str:
        """The inequality in LaTeX."""
        return f"{latex(self.left, tex)} {'<' if self.strict else RELATION_TEX['<=']} {latex(self.right, tex)}"


@dataclass(frozen=True)
class Claim:
    """One inequality (or identity) of a proof step: `quantity` `relation` `bound` on the stated domain."""

    name: str
    quantity: str
    quantity_tex: str
    relation: Relation
    bound: sp.Expr
    domain: str

    @cached_property
    def relation_text(self) -> str:
        """The claim in plain characters, without its domain."""
        return f"{self.quantity} {self.relation} {self.bound}"

    @property
    def text(self) -> str:
        """The claim in plain characters."""
        return f"{self.relation_text} for {self.domain}"

    def latex(self, tex: Mapping[str, str]) -> str:
        """The claim in LaTeX."""
        return f"{self.quantity_tex} {RELATION_TEX[self.relation]} {latex(self.bound, tex)}"


@dataclass(frozen=True)
class Finding:
    """One measurement of a claim at one generator: what was found where, how sure it is, and what it rests on.

    measured     the extreme value found (the one that comes closest to violating the claim), in floats
    at           values of the claim's bound variables there (balls, exact numbers or floats), keyed by name
    cases        how many cases it is the extreme of
    evidence     STATISTICAL for sampled cases; RIGOROUS or SYMBOLIC where the whole domain is covered
    exhaustive   True if the whole domain of the claim is covered by the evidence
    interval     confidence interval of `measured` where it is itself an estimate
    confidence   1 - error probability of that interval
    one_sided    True if only the end of the interval that could refute means anything (the truth is known from
                 one side): that end alone decides, and `measured` is shown as the noisy estimate it is
    composed     True if nothing was measured because the claim follows from the steps it uses by a stated argument:
                 it is then as strong as the weakest of them
    assumption   what no error probability covers (draws whose law is not known to be exact): where the claim holds it
                 is `supported` under this assumption, without a confidence, and nothing is refuted by it
    hypothesis   a named unproved hypothesis that the finding rests on: where the claim holds it is `conditional`
    recheck      recomputes the measured value at the witness as a ball: decides a violation and a tie
    """

    claim: str
    measured: float
    cases: int
    evidence: Evidence = Evidence.STATISTICAL
    at: Mapping[str, Any] = field(default_factory=dict)
    exhaustive: bool = False
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    one_sided: bool = False
    composed: bool = False
    assumption: str = ""
    hypothesis: str = ""
    witness: Witness | None = None
    recheck: Callable[[], arb] | None = None
    reason: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the proof: its claims, what it uses, and the check that holds it against measurement."""

    label: str
    title: str
    claims: tuple[Claim, ...]
    uses: tuple[str, ...]
    check: Callable[[Instance], tuple[Finding, ...]]
    source: str = ""


class Strategy(Protocol):
    """A theorem's own way to pick its free choices, in place of the grid search.

    Whatever it finds is certified: the values of a `Certificate` are balls at choices that meet every side
    condition, whatever was done to find them.
    """

    def shortest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with the fewest stochastic layers found such that the distance is <= epsilon; None if none was."""

    def closest(self, theorem: Theorem, inputs: Mapping[str, Real]) -> Certificate | None:
        """Choices with the smallest distance found, whether or not it is below epsilon; None if there are none."""

    def largest_beta(self, theorem: Theorem, inputs: Mapping[str, Real]) -> tuple[float, Certificate] | None:
        """Largest noise level found with distance <= epsilon, and its certificate; None if none was found."""


@dataclass(frozen=True)
class Conclusion:
    """What the theorem gives: `distance` <= epsilon, with the paper's form and a closed explicit form beside it.

    Every part may be left out; a theorem without any concludes what its steps say.

    distance             None where nothing is to be within epsilon: the theorem says what its closed forms are
    search               the grid of the optimiser, or a `Strategy` of the theorem's own; None: there is no free choice
    layers               the quantities that count deterministic and stochastic layers
    paper_form_beta      the paper's noise level with constant 1; None where the paper has none
    explicit_form_beta   the noise level that a closed explicit form admits; None where there is none
    size                 counts the encoder (no result if N is unknown); None where the theorem builds no encoder
    measure              the true distance where it can be had; None where it never can
    observation_bounds   certified settings for one observation (a bound on |zh|, say), each combined over observations
                         by its maximum; the noise level is None while it is not yet settled
    notes                sentences that a reader must not miss
    every_noise          a condition on the constants under which every noise level is admitted (None: there is none)
    inputs               exact inputs of a generator in place of the certified ends of its constants, d, n and N
    certify_observations certificates of single observations, where the theorem has a form for them: of the theorem,
                         generator, brackets, observations (k, n), noise level, epsilon, progress, and where tasks run
                         and results are kept
    observations_need    labels of the assumptions that `certify_observations` rests on; None: all of them
    observations_kept_as entries of the question that every kept result of `certify_observations` answers, by which a
                         file of another theorem's is known before the work
    rows_say             by kind of certificate: what a row that holds one says beside it, of the record and its decoder
    takes_logits         whether `certify_observations` holds for decoders of Bernoulli logits too, outside A0
    sample_inputs        inputs that all observations together decide (two groups of them, a pair), at the noise level,
                         with their labels (k,) where they have some
    """

    statement: str = ""
    latex: str = ""
    distance: sp.Expr | None = None
    conditions: tuple[Condition, ...] = ()
    search: Search | Strategy | None = None
    layers: tuple[sp.Symbol, ...] = ()
    paper_form: str = "none"
    size: Callable[[Certificate, Generator | None], EncoderSize | None] | None = None
    measure: Callable[[Instance], MeasuredDistance | None] | None = None
    observation_bounds: Callable[[Generator, ConstantBrackets, FloatArray, float | None], Mapping[str, float]] = (
        lambda generator, brackets, observation, noise: {}
    )
    notes: Callable[[Certificate, Generator | None], tuple[str, ...]] = lambda certificate, generator: ()
    paper_form_beta: sp.Expr | None = None
    explicit_form: str = "none"
    explicit_form_beta: sp.Expr | None = None
    explicit_form_choices: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    every_noise: Condition | None = None
    inputs: Callable[[Generator, ConstantBrackets], Mapping[str, Real]] | None = None
    certify_observations: Callable[[ObservationsAsked], tuple[ObservationRecord, ...]] | None = None
    observations_need: tuple[str, ...] | None = None
    observations_kept_as: Mapping[str, str] = field(default_factory=dict)
    rows_say: Mapping[str, Callable[[Any, Generator], Mapping[str, Any]]] = field(default_factory=dict)
    takes_logits: bool = False
    sample_inputs: (
        Callable[[Generator, ConstantBrackets, FloatArray, float, FloatArray | None], Mapping[str, Real]] | None
    ) = None


@dataclass(frozen=True, eq=False)
class ObservationsAsked:
    """What certificates of single observations are asked for: the rows (k, n), each at noise `beta` within `epsilon`.

    `execution` says where they are worked on; what it keeps for the same question is verified, not computed again.
    """

    theorem: Theorem
    generator: Generator
    brackets: ConstantBrackets
    rows: FloatArray
    beta: float
    epsilon: Fraction
    progress: Progress
    execution: Execution | None = None


@dataclass(frozen=True)
class Growth:
    """How fast a quantity of the conclusion may grow: `quantity` = O(`order`), both in the theorem's quantities."""

    quantity: sp.Symbol
    order: sp.Expr


@dataclass(frozen=True)
class Theorem:
    """A theorem: statement (quantities, assumptions, conclusion) and proof (steps)."""

    id: str
    title: str
    summary: str
    source: str
    quantities: tuple[Quantity, ...]
    assumptions: tuple[Assumption, ...]
    steps: tuple[Step, ...]
    conclusion: Conclusion = field(default_factory=Conclusion)
    points: tuple[str, ...] = ()
    """Constants such as "mu=1,L=4" at which its steps are checked when none are given. A theorem that has points is
    about constants alone: no generator, and a noise level only if `beta` is among its quantities."""
    examples: tuple[str, ...] = field(default_factory=lambda: tuple(embedded_specifications()))
    """Specifications of the generators that it is checked on when none is named."""
    growth: tuple[Growth, ...] = ()
    """What is claimed of the growth of layers and sizes; `certify stress` fits it from runs."""
    encoder: EncoderKind | None = None
    """How its encoder is written and what bounds its distance; None for a theorem without one."""
    shown: tuple[str, ...] | None = None
    """Choices and closed forms that stand in the table of the conclusion; None: every choice."""
    slack_steps: tuple[str, ...] = ()
    """Labels of the steps whose slack the figures show side by side."""
    reads_constants: bool = True
    """False where nothing of it looks at m, M, M2, M3 of a generator: none is searched for, all are unknown to it."""
    curves: Callable[[Instance], MixingCurves | None] | None = None
    """Truth and theory over the steps of its chain, for the figures; None for a theorem without a chain."""
    algebra: Algebra = field(default_factory=dict)
    """The algebra of its steps, where it is one file; a folder has it in `algebra.py`."""
    file: Path | None = None
    """Where an author's own theorem was read from; its errors name the line there."""

    @cached_property
    def tex(self) -> dict[str, str]:
        """TeX of every quantity by public name."""
        return {quantity.name: quantity.tex for quantity in self.quantities}

    @property
    def constants(self) -> tuple[Quantity, ...]:
        """The quantities that the statement is made of: constants of the generator and settings of the user."""
        return tuple(item for item in self.quantities if item.role in {"constant", "setting"})

    @property
    def constant_domains(self) -> dict[str, Domain]:
        """Domains of what a string of bare constants may give: the model's constants, and this theorem's own."""
        own = {item.name: item.values for item in self.quantities if item.role == "constant"}
        if self.points:
            return own
        return {symbol.name: symbol.domain for symbol in model.CONSTANTS} | own

    @property
    def required_constants(self) -> tuple[str, ...]:
        """Names that it must give: all constants but the model's sizes N and n (which is d where it is not given)."""
        optional = set() if self.points else {"N", "n"}
        return tuple(item.name for item in self.quantities if item.role == "constant" and item.name not in optional)

    @property
    def noisy(self) -> bool:
        """Whether it speaks of a noise level; about a decoder's map alone it need not."""
        return any(item.name == "beta" for item in self.quantities)

    @property
    def definitions(self) -> tuple[Quantity, ...]:
        """Closed forms in an order in which each uses only earlier ones."""
        return tuple(item for item in self.quantities if item.definition is not None)

    def quantity(self, name: str) -> Quantity:
        """The quantity with this public name; KeyError if there is none."""
        for quantity in self.quantities:
            if quantity.name == name:
                return quantity
        raise KeyError(name)

    def step(self, label: str) -> Step:
        """The step with this label; KeyError if there is none."""
        for step in self.steps:
            if step.label == label:
                return step
        raise KeyError(label)
