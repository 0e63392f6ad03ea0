"""The entry point of the console script: finds the commands, runs one, turns errors into one line and a code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
import sys
import traceback
from collections.abc import Sequence

import typer

from certify.cli import commands
from certify.cli.command import Command, Commands
from certify.cli.groups import spread
from certify.cli.output import StandardOutputError, write_out
from certify.errors import CertifyError, InternalError
from certify.version import __version__

USAGE_ERROR = 2
INTERNAL_ERROR = 70
INTERRUPTED = 130
CLOSED_PIPE = 141

BEGINNING = """\
theorems about encoders, held against the decoder you have, with certified numbers.

To begin with (FILE.onnx is your decoder, X.npy observations, one a row):
  certify constants -g FILE.onnx                                       how it contracts, stretches, bends
  certify check rejection-encoder -g FILE.onnx --observations X.npy    which posteriors have a small encoder
  certify encoder -g FILE.onnx --observations X.npy --index 0          that encoder, as an ONNX file
  certify check sharp-langevin --constants d=8,m=1,M=1.5,M2=0.15       a theorem on the constants of a paper
  certify show strong-invertibility --formulas                         what a theorem says and rests on

All commands: `certify --help`. Without a file: `-g residual:d=4`, and `certify list generators`.
"""
"""What `certify` alone prints below its name."""

# typer brings its own copy of click or depends on it, by version; its public subclass leads to the base in both.
_USAGE_ERRORS: type[Exception] = typer.BadParameter.__mro__[2]


def application() -> typer.Typer:
    """The command line with every command of `certify.cli.commands`, each under its module's name."""
    app = typer.Typer(
        name="certify",
        cls=Commands,
        help="Hold theorems about encoders against a decoder, step by step, with certified numbers.",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_global_options)
    for information in sorted(pkgutil.iter_modules(commands.__path__), key=lambda item: item.name):
        module = importlib.import_module(f"{commands.__name__}.{information.name}")
        app.command(name=information.name.replace("_", "-"), cls=Command)(spread(module.run))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code of the contract.

    Bad usage and bad input print one line on standard error and return 2; an interrupt returns 130. A defect of the
    program returns 70: a contradiction that it noticed itself with one line, anything else with its traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given and "_CERTIFY_COMPLETE" not in os.environ:
            # Not 0, which would say that everything asked for holds: a script's empty variable must not.
            write_out(f"certify {__version__}: {BEGINNING}\n")
        # Commands find what the user typed as the context's `obj`, for the provenance.
        code = application()(
            args=given, prog_name="certify", standalone_mode=False, obj=shlex.join(["certify", *given])
        )
    except StandardOutputError as error:
        _leave_standard_output()
        return _fail(str(error))
    except CertifyError as error:
        return _fail(str(error))
    except InternalError as error:
        return _report(str(error))
    except _USAGE_ERRORS as error:
        return _fail(_usage_message(error))
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except (BrokenPipeError, SystemExit):
        # The reader went away (`| head`), which typer answers with an exit of its own: end as the signal would.
        _leave_standard_output()
        return CLOSED_PIPE
    except Exception as error:
        if _is_interrupt(error):
            return _interrupted()
        # Python would end with 1, which means "refuted" here: a crash must not read as a counterexample.
        traceback.print_exc()
        return INTERNAL_ERROR
    # Some versions of typer turn the interrupt into its code themselves.
    if code == INTERRUPTED:
        return _interrupted()
    return code if isinstance(code, int) else 0


def _leave_standard_output() -> None:
    """Send the interpreter's last flush nowhere: it would fail as the write did."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


def _print_version(asked: bool) -> None:
    if asked:
        write_out(f"certify {__version__}\n")
        raise typer.Exit


def _global_options(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Options that stand before the command."""


def _usage_message(error: Exception) -> str:
    describe = getattr(error, "format_message", None)
    message = describe() if callable(describe) else str(error)
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "certify") or "certify"
    return f"{message or 'no command given'} (see `{command} --help`)"


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: python-flint turns what ends an integrand into a SystemError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _interrupted() -> int:
    print("certify: interrupted", file=sys.stderr)
    return INTERRUPTED


def _report(message: str) -> int:
    line = f"a defect of this program, please report it with the command and its input: {' '.join(message.split())}"
    print(f"certify: {line}", file=sys.stderr)
    return INTERNAL_ERROR


def _fail(message: str) -> int:
    print(f"certify: {' '.join(message.split())}", file=sys.stderr)
    return USAGE_ERROR
