"""Samplers: compiled Langevin and MALA chains on the posterior of any generator graph."""

from certify.sampling.coupled import CoupledRun, run_coupled_langevin
from certify.sampling.descent import gradient_descent
from certify.sampling.errors import DivergenceError
from certify.sampling.langevin import LangevinRun, run_langevin
from certify.sampling.mala import MalaRun, run_mala
from certify.sampling.preconditioned import (
    run_exponential_integrator,
    run_preconditioned_langevin,
    run_preconditioned_mala,
)
from certify.sampling.preconditioning import Preconditioner, gaussian_start, precondition
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
    "Preconditioner",
    "Program",
    "Target",
    "compile_kernels",
    "compile_program",
    "gaussian_start",
    "gradient_descent",
    "potential_and_gradient",
    "precondition",
    "run_coupled_langevin",
    "run_exponential_integrator",
    "run_langevin",
    "run_mala",
    "run_preconditioned_langevin",
    "run_preconditioned_mala",
]
