"""Coq: claims as statements, proof scripts made from what the prover found, and the kernel's word on both."""
