"""Compiling every kernel once, so that no later process waits for the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np

from certify.generators.graph import Graph, Input
from certify.sampling.langevin import run_langevin
from certify.sampling.langevin_kernel import advance_langevin
from certify.sampling.mala import run_mala
from certify.sampling.mala_kernel import advance_mala
from certify.sampling.program import compile_program
from certify.sampling.target import Target, evaluate_blocks, potential_and_gradient


def compile_kernels() -> int:
    """Compile the kernels, or load them from the cache on disk; returns how many had to be compiled.

    The kernels read the network as data, so the smallest one there is stands for all.
    """
    target = Target.create(compile_program(Graph((Input(1),))), np.zeros(1), 1.0)
    run_langevin(target, np.zeros(1), 0.5, 1, seed=0, threads=1)
    run_mala(target, np.zeros(1), 0.5, 1, seed=0, threads=1)
    potential_and_gradient(target, np.zeros((1, 1)))
    kernels: tuple[Any, ...] = (advance_langevin, advance_mala, evaluate_blocks)
    return sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels)
