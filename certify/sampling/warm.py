"""Compiling every kernel once, so that no later process waits for the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.generators.graph import Graph, Input
from certify.sampling.gradient import potential_gradient
from certify.sampling.langevin import Langevin
from certify.sampling.langevin_kernel import advance_langevin
from certify.sampling.mala import Mala
from certify.sampling.mala_kernel import advance_mala
from certify.sampling.options import RunOptions
from certify.sampling.program import compile_program
from certify.sampling.runs import run
from certify.sampling.target import Target, evaluate_blocks, potential_and_gradient


def compile_kernels() -> int:
    """Compile the kernels, or load them from the cache on disk; returns how many had to be compiled.

    The kernels read the network as data, so the smallest one there is stands for all.
    """
    target = Target.create(compile_program(Graph((Input(1),))), np.zeros(1), 1.0)
    for unit in (Langevin(), Mala()):
        run(unit, target, np.zeros(1), 0.5, 1, RunOptions(seed=0, threads=1))
    potential_and_gradient(target, np.zeros((1, 1)))
    kernels: tuple[Any, ...] = (potential_gradient, advance_langevin, advance_mala, evaluate_blocks)
    return sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels)
