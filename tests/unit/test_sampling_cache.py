"""Machine code on disk: a second process gets the same bits without compiling, an edit of any file discards it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import certify

PACKAGE = Path(certify.__file__).parent

RUNS = """
import hashlib
import numpy as np
import certify.sampling as s
from certify.sampling.gradient import potential_gradient
from certify.sampling.langevin_kernel import advance_langevin
from certify.sampling.mala_kernel import advance_mala
from certify.generators.graph import Activation, Affine, Graph, Input
digest = hashlib.sha256()
for dimension, chains in ((1, 1), (3, 1), (3, 70), (7, 3), (20, 300)):
    weight = np.random.default_rng(0).normal(size=(9, dimension))
    program = s.compile_program(Graph((Input(dimension), Affine(0, weight, np.ones(9)), Activation(1, "tanh", 9))))
    target = s.Target.create(program, np.ones(9), 0.7)
    centre = np.zeros(dimension)
    for kernel in (s.Langevin(), s.ProjectedLangevin((centre, 0.5)), s.Mala()):
        digest.update(s.run(kernel, target, centre, 0.01, 30, s.RunOptions(1, chains)).positions.tobytes())
kernels = potential_gradient, advance_langevin, advance_mala
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels), digest.hexdigest())
print(max(len(kernel.signatures) for kernel in kernels))
"""

SMALL = """
import numpy as np
from certify.sampling.numba_options import kernel
from certify.sampling.randomness import fill_uniforms
fill_uniforms(np.ones(4, dtype=np.uint64), np.zeros(1), 1, 1)
print(sum(fill_uniforms.stats.cache_misses.values()))
"""


def run_python(code: str, cache: Path | None, path: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(path)}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=path
    )
    return done.stdout.strip()


def test_a_second_process_compiles_nothing_and_gets_the_same_bits() -> None:
    """The first process compiles what no test has yet; an empty cache is the next test's."""
    (_, bits, _), (loaded, same_bits, signatures) = (run_python(RUNS, None, PACKAGE.parent).split() for _ in range(2))
    assert loaded == "0" and bits == same_bits
    assert signatures == "1", "one compilation serves every dimension, number of chains and kind of step"


def test_editing_a_callees_file_recompiles_its_callers(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / "certify", ignore=shutil.ignore_patterns("__pycache__"))
    cache = tmp_path / "cache"
    assert [run_python(SMALL, cache, copy) for _ in range(2)] == ["1", "0"]
    with (copy / "certify" / "sampling" / "windows.py").open("a") as file:
        file.write("\n# edited\n")
    assert run_python(SMALL, cache, copy) == "1"


def test_importing_the_samplers_compiles_and_loads_no_kernel() -> None:
    code = (
        "from numba.core import event\n"
        "with event.install_recorder('numba:compile') as compiled:\n"
        "    import certify.sampling.mala_kernel as k, certify.sampling.langevin_kernel as l\n"
        "print(len(k.advance_mala.signatures), len(l.advance_langevin.signatures), len(compiled.buffer))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == ["0", "0", "0"]
