"""The file that an author begins with: a small theorem that is complete and runs, to be changed part by part."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from certify.atomic import check_folder_writable, write_text_atomically
from certify.errors import InputError

LONGEST_NAME = 60
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

TEMPLATE = r'''"""NAME: one step of gradient descent contracts. A complete small theorem, to be changed part by part.

Statement. For f: R^d -> R with mu I <= Hess f <= L I and a step size h <= 2/(mu + L),
    |x - h grad f(x) - y + h grad f(y)| <= q |x - y|,   q = 1 - h mu.
Proof. The Hessian's eigenvalues c lie in [mu, L], so those of I - h Hess f lie in [1 - h L, 1 - h mu] (step S1), and
1 - h L >= -(1 - h mu) by the step size: the norm of I - h Hess f is at most q along the whole segment (step S2).

    certify check FILE.py                                  every step at the points below
    certify check FILE.py --constants mu=1,L=4,h=1/4       at constants of your own
    certify check --lint FILE.py                           what is wrong with the file, all at once
    certify show FILE.py --formulas                        what a referee reads
    certify tables FILE.py --out tables                    the tables of an appendix
"""

from __future__ import annotations

import sympy as sp

from certify.arithmetic.balls import precision
from certify.proof.checks.exact import exact_finding
from certify.proof.instance import Instance
from certify.proof.theorem import Assumption, Claim, Conclusion, Finding, Step, Theorem, constant, definition
from certify.prover.algebra import AlgebraicClaim, at_least, at_most
from certify.symbolic.declaration import declare

# Every symbol once: name, domain, TeX, meaning, and the symbols that its domain names.
mu = declare("mu", "(0, inf)", r"\mu", "curvature of f from below")
L = declare("L", "[mu, inf)", "L", "curvature of f from above", mu)
h = declare("h", "(0, 2/(mu + L)]", "h", "step size", mu, L)
q = declare("q", "[0, 1)", "q", "contraction of one step")
c = declare("c", "[mu, L]", "c", "an eigenvalue of the Hessian", mu, L)

CASES = 8


def contraction(instance: Instance) -> tuple[Finding, ...]:
    """f = c x^2/2 contracts by |1 - h c| exactly: curvatures between mu and L, both ends among them."""
    with precision():
        low, high, step = (instance.values[name] for name in ("mu", "L", "h"))
        curvatures = [low + (high - low) * index / CASES for index in range(CASES + 1)]
        return tuple(exact_finding("step", abs(1 - step * curvature)) for curvature in curvatures)


def spectrum(instance: Instance) -> tuple[Finding, ...]:
    """The factor 1 - h c at the largest curvature, where it is least."""
    with precision():
        return (exact_finding("least", 1 - instance.values["h"] * instance.values["L"]),)


THEOREM = Theorem(
    id="NAME",
    title="One step of gradient descent contracts",
    summary="Between curvatures mu and L a step of size h brings any two points closer by 1 - h mu.",
    source="say here where the statement and its proof stand",
    quantities=(constant(mu), constant(L), constant(h), definition(q, 1 - h * mu)),
    assumptions=(Assumption("A1", "mu I <= Hess f <= L I", r"\mu I\preceq\nabla^2f\preceq LI"),),
    steps=(
        Step("S1", "eigenvalues", (
            Claim("least", "least eigenvalue of I - h Hess f", r"\lambda_{\min}(I-h\nabla^2f)", ">=", 1 - h * L,
                  "mu I <= Hess f <= L I"),
        ), ("A1",), spectrum),
        Step("S2", "contraction", (
            Claim("step", "|x+ - y+|/|x - y|", r"\lvert x^+-y^+\rvert/\lvert x-y\rvert", "<=", q, "x != y"),
        ), ("A1", "S1"), contraction),
    ),
    conclusion=Conclusion(
        statement="|x+ - y+| <= q |x - y| with q < 1",
        latex=r"\lvert x^+-y^+\rvert\leq q\lvert x-y\rvert",
        notes=lambda certificate, generator: (f"a step contracts by {certificate['q'].str(6, radius=False)}",),
    ),
    points=("mu=1,L=4,h=1/4", "mu=1,L=4,h=2/5", "mu=1/10,L=10,h=1/10"),
    # What is algebra is proved for all values of the symbols: `certify check` says so beside the measured cases.
    algebra={
        "S2": (
            AlgebraicClaim("above", at_most(1 - h * c, 1 - h * mu), (at_least(c, mu),)),
            AlgebraicClaim("below", at_least(1 - h * c, -(1 - h * mu)), (at_most(c, L), at_most(h * (mu + L), 2))),
        ),
    },
)  # fmt: skip
'''
"""NAME stands for the theorem's name, FILE for the file's."""


def theorem_name(name: str) -> str:
    """The name itself; InputError for one that is no id: lower-case words of letters and digits joined by `-`."""
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise InputError(
            f"a theorem's name is lower-case words joined by `-`, at most {LONGEST_NAME} characters, such as "
            f"`descent-lemma`; got `{name[: LONGEST_NAME + 1]}`"
        )
    if keyword.iskeyword(name):
        raise InputError(f"`{name}` is a word of Python; take another name, such as `{name}-lemma`")
    return name


def file_name(name: str) -> str:
    """What the file of a theorem with this name is called; InputError for a name that is none."""
    return f"{theorem_name(name).replace('-', '_')}.py"


def file_text(name: str) -> str:
    """The file of a theorem with this name.

    Raises InputError for a name that is none, or one that an installed theorem has.
    """
    from certify.discovery.registry import theorems

    stem = Path(file_name(name)).stem
    if name in theorems():
        raise InputError(f"there is a theorem `{name}` already (`certify show {name}`); take another name")
    return TEMPLATE.replace("FILE", stem).replace("NAME", name)


def write_theorem(name: str, folder: Path = Path()) -> Path:
    """Write the file of a theorem with this name into `folder`, made if it is missing; the path of the file.

    Raises:
        InputError: for a name that is none, a name that an installed theorem has, or a file that is there already.
    """
    text, path = file_text(name), folder / file_name(name)
    if path.exists() or path.is_symlink():
        raise InputError(f"`{path}` is there already; nothing was written: take another name or `--out`")
    check_folder_writable(str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder `{folder}`: {error.strerror or error}") from error
    write_text_atomically(path, text)
    return path
