"""Per-observation profiles: rigorous bounds of the Hessian of one posterior over balls of growing radius."""
