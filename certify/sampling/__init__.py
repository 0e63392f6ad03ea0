"""Samplers: compiled Langevin and MALA chains on the posterior of any generator graph."""

from certify.sampling.coupled import CoupledRun, run_coupled_langevin
from certify.sampling.descent import gradient_descent
from certify.sampling.errors import DivergenceError
from certify.sampling.langevin import LangevinRun, run_langevin
from certify.sampling.mala import MalaRun, run_mala
from certify.sampling.program import Program, compile_program
from certify.sampling.recording import Moments
from certify.sampling.target import Target, potential_and_gradient
from certify.sampling.warm import compile_kernels

__all__ = [
    "CoupledRun",
    "DivergenceError",
    "LangevinRun",
    "MalaRun",
    "Moments",
    "Program",
    "Target",
    "compile_kernels",
    "compile_program",
    "gradient_descent",
    "potential_and_gradient",
    "run_coupled_langevin",
    "run_langevin",
    "run_mala",
]
