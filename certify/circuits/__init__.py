"""Boolean circuits: permutations, compilation to networks, exact least circuits, inversion."""
