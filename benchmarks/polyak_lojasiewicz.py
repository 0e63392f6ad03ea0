"""The rate of `examples/theorems/polyak_lojasiewicz.py` beside the worst case of PEPit's semidefinite programme.

    python -m benchmarks.polyak_lojasiewicz --peer PYTHON      PYTHON has pepit==0.5.1 (and cvxpy)

Writes benchmarks/results/polyak_lojasiewicz.md. The theorem rests only on inequalities that PEPit's class keeps (the
descent lemma between two iterates, the inequality at each), so its rate may not lie below PEPit's worst case by more
than the solver's tolerance.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from certify.checking.points import enclosures_at
from certify.discovery.registry import load_theorem

THEOREM = "examples/theorems/polyak_lojasiewicz.py"
RESULT = Path("benchmarks/results/polyak_lojasiewicz.md")
TOLERANCE = 1e-4
POINTS = (
    ("1", "1", "1/2", 3),
    ("1", "1", "3/2", 2),
    ("1/10", "1", "1", 1),
    ("1/10", "1", "1", 2),
    ("1/10", "1", "1", 4),
    ("1/4", "1", "1/2", 3),
    ("1/50", "8", "1/5", 1),
    ("1/50", "8", "1/5", 5),
)
"""mu, L, h, k."""

PEER = """
import json, sys
from fractions import Fraction
from PEPit import PEP
from PEPit.functions import SmoothQuadraticLojasiewiczFunctionCheap as Class
found = []
for mu, L, h, k in json.loads(sys.argv[1]):
    mu, L, h = (float(Fraction(value)) for value in (mu, L, h))
    problem = PEP()
    f = problem.declare_function(Class, L=L, mu=mu)
    minimum = f(f.stationary_point())
    x = problem.set_initial_point()
    problem.set_initial_condition(f(x) - minimum <= 1)
    for _ in range(k):
        x = x - h * f.gradient(x)
    problem.set_performance_metric(f(x) - minimum)
    found.append(problem.solve(verbose=0))
print(json.dumps(found))
"""


def main() -> int:
    """Compare every point; 1 where the theorem claims less than the worst case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", required=True, help="a Python with pepit==0.5.1")
    arguments = parser.parse_args()
    done = subprocess.run([arguments.peer, "-c", PEER, json.dumps(POINTS)], capture_output=True, text=True, check=True)
    worst = json.loads(done.stdout.splitlines()[-1])
    theorem, wrong = load_theorem(THEOREM), 0
    lines = [
        "# Gradient descent under Polyak-Lojasiewicz beside PEPit 0.5.1",
        "",
        "Largest (f(x_k) - f*)/(f(x_0) - f*). PEPit: `SmoothQuadraticLojasiewiczFunctionCheap`, to solver tolerance.",
        "",
        "| mu | L | h | k | theorem, rounded up | PEPit | theorem / PEPit |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (mu, smooth, step, count), value in zip(POINTS, worst, strict=True):
        rate = enclosures_at(theorem, f"mu={mu},L={smooth},h={step},k={count}")["rate"][1]
        wrong += rate < value * (1 - TOLERANCE)
        lines.append(f"| {mu} | {smooth} | {step} | {count} | {rate:.6f} | {value:.6f} | {rate / value:.4f} |")
    lines += ["", "The theorem is tight at mu = L and loose between.", ""]
    RESULT.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
