"""The project's errors are Python's too, keep their message on the way between processes, and hide no other."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from certify.arithmetic.balls import fraction
from certify.errors import CertifyError, InputError, MissingExtraError, UnknownAttributeError, UnknownNameError
from certify.generators.onnx_model import parsed_model
from certify.proof.registry import load_theorem
from certify.stress_tests.case import saved_case

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
    with pytest.raises(InputError, match="^its own words$"):
        load_theorem(str(theorem))
    theorem.write_text("raise RuntimeError('no\\nway')\n")
    with pytest.raises(InputError, match="mine.py`: RuntimeError: no way$"):
        load_theorem(str(theorem))
