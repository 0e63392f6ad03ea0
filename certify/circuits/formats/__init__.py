"""Circuits in files: BLIF, and AIGER in its ASCII and binary forms; reading executes nothing."""
