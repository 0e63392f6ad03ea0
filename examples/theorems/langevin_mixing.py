"""The mixing bounds of `theorems/langevin_mixing.py` as a theorem of their own.

    certify check examples/theorems/langevin_mixing.py --generator linear:d=2,kappa=2,seed=0

They ask for mu I <= Hess f <= L I on all of R^d, which is certified for an affine generator only; so `certify check`
without a THEOREM, which must hold on every embedded generator, does not run them.
"""

from theorems.langevin_mixing import MIXING as THEOREM

__all__ = ["THEOREM"]
