"""Small generators that several tests share, built by hand so that their constants are known exactly."""

from certify.strategies.networks import wave

__all__ = ["wave"]
