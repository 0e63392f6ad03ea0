"""The samplers' own error: a chain that left the numbers."""

from __future__ import annotations

from certify.errors import CertifyError


class DivergenceError(CertifyError):
    """A chain reached a state that is not finite; the message says which chain, at which step, and the way out."""

    def __init__(self, sampler: str, chain: int, step: int, step_size: float) -> None:
        self.chain = chain
        self.step = step
        super().__init__(
            f"{sampler}: chain {chain} is not finite after step {step} with `step_size` {step_size:.6g}; "
            "take a smaller `step_size` (at most 1/L, L the largest eigenvalue of the Hessian of f) "
            "or a start closer to the mode"
        )
