"""stub"""
from certify.proof.theorem import Theorem
from certify.stress.records import ScalingLaw
def scaling_laws(theorem: Theorem, seed: int) -> tuple[ScalingLaw, ...]:
    return ()
