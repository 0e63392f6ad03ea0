"""Certified lower bounds of a posterior's potential against a proposal, and what rejection sampling needs of them."""
