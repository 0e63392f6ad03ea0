"""The generators that are used when none is named: one whose truth is known, one trained on real data.

`digits_residual_d8.onnx` is the decoder `examples/digits/residual_d8.onnx`, trained on the 8x8 digits of
scikit-learn (its README has source, licence and how to train it again).
"""

from __future__ import annotations

from importlib.resources import files

LINEAR = "linear:d=8,kappa=1.5,seed=0"
DIGITS = "digits_residual_d8.onnx"


def embedded_specifications() -> list[str]:
    """Specifications of the default generators, each one for `load_generator`."""
    return [LINEAR, str(files(__name__).joinpath(DIGITS))]
