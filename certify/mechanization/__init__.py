"""What machines prove of a theorem: the algebra of its steps, by prover and Coq, and its bound at an instance."""
