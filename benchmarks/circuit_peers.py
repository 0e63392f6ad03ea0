"""Readers of circuit files by others: ABC (Debian's berkeley-abc) and aigverse, both optional.

ABC reads a file, writes it as a list of look-up tables (BENCH), and that list is evaluated here: nothing of `certify`
takes part. It exits with 0 whatever happens, so that what it has not written counts as refused. aigverse may live in an
environment of its own; it is run there and evaluates what it has read.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

Values = list[int] | None
"""One number for each output, bit w its value at word w; None if the file is refused."""
ABC = "berkeley-abc"
_GATE = re.compile(r"^(\S+)\s*=\s*(?:LUT 0x([0-9a-fA-F]+) \( (.*) \)|(vdd|gnd))\s*$")


def abc_is_here() -> bool:
    """Whether Debian's `berkeley-abc` is on the path."""
    return shutil.which(ABC) is not None


def abc_values(path: Path, words: Sequence[int], mask: int) -> Values:
    """Outputs of a .blif or .aig file as ABC reads it. Raises RuntimeError if its process dies."""
    command = "read_blif" if path.suffix == ".blif" else "read_aiger"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "circuit.bench"
        done = subprocess.run([ABC, "-q", f"{command} {path}; strash; write_bench {target}"], capture_output=True,
                              text=True, timeout=20)  # fmt: skip
        if done.returncode < 0:
            raise RuntimeError(f"{ABC} ended with signal {-done.returncode} on a file of this kind: {path}")
        return _bench_values(target.read_text(), words, mask) if target.exists() else None


def _bench_values(text: str, words: Sequence[int], mask: int) -> list[int]:
    inputs = re.findall(r"^INPUT\((.*)\)$", text, re.MULTILINE)
    outputs = re.findall(r"^OUTPUT\((.*)\)$", text, re.MULTILINE)
    if len(inputs) != len(words):
        return []
    values = dict(zip(inputs, words, strict=True))
    for line in text.splitlines():
        found = _GATE.match(line)
        if found is None:
            continue
        name, table, sources, constant = found.groups()
        if constant:
            values[name] = mask if constant == "vdd" else 0
            continue
        total, names = 0, sources.split(", ")
        for case in range(1 << len(names)):
            if int(table, 16) >> case & 1:
                cube = mask
                for place, source in enumerate(names):
                    cube &= values[source] if case >> place & 1 else mask ^ values[source]
                total |= cube
        values[name] = total
    return [values[output] for output in outputs]


_WORKER = """
import json, sys
import aigverse.io as io

def read(path, words, mask):
    try:
        graph = (io.read_ascii_aiger_into_aig if path.endswith(".aag") else io.read_aiger_into_aig)(path)
    except RuntimeError:
        return None
    if graph.num_pis != len(words):
        return []
    values = {graph.get_node(graph.get_constant(False)): 0}
    values.update(zip(graph.pis(), words))
    def signal(edge):
        return values[graph.get_node(edge)] ^ (mask if graph.is_complemented(edge) else 0)
    for gate in graph.gates():
        first, second = graph.fanins(gate)
        values[gate] = signal(first) & signal(second)
    return [signal(edge) for edge in graph.pos()]

json.dump([read(path, words, mask) for path, words, mask in json.load(sys.stdin)], sys.stdout)
"""


def aigverse_values(python: str, cases: Sequence[tuple[Path, Sequence[int], int]]) -> list[Values] | None:
    """Outputs of .aag and .aig files as aigverse reads them; None if that interpreter has no aigverse.

    Raises RuntimeError if its process dies.
    """
    if subprocess.run([python, "-c", "import aigverse.io"], capture_output=True).returncode:
        return None
    asked = json.dumps([(str(path), list(words), mask) for path, words, mask in cases])
    sys.set_int_max_str_digits(0)
    done = subprocess.run([python, "-X", "int_max_str_digits=0", "-c", _WORKER], input=asked, capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"aigverse ended with {done.returncode}: {done.stderr[-300:]}")
    found: list[Values] = json.loads(done.stdout)
    return found
