"""The project's errors are Python's too, keep their message on the way between processes, and hide no other."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from certify.arithmetic.balls import fraction
from certify.discovery.registry import load_theorem
from certify.errors import CertifyError, InputError, MissingExtraError, UnknownAttributeError, UnknownNameError
from certify.generators.onnx_model import parsed_model
from certify.stress_tests.case import saved_case
from tests.conftest import ROOT

UNKNOWN = UnknownNameError("theorem", "sharp-langevni", ["sharp-langevin", "one-way"])
MISSING = MissingExtraError("pandas", "frames", "`to_dataframe`")
ERRORS = [
    (InputError("`beta` must be > 0"), (CertifyError, ValueError)),
    (UNKNOWN, (InputError, ValueError, LookupError)),
    (UnknownAttributeError("quantity", "beta_mx", ["beta_max"]), (UnknownNameError, AttributeError)),
    (MISSING, (InputError, ValueError, ImportError)),
]


@pytest.mark.parametrize(("error", "kinds"), ERRORS, ids=lambda item: type(item).__name__)
def test_an_error_is_of_pythons_kind_too(error: InputError, kinds: tuple[type[Exception], ...]) -> None:
    assert all(isinstance(error, kind) for kind in kinds)
    assert not isinstance(InputError("plain"), (LookupError, ImportError, AttributeError))


@pytest.mark.parametrize("error", [error for error, _ in ERRORS], ids=lambda item: type(item).__name__)
def test_an_error_keeps_its_kind_and_message_in_another_process(error: InputError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))
    assert "\n" not in str(copy)


def test_messages_name_the_closest_match_and_the_install_line() -> None:
    assert str(UNKNOWN) == "unknown theorem `sharp-langevni`; did you mean `sharp-langevin`?"
    assert str(MISSING).endswith("not installed: pip install 'proof-companion[frames]'")
    assert MISSING.name == "pandas"


def test_an_input_error_passes_through_what_catches_value_errors(tmp_path: Path) -> None:
    # Each of these raises an InputError of its own inside a block that turns a ValueError into another message.
    with pytest.raises(InputError, match="expected a number between 1e-5000 and 1e5000"):
        fraction("1e9999")
    with pytest.raises(InputError, match="is a directory; an ONNX file is expected"):
        parsed_model(tmp_path)
    case = tmp_path / "case.json"
    case.write_text("{}")
    with pytest.raises(InputError, match="not a case that `certify stress --out` saved"):
        saved_case(case)
    theorem = tmp_path / "mine.py"
    theorem.write_text("from certify.errors import InputError\nraise InputError('its own words')\n")
    with pytest.raises(InputError, match="mine.py:2: its own words$"):
        load_theorem(str(theorem))
    theorem.write_text("raise RuntimeError('no\\nway')\n")
    with pytest.raises(InputError, match="mine.py:1: RuntimeError: no way$"):
        load_theorem(str(theorem))


OWN = {"CertifyError", "InputError", "UnknownNameError", "MissingExtraError", "UnknownAttributeError"}
WIDER = {"ValueError", "LookupError", "ImportError", "AttributeError", "Exception", "MALFORMED", "FOREIGN_ERRORS"}


def swallowed(source: str) -> Iterator[int]:
    """Lines at which an error of the project is raised inside a block whose handler takes it for one of Python's."""
    raises = "try:" in source and any(f"{name}(" in source for name in OWN)
    for node in ast.walk(ast.parse(source)) if raises else ():
        if not isinstance(node, ast.Try):
            continue
        names = [{part.id for part in ast.walk(item.type) if isinstance(part, ast.Name)} if item.type else {"Exception"}
                 for item in node.handlers]  # fmt: skip
        first_own = next((index for index, found in enumerate(names) if found & OWN), len(names))
        if not any(found & WIDER and not found & OWN for found in names[:first_own]):
            continue
        for inner in (part for statement in node.body for part in ast.walk(statement)):
            called = inner.exc.func if isinstance(inner, ast.Raise) and isinstance(inner.exc, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in OWN:
                yield inner.lineno


def test_no_block_takes_the_projects_error_for_pythons() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("certify", "theorems")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in swallowed(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_swallowed_error_is_seen() -> None:
    block = "try:\n    raise InputError('x')\n{}except ValueError:\n    pass\n"
    assert list(swallowed(block.format(""))) == [2]
    assert list(swallowed(block.format("except InputError:\n    raise\n"))) == []
