"""What is loaded when: nothing to import `certify`, little to ask for help, no drawing of cases where none is drawn."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

HEAVY = {"hypothesis", "matplotlib", "torch", "pandas", "jax", "sklearn", "onnxscript"}
NUMERIC = {"numpy", "scipy", "sympy", "flint", "numba", "onnx", "onnxruntime", "rich"}


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after `code`."""
    report = "import sys\nprint('loaded', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_importing_certify_loads_nothing_heavy() -> None:
    found = loaded_after("import certify")
    assert "certify" in found
    assert not found & (HEAVY | NUMERIC)


@pytest.mark.parametrize("arguments", [["--help"], ["constants", "--help"], ["stress", "--help"], ["--version"]])
def test_help_loads_no_mathematics(arguments: list[str]) -> None:
    found = loaded_after(f"from certify.cli.main import main\nassert main({arguments!r}) == 0")
    assert "typer" in found
    assert not found & (HEAVY | NUMERIC - {"rich"})


def test_what_draws_no_case_and_no_figure_loads_nothing_for_it() -> None:
    # One after the other in one interpreter: what is not loaded at the end was loaded by none of them.
    found = loaded_after(
        "import sys\nfrom certify.cli.main import main\n"
        "assert main(['constants', '--generator', 'linear:d=2', '--quiet']) == 0\n"
        "import certify\nfor name in certify.__all__:\n    getattr(certify, name)\n"
        "assert 'scipy.stats' not in sys.modules\nrepr(certify.theorems())"
    )
    assert "numpy" in found
    assert not found & HEAVY


def test_a_loaded_module_is_seen() -> None:
    assert "hypothesis" in loaded_after("import certify.strategies.networks")


def test_private_modules_of_hypothesis_are_named_in_one_file() -> None:
    named = [
        path.relative_to(ROOT).as_posix()
        for folder in ("certify", "theorems")
        for path in (ROOT / folder).rglob("*.py")
        if "hypothesis.internal" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "hypothesis.internal" in node.value
        or isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("hypothesis.internal")
    ]
    assert set(named) == {"certify/strategies/seeded.py"}
