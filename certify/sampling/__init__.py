"""Samplers: one `run` of any kernel (Langevin, MALA, their preconditioned forms) on the posterior of any generator."""

from certify.sampling.coupled import CoupledRun, run_coupled_langevin
from certify.sampling.deprecated import (
    run_exponential_integrator,
    run_langevin,
    run_mala,
    run_preconditioned_langevin,
    run_preconditioned_mala,
)
from certify.sampling.descent import gradient_descent
from certify.sampling.errors import DivergenceError
from certify.sampling.kernel import Chains, Kernel, Problem, State
from certify.sampling.kernel_names import KERNELS, find_kernel
from certify.sampling.langevin import Descent, ExponentialIntegrator, Langevin, LangevinRun, ProjectedLangevin
from certify.sampling.mala import Mala, MalaRun
from certify.sampling.options import Recording, RunOptions
from certify.sampling.preconditioned import Preconditioned
from certify.sampling.preconditioning import Preconditioner, gaussian_start, precondition
from certify.sampling.program import Program, compile_program
from certify.sampling.recording import Moments
from certify.sampling.runs import run
from certify.sampling.target import Target, potential_and_gradient
from certify.sampling.warm import compile_kernels

__all__ = [
    "KERNELS",
    "Chains",
    "CoupledRun",
    "Descent",
    "DivergenceError",
    "ExponentialIntegrator",
    "Kernel",
    "Langevin",
    "LangevinRun",
    "Mala",
    "MalaRun",
    "Moments",
    "Preconditioned",
    "Preconditioner",
    "Problem",
    "Program",
    "ProjectedLangevin",
    "Recording",
    "RunOptions",
    "State",
    "Target",
    "compile_kernels",
    "compile_program",
    "find_kernel",
    "gaussian_start",
    "gradient_descent",
    "potential_and_gradient",
    "precondition",
    "run",
    "run_coupled_langevin",
    "run_exponential_integrator",
    "run_langevin",
    "run_mala",
    "run_preconditioned_langevin",
    "run_preconditioned_mala",
]
