"""Certified brackets of the constants m, M, M2, M3 of a generator: call `certify.bounds.constants.constants`."""

from certify.bounds.bracket import BoundEvidence, Bracket, ConstantBrackets, Region, Witness

__all__ = ["BoundEvidence", "Bracket", "ConstantBrackets", "Region", "Witness"]
