"""A theorem held against a generator or bare constants: every step run, its slack, and the result of a check."""
