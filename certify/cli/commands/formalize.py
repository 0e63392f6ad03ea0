"""`certify formalize`: the algebra of theorems as Coq files, which Coq's kernel may check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from certify.cli.commands.check import ConstantsOption
from certify.cli.groups import Common
from certify.cli.options import BetaOption, EpsilonOption, TheoremsArgument
from certify.cli.output import Output
from certify.cli.progress_bar import progress_on_terminal
from certify.errors import InputError

OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder of the .v files.")]
VerifyOption = Annotated[bool, typer.Option("--verify", help="Let coqc check the files, and list their axioms.")]


def run(
    context: typer.Context,
    *,
    theorems: TheoremsArgument = None,
    out: OutOption = Path("coq"),
    verify: VerifyOption = False,
    constants: ConstantsOption = None,
    beta: BetaOption = None,
    epsilon: EpsilonOption = "0.1",
    common: Common,
) -> int:
    """Write one Coq file per theorem: every algebraic claim as a statement for all parameters, with its proof script.

    With --constants and --beta the bound of one theorem at these numbers; special functions are named hypotheses.

    Exit code: 0 written, and with --verify accepted by Coq; 2 bad input; 3 Coq is not installed, or refused a claim.
    """
    from certify.atomic import check_folder_writable
    from certify.validation import random_seed

    output = Output(common.json, common.quiet)
    output.check_destination()
    check_folder_writable(out)
    start_seed = random_seed(common.seed)
    if constants is not None:
        return _instance(output, list(theorems or ()), constants, beta, epsilon, out, verify)
    output.first_line(f"{', '.join(theorems or ()) or 'every theorem'} in Coq")
    from certify.discovery.registry import algebra_of, load_theorem
    from certify.discovery.registry import theorems as known
    from certify.mechanization.formal_proofs import formalize
    from certify.provenance import provenance, started
    from certify.verdict import exit_code

    start = started()
    chosen = (
        [load_theorem(name) for name in theorems]
        if theorems
        else [item for item in known().values() if algebra_of(item)]
    )
    with progress_on_terminal(common.quiet) as progress:
        result = formalize(chosen, out, verify, progress)
    output.write_json({**result.to_dict(), "provenance": provenance(context.obj, start_seed, start)})
    for record in result.records:
        checked = "" if record.verified is None else f", {record.verified} verified in {record.seconds:.1f} s"
        output.line(f"{record.path}: {record.claims} claims, {record.stated} stated{checked}")
        for name, reason in record.left_out:
            output.line(f"  left out: {name}: {reason}")
    if result.axioms is not None:
        output.line(f"Coq {result.coq}, axioms: {', '.join(result.axioms) or 'none'}")
    for item in result.unknown_axioms:
        output.line(f"  not allowed: {item}")
    if result.reason and verify:
        output.line(result.reason)
    return exit_code([result.verdict]) if verify else 0


def _instance(
    output: Output, names: list[str], constants: str, beta: str | None, epsilon: str, out: Path, verify: bool
) -> int:
    if len(names) != 1 or beta is None:
        raise InputError("`--constants` needs exactly one THEOREM, and `--beta`")
    output.first_line(f"{names[0]} at {constants} in Coq")
    from certify.discovery.registry import load_theorem
    from certify.formal.coqc import PRIMITIVES
    from certify.mechanization.formal_instance import formalize_instance
    from certify.validation import accuracy, constants_from_text, noise_level
    from certify.verdict import exit_code

    theorem = load_theorem(names[0])
    values = constants_from_text(constants, theorem.required_constants, theorem.constant_domains)
    result = formalize_instance(theorem, values, noise_level(beta), accuracy(epsilon), out, verify)
    output.write_json(result.to_dict())
    output.line(f"{result.path}: {', '.join(result.stated)}")
    for leaf in result.leaves:
        output.line(f"  between the ends of a ball, not in Coq: {leaf}")
    if verify:
        output.line(f"verified in {result.seconds:.1f} s" if result.seconds is not None else result.reason)
        output.line(f"{result.verdict}, {result.evidence}" if result.evidence else f"{result.verdict}")
    if result.axioms is not None:
        plain = [item for item in result.axioms if not item.startswith(PRIMITIVES)]
        output.line(f"axioms: {', '.join(plain) or 'none'}; {len(result.axioms) - len(plain)} of Coq's integers")
    for item in result.unknown_axioms:
        output.line(f"  not allowed: {item}")
    return exit_code([result.verdict]) if verify else 0
