"""Hypothesis profiles and the options of the golden files.

`--hypothesis-profile=quick` (default), `ci` or `long`. Examples that fail are kept in `.hypothesis` and are
tried first in the next run.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).resolve().parent.parent
_DATABASE = DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples")

for _name, _examples in (("quick", 50), ("ci", 300), ("long", 5000)):
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        database=_DATABASE,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files from what is computed")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
