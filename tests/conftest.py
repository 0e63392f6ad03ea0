"""Hypothesis profiles, one thread per process, a cache for each test, and the option of the golden files.

`--hypothesis-profile=quick` (default) and `ci` draw the same examples on every machine and in every order of the
tests; `long` draws new ones in every run, keeps what fails in `.hypothesis` and tries it first in its next run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

# Read when numpy is loaded: a second BLAS thread costs more than it brings on small matrices. Sub-processes inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import gc
import hashlib
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).resolve().parent.parent
LONG = "long"

for _name, _examples in (("quick", 30), ("ci", 300), (LONG, 5000)):
    settings.register_profile(
        _name,
        max_examples=_examples,
        derandomize=_name != LONG,
        deadline=None,
        database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples") if _name == LONG else None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
# A mutant is killed by the first failure; a smaller one would only take longer.
settings.register_profile("mutants", settings.get_profile("quick"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("quick")


_CACHES: pytest.StashKey[Path] = pytest.StashKey()


@pytest.fixture(autouse=True)
def _no_test_knows_what_another_found(request: pytest.FixtureRequest) -> Iterator[None]:
    """A cache of constants of its own for every test, made when something is written."""
    if _CACHES not in request.config.stash:
        request.config.stash[_CACHES] = Path(tempfile.mkdtemp(prefix="certify-cache-"))
    folder = request.config.stash[_CACHES]
    before = os.environ.get("CERTIFY_CACHE")
    os.environ["CERTIFY_CACHE"] = str(folder / hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16])
    yield
    os.environ.pop("CERTIFY_CACHE")
    if before is not None:
        os.environ["CERTIFY_CACHE"] = before


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests are made and none is garbage: the collector neither runs meanwhile nor looks at them later.

    Nor does it look often at the expressions and compiled functions that the tests share: that was a fortieth of a run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 25, 25)
        gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash.get(_CACHES, Path("no-such-folder")), ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _draws_of_the_seed_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no example depend on the modules that other tests have loaded; a long run may learn from them."""
    from certify.strategies.seeded import seed_alone

    with nullcontext() if request.config.getoption("--hypothesis-profile") == LONG else seed_alone():
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files from what is computed")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
