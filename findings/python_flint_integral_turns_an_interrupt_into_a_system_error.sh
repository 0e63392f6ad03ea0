#!/usr/bin/env bash
# python-flint 0.9.0: acb.integral with an integrand that raises KeyboardInterrupt (Ctrl-C while it runs).
# Expected: the exception of the integrand reaches the caller, as ValueError and every other `Exception` does; Python's
# documentation of KeyboardInterrupt: it derives from BaseException so that it is not caught by accident, and the
# interpreter is left.
# Seen: SystemError "returned a result with an exception set"; the interrupt is only its __cause__.
# For our users: SystemError is an `Exception`, so a program that catches its own errors takes Ctrl-C for one and goes on.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install -q python-flint==0.9.0 >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 2; }
"$work/venv/bin/python" - <<'PY'
import sys

import flint
from flint import acb


def outcome(error: type[BaseException]) -> BaseException:
    def integrand(point: acb, analytic: bool) -> acb:
        raise error("from the integrand")

    try:
        acb.integral(integrand, acb(0), acb(1))
    except BaseException as found:
        return found
    raise AssertionError("no exception")


print("python-flint", flint.__version__, "FLINT", flint.__FLINT_VERSION__)
control, seen = outcome(ValueError), outcome(KeyboardInterrupt)
print("expected: ValueError comes out as", type(control).__name__, "and KeyboardInterrupt as KeyboardInterrupt")
print("seen: KeyboardInterrupt comes out as", type(seen).__name__, "with the cause", repr(seen.__cause__))
assert type(control) is ValueError
sys.exit(0 if isinstance(seen, SystemError) and isinstance(seen.__cause__, KeyboardInterrupt) else 1)
PY
